"""Sending by WhatsApp, fetching a contact's file, and checking credentials: over real HTTP."""

from __future__ import annotations

import json
from base64 import b64encode
from hashlib import sha256
from typing import Any

import pytest

from connectors.http import Http
from connectors.whatsapp import WhatsApp
from connectors.whatsapp.media import is_metas
from connectors.whatsapp.sender import build
from inbox.domain.channel import OutboundMessage, Sent
from inbox.domain.errors import AccountTrouble, OutcomeUnknown, Permanent, Temporary
from inbox.domain.report import Media
from tests.connectors.conftest import Provider, Reply
from tests.connectors.people import MESSAGE_ID, outbound, permit_for, picture, whatsapp_channel

NUMBER = "/v26.0/200000000000001"
MESSAGES, UPLOADS = f"{NUMBER}/messages", f"{NUMBER}/media"
TAKEN = Reply(
    body=b'{"messaging_product": "whatsapp", "messages": [{"id": "wamid.1"}],'
    b' "contacts": [{"input": "+15550002001", "wa_id": "15550002001", "user_id": "US.1"}]}'
)


def graph_error(code: int, status: int = 400, **headers: str) -> Reply:
    body = {"error": {"message": "(#1) title", "type": "OAuthException", "code": code}}
    return Reply(status=status, body=json.dumps(body).encode(), headers=headers)


@pytest.fixture
def whatsapp(http: Http, provider: Provider) -> WhatsApp:
    return WhatsApp(http, f"{provider.url}/v26.0")


async def sends(whatsapp: WhatsApp, message: OutboundMessage | None = None) -> Sent:
    message = message or outbound(whatsapp_channel())
    message = await whatsapp.upload(message)
    return await whatsapp.send(message, permit_for(message))


async def test_a_text_is_sent_with_our_own_id_and_the_token(
    whatsapp: WhatsApp, provider: Provider
) -> None:
    provider.answers("POST", MESSAGES, TAKEN)
    sent = await sends(whatsapp)
    assert sent == Sent(provider_id="wamid.1", keys=("15550002001", "US.1"))
    (call,) = provider.calls
    assert call.headers["authorization"] == "Bearer token-1"
    assert json.loads(call.body) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+15550002001",
        "type": "text",
        "text": {"body": "It is ready.", "preview_url": False},
        "biz_opaque_callback_data": MESSAGE_ID,
    }


@pytest.mark.parametrize(
    ("address", "expected"),
    [
        ("+15550002001", {"to": "+15550002001"}),
        ("15550002001", {"to": "+15550002001"}),
        ("GB.10000000000000000002", {"recipient": "GB.10000000000000000002"}),
    ],
)
def test_a_number_goes_as_to_and_a_user_id_as_recipient(
    address: str, expected: dict[str, str]
) -> None:
    document = build(outbound(whatsapp_channel(), to=address))
    assert {k: v for k, v in document.items() if k in ("to", "recipient")} == expected


def test_a_quote_and_a_link_are_marked() -> None:
    message = outbound(whatsapp_channel(), "See https://example.com", reply_to="wamid.0")
    document: Any = build(message)
    assert document["context"] == {"message_id": "wamid.0"}
    assert document["text"]["preview_url"] is True


