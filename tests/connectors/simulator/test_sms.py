"""Twilio's side: signed forms, Messages, media behind a redirect, and STOP."""

from __future__ import annotations

import base64
import re
from typing import Any
from urllib.parse import urlsplit

import aiohttp
import pytest
from aiohttp import web
from twilio.request_validator import RequestValidator

from connectors.simulator.gsm7 import segments
from connectors.simulator.pictures import draw
from connectors.simulator.stop import HELPED, STARTED, STOPPED
from connectors.simulator.twilio import port_forms

from .conftest import AUTH_TOKEN, BASIC, NUMBER, SERVICE, SID, Inbox, Simulator, until


async def test_a_text_arrives_as_a_signed_form_with_its_empty_fields(
    simulator: Simulator, inbox: Inbox
) -> None:
    answer = await simulator.texts("sms", "Grüße 👍")
    call = inbox.at("/sms")[0]
    validator = RequestValidator(AUTH_TOKEN)
    url = inbox.url + "/sms?from=twilio"
    assert validator.validate(url, call.form, call.headers["X-Twilio-Signature"])
    assert not RequestValidator("other").validate(
        url, call.form, call.headers["X-Twilio-Signature"]
    )
    assert call.form["MessageSid"] == answer["provider_id"]
    assert (call.form["From"], call.form["To"]) == ("+15550100", NUMBER)
    assert (call.form["Body"], call.form["FromCity"]) == ("Grüße 👍", "")
    assert call.headers["I-Twilio-Idempotency-Token"]


def test_both_forms_of_the_port_are_signed() -> None:
    assert port_forms("https://h.example.com/p?q=1") == (
        "https://h.example.com/p?q=1",
        "https://h.example.com:443/p?q=1",
    )
    assert port_forms("http://127.0.0.1:8000/p") == (
        "http://127.0.0.1/p",
        "http://127.0.0.1:8000/p",
    )


async def test_a_message_is_created_and_reported_on(simulator: Simulator, inbox: Inbox) -> None:
    status, created = await simulator.twilio_send(inbox)
    assert status == 201
    assert (created["status"], created["num_segments"]) == ("queued", "1")
    assert re.fullmatch(r"\w{3}, \d\d \w{3} \d{4} [\d:]{8} \+0000", created["date_created"])
    await until(lambda: inbox.statuses() == ["sent", "delivered"])
    call = inbox.at("/status")[0]
    validator = RequestValidator(AUTH_TOKEN)
    signature = call.headers["X-Twilio-Signature"]
    assert validator.validate(inbox.url + "/status", call.form, signature)


async def test_with_a_service_sender_and_segments_come_later(
    simulator: Simulator, inbox: Inbox, session: aiohttp.ClientSession
) -> None:
    _, created = await simulator.twilio_send(inbox, From="", MessagingServiceSid=SERVICE)
    assert (created["status"], created["num_segments"], created["from"]) == ("accepted", "0", None)
    await until(lambda: inbox.statuses() == ["queued", "sent", "delivered"])
    async with session.get(simulator.base + created["uri"], headers=BASIC) as response:
        later = await response.json()
    assert (later["status"], later["num_segments"], later["from"]) == ("delivered", "1", NUMBER)


async def test_what_was_sent_and_came_can_be_listed(
    simulator: Simulator, inbox: Inbox, session: aiohttp.ClientSession
) -> None:
    await simulator.texts("sms", "Hello")
    await simulator.twilio_send(inbox)
    url = f"{simulator.base}/2010-04-01/Accounts/{SID}/Messages.json"

    async def listed(**query: str) -> list[str]:
        async with session.get(url, params=query, headers=BASIC) as response:
            return [message["body"] for message in (await response.json())["messages"]]

    assert await listed() == ["On its way.", "Hello"]
    assert await listed(To=NUMBER) == ["Hello"]
    assert await listed(**{"DateSent>": "2099-01-01"}) == []
    assert await listed(PageSize="1", Page="1") == ["Hello"]


