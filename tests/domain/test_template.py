"""Templates: the places in them, what fills them, and what does not."""

from __future__ import annotations

from typing import Any

import pytest

from inbox.domain.template import (
    Template,
    TemplateButton,
    TemplateCategory,
    TemplateStatus,
    content_of,
    faults,
    filled,
    places,
)


def a_template(**changes: Any) -> Template:
    values: dict[str, Any] = {
        "name": "order_update",
        "language": "en_US",
        "category": TemplateCategory.UTILITY,
        "status": TemplateStatus.APPROVED,
        "body": "Hello {{1}}, order {{2}}.",
    }
    return Template(**{**values, **changes})


def names(template: Template) -> list[str]:
    return [field.name for field in template.fields()]


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("Hello {{1}}, {{2}}", ["1", "2"]),
        ("Hello {{ order }}", ["order"]),
        ("{{1}} and {{1}}", ["1"]),
        ("{1} {{}} {{a b}} {{{{", []),
    ],
)
def test_places_are_found_once_and_in_order(text: str, found: list[str]) -> None:
    assert places(text) == found


def test_what_is_filled_in_is_not_looked_at_again() -> None:
    given = {"body.1": "{{2}}", "body.2": "1042"}
    assert filled("Hello {{1}}, order {{2}}.", "body", given) == "Hello {{2}}, order 1042."


def test_a_long_run_of_braces_takes_no_time() -> None:
    assert places("{{" * 200_000 + " " * 200_000) == []


def test_fields_are_those_of_header_body_and_buttons() -> None:
    buttons = (
        TemplateButton(type="quick_reply", text="Yes"),
        TemplateButton(type="url", text="Track", url="https://shop.example.com/{{1}}"),
        TemplateButton(type="url", text="Shop", url="https://shop.example.com/"),
        TemplateButton(type="copy_code", text="Copy code"),
        TemplateButton(type="phone", text="Call"),
    )
    template = a_template(header_type="text", header="For {{1}}", buttons=buttons)
    assert names(template) == [
        "header.1",
        "body.1",
        "body.2",
        "button.0",
        "button.1",
        "button.3",
    ]
    optional = [field.name for field in template.fields() if not field.required]
    assert optional == ["button.0"]
    assert names(a_template(header_type="image", body="-")) == ["header.file"]
    assert names(a_template(header_type="location", body="-")) == ["header.location"]


GOOD: dict[str, object] = {"body.1": "Maya", "body.2": "1042"}


@pytest.mark.parametrize(
    ("changes", "field"),
    [
        ({"body.2": None}, "template.parameters.body.2"),
        ({"body.3": "more"}, "template.parameters.body.3"),
        ({"header.1": "none there"}, "template.parameters.header.1"),
        ({"body.1": ""}, "template.parameters.body.1"),
        ({"body.1": 7}, "template.parameters.body.1"),
        ({"body.1": {"a": 1}}, "template.parameters.body.1"),
        ({"body.1": "x" * 1025}, "template.parameters.body.1"),
        ({"body.1": "two\nlines"}, "template.parameters.body.1"),
        ({"body.1": "a     b"}, "template.parameters.body.1"),
        ({"body.1": "x" * 1020}, "template.parameters"),
        ({"header.file": "att_1"}, "template.parameters.header.file"),
    ],
)
def test_what_does_not_fit_is_named(changes: dict[str, object], field: str) -> None:
    given = {k: v for k, v in {**GOOD, **changes}.items() if v is not None}
    assert faults(a_template(), GOOD, []) == []
    assert [name for name, _ in faults(a_template(), given, [])] == [field]


@pytest.mark.parametrize(
    ("header_type", "files", "ok"),
    [
        ("image", ["image"], True),
        ("image", [], False),
        ("image", ["video"], False),
        ("image", ["image", "image"], False),
        ("none", ["image"], False),
        ("none", [], True),
    ],
)
def test_a_header_takes_one_file_of_its_kind(header_type: str, files: list[str], ok: bool) -> None:
    wrong = faults(a_template(header_type=header_type), GOOD, files)
    assert (wrong == []) is ok


def test_a_place_is_an_object() -> None:
    template = a_template(header_type="location", body="Here")
    assert faults(template, {"header.location": {"latitude": 1, "longitude": 2}}, []) == []
    assert faults(template, {"header.location": "here"}, []) != []
    assert faults(template, {}, []) != []


def test_the_content_is_what_the_contact_sees() -> None:
    url = TemplateButton(type="url", text="Track", url="https://shop.example.com/{{1}}")
    template = a_template(
        header_type="text", header="For {{1}}", footer="Harbour Kettles", buttons=(url,)
    )
    given = {**GOOD, "header.1": "you", "button.0": r"10\42"}
    assert content_of(template, given) == {
        "name": "order_update",
        "language": "en_US",
        "category": "utility",
        "parameters": given,
        "header_type": "text",
        "header": "For you",
        "footer": "Harbour Kettles",
        "buttons": [{"type": "url", "title": "Track", "url": r"https://shop.example.com/10\42"}],
    }


@pytest.mark.parametrize("status", list(TemplateStatus))
def test_only_what_is_approved_and_can_be_filled_counts(status: TemplateStatus) -> None:
    assert a_template(status=status).approved is (status is TemplateStatus.APPROVED)
    assert not a_template(status=status, sendable=False).approved
