"""Asks Meta whether a page's credentials work, and who a person is."""

from __future__ import annotations

from connectors.body import line
from connectors.messaging.profile import fetch_profile
from connectors.messaging.values import own_id
from connectors.meta import Graph
from inbox.domain.channel import Channel, Profile
from inbox.domain.errors import AccountTrouble

_PROFILE = ("first_name", "last_name", "name", "profile_pic")


async def check(graph: Graph, channel: Channel) -> str:
    """The page's name. Raises as `Connector.check` says; a token of another page, or of a person,
    is no use either."""
    document = await graph.get("me?fields=id,name", channel.setting("access_token"))
    if own_id(document, "id") != channel.account:
        raise AccountTrouble(
            "The access token belongs to another page or to a person. Generate one for this page.",
            code="other_account",
        )
    return line(document, "name") or channel.account


async def profile(graph: Graph, identity_key: str, channel: Channel) -> Profile | None:
    """source  developers.facebook.com/docs/messenger-platform/identity/user-profile"""
    return await fetch_profile(graph, channel.setting("access_token"), identity_key, _PROFILE)
