"""Reads what Twilio lists: each Message resource as the form that a webhook would have brought, so
that both are read alike and have the same id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

from connectors.body import NotJson, decode, items, line, text
from connectors.sms.client import TWILIO
from connectors.sms.form import Form
from inbox.domain.channel import Payload
from inbox.domain.errors import MalformedPayload
from inbox.domain.report import MessageReceived, Report, StatusReported

PULLED = "PULL"
_MOST_MEDIA = 10


def messages(payload: Payload) -> Iterator[Mapping[str, object] | None]:
    """Each that was listed; None for what is none. raises MalformedPayload"""
    try:
        page = decode(payload.body)
    except NotJson as error:
        raise MalformedPayload("the listing is not JSON") from error
    if line(page, "account", 64) is None:
        raise MalformedPayload("the listing names no account")
    for message in items(page, "messages"):
        yield message if isinstance(message, Mapping) else None


def is_inbound(message: Mapping[str, object]) -> bool:
    return line(message, "direction", 32) == "inbound"


def form_of(message: Mapping[str, object]) -> Form:
    """The fields of the webhook for this message, or for its status."""
    fields = {
        "MessageSid": line(message, "sid", 64),
        "AccountSid": line(message, "account_sid", 64),
        "MessagingServiceSid": line(message, "messaging_service_sid", 64),
        "From": line(message, "from"),
        "To": line(message, "to"),
        "Body": text(message, "body") or "",
        "MessageStatus": line(message, "status", 32),
        "ErrorCode": _code(message),
    }
    for position, (url, mime) in enumerate(_files(message)):
        fields[f"MediaUrl{position}"] = url
        fields[f"MediaContentType{position}"] = mime
    form = Form()
    for name, value in fields.items():
        if value is not None:
            form[name] = [value]
    return form


def _code(message: Mapping[str, object]) -> str | None:
    found = message.get("error_code")
    return str(found) if isinstance(found, int | str) and not isinstance(found, bool) else None


def _files(message: Mapping[str, object]) -> Iterator[tuple[str, str | None]]:
    for media in items(message, "media_list")[:_MOST_MEDIA]:
        address = line(media, "uri", 512)
        if address is not None:
            # The same address without `.json` is the file.
            yield TWILIO + address.removesuffix(".json"), line(media, "content_type", 128)


def dated(report: Report, message: Mapping[str, object]) -> Report:
    """The report with the time that Twilio gives, and marked as recovered."""
    match report:
        case MessageReceived():
            at = _time(message, "date_sent") or _time(message, "date_created")
            return replace(report, sent_at=at, recovered=True)
        case StatusReported():
            return replace(report, at=_time(message, "date_updated"))
    return report


def exchanged(message: Mapping[str, object]) -> Mapping[str, object]:
    """What our side wrote, with the two sides exchanged: the other one is the person."""
    return {**message, "from": message.get("to"), "to": message.get("from")}


def _time(message: Mapping[str, object], key: str) -> datetime | None:
    """RFC 2822, as Twilio writes times in this API."""
    try:
        at = parsedate_to_datetime(line(message, key, 64) or "")
        return at.astimezone(UTC) if at.tzinfo is not None else None
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
