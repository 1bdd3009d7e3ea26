"""WhatsApp's templates: what Meta lists, what it reports, and the body that sends one."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from connectors.http import Http
from connectors.whatsapp import WhatsApp
from connectors.whatsapp.sender import build
from connectors.whatsapp.templates import read
from inbox.domain.errors import AccountTrouble, Permanent
from inbox.domain.report import Ignored, Report, TemplateChanged
from inbox.domain.template import TemplateButton, TemplateCategory, TemplateStatus, content_of
from tests.connectors.conftest import Provider, Reply
from tests.connectors.people import outbound, picture, whatsapp_channel
from tests.connectors.whatsapp.test_changes import change

LIST = "/v26.0/100000000000001/message_templates"


def listed(**changes: Any) -> dict[str, Any]:
    item: dict[str, Any] = {
        "id": "1",
        "name": "order_update",
        "language": "en_US",
        "status": "APPROVED",
        "category": "UTILITY",
        "components": [
            {"type": "HEADER", "format": "TEXT", "text": "For {{1}}"},
            {
                "type": "BODY",
                "text": "Order {{1}} comes {{2}}.",
                "example": {"body_text": [["1042", "on Friday"]]},
            },
            {"type": "FOOTER", "text": "Harbour Kettles"},
            {
                "type": "BUTTONS",
                "buttons": [
                    {"type": "QUICK_REPLY", "text": "Thanks"},
                    {"type": "URL", "text": "Track", "url": "https://shop.example.com/{{1}}"},
                    {"type": "COPY_CODE", "text": "Copy code"},
                ],
            },
        ],
        "quality_score": {"score": "GREEN"},
        "rejected_reason": "NONE",
    }
    return {**item, **changes}


def test_a_listed_template_is_read_whole() -> None:
    found = read(listed())
    assert found is not None
    assert (found.name, found.language, found.category) == (
        "order_update",
        "en_US",
        TemplateCategory.UTILITY,
    )
    assert found.approved
    assert (found.header_type, found.header, found.footer) == (
        "text",
        "For {{1}}",
        "Harbour Kettles",
    )
    assert found.buttons[1] == TemplateButton(
        type="url", text="Track", url="https://shop.example.com/{{1}}"
    )
    assert found.examples == {"body.1": "1042", "body.2": "on Friday"}
    assert (found.quality, found.reason) == ("green", "")


@pytest.mark.parametrize(
    ("word", "status"),
    [
        ("APPROVED", TemplateStatus.APPROVED),
        ("PENDING", TemplateStatus.PENDING),
        ("REJECTED", TemplateStatus.REJECTED),
        ("PAUSED", TemplateStatus.PAUSED),
        ("DISABLED", TemplateStatus.DISABLED),
        ("IN_APPEAL", TemplateStatus.OTHER),
        ("NEW_WORD", TemplateStatus.OTHER),
        (7, TemplateStatus.OTHER),
    ],
)
def test_a_status_that_nobody_knows_is_no_leave_to_send(word: object, status: str) -> None:
    found = read(listed(status=word))
    assert found is not None
    assert found.status == status
    assert found.approved is (word == "APPROVED")


@pytest.mark.parametrize(
    "part",
    [
        {"type": "CAROUSEL", "cards": []},
        {"type": "HEADER", "format": "GIF"},
        {"type": "BUTTONS", "buttons": [{"type": "FLOW", "text": "Open"}]},
        {"type": "LIMITED_TIME_OFFER"},
    ],
)
def test_what_cannot_be_filled_here_is_listed_and_not_sent(part: dict[str, Any]) -> None:
    found = read(listed(components=[{"type": "BODY", "text": "Hello"}, part]))
    assert found is not None
    assert not found.approved


@pytest.mark.parametrize(
    "item",
    [
        None,
        7,
        [],
        {},
        listed(name=None),
        listed(name="Not A Name"),
        listed(language="../en"),
        listed(components=None),
        listed(components=[{"type": "BODY"}]),
        listed(components=[7, None, {"type": 3}]),
    ],
)
def test_what_is_no_template_is_passed_over(item: object) -> None:
    assert read(item) is None


@pytest.fixture
def whatsapp(http: Http, provider: Provider) -> WhatsApp:
    return WhatsApp(http, f"{provider.url}/v26.0")


async def test_all_pages_are_fetched_by_their_marks_alone(
    whatsapp: WhatsApp, provider: Provider
) -> None:
    marks = {"cursors": {"after": "m&1"}, "next": "https://evil.example.com/?access_token=t"}
    pages = [
        {"data": [listed(), 7], "paging": marks},
        {"data": [listed(language="es")], "paging": {"cursors": {"after": "2"}}},
    ]
    provider.answers("GET", LIST, *(Reply(body=json.dumps(page).encode()) for page in pages))
    found = await whatsapp.templates(whatsapp_channel())
    assert [one.language for one in found] == ["en_US", "es"]
    first, second = provider.calls
    assert "after" not in first.query
    assert second.query["after"] == "m&1"
    assert second.headers["authorization"] == "Bearer token-1"


async def test_a_list_without_an_end_is_left_at_some_page(
    whatsapp: WhatsApp, provider: Provider
) -> None:
    page = {"data": [listed()], "paging": {"cursors": {"after": "1"}, "next": "x"}}
    provider.answers("GET", LIST, *[Reply(body=json.dumps(page).encode())] * 40)
    assert len(await whatsapp.templates(whatsapp_channel())) == 30


async def test_a_token_without_the_permission_is_the_accounts_trouble(
    whatsapp: WhatsApp, provider: Provider
) -> None:
    error = {"error": {"message": "no", "type": "OAuthException", "code": 200}}
    provider.answers("GET", LIST, Reply(status=403, body=json.dumps(error).encode()))
    with pytest.raises(AccountTrouble):
        await whatsapp.templates(whatsapp_channel())


# -- what is reported ------------------------------------------------------------------------------

NAMED = {"message_template_name": "kettle_week", "message_template_language": "en-US"}


def reported(field: str, **value: Any) -> Report:
    (report,) = change(field, **NAMED, **value)
    return report


@pytest.mark.parametrize(
    ("event", "status", "gone"),
    [
        ("APPROVED", TemplateStatus.APPROVED, False),
        ("REINSTATED", TemplateStatus.APPROVED, False),
        ("FLAGGED", None, False),
        ("PAUSED", TemplateStatus.PAUSED, False),
        ("DISABLED", TemplateStatus.DISABLED, False),
        ("REJECTED", TemplateStatus.REJECTED, False),
        ("PENDING", TemplateStatus.PENDING, False),
        ("LOCKED", TemplateStatus.OTHER, False),
        ("DELETED", TemplateStatus.OTHER, True),
        ("PENDING_DELETION", TemplateStatus.OTHER, True),
        ("NEW_WORD", TemplateStatus.OTHER, False),
    ],
)
def test_a_change_of_status_is_reported(
    event: str, status: TemplateStatus | None, gone: bool
) -> None:
    report = reported("message_template_status_update", event=event, reason="NONE")
    assert isinstance(report, TemplateChanged)
    assert (report.name, report.language) == ("kettle_week", "en_US")
    assert (report.status, report.gone, report.category, report.reason) == (
        status,
        gone,
        None,
        None,
    )


def test_a_change_of_category_counts_from_that_moment_and_an_announced_one_does_not() -> None:
    done = reported(
        "template_category_update", previous_category="UTILITY", new_category="MARKETING"
    )
    assert isinstance(done, TemplateChanged)
    assert done.category is TemplateCategory.MARKETING
    assert done.status is None
    soon = reported(
        "template_category_update", correct_category="MARKETING", new_category="UTILITY"
    )
    assert isinstance(soon, TemplateChanged)
    assert soon.category is TemplateCategory.UTILITY


def test_a_change_of_quality_is_reported() -> None:
    report = reported("message_template_quality_update", new_quality_score="RED")
    assert isinstance(report, TemplateChanged)
    assert (report.quality, report.status) == ("red", None)


@pytest.mark.parametrize("name", [None, 7, "", []])
def test_a_change_of_nothing_is_counted(name: object) -> None:
    field = "message_template_status_update"
    (report,) = change(field, event="PAUSED", message_template_name=name)
    assert isinstance(report, Ignored)
    assert report.reason == "malformed_item"


# -- what is sent ----------------------------------------------------------------------------------


def body(parameters: dict[str, object], files: tuple[Any, ...] = (), **changes: Any) -> Any:
    template = read(listed(**changes))
    assert template is not None
    content = {"template": content_of(template, parameters)}
    message = outbound(whatsapp_channel(), "Order 1042 comes on Friday.", content=content)
    if files:
        message = outbound(whatsapp_channel(), "Order", content=content, files=files)
    document = build(message)
    assert document["type"] == "template"
    assert "text" not in document
    return document["template"]


def test_positional_parameters_go_in_the_order_of_their_numbers() -> None:
    given: dict[str, object] = {
        "button.2": "COPPER20",
        "body.2": "on Friday",
        "button.1": "1042",
        "header.1": "you",
        "body.1": "1042",
        "button.0": "thanks_1042",
    }
    assert body(given) == {
        "name": "order_update",
        "language": {"code": "en_US"},
        "components": [
            {"type": "header", "parameters": [{"type": "text", "text": "you"}]},
            {
                "type": "body",
                "parameters": [
                    {"type": "text", "text": "1042"},
                    {"type": "text", "text": "on Friday"},
                ],
            },
            {
                "type": "button",
                "sub_type": "quick_reply",
                "index": "0",
                "parameters": [{"type": "payload", "payload": "thanks_1042"}],
            },
            {
                "type": "button",
                "sub_type": "url",
                "index": "1",
                "parameters": [{"type": "text", "text": "1042"}],
            },
            {
                "type": "button",
                "sub_type": "copy_code",
                "index": "2",
                "parameters": [{"type": "coupon_code", "coupon_code": "COPPER20"}],
            },
        ],
    }


def test_ten_comes_after_nine() -> None:
    numbers = range(1, 12)
    text = " ".join(f"{{{{{n}}}}}" for n in numbers)
    given: dict[str, object] = {f"body.{n}": str(n) for n in reversed(numbers)}
    (part,) = body(given, components=[{"type": "BODY", "text": text}])["components"]
    assert [one["text"] for one in part["parameters"]] == [str(n) for n in numbers]


def test_named_parameters_go_with_their_names() -> None:
    components = [{"type": "BODY", "text": "Your {{product}} waits until {{day}}."}]
    given: dict[str, object] = {"body.product": "kettle", "body.day": "Friday"}
    (part,) = body(given, components=components)["components"]
    assert part["parameters"] == [
        {"type": "text", "parameter_name": "product", "text": "kettle"},
        {"type": "text", "parameter_name": "day", "text": "Friday"},
    ]


def test_a_template_without_places_has_no_components() -> None:
    assert body({}, components=[{"type": "BODY", "text": "Hello"}]) == {
        "name": "order_update",
        "language": {"code": "en_US"},
    }


IMAGE = [{"type": "HEADER", "format": "IMAGE"}, {"type": "BODY", "text": "Ready"}]


def test_a_header_shows_the_uploaded_file() -> None:
    file = replace(picture(), uploaded="900")
    (part,) = body({}, (file,), components=IMAGE)["components"]
    assert part == {"type": "header", "parameters": [{"type": "image", "image": {"id": "900"}}]}


def test_a_header_without_its_file_is_refused_before_anything_travels() -> None:
    with pytest.raises(Permanent) as refusal:
        body({}, components=IMAGE)
    assert refusal.value.code == "header_file"


def test_a_header_shows_a_place() -> None:
    place = {"latitude": 53.8, "longitude": -1.55, "name": "The shop", "address": "1 Quay"}
    components = [{"type": "HEADER", "format": "LOCATION"}, {"type": "BODY", "text": "Here"}]
    (part,) = body({"header.location": place}, components=components)["components"]
    assert part == {"type": "header", "parameters": [{"type": "location", "location": place}]}
