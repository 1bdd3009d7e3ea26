"""Meta's side of templates, buttons and places: what it takes, refuses, and has pressed."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from .conftest import BEARER, WHATSAPP, Inbox, Simulator
from .test_whatsapp import statuses, value_of

BUSINESS = "100000000000001"
PARAMETERS = [{"type": "text", "text": text} for text in ("Maya", "1042", "on Friday")]
BODY = {"type": "body", "parameters": PARAMETERS}
TRACK = {
    "type": "button",
    "sub_type": "url",
    "index": "0",
    "parameters": [{"type": "text", "text": "1042"}],
}


def a_template(*components: Any, name: str = "order_update", language: str = "en_US") -> Any:
    return {"name": name, "language": {"code": language}, "components": list(components)}


async def sends(simulator: Simulator, type_: str, part: Any) -> tuple[int, int]:
    """The HTTP status, and the error's code or 0."""
    status, answer = await simulator.graph_send(**{"type": type_, type_: part, "text": None})
    return status, answer.get("error", {}).get("code", 0)


async def shown(simulator: Simulator) -> dict[str, Any]:
    return (await simulator.shown("whatsapp", 1))[-1]


@pytest.mark.parametrize(
    ("template", "status", "code"),
    [
        (a_template(BODY, TRACK), 200, 0),
        (a_template(BODY, TRACK, name="nothing"), 404, 132001),
        (a_template(BODY, TRACK, language="de"), 404, 132001),
        (a_template(name="review_request"), 404, 132001),
        (a_template(name="back_in_stock"), 400, 132015),
        (a_template({"type": "body", "parameters": PARAMETERS[:2]}, TRACK), 400, 132000),
        (a_template(TRACK), 400, 132000),
        (a_template(BODY), 400, 131008),
        (
            a_template({"type": "body", "parameters": [{"type": "currency"}] * 3}, TRACK),
            400,
            132012,
        ),
        (
            a_template(
                {"type": "body", "parameters": [{"type": "text", "text": "a\nb"}] * 3}, TRACK
            ),
            400,
            132018,
        ),
    ],
)
async def test_a_template_is_checked_against_its_definition(
    simulator: Simulator, template: Any, status: int, code: int
) -> None:
    assert await sends(simulator, "template", template) == (status, code)


async def test_a_template_is_shown_filled_in_also_outside_the_window(
    simulator: Simulator, inbox: Inbox
) -> None:
    await simulator.texts("whatsapp", "Hello", at=long_ago())
    assert await sends(simulator, "template", a_template(BODY, TRACK)) == (200, 0)
    message = await shown(simulator)
    assert message["text"] == (
        "Hello Maya, your order 1042 is on its way and should arrive on Friday."
    )
    assert message["rich"]["buttons"][0]["url"] == "https://shop.example.com/track/1042"
    assert all(item["status"] != "failed" for item in statuses(inbox))


def long_ago() -> str:
    return (datetime.now(UTC) - timedelta(days=2)).isoformat()


async def test_the_list_is_paged_and_needs_the_token(simulator: Simulator) -> None:
    url = f"{simulator.base}/v26.0/{BUSINESS}/message_templates"
    async with simulator.session.get(url) as response:
        assert response.status == 401
    names: list[str] = []
    after = ""
    while True:
        query = {"limit": "4", **({"after": after} if after else {})}
        async with simulator.session.get(url, params=query, headers=BEARER) as response:
            page = await response.json()
        names += [f"{one['name']} {one['language']}" for one in page["data"]]
        if "next" not in page["paging"]:
            break
        after = page["paging"]["cursors"]["after"]
    assert len(names) == len(set(names)) >= 10


@pytest.mark.parametrize(
    ("body", "field", "expected"),
    [
        ({"status": "PAUSED"}, "message_template_status_update", {"event": "PAUSED"}),
        (
            {"category": "MARKETING"},
            "template_category_update",
            {"previous_category": "UTILITY", "new_category": "MARKETING"},
        ),
        ({"quality": "RED"}, "message_template_quality_update", {"new_quality_score": "RED"}),
    ],
)
async def test_a_change_is_told_by_its_own_webhook(
    simulator: Simulator, inbox: Inbox, body: Any, field: str, expected: dict[str, str]
) -> None:
    path = f"/accounts/whatsapp/{WHATSAPP}/templates/order_update/en_US"
    await simulator.control("PUT", path, body)
    (call,) = inbox.at("/whatsapp")
    (change,) = json.loads(call.body)["entry"][0]["changes"]
    assert change["field"] == field
    assert change["value"].items() >= expected.items()
    assert change["value"]["message_template_name"] == "order_update"


