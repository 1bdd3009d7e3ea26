"""What WhatsApp is sent beside texts and files: the exact bodies."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.http import Http
from connectors.whatsapp import WhatsApp
from connectors.whatsapp.sender import build
from inbox.domain.abilities import OutboundReaction
from inbox.domain.errors import Permanent
from inbox.domain.gate import PermitMissing
from tests.connectors.conftest import Provider, Reply
from tests.connectors.people import MESSAGE_ID, outbound, permit_for, whatsapp_channel

MESSAGES = "/v26.0/200000000000001/messages"


def sent(text: str = "How?", **content: Any) -> dict[str, Any]:
    document = build(outbound(whatsapp_channel(), text, content=content))
    assert document["messaging_product"] == "whatsapp"
    assert document["to"] == "+15550002001"
    assert document["biz_opaque_callback_data"] == MESSAGE_ID
    kind = str(document["type"])
    part = document[kind]
    return {"type": kind, kind: part}


def test_buttons() -> None:
    buttons = [{"id": "a", "title": "Collect it"}, {"id": "b", "title": "Send it"}]
    assert sent(buttons=buttons, footer="We reply today") == {
        "type": "interactive",
        "interactive": {
            "type": "button",
            "body": {"text": "How?"},
            "footer": {"text": "We reply today"},
            "action": {
                "buttons": [
                    {"type": "reply", "reply": {"id": "a", "title": "Collect it"}},
                    {"type": "reply", "reply": {"id": "b", "title": "Send it"}},
                ]
            },
        },
    }


def test_a_list() -> None:
    rows = [{"id": "a", "title": "Copper", "description": "One litre"}, {"id": "b", "title": "Tin"}]
    sections = [{"title": "Kettles", "rows": rows}]
    assert sent(list={"button": "Choose", "sections": sections})["interactive"] == {
        "type": "list",
        "body": {"text": "How?"},
        "action": {"button": "Choose", "sections": sections},
    }


def test_a_link() -> None:
    link = {"title": "Open the shop", "url": "https://shop.example.com/"}
    assert sent(link=link)["interactive"] == {
        "type": "cta_url",
        "body": {"text": "How?"},
        "action": {
            "name": "cta_url",
            "parameters": {"display_text": "Open the shop", "url": "https://shop.example.com/"},
        },
    }


def test_a_question_for_the_place() -> None:
    assert sent("Where are you?", location_request=True)["interactive"] == {
        "type": "location_request_message",
        "body": {"text": "Where are you?"},
        "action": {"name": "send_location"},
    }


def test_a_place_goes_without_our_words_for_it() -> None:
    place = {"latitude": 0.0, "longitude": -1.55, "name": "The shop"}
    assert sent("Location: The shop", location=place) == {"type": "location", "location": place}


def test_a_card_has_the_two_names_that_meta_wants() -> None:
    card = {"name": "Ana Silva", "phones": [{"number": "+15550199"}], "emails": ["ana@example.com"]}
    assert sent("Contact: Ana Silva", contacts=[card])["contacts"] == [
        {
            "name": {"formatted_name": "Ana Silva", "first_name": "Ana"},
            "phones": [{"phone": "+15550199"}],
            "emails": [{"email": "ana@example.com"}],
        }
    ]


def test_an_offer_quotes_as_a_text_does() -> None:
    buttons = {"buttons": [{"id": "a", "title": "Yes"}]}
    message = outbound(whatsapp_channel(), "How?", content=buttons, reply_to="wamid.0")
    assert build(message)["context"] == {"message_id": "wamid.0"}


def test_content_is_part_of_what_a_permit_covers() -> None:
    plain = outbound(whatsapp_channel(), "How?", content={"buttons": [{"id": "a", "title": "Yes"}]})
    other = outbound(whatsapp_channel(), "How?", content={"buttons": [{"id": "a", "title": "No"}]})
    with pytest.raises(PermitMissing):
        permit_for(plain).spend(other.subject(), datetime.now(UTC))


# -- reactions, reading, writing -------------------------------------------------------------------


@pytest.fixture
def whatsapp(http: Http, provider: Provider) -> WhatsApp:
    return WhatsApp(http, f"{provider.url}/v26.0")


def a_reaction(emoji: str | None = "👍") -> OutboundReaction:
    return OutboundReaction(
        message_id=MESSAGE_ID,
        channel=whatsapp_channel(),
        to="+15550002001",
        target="wamid.9",
        emoji=emoji,
    )


@pytest.mark.parametrize(("emoji", "told"), [("👍", "👍"), (None, "")])
async def test_a_reaction_and_its_end(
    whatsapp: WhatsApp, provider: Provider, emoji: str | None, told: str
) -> None:
    provider.answers("POST", MESSAGES, Reply(body=b'{"messages": [{"id": "wamid.10"}]}'))
    reaction = a_reaction(emoji)
    await whatsapp.react(reaction, permit_for(reaction))
    (call,) = provider.calls
    assert json.loads(call.body) == {
        "messaging_product": "whatsapp",
        "recipient_type": "individual",
        "to": "+15550002001",
        "type": "reaction",
        "reaction": {"message_id": "wamid.9", "emoji": told},
    }


async def test_nothing_leaves_without_the_permit_for_this_very_reaction(
    whatsapp: WhatsApp, provider: Provider
) -> None:
    with pytest.raises(PermitMissing):
        await whatsapp.react(a_reaction("👎"), permit_for(a_reaction("👍")))
    spent = permit_for(a_reaction())
    provider.answers("POST", MESSAGES, Reply(body=b"{}"))
    await whatsapp.react(a_reaction(), spent)
    with pytest.raises(PermitMissing):
        await whatsapp.react(a_reaction(), spent)
    assert len(provider.calls) == 1


async def test_a_refusal_is_the_tables(whatsapp: WhatsApp, provider: Provider) -> None:
    error = {"error": {"message": "no", "type": "OAuthException", "code": 131009}}
    provider.answers("POST", MESSAGES, Reply(status=400, body=json.dumps(error).encode()))
    with pytest.raises(Permanent) as refusal:
        await whatsapp.react(a_reaction(), permit_for(a_reaction()))
    assert refusal.value.code == "131009"


async def test_reading_and_writing_are_told(whatsapp: WhatsApp, provider: Provider) -> None:
    provider.answers("POST", MESSAGES, *[Reply(body=b'{"success": true}')] * 2)
    await whatsapp.mark_read(whatsapp_channel(), "+15550002001", "wamid.9")
    await whatsapp.show_typing(whatsapp_channel(), "+15550002001", "wamid.9")
    read, typing = (json.loads(call.body) for call in provider.calls)
    assert read == {"messaging_product": "whatsapp", "status": "read", "message_id": "wamid.9"}
    assert typing == {**read, "typing_indicator": {"type": "text"}}
