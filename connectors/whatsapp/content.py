"""What an inbound WhatsApp message holds, by its type: words an agent can read, and files.

Pure. A type that is not listed, or that lacks what its type promises, is `unsupported`: the agent
sees that something came and can ask for it in another form.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from connectors.body import items, line, mapping, number, text
from inbox.domain.message import AttachmentKind
from inbox.domain.report import Media


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    type: str
    text: str = ""
    media: tuple[Media, ...] = ()


_MEDIA: dict[str, AttachmentKind] = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "voice": "audio",
    "document": "document",
    "sticker": "sticker",
}


def read_content(kind: str, item: object) -> Content:
    """The content of a message of type `kind`; never raises."""
    if kind in _MEDIA:
        return _file(_MEDIA[kind], mapping(item, kind))
    if kind == "contacts":
        words = _contacts(items(item, "contacts"))
    else:
        read = _READERS.get(kind)
        words = read(mapping(item, kind)) if read is not None else None
    return Content(type="unsupported") if words is None else Content(type=kind, text=words)


def _file(kind: AttachmentKind, part: Mapping[str, object]) -> Content:
    caption = text(part, "caption") or ""
    ref = line(part, "id", 128)
    if ref is None:
        # The file did not make it through at Meta; what was written with it did.
        return Content(type="unsupported", text=caption)
    media = Media(
        ref=ref,
        kind=kind,
        mime=line(part, "mime_type", 128),
        name=line(part, "filename"),
        sha256=line(part, "sha256", 64),
    )
    return Content(type=kind, text=caption, media=(media,))


def _text(part: Mapping[str, object]) -> str | None:
    return text(part, "body")


def _location(part: Mapping[str, object]) -> str | None:
    latitude, longitude = number(part, "latitude"), number(part, "longitude")
    if latitude is None or longitude is None:
        return None
    point = f"{latitude:.8g}, {longitude:.8g}"
    named = ", ".join(found for key in ("name", "address") if (found := line(part, key)))
    return f"Location: {named} ({point})" if named else f"Location: {point}"


def _contacts(cards: list[object]) -> str | None:
    lines = []
    for card in cards:
        name = line(mapping(card, "name"), "formatted_name")
        phones = [found for entry in items(card, "phones") if (found := line(entry, "phone", 64))]
        words = ", ".join(part for part in (name, *phones) if part)
        if words:
            lines.append(f"Contact: {words}")
    return "\n".join(lines) or None


def _interactive(part: Mapping[str, object]) -> str | None:
    kind = line(part, "type", 64) or ""
    reply = mapping(part, kind)
    if kind in ("button_reply", "list_reply"):
        return line(reply, "title")
    if kind == "nfm_reply":
        return line(reply, "body") or "Form answered"
    if kind == "call_permission_reply":
        return f"Calls: {line(reply, 'response', 32) or 'answered'}"
    return None


def _button(part: Mapping[str, object]) -> str | None:
    return line(part, "text") or line(part, "payload")


def _order(part: Mapping[str, object]) -> str | None:
    lines = [text(part, "text") or ""]
    for product in items(part, "product_items"):
        name, count = line(product, "product_retailer_id"), number(product, "quantity")
        if name is None:
            continue
        price, currency = number(product, "item_price"), line(product, "currency", 8)
        cost = f" at {price:.15g} {currency}" if price is not None and currency else ""
        lines.append(f"Order: {count or 1:.15g} × {name}{cost}")
    return "\n".join(entry for entry in lines if entry) or None


_READERS: dict[str, Callable[[Mapping[str, object]], str | None]] = {
    "text": _text,
    "location": _location,
    "interactive": _interactive,
    "button": _button,
    "order": _order,
}
