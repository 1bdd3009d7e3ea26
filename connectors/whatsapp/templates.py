"""Message templates of a WhatsApp business account: how Meta lists them, what it reports of them,
and how one is sent. All but `fetch` is pure.

source  developers.facebook.com/docs/whatsapp/business-management-api/message-templates
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from datetime import datetime
from urllib.parse import quote

from connectors.body import instant, items, line, mapping, text
from connectors.meta import Graph, segment
from inbox.domain.channel import Channel, OutboundFile
from inbox.domain.errors import Permanent
from inbox.domain.report import Ignored, Report, TemplateChanged
from inbox.domain.template import (
    ButtonType,
    HeaderType,
    Template,
    TemplateButton,
    TemplateCategory,
    TemplateStatus,
    places,
)

_FIELDS = "name,status,category,language,components,quality_score,rejected_reason"
_PAGE = 100
_MOST_PAGES = 30
_NAME = re.compile(r"[a-z0-9_]{1,512}", re.ASCII)
_LANGUAGE = re.compile(r"[A-Za-z]{2,3}(?:[_-][A-Za-z0-9]{2,8})?", re.ASCII)
_WORD = re.compile(r"[A-Z0-9_]{2,64}", re.ASCII)

_STATUS = {
    "APPROVED": TemplateStatus.APPROVED,
    "PENDING": TemplateStatus.PENDING,
    "REJECTED": TemplateStatus.REJECTED,
    "PAUSED": TemplateStatus.PAUSED,
    "DISABLED": TemplateStatus.DISABLED,
}
# What a webhook may say besides; FLAGGED is a warning, and the template still goes.
_EVENTS = {**_STATUS, "REINSTATED": TemplateStatus.APPROVED, "FLAGGED": None}
_GONE = ("DELETED", "PENDING_DELETION")
_CATEGORY = {
    "MARKETING": TemplateCategory.MARKETING,
    "UTILITY": TemplateCategory.UTILITY,
    "AUTHENTICATION": TemplateCategory.AUTHENTICATION,
}
_HEADERS: dict[str, HeaderType] = {
    "TEXT": "text",
    "IMAGE": "image",
    "VIDEO": "video",
    "DOCUMENT": "document",
    "LOCATION": "location",
}
_BUTTONS: dict[str, ButtonType] = {
    "QUICK_REPLY": "quick_reply",
    "URL": "url",
    "PHONE_NUMBER": "phone",
    "COPY_CODE": "copy_code",
    # These take nothing of ours and show by themselves.
    "REQUEST_CONTACT_INFO": "other",
    "VOICE_CALL": "other",
}
_COMPONENTS = ("HEADER", "BODY", "FOOTER", "BUTTONS")


# -- what Meta lists ------------------------------------------------------------------------------


async def fetch(graph: Graph, channel: Channel) -> list[Template]:
    """All pages of the account's templates. Raises as `HasTemplates.templates` says."""
    account = segment(channel.setting("business_account_id"))
    token = channel.setting("access_token")
    found: list[Template] = []
    after = ""
    for _ in range(_MOST_PAGES):
        path = f"{account}/message_templates?fields={_FIELDS}&limit={_PAGE}"
        # Only the mark is taken from the answer: its `next` is an address with the token in it.
        document = await graph.get(f"{path}&after={quote(after)}" if after else path, token)
        listed = (read(item) for item in items(document, "data"))
        found += [template for template in listed if template is not None]
        paging = mapping(document, "paging")
        after = line(mapping(paging, "cursors"), "after", 1024) or ""
        if not after or "next" not in paging:
            break
    return found


def read(item: object) -> Template | None:
    """One of the list; None for what has no name, language or text."""
    name, language = line(item, "name", 512), _language(line(item, "language", 16))
    parts = {line(part, "type", 32): part for part in items(item, "components")}
    body = text(parts.get("BODY"), "text")
    if name is None or language is None or body is None or not _NAME.fullmatch(name):
        return None
    header = parts.get("HEADER")
    header_type: HeaderType = "none"
    if header is not None:
        header_type = _HEADERS.get(line(header, "format", 16) or "", "other")
    listed = items(parts.get("BUTTONS"), "buttons")
    buttons = [_button(button) for button in listed]
    fits = header_type != "other" and all(part in _COMPONENTS for part in parts)
    fits = fits and all(line(button, "type", 32) in _BUTTONS for button in listed)
    return Template(
        name=name,
        language=language,
        category=_CATEGORY.get(line(item, "category", 32) or "", TemplateCategory.OTHER),
        status=_STATUS.get(line(item, "status", 32) or "", TemplateStatus.OTHER),
        body=body,
        header_type=header_type,
        header=(text(header, "text") or "") if header_type == "text" else "",
        footer=text(parts.get("FOOTER"), "text") or "",
        buttons=tuple(buttons),
        sendable=fits,
        quality=(line(mapping(item, "quality_score"), "score", 16) or "").lower(),
        reason=_reason(line(item, "rejected_reason", 64)) or "",
        examples=dict(_examples(parts, body)),
    )


