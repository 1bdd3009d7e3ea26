"""Messages that are more than a text: buttons, lists, links, places, cards."""

from __future__ import annotations

import secrets
from typing import Any

import pytest

from tests.system.demo import MARK, Customer, Demo
from tests.system.screen import Json
from tests.system.waiting import wait_for

BUTTONS = [{"title": "Collect it"}, {"title": "Send it", "id": "post"}]
ROWS = [{"title": "Copper"}, {"title": "Steel", "description": "Brushed", "id": "steel"}]
LIST = {"button": "Choose", "sections": [{"rows": ROWS}]}
PLACE = {"latitude": 53.8, "longitude": -1.55, "name": "The shop", "address": "1 Quay"}


async def a_conversation(demo: Demo, kind: str = "whatsapp") -> tuple[Customer, str]:
    maya = await demo.customer(kind)
    await maya.writes(f"Hello {MARK}")
    return maya, f"/conversations/{(await demo.agent.finds(maya))['id']}"


def a_body(**offer: Any) -> Json:
    return {"client_id": secrets.token_hex(8), **offer}


async def arrives(maya: Customer) -> Json:
    async def there() -> list[Json]:
        return [m for m in await maya.phone_shows() if m["direction"] == "outbound"]

    return (await wait_for(there, what="the message"))[-1]


async def test_buttons_reach_the_phone_and_a_press_comes_back(demo: Demo) -> None:
    maya, path = await a_conversation(demo)
    screen = await demo.agent.opens_screen()
    body = a_body(text=f"How? {MARK}", buttons=BUTTONS, footer="We reply today")

    sent = await demo.agent.post(path + "/messages", body, 202)

    assert sent["content"]["buttons"] == [
        {"id": "button_1", "title": "Collect it"},
        {"id": "post", "title": "Send it"},
    ]
    shown = await arrives(maya)
    assert [one["title"] for one in shown["rich"]["buttons"]] == ["Collect it", "Send it"]
    assert shown["rich"]["footer"] == "We reply today"
    await maya.writes(press={"of": shown["id"], "id": "post"})
    pressed = await screen.gets("message.created", direction="inbound", text="Send it")
    assert pressed["data"]["content"]["choice"] == {"id": "post", "title": "Send it"}
    assert pressed["data"]["reply_to"] == sent["id"]


async def test_a_list_opens_and_a_row_comes_back(demo: Demo) -> None:
    maya, path = await a_conversation(demo)
    screen = await demo.agent.opens_screen()
    await demo.agent.post(path + "/messages", a_body(text=f"Which? {MARK}", list=LIST), 202)
    shown = await arrives(maya)
    assert shown["rich"]["list"] == "Choose"
    await maya.writes(press={"of": shown["id"], "id": "steel"})
    pressed = await screen.gets("message.created", direction="inbound", text="Steel")
    assert pressed["data"]["content"]["choice"]["description"] == "Brushed"


@pytest.mark.parametrize(
    ("offer", "shown"),
    [
        ({"location": PLACE}, ("location", "latitude", "53.8")),
        ({"contacts": [{"name": "Ana Silva", "phones": [{"number": "+15550199"}]}]}, None),
    ],
    ids=["place", "card"],
)
async def test_what_goes_without_a_text_has_words_for_the_list(
    demo: Demo, offer: Json, shown: tuple[str, str, str] | None
) -> None:
    maya, path = await a_conversation(demo)
    sent = await demo.agent.post(path + "/messages", a_body(**offer), 202)
    found = await arrives(maya)
    if shown is None:
        assert sent["text"] == "Contact: Ana Silva"
        assert found["rich"]["contacts"] == ["Ana Silva"]
    else:
        assert sent["text"] == "Location: The shop, 1 Quay (53.8, -1.55)"
        assert found["rich"][shown[0]][shown[1]] == shown[2]


async def test_a_link_and_a_question_for_the_place(demo: Demo) -> None:
    maya, path = await a_conversation(demo)
    link = {"title": "Open the shop", "url": "https://shop.example.com/"}
    await demo.agent.post(path + "/messages", a_body(text=f"Here {MARK}", link=link), 202)
    assert (await arrives(maya))["rich"]["buttons"][0]["url"] == "https://shop.example.com/"
    asks = a_body(text=f"Where are you? {MARK}", location_request=True)
    await demo.agent.post(path + "/messages", asks, 202)

    async def asked() -> bool:
        return (await arrives(maya))["rich"]["buttons"][0]["kind"] == "send_location"

    await wait_for(asked, what="the question")


TITLE_21 = {"title": "x" * 21}


@pytest.mark.parametrize(
    ("offer", "field"),
    [
        ({"text": "How?", "buttons": [{"title": str(n)} for n in range(4)]}, "buttons"),
        ({"text": "How?", "buttons": [TITLE_21]}, "buttons.0.title"),
        ({"text": "How?", "buttons": [{"title": " "}]}, "buttons.0.title"),
        ({"text": "How?", "buttons": [{"title": "Yes"}, {"title": "Yes"}]}, "buttons"),
        ({"text": "x" * 1025, "buttons": BUTTONS}, "text"),
        ({"buttons": BUTTONS}, "text"),
        ({"text": "How?", "buttons": BUTTONS, "footer": "x" * 61}, "footer"),
        ({"text": "How?", "buttons": BUTTONS, "list": LIST}, "list"),
        (
            {
                "text": "Which?",
                "list": {"button": "x" * 21, "sections": [{"rows": [{"title": "a"}]}]},
            },
            "list.button",
        ),
        (
            {
                "text": "Which?",
                "list": {
                    "button": "Choose",
                    "sections": [{"rows": [{"title": str(n)} for n in range(11)]}],
                },
            },
            "list.sections",
        ),
        ({"text": "Here", "link": {"title": "Open", "url": "javascript:alert(1)"}}, "link.url"),
        ({"location": {"latitude": 91, "longitude": 0}}, "location.latitude"),
        ({"text": "Here", "location": PLACE}, "text"),
        ({"contacts": [{"name": "Ana Silva"}]}, "contacts.0"),
        ({"text": "Below", "footer": "nothing"}, "footer"),
        ({"text": "How?", "buttons": BUTTONS, "note": True}, "note"),
    ],
)
async def test_what_is_over_a_limit_is_refused_by_its_field(
    demo: Demo, offer: Json, field: str
) -> None:
    _, path = await a_conversation(demo)
    refused = await demo.agent.post(path + "/messages", a_body(**offer), 422)
    assert refused["errors"][0]["field"] == field


@pytest.mark.parametrize(
    "offer",
    [
        {"text": "How?", "buttons": BUTTONS},
        {"text": "Which?", "list": LIST},
        {"location": PLACE},
        {"template": {"name": "order_update", "language": "en_US"}},
    ],
    ids=lambda offer: list(offer)[-1],
)
async def test_a_kind_without_such_things_refuses_them(demo: Demo, offer: Json) -> None:
    maya, path = await a_conversation(demo, "sms")
    refused = await demo.agent.post(path + "/messages", a_body(**offer), 422)
    assert refused["errors"][0]["field"].split(".")[0] in offer
    assert await maya.received() == []
