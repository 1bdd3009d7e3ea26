"""What the provider is told of our reading and writing, and when it is told nothing."""

from __future__ import annotations

from dataclasses import replace

import pytest

from inbox.domain.conversation import Conversation
from tests.network import Served
from tests.office import Office, until


async def seen(served: Served) -> list[bool]:
    phone = await served.phone("whatsapp")
    return [one["seen"] for one in phone if one["direction"] == "inbound"]


async def wrote(served: Served, *texts: str) -> Conversation:
    for text in texts:
        await served.writes("whatsapp", text)
    return await served.office.conversation()


async def test_reading_marks_all_up_to_it(served: Served) -> None:
    conversation = await wrote(served, "one", "two", "three")
    served.context.signals.read(conversation, 2)
    await served.context.signals.idle()
    assert await seen(served) == [True, True, False]
    served.context.signals.read(conversation, 3)
    await served.context.signals.idle()
    assert await seen(served) == [True, True, True]


async def test_many_readings_at_once_are_few_calls(served: Served) -> None:
    conversation = await wrote(served, "one", "two", "three")
    for seq in [1, 2, 3] * 20:
        served.context.signals.read(conversation, seq)
    await served.context.signals.idle()
    assert await seen(served) == [True, True, True]
    assert await served.sends("whatsapp") == 1
    served.context.signals.read(conversation, 3)
    await served.context.signals.idle()
    assert await served.sends("whatsapp") == 1


async def test_an_answer_of_ours_is_not_what_was_read(served: Served) -> None:
    conversation = await wrote(served, "one")
    await served.office.accepts("an answer", conversation)
    served.context.signals.read(await served.office.conversation(), 2)
    await served.context.signals.idle()
    assert await seen(served) == [True]


async def test_a_channel_can_keep_it_to_itself(served: Served) -> None:
    conversation = await wrote(served, "one")
    await _changes(served.office, {"read_receipts": "No "})
    served.context.directory.forget()
    served.context.signals.read(conversation, 1)
    served.context.signals.typing(conversation)
    await served.context.signals.idle()
    assert await seen(served) == [False]
    assert await served.sends("whatsapp") == 0


async def _changes(office: Office, config: dict[str, str]) -> None:
    channel = office.channels["whatsapp"]
    changed = replace(channel, config={**channel.config, **config})
    await office.stores.channels.replace(changed, "connected")


async def test_who_stopped_is_told_nothing(served: Served) -> None:
    conversation = await wrote(served, "one", "STOP")

    async def confirmed() -> bool:
        return any(one["direction"] == "outbound" for one in await served.phone("whatsapp"))

    await until(confirmed)
    before = await served.sends("whatsapp")
    served.context.signals.read(conversation, 2)
    served.context.signals.typing(conversation)
    await served.context.signals.idle()
    assert await seen(served) == [False, False]
    assert await served.sends("whatsapp") == before


async def test_writing_is_told_every_twenty_seconds_and_anew_after_an_answer(
    served: Served,
) -> None:
    conversation = await wrote(served, "one")
    signals = served.context.signals
    for _ in range(5):
        signals.typing(conversation)
    await signals.idle()
    assert await served.sends("whatsapp") == 1
    signals.answered(conversation.id)
    signals.typing(conversation)
    await signals.idle()
    assert await served.sends("whatsapp") == 2


@pytest.mark.parametrize("status", [400, 500])
async def test_a_provider_that_does_not_take_it_changes_nothing(
    served: Served, status: int
) -> None:
    conversation = await wrote(served, "one")
    await served.fault("send", status=status)
    served.context.signals.read(conversation, 1)
    await served.context.signals.idle()
    assert await seen(served) == [False]
    served.context.signals.read(conversation, 1)
    await served.context.signals.idle()
    assert await seen(served) == [True]


async def test_sms_has_no_such_thing(served: Served) -> None:
    await served.writes("sms", "one")
    conversation = await served.office.conversation()
    served.context.signals.read(conversation, 1)
    served.context.signals.typing(conversation)
    await served.context.signals.idle()
    assert await served.sends("sms") == 0
