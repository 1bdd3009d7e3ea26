"""Whether a mailbox's sign-in works, and how it is made."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from contextlib import suppress

from connectors.body import line
from connectors.gmail import history, oauth, quota
from connectors.gmail.client import Gmail, read
from inbox.domain.channel import Channel
from inbox.domain.errors import Permanent, Temporary

STOP_S = 4.0


async def check(gmail: Gmail, channel: Channel) -> str:
    """The mailbox's address. Raises as `Connector.check` says."""
    profile = await gmail.ask(channel, "/profile", units=quota.PROFILE)
    address = (line(profile, "emailAddress", 320) or "").lower()
    if address != channel.account.lower():
        raise Permanent(
            "This sign-in is for another mailbox than the address that was entered. Sign in with"
            " the right one.",
            code="other_mailbox",
        )
    if channel.setting("topic"):
        await _check_topic(gmail, channel)
    return address


async def _check_topic(gmail: Gmail, channel: Channel) -> None:
    try:
        await history.watch(gmail, channel)
    except Permanent as error:
        if error.code not in ("failedPrecondition", "invalidArgument", "notFound"):
            raise
        raise Permanent(
            "Gmail may not publish to the Pub/Sub topic. Grant Pub/Sub Publisher on it to"
            " gmail-api-push@system.gserviceaccount.com, or leave the topic empty.",
            code="topic_refused",
        ) from error


async def sign_in(
    gmail: Gmail, given: Mapping[str, str], *, redirect_uri: str, code: str, code_verifier: str
) -> dict[str, str]:
    """Raises as `SignsIn.sign_in` says."""
    grant = await oauth.exchange(
        gmail.http,
        gmail.google,
        given,
        redirect_uri=redirect_uri,
        code=code,
        code_verifier=code_verifier,
    )
    answer = await gmail.http.call(
        "GET",
        f"{gmail.google.gmail_url}/gmail/v1/users/me/profile",
        headers={"Authorization": f"Bearer {grant.access_token}"},
    )
    address = (line(read(answer), "emailAddress", 320) or "").lower()
    if "@" not in address:
        raise Permanent("Google did not say whose mailbox this is.", code="no_address")
    return {**given, "refresh_token": grant.refresh_token, "address": address}


async def sign_out(gmail: Gmail, channel: Channel) -> None:
    """Raises as `SignsOut.sign_out` says: of the revoking, which ends the watch's use as well."""
    # While there still is a token to ask with; without an answer the watch ends within a week.
    with suppress(Temporary, Permanent, TimeoutError):
        async with asyncio.timeout(STOP_S):
            await gmail.call(
                channel, "POST", "/stop", units=quota.STOP, urgent=True, repeatable=True
            )
    await gmail.tokens.revoke(channel)
