"""What goes to Messenger and Instagram and is no message: reactions, "seen" and "is writing".

All are `sender_action`s. `build` is pure.

source  developers.facebook.com/docs/messenger-platform/send-messages/sender-actions
"""

from __future__ import annotations

from datetime import UTC, datetime

from connectors.meta import Graph
from inbox.domain.abilities import OutboundReaction
from inbox.domain.errors import Permanent
from inbox.domain.gate import Permit

# The platform takes these, by its own names.
REACTIONS = {
    "👍": "like",
    "❤️": "love",
    "😆": "smile",
    "😮": "wow",
    "😢": "sad",
    "😠": "angry",
}


async def react(graph: Graph, path: str, reaction: OutboundReaction, permit: Permit) -> None:
    """As `Reacts.react` says."""
    permit.spend(reaction.subject(), datetime.now(UTC))
    payload: dict[str, str] = {"message_id": reaction.target}
    if reaction.emoji is not None:
        name = REACTIONS.get(reaction.emoji)
        if name is None:
            raise Permanent("This reaction is not one that can be sent here.", code="reaction")
        payload["reaction"] = name
    action = "react" if reaction.emoji is not None else "unreact"
    document = {**build(reaction.to, action), "payload": payload}
    graph.read(await graph.post(path, reaction.channel.setting("access_token"), document))


async def signal(graph: Graph, path: str, token: str, to: str, action: str) -> None:
    """`mark_seen`: all that they wrote; `typing_on`: for some 20 seconds, or until an answer."""
    graph.read(await graph.post(path, token, build(to, action)))


def build(to: str, action: str) -> dict[str, object]:
    return {"recipient": {"id": to}, "sender_action": action}
