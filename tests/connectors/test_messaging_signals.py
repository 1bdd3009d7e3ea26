"""Quick replies, reactions, "seen" and "is writing" of Messenger and Instagram: the exact bodies,
which are the same for both."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import pytest

from connectors.http import Http
from connectors.instagram import Instagram
from connectors.instagram.sender import build as build_for_instagram
from connectors.messenger import Messenger
from connectors.messenger.sender import build as build_for_messenger
from inbox.domain.abilities import OutboundReaction
from inbox.domain.channel import Channel, OutboundMessage
from inbox.domain.errors import Permanent
from inbox.domain.gate import PermitMissing
from tests.connectors.conftest import Provider, Reply
from tests.connectors.messaging import IGSID, PSID, channel, to_contact
from tests.connectors.people import MESSAGE_ID, permit_for

BUTTONS = {"buttons": [{"id": "wood", "title": "Wood"}, {"id": "steel", "title": "Steel"}]}
QUICK_REPLIES = [
    {"content_type": "text", "title": "Wood", "payload": "wood"},
    {"content_type": "text", "title": "Steel", "payload": "steel"},
]
TAKEN = Reply(body=b'{"recipient_id": "1"}')


Connects = Messenger | Instagram


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What the two tell apart: our account, who is written to, and where a message goes."""

    connect: Callable[[Http, str], Connects]
    build: Callable[[OutboundMessage], dict[str, object]]
    shop: Channel
    contact: str
    path: str

    def reaction(self, emoji: str | None) -> OutboundReaction:
        return OutboundReaction(
            message_id=MESSAGE_ID, channel=self.shop, to=self.contact, target="m_9", emoji=emoji
        )


KINDS = {
    "messenger": Kind(
        connect=lambda http, url: Messenger(http, f"{url}/v26.0"),
        build=build_for_messenger,
        shop=channel("messenger"),
        contact=PSID,
        path="/v26.0/300000000000001/messages",
    ),
    "instagram": Kind(
        connect=lambda http, url: Instagram(
            http, f"{url}/facebook/v26.0", f"{url}/instagram/v26.0"
        ),
        build=build_for_instagram,
        shop=channel("instagram"),
        contact=IGSID,
        path="/instagram/v26.0/me/messages",
    ),
}


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return KINDS[request.param]


@pytest.fixture
def connector(kind: Kind, http: Http, provider: Provider) -> Connects:
    return kind.connect(http, provider.url)


def bodies(provider: Provider) -> list[dict[str, Any]]:
    return [json.loads(call.body) for call in provider.calls]


def test_buttons_are_quick_replies_below_the_text(kind: Kind) -> None:
    document = kind.build(to_contact(kind.shop, "Which sort?", content=BUTTONS))
    message = document["message"]
    assert isinstance(message, dict)
    assert (message["text"], message["quick_replies"]) == ("Which sort?", QUICK_REPLIES)


def test_a_text_without_buttons_has_no_quick_replies(kind: Kind) -> None:
    assert "quick_replies" not in str(kind.build(to_contact(kind.shop)))


@pytest.mark.parametrize(
    ("emoji", "told"),
    [
        ("❤️", {"sender_action": "react", "payload": {"message_id": "m_9", "reaction": "love"}}),
        ("👍", {"sender_action": "react", "payload": {"message_id": "m_9", "reaction": "like"}}),
        (None, {"sender_action": "unreact", "payload": {"message_id": "m_9"}}),
    ],
)
async def test_a_reaction_goes_by_its_name(
    kind: Kind,
    connector: Connects,
    provider: Provider,
    emoji: str | None,
    told: dict[str, object],
) -> None:
    provider.answers("POST", kind.path, TAKEN)
    reaction = kind.reaction(emoji)
    await connector.react(reaction, permit_for(reaction))
    assert bodies(provider) == [{"recipient": {"id": kind.contact}, **told}]


async def test_a_reaction_that_the_platform_does_not_have_is_refused(
    kind: Kind, connector: Connects, provider: Provider
) -> None:
    reaction = kind.reaction("🫖")
    with pytest.raises(Permanent):
        await connector.react(reaction, permit_for(reaction))
    assert provider.calls == []


async def test_no_reaction_leaves_without_its_own_permit(
    kind: Kind, connector: Connects, provider: Provider
) -> None:
    with pytest.raises(PermitMissing):
        await connector.react(kind.reaction("👍"), permit_for(kind.reaction("❤️")))
    assert provider.calls == []


async def test_reading_and_writing_are_told(
    kind: Kind, connector: Connects, provider: Provider
) -> None:
    provider.answers("POST", kind.path, TAKEN, TAKEN)
    await connector.mark_read(kind.shop, kind.contact, "m_9")
    await connector.show_typing(kind.shop, kind.contact, "m_9")
    assert bodies(provider) == [
        {"recipient": {"id": kind.contact}, "sender_action": "mark_seen"},
        {"recipient": {"id": kind.contact}, "sender_action": "typing_on"},
    ]