async def test_a_picture_is_uploaded_first_and_sent_by_its_id(
    whatsapp: WhatsApp, provider: Provider
) -> None:
    provider.answers("POST", UPLOADS, Reply(body=b'{"id": "900"}'))
    provider.answers("POST", MESSAGES, TAKEN)
    await sends(whatsapp, outbound(whatsapp_channel(), "Like this?", files=(picture(),)))
    upload, send = provider.calls
    assert b"\x89PNG the picture" in upload.body
    assert b"image/png" in upload.body
    document = json.loads(send.body)
    assert document["type"] == "image"
    assert document["image"] == {"id": "900", "caption": "Like this?"}


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"files": (picture(), picture())}, "too_many_files"),
        ({"files": (picture("audio", "audio/ogg"),)}, "no_caption"),
        ({"files": (picture("archive", "application/zip"),)}, "file_kind"),
        ({"text": " "}, "empty"),
    ],
)
async def test_what_whatsapp_would_drop_in_silence_is_refused(
    whatsapp: WhatsApp, provider: Provider, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(Permanent) as refusal:
        await sends(whatsapp, outbound(whatsapp_channel(), **changes))
    assert refusal.value.code == code
    assert provider.calls == []


@pytest.mark.parametrize(
    ("reply", "error", "code"),
    [
        (graph_error(131000, 500), Temporary, "131000"),
        (graph_error(2, 503), Temporary, "2"),
        (graph_error(424242, 500), Temporary, "424242"),
        (graph_error(424242, 400), Permanent, "424242"),
        (graph_error(131047), Permanent, "131047"),
        (graph_error(190, 401), AccountTrouble, "190"),
        (Reply(status=429), Temporary, "http_429"),
        (Reply(status=401, body=b"<html>"), AccountTrouble, "http_401"),
        (Reply(status=404, body=b"<html>"), Permanent, "http_404"),
        (Reply(status=302, headers={"Location": "/"}), Permanent, "http_302"),
        (Reply(status=502, body=b"<html>bad gateway"), OutcomeUnknown, "bad_answer"),
        (Reply(status=200, body=b"{}"), OutcomeUnknown, "no_id"),
        (Reply(status=200, body=b"<html>"), OutcomeUnknown, "bad_answer"),
        (Reply(status=200, body=b'{"messages": [{"id": 7}]}'), OutcomeUnknown, "no_id"),
        (Reply(reset=True), OutcomeUnknown, "no_answer"),
    ],
)
async def test_what_an_answer_means(
    whatsapp: WhatsApp, provider: Provider, reply: Reply, error: type[Exception], code: str
) -> None:
    provider.answers("POST", MESSAGES, reply)
    with pytest.raises(error) as raised:
        await sends(whatsapp)
    assert type(raised.value) is error
    assert getattr(raised.value, "code", None) == code
    assert len(provider.calls) == 1


@pytest.mark.parametrize(
    ("reply", "wait"),
    [
        (graph_error(131056), 4.0),
        (graph_error(131056, **{"Retry-After": "7"}), 7.0),
        (graph_error(130429), None),
        (graph_error(130429, **{"Retry-After": "soon"}), None),
    ],
)
async def test_a_wait_is_the_providers_or_the_tables(
    whatsapp: WhatsApp, provider: Provider, reply: Reply, wait: float | None
) -> None:
    provider.answers("POST", MESSAGES, reply)
    with pytest.raises(Temporary) as raised:
        await sends(whatsapp)
    assert raised.value.retry_after_s == wait


async def test_a_stop_of_promotions_is_for_the_ledger(
    whatsapp: WhatsApp, provider: Provider
) -> None:
    provider.answers("POST", MESSAGES, graph_error(131050))
    with pytest.raises(Permanent) as refusal:
        await sends(whatsapp)
    assert refusal.value.consent == "marketing_stop"


async def test_a_failed_upload_sends_nothing_and_may_be_tried_again(
    whatsapp: WhatsApp, provider: Provider
) -> None:
    provider.answers("POST", UPLOADS, Reply(reset=True))
    with pytest.raises(Temporary):
        await sends(whatsapp, outbound(whatsapp_channel(), "", files=(picture(),)))
    assert [call.path for call in provider.calls] == [UPLOADS]


async def test_a_provider_that_is_not_there_has_taken_nothing(http: Http) -> None:
    # Port 1 of this machine is on no allow-list: refused before anything is tried.
    with pytest.raises(Permanent) as refusal:
        await sends(WhatsApp(http, "http://127.0.0.1:1/v26.0"))
    assert refusal.value.code == "address_refused"


PHOTO = b"\x89PNG a photo"


def photo(digest: bytes = PHOTO) -> Media:
    return Media(ref="700", kind="image", sha256=b64encode(sha256(digest).digest()).decode())


def lookup(provider: Provider, path: str = "/files/1") -> Reply:
    body = {"id": "700", "url": f"{provider.url}{path}", "mime_type": "image/png"}
    return Reply(body=json.dumps(body).encode())


async def test_a_file_is_fetched_with_the_token(whatsapp: WhatsApp, provider: Provider) -> None:
    provider.answers("GET", "/v26.0/700", lookup(provider))
    provider.answers("GET", "/files/1", Reply(body=PHOTO))
    fetched = await whatsapp.fetch(photo(), whatsapp_channel())
    assert (fetched.content, fetched.mime) == (PHOTO, "image/png")
    assert provider.calls[0].query == {"phone_number_id": "200000000000001"}
    assert {call.headers["authorization"] for call in provider.calls} == {"Bearer token-1"}


async def test_an_address_that_ran_out_is_asked_for_once_more(
    whatsapp: WhatsApp, provider: Provider
) -> None:
    provider.answers("GET", "/v26.0/700", lookup(provider), lookup(provider, "/files/2"))
    provider.answers("GET", "/files/2", Reply(body=PHOTO))
    assert (await whatsapp.fetch(photo(), whatsapp_channel())).content == PHOTO


async def test_a_file_that_is_gone_is_given_up(whatsapp: WhatsApp, provider: Provider) -> None:
    provider.answers("GET", "/v26.0/700", lookup(provider), lookup(provider))
    with pytest.raises(Permanent) as refusal:
        await whatsapp.fetch(photo(), whatsapp_channel())
    assert refusal.value.code == "http_404"
    assert len(provider.calls) == 4


async def test_a_damaged_file_is_fetched_again_later(
    whatsapp: WhatsApp, provider: Provider
) -> None:
    provider.answers("GET", "/v26.0/700", lookup(provider))
    provider.answers("GET", "/files/1", Reply(body=PHOTO))
    with pytest.raises(Temporary):
        await whatsapp.fetch(photo(b"another photo"), whatsapp_channel())


async def test_a_file_above_the_limit_is_cut_off(whatsapp: WhatsApp, provider: Provider) -> None:
    provider.answers("GET", "/v26.0/700", lookup(provider))
    provider.answers("GET", "/files/1", Reply(body=b"x" * (16 * 1024 * 1024 + 1)))
    with pytest.raises(Permanent) as refusal:
        await whatsapp.fetch(photo(), whatsapp_channel())
    assert refusal.value.code == "too_large"


async def test_the_token_goes_to_no_other_host(whatsapp: WhatsApp, provider: Provider) -> None:
    reply = Reply(body=b'{"id": "700", "url": "https://lookaside.fbsbx.com.example.com/1"}')
    provider.answers("GET", "/v26.0/700", reply)
    with pytest.raises(Permanent) as refusal:
        await whatsapp.fetch(photo(), whatsapp_channel())
    assert refusal.value.code == "address_refused"
    assert len(provider.calls) == 1


@pytest.mark.parametrize(
    ("url", "metas"),
    [
        ("https://lookaside.fbsbx.com/whatsapp_business/attachments/?mid=1", True),
        ("https://graph.facebook.com/x", True),
        ("http://lookaside.fbsbx.com/x", False),
        ("https://lookaside.fbsbx.com:8443/x", False),
        ("https://lookaside.fbsbx.com@example.com/x", False),
        ("https://user@lookaside.fbsbx.com/x", False),
        ("https://evil-lookaside.fbsbx.com/x", False),
        ("https://example.com/lookaside.fbsbx.com", False),
        ("https://[::1/x", False),
        ("http://127.0.0.1:9000/x", False),
    ],
)
def test_which_addresses_are_metas(url: str, metas: bool) -> None:
    assert is_metas(url, "https://graph.facebook.com/v26.0") is metas


async def test_a_check_answers_with_the_numbers_name(
    whatsapp: WhatsApp, provider: Provider
) -> None:
    body = b'{"verified_name": "Example Shop", "display_phone_number": "+1 555 0100"}'
    provider.answers("GET", NUMBER, Reply(body=body))
    assert await whatsapp.check(whatsapp_channel()) == "Example Shop (+1 555 0100)"


async def test_a_check_with_a_dead_token_says_so(whatsapp: WhatsApp, provider: Provider) -> None:
    provider.answers("GET", NUMBER, graph_error(190, 401))
    with pytest.raises(AccountTrouble) as refusal:
        await whatsapp.check(whatsapp_channel())
    assert "access token" in str(refusal.value)


async def test_an_id_with_slashes_leads_to_no_other_address(
    whatsapp: WhatsApp, provider: Provider
) -> None:
    with pytest.raises(Permanent):
        await whatsapp.fetch(Media(ref="../1/messages", kind="image"), whatsapp_channel())
    assert all("messages" not in call.path.split("/") for call in provider.calls[1:])
    assert provider.calls[0].path == "/v26.0/../1/messages"
