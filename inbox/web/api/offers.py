"""What a message to send is more than a text and files: read from the body, checked against what
the kind can carry and what the provider has approved, and put into the shape of `content`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, Any

import msgspec

from inbox.domain import rich, template
from inbox.domain.channel import Channel, Manifest
from inbox.domain.errors import Invalid
from inbox.domain.message import Attachment
from inbox.domain.template import Template, TemplateCategory, TemplateUse
from inbox.web.context import Context

_Text = Annotated[str, msgspec.Meta(max_length=4096)]
_Short = Annotated[str, msgspec.Meta(max_length=1000)]
Values = dict[_Short, Any]


class TemplateBody(msgspec.Struct, forbid_unknown_fields=True):
    """`parameters`: by the names that the list of templates gives."""

    name: Annotated[str, msgspec.Meta(min_length=1, max_length=512)]
    language: Annotated[str, msgspec.Meta(min_length=1, max_length=16)]
    # Any: texts and one place, checked against the template's definition.
    parameters: Annotated[Values, msgspec.Meta(max_length=60)] = {}


class Button(msgspec.Struct, forbid_unknown_fields=True):
    """`id` comes back when it is pressed; the place of the button where none is given."""

    title: _Short
    id: _Short = ""


class Row(msgspec.Struct, forbid_unknown_fields=True):
    title: _Short
    description: _Short = ""
    id: _Short = ""


class Section(msgspec.Struct, forbid_unknown_fields=True):
    rows: Annotated[list[Row], msgspec.Meta(max_length=100)]
    title: _Short = ""


class ListBody(msgspec.Struct, forbid_unknown_fields=True):
    button: _Short
    sections: Annotated[list[Section], msgspec.Meta(max_length=100)]


class Link(msgspec.Struct, forbid_unknown_fields=True):
    title: _Short
    url: _Text


class Place(msgspec.Struct, forbid_unknown_fields=True):
    latitude: float
    longitude: float
    name: _Short = ""
    address: _Short = ""


class Phone(msgspec.Struct, forbid_unknown_fields=True):
    number: Annotated[str, msgspec.Meta(min_length=1, max_length=64)]
    type: Annotated[str, msgspec.Meta(max_length=32)] = ""


class Card(msgspec.Struct, forbid_unknown_fields=True):
    name: _Short
    phones: Annotated[list[Phone], msgspec.Meta(max_length=20)] = []
    emails: Annotated[list[_Short], msgspec.Meta(max_length=20)] = []


class Offered(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """The part of a message's body that is read here."""

    template: TemplateBody | None = None
    buttons: Annotated[list[Button], msgspec.Meta(max_length=100)] = []
    listed: ListBody | None = msgspec.field(default=None, name="list")
    link: Link | None = None
    footer: _Short = ""
    location: Place | None = None
    location_request: bool = False
    contacts: Annotated[list[Card], msgspec.Meta(max_length=100)] = []


@dataclass(frozen=True, kw_only=True, slots=True)
class Offer:
    """What to store: `content` None and `type` "" where it is texts and files only.

    text     what the message reads as, also where the content says it all
    purpose  what follows from a template's category; None where the writer's word holds
    use      what the gate must know of the template
    """

    text: str
    type: str = ""
    content: dict[str, object] | None = None
    purpose: str | None = None
    use: TemplateUse | None = None


async def read(
    context: Context,
    channel: Channel,
    body: Offered,
    text: str,
    attachments: Sequence[Attachment],
    manifest: Manifest,
) -> Offer:
    """raises Invalid: `over_limit`, `unknown_template`, with the fields at fault"""
    content = _content(body)
    if body.template is not None:
        if content or body.footer or text.strip():
            said = "A template goes by itself, without a text of your own."
            raise Invalid(said, code="over_limit", errors=(("template", said),))
        return await _from_template(context, channel, body.template, attachments)
    if not content:
        if body.footer:
            raise _over([("footer", "It stands below buttons, a list or a link only.")])
        return Offer(text=text)
    if body.footer:
        content["footer"] = body.footer
    wrong = rich.faults(content, text, len(attachments), manifest.rich, manifest.label)
    if wrong:
        raise _over(wrong)
    type_ = next((name for name in ("location", "contacts") if name in content), "interactive")
    return Offer(text=text or _words(content), type=type_, content=content)


def _over(wrong: Sequence[tuple[str, str]]) -> Invalid:
    return Invalid(wrong[0][1], code="over_limit", errors=tuple(wrong[:20]))


