"""Message templates at Meta: those that an account begins with, their list, and what is wrong with
a message made of one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import msgspec

from connectors.simulator.meta import Json

_PLACE = re.compile(r"\{\{([A-Za-z0-9_]{1,60})\}\}", re.ASCII)
_FILES = ("image", "video", "document")


class Template(msgspec.Struct, kw_only=True):
    """One language of a template, with Meta's words."""

    id: str
    name: str
    language: str
    status: str
    category: str
    components: list[dict[str, Any]]
    quality: str = "UNKNOWN"
    reason: str = "NONE"

    def shown(self) -> Json:
        return {
            "id": self.id,
            "name": self.name,
            "language": self.language,
            "status": self.status,
            "category": self.category,
            "parameter_format": "NAMED" if self.named else "POSITIONAL",
            "components": self.components,
            "quality_score": {"score": self.quality},
            "rejected_reason": self.reason,
        }

    def part(self, type_: str) -> Json:
        return next((one for one in self.components if one["type"] == type_), {})

    @property
    def named(self) -> bool:
        return any(not place.isdigit() for place in _PLACE.findall(self.part("BODY")["text"]))


class TemplateWrong(Exception):
    """Meta does not take it: the code and what it says."""

    def __init__(self, code: int, text: str, status: int = 400) -> None:
        super().__init__(text)
        self.code = code
        self.status = status


def _body(text: str, *values: str) -> Json:
    body: Json = {"type": "BODY", "text": text}
    return {**body, "example": {"body_text": [list(values)]}} if values else body


def _buttons(*buttons: Json) -> Json:
    return {"type": "BUTTONS", "buttons": list(buttons)}


def first_templates() -> list[Template]:
    """What a shop would have: each sort of part, each status, two languages."""
    footer = {"type": "FOOTER", "text": "Harbour Kettles"}
    question = _buttons(
        {"type": "QUICK_REPLY", "text": "Yes, please"},
        {"type": "QUICK_REPLY", "text": "No, thanks"},
    )
    track = {
        "type": "URL",
        "text": "Track it",
        "url": "https://shop.example.com/track/{{1}}",
        "example": ["https://shop.example.com/track/1042"],
    }
    shipped = "Hello {{1}}, your order {{2}} is on its way and should arrive {{3}}."
    shipped_es = "Hola {{1}}, tu pedido {{2}} está en camino y debería llegar {{3}}."
    listed: list[tuple[str, str, str, str, list[Json]]] = [
        (
            "order_update",
            "en_US",
            "APPROVED",
            "UTILITY",
            [_body(shipped, "Maya", "1042", "on Thursday"), footer, _buttons(track)],
        ),
        (
            "order_update",
            "es",
            "APPROVED",
            "UTILITY",
            [_body(shipped_es, "Maya", "1042", "el jueves"), footer, _buttons(track)],
        ),
        (
            "still_interested",
            "en_US",
            "APPROVED",
            "UTILITY",
            [
                {"type": "HEADER", "format": "TEXT", "text": "Your question"},
                _body("Hello {{1}}, you asked us something. Shall we go on?", "Maya"),
                question,
            ],
        ),
        (
            "repair_ready",
            "en_US",
            "APPROVED",
            "UTILITY",
            [
                {"type": "HEADER", "format": "IMAGE", "example": {"header_handle": ["4::aW"]}},
                {
                    "type": "BODY",
                    "text": "Your {{product}} is mended. Collect it until {{day}}.",
                    "example": {
                        "body_text_named_params": [
                            {"param_name": "product", "example": "copper kettle"},
                            {"param_name": "day", "example": "Friday"},
                        ]
                    },
                },
            ],
        ),
        (
            "visit_us",
            "en_US",
            "APPROVED",
            "UTILITY",
            [
                {"type": "HEADER", "format": "LOCATION"},
                _body("You find us here. We are open until {{1}}.", "six"),
            ],
        ),
        (
            "autumn_sale",
            "en_US",
            "APPROVED",
            "MARKETING",
            [
                _body("{{1}}, all copper is {{2}} % off this week.", "Maya", "20"),
                footer,
                _buttons({"type": "COPY_CODE", "example": "COPPER20", "text": "Copy code"}),
            ],
        ),
        (
            "sign_in_code",
            "en_US",
            "APPROVED",
            "AUTHENTICATION",
            [_body("*{{1}}* is your verification code.", "123456")],
        ),
        ("review_request", "en_US", "PENDING", "MARKETING", [_body("How is your kettle?")]),
        ("win_a_kettle", "en_US", "REJECTED", "MARKETING", [_body("Win a kettle now!!!")]),
        ("back_in_stock", "en_US", "PAUSED", "UTILITY", [_body("{{1}} is back.", "Copper")]),
    ]
    return [
        Template(
            id=str(1_000_000_000_000_101 + number),
            name=name,
            language=language,
            status=status,
            category=category,
            components=components,
            reason="PROMOTIONAL" if status == "REJECTED" else "NONE",
        )
        for number, (name, language, status, category, components) in enumerate(listed)
    ]


