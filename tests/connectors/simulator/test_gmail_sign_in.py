"""Google's sign-in, seen by the connector: the page, tokens, and a restart in between."""

from __future__ import annotations

import base64
import hashlib
from dataclasses import replace
from typing import Any
from urllib.parse import parse_qs, urlsplit

import aiohttp
import pytest

from inbox.domain.channel import Secret
from inbox.domain.errors import AccountTrouble, Permanent

from .conftest import Process, Simulator
from .mailbox import GOOGLE, MAILBOX, Puller, happens, mailbox_at, read

SCOPE = "https://www.googleapis.com/auth/gmail.modify"
CALLBACK = "https://inbox.example.com/oauth/callback"
VERIFIER = "v" * 43
CHALLENGE = base64.urlsafe_b64encode(hashlib.sha256(VERIFIER.encode()).digest()).decode()[:43]


async def test_tokens_that_run_out_are_renewed(simulator: Simulator, puller: Puller) -> None:
    await puller.pull()
    await happens(simulator, "expire-tokens")
    assert await puller.connector.check(puller.channel) == MAILBOX
    counts = (await simulator.control("GET", "/log"))["counts"]
    assert counts["gmail.token.200"] == 2


async def test_a_sign_in_that_was_ended_is_trouble_of_the_account(
    simulator: Simulator, puller: Puller
) -> None:
    await puller.pull()
    await happens(simulator, "revoke")
    with pytest.raises(AccountTrouble) as trouble:
        await puller.pull()
    assert trouble.value.code == "invalid_grant"


async def consent(puller: Puller, session: aiohttp.ClientSession, **answer: Any) -> dict[str, str]:
    """Go to the page as a browser, and answer it; what the app is told."""
    url = puller.connector.sign_in_url(
        GOOGLE, redirect_uri=CALLBACK, state="state-1", code_challenge=CHALLENGE, hint=MAILBOX
    )
    async with session.get(url) as page:
        assert page.status == 200
        assert "Read, compose and send" in await page.text()
        assert (
            "form-action 'self' https://inbox.example.com"
            in page.headers["Content-Security-Policy"]
        )
    params = {
        **{name: value[0] for name, value in parse_qs(urlsplit(url).query).items()},
        "account": MAILBOX,
        "decision": "allow",
        "granted": SCOPE,
        **answer,
    }
    page_url = url.partition("?")[0]
    async with session.get(page_url, params=params, allow_redirects=False) as back:
        assert back.headers["Location"].startswith(CALLBACK)
        query = parse_qs(urlsplit(back.headers["Location"]).query)
        return {name: value[0] for name, value in query.items()}


async def test_a_person_signs_in_and_the_mailbox_works(
    session: aiohttp.ClientSession, puller: Puller
) -> None:
    told = await consent(puller, session)
    assert told["state"] == "state-1"
    found = await puller.connector.sign_in(
        GOOGLE, redirect_uri=CALLBACK, code=told["code"], code_verifier=VERIFIER
    )
    assert (found["address"], found["client_id"]) == (MAILBOX, "client-1")
    token = Secret(found["refresh_token"])
    signed_in = replace(puller.channel, secrets={**puller.channel.secrets, "refresh_token": token})
    assert await puller.connector.check(signed_in) == MAILBOX
    # A code is good once.
    with pytest.raises(Permanent):
        await puller.connector.sign_in(
            GOOGLE, redirect_uri=CALLBACK, code=told["code"], code_verifier=VERIFIER
        )


WRONG: dict[str, dict[str, str]] = {
    "another verifier": {"code_verifier": "w" * 43},
    "another address to return to": {"redirect_uri": CALLBACK + "2"},
    "another code": {"code": "4/0Aother"},
}


@pytest.mark.parametrize("why", WRONG)
async def test_a_sign_in_is_refused_with(
    session: aiohttp.ClientSession, puller: Puller, why: str
) -> None:
    told = await consent(puller, session)
    given = {"redirect_uri": CALLBACK, "code": told["code"], "code_verifier": VERIFIER}
    with pytest.raises(Permanent):
        await puller.connector.sign_in(GOOGLE, **{**given, **WRONG[why]})


async def test_a_wrong_client_secret_is_named(
    session: aiohttp.ClientSession, puller: Puller
) -> None:
    told = await consent(puller, session)
    wrong = {**GOOGLE, "client_secret": "wrong"}
    with pytest.raises(Permanent, match="ID and secret"):
        await puller.connector.sign_in(
            wrong, redirect_uri=CALLBACK, code=told["code"], code_verifier=VERIFIER
        )


async def test_an_unticked_permission_and_a_no_are_told(
    session: aiohttp.ClientSession, puller: Puller
) -> None:
    told = await consent(puller, session, granted="openid")
    with pytest.raises(Permanent, match="Read, compose and send"):
        await puller.connector.sign_in(
            GOOGLE, redirect_uri=CALLBACK, code=told["code"], code_verifier=VERIFIER
        )
    denied = await consent(puller, session, decision="deny")
    assert denied == {"error": "access_denied", "state": "state-1"}


async def test_a_mailbox_that_nobody_has_registered_appears(
    simulator: Simulator, session: aiohttp.ClientSession, puller: Puller
) -> None:
    told = await consent(puller, session, account="New@Example.com")
    found = await puller.connector.sign_in(
        GOOGLE, redirect_uri=CALLBACK, code=told["code"], code_verifier=VERIFIER
    )
    assert found["address"] == "new@example.com"
    accounts = await simulator.control("GET", "/accounts")
    assert ("gmail", "new@example.com") in {(a["kind"], a["account"]) for a in accounts}


async def test_a_mailbox_outlives_the_process(
    session: aiohttp.ClientSession, puller: Puller, simulator: Simulator, process: Process
) -> None:
    written = await simulator.texts("gmail", "Still here?", subject="Kettle")
    await puller.pull()
    process.stop()
    process.start()
    again = Simulator(session, process.base)
    async with mailbox_at(process.base) as restarted:
        restarted.cursor = puller.cursor
        assert await restarted.pull() == []
        await again.texts("gmail", "And this?", reply_to=written["provider_id"])
        assert [read(one)["Subject"] for one in await restarted.pull()] == ["Re: Kettle"]
