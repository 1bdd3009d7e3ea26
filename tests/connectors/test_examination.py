"""What connectors make of a provider's word on credentials, over real HTTP."""

from __future__ import annotations

import hmac
import json
from base64 import b64decode
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

import pytest

from connectors.http import Http
from connectors.instagram import Instagram
from connectors.messenger import Messenger
from connectors.sms import Sms
from connectors.whatsapp import WhatsApp
from inbox.domain.channel import Channel, Secret
from inbox.domain.errors import Temporary
from inbox.domain.examination import Examination
from tests.connectors.conftest import Provider, Reply
from tests.connectors.people import (
    ACCOUNT_SID,
    APP_SECRET,
    AUTH_TOKEN,
    sms_channel,
    whatsapp_channel,
)

ACCOUNT = f"/2010-04-01/Accounts/{ACCOUNT_SID}"
NUMBERS = f"{ACCOUNT}/IncomingPhoneNumbers.json"
ACTIVE = {"sid": ACCOUNT_SID, "friendly_name": "Example Shop", "status": "active"}
OWNED = {"incoming_phone_numbers": [{"phone_number": "+15005550199"}]}
PAGE = "300000000000001"
ACCOUNT_ID = "17841400000000001"


def says(document: object, status: int = 200) -> Reply:
    return Reply(status=status, body=json.dumps(document).encode())


def graph_error(code: int, status: int = 400) -> Reply:
    return says({"error": {"message": "no", "type": "OAuthException", "code": code}}, status)


def token(**data: Any) -> Reply:
    scopes = ["whatsapp_business_messaging", "whatsapp_business_management"]
    scopes += ["pages_messaging", "pages_manage_metadata"]
    scopes += ["instagram_basic", "instagram_manage_messages"]
    return says({"data": {"is_valid": True, "expires_at": 0, "scopes": scopes, **data}})


def states(examination: Examination) -> dict[str, str]:
    return {name: one.state for name, one in examination.findings.items()}


def meta_channel(kind: str, account_field: str, account: str, **changes: str) -> Channel:
    secrets = {"access_token": "token-1", "app_secret": APP_SECRET}
    return replace(
        whatsapp_channel(),
        kind=kind,
        account=account,
        config={account_field: account, **changes},
        secrets={name: Secret(text) for name, text in secrets.items()},
    )


def login(headers: Mapping[str, str]) -> str:
    return b64decode(headers["authorization"].removeprefix("Basic ")).decode()


# -- Twilio ----------------------------------------------------------------------------------------


async def test_an_api_key_is_tried_where_keys_may_go(http: Http, provider: Provider) -> None:
    provider.answers("GET", f"{ACCOUNT}.json", says(ACTIVE))
    provider.answers("GET", NUMBERS, says(OWNED))
    provider.answers("GET", f"{ACCOUNT}/Messages.json", says({"messages": []}))
    channel = sms_channel(api_key_sid="SK" + "1" * 32, api_key_secret="key-secret")
    found = states(await Sms(http, provider.url).examine(channel))
    assert set(found.values()) == {"ok"}
    assert {"api_key_sid", "api_key_secret"} <= set(found)
    token_login = f"{ACCOUNT_SID}:{AUTH_TOKEN}"
    key_login = "SK" + "1" * 32 + ":key-secret"
    assert [login(call.headers) for call in provider.calls] == [token_login, token_login, key_login]


async def test_a_wrong_api_key_is_told_from_a_wrong_token(http: Http, provider: Provider) -> None:
    provider.answers("GET", f"{ACCOUNT}.json", says(ACTIVE))
    provider.answers("GET", NUMBERS, says(OWNED))
    provider.answers("GET", f"{ACCOUNT}/Messages.json", says({"code": 20003}, 401))
    channel = sms_channel(api_key_sid="SK" + "1" * 32, api_key_secret="key-secret")
    found = states(await Sms(http, provider.url).examine(channel))
    assert found["auth_token"] == "ok"
    assert (found["api_key_sid"], found["api_key_secret"]) == ("wrong", "wrong")


