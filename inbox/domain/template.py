"""Message templates: what a provider has approved for a channel, what fills one, how it reads then.

A parameter has a name: `header.1`, `body.1` (or `body.order` where the template names them),
`header.file`, `header.location`, `button.0` (the place of a button, from 0).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

_PLACE = re.compile(r"\{\{\s{0,4}([A-Za-z0-9_]{1,60})\s{0,4}\}\}", re.ASCII)
_TEXT_CHARS = 1024
_URL_CHARS = 2000
_CODE_CHARS = 15
_PAYLOAD_CHARS = 256


class TemplateStatus(StrEnum):
    """`other`: some word of the provider's that is no leave to send."""

    APPROVED = "approved"
    PENDING = "pending"
    REJECTED = "rejected"
    PAUSED = "paused"
    DISABLED = "disabled"
    OTHER = "other"


class TemplateCategory(StrEnum):
    MARKETING = "marketing"
    UTILITY = "utility"
    AUTHENTICATION = "authentication"
    OTHER = "other"


HeaderType = Literal["none", "text", "image", "video", "document", "location", "other"]
ButtonType = Literal["quick_reply", "url", "phone", "copy_code", "other"]
FILES = ("image", "video", "document")


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateButton:
    """`url` may hold one place for a parameter."""

    type: ButtonType
    text: str
    url: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateField:
    """One parameter. `file`: an attachment of the message, of the kind in `kind`."""

    name: str
    type: Literal["text", "file", "location"]
    label: str
    required: bool = True
    max_chars: int = _TEXT_CHARS
    kind: str = ""
    example: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Template:
    """One language of a template, as the provider defines it.

    sendable   False where it holds a part that we cannot fill; `status` is the provider's word
    quality    the provider's rating, lower-case; "" where it has none
    reason     why the provider turned it down, in its word; "" otherwise
    examples   of parameters, by their name
    """

    name: str
    language: str
    category: TemplateCategory
    status: TemplateStatus
    body: str
    header_type: HeaderType = "none"
    header: str = ""
    footer: str = ""
    buttons: tuple[TemplateButton, ...] = ()
    sendable: bool = True
    quality: str = ""
    reason: str = ""
    examples: Mapping[str, str] | None = None

    @property
    def approved(self) -> bool:
        return self.status is TemplateStatus.APPROVED and self.sendable

    def fields(self) -> tuple[TemplateField, ...]:
        """What has to be given, in the order of reading."""
        return tuple(self._fields())

    def _fields(self) -> Iterator[TemplateField]:
        known = self.examples or {}
        if self.header_type in FILES:
            yield TemplateField(
                name="header.file", type="file", label=self.header_type, kind=self.header_type
            )
        elif self.header_type == "location":
            yield TemplateField(name="header.location", type="location", label="place")
        for part, text in (("header", self.header), ("body", self.body)):
            for place in places(text):
                name = f"{part}.{place}"
                example = known.get(name, "")
                yield TemplateField(name=name, type="text", label=place, example=example)
        for index, button in enumerate(self.buttons):
            name = f"button.{index}"
            example = known.get(name, "")
            if button.type == "url" and places(button.url):
                yield TemplateField(
                    name=name, type="text", label=button.text, max_chars=_URL_CHARS, example=example
                )
            elif button.type == "copy_code":
                yield TemplateField(
                    name=name,
                    type="text",
                    label=button.text,
                    max_chars=_CODE_CHARS,
                    example=example,
                )
            elif button.type == "quick_reply":
                yield TemplateField(
                    name=name,
                    type="text",
                    label=button.text,
                    required=False,
                    max_chars=_PAYLOAD_CHARS,
                )


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateUse:
    """What the gate must know of the template of a message: as it stands now, not as it was."""

    category: TemplateCategory
    approved: bool


def places(text: str) -> list[str]:
    """The names of the places in a text, each once, in their order."""
    return list(dict.fromkeys(_PLACE.findall(text)))


def filled(text: str, part: str, parameters: Mapping[str, object]) -> str:
    """The text with its places filled, in one pass: what is filled in is not looked at again."""
    return _PLACE.sub(
        lambda found: str(parameters.get(f"{part}.{found.group(1)}", found.group(0))), text
    )


def faults(
    template: Template, parameters: Mapping[str, object], files: Sequence[str]
) -> list[tuple[str, str]]:
    """What is wrong with these parameters, as (field, sentence); `files` are the kinds of the
    message's attachments. Empty: they fit the definition."""
    fields = {field.name: field for field in template.fields()}
    wrong = [
        (f"template.parameters.{name}", "This template has no such parameter.")
        for name in parameters
        if name not in fields or fields[name].type == "file"
    ]
    for field in fields.values():
        said = _fault(field, parameters.get(field.name), files)
        if said is not None:
            wrong.append((f"template.parameters.{field.name}", said))
    if files and template.header_type not in FILES:
        wrong.append(("attachments", "This template takes no file."))
    if not wrong and len(filled(template.body, "body", parameters)) > _TEXT_CHARS:
        wrong.append(("template.parameters", f"The text is longer than {_TEXT_CHARS} characters."))
    return wrong


def _fault(field: TemplateField, value: object, files: Sequence[str]) -> str | None:
    if field.type == "file":
        return None if list(files) == [field.kind] else f"Attach one file: {field.kind}."
    if field.type == "location":
        return None if isinstance(value, Mapping) else "Give a place."
    if value is None:
        return "It is missing." if field.required else None
    if not isinstance(value, str):
        return "It is a text."
    if not value.strip():
        return "It is empty."
    if len(value) > field.max_chars:
        return f"It has at most {field.max_chars} characters."
    if any(sign in value for sign in "\n\r\t") or "     " in value:
        return "It is one line, without tabs and without many blanks in a row."
    return None


def content_of(template: Template, parameters: Mapping[str, object]) -> dict[str, object]:
    """`content.template` of a message: the template as the contact sees it, and what filled it.
    The filled body is the message's text."""
    shown: dict[str, object] = {
        "name": template.name,
        "language": template.language,
        "category": template.category.value,
        "parameters": dict(parameters),
        "header_type": template.header_type,
        "buttons": [_button(n, one, parameters) for n, one in enumerate(template.buttons)],
    }
    if template.header:
        shown["header"] = filled(template.header, "header", parameters)
    if template.footer:
        shown["footer"] = template.footer
    return shown


def _button(index: int, button: TemplateButton, parameters: Mapping[str, object]) -> dict[str, str]:
    shown = {"type": button.type, "title": button.text}
    if button.type == "url":
        given = parameters.get(f"button.{index}", "")
        shown["url"] = _PLACE.sub(lambda _: str(given), button.url)
    return shown
