"""What an inbound message from Twilio holds: its type, words, files, and what is more than these.
Plain SMS has words and files alone; the rest comes with services that use the same form.

source  www.twilio.com/docs/messaging/guides/webhook-request
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from connectors.body import line, link, number, text
from connectors.content import Read, present, read_choice, read_form, read_location
from connectors.sms.form import Form
from inbox.domain.message import AttachmentKind
from inbox.domain.report import Media


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """`more` is JSON-ready, with the keys of `content` in docs/api.md."""

    type: str
    text: str
    media: tuple[Media, ...]
    more: Mapping[str, object]


_FILES: dict[str, AttachmentKind] = {
    "image": "image",
    "video": "video",
    "audio": "audio",
    "voice": "audio",
    "document": "document",
    "sticker": "sticker",
}
_ANSWERS = ("button", "interactive")


def read_content(form: Form, media: tuple[Media, ...], *, typed: bool) -> Content:
    """What an inbound message holds; never raises.

    media   its files
    typed   the service that it came through says what a message is (`MessageType`): a type that is
            not known, or lacks what it promises, is `unsupported`, with all that came
    """
    kind, words, more = _rich(form)
    body = form.first("Body")
    said = (line({"type": form.first("MessageType")}, "type", 64) or "").lower() if typed else ""
    if said == "voice" and media:
        more["voice"] = True
    if said in _FILES:
        media = tuple(replace(one, kind=_FILES[said]) for one in media)
    elif said in _ANSWERS and kind == "text" and body:
        # Pressed, and nothing but what it said is told.
        more |= {"choice": {"id": body[:256], "title": body[:256]}}
        kind = said
    found = _type(said, kind, media)
    if found == "unsupported":
        more["kind"] = said
    return Content(type=found, text=body or words, media=media, more=more)


def _type(said: str, kind: str, media: tuple[Media, ...]) -> str:
    """Its type, of what it says that it is and what it has."""
    if said in _FILES:
        return _FILES[said] if media else "unsupported"
    if said == "contacts":
        return said if media else "unsupported"  # the cards are the file
    if said in ("", "text"):
        return media[0].kind if media else kind
    if said in _ANSWERS:
        return said if kind in _ANSWERS else "unsupported"
    return kind if said == kind else "unsupported"


def read_emoji(form: Form) -> str | None:
    """The emoji of a reaction, "" for one that is taken back; None for what is no reaction."""
    body = form.first("Body").strip()
    if form.first("MessageType").strip().lower() != "reaction" or len(body) > 64:
        return None
    return line({"body": body}, "body", 64) or ""


def _rich(form: Form) -> tuple[str, str, dict[str, object]]:
    """Type, words and content of what is more than text; the type is `text` where there is no
    such thing."""
    # An empty field says the same as a missing one.
    fields = {name: form.first(name) for name in form if form.first(name)}
    more = _beside(fields)
    for kind, read in (
        ("location", _location(fields)),
        ("button", read_choice(line(fields, "ButtonPayload"), line(fields, "ButtonText"))),
        (
            "interactive",
            read_choice(
                line(fields, "ListId"),
                line(fields, "ListTitle"),
                line(fields, "ListDescription", 1024),
            ),
        ),
        ("interactive", _form(fields)),
    ):
        if read is not None:
            words, own = read
            return kind, words, {**more, **own}
    return "text", "", more


def _location(fields: Mapping[str, str]) -> Read:
    return read_location(
        number(fields, "Latitude"),
        number(fields, "Longitude"),
        name=line(fields, "Label"),
        address=line(fields, "Address"),
    )


def _form(fields: Mapping[str, str]) -> Read:
    answers = text(fields, "FlowData") or text(fields, "InteractiveData")
    return None if answers is None else read_form(None, answers, None)


def _beside(fields: Mapping[str, str]) -> dict[str, object]:
    more: dict[str, object] = {}
    if fields.get("FrequentlyForwarded", "").lower() == "true":
        more["forwarded"] = "often"
    elif fields.get("Forwarded", "").lower() == "true":
        more["forwarded"] = "once"
    source = line(fields, "ReferralSourceType", 64)
    found = present(
        url=link(fields, "ReferralSourceUrl"),
        headline=line(fields, "ReferralHeadline"),
        text=text(fields, "ReferralBody"),
        ad_id=line(fields, "ReferralSourceId", 64) if source == "ad" else None,
        ref=line(fields, "ReferralCtwaClid"),
    )
    if source or found:
        more["referral"] = {"source": source or "ad", **found}
    return more
