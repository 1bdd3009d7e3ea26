"""From webhooks to messages, statuses and consent: each once, in any order, however often told."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from inbox.domain.message import Direction, Message, Status
from tests.office import (
    Office,
    meta_body,
    sms,
    until,
    whatsapp,
    whatsapp_item,
    whatsapp_status,
)

SECOND = timedelta(seconds=1)


def now() -> datetime:
    return datetime.now(UTC).replace(microsecond=0)


# -- once ------------------------------------------------------------------------------------------


@pytest.mark.requirement("W6")
async def test_one_webhook_told_25_times_twenty_at_once_is_one_message(office: Office) -> None:
    body = whatsapp(whatsapp_item("Where is it?"))
    entries = [await office.journal("whatsapp", body) for _ in range(25)]
    await asyncio.gather(*(office.an_intake().process([entry]) for entry in entries[:20]))
    await office.an_intake().process(entries[20:])
    assert await office.texts() == ["Where is it?"]
    assert (await office.conversation()).inbound_seq == 1
    assert office.events.count("message.created") == 1
    verdicts = [await office.verdict(entry) for entry in entries]
    assert sorted(verdicts) == ["duplicate 1"] * 24 + ["stored 1"]


@pytest.mark.requirement("W6")
async def test_twenty_first_messages_at_once_make_one_contact_and_one_conversation(
    office: Office,
) -> None:
    bodies = [whatsapp(whatsapp_item(str(number))) for number in range(20)]
    entries = [await office.journal("whatsapp", body) for body in bodies]
    await asyncio.gather(*(office.an_intake().process([entry]) for entry in entries))
    conversation = await office.conversation()
    assert sorted(await office.texts(), key=int) == [str(number) for number in range(20)]
    assert (conversation.last_seq, conversation.inbound_seq) == (20, 20)
    assert office.events.count("conversation.created") == 1
    for name in ("identities", "contacts", "conversations"):
        assert await office.stores.database[name].count_documents({}) == 1


@pytest.mark.requirement("W6")
async def test_a_message_twice_in_one_body_is_one_message(office: Office) -> None:
    item = whatsapp_item("Where is it?")
    await office.takes("whatsapp", whatsapp(item, item))
    assert await office.texts() == ["Where is it?"]


@pytest.mark.parametrize("kind", ["whatsapp", "sms"])
async def test_an_entry_worked_on_twice_has_one_effect(office: Office, kind: str) -> None:
    """A worker that went away after any of its steps: another one does all of them again."""
    body = whatsapp(whatsapp_item("STOP")) if kind == "whatsapp" else sms("STOP")
    entry = await office.journal(kind, body)
    await office.an_intake().process([entry])
    before = [message.id for message in await office.thread()], await office.ledger()
    await office.an_intake().process([entry])
    assert ([message.id for message in await office.thread()], await office.ledger()) == before
    assert len(await office.texts(Direction.ACTIVITY)) == 1
    assert await office.verdict(entry) == "stored 1"


async def test_what_a_worker_left_half_done_is_finished_by_another(office: Office) -> None:
    """It stored the message and went away: no summary, no ledger, no answer yet."""
    entry = await office.journal("whatsapp", whatsapp(whatsapp_item("STOP")))
    await office.an_intake().process([entry])
    message = (await office.thread())[0]
    database = office.stores.database
    await database["ledger"].delete_many({})
    await database["messages"].delete_many({"_id": {"$ne": message.id}})
    await database["conversations"].update_one(
        {"_id": message.conversation_id},
        {"$set": {"last_seq": 0, "inbound_seq": 0}, "$unset": {"last_message": 1}},
    )
    await office.an_intake().process([entry])
    conversation = await office.conversation()
    assert conversation.last_message is not None
    assert conversation.inbound_seq == 1
    assert await office.ledger() == ["opt_out"]
    directions = [one.direction for one in await office.thread()]
    assert directions == [Direction.INBOUND, Direction.ACTIVITY, Direction.OUTBOUND]


async def test_an_entry_whose_worker_went_away_is_taken_from_the_journal(office: Office) -> None:
    before = datetime.now(UTC) - timedelta(minutes=1)
    await office.journal("sms", sms("Where is it?"), at=before)
    intake = office.an_intake()
    await intake.start()

    async def there() -> bool:
        return bool(await office.conversations()) and bool(await office.texts())

    await until(there)
    await intake.close()
    assert await office.texts() == ["Where is it?"]


# -- what is wrong in a body -----------------------------------------------------------------------


@pytest.mark.requirement("W7")
async def test_one_bad_item_in_a_batch_does_not_lose_the_others(office: Office) -> None:
    good = [whatsapp_item(str(number)) for number in range(3)]
    bad = [{}, {"id": 7}, {"id": "x", "type": "text", "from": {"$gt": ""}}, None, "text", []]
    items = [good[0], *bad[:3], good[1], *bad[3:], good[2]]
    entry = await office.journal("whatsapp", meta_body({"messages": items}))
    await office.an_intake().process([entry])
    assert await office.texts() == ["0", "1", "2"]
    assert "stored 3" in await office.verdict(entry)


@pytest.mark.requirement("W7")
async def test_a_message_of_an_unknown_type_is_shown_as_unsupported(office: Office) -> None:
    item = {**whatsapp_item(""), "type": "hologram", "hologram": {"id": 1}}
    await office.takes("whatsapp", whatsapp(item))
    (message,) = await office.thread()
    assert message.type == "unsupported"


@pytest.mark.requirement("W9")
@pytest.mark.parametrize(
    "body",
    [b"", b"\xff\xfe", b"{", b"[]", b"null", b'{"entry": 7}', b"NaN", b"[" * 100_000],
    ids=lambda body: repr(body[:12]),
)
async def test_a_body_that_is_not_the_providers_is_kept_as_malformed(
    office: Office, body: bytes
) -> None:
    entry = await office.journal("whatsapp", body)
    await office.an_intake().process([entry])
    assert await office.verdict(entry) == "malformed 1"
    assert await office.conversations() == []


@pytest.mark.requirement("W9")
@pytest.mark.parametrize(
    "text",
    ["a\x00b", "\ud800 lone", "{$gt: ''}", "x" * 70_000, "\u202e reversed", "<script>", "{{7*7}}"],
    ids=ascii,
)
async def test_a_hostile_text_is_stored_and_breaks_no_list(office: Office, text: str) -> None:
    item = whatsapp_item(text)
    await office.takes("whatsapp", whatsapp(item, name=text[:300]))
    (message,) = await office.thread()
    assert len(message.text) >= min(len(text) - 1, 4)
    json.dumps(message.text).encode()
    conversation = await office.conversation()
    assert conversation.last_message is not None
    assert office.events[-1] == "message.created"


async def test_a_message_for_an_account_that_is_not_ours_stays_in_the_journal(
    office: Office,
) -> None:
    entry = await office.journal(
        "whatsapp", whatsapp(whatsapp_item("for others"), account="200000000000099")
    )
    mine = await office.journal("whatsapp", whatsapp(whatsapp_item("for us")))
    await office.an_intake().process([entry, mine])
    assert await office.texts() == ["for us"]
    assert await office.verdict(entry) == "no_such_account 1"
    doc = await office.stores.database["journal"].find_one({"_id": entry.id})
    assert doc is not None
    assert doc["body"]


# -- people ----------------------------------------------------------------------------------------


async def test_a_contact_is_known_by_an_alias_learnt_earlier(office: Office) -> None:
    await office.takes("whatsapp", whatsapp(whatsapp_item("with a number")))
    await office.takes("whatsapp", whatsapp(whatsapp_item("hidden now", phone=None), name="M."))
    assert await office.texts() == ["with a number", "hidden now"]
    await office.takes("whatsapp", whatsapp(whatsapp_item("number alone", bsuid=None), name=None))
    assert len(await office.texts()) == 3
    assert (await office.identity()).keys == ("15550101", "US.101")


async def test_an_alias_learnt_later_belongs_to_the_same_contact(office: Office) -> None:
    await office.takes("whatsapp", whatsapp(whatsapp_item("number", bsuid=None)))
    await office.takes("whatsapp", whatsapp(whatsapp_item("both")))
    await office.takes("whatsapp", whatsapp(whatsapp_item("id", phone=None)))
    assert await office.texts() == ["number", "both", "id"]


@pytest.mark.parametrize("at_once", [True, False], ids=["in one batch", "one after the other"])
async def test_a_webhook_never_merges_two_people(office: Office, at_once: bool) -> None:
    await office.takes("whatsapp", whatsapp(whatsapp_item("Maya", bsuid=None), name="Maya"))
    await office.takes("whatsapp", whatsapp(whatsapp_item("Robin", phone=None), name="Robin"))
    assert len(await office.conversations()) == 2
    # A number and an id that belong to two, and after it the second of them alone.
    bodies = [
        whatsapp(whatsapp_item("whose?"), name=None),
        whatsapp(whatsapp_item("Robin again", phone=None), name=None),
    ]
    for batch in [bodies] if at_once else [[body] for body in bodies]:
        await office.takes("whatsapp", *batch)
    threads = sorted(
        [[message.text for message in await office.thread(one)]
         for one in await office.conversations()]
    )  # fmt: skip
    assert threads == [["Maya", "whose?"], ["Robin", "Robin again"]]


async def test_a_new_name_shows_in_the_conversation(office: Office) -> None:
    await office.takes("whatsapp", whatsapp(whatsapp_item("1"), name=None))
    assert (await office.conversation()).contact_name == "+15550101"
    await office.takes("whatsapp", whatsapp(whatsapp_item("2"), name="Maya Ortiz"))
    conversation = await office.conversation()
    assert conversation.contact_name == "Maya Ortiz"
    assert "contact.updated" in office.events
    contact = await office.stores.people.find_contact(office.workspace_id, conversation.contact_id)
    assert contact is not None
    assert contact.name == "Maya Ortiz"


async def test_one_person_on_two_channels_has_two_conversations(office: Office) -> None:
    await office.takes("whatsapp", whatsapp(whatsapp_item("by WhatsApp")))
    await office.takes("sms", sms("by SMS"))
    assert {one.kind for one in await office.conversations()} == {"whatsapp", "sms"}


# -- time and order --------------------------------------------------------------------------------


async def test_messages_are_shown_in_the_order_of_the_providers_clock(office: Office) -> None:
    at = now() - timedelta(hours=1)
    for second in (10, 30, 20):
        item = whatsapp_item(str(second), at=at + second * SECOND)
        await office.takes("whatsapp", whatsapp(item))
    assert await office.texts() == ["10", "20", "30"]
    assert (await office.conversation()).last_inbound_at == at + 30 * SECOND


@pytest.mark.parametrize("ahead", [timedelta(minutes=5), timedelta(days=400)])
async def test_a_providers_clock_that_runs_ahead_opens_no_window_of_its_own(
    office: Office, ahead: timedelta
) -> None:
    arrived = now()
    await office.takes("whatsapp", whatsapp(whatsapp_item("1", at=arrived + ahead)), at=arrived)
    (message,) = await office.thread()
    assert message.sent_at == arrived
    assert (await office.conversation()).last_inbound_at == arrived


async def test_a_message_opens_a_resolved_conversation(office: Office) -> None:
    await office.takes("sms", sms("1"))
    conversation = await office.conversation()
    old, new = conversation.status, type(conversation.status).RESOLVED
    await office.stores.conversations.set_status(conversation, old, new)
    await office.takes("sms", sms("2"))
    assert (await office.conversation()).status is old
    assert "conversation.reopened" in office.events


# -- statuses --------------------------------------------------------------------------------------


async def sent(office: Office) -> Message:
    """A message of ours that the provider has taken as out.1."""
    await office.takes("whatsapp", whatsapp(whatsapp_item("Where is it?")))
    message = await office.accepts()
    leased = await office.stores.outbox.claim(message, now() + 45 * SECOND)
    assert leased is not None
    recorded = await office.stores.outbox.record_sent(leased, "out.1", {}, now())
    assert recorded is not None
    return recorded


REPORTS = ("sent", "delivered", "read", "failed")


@pytest.mark.requirement("W8")
@settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
@given(order=st.lists(st.sampled_from(REPORTS), min_size=1, max_size=6))
async def test_statuses_never_go_back_whatever_their_order(
    office: Office, order: Sequence[str]
) -> None:
    message = await sent(office)
    seen = [message.status]
    for status in order:
        await office.takes("whatsapp", whatsapp_status(message.provider_id or "", status))
        seen.append((await office.again(message)).status)
    ranks = [(Status.SENT, Status.FAILED, Status.DELIVERED, Status.READ).index(s) for s in seen]
    assert ranks == sorted(ranks)
    assert ranks[-1] == max(("sent", "failed", "delivered", "read").index(s) for s in order)
    await office.stores.database["messages"].delete_many({})
    await office.stores.database["conversations"].delete_many({})
    await office.stores.database["identities"].delete_many({})
    await office.stores.database["early_statuses"].delete_many({})


@pytest.mark.requirement("W8")
async def test_statuses_that_precede_their_message_are_kept_and_applied(office: Office) -> None:
    """They overtake the answer to our own call, and carry nothing but the provider's id."""
    await office.takes("whatsapp", whatsapp(whatsapp_item("Where is it?")))
    early = await office.journal("whatsapp", whatsapp_status("out.1", "delivered"))
    await office.an_intake().process([early])
    assert await office.verdict(early) == "early_status 1"
    key = f"p:{office.channels['whatsapp'].id}:out.1"
    (kept,) = await office.stores.statuses.take(office.workspace_id, key)
    assert kept.status is Status.DELIVERED