def _button(part: object) -> TemplateButton:
    return TemplateButton(
        type=_BUTTONS.get(line(part, "type", 32) or "", "other"),
        text=line(part, "text", 64) or "",
        url=text(part, "url") or "",
    )


def _examples(parts: Mapping[str | None, object], body: str) -> Iterator[tuple[str, str]]:
    """What Meta was shown when it approved: a help for whoever fills it in."""
    example = mapping(parts.get("BODY"), "example")
    rows = items(example, "body_text")
    values = rows[0] if rows and isinstance(rows[0], list) else []
    for place, value in zip(places(body), values, strict=False):
        if isinstance(value, str):
            yield f"body.{place}", value[:200]
    for named in items(example, "body_text_named_params"):
        name, value = line(named, "param_name", 60), line(named, "example", 200)
        if name and value:
            yield f"body.{name}", value


def _language(given: str | None) -> str | None:
    """`en_US`, as it is sent; some webhooks write `en-US`."""
    return given.replace("-", "_") if given and _LANGUAGE.fullmatch(given) else None


def _reason(given: str | None) -> str | None:
    return given.lower() if given and given != "NONE" and _WORD.fullmatch(given) else None


# -- what Meta reports ----------------------------------------------------------------------------


def changed(
    field: str, value: Mapping[str, object], entry: object, received_at: datetime
) -> Report:
    """One of the three fields about templates."""
    account, name = line(entry, "id", 64), line(value, "message_template_name", 512)
    if account is None:
        return Ignored(reason="no_account")
    if name is None:
        return Ignored(reason="malformed_item", account=account)
    event = line(value, "event", 64)
    about_status = field == "message_template_status_update"
    category = line(value, "new_category", 32)
    quality = line(value, "new_quality_score", 16)
    return TemplateChanged(
        account=account,
        name=name,
        language=_language(line(value, "message_template_language", 16)),
        status=_EVENTS.get(event or "", TemplateStatus.OTHER) if about_status else None,
        # The word for the one it has now, also where Meta only announces another.
        category=_CATEGORY.get(category) if category else None,
        quality=quality.lower() if quality and _WORD.fullmatch(quality) else None,
        reason=_reason(line(value, "reason", 64)) if about_status else None,
        gone=about_status and event in _GONE,
        at=instant(entry, "time", received_at),
    )


# -- how one is sent ------------------------------------------------------------------------------


def build(template: Mapping[str, object], files: tuple[OutboundFile, ...]) -> dict[str, object]:
    """`template` of the call, from `content.template` of the message: only what was filled in is
    told, in the order of the definition."""
    parameters = mapping(template, "parameters")
    components = [
        *_header(template, parameters, files),
        *_body(parameters),
        *_pressed(template, parameters),
    ]
    document: dict[str, object] = {
        "name": template.get("name"),
        "language": {"code": template.get("language")},
    }
    return {**document, "components": components} if components else document


def _header(
    template: Mapping[str, object],
    parameters: Mapping[str, object],
    files: tuple[OutboundFile, ...],
) -> Iterator[dict[str, object]]:
    kind = str(template.get("header_type", "none"))
    if kind in ("image", "video", "document"):
        if len(files) != 1 or files[0].kind != kind:
            raise Permanent("The file that this template shows is missing.", code="header_file")
        part: dict[str, object] = {"id": files[0].uploaded}
        if kind == "document":
            part["filename"] = files[0].name
        yield {"type": "header", "parameters": [{"type": kind, kind: part}]}
        return
    place = parameters.get("header.location")
    if isinstance(place, Mapping):
        yield {"type": "header", "parameters": [{"type": "location", "location": dict(place)}]}
    texts = _texts("header.", parameters)
    if texts:
        yield {"type": "header", "parameters": texts}


def _body(parameters: Mapping[str, object]) -> Iterator[dict[str, object]]:
    texts = _texts("body.", parameters)
    if texts:
        yield {"type": "body", "parameters": texts}


def _texts(prefix: str, parameters: Mapping[str, object]) -> list[dict[str, object]]:
    """Positional ones by their number, whatever the order in which they were given."""
    given = {
        name.removeprefix(prefix): str(value)
        for name, value in parameters.items()
        if name.startswith(prefix) and isinstance(value, str)
    }
    if all(name.isdigit() for name in given):
        return [{"type": "text", "text": given[name]} for name in sorted(given, key=int)]
    return [
        {"type": "text", "parameter_name": name, "text": value} for name, value in given.items()
    ]


_PARAMETER = {"url": "text", "copy_code": "coupon_code", "quick_reply": "payload"}


def _pressed(
    template: Mapping[str, object], parameters: Mapping[str, object]
) -> Iterator[dict[str, object]]:
    for index, button in enumerate(items(template, "buttons")):
        kind, value = line(button, "type", 32) or "", parameters.get(f"button.{index}")
        if kind in _PARAMETER and value is not None:
            name = _PARAMETER[kind]
            yield {
                "type": "button",
                "sub_type": kind,
                "index": str(index),
                "parameters": [{"type": name, name: value}],
            }
