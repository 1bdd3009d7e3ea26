"""What a kind can send beside words and files: its limits, and what is one emoji."""

from __future__ import annotations

import math
from typing import Any

import pytest

from connectors.instagram.manifest import MANIFEST as INSTAGRAM
from connectors.messenger.manifest import MANIFEST as MESSENGER
from connectors.sms.manifest import MANIFEST as SMS
from connectors.whatsapp.manifest import MANIFEST as WHATSAPP
from inbox.domain.channel import Manifest
from inbox.domain.rich import faults, is_emoji


def fields(content: dict[str, Any], text: str = "How?", kind: Manifest = WHATSAPP) -> list[str]:
    return [name for name, _ in faults(content, text, 0, kind.rich, kind.label)]


def buttons(*titles: str) -> dict[str, Any]:
    return {"buttons": [{"id": f"b{n}", "title": title} for n, title in enumerate(titles)]}


@pytest.mark.parametrize(
    ("kind", "most"), [(WHATSAPP, 3), (MESSENGER, 13), (INSTAGRAM, 13)], ids=lambda v: str(v)[:9]
)
def test_each_kind_has_its_own_number_of_buttons(kind: Manifest, most: int) -> None:
    assert fields(buttons(*map(str, range(most))), kind=kind) == []
    assert fields(buttons(*map(str, range(most + 1))), kind=kind) == ["buttons"]


def test_a_title_may_have_twenty_characters_and_not_one_more() -> None:
    assert fields(buttons("x" * 20)) == []
    assert fields(buttons("x" * 21)) == ["buttons.0.title"]


def test_the_same_id_twice_is_one_too_many() -> None:
    content = {"buttons": [{"id": "a", "title": "Yes"}, {"id": "a", "title": "No"}]}
    assert fields(content) == ["buttons"]


def test_sections_need_titles_where_there_are_several() -> None:
    rows = [{"id": "a", "title": "A"}]
    more = [{"id": "b", "title": "B"}]
    one = {"list": {"button": "Choose", "sections": [{"rows": rows}]}}
    two = {"list": {"button": "Choose", "sections": [{"rows": rows}, {"rows": more}]}}
    assert fields(one) == []
    assert fields(two) == ["list.sections.0.title", "list.sections.1.title"]


@pytest.mark.parametrize(
    ("latitude", "longitude", "ok"),
    [
        (90, 180, True),
        (-90, -180, True),
        (0.0, 0.0, True),
        (90.1, 0, False),
        (0, 180.1, False),
        (math.nan, 0, False),
        (math.inf, 0, False),
        (True, 0, False),
    ],
)
def test_a_place_is_on_the_earth(latitude: float, longitude: float, ok: bool) -> None:
    place = {"location": {"latitude": latitude, "longitude": longitude}}
    assert (fields(place, "") == []) is ok


@pytest.mark.parametrize("name", [7, None, ["The shop"], {"a": 1}])
def test_a_place_has_texts_for_names(name: object) -> None:
    place = {"location": {"latitude": 1, "longitude": 2, "name": name}}
    assert fields(place, "") == ["location.name"]


def test_only_one_of_them_at_a_time_and_without_a_file() -> None:
    link = {"link": {"title": "Open", "url": "https://shop.example.com"}}
    assert fields({**buttons("Yes"), **link}) == ["link"]
    assert faults(buttons("Yes"), "How?", 1, WHATSAPP.rich, "WhatsApp")[0][0] == "attachments"


@pytest.mark.parametrize("key", ["buttons", "list", "link", "location", "contacts"])
def test_sms_has_none_of_it(key: str) -> None:
    assert fields({key: [{"name": "x"}]}, kind=SMS) == [key]


@pytest.mark.parametrize("text", ["👍", "❤️", "👍🏽", "👨‍👩‍👧", "🇩🇰", "1️⃣", "☺", "‼️", "©️", "🏴󠁧󠁢󠁥󠁮󠁧󠁿"])
def test_an_emoji_is_one(text: str) -> None:
    assert is_emoji(text)


@pytest.mark.parametrize(
    "text",
    ["", "a", "1", "#", " ", "ok", "👍a", "👍 ", "<", "\u200d", "\ufe0f", "å", "！", "👍" * 17],
)
def test_anything_else_is_none(text: str) -> None:
    assert not is_emoji(text)