def _content(body: Offered) -> dict[str, object]:
    """The keys of `content` that were given, in the order of docs/api.md."""
    content: dict[str, object] = {}
    if body.buttons:
        content["buttons"] = [
            {"id": one.id or f"button_{n}", "title": one.title.strip()}
            for n, one in enumerate(body.buttons, 1)
        ]
    if body.listed is not None:
        content["list"] = _list(body.listed)
    if body.link is not None:
        content["link"] = {"title": body.link.title.strip(), "url": body.link.url.strip()}
    if body.location is not None:
        content["location"] = _present(msgspec.to_builtins(body.location))
    if body.location_request:
        content["location_request"] = True
    if body.contacts:
        content["contacts"] = [
            {
                "name": card.name.strip(),
                "phones": [_present(msgspec.to_builtins(phone)) for phone in card.phones],
                "emails": list(card.emails),
            }
            for card in body.contacts
        ]
    return content


def _list(given: ListBody) -> dict[str, object]:
    count = 0
    sections = []
    for section in given.sections:
        rows = []
        for row in section.rows:
            count += 1
            found = {"id": row.id or f"row_{count}", "title": row.title.strip()}
            rows.append(_present({**found, "description": row.description.strip()}))
        sections.append({**_present({"title": section.title.strip()}), "rows": rows})
    return {"button": given.button.strip(), "sections": sections}


def _present(values: Mapping[str, object]) -> dict[str, object]:
    return {name: value for name, value in values.items() if value != ""}


def _words(content: Mapping[str, object]) -> str:
    """What a list of conversations says of a message without a text of its own."""
    place, cards = content.get("location"), content.get("contacts")
    if isinstance(place, Mapping):
        named = ", ".join(str(place[key]) for key in ("name", "address") if key in place)
        point = f"{place['latitude']:.8g}, {place['longitude']:.8g}"
        return f"Location: {named} ({point})" if named else f"Location: {point}"
    if isinstance(cards, list):
        return "\n".join(f"Contact: {card['name']}" for card in cards)
    return ""


# -- templates -------------------------------------------------------------------------------------

_PURPOSES = {
    TemplateCategory.MARKETING: "promotional",
    TemplateCategory.AUTHENTICATION: "transactional",
}


async def _from_template(
    context: Context, channel: Channel, given: TemplateBody, attachments: Sequence[Attachment]
) -> Offer:
    found = await context.stores.templates.find(
        channel.workspace_id, channel.id, given.name, given.language
    )
    if found is None:
        said = "This channel has no such template in this language."
        raise Invalid(said, code="unknown_template", errors=(("template.name", said),))
    parameters = _parameters(given)
    wrong = template.faults(found, parameters, [one.kind for one in attachments])
    place = parameters.get("header.location")
    if place is not None:
        wrong += rich.place_faults("template.parameters.header.location", place)
    if wrong:
        raise _over(wrong)
    return Offer(
        text=template.filled(found.body, "body", parameters),
        type="template",
        content={"template": template.content_of(found, parameters)},
        purpose=_PURPOSES.get(found.category),
        use=TemplateUse(category=found.category, approved=found.approved),
    )


def _parameters(given: TemplateBody) -> dict[str, object]:
    """Texts, and a place with its four keys; anything else is no parameter."""
    parameters: dict[str, object] = {}
    for name, value in given.parameters.items():
        if name == "header.location" and isinstance(value, dict):
            known = ("latitude", "longitude", "name", "address")
            parameters[name] = {key: value[key] for key in known if key in value}
        else:
            parameters[name] = value
    return parameters


# -- as the API shows them -------------------------------------------------------------------------


def shaped(found: Template) -> dict[str, object]:
    """One of `GET /channels/{id}/templates`."""
    return {
        "name": found.name,
        "language": found.language,
        "category": found.category.value,
        "status": found.status.value,
        "sendable": found.approved,
        "quality": found.quality or None,
        "reason": found.reason or None,
        "header": {"type": found.header_type, "text": found.header},
        "body": found.body,
        "footer": found.footer,
        "buttons": [
            {"type": one.type, "title": one.text, "url": one.url or None} for one in found.buttons
        ],
        "fields": [
            {
                "name": one.name,
                "type": one.type,
                "label": one.label,
                "required": one.required,
                "max_chars": one.max_chars,
                "kind": one.kind or None,
                "example": one.example or None,
            }
            for one in found.fields()
        ],
    }
