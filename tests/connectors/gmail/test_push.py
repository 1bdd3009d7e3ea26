"""Pub/Sub's pushes: whom we believe. The token says who calls and for whom."""

from __future__ import annotations

import json
import time
from dataclasses import replace
from typing import Any

import jwt
import pytest

from connectors.gmail import Gmail
from connectors.http import Answer, Http
from inbox.domain.abilities import FetchesKeys
from inbox.domain.channel import Channel, Connector, Payload, WebhookRequest
from inbox.domain.errors import Temporary, Untrusted
from inbox.domain.report import PullAsked
from tests.connectors.conftest import Provider, Reply
from tests.connectors.contract import API, Contract
from tests.connectors.gmail.conftest import (
    KEYS,
    PUSH_URL,
    SIGNER,
    google_at,
    jwks,
    signed_token,
)
from tests.connectors.people import PAYLOADS, gmail_channel

BODY = json.dumps(
    json.loads((PAYLOADS / "gmail" / "api" / "api_push_request.json").read_text())["body"]
).encode()


def pushed(token: str, url: str = PUSH_URL) -> WebhookRequest:
    headers = {"authorization": f"Bearer {token}", "content-type": "application/json"}
    return WebhookRequest(method="POST", url=url, query=b"", headers=headers, body=BODY)


class TestGmail(Contract):
    signature_header = "authorization"
    content_type = "application/json"
    unknown_change = Payload(
        method="POST",
        query=b"",
        content_type="application/json",
        body=b'{"message": {"data": "e30=", "messageId": "1"}, "subscription": "s"}',
    )
    signs_body = False
    reported = PullAsked

    def connector(self, http: Http | None = None, url: str = API) -> Connector:
        connector = Gmail(http or Http(), google_at(url))
        connector.keys.learn(Answer(status=200, headers={}, body=jwks("a")))
        return connector

    def channel(self, secret: str | None = None) -> Channel:
        return gmail_channel(**({} if secret is None else {"service_account": secret}))

    def signed(self, secret: str | None = None) -> WebhookRequest:
        return pushed(signed_token(email=SIGNER if secret is None else secret))


@pytest.fixture
def known() -> Gmail:
    """A connector that has Google's keys already."""
    connector = Gmail(Http(), google_at(API))
    connector.keys.learn(Answer(status=200, headers={}, body=jwks("a")))
    return connector


CLAIMS: dict[str, dict[str, Any]] = {
    "another audience": {"aud": "https://inbox.example.com/webhooks/gmail/chn_other"},
    "no audience": {"aud": None},
    "another service account": {"email": "other@demo-project.iam.gserviceaccount.com"},
    "no service account": {"email": None},
    "an address that is not verified": {"email_verified": False},
    "an address that says yes in words": {"email_verified": "true"},
    "another issuer": {"iss": "https://accounts.example.com"},
    "no issuer": {"iss": None},
    "run out two minutes ago": {"exp": int(time.time()) - 120},
    "no end": {"exp": None},
    # By the hour: the run may come to it long after it was read.
    "from the future": {"iat": int(time.time()) + 6 * 3600},
    "no beginning": {"iat": None},
    "an odd end": {"exp": "soon"},
    "an endless end": {"exp": 1e400},
    "signed with another key": {"key": "b", "headers": {"kid": "a"}},
    "a key that nobody has": {"headers": {"kid": "z"}},
    "a key without a name": {"headers": {"kid": None}},
}


@pytest.mark.parametrize("why", CLAIMS)
def test_a_token_is_refused_that_is(known: Gmail, why: str) -> None:
    known.verify(pushed(signed_token()), [gmail_channel()])
    with pytest.raises(Untrusted):
        known.verify(pushed(signed_token(**CLAIMS[why])), [gmail_channel()])


@pytest.mark.parametrize("seconds", [-50, -1])
def test_clocks_may_differ_by_a_minute(known: Gmail, seconds: int) -> None:
    now = int(time.time())
    token = signed_token(exp=now + seconds, iat=now - seconds)
    known.verify(pushed(token), [gmail_channel()])


def test_both_names_of_the_issuer_are_google(known: Gmail) -> None:
    known.verify(pushed(signed_token(iss="accounts.google.com")), [gmail_channel()])


def test_an_audience_of_ones_own_takes_the_place_of_the_address(known: Gmail) -> None:
    channel = gmail_channel(audience="assent-mail")
    known.verify(pushed(signed_token(aud="assent-mail")), [channel])
    with pytest.raises(Untrusted):
        known.verify(pushed(signed_token()), [channel])


def test_without_a_service_account_nobody_is_believed(known: Gmail) -> None:
    for name in ("", " "):
        with pytest.raises(Untrusted):
            known.verify(pushed(signed_token(email=name)), [gmail_channel(service_account=name)])