@pytest.mark.requirement("W8")
async def test_a_status_that_names_our_message_is_evidence_that_it_left(office: Office) -> None:
    await office.takes("whatsapp", whatsapp(whatsapp_item("Where is it?")))
    message = await office.accepts()
    await office.takes("whatsapp", whatsapp_status("out.1", "sent", ours=message.id))
    current = await office.again(message)
    assert (current.status, current.provider_id) == (Status.SENT, "out.1")
    assert await office.stores.outbox.due(now() + timedelta(days=1)) == []


async def test_a_status_of_another_channel_moves_nothing(office: Office) -> None:
    message = await sent(office)
    query = f"message={message.id}".encode()
    form = sms("", id_="SM1").replace(b"SmsStatus=received", b"MessageStatus=delivered")
    form = form.replace(b"&Body=", b"&Nothing=").replace(b"From=%2B15550101", b"From=%2B15550191")
    entry = await office.journal("sms", form, query=query)
    await office.an_intake().process([entry])
    assert await office.verdict(entry) == "early_status 1"
    assert (await office.again(message)).status is Status.SENT


async def test_a_failed_status_says_why(office: Office) -> None:
    message = await sent(office)
    await office.takes("whatsapp", whatsapp_status("out.1", "failed", code=131026))
    current = await office.again(message)
    assert current.status is Status.FAILED
    assert current.failure is not None
    assert current.failure.code == "131026"
    assert current.failure.reason.endswith(".")
    assert (await office.conversation()).last_message is not None


