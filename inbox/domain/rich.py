"""What a kind can send beside a text and a file, declared in its manifest and checked here, once
for all kinds: the page, the API and the connectors read the same numbers.

What is not sent in silence is refused in words; what the provider itself explains, it may.
"""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

Fault = tuple[str, str]
"""The field at fault, and a sentence."""


@dataclass(frozen=True, kw_only=True, slots=True)
class ButtonLimits:
    """Buttons that answer with their title; `text_chars` of the text above them."""

    max_count: int
    title_chars: int
    id_chars: int
    text_chars: int
    footer_chars: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class ListLimits:
    """A list that opens at a button; `max_rows` in all of its sections together."""

    max_rows: int
    max_sections: int
    button_chars: int
    section_chars: int
    title_chars: int
    description_chars: int
    id_chars: int
    text_chars: int
    footer_chars: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class LinkLimits:
    """A button that opens an address."""

    title_chars: int
    url_chars: int
    text_chars: int
    footer_chars: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Rich:
    """None, 0, False and empty: the kind has none of it.

    templates       it has message templates, which a provider approves
    request_chars   of the text that asks for the contact's place
    contacts        cards in one message
    reactions       what the page offers; others are taken where `any_reaction`
    quotes          a message can answer another one
    signals         the provider is told that we have read and that we write
    """

    templates: bool = False
    buttons: ButtonLimits | None = None
    lists: ListLimits | None = None
    links: LinkLimits | None = None
    location: bool = False
    request_chars: int = 0
    contacts: int = 0
    reactions: tuple[str, ...] = ()
    any_reaction: bool = False
    quotes: bool = False
    signals: bool = False


NOTHING = Rich()

KEYS = ("buttons", "list", "link", "location", "location_request", "contacts")
"""The keys of `content` that a message to send may have, of which one at a time."""


def faults(
    content: Mapping[str, object], text: str, files: int, rich: Rich, label: str
) -> list[Fault]:
    """What is wrong with this content of a message to send; empty: it may go. The shapes are those
    of docs/api.md and have been checked by type."""
    keys = [key for key in KEYS if content.get(key)]
    if len(keys) > 1:
        return [(keys[1], "A message holds one of these at a time.")]
    if files:
        return [("attachments", "It goes without a file.")]
    return list(_CHECKS[keys[0]](content, text, rich, label)) if keys else []


def _none(field: str, label: str) -> Iterator[Fault]:
    yield field, f"{label} cannot send this."


def _said(text: str, most: int, content: Mapping[str, object], footer: int) -> Iterator[Fault]:
    """The text that stands above, and the small one below."""
    if not text.strip():
        yield "text", "It needs a text."
    yield from _long("text", text, most)
    given = content.get("footer")
    if isinstance(given, str):
        yield from _long("footer", given, footer)


def _long(field: str, text: str, most: int) -> Iterator[Fault]:
    if len(text) > most:
        yield field, f"At most {most} characters." if most else "There is none here."


def _named(field: str, title: str, most: int) -> Iterator[Fault]:
    if not title.strip():
        yield field, "It is empty."
    yield from _long(field, title, most)


def _texts(item: object, name: str) -> str:
    found = item.get(name) if isinstance(item, Mapping) else None
    return found if isinstance(found, str) else ""


def _items(value: object, name: str) -> list[object]:
    found = value.get(name) if isinstance(value, Mapping) else None
    return list(found) if isinstance(found, Sequence) and not isinstance(found, str) else []


def _twice(field: str, words: list[str]) -> Iterator[Fault]:
    if len(set(words)) < len(words):
        yield field, "Two of them are the same."


def _buttons(content: Mapping[str, object], text: str, rich: Rich, label: str) -> Iterator[Fault]:
    limits = rich.buttons
    if limits is None:
        yield from _none("buttons", label)
        return
    buttons = _items(content, "buttons")
    if len(buttons) > limits.max_count:
        yield "buttons", f"{label} shows at most {limits.max_count} buttons."
    yield from _said(text, limits.text_chars, content, limits.footer_chars)
    for index, button in enumerate(buttons):
        title = _texts(button, "title")
        yield from _named(f"buttons.{index}.title", title, limits.title_chars)
        yield from _long(f"buttons.{index}.id", _texts(button, "id"), limits.id_chars)
    yield from _twice("buttons", [_texts(button, "title").strip() for button in buttons])
    yield from _twice("buttons", [_texts(button, "id") for button in buttons])


