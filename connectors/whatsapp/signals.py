"""What goes to WhatsApp and is no message: reactions, "read" and "is writing"."""

from __future__ import annotations

from datetime import UTC, datetime

from connectors.meta import Graph, segment
from connectors.whatsapp.address import recipient
from inbox.domain.abilities import OutboundReaction
from inbox.domain.channel import Channel
from inbox.domain.gate import Permit


async def react(graph: Graph, reaction: OutboundReaction, permit: Permit) -> None:
    """As `Reacts.react` says. Twice is once, so that a lost answer may be asked again."""
    permit.spend(reaction.subject(), datetime.now(UTC))
    await _post(graph, reaction.channel, build_reaction(reaction))


def build_reaction(reaction: OutboundReaction) -> dict[str, object]:
    """source  developers.facebook.com/docs/whatsapp/cloud-api/messages/reaction-messages"""
    part = {"message_id": reaction.target, "emoji": reaction.emoji or ""}
    return {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        **recipient(reaction.to),
        "type": "reaction",
        "reaction": part,
    }


async def mark_read(graph: Graph, channel: Channel, provider_id: str) -> None:
    """Also marks what is older."""
    await _post(graph, channel, _read(provider_id))


async def show_typing(graph: Graph, channel: Channel, provider_id: str) -> None:
    """For 25 seconds, or until an answer comes; Meta has it mark the message as read, too."""
    document = {**_read(provider_id), "typing_indicator": {"type": "text"}}
    await _post(graph, channel, document)


def _read(provider_id: str) -> dict[str, object]:
    return {"messaging_product": "whatsapp", "status": "read", "message_id": provider_id}


async def _post(graph: Graph, channel: Channel, document: dict[str, object]) -> None:
    number = segment(channel.setting("phone_number_id"))
    token = channel.setting("access_token")
    graph.read(await graph.post(f"{number}/messages", token, document))
