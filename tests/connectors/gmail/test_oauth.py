"""Google's sign-in: the page, the code, and access tokens that are renewed in time and once."""

from __future__ import annotations

import asyncio
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import pytest

from connectors.gmail import Gmail
from inbox.domain.abilities import SignsIn, SignsOut
from inbox.domain.channel import Channel
from inbox.domain.errors import AccountTrouble, Permanent, Temporary
from tests.connectors.conftest import Provider, Reply
from tests.connectors.gmail.conftest import Edge, body, error, token
from tests.connectors.people import gmail_channel

PROFILE = {"emailAddress": "Support@Example.com", "historyId": "9"}
GIVEN = {"client_id": "id-1", "client_secret": "secret-1", "topic": "projects/p/topics/t"}
CALLBACK = "https://inbox.example.com/oauth/callback"
SCOPE = "https://www.googleapis.com/auth/gmail.modify"


def form(edge: Edge, number: int = 0) -> dict[str, str]:
    calls = [call for call in edge.provider.calls if call.path == "/token"]
    return dict(parse_qsl(calls[number].body.decode()))


def granted(**changes: Any) -> Reply:
    whole = {
        "access_token": "ya29.one",
        "expires_in": 3599,
        "refresh_token": "1//new",
        "scope": f"openid {SCOPE}",
        "token_type": "Bearer",
        **changes,
    }
    return body({name: value for name, value in whole.items() if value is not None})


async def sign_in(connector: Gmail) -> dict[str, str]:
    return await connector.sign_in(
        GIVEN, redirect_uri=CALLBACK, code="4/0A", code_verifier="v" * 43
    )


def test_the_page_is_asked_for_a_lasting_sign_in(connector: Gmail) -> None:
    assert isinstance(connector, SignsIn)
    url = connector.sign_in_url(
        GIVEN,
        redirect_uri=CALLBACK,
        state="s&1",
        code_challenge="c-1",
        hint="support@example.com",
    )
    assert urlsplit(url).path == "/o/oauth2/v2/auth"
    assert {name: value[0] for name, value in parse_qs(urlsplit(url).query).items()} == {
        "client_id": "id-1",
        "redirect_uri": CALLBACK,
        "response_type": "code",
        "scope": SCOPE,
        "access_type": "offline",
        "prompt": "consent",
        "include_granted_scopes": "true",
        "state": "s&1",
        "code_challenge": "c-1",
        "code_challenge_method": "S256",
        "login_hint": "support@example.com",
    }
    assert "secret-1" not in url


async def test_a_code_becomes_all_credentials_of_the_mailbox(connector: Gmail, edge: Edge) -> None:
    edge.gives_tokens(granted())
    edge.answers("GET", "/profile", body(PROFILE))
    found = await sign_in(connector)
    assert found == {**GIVEN, "refresh_token": "1//new", "address": "support@example.com"}
    assert form(edge) == {
        "grant_type": "authorization_code",
        "code": "4/0A",
        "client_id": "id-1",
        "client_secret": "secret-1",
        "redirect_uri": CALLBACK,
        "code_verifier": "v" * 43,
    }


@pytest.mark.parametrize("scope", ["openid", "", None, SCOPE + ".other"])
async def test_an_unticked_permission_is_named(
    connector: Gmail, edge: Edge, scope: str | None
) -> None:
    edge.gives_tokens(granted(scope=scope))
    with pytest.raises(Permanent, match="Read, compose and send") as refusal:
        await sign_in(connector)
    assert refusal.value.code == "scope_missing"


async def test_a_sign_in_that_would_not_last_is_refused(connector: Gmail, edge: Edge) -> None:
    edge.gives_tokens(granted(refresh_token=None))
    with pytest.raises(Permanent, match="no lasting sign-in"):
        await sign_in(connector)


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("invalid_grant", "connect it again"),
        ("invalid_client", "ID and secret"),
        ("redirect_uri_mismatch", "redirect URIs"),
        ("something_new", "connect it again"),
    ],
)
async def test_what_google_refuses_is_said_in_a_sentence(
    connector: Gmail, edge: Edge, word: str, words: str
) -> None:
    edge.gives_tokens(body({"error": word, "error_description": "x"}, 400))
    with pytest.raises(Permanent, match=words) as refusal:
        await sign_in(connector)
    assert refusal.value.code == word


async def test_a_fault_of_google_is_temporary(connector: Gmail, edge: Edge) -> None:
    edge.gives_tokens(Reply(status=503), Reply(body=b"<html>"), Reply(reset=True))
    for _ in range(3):
        with pytest.raises(Temporary):
            await sign_in(connector)


# -- access tokens ---------------------------------------------------------------------------------