def _list(content: Mapping[str, object], text: str, rich: Rich, label: str) -> Iterator[Fault]:
    limits = rich.lists
    if limits is None:
        yield from _none("list", label)
        return
    given = content["list"]
    sections = _items(given, "sections")
    yield from _said(text, limits.text_chars, content, limits.footer_chars)
    yield from _named("list.button", _texts(given, "button"), limits.button_chars)
    if not 0 < len(sections) <= limits.max_sections:
        yield "list.sections", f"From 1 to {limits.max_sections} sections."
    ids: list[str] = []
    for index, section in enumerate(sections):
        place = f"list.sections.{index}"
        if len(sections) > 1:
            yield from _named(f"{place}.title", _texts(section, "title"), limits.section_chars)
        yield from _long(f"{place}.title", _texts(section, "title"), limits.section_chars)
        rows = _items(section, "rows")
        if not rows:
            yield f"{place}.rows", "It is empty."
        for number, row in enumerate(rows):
            at = f"{place}.rows.{number}"
            yield from _named(f"{at}.title", _texts(row, "title"), limits.title_chars)
            yield from _long(
                f"{at}.description", _texts(row, "description"), limits.description_chars
            )
            yield from _long(f"{at}.id", _texts(row, "id"), limits.id_chars)
            ids.append(_texts(row, "id"))
    if len(ids) > limits.max_rows:
        yield "list.sections", f"{label} shows at most {limits.max_rows} rows in all."
    yield from _twice("list.sections", ids)


def _link(content: Mapping[str, object], text: str, rich: Rich, label: str) -> Iterator[Fault]:
    limits = rich.links
    if limits is None:
        yield from _none("link", label)
        return
    url = _texts(content["link"], "url")
    yield from _said(text, limits.text_chars, content, limits.footer_chars)
    yield from _named("link.title", _texts(content["link"], "title"), limits.title_chars)
    yield from _long("link.url", url, limits.url_chars)
    if not url.lower().startswith(("https://", "http://")) or any(map(str.isspace, url)):
        yield "link.url", "It is an address that begins with https://."


def _location(content: Mapping[str, object], text: str, rich: Rich, label: str) -> Iterator[Fault]:
    if not rich.location:
        yield from _none("location", label)
        return
    if text.strip():
        yield "text", "A place goes without a text. Send the text by itself."
    yield from place_faults("location", content["location"])


def place_faults(field: str, place: object) -> Iterator[Fault]:
    """What is wrong with {latitude, longitude, name?, address?}."""
    for name, most in (("latitude", 90), ("longitude", 180)):
        found = place.get(name) if isinstance(place, Mapping) else None
        # Written so that a NaN is outside, too.
        if isinstance(found, bool) or not isinstance(found, int | float) or not abs(found) <= most:
            yield f"{field}.{name}", f"A number from -{most} to {most}."
    for name in ("name", "address"):
        if isinstance(place, Mapping) and not isinstance(place.get(name, ""), str):
            yield f"{field}.{name}", "It is a text."
        yield from _long(f"{field}.{name}", _texts(place, name), 1000)


def _request(content: Mapping[str, object], text: str, rich: Rich, label: str) -> Iterator[Fault]:
    if not rich.request_chars:
        yield from _none("location_request", label)
        return
    yield from _said(text, rich.request_chars, {}, 0)


def _contacts(content: Mapping[str, object], text: str, rich: Rich, label: str) -> Iterator[Fault]:
    cards = _items(content, "contacts")
    if not rich.contacts:
        yield from _none("contacts", label)
        return
    if len(cards) > rich.contacts:
        yield "contacts", f"{label} carries at most {rich.contacts} cards in a message."
    if text.strip():
        yield "text", "A card goes without a text. Send the text by itself."
    for index, card in enumerate(cards):
        yield from _named(f"contacts.{index}.name", _texts(card, "name"), 200)
        if not _items(card, "phones") and not _items(card, "emails"):
            yield f"contacts.{index}", "It needs a number or a mail address."


_CHECKS = {
    "buttons": _buttons,
    "list": _list,
    "link": _link,
    "location": _location,
    "location_request": _request,
    "contacts": _contacts,
}


# Emoji that are listed as letters, dashes and signs.
_PLAIN = "\u203c\u2049\u2139\u2194\u25fd\u25fe\u3030"


def is_emoji(text: str) -> bool:
    """Whether it can be one emoji: a few signs that are pictures or belong to one."""
    if not 0 < len(text) <= 16:
        return False
    keycap = "\u20e3" in text
    pictures = [
        c for c in text if c in _PLAIN or (unicodedata.category(c) == "So" and c > "\u203b")
    ]
    joins = {"\u200d", "\ufe0e", "\ufe0f", "\u20e3"}
    belongs = [
        c
        for c in text
        if c in joins
        or 0x1F3FB <= ord(c) <= 0x1F3FF
        or 0xE0020 <= ord(c) <= 0xE007F
        or (keycap and c in "0123456789#*")
        or c in ("\u00a9", "\u00ae")
    ]
    whole = len(pictures) + len(belongs) == len(text)
    return whole and (bool(pictures) or keycap or text[0] in ("\u00a9", "\u00ae"))
