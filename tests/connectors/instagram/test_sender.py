"""Sending by Instagram, both ways in: over real HTTP. What is shared is tested at Messenger."""

from __future__ import annotations

import json
from typing import Any

import pytest

from connectors.http import Http
from connectors.instagram import Instagram
from connectors.instagram.errors import ROWS
from connectors.instagram.sender import build
from connectors.messaging.errors import ROWS as SHARED
from connectors.messaging.errors import table
from inbox.domain.abilities import Profile
from inbox.domain.channel import Channel, OutboundMessage, Sent
from inbox.domain.errors import AccountTrouble, OutcomeUnknown, Permanent, Temporary
from inbox.domain.report import Media
from tests.connectors.conftest import Provider, Reply
from tests.connectors.messaging import (
    ACCOUNT,
    IGSID,
    channel,
    graph_error,
    late_permit_for,
    to_contact,
)
from tests.connectors.people import permit_for, picture

BY_INSTAGRAM, BY_FACEBOOK = "/instagram/v26.0", "/facebook/v26.0"
MESSAGES = f"{BY_INSTAGRAM}/me/messages"
TAKEN = Reply(body=b'{"recipient_id": "600000000000001", "message_id": "bWlk"}')
SHOP = channel("instagram")
LINKED = channel("instagram", login="facebook")


@pytest.fixture
def instagram(http: Http, provider: Provider) -> Instagram:
    return Instagram(http, provider.url + BY_FACEBOOK, provider.url + BY_INSTAGRAM)


async def sends(instagram: Instagram, message: OutboundMessage | None = None) -> Sent:
    message = message or to_contact(SHOP)
    return await instagram.send(message, permit_for(message))


@pytest.mark.parametrize(
    ("shop", "path"),
    [
        (SHOP, MESSAGES),
        (channel("instagram", login="Instagram "), MESSAGES),
        (LINKED, f"{BY_FACEBOOK}/me/messages"),
    ],
)
async def test_a_text_goes_the_way_the_account_came_in(
    instagram: Instagram, provider: Provider, shop: Channel, path: str
) -> None:
    provider.answers("POST", path, TAKEN)
    assert await sends(instagram, to_contact(shop)) == Sent(provider_id="bWlk", keys=(IGSID,))
    (call,) = provider.calls
    assert call.headers["authorization"] == "Bearer token-1"
    assert json.loads(call.body) == {
        "recipient": {"id": IGSID},
        "messaging_type": "RESPONSE",
        "message": {"text": "It is ready."},
    }


async def test_an_unknown_way_in_is_trouble_of_the_account(
    instagram: Instagram, provider: Provider
) -> None:
    odd = channel("instagram", login="carrier pigeon")
    with pytest.raises(AccountTrouble):
        await sends(instagram, to_contact(odd))
    with pytest.raises(AccountTrouble):
        await instagram.check(odd)
    assert await instagram.profile(IGSID, odd) is None
    assert provider.calls == []


async def test_a_late_reply_of_a_person_is_tagged_as_one(
    instagram: Instagram, provider: Provider
) -> None:
    provider.answers("POST", MESSAGES, TAKEN)
    message = to_contact(SHOP, reply_to="mid-0")
    await instagram.send(message, late_permit_for(message))
    document = json.loads(provider.calls[0].body)
    assert (document["messaging_type"], document["tag"]) == ("MESSAGE_TAG", "HUMAN_AGENT")
    assert document["reply_to"] == {"mid": "mid-0"}


def test_a_file_is_sent_by_our_own_signed_address() -> None:
    file = picture("document", "application/pdf")
    document: Any = build(to_contact(SHOP, "", files=(file,)))
    assert document["message"] == {"attachment": {"type": "file", "payload": {"url": file.url}}}


@pytest.mark.parametrize("text", ["x" * 1000, "ä" * 500, "😀" * 250])
def test_a_text_of_a_thousand_bytes_may_go(text: str) -> None:
    assert build(to_contact(SHOP, text))
    with pytest.raises(Permanent) as refusal:
        build(to_contact(SHOP, text + "x"))
    assert refusal.value.code == "too_long"


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({"text": "", "files": (picture(), picture())}, "too_many_files"),
        ({"files": (picture(),)}, "no_caption"),
        ({"text": "", "files": (picture("sticker", "image/webp"),)}, "file_kind"),
        ({"text": "\n"}, "empty"),
    ],
)
async def test_what_instagram_would_not_take_as_a_whole_is_refused(
    instagram: Instagram, provider: Provider, changes: dict[str, Any], code: str
) -> None:
    with pytest.raises(Permanent) as refusal:
        await sends(instagram, to_contact(SHOP, **changes))
    assert refusal.value.code == code
    assert provider.calls == []


