"""What a WhatsApp message is more than a text and a file, by the keys of `content` in docs/api.md.

Pure.

source  developers.facebook.com/docs/whatsapp/cloud-api/reference/messages
"""

from __future__ import annotations

from collections.abc import Callable, Mapping

from connectors.body import items, line, mapping, text
from connectors.content import present

Part = dict[str, object]


def build(content: Mapping[str, object], words: str) -> Part | None:
    """`type` and its part, for the keys that are sent so; None where there are none."""
    for key, make in _INTERACTIVE.items():
        if content.get(key):
            kind, action, titled = make(content)
            footer = line(content, "footer", 60)
            interactive: Part = {"type": kind, "body": {"text": words}, "action": action}
            if footer and titled:
                interactive["footer"] = {"text": footer}
            return {"type": "interactive", "interactive": interactive}
    if content.get("location"):
        place = mapping(content, "location")
        known = ("latitude", "longitude", "name", "address")
        return {"type": "location", "location": {k: place[k] for k in known if k in place}}
    if content.get("contacts"):
        cards = [_card(card) for card in items(content, "contacts")]
        return {"type": "contacts", "contacts": cards}
    return None


def _buttons(content: Mapping[str, object]) -> tuple[str, Part, bool]:
    buttons = [
        {"type": "reply", "reply": {"id": text(one, "id"), "title": text(one, "title")}}
        for one in items(content, "buttons")
    ]
    return "button", {"buttons": buttons}, True


def _list(content: Mapping[str, object]) -> tuple[str, Part, bool]:
    given = mapping(content, "list")
    sections = []
    for section in items(given, "sections"):
        rows = [
            present(
                id=text(row, "id"),
                title=text(row, "title"),
                description=text(row, "description") or None,
            )
            for row in items(section, "rows")
        ]
        sections.append({**present(title=text(section, "title") or None), "rows": rows})
    return "list", {"button": text(given, "button"), "sections": sections}, True


def _link(content: Mapping[str, object]) -> tuple[str, Part, bool]:
    given = mapping(content, "link")
    parameters = {"display_text": text(given, "title"), "url": text(given, "url")}
    return "cta_url", {"name": "cta_url", "parameters": parameters}, True


def _request(content: Mapping[str, object]) -> tuple[str, Part, bool]:
    return "location_request_message", {"name": "send_location"}, False


_INTERACTIVE: dict[str, Callable[[Mapping[str, object]], tuple[str, Part, bool]]] = {
    "buttons": _buttons,
    "list": _list,
    "link": _link,
    "location_request": _request,
}


def _card(card: object) -> Part:
    """Meta wants the whole name and one more part of it."""
    name = text(card, "name") or ""
    first = name.split(maxsplit=1)[0] if name.split() else name
    phones = [
        present(phone=text(phone, "number"), type=line(phone, "type", 32))
        for phone in items(card, "phones")
    ]
    emails: list[Part] = [
        {"email": email} for email in items(card, "emails") if isinstance(email, str)
    ]
    found: Part = {"name": {"formatted_name": name, "first_name": first}}
    return {**found, **present(phones=phones or None, emails=emails or None)}
