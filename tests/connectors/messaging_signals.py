"""What the tests of Messenger and Instagram share of what is sent beside texts and files."""

from __future__ import annotations

import json
from typing import Any

from inbox.domain.abilities import OutboundReaction
from inbox.domain.channel import Channel
from tests.connectors.conftest import Provider
from tests.connectors.messaging import IGSID, PSID
from tests.connectors.people import MESSAGE_ID

BUTTONS = {"buttons": [{"id": "wood", "title": "Wood"}, {"id": "steel", "title": "Steel"}]}
QUICK_REPLIES = [
    {"content_type": "text", "title": "Wood", "payload": "wood"},
    {"content_type": "text", "title": "Steel", "payload": "steel"},
]


def a_reaction(channel: Channel, emoji: str | None) -> OutboundReaction:
    return OutboundReaction(
        message_id=MESSAGE_ID,
        channel=channel,
        to={"messenger": PSID, "instagram": IGSID}[channel.kind],
        target="m_9",
        emoji=emoji,
    )


def bodies(provider: Provider) -> list[dict[str, Any]]:
    return [json.loads(call.body) for call in provider.calls]
