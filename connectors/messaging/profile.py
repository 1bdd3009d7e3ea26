"""Who a person is: webhooks carry an id alone, and the rest must be asked for."""

from __future__ import annotations

from connectors.body import line
from connectors.messaging.values import link
from connectors.meta import Graph, segment
from inbox.domain.abilities import Profile
from inbox.domain.errors import AssentError


async def fetch_profile(
    graph: Graph, token: str, identity_key: str, fields: tuple[str, ...]
) -> Profile | None:
    """What the platform tells of this person; None where it tells nothing: no permission, no
    profile, blocked, or not now. Never raises: a name is not worth a message."""
    path = f"{segment(identity_key)}?fields={','.join(fields)}"
    try:
        document = await graph.get(path, token)
    except AssentError:
        return None
    parts = (line(document, "first_name", 128), line(document, "last_name", 128))
    name = line(document, "name", 256) or " ".join(part for part in parts if part)
    username = line(document, "username", 64)
    picture = link(document, "profile_pic")
    if not (name or username or picture):
        return None
    return Profile(name=name or None, username=username, picture_url=picture)
