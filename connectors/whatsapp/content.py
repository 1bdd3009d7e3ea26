"""What a WhatsApp message holds, by its type: words an agent can read, files, and what it is more
than text.

Pure. A type that is not listed, or that lacks what its type promises, is `unsupported`: the agent
sees that something came and can ask for it in another form.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from connectors.body import items, line, link, mapping, number, text, token
from connectors.content import Read, present, read_choice, read_form, read_location
from inbox.domain.message import AttachmentKind
from inbox.domain.report import Media


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """`more` is JSON-ready, with the keys of `content` in docs/api.md."""

    type: str
    text: str = ""
    media: tuple[Media, ...] = ()
    more: Mapping[str, object] = field(default_factory=dict)


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
    more = _beside(item)
    if kind in _MEDIA:
        return _file(kind, item, more)
    read = _READERS.get(kind)
    found = read(item) if read is not None else None
    if found is None:
        word = line(mapping(item, "unsupported"), "type", 64) if kind == "unsupported" else kind
        return Content(type="unsupported", more={**more, "kind": word or kind})
    words, own = found
    return Content(type=kind, text=words, more={**more, **own})


# -- what any message may have beside its content -------------------------------------------------


def _beside(item: object) -> dict[str, object]:
    """How it came here: from an ad, from a product's page, handed on from somebody else."""
    context = mapping(item, "context")
    more: dict[str, object] = {}
    if context.get("frequently_forwarded") is True:
        more["forwarded"] = "often"
    elif context.get("forwarded") is True:
        more["forwarded"] = "once"
    product = line(mapping(context, "referred_product"), "product_retailer_id")
    if product is not None:
        more["share"] = {"kind": "product", "title": product}
    referral = _referral(mapping(item, "referral"))
    if referral:
        more["referral"] = referral
    return more


def _referral(part: Mapping[str, object]) -> dict[str, object]:
    source = line(part, "source_type", 64)
    found = present(
        url=link(part, "source_url"),
        headline=line(part, "headline"),
        text=text(part, "body") or None,
        ad_id=line(part, "source_id", 64) if source == "ad" else None,
        ref=line(part, "ctwa_clid"),
    )
    return {"source": source or "ad", **found} if source or found else {}


# -- files ----------------------------------------------------------------------------------------


def _file(kind: str, item: object, more: dict[str, object]) -> Content:
    part = mapping(item, kind)
    caption = text(part, "caption") or ""
    if part.get("voice") is True or kind == "voice":
        more["voice"] = True
    if part.get("animated") is True:
        more["animated"] = True
    ref = token(part, "id", 128)
    if ref is None:
        # The file did not make it through at Meta; what was written with it did. Without Meta's
        # word for that it is not the type that it says it is.
        lost = bool(items(item, "errors"))
        return Content(
            type=_MEDIA[kind] if lost else "unsupported", text=caption, more={**more, "kind": kind}
        )
    media = Media(
        ref=ref,
        kind=_MEDIA[kind],
        mime=line(part, "mime_type", 128),
        name=line(part, "filename"),
        sha256=line(part, "sha256", 64),
    )
    return Content(type=_MEDIA[kind], text=caption, media=(media,), more=more)


# -- everything else, by type ---------------------------------------------------------------------


def _text(item: object) -> Read:
    found = text(mapping(item, "text"), "body")
    return None if found is None else (found, {})


def _location(item: object) -> Read:
    part = mapping(item, "location")
    return read_location(
        number(part, "latitude"),
        number(part, "longitude"),
        name=line(part, "name"),
        address=line(part, "address"),
        url=link(part, "url"),
    )


def _contacts(item: object) -> Read:
    cards = [card for entry in items(item, "contacts") if (card := _card(entry)) is not None]
    lines = []
    for name, phones, emails in cards:
        reached = [str(phone["number"]) for phone in phones] or emails
        lines.append(f"Contact: {', '.join(part for part in (name, *reached) if part)}")
    more = [{"name": name, "phones": phones, "emails": emails} for name, phones, emails in cards]
    return ("\n".join(lines), {"contacts": more}) if cards else None