async def test_a_closed_account_is_not_a_wrong_token(http: Http, provider: Provider) -> None:
    provider.answers("GET", f"{ACCOUNT}.json", says({**ACTIVE, "status": "suspended"}))
    found = await Sms(http, provider.url).examine(sms_channel())
    assert states(found) == {"account_sid": "wrong", "auth_token": "ok"}
    assert "suspended" in found.findings["account_sid"].reason


async def test_a_fault_of_twilio_finds_nothing(http: Http, provider: Provider) -> None:
    provider.answers("GET", f"{ACCOUNT}.json", says({"code": 20500}, 500))
    with pytest.raises(Temporary):
        await Sms(http, provider.url).examine(sms_channel())


@pytest.mark.parametrize("answer", [[], {"incoming_phone_numbers": "x"}, {"other": 1}, None])
async def test_an_odd_list_of_numbers_has_none(
    http: Http, provider: Provider, answer: object
) -> None:
    provider.answers("GET", f"{ACCOUNT}.json", says(ACTIVE))
    provider.answers("GET", NUMBERS, says(answer))
    found = states(await Sms(http, provider.url).examine(sms_channel()))
    assert found["number"] == "wrong"


# -- Meta ------------------------------------------------------------------------------------------


async def test_the_app_secret_is_proved_and_never_sent(http: Http, provider: Provider) -> None:
    channel = meta_channel("messenger", "page_id", PAGE)
    provider.answers("GET", "/debug_token", token(expires_at=1_900_000_000))
    provider.answers("GET", "/me", *[says({"id": PAGE, "name": "Example Shop"})] * 2)
    examined = await Messenger(http, provider.url).examine(channel)
    assert set(states(examined).values()) == {"ok"}
    assert examined.account_name == "Example Shop"
    assert examined.expires_at == datetime(2030, 3, 17, 17, 46, 40, tzinfo=UTC)
    proof = hmac.new(APP_SECRET.encode(), b"token-1", sha256).hexdigest()
    assert provider.calls[-1].query["appsecret_proof"] == proof
    assert not [call for call in provider.calls if APP_SECRET in repr((call.query, call.headers))]


async def test_of_two_app_secrets_one_has_to_fit(http: Http, provider: Provider) -> None:
    channel = meta_channel("messenger", "page_id", PAGE)
    secrets = {**channel.secrets, "app_secret": Secret("old-secret, new-secret")}
    provider.answers("GET", "/debug_token", token())
    page = says({"id": PAGE})
    provider.answers("GET", "/me", page, graph_error(100), page)
    found = states(await Messenger(http, provider.url).examine(replace(channel, secrets=secrets)))
    assert found["app_secret"] == "ok"


async def test_a_token_of_another_page_is_told_at_the_page(http: Http, provider: Provider) -> None:
    provider.answers("GET", "/debug_token", token())
    provider.answers("GET", "/me", *[says({"id": "300000000000009"})] * 2)
    channel = meta_channel("messenger", "page_id", PAGE)
    found = states(await Messenger(http, provider.url).examine(channel))
    assert (found["access_token"], found["page_id"]) == ("ok", "wrong")


@pytest.mark.parametrize(
    ("reply", "words"),
    [
        (graph_error(190, 401), "does not accept"),
        (token(is_valid=False), "has run out"),
        (token(scopes=["email"]), "pages_messaging"),
        (token(scopes="pages_messaging"), "pages_messaging"),
        (says({"data": []}), "has run out"),
    ],
)
async def test_what_is_wrong_with_a_token_is_said(
    http: Http, provider: Provider, reply: Reply, words: str
) -> None:
    provider.answers("GET", "/debug_token", reply)
    channel = meta_channel("messenger", "page_id", PAGE)
    examined = await Messenger(http, provider.url).examine(channel)
    assert states(examined) == {
        "access_token": "wrong",
        "page_id": "unknown",
        "app_secret": "unknown",
    }
    assert words in examined.findings["access_token"].reason


