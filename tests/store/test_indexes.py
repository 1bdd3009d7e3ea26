"""Every query of the paths that somebody waits for is served by an index, as the database says."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from datetime import timedelta
from typing import Any

import pytest

from inbox.domain.agent import Agent, Role
from inbox.domain.ids import AgentId, ChannelId, ContactId
from inbox.domain.message import Failure
from inbox.merges import Merges
from inbox.store.gaps import Gap
from inbox.store.message_documents import client_key, provider_key
from inbox.store.messages import Duplicate
from inbox.store.summaries import Summary
from inbox.stores import Stores
from tests.office import NOW, Office, a_draft, sms, whatsapp, whatsapp_item, whatsapp_status
from tests.store.conftest import Command, Commands

LATER = NOW + timedelta(hours=1)
READS = ("find", "count", "distinct", "aggregate")


def queries(heard: list[Command]) -> list[tuple[str, dict[str, Any]]]:
    """(collection, filter) of every read, and of every single update or delete."""
    found: list[tuple[str, dict[str, Any]]] = []
    for command in heard:
        if "find" in command:
            found.append((command["find"], dict(command.get("filter", {}))))
        if "update" in command:
            found += [(command["update"], dict(one["q"])) for one in command["updates"]]
        if "delete" in command:
            found += [(command["delete"], dict(one["q"])) for one in command["deletes"]]
    return found


def stages(plan: Any) -> set[str]:
    if isinstance(plan, dict):
        here = {plan["stage"]} if isinstance(plan.get("stage"), str) else set()
        return here.union(*(stages(value) for value in plan.values()))
    if isinstance(plan, list):
        return set().union(*(stages(value) for value in plan))
    return set()


def by_id(filter_: dict[str, Any]) -> bool:
    """A point read or write: by `_id`, which stands first, the rest is looked at afterwards. The
    embedded database does so, and yet explains it as a scan."""
    wanted = filter_.get("_id")
    return next(iter(filter_), "") == "_id" and (
        not isinstance(wanted, dict) or list(wanted) == ["$in"]
    )


async def plan_of(store: Stores, collection: str, filter_: dict[str, Any]) -> set[str]:
    command = {"explain": {"find": collection, "filter": filter_}, "verbosity": "queryPlanner"}
    answer = await store.database.raw.command(command)
    found = stages(answer["queryPlanner"]["winningPlan"])
    assert found, answer
    return found


async def work(office: Office) -> None:
    """What webhooks, agents and workers do in a day."""
    store = office.stores
    await office.takes("whatsapp", whatsapp(whatsapp_item("one"), whatsapp_item("two")))
    await office.takes("sms", sms("STOP", phone="+15550102"), sms("hello", phone="+15550103"))
    await office.takes("whatsapp", whatsapp_status("out.9", "delivered"))
    first, *_, last = await office.conversations()
    us = first.workspace_id
    message = await office.accepts("an answer", first)
    leased = await store.outbox.claim(message, LATER)
    assert leased is not None
    doing: list[Awaitable[Any]] = [
        store.conversations.page(us, "status:open", limit=2),
        store.conversations.page(
            us, "status:open", limit=2, after=(first.last_activity_at, first.id)
        ),
        store.conversations.page(us, "status:open", limit=2, since=NOW - timedelta(days=90)),
        store.conversations.of_contact(us, first.contact_id),
        store.conversations.of_contact(us, first.contact_id, {first.channel_id}),
        store.reads.of(AgentId("agt_1"), [first.id, last.id]),
        store.reads.mark(AgentId("agt_1"), message),
        store.messages.page(us, first.id, last_seq=first.last_seq, before_place=None, limit=50),
        store.messages.page(us, first.id, last_seq=first.last_seq, before_place=2, limit=50),
        store.messages.inbound_after(us, first.id, 0),
        store.messages.find_by_keys(us, [provider_key("c", "x"), client_key("c", "x")]),
        store.outbox.due(LATER),
        store.outbox.expired(LATER),
        store.outbox.ahead_of(message),
        store.outbox.put_back(leased, LATER, Failure(code="1", reason="Later.")),
        store.journal.claim_due(LATER),
        store.files.claim_fetches(LATER, LATER, 4),
        store.statuses.take(us, "p:c:x"),
        store.channels.find_by_account("sms", "+15550191"),
        store.channels.of_workspace(us),
        store.channels.of_kinds(["sms", "whatsapp"]),
        store.health.of_workspace(us),
        store.sign_ins.take("state", "login", LATER),
        store.decisions.of_conversation(first),
        store.gaps.record(Gap(since=NOW - timedelta(hours=1), until=LATER), ["sms"]),
        store.gaps.of_workspace(us),
        store.accounts.find_agent_by_email("ana@example.com"),
        store.accounts.find_by_token("token", NOW),
        store.accounts.find_session("token", NOW),
        store.people.find_many(us, ChannelId("chn_1"), "sms", ["a", "b"]),
        store.ledger.of_points(us, ["a", "b"], LATER),
        store.templates.of_channel(us, ChannelId("chn_1")),
        store.templates.find(us, ChannelId("chn_1"), "order_update", "en_US"),
        store.templates.has_for_replies(us, ChannelId("chn_1")),
        store.messages.newest_inbound(us, first.id, first.last_seq),
        store.threads.find(us, ChannelId("chn_1"), ["mid:a@example.com", "thr:1"]),
        store.threads.claim(us, ChannelId("chn_1"), "thr:1", first.id, NOW),
        store.pulls.states(list(office.channels.values())),
        store.channels.of_kinds(["sms"]),
        store.mail_bodies.find(us, message.id),
        store.contacts.with_term(us, "p:may", limit=2),
        store.contacts.with_term(us, "p:may", limit=2, before=(NOW, first.contact_id)),
        store.contacts.find_many(us, [first.contact_id, last.contact_id]),
        store.people.of_contact(us, first.contact_id),
        store.people.of_contacts(us, [first.contact_id, last.contact_id]),
        store.merges.of_contact(us, first.contact_id),
        store.merges.unfinished(LATER),
        store.merges.pairs_of(us, [first.identity_id, last.identity_id]),
    ]
    await asyncio.gather(*doing)
    await merge_and_split(office, first.contact_id, last.contact_id)
    stale = first
    late = a_draft(stale, "late")
    await store.messages.append(stale, [late], provider_at=[NOW - timedelta(hours=9)])
    with pytest.raises(Duplicate):
        await store.messages.append(stale, [late])
    summary = Summary(conversation=stale, newest=message, last_inbound_at=NOW)
    await store.conversations.summarise([summary, summary])
    delivery = office.a_delivery()
    delivery.wake([await office.accepts("another", last)])
    await delivery.drained()


async def merge_and_split(office: Office, one: ContactId, other: ContactId) -> None:
    found = await office.stores.contacts.find_many(office.workspace_id, [one, other])
    agent = Agent(
        id=AgentId("agt_1"),
        workspace_id=office.workspace_id,
        email="ana@example.com",
        name="Ana Silva",
        role=Role.AGENT,
    )
    merges = Merges(office.stores, office.hub, office.connectors)
    merge = await merges.merge(found[one], found[other], agent, NOW)
    await merges.undo(merge, agent, NOW)


async def test_no_query_of_a_days_work_reads_a_whole_collection(
    office: Office, commands: Commands
) -> None:
    await work(office)
    commands.listening = False
    asked = {
        (name, repr(sorted(map(str, filter_)))): filter_
        for name, filter_ in queries(commands.heard)
    }
    assert len(asked) > 30
    scans = []
    for (name, _), filter_ in asked.items():
        if by_id(filter_):
            continue
        found = await plan_of(office.stores, name, filter_)
        if "COLLSCAN" in found or not found & {"IXSCAN", "IDHACK", "FETCH", "EXPRESS_IXSCAN"}:
            scans.append((name, sorted(filter_), sorted(found)))
    assert scans == []


async def test_nothing_that_is_slow_on_the_embedded_database_is_asked(
    office: Office, commands: Commands
) -> None:
    await work(office)
    assert not any("findAndModify" in command for command in commands.heard)
    assert not any(name in command for command in commands.heard for name in READS[1:])
    slow = {"$or", "$and", "$expr", "$nor", "$where", "$regex", "$text"}
    for _, filter_ in queries(commands.heard):
        assert not slow & set(filter_)


async def test_a_query_without_an_index_would_be_noticed(store: Stores) -> None:
    assert "COLLSCAN" in await plan_of(store, "messages", {"text": "a"})
