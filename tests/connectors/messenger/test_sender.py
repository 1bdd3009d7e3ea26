"""Sending by Messenger, fetching files, checking credentials, profiles: over real HTTP."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.http import Http
from connectors.messaging.errors import ROWS, table
from connectors.messaging.media import is_metas
from connectors.messenger import Messenger
from connectors.messenger.sender import build
from inbox.domain.abilities import KnowsPeople, Profile
from inbox.domain.channel import OutboundMessage, Sent
from inbox.domain.errors import AccountTrouble, OutcomeUnknown, Permanent, Temporary
from inbox.domain.report import Media
from tests.connectors.conftest import Provider, Reply
from tests.connectors.messaging import (
    PAGE,
    PSID,
    channel,
    graph_error,
    late_permit_for,
    to_contact,
)
from tests.connectors.people import MESSAGE_ID, permit_for, picture

MESSAGES, UPLOADS = f"/v26.0/{PAGE}/messages", f"/v26.0/{PAGE}/message_attachments"
TAKEN = Reply(body=b'{"recipient_id": "4000000000000001", "message_id": "m_1"}')
SHOP = channel("messenger")


@pytest.fixture
def messenger(http: Http, provider: Provider) -> Messenger:
    return Messenger(http, f"{provider.url}/v26.0")


async def sends(messenger: Messenger, message: OutboundMessage | None = None) -> Sent:
    message = message or to_contact(SHOP)
    message = await messenger.upload(message)
    return await messenger.send(message, permit_for(message))


async def test_a_text_is_sent_with_our_own_id_and_the_token(
    messenger: Messenger, provider: Provider
) -> None:
    provider.answers("POST", MESSAGES, TAKEN)
    assert await sends(messenger) == Sent(provider_id="m_1", keys=(PSID,))
    (call,) = provider.calls
    assert call.headers["authorization"] == "Bearer token-1"
    assert call.query == {}
    assert json.loads(call.body) == {
        "recipient": {"id": PSID},
        "messaging_type": "RESPONSE",
        "message": {"text": "It is ready.", "metadata": MESSAGE_ID},
    }


async def test_a_late_reply_of_a_person_is_tagged_as_one(
    messenger: Messenger, provider: Provider
) -> None:
    provider.answers("POST", MESSAGES, TAKEN)
    message = to_contact(SHOP)
    await messenger.send(message, late_permit_for(message))
    document = json.loads(provider.calls[0].body)
    assert (document["messaging_type"], document["tag"]) == ("MESSAGE_TAG", "HUMAN_AGENT")


def test_a_quote_stands_beside_the_message() -> None:
    document: Any = build(to_contact(SHOP, reply_to="m_0"))
    assert document["reply_to"] == {"mid": "m_0"}
    assert "reply_to" not in document["message"]


async def test_a_file_is_uploaded_first_and_sent_by_its_id(
    messenger: Messenger, provider: Provider
) -> None:
    provider.answers("POST", UPLOADS, Reply(body=b'{"attachment_id": "900"}'))
    provider.answers("POST", MESSAGES, TAKEN)
    file = picture("document", "application/pdf")
    await sends(messenger, to_contact(SHOP, "", files=(file,)))
    upload, send = provider.calls
    assert file.content in upload.body
    assert b'"type": "file"' in upload.body
    assert b'"is_reusable": true' in upload.body
    assert json.loads(send.body)["message"] == {
        "attachment": {"type": "file", "payload": {"attachment_id": "900"}},
        "metadata": MESSAGE_ID,
    }


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"text": "", "files": (picture(), picture())}, "too_many_files"),
        ({"files": (picture(),)}, "no_caption"),
        ({"text": "", "files": (picture("sticker", "image/webp"),)}, "file_kind"),
        ({"text": " "}, "empty"),
        ({"text": "x" * 2001}, "too_long"),
    ],
)
async def test_what_messenger_would_not_take_as_a_whole_is_refused(
    messenger: Messenger, provider: Provider, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(Permanent) as refusal:
        await sends(messenger, to_contact(SHOP, **changes))
    assert refusal.value.code == code
    assert provider.calls == []


def test_a_text_of_two_thousand_characters_may_go() -> None:
    assert build(to_contact(SHOP, "ä" * 2000))


@pytest.mark.parametrize(
    ("reply", "error", "code"),
    [
        (graph_error(1, 99), Temporary, "1"),
        (graph_error(2, status=503), Temporary, "2"),
        (graph_error(613), Temporary, "613"),
        (graph_error(613, 2534040), Temporary, "613/2534040"),
        (graph_error(613, 2018338), Permanent, "613/2018338"),
        (graph_error(4, 2018354), Permanent, "4/2018354"),
        (graph_error(10, 2018278), Permanent, "10/2018278"),
        (graph_error(10, 2018108), Permanent, "10/2018108"),
        (graph_error(10, 1404170), AccountTrouble, "10/1404170"),
        (graph_error(10, 424242), AccountTrouble, "10"),
        (graph_error(200), AccountTrouble, "200"),
        (graph_error(200, 2018028), AccountTrouble, "200/2018028"),
        (graph_error(200, 1545041), Permanent, "200/1545041"),
        (graph_error(551), Permanent, "551"),
        (graph_error(100, 2018001), Permanent, "100/2018001"),
        (graph_error(100, 33), Permanent, "100"),
        (graph_error(100, 2018008), Temporary, "100/2018008"),
        (graph_error(100, 2018074), Temporary, "100/2018074"),
        (graph_error(190, 463, 401), AccountTrouble, "190"),
        (graph_error(2018300), Permanent, "2018300"),
        (graph_error(2018321), Temporary, "2018321"),
        (graph_error(9000001), Permanent, "9000001"),
        (graph_error(424242, status=500), Temporary, "424242"),
        (graph_error(424242), Permanent, "424242"),
        (Reply(status=429), Temporary, "http_429"),
        (Reply(status=401, body=b"<html>"), AccountTrouble, "http_401"),
        (Reply(status=502, body=b"<html>bad gateway"), OutcomeUnknown, "bad_answer"),
        (Reply(status=200, body=b"{}"), OutcomeUnknown, "no_id"),
        (Reply(status=200, body=b'{"message_id": 7}'), OutcomeUnknown, "no_id"),
        (Reply(reset=True), OutcomeUnknown, "no_answer"),
    ],
)
async def test_what_an_answer_means(
    messenger: Messenger, provider: Provider, reply: Reply, error: type[Exception], code: str
) -> None:
    provider.answers("POST", MESSAGES, reply)
    with pytest.raises(error) as raised:
        await sends(messenger)
    assert type(raised.value) is error
    assert getattr(raised.value, "code", None) == code
    assert len(provider.calls) == 1


@pytest.mark.parametrize(
    ("reply", "consent"),
    [
        (graph_error(10, 1893015), "marketing_stop"),
        (graph_error(551), "unreachable"),
        (graph_error(200, 1545041), "unreachable"),
        (graph_error(551, 1545041), "unreachable"),
        (graph_error(10, 2018278), None),
        (graph_error(100, 2018001), None),
    ],
)
async def test_what_the_ledger_learns_from_a_refusal(
    messenger: Messenger, provider: Provider, reply: Reply, consent: str | None
) -> None:
    provider.answers("POST", MESSAGES, reply)
    with pytest.raises(Permanent) as refusal:
        await sends(messenger)
    assert refusal.value.consent == consent


@pytest.mark.parametrize(
    ("reply", "wait"),
    [
        (graph_error(613), 60.0),
        (graph_error(613, retry_after="7"), 7.0),
        (graph_error(4), 300.0),
        (graph_error(2), None),
    ],
)
async def test_a_wait_is_the_providers_or_the_tables(
    messenger: Messenger, provider: Provider, reply: Reply, wait: float | None
) -> None:
    provider.answers("POST", MESSAGES, reply)
    with pytest.raises(Temporary) as raised:
        await sends(messenger)
    assert raised.value.retry_after_s == wait


def test_no_number_is_in_the_table_twice_and_every_sentence_is_whole() -> None:
    numbers = [number for row in ROWS for number in row[0]]
    assert len(numbers) == len(set(numbers))
    reasons = [verdict.error.reason for verdict in table("Messenger").verdicts.values()]
    assert all(r.endswith(".") and "{" not in r and not r.startswith(" ") for r in reasons)


async def test_a_failed_upload_sends_nothing_and_may_be_tried_again(
    messenger: Messenger, provider: Provider
) -> None:
    provider.answers("POST", UPLOADS, Reply(reset=True))
    with pytest.raises(Temporary):
        await sends(messenger, to_contact(SHOP, "", files=(picture(),)))
    assert [call.path for call in provider.calls] == [UPLOADS]


async def test_an_upload_without_an_id_is_refused(messenger: Messenger, provider: Provider) -> None:
    provider.answers("POST", UPLOADS, Reply(body=b"{}"))
    with pytest.raises(Permanent) as refusal:
        await sends(messenger, to_contact(SHOP, "", files=(picture(),)))
    assert refusal.value.code == "upload_refused"


def file_at(url: str) -> Media:
    return Media(ref=url, kind="image")


async def test_a_file_is_fetched_without_the_token(
    messenger: Messenger, provider: Provider
) -> None:
    headers = {"Content-Type": "image/png"}
    provider.answers("GET", "/cdn/1", Reply(body=b"\x89PNG", headers=headers))
    fetched = await messenger.fetch(file_at(f"{provider.url}/cdn/1?oe=1"), SHOP)
    assert (fetched.content, fetched.mime) == (b"\x89PNG", "image/png")
    assert "authorization" not in provider.calls[0].headers


async def test_a_file_is_followed_once_and_only_to_meta(
    messenger: Messenger, provider: Provider
) -> None:
    provider.answers("GET", "/cdn/1", Reply(status=302, headers={"Location": "/cdn/2"}))
    provider.answers("GET", "/cdn/2", Reply(body=b"\x89PNG"))
    first = file_at(f"{provider.url}/cdn/1")
    assert (await messenger.fetch(first, SHOP)).content == b"\x89PNG"
    for target in ("https://example.com/x", "/cdn/1", ""):
        loop = Reply(status=302, headers={"Location": target})
        provider.answers("GET", "/cdn/1", loop, loop)
        with pytest.raises(Permanent):
            await messenger.fetch(first, SHOP)


@pytest.mark.parametrize(
    ("reply", "error"),
    [
        (Reply(status=403), Permanent),
        (Reply(status=404), Permanent),
        (Reply(status=429), Temporary),
        (Reply(status=503), Temporary),
        (Reply(reset=True), Temporary),
    ],
)
async def test_a_file_that_ran_out_is_given_up_and_a_fault_is_not(
    messenger: Messenger, provider: Provider, reply: Reply, error: type[Exception]
) -> None:
    provider.answers("GET", "/cdn/1", reply, reply)  # a reading that broke off is tried again
    with pytest.raises(error):
        await messenger.fetch(file_at(f"{provider.url}/cdn/1"), SHOP)


async def test_a_file_above_the_limit_is_cut_off(messenger: Messenger, provider: Provider) -> None:
    provider.answers("GET", "/cdn/1", Reply(body=b"x" * (25 * 1024 * 1024 + 1)))
    with pytest.raises(Permanent) as refusal:
        await messenger.fetch(file_at(f"{provider.url}/cdn/1"), SHOP)
    assert refusal.value.code == "too_large"


@pytest.mark.parametrize(
    ("url", "metas"),
    [
        ("https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id=1", True),
        ("https://scontent.xx.fbcdn.net/v/t1/img.jpg?oe=1", True),
        ("https://scontent.cdninstagram.com/x", True),
        ("http://lookaside.fbsbx.com/x", False),
        ("https://lookaside.fbsbx.com:8443/x", False),
        ("https://lookaside.fbsbx.com@example.com/x", False),
        ("https://user@lookaside.fbsbx.com/x", False),
        ("https://evilfbsbx.com/x", False),
        ("https://fbsbx.com.example.com/x", False),
        ("https://example.com/.fbsbx.com", False),
        ("https://[::1/x", False),
        ("http://127.0.0.1:9000/x", False),
    ],
)
def test_which_addresses_are_metas(url: str, metas: bool) -> None:
    assert is_metas(url, ("https://graph.facebook.com/v26.0",)) is metas


async def test_a_check_answers_with_the_pages_name(
    messenger: Messenger, provider: Provider
) -> None:
    body = json.dumps({"id": PAGE, "name": "Example Shop"}).encode()
    provider.answers("GET", "/v26.0/me", Reply(body=body))
    assert await messenger.check(SHOP) == "Example Shop"


async def test_a_check_refuses_the_token_of_another_page(
    messenger: Messenger, provider: Provider
) -> None:
    provider.answers("GET", "/v26.0/me", Reply(body=b'{"id": "1", "name": "A person"}'))
    with pytest.raises(AccountTrouble) as refusal:
        await messenger.check(SHOP)
    assert refusal.value.code == "other_account"


async def test_a_check_with_a_dead_token_says_so(messenger: Messenger, provider: Provider) -> None:
    provider.answers("GET", "/v26.0/me", graph_error(190, 463, 401))
    with pytest.raises(AccountTrouble) as refusal:
        await messenger.check(SHOP)
    assert "access token" in str(refusal.value)


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"name": "Alex Doe", "profile_pic": "https://scontent.example.com/1.jpg"},
            Profile(name="Alex Doe", picture_url="https://scontent.example.com/1.jpg"),
        ),
        ({"first_name": "Alex", "last_name": "Doe"}, Profile(name="Alex Doe")),
        ({"first_name": "Alex", "profile_pic": "javascript:alert(1)"}, Profile(name="Alex")),
        ({}, None),
        ({"name": None, "profile_pic": 7}, None),
    ],
)
async def test_a_profile_is_what_meta_tells(
    messenger: Messenger, provider: Provider, body: dict[str, Any], expected: Profile | None
) -> None:
    provider.answers("GET", f"/v26.0/{PSID}", Reply(body=json.dumps(body).encode()))
    assert await messenger.profile(PSID, SHOP) == expected


def test_the_core_finds_that_it_may_ask_for_names(messenger: Messenger) -> None:
    assert isinstance(messenger, KnowsPeople)


@pytest.mark.parametrize(
    "reply", [graph_error(100, 2018218), graph_error(190), Reply(reset=True), Reply(body=b"<")]
)
async def test_a_profile_that_cannot_be_had_is_none(
    messenger: Messenger, provider: Provider, reply: Reply
) -> None:
    provider.answers("GET", f"/v26.0/{PSID}", reply)
    assert await messenger.profile(PSID, SHOP) is None