async def test_stop_blocks_and_start_lifts_it(simulator: Simulator, inbox: Inbox) -> None:
    await simulator.texts("sms", "Stop ")
    assert "OptOutType" not in inbox.at("/sms")[0].form
    said = (await simulator.phone("sms"))[-1]
    assert (said["direction"], said["text"]) == ("network", STOPPED)
    status, refused = await simulator.twilio_send(inbox)
    assert (status, refused["code"]) == (400, 21610)
    await simulator.texts("sms", "START")
    assert (await simulator.phone("sms"))[-1]["text"] == STARTED
    assert (await simulator.twilio_send(inbox))[0] == 201


async def test_stop_within_a_sentence_says_nothing_to_the_network(
    simulator: Simulator, inbox: Inbox
) -> None:
    await simulator.texts("sms", "STOP please")
    assert [message["text"] for message in await simulator.phone("sms")] == ["STOP please"]
    assert (await simulator.twilio_send(inbox))[0] == 201


async def test_help_is_answered_by_the_network(simulator: Simulator) -> None:
    await simulator.texts("sms", "help")
    assert (await simulator.phone("sms"))[-1]["text"] == HELPED


async def test_where_the_network_does_nothing_the_inbox_confirms(
    simulator: Simulator, inbox: Inbox
) -> None:
    await simulator.connect(inbox, provider_stop=False)
    await simulator.texts("sms", "STOP")
    assert len(await simulator.phone("sms")) == 1
    status, _ = await simulator.twilio_send(inbox, Body="You will get no more texts from us.")
    assert status == 201
    said = (await simulator.phone("sms"))[-1]
    assert (said["direction"], said["text"]) == (
        "outbound",
        "You will get no more texts from us.",
    )


@pytest.mark.parametrize(
    ("fields", "code"),
    [
        ({"To": ""}, 21604),
        ({"To": "15550100"}, 21211),
        ({"From": "+15550999"}, 21606),
        ({"From": ""}, 21603),
        ({"Body": ""}, 21619),
        ({"Body": "a" * 1601}, 21617),
        ({"MediaUrl": "ftp://example.com/a.png"}, 21620),
    ],
)
async def test_what_cannot_be_sent_is_refused_by_its_code(
    simulator: Simulator, inbox: Inbox, fields: dict[str, Any], code: int
) -> None:
    status, refused = await simulator.twilio_send(inbox, **fields)
    assert (status, refused["code"]) == (400, code)


async def test_wrong_credentials_are_refused(
    simulator: Simulator, session: aiohttp.ClientSession
) -> None:
    url = f"{simulator.base}/2010-04-01/Accounts/{SID}.json"
    guess = {"Authorization": aiohttp.encode_basic_auth(SID, "guess")}
    async with session.get(url, headers=BASIC) as response:
        assert (await response.json())["status"] == "active"
    async with session.get(url, headers=guess) as response:
        assert (response.status, (await response.json())["code"]) == (401, 20003)


async def test_an_unknown_handset_is_undelivered(simulator: Simulator, inbox: Inbox) -> None:
    await simulator.twilio_send(inbox, To="+15550000")
    await until(lambda: inbox.statuses() == ["sent", "undelivered"])
    assert inbox.at("/status")[1].form["ErrorCode"] == "30005"


async def test_pictures_of_the_inbox_are_fetched_by_the_carrier(
    simulator: Simulator, inbox: Inbox
) -> None:
    await simulator.twilio_send(inbox, MediaUrl=inbox.url + "/files/kettle")
    await until(lambda: inbox.statuses() == ["sent", "delivered"])
    assert (await simulator.phone("sms"))[-1]["media"][0]["size_bytes"] == len(inbox.file)