@pytest.mark.parametrize(
    ("reply", "error", "code"),
    [
        (graph_error(10, 2534022), Permanent, "10/2534022"),
        (graph_error(10, 2534077), AccountTrouble, "10/2534077"),
        (graph_error(100, 2534013), AccountTrouble, "100/2534013"),
        (graph_error(100, 2534014), Permanent, "100/2534014"),
        (graph_error(100, 2534015), Permanent, "100/2534015"),
        (graph_error(100, 2534025), Permanent, "100/2534025"),
        (graph_error(100, 2534029), AccountTrouble, "100/2534029"),
        (graph_error(100, 2534037), Permanent, "100/2534037"),
        (graph_error(200, 2534041), AccountTrouble, "200/2534041"),
        (graph_error(613, 2534040), Temporary, "613/2534040"),
        (graph_error(36103), AccountTrouble, "36103"),
        (graph_error(551), Permanent, "551"),
        (graph_error(200, 1545041), Permanent, "200/1545041"),
        (graph_error(1), Temporary, "1"),
        (graph_error(190, status=401), AccountTrouble, "190"),
        (Reply(status=500, body=b"<html>"), OutcomeUnknown, "bad_answer"),
        (Reply(reset=True), OutcomeUnknown, "no_answer"),
        (Reply(body=b"{}"), OutcomeUnknown, "no_id"),
    ],
)
async def test_what_an_answer_means(
    instagram: Instagram, provider: Provider, reply: Reply, error: type[Exception], code: str
) -> None:
    provider.answers("POST", MESSAGES, reply)
    with pytest.raises(error) as raised:
        await sends(instagram)
    assert type(raised.value) is error
    assert getattr(raised.value, "code", None) == code
    assert len(provider.calls) == 1


def test_no_number_is_in_both_tables_and_every_sentence_is_whole() -> None:
    numbers = [number for row in (*SHARED, *ROWS) for number in row[0]]
    assert len(numbers) == len(set(numbers))
    reasons = [verdict.error.reason for verdict in table("Instagram", *ROWS).verdicts.values()]
    assert all(r.endswith(".") and "{" not in r and "Messenger" not in r for r in reasons)


async def test_a_file_is_fetched_without_the_token(
    instagram: Instagram, provider: Provider
) -> None:
    provider.answers("GET", "/cdn/1", Reply(body=b"\x89PNG"))
    media = Media(ref=f"{provider.url}/cdn/1", kind="image")
    assert (await instagram.fetch(media, SHOP)).content == b"\x89PNG"
    assert "authorization" not in provider.calls[0].headers


@pytest.mark.parametrize(
    ("shop", "path", "body", "name"),
    [
        (
            SHOP,
            f"{BY_INSTAGRAM}/me",
            {"id": "999", "user_id": ACCOUNT, "username": "example.shop", "name": "Example Shop"},
            "Example Shop (@example.shop)",
        ),
        (
            LINKED,
            f"{BY_FACEBOOK}/{ACCOUNT}",
            {"id": ACCOUNT, "username": "example.shop"},
            "@example.shop",
        ),
    ],
)
async def test_a_check_answers_with_the_accounts_name(
    instagram: Instagram, provider: Provider, shop: Channel, path: str, body: Any, name: str
) -> None:
    provider.answers("GET", path, Reply(body=json.dumps(body).encode()))
    assert await instagram.check(shop) == name


async def test_a_check_refuses_the_token_of_another_account(
    instagram: Instagram, provider: Provider
) -> None:
    body = b'{"id": "17841400000000001", "user_id": "17841400000000009"}'
    provider.answers("GET", f"{BY_INSTAGRAM}/me", Reply(body=body))
    with pytest.raises(AccountTrouble) as refusal:
        await instagram.check(SHOP)
    assert refusal.value.code == "other_account"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        (
            {"name": "Alex Doe", "username": "alex.doe", "profile_pic": "https://example.com/1"},
            Profile(name="Alex Doe", username="alex.doe", picture_url="https://example.com/1"),
        ),
        ({"name": None, "username": "alex.doe"}, Profile(username="alex.doe")),
        ({"error": {"code": 230, "message": "User consent is required"}}, None),
    ],
)
@pytest.mark.parametrize(("shop", "base"), [(SHOP, BY_INSTAGRAM), (LINKED, BY_FACEBOOK)])
async def test_a_profile_is_asked_for_the_same_way(
    instagram: Instagram,
    provider: Provider,
    shop: Channel,
    base: str,
    body: Any,
    expected: Profile | None,
) -> None:
    status = 400 if "error" in body else 200
    reply = Reply(status=status, body=json.dumps(body).encode())
    provider.answers("GET", f"{base}/{IGSID}", reply)
    assert await instagram.profile(IGSID, shop) == expected
    assert provider.calls[0].query == {"fields": "name,username,profile_pic"}
