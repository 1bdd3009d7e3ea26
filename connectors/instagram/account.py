"""The two ways in, whether an account's credentials work and how they are renewed, and who a person
is."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

from connectors import meta_credentials as credentials
from connectors.body import code, line
from connectors.messaging.profile import fetch_profile
from connectors.messaging.values import own_id
from connectors.meta import Graph, segment
from inbox.domain.abilities import Profile, Renewed
from inbox.domain.channel import Channel, Secret
from inbox.domain.errors import AccountTrouble, Permanent, Temporary
from inbox.domain.examination import Examination, Finding

ENDS_AT = "access_token_ends_at"
_YOUNG = timedelta(days=1)
_PERMISSIONS = ("instagram_basic", "instagram_manage_messages")
# Of a token that Instagram itself made; it does not say how old one is, so this is the latest.
_TOKEN_LASTS = timedelta(days=60)
_PROFILE = ("name", "username", "profile_pic")


@dataclass(frozen=True, kw_only=True, slots=True)
class Graphs:
    """An account that signed in with Instagram itself is reached at another host than one that is
    linked to a Facebook page."""

    instagram: Graph
    facebook: Graph

    def of(self, channel: Channel) -> Graph:
        """The one for this channel. raises AccountTrouble"""
        match login(channel):
            case "instagram":
                return self.instagram
            case "facebook":
                return self.facebook
        raise AccountTrouble(
            "“Connected by” must be instagram or facebook. An admin must mend it.", code="login"
        )


def login(channel: Channel) -> str:
    return channel.setting("login").strip().lower() or "instagram"


async def check(graphs: Graphs, channel: Channel) -> str:
    """The account's name for people, such as "Example Shop (@example.shop)". Raises as
    `Connector.check` says; a token of another account is no use either."""
    graph, token = graphs.of(channel), channel.setting("access_token")
    if login(channel) == "facebook":
        document = await graph.get(f"{segment(channel.account)}?fields=id,username,name", token)
    else:
        # `id` is another id of the same account, scoped to the app; webhooks name `user_id`.
        document = await graph.get("me?fields=user_id,username,name", token)
    if (own_id(document, "user_id") or own_id(document, "id")) != channel.account:
        raise AccountTrouble(
            "The access token belongs to another Instagram account. Generate one for this account.",
            code="other_account",
        )
    name, username = line(document, "name"), line(document, "username", 64)
    if name and username:
        return f"{name} (@{username})"
    return f"@{username}" if username else name or channel.account


async def examine(graphs: Graphs, channel: Channel) -> Examination:
    """As `Examines.examine` says."""
    if not channel.setting("access_token"):
        return Examination(findings=dict.fromkeys(("account_id", "app_secret"), credentials.LATER))
    if login(channel) == "facebook":
        return await _by_facebook(graphs, channel)
    name, findings = await _account(graphs, channel)
    findings["app_secret"] = Finding(
        state="unknown", reason="Instagram cannot be asked; the first message will tell."
    )
    entered_at = channel.changed_at.get("access_token", datetime.now(UTC))
    # Renewed since, or entered anew since it was renewed: whichever lasts longer.
    expires_at = max(entered_at + _TOKEN_LASTS, renew_before(channel) or entered_at)
    return Examination(findings=findings, account_name=name, expires_at=expires_at)


async def _by_facebook(graphs: Graphs, channel: Channel) -> Examination:
    known = await credentials.token(graphs.facebook, channel, _PERMISSIONS)
    if known.finding.state == "wrong":
        rest = dict.fromkeys(("account_id", "app_secret"), credentials.LATER)
        return Examination(findings={"access_token": known.finding} | rest)
    name, findings = await _account(graphs, channel)
    findings["app_secret"] = await credentials.app_secret(graphs.facebook, channel)
    return Examination(
        findings={"access_token": known.finding} | findings,
        account_name=name,
        expires_at=known.expires_at,
    )


async def _account(graphs: Graphs, channel: Channel) -> tuple[str | None, dict[str, Finding]]:
    """The account's name, and what is known of the token and the account once it was asked for."""
    try:
        name = await check(graphs, channel)
    except AccountTrouble as error:
        if error.code == "other_account" and channel.account:
            ok, other = credentials.OK, credentials.wrong(str(error))
            return None, {"access_token": ok, "account_id": other}
        if error.code == "other_account":
            return None, {"access_token": credentials.OK}
        return None, {
            "access_token": credentials.wrong(str(error)),
            "account_id": credentials.LATER,
        }
    except Permanent:
        reason = "Meta knows no such Instagram account for this access token. Copy its ID again."
        return None, {"account_id": credentials.wrong(reason)}
    return name, {"access_token": credentials.OK, "account_id": credentials.OK}


async def profile(graphs: Graphs, identity_key: str, channel: Channel) -> Profile | None:
    """source  developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/
    messaging-api/user-profile"""
    try:
        graph = graphs.of(channel)
    except AccountTrouble:
        return None
    return await fetch_profile(graph, channel.setting("access_token"), identity_key, _PROFILE)


async def renew(graphs: Graphs, channel: Channel, now: datetime) -> Renewed | None:
    """Exchange the token of an account that signed in with Instagram itself for one that is good
    for sixty days more; one that is less than a day old is not exchanged.

    raises   Temporary, Permanent, AccountTrouble (it has run out)
    source   developers.facebook.com/docs/instagram-platform/reference/refresh_access_token
    """
    if login(channel) != "instagram" or now - channel.created_at < _YOUNG:
        return None
    # This one address has no version.
    root = replace(graphs.instagram, url=re.sub(r"/v[0-9.]+/?$", "", graphs.instagram.url))
    asked = "refresh_access_token?grant_type=ig_refresh_token"
    document = await root.get(asked, channel.setting("access_token"))
    token, seconds = line(document, "access_token", 4096), code(document, "expires_in")
    if token is None or seconds is None or not 0 < seconds < 10**9:
        raise Temporary("Instagram gave no new access token.", code="bad_answer")
    ends_at = now + timedelta(seconds=seconds)
    config = {ENDS_AT: ends_at.isoformat(timespec="seconds")}
    return Renewed(config=config, secrets={"access_token": Secret(token)})


def renew_before(channel: Channel) -> datetime | None:
    try:
        ends_at = datetime.fromisoformat(channel.setting(ENDS_AT))
    except ValueError:
        return None
    return ends_at if ends_at.tzinfo is not None else None


async def own_ids(graphs: Graphs, channel: Channel) -> tuple[str, ...]:
    """By what else than its own id the account may be named in a list: with Instagram's own login,
    the id that this app alone knows it by. Raises as `Pulls.pull` says."""
    if login(channel) == "facebook":
        return ()
    graph = graphs.of(channel)
    document = await graph.get("me?fields=user_id", channel.setting("access_token"))
    found = own_id(document, "id")
    return () if found is None else (found,)