async def test_pictures_of_a_customer_hide_behind_a_redirect(
    simulator: Simulator, inbox: Inbox, session: aiohttp.ClientSession
) -> None:
    picture = draw("parcel")
    await simulator.fault("media", status=404)
    await simulator.texts("sms", image=base64.b64encode(picture).decode())
    form = inbox.at("/sms")[0].form
    assert (form["NumMedia"], form["MediaContentType0"]) == ("1", "image/png")
    assert form["MessageSid"].startswith("MM")
    url = form["MediaUrl0"]
    assert urlsplit(url).path.startswith(f"/2010-04-01/Accounts/{SID}/Messages/")
    seen = []
    for headers in (BASIC, {}, BASIC):
        async with session.get(url, headers=headers, allow_redirects=False) as response:
            seen.append(response.status)
            address = response.headers.get("Location", "")
    assert seen == [404, 401, 307]
    async with session.get(address, headers=BASIC) as response:
        assert response.status == 400
    async with session.get(address) as response:
        assert await response.read() == picture


async def test_a_webhook_answered_in_words_is_sent_to_the_customer(
    simulator: Simulator, inbox: Inbox
) -> None:
    inbox.answers = [web.Response(text="OK")]
    await simulator.texts("sms", "Hello")
    assert [message["text"] for message in await simulator.phone("sms")] == ["Hello", "OK"]


async def test_a_refused_webhook_does_not_come_again(simulator: Simulator, inbox: Inbox) -> None:
    inbox.answers = [web.Response(status=503)]
    answer = await simulator.texts("sms", "Hello")
    assert [delivery["status"] for delivery in answer["deliveries"]] == [503]
    assert len(inbox.at("/sms")) == 1


async def test_a_failed_connection_is_tried_again_once_and_then_the_fallback_is_called(
    simulator: Simulator, inbox: Inbox
) -> None:
    await simulator.connect(
        inbox, webhook_url="http://127.0.0.1:9/sms", fallback_url=inbox.url + "/fallback"
    )
    answer = await simulator.texts("sms", "Hello")
    assert [delivery["error"] for delivery in answer["deliveries"]] == ["connection"] * 2
    form = inbox.at("/fallback")[0].form
    assert (form["MessageSid"], form["ErrorCode"]) == (answer["provider_id"], "11200")


async def test_a_slow_inbox_is_cut_off(simulator: Simulator, inbox: Inbox) -> None:
    await simulator.connect(
        inbox, webhook_url=inbox.url + "/sms", timeout_s=0.001, fallback_url=inbox.url + "/fb"
    )
    answer = await simulator.texts("sms", "Hello")
    assert answer["deliveries"][0]["error"] in ("timeout", "connection")


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("", 0),
        ("a" * 160, 1),
        ("a" * 161, 2),
        ("a" * 307, 3),
        ("€" * 80, 1),
        ("€" * 81, 2),
        ("a" * 152 + "€" + "a" * 10, 2),
        ("я" * 70, 1),
        ("я" * 71, 2),
        ("👍" * 36, 2),
        ("It’s ok", 1),
    ],
)
def test_segments_are_counted_as_a_carrier_does(text: str, count: int) -> None:
    assert segments(text) == count


async def test_somebody_whom_nobody_introduced_is_reached(
    simulator: Simulator, inbox: Inbox
) -> None:
    """Whoever signs webhooks of their own writes for people that only the inbox has heard of."""
    await simulator.twilio_send(inbox, To="+15550177")
    await until(lambda: inbox.statuses() == ["sent", "delivered"])


async def test_an_account_lists_its_numbers(simulator: Simulator, inbox: Inbox) -> None:
    url = f"{simulator.base}/2010-04-01/Accounts/{SID}/IncomingPhoneNumbers.json"

    async def asks(number: str, headers: dict[str, str]) -> tuple[int, Any]:
        query = {"PhoneNumber": number}
        async with simulator.session.get(url, params=query, headers=headers) as answer:
            return answer.status, await answer.json()

    status, told = await asks(NUMBER, BASIC)
    assert status == 200
    assert [one["phone_number"] for one in told["incoming_phone_numbers"]] == [NUMBER]
    assert (await asks("+15550100", BASIC))[1]["incoming_phone_numbers"] == []
    assert (await asks(NUMBER, {}))[0] == 401
