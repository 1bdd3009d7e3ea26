"""Sending by SMS, fetching a contact's file, and checking credentials: over real HTTP."""

from __future__ import annotations

import json
from base64 import b64decode
from typing import Any
from urllib.parse import parse_qsl

import pytest

from connectors.http import Http
from connectors.sms import Sms
from connectors.sms.media import own_address
from inbox.domain.channel import OutboundMessage, Sent
from inbox.domain.errors import AccountTrouble, OutcomeUnknown, Permanent, Temporary
from inbox.domain.report import Media
from tests.connectors.conftest import Call, Provider, Reply
from tests.connectors.people import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    outbound,
    permit_for,
    picture,
    sms_channel,
)

ACCOUNT = f"/2010-04-01/Accounts/{ACCOUNT_SID}"
MESSAGES = f"{ACCOUNT}/Messages.json"
TAKEN = Reply(status=201, body=b'{"sid": "SM1", "status": "queued", "error_code": null}')


def twilio_error(code: int, status: int = 400, **headers: str) -> Reply:
    body = {"code": code, "message": "title", "status": status}
    return Reply(status=status, body=json.dumps(body).encode(), headers=headers)


@pytest.fixture
def sms(http: Http, provider: Provider) -> Sms:
    return Sms(http, provider.url, fetch_waits_s=(0.01, 0.01))


async def sends(sms: Sms, message: OutboundMessage | None = None) -> Sent:
    message = message or outbound(sms_channel())
    return await sms.send(message, permit_for(message))


def login(call: Call) -> str:
    return b64decode(call.headers["authorization"].removeprefix("Basic ")).decode()


async def test_a_text_is_sent_from_the_channels_number(sms: Sms, provider: Provider) -> None:
    provider.answers("POST", MESSAGES, TAKEN)
    status_url = "https://inbox.example.com/webhooks/sms/chn_sms?message=msg_1"
    sent = await sends(sms, outbound(sms_channel(), status_url=status_url))
    assert sent == Sent(provider_id="SM1")
    (call,) = provider.calls
    assert login(call) == f"{ACCOUNT_SID}:{AUTH_TOKEN}"
    assert parse_qsl(call.body.decode()) == [
        ("To", "+15005550101"),
        ("From", "+15005550199"),
        ("Body", "It is ready."),
        ("StatusCallback", status_url),
    ]


async def test_files_go_by_their_addresses_and_a_service_goes_before_the_number(
    sms: Sms, provider: Provider
) -> None:
    provider.answers("POST", MESSAGES, TAKEN)
    channel = sms_channel(messaging_service_sid="MG1")
    await sends(sms, outbound(channel, "", files=(picture(), picture())))
    assert parse_qsl(provider.calls[0].body.decode()) == [
        ("To", "+15005550101"),
        ("MessagingServiceSid", "MG1"),
        ("MediaUrl", picture().url),
        ("MediaUrl", picture().url),
    ]


async def test_an_api_key_is_used_where_it_is_given_whole(sms: Sms, provider: Provider) -> None:
    provider.answers("POST", MESSAGES, TAKEN, TAKEN)
    await sends(sms, outbound(sms_channel(api_key_sid="SK1", api_key_secret="key-secret")))
    await sends(sms, outbound(sms_channel(api_key_sid="SK1")))
    logins = [login(call) for call in provider.calls]
    assert logins == ["SK1:key-secret", f"{ACCOUNT_SID}:{AUTH_TOKEN}"]