def page(found: list[Template], query: Mapping[str, str]) -> Json:
    """One page of the list, as Graph pages: `after` is where it goes on."""
    limit = int(query.get("limit") or 25) if (query.get("limit") or "25").isdigit() else 25
    after = query.get("after", "")
    start = int(after) if after.isdigit() else 0
    wanted = [one for one in found if query.get("status") in (None, one.status)]
    shown = wanted[start : start + limit]
    body: Json = {"data": [one.shown() for one in shown], "paging": {}}
    if shown:
        body["paging"]["cursors"] = {"before": str(start), "after": str(start + len(shown))}
    if start + limit < len(wanted):
        body["paging"]["next"] = "https://graph.facebook.com/next?access_token=secret"
    return body


def fill(found: list[Template], content: Json) -> tuple[Template, Json]:
    """What the phone shows of a template message. raises TemplateWrong"""
    language = content.get("language")
    code = language.get("code") if isinstance(language, dict) else None
    template = next(
        (one for one in found if (one.name, one.language) == (content.get("name"), code)), None
    )
    if template is None or template.status in ("PENDING", "REJECTED"):
        text = "Template name does not exist in the translation"
        raise TemplateWrong(132001, text, 404)
    if template.status == "PAUSED":
        raise TemplateWrong(132015, "Template is Paused")
    if template.status != "APPROVED":
        raise TemplateWrong(132016, "Template is Disabled")
    given = content.get("components") or []
    parts = [one for one in given if isinstance(one, dict)]
    header, shown_header = template.part("HEADER"), {}
    if header:
        shown_header = _header(header, _of(parts, "header"))
    rich: Json = {**shown_header, "buttons": _pressable(template, parts)}
    footer = template.part("FOOTER")
    if footer:
        rich["footer"] = footer["text"]
    rich["text"] = _text(template.part("BODY")["text"], _of(parts, "body"))
    return template, rich


def _of(parts: list[Json], type_: str) -> list[Json]:
    for part in parts:
        if str(part.get("type")).lower() == type_:
            return [one for one in part.get("parameters") or [] if isinstance(one, dict)]
    return []


def _text(text: str, parameters: list[Json]) -> str:
    """raises TemplateWrong"""
    places = list(dict.fromkeys(_PLACE.findall(text)))
    if len(parameters) != len(places):
        wanted, got = len(places), len(parameters)
        raise TemplateWrong(
            132000,
            f"Number of parameters does not match: number of localizable_params ({got}) does not"
            f" match the expected number of params ({wanted})",
        )
    values: dict[str, str] = {}
    for number, one in enumerate(parameters):
        if one.get("type") != "text" or not isinstance(one.get("text"), str) or not one["text"]:
            raise TemplateWrong(132012, "Parameter format does not match format in the template")
        if any(sign in one["text"] for sign in "\n\t") or "     " in one["text"]:
            raise TemplateWrong(132018, "Param text cannot have new-line or tab characters")
        values[str(one.get("parameter_name") or number + 1)] = one["text"]
    if set(values) != set(places):
        raise TemplateWrong(132012, "Parameter name does not match the template")
    return _PLACE.sub(lambda found: values[found.group(1)], text)


def _header(header: Json, parameters: list[Json]) -> Json:
    format_ = header["format"].lower()
    if format_ == "text":
        return {"header": _text(header["text"], parameters)}
    if len(parameters) != 1 or parameters[0].get("type") != format_:
        raise TemplateWrong(132012, f"Parameter format does not match: expected {header['format']}")
    given = parameters[0].get(format_)
    if not isinstance(given, dict):
        raise TemplateWrong(132012, "Parameter format does not match format in the template")
    if format_ in _FILES:
        return {"media": str(given.get("id", ""))}
    return {"location": given}


def _pressable(template: Template, parts: list[Json]) -> list[Json]:
    """The buttons as the phone has them: what a press sends, or where it leads."""
    given = {
        str(part.get("index")): _of([part], "button")
        for part in parts
        if str(part.get("type")).lower() == "button"
    }
    shown: list[Json] = []
    for index, button in enumerate(template.part("BUTTONS").get("buttons", [])):
        found = (given.get(str(index)) or [{}])[0]
        item: Json = {"kind": button["type"].lower(), "title": button["text"]}
        if button["type"] == "QUICK_REPLY":
            item["id"] = str(found.get("payload") or button["text"])
        elif button["type"] == "URL":
            needs = bool(_PLACE.search(button["url"]))
            if needs and not found.get("text"):
                text = f"Button at index {index} of type Url requires a parameter"
                raise TemplateWrong(131008, text)
            end = str(found.get("text", ""))
            item["url"] = _PLACE.sub(end.replace("\\", ""), button["url"])
        elif button["type"] == "COPY_CODE":
            if not found.get("coupon_code"):
                raise TemplateWrong(131008, f"Button at index {index} requires a coupon code")
            item["code"] = str(found["coupon_code"])
        shown.append(item)
    return shown
