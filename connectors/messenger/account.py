"""Asks Meta whether a page's credentials work, which of them does not, and who a person is."""

from __future__ import annotations

from connectors import meta_credentials as credentials
from connectors.body import line
from connectors.messaging.profile import fetch_profile
from connectors.messaging.values import own_id
from connectors.meta import Graph
from inbox.domain.abilities import Profile
from inbox.domain.channel import Channel
from inbox.domain.errors import AccountTrouble, Permanent
from inbox.domain.examination import Examination

_PERMISSIONS = ("pages_messaging", "pages_manage_metadata")
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


async def examine(graph: Graph, channel: Channel) -> Examination:
    """As `Examines.examine` says."""
    known = await credentials.token(graph, channel, _PERMISSIONS)
    findings = {"access_token": known.finding}
    if known.finding.state == "wrong" or not channel.setting("access_token"):
        rest = dict.fromkeys(("page_id", "app_secret"), credentials.LATER)
        return Examination(findings=findings | rest)
    name = None
    if channel.setting("page_id"):
        try:
            name = await check(graph, channel)
            findings["page_id"] = credentials.OK
        except Permanent as error:
            findings["page_id"] = credentials.wrong(str(error))
    findings["app_secret"] = await credentials.app_secret(graph, channel)
    return Examination(findings=findings, account_name=name, expires_at=known.expires_at)


async def profile(graph: Graph, identity_key: str, channel: Channel) -> Profile | None:
    """source  developers.facebook.com/docs/messenger-platform/identity/user-profile"""
    return await fetch_profile(graph, channel.setting("access_token"), identity_key, _PROFILE)