async def test_a_region_of_the_environment_does_not_change_the_address(
    sms: Sms, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TWILIO_REGION", "au1")
    monkeypatch.setenv("TWILIO_EDGE", "sydney")
    provider.answers("POST", MESSAGES, TAKEN)
    await sends(sms)
    assert len(provider.calls) == 1


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"to": "32665"}, "not_repliable"),
        ({"to": "EXAMPLE"}, "not_repliable"),
        ({"to": "whatsapp:+15005550101"}, "not_repliable"),
        ({"text": " "}, "empty"),
    ],
)
async def test_what_cannot_be_sent_is_refused_before_it_leaves(
    sms: Sms, provider: Provider, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(Permanent) as refusal:
        await sends(sms, outbound(sms_channel(), **changes))
    assert refusal.value.code == code
    assert provider.calls == []


async def test_an_answer_to_another_service_is_refused_with_its_name(sms: Sms) -> None:
    with pytest.raises(Permanent, match="Answer them from a channel for WhatsApp"):
        await sends(sms, outbound(sms_channel(), to="whatsapp:+15005550101"))
    with pytest.raises(Permanent, match=r"^This sender's address takes no answers"):
        await sends(sms, outbound(sms_channel(), to="32665"))


@pytest.mark.parametrize(
    ("reply", "error", "code", "consent"),
    [
        (twilio_error(21610), Permanent, "21610", "opt_out"),
        (twilio_error(21211), Permanent, "21211", "address_invalid"),
        (twilio_error(99999), Permanent, "99999", None),
        (twilio_error(20003, 401), AccountTrouble, "20003", None),
        (twilio_error(21606), AccountTrouble, "21606", None),
        (Reply(status=401, body=b"no"), AccountTrouble, "http_401", None),
        (Reply(status=404, body=b"<html>"), Permanent, "http_404", None),
    ],
)
async def test_a_final_answer_says_what_the_ledger_learns(
    sms: Sms,
    provider: Provider,
    reply: Reply,
    error: type[Permanent],
    code: str,
    consent: str | None,
) -> None:
    provider.answers("POST", MESSAGES, reply)
    with pytest.raises(error) as refusal:
        await sends(sms)
    assert type(refusal.value) is error
    assert (refusal.value.code, refusal.value.consent) == (code, consent)


@pytest.mark.parametrize(
    ("reply", "wait"),
    [
        (twilio_error(20429, 429), None),
        (twilio_error(20429, 429, **{"Retry-After": "3"}), 3.0),
        (twilio_error(20503, 503), None),
        (twilio_error(21611), 300.0),
        (Reply(status=429, body=b"slow", headers={"Retry-After": "9"}), 9.0),
    ],
)
async def test_what_was_not_taken_is_tried_again(
    sms: Sms, provider: Provider, reply: Reply, wait: float | None
) -> None:
    provider.answers("POST", MESSAGES, reply)
    with pytest.raises(Temporary) as failure:
        await sends(sms)
    assert failure.value.retry_after_s == wait
    assert len(provider.calls) == 1


@pytest.mark.parametrize(
    "reply",
    [
        Reply(reset=True),
        Reply(status=502, body=b"<html>"),
        twilio_error(20500, 500),
        Reply(status=201, body=b"{}"),
        Reply(status=201, body=b"<html>"),
        Reply(status=201, body=b'{"sid": {"$gt": ""}}'),
    ],
)
async def test_what_may_have_been_taken_is_never_sent_again(
    sms: Sms, provider: Provider, reply: Reply
) -> None:
    provider.answers("POST", MESSAGES, reply)
    with pytest.raises(OutcomeUnknown):
        await sends(sms)
    assert len(provider.calls) == 1


MESSAGE_SID, MEDIA_SID = "MM00000000000000000000000000000007", "ME00000000000000000000000000000047"
FILE = f"{ACCOUNT}/Messages/{MESSAGE_SID}/Media/{MEDIA_SID}"
MOVED = Reply(status=307, headers={"Location": "/cdn/1"})
CONTENT = Reply(body=b"a photo", headers={"Content-Type": "image/jpeg"})


def photo(url: str = f"https://api.twilio.com{FILE}") -> Media:
    return Media(ref=f"{MESSAGE_SID} {url}", kind="image", mime="image/png")


async def test_a_file_is_fetched_where_twilio_says_without_the_credentials(
    sms: Sms, provider: Provider
) -> None:
    provider.answers("GET", FILE, MOVED)
    provider.answers("GET", "/cdn/1", CONTENT)
    fetched = await sms.fetch(photo(), sms_channel())
    assert (fetched.content, fetched.mime) == (b"a photo", "image/jpeg")
    first, second = provider.calls
    assert login(first) == f"{ACCOUNT_SID}:{AUTH_TOKEN}"
    assert "authorization" not in second.headers


async def test_a_file_that_is_not_there_yet_is_asked_for_again(
    sms: Sms, provider: Provider
) -> None:
    provider.answers("GET", FILE, Reply(status=404), Reply(status=404), CONTENT)
    assert (await sms.fetch(photo(f"{provider.url}{FILE}"), sms_channel())).content == b"a photo"


async def test_a_file_that_never_comes_is_given_up(sms: Sms, provider: Provider) -> None:
    with pytest.raises(Permanent) as refusal:
        await sms.fetch(photo(), sms_channel())
    assert refusal.value.code == "http_404"
    assert len(provider.calls) == 3


@pytest.mark.parametrize(
    "location",
    [
        "http://169.254.169.254/latest/meta-data/",
        "https://10.0.0.1/",
        "file:///etc/passwd",
        "https://localhost/",
    ],
)
async def test_a_redirect_into_our_own_network_is_refused(
    sms: Sms, provider: Provider, location: str
) -> None:
    provider.answers("GET", FILE, Reply(status=302, headers={"Location": location}))
    with pytest.raises(Permanent) as refusal:
        await sms.fetch(photo(), sms_channel())
    assert refusal.value.code == "address_refused"


async def test_a_second_redirect_is_not_followed(sms: Sms, provider: Provider) -> None:
    provider.answers("GET", FILE, MOVED)
    provider.answers("GET", "/cdn/1", Reply(status=302, headers={"Location": "/cdn/2"}))
    with pytest.raises(Permanent):
        await sms.fetch(photo(), sms_channel())
    assert [call.path for call in provider.calls] == [FILE, "/cdn/1"]


async def test_a_file_above_the_limit_is_cut_off(sms: Sms, provider: Provider) -> None:
    provider.answers("GET", FILE, Reply(body=b"x" * (16 * 1024 * 1024 + 1)))
    with pytest.raises(Permanent) as refusal:
        await sms.fetch(photo(), sms_channel())
    assert refusal.value.code == "too_large"


@pytest.mark.parametrize(
    "url",
    [
        f"https://api.twilio.com{FILE}",
        f"https://api.dublin.ie1.twilio.com{FILE}",
    ],
)
def test_a_file_of_our_own_account_is_asked_for(url: str) -> None:
    found = own_address(f"{MESSAGE_SID} {url}", ACCOUNT_SID, "https://api.twilio.com")
    assert found == url


@pytest.mark.parametrize(
    "url",
    [
        "http://169.254.169.254/latest/meta-data/",
        f"http://api.twilio.com{FILE}",
        f"https://api.twilio.com:8443{FILE}",
        f"https://user@api.twilio.com{FILE}",
        f"https://api.twilio.com.example.com{FILE}",
        f"https://api.a.b.c.twilio.com{FILE}",
        f"https://example.com{FILE}",
        f"https://api.twilio.com{FILE}?x=1",
        f"https://api.twilio.com{FILE}#x",
        f"https://api.twilio.com{FILE}/../..",
        f"https://api.twilio.com{FILE.replace(ACCOUNT_SID, 'AC2')}",
        f"https://api.twilio.com{FILE.replace(MESSAGE_SID, 'MM2')}",
        f"https://api.twilio.com{ACCOUNT}.json",
        "https://[::1",
        "",
    ],
)
async def test_credentials_go_to_nothing_else(sms: Sms, provider: Provider, url: str) -> None:
    with pytest.raises(Permanent) as refusal:
        own_address(f"{MESSAGE_SID} {url}", ACCOUNT_SID, "https://api.twilio.com")
    assert refusal.value.code == "address_refused"
    with pytest.raises(Permanent):
        await sms.fetch(photo(url), sms_channel())
    assert provider.calls == []


async def test_a_check_answers_with_the_accounts_name(sms: Sms, provider: Provider) -> None:
    body = b'{"friendly_name": "Example Shop", "status": "active"}'
    provider.answers("GET", f"{ACCOUNT}.json", Reply(body=body))
    assert await sms.check(sms_channel()) == "Example Shop (+15005550199)"


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(body=b'{"status": "suspended"}'), AccountTrouble),
        (twilio_error(20003, 401), AccountTrouble),
        (Reply(status=500, body=b"<html>"), Temporary),
        (twilio_error(20404, 404), Permanent),
    ],
)
async def test_a_check_that_fails_says_why(
    sms: Sms, provider: Provider, reply: Reply, error: type[Exception]
) -> None:
    provider.answers("GET", f"{ACCOUNT}.json", reply)
    with pytest.raises(error):
        await sms.check(sms_channel())
