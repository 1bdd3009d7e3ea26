"""What is told of messages and people after the fact: any order ends in the same thread."""

from __future__ import annotations

import asyncio
import itertools
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from inbox.consent import standing_of
from inbox.domain.event import Carried, Resync
from inbox.domain.message import Direction, Status
from inbox.domain.report import Sender, WatermarkReported
from inbox.statuses import Statuses
from tests.office import NOW, WHATSAPP, Office, meta_body, whatsapp, whatsapp_item

ORIGINAL = "wamid.original"
# In the past, for no time is later than when we heard of it.
THEN = NOW - timedelta(minutes=5)


def _said_later(type_: str, content: dict[str, Any], after_s: int, id_: str) -> bytes:
    item = whatsapp_item("", id_=id_, at=THEN + timedelta(seconds=after_s))
    del item["text"]
    return whatsapp({**item, "type": type_, type_: content})


def reaction(emoji: str | None, after_s: int = 5) -> bytes:
    content = {"message_id": ORIGINAL} | ({"emoji": emoji} if emoji else {})
    return _said_later("reaction", content, after_s, f"wamid.r{after_s}")


def edit(text: str, after_s: int) -> bytes:
    message = {"type": "text", "text": {"body": text}}
    content = {"original_message_id": ORIGINAL, "message": message}
    return _said_later("edit", content, after_s, f"wamid.e{after_s}")


def unsend(after_s: int = 30) -> bytes:
    return _said_later("revoke", {"original_message_id": ORIGINAL}, after_s, "wamid.u")


def original(text: str = "Where is it?") -> bytes:
    return whatsapp(whatsapp_item(text, id_=ORIGINAL, at=THEN))


def echo(text: str, id_: str = "wamid.echo") -> bytes:
    item = {
        "from": "15550190",
        "to": "15550101",
        "to_user_id": "US.101",
        "id": id_,
        "timestamp": str(int(NOW.timestamp())),
        "type": "text",
        "text": {"body": text},
    }
    return meta_body({"message_echoes": [item]}, field_="smb_message_echoes")


async def test_a_reaction_shows_on_its_message_and_a_new_one_replaces_it(office: Office) -> None:
    await office.takes("whatsapp", original(), reaction("👍", 5), reaction("❤️", 6))
    (message,) = await office.thread()
    assert [one.emoji for one in message.reactions] == ["❤️"]
    assert office.events[-1] == "message.reaction_added"


@pytest.mark.parametrize("bodies", list(itertools.permutations(range(4))))
async def test_reactions_end_the_same_in_any_order(office: Office, bodies: tuple[int, ...]) -> None:
    told = [original(), reaction("👍", 5), reaction("❤️", 6), reaction(None, 7)]
    for position in bodies:
        await office.takes("whatsapp", told[position])
    (message,) = await office.thread()
    assert message.reactions == ()


@pytest.mark.parametrize("bodies", list(itertools.permutations(range(3))))
async def test_the_last_edit_holds_in_any_order(office: Office, bodies: tuple[int, ...]) -> None:
    told = [original("Wher is it"), edit("Where is it", 5), edit("Where is it?", 9)]
    for position in bodies:
        await office.takes("whatsapp", told[position])
    (message,) = await office.thread()
    assert message.text == "Where is it?"
    assert message.edited_at == THEN + timedelta(seconds=9)
    (conversation,) = await office.conversations()
    assert conversation.last_message is not None
    assert conversation.last_message.text == "Where is it?"


@pytest.mark.parametrize("bodies", list(itertools.permutations(range(3))))
async def test_what_was_taken_back_is_gone_in_any_order(
    office: Office, bodies: tuple[int, ...]
) -> None:
    told = [original("A secret"), edit("Another secret", 5), unsend()]
    for position in bodies:
        await office.takes("whatsapp", told[position])
    (message,) = await office.thread()
    assert (message.text, message.deleted_at is not None) == ("", True)
    (conversation,) = await office.conversations()
    assert conversation.last_message is not None
    assert conversation.last_message.text == ""


async def test_what_a_colleague_wrote_on_the_phone_is_ours_and_answers(office: Office) -> None:
    await office.takes("whatsapp", original(), echo("It left today."), echo("It left today."))
    asked, answered = await office.thread()
    assert asked.direction is Direction.INBOUND
    assert answered.direction is Direction.OUTBOUND
    assert (answered.text, answered.status) == ("It left today.", Status.SENT)
    (conversation,) = await office.conversations()
    assert conversation.waiting_since is None
    assert conversation.inbound_seq == 1


async def test_an_echo_opens_no_window(office: Office) -> None:
    await office.takes("whatsapp", echo("Hello from the phone."))
    (conversation,) = await office.conversations()
    assert conversation.last_inbound_at is None
    assert conversation.last_basis_at is None


async def test_a_stop_that_our_side_wrote_stops_nobody(office: Office) -> None:
    await office.takes("whatsapp", original(), echo("STOP"))
    assert await office.ledger() == []


async def test_a_person_with_a_new_number_keeps_the_conversation(office: Office) -> None:
    await office.takes("whatsapp", original())
    system = {
        "id": "wamid.s",
        "from": "15550101",
        "timestamp": str(int(NOW.timestamp())),
        "type": "system",
        "system": {
            "type": "user_changed_number",
            "body": "changed",
            "wa_id": "15550177",
            "user_id": "US.177",
            "previous_user_id": "US.101",
        },
    }
    await office.takes("whatsapp", meta_body({"messages": [system]}))
    moved = whatsapp(whatsapp_item("New number", phone="15550177", bsuid="US.177"))
    await office.takes("whatsapp", moved)
    assert await office.texts() == ["Where is it?", "New number"]