@pytest.mark.requirement("P2")
async def test_a_refusal_for_a_stop_of_promotions_is_learnt(office: Office) -> None:
    await sent(office)
    body = whatsapp_status("out.1", "failed", code=131050, at=now() + timedelta(minutes=5))
    await office.takes("whatsapp", body, body)
    assert await office.ledger() == ["provider_opt_out"]
    assert "consent.revoked" in office.events


@pytest.mark.requirement("P2")
async def test_a_preference_told_to_the_provider_is_on_record_once(office: Office) -> None:
    await office.takes("whatsapp", whatsapp(whatsapp_item("Where is it?")))

    def told(value: str, minute: int) -> bytes:
        at = now() - timedelta(hours=1) + timedelta(minutes=minute)
        item = {
            "wa_id": "15550101",
            "category": "marketing_messages",
            "value": value,
            "timestamp": int(at.timestamp()),
        }
        return meta_body({"user_preferences": [item]}, field_="user_preferences")

    await office.takes("whatsapp", told("stop", 1), told("stop", 1))
    assert await office.ledger() == ["provider_opt_out"]
    await office.takes("whatsapp", told("resume", 2))
    assert await office.ledger() == ["provider_opt_out", "provider_opt_in"]


async def test_a_server_that_is_alone_takes_up_at_once_what_another_left(office: Office) -> None:
    await office.journal("whatsapp", whatsapp(whatsapp_item("Where is it?")))
    intake = office.an_intake()
    await intake.take_over()
    await intake.start()
    await until(office.conversations)
    await intake.close()
    assert await office.texts() == ["Where is it?"]
