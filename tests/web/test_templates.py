"""Message templates over the API: which there are, what fills them, and when one may be sent."""

from __future__ import annotations

import secrets
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from tests.system.demo import MARK, Customer, Demo, draw
from tests.system.screen import Json
from tests.system.waiting import wait_for

ORDER = {
    "name": "order_update",
    "language": "en_US",
    "parameters": {"body.1": "Maya", "body.2": "1042", "body.3": "on Friday", "button.0": "1042"},
}


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


async def a_closed_window(demo: Demo, days: float = 3) -> tuple[Customer, str]:
    """Somebody who wrote so long ago, and the conversation's path."""
    maya = await demo.customer()
    await maya.writes(f"Where is it? {MARK}", at=ago(days=days))
    return maya, f"/conversations/{(await demo.agent.finds(maya))['id']}"


def a_body(template: Json | None = None, **more: Any) -> Json:
    return {"client_id": secrets.token_hex(8), "template": template or ORDER, **more}


async def listed(demo: Demo, **query: str) -> list[Json]:
    path = f"/channels/{demo.channels['whatsapp']['id']}/templates"

    async def there() -> list[Json]:
        found: list[Json] = (await demo.agent.get(path, params=query))["data"]
        # The list is stored in one go, but not in one instant.
        return found if any(one["name"] == "visit_us" for one in found) else []

    return await wait_for(there, what="the templates")


async def puts(demo: Demo, name: str, language: str = "en_US", **changes: Any) -> None:
    account = demo.channels["whatsapp"]["account"]
    path = f"/accounts/whatsapp/{account}/templates/{name}/{language}"
    await demo.simulator("PUT", path, json=changes)


async def test_the_list_has_every_status_and_says_what_has_to_be_given(demo: Demo) -> None:
    async def whole() -> list[Json]:
        found = await listed(demo)
        return found if any(one["status"] == "paused" for one in found) else []

    found = await wait_for(whole, what="the whole list")
    assert {one["status"] for one in found} >= {"approved", "pending", "rejected", "paused"}
    assert [one["sendable"] for one in found] == sorted(
        (one["sendable"] for one in found), reverse=True
    )
    order = next(o for o in found if (o["name"], o["language"]) == ("order_update", "en_US"))
    assert order["category"] == "utility"
    assert [field["name"] for field in order["fields"]] == [
        "body.1",
        "body.2",
        "body.3",
        "button.0",
    ]
    assert order["fields"][0]["example"] == "Maya"
    assert all(one["sendable"] for one in await listed(demo, sendable="yes"))


async def test_another_workspace_or_kind_has_none(demo: Demo) -> None:
    strange = await demo.agent.call("GET", "/channels/chn_unknown/templates")
    assert strange.status == 404
    sms = demo.channels["sms"]["id"]
    assert (await demo.agent.get(f"/channels/{sms}/templates"))["data"] == []
    await demo.agent.post(f"/channels/{sms}/templates/refresh", status=404)


async def test_after_the_window_a_text_is_refused_and_a_template_goes(demo: Demo) -> None:
    maya, path = await a_closed_window(demo)
    await listed(demo)
    gate = await demo.agent.get(path + "/gate")
    assert gate["decisions"]["reply"]["code"] == "DENY_WINDOW_CLOSED"
    assert gate["decisions"]["reply"]["remedies"][0]["code"] == "use_template"
    assert gate["templates"]["utility"]["code"] == "ALLOW_TEMPLATE"
    assert gate["templates"]["marketing"]["code"] == "DENY_NO_CONSENT"
    text = {"client_id": secrets.token_hex(8), "text": f"Hello? {MARK}"}
    refused = await demo.agent.post(path + "/messages", text, 409)
    assert refused["code"] == "window_closed"

    sent = await demo.agent.post(path + "/messages", a_body(), 202)

    words = "Hello Maya, your order 1042 is on its way and should arrive on Friday."
    assert (sent["text"], sent["type"], sent["purpose"]) == (words, "template", "reply")
    assert sent["decision"]["code"] == "ALLOW_TEMPLATE"
    assert sent["content"]["template"]["buttons"][0]["url"].endswith("/track/1042")
    await wait_for(maya.received, what="the template")
    (shown,) = [m for m in await maya.phone_shows() if m["direction"] == "outbound"]
    assert shown["text"] == words
    assert shown["rich"]["footer"] == "Harbour Kettles"
    assert shown["rich"]["buttons"][0]["url"].endswith("/track/1042")


@pytest.mark.parametrize(
    ("parameters", "field"),
    [
        ({}, "template.parameters.body.1"),
        ({**ORDER["parameters"], "body.4": "more"}, "template.parameters.body.4"),  # type: ignore[dict-item]
        ({**ORDER["parameters"], "body.2": " "}, "template.parameters.body.2"),  # type: ignore[dict-item]
        ({**ORDER["parameters"], "body.2": "a\nb"}, "template.parameters.body.2"),  # type: ignore[dict-item]
        ({**ORDER["parameters"], "body.2": 7}, "template.parameters.body.2"),  # type: ignore[dict-item]
    ],
)
async def test_parameters_that_do_not_fit_are_named(
    demo: Demo, parameters: dict[str, Any], field: str
) -> None:
    _, path = await a_closed_window(demo)
    await listed(demo)

    refused = await demo.agent.post(
        path + "/messages", a_body({**ORDER, "parameters": parameters}), 422
    )

    assert refused["errors"][0]["field"] == field


