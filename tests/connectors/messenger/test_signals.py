"""Messenger's quick replies, reactions, "seen" and "is writing": the exact bodies."""

from __future__ import annotations

import pytest

from connectors.http import Http
from connectors.messenger import Messenger
from connectors.messenger.sender import build
from inbox.domain.errors import Permanent
from inbox.domain.gate import PermitMissing
from tests.connectors.conftest import Provider, Reply
from tests.connectors.messaging import PSID, channel, to_contact
from tests.connectors.messaging_signals import BUTTONS, QUICK_REPLIES, a_reaction, bodies
from tests.connectors.people import permit_for

SHOP = channel("messenger")
MESSAGES = "/v26.0/300000000000001/messages"
TAKEN = Reply(body=b'{"recipient_id": "1"}')


@pytest.fixture
def connector(http: Http, provider: Provider) -> Messenger:
    return Messenger(http, f"{provider.url}/v26.0")


def test_buttons_are_quick_replies_below_the_text() -> None:
    document = build(to_contact(SHOP, "Which sort?", content=BUTTONS))
    message = document["message"]
    assert isinstance(message, dict)
    assert (message["text"], message["quick_replies"]) == ("Which sort?", QUICK_REPLIES)


def test_a_text_without_buttons_has_no_quick_replies() -> None:
    assert "quick_replies" not in str(build(to_contact(SHOP)))


@pytest.mark.parametrize(
    ("emoji", "told"),
    [
        ("❤️", {"sender_action": "react", "payload": {"message_id": "m_9", "reaction": "love"}}),
        ("👍", {"sender_action": "react", "payload": {"message_id": "m_9", "reaction": "like"}}),
        (None, {"sender_action": "unreact", "payload": {"message_id": "m_9"}}),
    ],
)
async def test_a_reaction_goes_by_its_name(
    connector: Messenger, provider: Provider, emoji: str | None, told: dict[str, object]
) -> None:
    provider.answers("POST", MESSAGES, TAKEN)
    reaction = a_reaction(SHOP, emoji)
    await connector.react(reaction, permit_for(reaction))
    assert bodies(provider) == [{"recipient": {"id": PSID}, **told}]


async def test_a_reaction_that_the_platform_does_not_have_is_refused(
    connector: Messenger, provider: Provider
) -> None:
    reaction = a_reaction(SHOP, "🫖")
    with pytest.raises(Permanent):
        await connector.react(reaction, permit_for(reaction))
    assert provider.calls == []


async def test_no_reaction_leaves_without_its_own_permit(
    connector: Messenger, provider: Provider
) -> None:
    with pytest.raises(PermitMissing):
        await connector.react(a_reaction(SHOP, "👍"), permit_for(a_reaction(SHOP, "❤️")))
    assert provider.calls == []


async def test_reading_and_writing_are_told(connector: Messenger, provider: Provider) -> None:
    provider.answers("POST", MESSAGES, TAKEN, TAKEN)
    await connector.mark_read(SHOP, PSID, "m_9")
    await connector.show_typing(SHOP, PSID, "m_9")
    assert bodies(provider) == [
        {"recipient": {"id": PSID}, "sender_action": "mark_seen"},
        {"recipient": {"id": PSID}, "sender_action": "typing_on"},
    ]
