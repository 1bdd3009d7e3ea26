"""The two ways in, whether an account's credentials work and how they are renewed, and who a person
is."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from connectors.body import code, line
from connectors.messaging.profile import fetch_profile
from connectors.messaging.values import own_id
from connectors.meta import Graph, segment
from inbox.domain.channel import Channel, Profile, Renewed, Secret
from inbox.domain.errors import AccountTrouble, Temporary

ENDS_AT = "access_token_ends_at"
_YOUNG = timedelta(days=1)
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
