"""What webhooks did not bring: an hour of them is lost. What providers can list comes after all, in
its place, once, and marked; where nothing can be listed, the time itself is told."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from connectors.messaging.listing import Sweep as MetaSweep
from connectors.sms.listing import Sweep as SmsSweep
from inbox.domain.ids import ChannelId
from inbox.embedded import EmbeddedDatabase
from inbox.settings import keyring, read
from inbox.store.database import Database
from inbox.stores import Stores, stores
from tests.system.conftest import Start, Visit
from tests.system.demo import MARK, Customer, Demo
from tests.system.screen import Json
from tests.system.waiting import wait_for

pytestmark = pytest.mark.timeout(180)
LISTING = ("messenger", "instagram", "sms")


def minutes_ago(minutes: float) -> datetime:
    return datetime.now(UTC) - timedelta(minutes=minutes)


# -- the clock, as far as the database knows it ----------------------------------------------------


@asynccontextmanager
async def opened(data_dir: Path, url: str) -> AsyncIterator[Stores]:
    settings = read({}, host="127.0.0.1", port=0, data_dir=data_dir, demo=True)
    database = Database(url, keyring({}, settings))
    try:
        yield stores(database)
    finally:
        database.close()


@asynccontextmanager
async def stopped(demo: Demo) -> AsyncIterator[Stores]:
    """The database of a server that is down; afterwards it is up again."""
    data_dir = demo.program.data_dir
    demo.program.terminate()
    embedded = EmbeddedDatabase(data_dir)
    url = await embedded.start()
    try:
        async with opened(data_dir, url) as store:
            yield store
    finally:
        await embedded.stop()
    demo.program.start()
    demo.read()


async def was_away(store: Stores, since: datetime) -> None:
    """As if the server had gone then, a day after its channels were connected."""
    await store.database["meta"].update_one({"_id": "alive"}, {"$set": {"at": since}})
    created = since - timedelta(days=1)
    await store.database["channels"].update_many({}, {"$set": {"created_at": created}})


async def listed_until(store: Stores, kind: str, channel_id: str, at: datetime) -> None:
    """As if everything had been listed up to then; it is not due by itself."""
    channel = await store.channels.find(ChannelId(channel_id))
    assert channel is not None

    async def turn() -> bool:
        state = (await store.pulls.states([channel]))[channel.id]
        now = datetime.now(UTC)
        if state.lease_until > now:
            return False  # it is being pulled
        mine = await store.pulls.claim(state, "test", now + timedelta(minutes=1))
        if mine is None:
            return False
        sweep = SmsSweep(since=at) if kind == "sms" else MetaSweep(since=at)
        assert await store.pulls.advance(channel.id, "test", sweep.text())
        await store.pulls.rest(mine, "test", now, now + timedelta(hours=1))
        return True

    # A pull that its server did not finish keeps the channel for a minute.
    await wait_for(turn, limit_s=70, what="a turn at listing")


# -- people ----------------------------------------------------------------------------------------


async def conversation_of(demo: Demo, customer: Customer) -> Json:
    """By the name, where a kind knows no number."""

    async def find() -> Json | None:
        page = await demo.agent.get("/conversations", params={"limit": "100"})
        for one in page["data"]:
            known = (
                customer.has(one["contact"]["handle"]) or one["contact"]["name"] == customer.name
            )
            if known and one["channel"]["kind"] == customer.kind and one["last_message"]:
                return one  # type: ignore[no-any-return]
        return None

    found = await wait_for(find, what="the conversation")
    assert found is not None
    return found


async def loses(demo: Demo, customer: Customer, text: str, minutes: float, **fault: object) -> None:
    """The customer writes, so long ago; nobody is told, or late."""
    match = {"operation": "message", "kind": customer.kind}
    await demo.simulator("POST", "/faults", json={"match": match, "fault": fault or {"lost": True}})
    path = f"/accounts/{customer.kind}/{demo.channels[customer.kind]['account']}/messages"
    at = minutes_ago(minutes).isoformat()
    await demo.simulator("POST", path, json={"customer_id": customer.id, "text": text, "at": at})


async def answered_elsewhere(demo: Demo, customer: Customer, text: str, minutes: float) -> None:
    """Our side writes with other means; no webhook tells of it."""
    said = {"direction": "outbound", "text": text, "at": minutes_ago(minutes).isoformat()}
    body = {
        "kind": customer.kind,
        "account": demo.channels[customer.kind]["account"],
        "customer_id": customer.id,
        "messages": [{**said, "status": "sent"}],
    }
    await demo.simulator("POST", "/history", json=body)


async def pulls(demo: Demo, kind: str) -> None:
    await demo.admin.post(f"/channels/{demo.channels[kind]['id']}/pull", status=202)


async def texts(demo: Demo, conversation: Json) -> list[str]:
    return [
        one["text"].removesuffix(f" {MARK}") for one in await demo.agent.thread(conversation["id"])
    ]


async def all_delivered(demo: Demo, customer: Customer) -> None:
    """Until no webhook of theirs is on its way."""

    async def delivered() -> bool:
        said = [one for one in await customer.phone_shows() if one["direction"] == "inbound"]
        return all(one["status"] in ("delivered", "lost") for one in said)

    await wait_for(delivered)


# -- an hour ---------------------------------------------------------------------------------------


async def test_an_hour_of_lost_webhooks_is_filled_in_or_told(start: Start, visit: Visit) -> None:
    demo = await visit(start("--demo"))
    away = minutes_ago(65)
    async with stopped(demo) as store:
        await was_away(store, away)
        for kind in LISTING:
            await listed_until(store, kind, demo.channels[kind]["id"], away)
    people = {kind: await demo.customer(kind) for kind in (*LISTING, "whatsapp")}
    for person in people.values():
        await person.writes(f"Before {MARK}", at=minutes_ago(70).isoformat())
    threads = {kind: await conversation_of(demo, one) for kind, one in people.items()}

    for kind, person in people.items():
        await loses(demo, person, f"Lost {MARK}", 50)
        if kind in LISTING:
            await answered_elsewhere(demo, person, f"Elsewhere {MARK}", 40)
        await loses(demo, person, f"Late {MARK}", 30, late_s=3.0)
        await person.writes(f"After {MARK}", at=minutes_ago(1).isoformat())
    for kind in LISTING:
        await pulls(demo, kind)

    async def filled() -> bool:
        return all([len(await texts(demo, threads[kind])) >= 5 for kind in LISTING])

    await wait_for(filled, limit_s=20, what="what was lost")
    for person in people.values():
        await all_delivered(demo, person)
        await person.writes(f"End {MARK}")

    async def ended() -> bool:
        return all(["End" in await texts(demo, thread) for thread in threads.values()])

    await wait_for(ended)
    for kind in ("messenger", "instagram"):
        expected = ["Before", "Lost", "Elsewhere", "Late", "After", "End"]
        assert await texts(demo, threads[kind]) == expected
    # Twilio's webhooks give no time: those stand where they came, what was listed in its place.
    heard = await texts(demo, threads["sms"])
    assert sorted(heard) == sorted(["Before", "Lost", "Elsewhere", "Late", "After", "End"])
    assert heard.index("Lost") < heard.index("Elsewhere")
    for kind in LISTING:
        found = {
            one["text"].removesuffix(f" {MARK}"): (one["direction"], one["content"] or {})
            for one in await demo.agent.thread(threads[kind]["id"])
        }
        marked = {text for text, (_, content) in found.items() if content.get("recovered")}
        assert marked == {"Lost", "Elsewhere", "Late"}
        assert [t for t, (direction, _) in found.items() if direction == "outbound"] == [
            "Elsewhere"
        ]

    # What WhatsApp lost nobody can ask for; that something may be missing is said.
    assert await texts(demo, threads["whatsapp"]) == ["Before", "Late", "After", "End"]
    channels = {one["kind"]: one for one in (await demo.agent.get("/channels"))["data"]}
    (gap,) = channels["whatsapp"]["gaps"]
    assert abs(datetime.fromisoformat(gap["from"]) - away) < timedelta(seconds=1)
    assert datetime.fromisoformat(gap["to"]) > minutes_ago(3)
    assert [channels[kind]["gaps"] for kind in LISTING] == [[], [], []]


async def test_a_send_whose_answer_was_lost_is_settled_by_listing(
    start: Start, visit: Visit
) -> None:
    demo = await visit(start("--demo"))
    person = await demo.customer("sms")
    await person.writes(f"Hello {MARK}")
    thread = await conversation_of(demo, person)
    await demo.simulator("POST", "/faults", json=_of_sms("status", times=2, lost=True))
    await demo.simulator("POST", "/faults", json=_of_sms("send", drop_answer_after_accepting=True))
    uncertain = await demo.agent.replies(thread["id"], f"Only once {MARK}")
    await status_of(demo, thread, uncertain, "unknown")
    silent = await demo.agent.replies(thread["id"], f"And this {MARK}")
    await status_of(demo, thread, silent, "sent")

    async def on_phone() -> bool:
        return (await person.received()).count(f"And this {MARK}") == 1

    await wait_for(on_phone)
    data_dir = demo.program.data_dir
    async with opened(data_dir, (data_dir / "db.url").read_text()) as store:
        # As after a clock that was set back: what is younger than half a minute is not left out.
        soon = datetime.now(UTC) + timedelta(minutes=1)
        await listed_until(store, "sms", demo.channels["sms"]["id"], soon)
    await pulls(demo, "sms")
    await status_of(demo, thread, uncertain, "delivered")
    await status_of(demo, thread, silent, "delivered")
    following = await demo.agent.replies(thread["id"], f"Next {MARK}")
    await status_of(demo, thread, following, "delivered")
    assert await person.received() == [
        f"{text} {MARK}" for text in ("Only once", "And this", "Next")
    ]
    assert await texts(demo, thread) == ["Hello", "Only once", "And this", "Next"]


def _of_sms(operation: str, times: int = 1, **fault: object) -> Json:
    return {"match": {"operation": operation, "kind": "sms"}, "times": times, "fault": fault}


async def status_of(demo: Demo, thread: Json, message: Json, status: str) -> None:
    async def there() -> bool:
        found = {one["id"]: one["status"] for one in await demo.agent.thread(thread["id"])}
        return bool(found[message["id"]] == status)

    await wait_for(there, limit_s=20, what=f"{status} of {message['text']}")