def _card(entry: object) -> tuple[str, list[dict[str, object]], list[str]] | None:
    """Name, numbers and mail addresses of a contact card; None for one that has none of them."""
    given = mapping(entry, "name")
    parts = [line(given, key) for key in ("first_name", "middle_name", "last_name")]
    name = line(given, "formatted_name") or " ".join(part for part in parts if part)
    name = name or line(mapping(entry, "org"), "company") or ""
    phones: list[dict[str, object]] = []
    for phone in items(entry, "phones"):
        digits = line(phone, "wa_id", 32)
        reached = line(phone, "phone", 64) or (f"+{digits}" if digits else None)
        if reached is not None:
            phones.append(present(number=reached, type=line(phone, "type", 32)))
    found = [line(entry, "email", 320) for entry in items(entry, "emails")]
    emails = [email for email in found if email]
    if not (name or phones or emails):
        name, phones, emails = _vcard(text(entry, "vcard") or "")
    return (name, phones, emails) if name or phones or emails else None


_VCARD_LINE = re.compile(
    r"^(?:\w{1,20}\.)?(FN|TEL|EMAIL)(?:[;][^:\n]{0,200})?:(.{1,320})$", re.I | re.M
)


def _vcard(card: str) -> tuple[str, list[dict[str, object]], list[str]]:
    """The same out of the text of a card, for one that has nothing else."""
    found: dict[str, list[str]] = {"FN": [], "TEL": [], "EMAIL": []}
    for line_ in _VCARD_LINE.finditer(card[:20_000]):
        value = line({"value": line_.group(2)}, "value", 320)
        if value:
            found[line_.group(1).upper()].append(value)
    phones: list[dict[str, object]] = [{"number": number[:64]} for number in found["TEL"]]
    return "".join(found["FN"][:1])[:256], phones, found["EMAIL"]


_ANSWERS = ("button_reply", "list_reply", "nfm_reply", "call_permission_reply")


def _interactive(item: object) -> Read:
    part = mapping(item, "interactive")
    # Older examples have the answer inside of `type`, and some forget to say which it is.
    part = mapping(part, "type") or part
    kind = line(part, "type", 64) or next((word for word in _ANSWERS if word in part), "")
    reply = mapping(part, kind)
    if kind in ("button_reply", "list_reply"):
        return read_choice(
            line(reply, "id"), line(reply, "title"), line(reply, "description", 1024)
        )
    if kind == "nfm_reply":
        answers = reply.get("response_json")
        # Some pass it on decoded.
        answers = json.dumps(answers) if isinstance(answers, Mapping) else answers
        answers = text({"answers": answers}, "answers")
        return read_form(line(reply, "name"), answers, line(reply, "body"))
    if kind == "call_permission_reply":
        return f"Calls: {line(reply, 'response', 32) or 'answered'}", {}
    return None


def _button(item: object) -> Read:
    part = mapping(item, "button")
    return read_choice(line(part, "payload"), line(part, "text"))


def _order(item: object) -> Read:
    part = mapping(item, "order")
    note = text(part, "text") or ""
    lines, products = [note] if note else [], []
    for product in items(part, "product_items"):
        name, count = line(product, "product_retailer_id"), number(product, "quantity")
        if name is None:
            continue
        count = 1.0 if count is None else count
        price, currency = number(product, "item_price"), line(product, "currency", 8)
        cost = f" at {price:.15g} {currency}" if price is not None and currency else ""
        lines.append(f"Order: {count:.15g} × {name}{cost}")
        quantity = int(count) if count.is_integer() else count
        products.append(present(product_id=name, quantity=quantity, price=price, currency=currency))
    if not lines:
        return None
    return "\n".join(lines), {"order": present(items=products, text=note or None)}


_READERS: dict[str, Callable[[object], Read]] = {
    "text": _text,
    "location": _location,
    "contacts": _contacts,
    "interactive": _interactive,
    "button": _button,
    "order": _order,
}

TYPES = (*_MEDIA, *_READERS)