@pytest.mark.parametrize("name", ["review_request", "back_in_stock", "nothing_of_the_kind"])
async def test_only_what_is_approved_goes(demo: Demo, name: str) -> None:
    maya, path = await a_closed_window(demo)
    await listed(demo)
    parameters = {"body.1": "Copper"} if name == "back_in_stock" else {}
    body = a_body({"name": name, "language": "en_US", "parameters": parameters})

    answer = await demo.agent.call("POST", path + "/messages", json=body)

    assert (answer.status, answer.json["code"]) in [
        (409, "template_not_approved"),
        (403, "consent_required"),  # what is for marketing needs consent before anything else
        (422, "unknown_template"),
    ]
    assert await maya.received() == []


async def test_a_template_shows_a_picture_or_a_place_of_the_message(demo: Demo) -> None:
    maya, path = await a_closed_window(demo)
    await listed(demo)
    picture = (await demo.agent.uploads(draw()))["id"]
    named = {"body.product": "copper kettle", "body.day": "Friday"}
    mended = {"name": "repair_ready", "language": "en_US", "parameters": named}
    without = await demo.agent.post(path + "/messages", a_body(mended), 422)
    assert without["errors"][0]["field"] == "template.parameters.header.file"
    await demo.agent.post(path + "/messages", a_body(mended, attachments=[picture]), 202)
    place = {"latitude": 53.8, "longitude": -1.55, "name": "The shop", "address": "1 Quay"}
    visit = {"name": "visit_us", "language": "en_US", "parameters": {"body.1": "six"}}
    await demo.agent.post(path + "/messages", a_body(visit), 422)
    visit["parameters"] = {"body.1": "six", "header.location": place}
    await demo.agent.post(path + "/messages", a_body(visit), 202)

    async def both() -> list[Json] | None:
        shown = [m for m in await maya.phone_shows() if m["direction"] == "outbound"]
        return shown if len(shown) == 2 else None

    first, second = await wait_for(both, what="both templates")
    assert first["text"] == "Your copper kettle is mended. Collect it until Friday."
    assert len(first["media"]) == 1
    assert second["rich"]["location"]["name"] == "The shop"


async def test_a_pause_holds_at_once_and_is_told(demo: Demo) -> None:
    maya, path = await a_closed_window(demo)
    await listed(demo)
    screen = await demo.agent.opens_screen()
    spanish = {**ORDER, "language": "es"}
    try:
        await puts(demo, "order_update", "es", status="PAUSED")
        told = await screen.gets("template.status_changed", language="es", status="paused")
        assert told["data"]["name"] == "order_update"
        refused = await demo.agent.post(path + "/messages", a_body(spanish), 409)
        assert refused["code"] == "template_not_approved"
        assert await maya.received() == []
        # The other language is not paused.
        await demo.agent.post(path + "/messages", a_body(), 202)
    finally:
        await puts(demo, "order_update", "es", status="APPROVED")
    await screen.gets("template.status_changed", language="es", status="approved")
    await demo.agent.post(path + "/messages", a_body(spanish), 202)


async def test_what_becomes_marketing_needs_consent_from_that_moment(demo: Demo) -> None:
    _, path = await a_closed_window(demo)
    await listed(demo)
    screen = await demo.agent.opens_screen()
    asks = {"name": "still_interested", "language": "en_US", "parameters": {"body.1": "Maya"}}
    try:
        await puts(demo, "still_interested", category="MARKETING")
        await screen.gets("template.status_changed", category="marketing")
        refused = await demo.agent.post(path + "/messages", a_body(asks), 403)
        assert refused["decision"]["code"] == "DENY_NO_CONSENT"
    finally:
        await puts(demo, "still_interested", category="UTILITY")
    await screen.gets("template.status_changed", name="still_interested", category="utility")
    sent = await demo.agent.post(path + "/messages", a_body(asks), 202)
    assert sent["decision"]["code"] == "ALLOW_TEMPLATE"


async def test_a_template_that_nobody_knew_is_fetched(demo: Demo) -> None:
    await listed(demo)
    name = f"new_{secrets.token_hex(4)}"
    parts = [{"type": "BODY", "text": "Your {{1}} is here."}]
    await puts(demo, name, status="APPROVED", components=parts)

    async def there() -> bool:
        return any(one["name"] == name for one in await listed(demo))

    await wait_for(there, what="the new template")


async def test_the_list_can_be_fetched_anew(demo: Demo) -> None:
    await listed(demo)
    name = f"quiet_{secrets.token_hex(4)}"
    await puts(demo, name, status="APPROVED", quiet=True)
    assert not any(one["name"] == name for one in await listed(demo))

    path = f"/channels/{demo.channels['whatsapp']['id']}/templates/refresh"
    found = (await demo.agent.post(path))["data"]

    assert any(one["name"] == name for one in found)

    # The provider is not asked again within a minute, whoever asks.
    later = f"quiet_{secrets.token_hex(4)}"
    await puts(demo, later, status="APPROVED", quiet=True)
    again = (await demo.agent.post(path))["data"]
    assert [one["name"] for one in again] == [one["name"] for one in found]


async def test_who_has_not_written_for_a_month_gets_no_template_as_a_reply(demo: Demo) -> None:
    _, path = await a_closed_window(demo, days=31)
    await listed(demo)
    refused = await demo.agent.post(path + "/messages", a_body(), 409)
    assert refused["decision"]["code"] == "DENY_WINDOW_CLOSED"
    assert [one["code"] for one in refused["decision"]["remedies"]] == ["contact_writes"]
