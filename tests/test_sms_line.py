"""A text line as larger senders have it: a Messaging Service, an API key for calls, a shared key
for webhooks, and Twilio's Advanced Opt-Out."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.simulator.pictures import draw
from inbox.domain.channel import Secret
from inbox.domain.message import Attachment, Status
from tests.network import Served
from tests.office import until

SERVICE = "MG" + "0" * 31 + "2"
KEY = {"api_key_sid": "SK" + "0" * 31 + "3", "api_key_secret": "key-secret"}
WORDS = {"stop_words": ["arrete tout"], "stopped": "C'est fini.", "helped": "Une question ?"}


@pytest.fixture
async def line(served: Served) -> Served:
    channel = served.office.channels["sms"]
    secrets = {
        "api_key_secret": Secret(KEY["api_key_secret"]),
        "shared_keys": Secret("shared_1=shared-secret"),
    }
    config = {"messaging_service_sid": SERVICE, "api_key_sid": KEY["api_key_sid"]}
    channel = replace(
        channel,
        config={**channel.config, **config},
        secrets={**channel.secrets, **secrets},
    )
    await served.office.stores.channels.replace(channel, "connected")
    served.context.directory.forget()
    await served.open_line(
        "sms",
        messaging_service_sid=SERVICE,
        advanced_opt_out=WORDS,
        shared_key="shared_1=shared-secret",
        **KEY,
    )
    return served


async def test_messages_cross_both_ways(line: Served) -> None:
    await line.writes("sms", "Is it ready?")
    message = await line.office.accepts("It is.")
    await line.office.reaches(message, Status.DELIVERED)
    assert await line.received("sms") == ["It is."]


async def test_pictures_cross_both_ways(line: Served) -> None:
    await line.writes("sms", "This one", picture=draw("kettle"))

    async def fetched() -> Attachment | None:
        (message,) = await line.office.thread()
        return message.attachments[0] if message.attachments[0].state == "ready" else None

    theirs = await until(fetched)
    message = await line.office.accepts("Like this?", attachments=(theirs,))
    await line.office.reaches(message, Status.DELIVERED)
    (sent,) = [one for one in await line.phone("sms") if one["direction"] == "outbound"]
    assert [one["mime"] for one in sent["media"]] == ["image/png"]


async def test_a_word_that_only_twilio_knows_stops_and_is_answered_once(line: Served) -> None:
    await line.writes("sms", "Hello")
    await line.writes("sms", "Arrete tout")
    assert await line.office.ledger() == ["opt_out"]
    message = await line.office.accepts("One more thing")
    refused = await line.office.reaches(message, Status.FAILED)
    assert refused.failure is not None
    assert refused.failure.code == "DENY_OPTED_OUT"
    said = [one["text"] for one in await line.phone("sms") if one["direction"] != "inbound"]
    assert said == ["C'est fini."]
    await line.writes("sms", "START")
    await line.office.reaches(await line.office.accepts("Welcome back"), Status.DELIVERED)


async def test_help_is_answered_by_twilio_alone(line: Served) -> None:
    await line.writes("sms", "HELP")
    said = [one["text"] for one in await line.phone("sms") if one["direction"] != "inbound"]
    assert said == ["Une question ?"]


async def test_another_shared_key_brings_nothing(line: Served) -> None:
    await line.open_line("sms", messaging_service_sid=SERVICE, shared_key="shared_1=other")
    path = "/accounts/sms/%2B15550191/messages"
    written = await line.control("POST", path, {"customer_id": "maya", "text": "Let me in"})
    assert written["status"] == "refused"
    assert await line.office.conversations() == []