REPLY = {"type": "reply", "reply": {"id": "a", "title": "Yes"}}
ROW = {"id": "a", "title": "Copper", "description": "One litre"}


def interactive(type_: str, **action: Any) -> dict[str, Any]:
    return {"type": type_, "body": {"text": "How?"}, "action": action}


@pytest.mark.parametrize(
    ("part", "code"),
    [
        (interactive("button", buttons=[REPLY]), 0),
        (interactive("button", buttons=[]), 131009),
        (interactive("button", buttons=[REPLY] * 4), 131009),
        (interactive("button", buttons=[REPLY, REPLY]), 131009),
        (interactive("button", buttons=[{"type": "reply", "reply": {"title": "Yes"}}]), 131008),
        (
            interactive(
                "button", buttons=[{"type": "reply", "reply": {"id": "a", "title": "x" * 21}}]
            ),
            131009,
        ),
        (interactive("list", button="Choose", sections=[{"rows": [ROW]}]), 0),
        (interactive("list", button="Choose", sections=[]), 131009),
        (interactive("list", sections=[{"rows": [ROW]}]), 131008),
        (interactive("list", button="Choose", sections=[{"rows": [ROW]}] * 2), 131008),
        (interactive("location_request_message", name="send_location"), 0),
        (interactive("something"), 131009),
        ({"type": "button", "action": {"buttons": [REPLY]}}, 131008),
    ],
)
async def test_what_can_be_pressed_is_checked(
    simulator: Simulator, part: dict[str, Any], code: int
) -> None:
    status, found = await sends(simulator, "interactive", part)
    assert (status, found) == (400 if code else 200, code)


@pytest.mark.parametrize(
    ("part", "pressed", "expected"),
    [
        (
            interactive("button", buttons=[REPLY]),
            "a",
            {"type": "button_reply", "button_reply": {"id": "a", "title": "Yes"}},
        ),
        (
            interactive("list", button="Choose", sections=[{"rows": [ROW]}]),
            "a",
            {"type": "list_reply", "list_reply": ROW},
        ),
    ],
)
async def test_a_press_comes_back_as_meta_sends_it(
    simulator: Simulator, inbox: Inbox, part: Any, pressed: str, expected: Any
) -> None:
    await sends(simulator, "interactive", part)
    message = await shown(simulator)
    body = {"customer_id": "maya", "press": {"of": message["id"], "id": pressed}}
    path = f"/accounts/whatsapp/{WHATSAPP}/messages"
    await simulator.control("POST", path, body)
    (item,) = [
        item for call in inbox.at("/whatsapp") for item in value_of(call).get("messages", [])
    ]
    assert item["type"] == "interactive"
    assert item["interactive"] == expected
    assert item["context"]["id"] == message["id"]
    body["press"]["id"] = "nothing"
    await simulator.control("POST", path, body, status=404)


async def test_a_press_on_a_template_is_of_another_type(simulator: Simulator, inbox: Inbox) -> None:
    name = {"type": "body", "parameters": PARAMETERS[:1]}
    await sends(simulator, "template", a_template(name, name="still_interested"))
    message = await shown(simulator)
    body = {"customer_id": "maya", "press": {"of": message["id"], "id": "Yes, please"}}
    await simulator.control("POST", f"/accounts/whatsapp/{WHATSAPP}/messages", body)
    (item,) = [
        item for call in inbox.at("/whatsapp") for item in value_of(call).get("messages", [])
    ]
    assert item["type"] == "button"
    assert item["button"] == {"payload": "Yes, please", "text": "Yes, please"}


@pytest.mark.parametrize(
    ("type_", "part", "code"),
    [
        ("location", {"latitude": 53.8, "longitude": -1.55}, 0),
        ("location", {"latitude": 91, "longitude": 0}, 131009),
        ("location", {"longitude": 0}, 131009),
        ("contacts", [{"name": {"formatted_name": "Ana Silva", "first_name": "Ana"}}], 0),
        ("contacts", [{"name": {"formatted_name": "Ana Silva"}}], 131009),
        ("contacts", [], 131008),
    ],
)
async def test_places_and_cards_are_checked(
    simulator: Simulator, type_: str, part: Any, code: int
) -> None:
    assert (await sends(simulator, type_, part))[1] == code