async def test_news_that_stops_the_account_waits_for_an_admin(office: Office) -> None:
    news = {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}}
    await office.takes("whatsapp", meta_body(news, field_="account_update"))
    channel = await office.stores.channels.find(office.channels["whatsapp"].id)
    assert channel is not None
    assert channel.state == "reauthorization_required"
    assert channel.trouble


async def test_a_watermark_moves_only_what_has_left(office: Office) -> None:
    await office.takes("whatsapp", original())
    queued = await office.accepts("Not sent yet", at=THEN)
    sent = await office.accepts("Sent", at=THEN)
    await office.stores.outbox.claim(sent, NOW + timedelta(minutes=1))
    await office.stores.outbox.record_sent(sent, "wamid.out", {}, THEN)
    seen = WatermarkReported(
        account=WHATSAPP,
        sender=Sender(keys=("15550101",), address="+15550101", handle="+15550101"),
        status=Status.READ,
        through=NOW,
    )
    channel = office.channels["whatsapp"]
    await Statuses(office.stores, office.hub).apply_watermark(seen, channel, NOW)
    assert (await office.again(sent)).status is Status.READ
    waiting = await office.again(queued)
    assert waiting.status is Status.QUEUED
    assert waiting.delivery is not None


async def test_a_stop_is_on_record_before_anybody_is_told(office: Office) -> None:
    """Told by a listener of the hub, which hears in the instant of the telling."""
    asked: list[asyncio.Task[list[str]]] = []

    def hear(item: Carried | Resync) -> None:
        if isinstance(item, Carried) and item.type == "message.created" and not asked:
            asked.append(asyncio.get_running_loop().create_task(recorded()))

    async def recorded() -> list[str]:
        docs = await office.stores.database["ledger"].find({}).to_list(10)
        return [str(doc["type"]) for doc in docs]

    listening = await office.hub.listen(office.workspace_id, None, hear)
    await office.takes("whatsapp", original("STOP"))
    listening.close()
    assert await asked[0] == ["opt_out"]


async def test_an_entry_whose_message_was_taken_back_can_be_done_again(office: Office) -> None:
    item = whatsapp_item("", id_=ORIGINAL, at=THEN)
    del item["text"]
    picture = {**item, "type": "image", "image": {"id": "m1", "mime_type": "image/png"}}
    entry = await office.journal("whatsapp", whatsapp(picture))
    await office.an_intake().process([entry])
    await office.takes("whatsapp", unsend())
    await office.an_intake().process([entry])
    (message,) = await office.thread()
    assert message.deleted_at is not None
    assert message.attachments == ()


async def test_preferences_end_the_same_in_any_order(office: Office) -> None:
    def told(value: str, after_s: int) -> bytes:
        wish = {
            "wa_id": "15550101",
            "user_id": "US.101",
            "detail": "x",
            "category": "marketing_messages",
            "value": value,
            "timestamp": int((THEN + timedelta(seconds=after_s)).timestamp()),
        }
        return meta_body({"user_preferences": [wish]}, field_="user_preferences")

    await office.takes("whatsapp", original())
    for body in (told("stop", 1), told("stop", 3), told("resume", 2), told("stop", 3)):
        await office.takes("whatsapp", body)
    standing = await standing_of(office.stores, await office.identity(), NOW)
    assert standing.marketing_block
    assert len(await office.ledger()) == 3


async def test_files_of_what_was_taken_back_are_removed_even_after_a_crash_in_between(
    office: Office,
) -> None:
    item = whatsapp_item("", id_=ORIGINAL, at=THEN)
    del item["text"]
    image = {"id": "1", "mime_type": "image/png", "sha256": "a" * 64}
    await office.takes("whatsapp", whatsapp({**item, "type": "image", "image": image}))
    (message,) = await office.thread()
    (attachment,) = message.attachments
    files = office.stores.files
    ready = replace(attachment, state="ready", size_bytes=4)
    await files.put(
        office.workspace_id, ready, b"seen", conversation_id=message.conversation_id, now=NOW
    )
    # As it is left by a crash right after the first write.
    assert await office.stores.changes.unsend(message, THEN) is not None
    assert await office.stores.messages.settle_attachment(message, ready) is None

    await office.takes("whatsapp", unsend())

    assert await files.content(attachment.id) is None
    assert await files.find(office.workspace_id, attachment.id) is None
    (again,) = await office.thread()
    assert (again.attachments, again.deleted_at) == ((), THEN)


async def test_who_takes_over_a_number_does_not_get_the_conversation_with_it(
    office: Office,
) -> None:
    await office.takes("whatsapp", whatsapp(whatsapp_item("It is Maya", bsuid="US.101")))
    stranger = whatsapp_item("Who is this?", bsuid="US.999")
    await office.takes("whatsapp", whatsapp(stranger, name="Rae Novak"))
    maya, rae = sorted(await office.conversations(), key=lambda one: one.created_at)
    assert [m.text for m in await office.thread(maya)] == ["It is Maya"]
    assert [m.text for m in await office.thread(rae)] == ["Who is this?"]
    hers = await office.stores.people.get(maya.identity_id)
    theirs = await office.stores.people.get(rae.identity_id)
    assert (hers.address, hers.keys) == ("US.101", ("US.101",))
    assert theirs.address == "+15550101"
    again = whatsapp_item("Still Maya", phone=None, bsuid="US.101")
    await office.takes("whatsapp", whatsapp(again))
    assert [m.text for m in await office.thread(maya)][-1] == "Still Maya"