async def test_one_token_serves_until_shortly_before_its_end(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens()
    edge.answers("GET", "/profile", body(PROFILE), body(PROFILE))
    await connector.check(channel)
    await connector.check(channel)
    assert edge.refreshed() == 1
    assert form(edge)["refresh_token"] == "1//refresh-1"
    headers = {call.headers["authorization"] for call in edge.provider.calls[1:]}
    assert headers == {"Bearer ya29.one"}


async def test_a_token_near_its_end_is_renewed(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens(token("ya29.old", seconds=0), token("ya29.new", seconds=0))
    edge.answers("GET", "/profile", body(PROFILE), body(PROFILE))
    await connector.check(channel)
    await connector.check(channel)
    assert edge.refreshed() == 2


async def test_calls_at_the_same_time_renew_once(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens()
    edge.answers("GET", "/profile", *[body(PROFILE)] * 8)
    await asyncio.gather(*(connector.check(channel) for _ in range(8)))
    assert (edge.refreshed(), len(edge.asked())) == (1, 8)


async def test_a_refused_token_is_renewed_once_and_the_call_made_again(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens(token("ya29.old"), token("ya29.new"))
    edge.answers("GET", "/profile", error(401, "authError"), body(PROFILE))
    assert await connector.check(channel) == "support@example.com"
    assert edge.provider.calls[-1].headers["authorization"] == "Bearer ya29.new"


async def test_a_mailbox_that_refuses_a_new_token_is_in_trouble(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens(token("ya29.old"), token("ya29.new"))
    edge.answers("GET", "/profile", *[error(401, "authError")] * 3)
    with pytest.raises(AccountTrouble, match="connect it again"):
        await connector.check(channel)
    assert (edge.refreshed(), len(edge.asked())) == (2, 2)


async def test_a_sign_in_that_was_ended_is_not_asked_for_again_and_again(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens(body({"error": "invalid_grant"}, 400), token())
    for _ in range(3):
        with pytest.raises(AccountTrouble) as trouble:
            await connector.check(channel)
        assert trouble.value.code == "invalid_grant"
    assert (edge.refreshed(), edge.asked()) == (1, [])


async def test_a_new_sign_in_mends_it_at_once(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens(body({"error": "invalid_grant"}, 400), token())
    edge.answers("GET", "/profile", body(PROFILE))
    with pytest.raises(AccountTrouble):
        await connector.check(channel)
    await connector.check(gmail_channel(refresh_token="1//refresh-2"))
    assert form(edge, 1)["refresh_token"] == "1//refresh-2"


async def test_no_secret_is_in_an_error(
    connector: Gmail, channel: Channel, edge: Edge, provider: Provider
) -> None:
    edge.gives_tokens(body({"error": "1//refresh-1 ya29.one"}, 400))
    with pytest.raises(AccountTrouble) as trouble:
        await connector.check(channel)
    assert "refresh-1" not in str(trouble.value)
    assert provider.calls[0].path == "/token"


def revoked(edge: Edge) -> list[dict[str, str]]:
    calls = [call for call in edge.provider.calls if call.path == "/revoke"]
    return [dict(parse_qsl(call.body.decode())) for call in calls]


async def test_signing_out_ends_the_watch_and_then_the_sign_in(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    assert isinstance(connector, SignsOut)
    edge.gives_tokens()
    edge.answers("POST", "/stop", Reply(status=204))
    edge.provider.answers("POST", "/revoke", body({}))
    await connector.sign_out(channel)
    assert [call.path.rpartition("/")[2] for call in edge.provider.calls] == [
        "token",
        "stop",
        "revoke",
    ]
    assert revoked(edge) == [{"token": channel.setting("refresh_token")}]


@pytest.mark.parametrize("stop", [Reply(status=503), error(403, "domainPolicy")])
async def test_a_watch_that_cannot_be_ended_does_not_keep_the_sign_in(
    connector: Gmail, channel: Channel, edge: Edge, stop: Reply
) -> None:
    edge.gives_tokens()
    edge.answers("POST", "/stop", stop)
    edge.provider.answers("POST", "/revoke", body({}))
    await connector.sign_out(channel)
    assert len(revoked(edge)) == 1


async def test_a_sign_in_that_has_ended_already_is_ended(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens(body({"error": "invalid_grant"}, 400))
    edge.provider.answers("POST", "/revoke", body({"error": "invalid_token"}, 400))
    await connector.sign_out(channel)
    assert len(revoked(edge)) == 1


async def test_a_sign_in_that_google_could_not_end_is_told(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens()
    edge.provider.answers("POST", "/revoke", Reply(status=503))
    with pytest.raises(Temporary):
        await connector.sign_out(channel)


async def test_a_token_of_before_is_not_used_after_signing_out(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens(token(), body({"error": "invalid_grant"}, 400))
    edge.answers("POST", "/stop", Reply(status=204))
    edge.provider.answers("POST", "/revoke", body({}))
    await connector.sign_out(channel)
    with pytest.raises(AccountTrouble):
        await connector.check(channel)