@pytest.mark.parametrize("token", ["", "x", "a.b.c"])
def test_a_stranger_without_googles_word_says_nothing_of_our_settings(
    known: Gmail, token: str
) -> None:
    with pytest.raises(Untrusted) as refusal:
        known.verify(pushed(token), [gmail_channel()])
    assert refusal.value.code == "unsigned"
    with pytest.raises(Untrusted) as refusal:
        known.verify(pushed(signed_token(email="other@example.com")), [gmail_channel()])
    assert refusal.value.code != "unsigned"


def test_a_token_without_a_signature_is_refused(known: Gmail) -> None:
    claims = jwt.decode(signed_token(), options={"verify_signature": False})
    modulus = json.loads(jwks("a"))["keys"][0]["n"]
    for token in (
        jwt.encode(claims, None, algorithm="none", headers={"kid": "a"}),
        # What a careless check would take: our public key as the secret of an HMAC.
        jwt.encode(claims, modulus, algorithm="HS256", headers={"kid": "a"}),
        jwt.encode(claims, KEYS["a"], algorithm="RS512", headers={"kid": "a"}),
    ):
        with pytest.raises(Untrusted):
            known.verify(pushed(token), [gmail_channel()])


def test_another_scheme_than_bearer_is_refused(known: Gmail) -> None:
    request = pushed(signed_token())
    headers = {**request.headers, "authorization": f"Basic {signed_token()}"}
    with pytest.raises(Untrusted):
        known.verify(replace(request, headers=headers), [gmail_channel()])


# -- the keys --------------------------------------------------------------------------------------


def certs(*names: str, age: int = 3600) -> Reply:
    return Reply(body=jwks(*names), headers={"Cache-Control": f"public, max-age={age}"})


async def test_the_keys_are_fetched_once_for_as_long_as_they_hold(
    connector: Gmail, provider: Provider
) -> None:
    assert isinstance(connector, FetchesKeys)
    provider.answers("GET", "/certs", certs("a"))
    for _ in range(3):
        await connector.fetch_keys(pushed(signed_token()))
        connector.verify(pushed(signed_token()), [gmail_channel()])
    assert len(provider.calls) == 1


async def test_an_unknown_key_is_looked_for_once_a_minute_at_most(
    http: Http, provider: Provider
) -> None:
    clock = [0.0]
    connector = Gmail(http, google_at(provider.url), clock=lambda: clock[0])
    provider.answers("GET", "/certs", certs("a"), certs("a", "b"), certs("b"))
    await connector.fetch_keys(pushed(signed_token()))
    replaced = pushed(signed_token(key="b"))
    for _ in range(5):
        await connector.fetch_keys(replaced)
    assert len(provider.calls) == 1
    with pytest.raises(Untrusted):
        connector.verify(replaced, [gmail_channel()])
    clock[0] = 61.0
    await connector.fetch_keys(replaced)
    connector.verify(replaced, [gmail_channel()])
    assert len(provider.calls) == 2


async def test_keys_are_fetched_again_when_their_time_is_over(
    http: Http, provider: Provider
) -> None:
    clock = [0.0]
    connector = Gmail(http, google_at(provider.url), clock=lambda: clock[0])
    provider.answers("GET", "/certs", certs("a", age=120), certs("b"))
    await connector.fetch_keys(pushed(signed_token()))
    clock[0] = 121.0
    await connector.fetch_keys(pushed(signed_token()))
    with pytest.raises(Untrusted):
        connector.verify(pushed(signed_token()), [gmail_channel()])


async def test_keys_that_are_known_serve_while_google_cannot_be_reached(
    http: Http, provider: Provider
) -> None:
    clock = [0.0]
    connector = Gmail(http, google_at(provider.url), clock=lambda: clock[0])
    provider.answers("GET", "/certs", certs("a", age=60), Reply(status=503))
    await connector.fetch_keys(pushed(signed_token()))
    clock[0] = 100.0
    await connector.fetch_keys(pushed(signed_token()))
    connector.verify(pushed(signed_token()), [gmail_channel()])


async def test_without_any_keys_the_push_has_to_come_again(
    connector: Gmail, provider: Provider
) -> None:
    provider.answers("GET", "/certs", Reply(body=b"[]"))
    for _ in range(3):
        with pytest.raises(Temporary):
            await connector.fetch_keys(pushed(signed_token()))
    assert len(provider.calls) == 1


@pytest.mark.parametrize("token", ["", "x", "a.b.c", "é", "x" * 9000])
async def test_what_is_no_token_makes_no_call(
    connector: Gmail, provider: Provider, token: str
) -> None:
    await connector.fetch_keys(pushed(token))
    assert provider.calls == []