async def test_a_token_that_may_not_be_asked_about_is_tried_by_using_it(
    http: Http, provider: Provider
) -> None:
    provider.answers("GET", "/debug_token", graph_error(100))
    provider.answers("GET", "/me", *[says({"id": PAGE})] * 2)
    channel = meta_channel("messenger", "page_id", PAGE)
    found = states(await Messenger(http, provider.url).examine(channel))
    assert found == {"access_token": "unknown", "page_id": "ok", "app_secret": "ok"}


@pytest.mark.parametrize("expires", [0, -1, 10**20, "soon", None, True])
async def test_an_odd_expiry_is_none_that_is_known(
    http: Http, provider: Provider, expires: object
) -> None:
    provider.answers("GET", "/debug_token", token(expires_at=expires))
    provider.answers("GET", "/me", *[says({"id": PAGE})] * 2)
    channel = meta_channel("messenger", "page_id", PAGE)
    examined = await Messenger(http, provider.url).examine(channel)
    assert set(states(examined).values()) == {"ok"}
    assert examined.expires_at is None


async def test_a_number_has_to_be_of_its_business(http: Http, provider: Provider) -> None:
    channel = whatsapp_channel()
    number, business = channel.account, channel.setting("business_account_id")
    provider.answers("GET", "/debug_token", token())
    provider.answers("GET", f"/{number}", says({"verified_name": "Example Shop"}))
    provider.answers("GET", f"/{business}/phone_numbers", says({"data": [{"id": "2"}, 3, None]}))
    provider.answers("GET", "/me", says({"id": "1"}))
    examined = await WhatsApp(http, provider.url).examine(channel)
    assert states(examined) == {
        "access_token": "ok",
        "phone_number_id": "ok",
        "business_account_id": "wrong",
        "app_secret": "ok",
    }


async def test_instagrams_own_token_runs_out_within_sixty_days(
    http: Http, provider: Provider
) -> None:
    entered_at = datetime(2026, 11, 1, tzinfo=UTC)
    channel = meta_channel("instagram", "account_id", ACCOUNT_ID)
    channel = replace(channel, changed_at={"access_token": entered_at})
    me = {"id": "1", "user_id": ACCOUNT_ID, "username": "example.shop"}
    provider.answers("GET", "/me", says(me))
    examined = await Instagram(http, "https://127.0.0.1", provider.url).examine(channel)
    assert examined.account_name == "@example.shop"
    assert examined.expires_at == entered_at + timedelta(days=60)
    assert states(examined) == {
        "access_token": "ok",
        "account_id": "ok",
        "app_secret": "unknown",
    }


async def test_instagram_by_a_page_is_asked_at_facebook(http: Http, provider: Provider) -> None:
    channel = meta_channel("instagram", "account_id", ACCOUNT_ID, login="facebook")
    provider.answers("GET", "/debug_token", token())
    account = {"id": ACCOUNT_ID, "username": "example.shop", "name": "Example Shop"}
    provider.answers("GET", f"/{ACCOUNT_ID}", says(account))
    provider.answers("GET", "/me", says({"id": "1"}))
    examined = await Instagram(http, provider.url, "https://127.0.0.1").examine(channel)
    assert set(states(examined).values()) == {"ok"}
    assert examined.account_name == "Example Shop (@example.shop)"


async def test_a_token_of_another_instagram_account_is_told_there(
    http: Http, provider: Provider
) -> None:
    channel = meta_channel("instagram", "account_id", ACCOUNT_ID)
    provider.answers("GET", "/me", says({"id": "1", "user_id": "17841400000000009"}))
    found = states(await Instagram(http, "https://127.0.0.1", provider.url).examine(channel))
    assert (found["access_token"], found["account_id"]) == ("ok", "wrong")
