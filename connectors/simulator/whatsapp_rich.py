"""What a WhatsApp message may be beside texts and files, checked as Meta checks it, and what the
phone shows of it.
"""

from __future__ import annotations

from connectors.simulator.meta import Json


class RichWrong(Exception):
    """Meta does not take it: the code and what it says."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(text)
        self.code = code


def interactive(content: Json) -> Json:
    """raises RichWrong"""
    type_ = content.get("type")
    action = _part(content, "action")
    shown: Json = {"text": _words(_part(content, "body"), "text", "body", _BODY.get(str(type_), 0))}
    if "footer" in content:
        shown["footer"] = _words(_part(content, "footer"), "text", "footer", 60)
    match type_:
        case "button":
            shown["buttons"] = _buttons(action)
        case "list":
            shown |= _list(action)
        case "cta_url":
            parameters = _part(action, "parameters")
            title = _words(parameters, "display_text", "display_text", 20)
            url = _words(parameters, "url", "url", 2000)
            if action.get("name") != "cta_url" or not url.startswith(("http://", "https://")):
                raise RichWrong(131009, "Parameter value is not valid: url")
            shown["buttons"] = [{"kind": "url", "title": title, "url": url}]
        case "location_request_message":
            if action.get("name") != "send_location":
                raise RichWrong(131009, "Parameter value is not valid: action name")
            shown["buttons"] = [{"kind": "send_location", "title": "Send location"}]
        case _:
            raise RichWrong(131009, "Parameter value is not valid: interactive type")
    return shown


_BODY = {"button": 1024, "list": 4096, "cta_url": 1024, "location_request_message": 1024}


def location(content: Json) -> Json:
    """raises RichWrong"""
    found = (content.get("latitude"), content.get("longitude"))
    for value, most in zip(found, (90, 180), strict=True):
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > most:
            raise RichWrong(131009, "Parameter value is not valid: location")
    return {"location": {k: str(v) for k, v in content.items()}}


def contacts(content: object) -> Json:
    """raises RichWrong"""
    cards = content if isinstance(content, list) else []
    names = []
    for card in cards:
        name = _part(card, "name")
        formatted = name.get("formatted_name")
        if not formatted or len(name) < 2:
            raise RichWrong(131009, "Parameter value is not valid: contacts name")
        names.append(str(formatted))
    if not names:
        raise RichWrong(131008, "Required parameter is missing: contacts")
    return {"contacts": names}


def _buttons(action: Json) -> list[Json]:
    given = _items(action, "buttons")
    if not 1 <= len(given) <= 3:
        raise RichWrong(131009, "Parameter value is not valid: 1 to 3 buttons")
    buttons = []
    for one in given:
        reply = _part(one, "reply")
        if one.get("type") != "reply":
            raise RichWrong(131009, "Parameter value is not valid: button type")
        title, own = _words(reply, "title", "title", 20), _words(reply, "id", "id", 256)
        buttons.append({"kind": "button_reply", "title": title, "id": own})
    _once([one["title"] for one in buttons], "button titles")
    _once([one["id"] for one in buttons], "button ids")
    return buttons


def _list(action: Json) -> Json:
    rows: list[Json] = []
    sections = _items(action, "sections")
    if not 1 <= len(sections) <= 10:
        raise RichWrong(131009, "Parameter value is not valid: 1 to 10 sections")
    for section in sections:
        named = _words(section, "title", "section title", 24) if len(sections) > 1 else ""
        found = _items(section, "rows")
        if not found:
            raise RichWrong(131009, "Parameter value is not valid: a section without rows")
        for number, row in enumerate(found):
            item = {
                "kind": "list_reply",
                "title": _words(row, "title", "row title", 24),
                "id": _words(row, "id", "row id", 200),
            }
            if "description" in row:
                item["description"] = _words(row, "description", "description", 72)
            if named and number == 0:
                item["section"] = named
            rows.append(item)
    if len(rows) > 10:
        raise RichWrong(131009, "Parameter value is not valid: at most 10 rows")
    _once([row["id"] for row in rows], "row ids")
    return {"list": _words(action, "button", "button", 20), "buttons": rows}


def _part(value: object, name: str) -> Json:
    found = value.get(name) if isinstance(value, dict) else None
    return found if isinstance(found, dict) else {}


def _items(value: Json, name: str) -> list[Json]:
    found = value.get(name)
    return [one for one in found if isinstance(one, dict)] if isinstance(found, list) else []


def _words(value: Json, name: str, told: str, most: int) -> str:
    found = value.get(name)
    if not isinstance(found, str) or not found.strip():
        raise RichWrong(131008, f"Required parameter is missing: {told}")
    if len(found) > most:
        raise RichWrong(131009, f"Parameter value is not valid: {told} has at most {most}")
    return found


def _once(words: list[str], told: str) -> None:
    if len(set(words)) < len(words):
        raise RichWrong(131009, f"Parameter value is not valid: {told} must be unique")
