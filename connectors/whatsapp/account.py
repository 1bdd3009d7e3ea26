"""Asks Meta whether a channel's credentials work."""

from __future__ import annotations

from connectors.body import line
from connectors.meta import Graph, segment
from inbox.domain.channel import Channel


async def check(graph: Graph, channel: Channel) -> str:
    """The number's name for people, such as "Example Shop (+1 555 0100)". Raises as
    `Connector.check` says."""
    number = segment(channel.setting("phone_number_id"))
    path = f"{number}?fields=verified_name,display_phone_number"
    document = await graph.get(path, channel.setting("access_token"))
    name, phone = line(document, "verified_name"), line(document, "display_phone_number", 64)
    if name and phone:
        return f"{name} ({phone})"
    return name or phone or channel.account
