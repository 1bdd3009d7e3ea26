"""Believes Meta's calls about WhatsApp numbers, and says what they report.

The content of each type of message is read in `content.py`; storing anything is the intake's.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from connectors import meta
from connectors.body import code, instant, items, line, mapping, our_message, token
from connectors.whatsapp import notices, templates
from connectors.whatsapp.content import TYPES, read_content
from connectors.whatsapp.errors import explain
from connectors.whatsapp.manifest import MANIFEST
from connectors.whatsapp.people import (
    only_person,
    read_people,
    read_sender,
    read_system,
    reader,
    writer,
)
from inbox.domain.channel import Channel, Payload, WebhookRequest
from inbox.domain.message import Status
from inbox.domain.report import (
    Edited,
    Ignored,
    MessageReceived,
    PreferenceReported,
    Reacted,
    Report,
    Sender,
    StatusReported,
    Unsent,
)

# `played`: a voice message was listened to, which nobody does without having seen it.
_STATUS = {
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.READ,
    "played": Status.READ,
    "failed": Status.FAILED,
}
_MESSAGES = ("messages", "smb_message_echoes", "message_echoes", "standby")
_OTHER_FIELDS = {
    "business_capability_update": "account_news",
    "history": "history",
    "smb_app_state_sync": "history",
    "messaging_handovers": "handover",
}
_TEMPLATES = (
    "message_template_status_update",
    "message_template_quality_update",
    "template_category_update",
)
_NEWS = {
    "account_update": notices.account_update,
    "account_alerts": notices.account_alert,
    "phone_number_quality_update": notices.quality,
}


# What an item may be that forgets to say so.
_KINDS = ("reaction", "edit", "revoke", "system", *TYPES)


@dataclass(frozen=True, kw_only=True, slots=True)
class _Change:
    """What all items of one change have in common.

    alone    who answered our request for a number without saying who they are
    echo     our side wrote them, on the phone; their person is who got them
    standby  somebody else's program answers these conversations now
    """

    account: str
    people: Mapping[str, object]
    received_at: datetime
    alone: Sender | None = None
    echo: bool = False
    standby: bool = False


def verify(request: WebhookRequest, channels: Sequence[Channel]) -> None:
    """Believe the call or raise `Untrusted`."""
    meta.verify(request, channels, MANIFEST.signing_field)


def parse(payload: Payload, received_at: datetime) -> list[Report]:
    """Say what one webhook body reports, in Meta's order.

    received_at  aware UTC; only to tell which of Meta's times can be true
    returns      one or many reports; a message of an unknown type is one (`unsupported`), what we
                 have no use for is `Ignored`
    raises       MalformedPayload: not JSON, or no `entry` list
    source       developers.facebook.com/docs/whatsapp/cloud-api/webhooks/components
    """
    reports: list[Report] = []
    for entry in meta.entries(meta.envelope(payload.body)):
        for field, value in meta.changes(entry):
            reports.extend(_change(entry, field, value, received_at))
    return reports


def _change(
    entry: object, field: str | None, value: Mapping[str, object] | None, received_at: datetime
) -> Iterator[Report]:
    if value is None:
        yield Ignored(reason="malformed_item")
    elif field in _MESSAGES:
        yield from _messages(value, received_at, standby=field == "standby")
    elif field == "user_preferences":
        yield from _preferences(value, received_at)
    elif field in _NEWS:
        # These are about the business account; only an alert may name a number.
        account = line(entry, "id", 64)
        yield Ignored(reason="no_account") if account is None else _NEWS[field](value, account)
    elif field in _TEMPLATES:
        yield templates.changed(field, value, entry, received_at)
    else:
        yield Ignored(reason=_OTHER_FIELDS.get(field or "", "unknown_field"))


def _messages(
    value: Mapping[str, object], received_at: datetime, *, standby: bool
) -> Iterator[Report]:
    account = _account(value)
    if account is None:
        yield Ignored(reason="no_account")
        return
    change = _Change(
        account=account,
        people=read_people(value),
        received_at=received_at,
        alone=only_person(value),
        standby=standby,
    )
    empty = True
    for item in items(value, "messages"):
        empty = False
        yield _item(item, change)
    for item in items(value, "message_echoes"):
        empty = False
        yield _item(item, replace(change, echo=True))
    for item in items(value, "statuses"):
        empty = False
        yield _status(item, account, received_at)
    for notice in notices.faults(value, account, of_messages=not empty):
        empty = False
        yield notice
    if empty:
        yield Ignored(reason="empty_change", account=account)


def _account(value: Mapping[str, object]) -> str | None:
    return token(mapping(value, "metadata"), "phone_number_id", 64)


def _item(item: object, change: _Change) -> Report:
    """A message, or what happened to one: Meta sends both in one list."""
    provider_id = line(item, "id")
    if provider_id is None or not isinstance(item, Mapping):
        return Ignored(reason="malformed_item", account=change.account)
    kind = line(item, "type", 64) or next((word for word in _KINDS if word in item), "unknown")
    if line(item, "group_id") is not None or line(item, "recipient_type", 32) == "group":
        # Filed under its sender it would join their private conversation.
        return Ignored(reason="group_message", account=change.account)
    match kind:
        case "reaction":
            return _reaction(item, change)
        case "edit":
            return _edit(item, change)
        case "revoke":
            return _unsent(item, change)
        case "system":
            return read_system(item, change.account, change.received_at)
        case _:
            return _message(item, provider_id, kind, change)


def _message(item: object, provider_id: str, kind: str, change: _Change) -> Report:
    sender = reader(item, change.people) if change.echo else writer(item, change.people)
    if sender is None and not change.echo:
        sender = change.alone
    if sender is None:
        return Ignored(reason="no_sender", account=change.account)
    content = read_content(kind, item)
    return MessageReceived(
        account=change.account,
        provider_id=provider_id,
        sender=sender,
        type=content.type,
        text=content.text,
        media=content.media,
        sent_at=instant(item, "timestamp", change.received_at),
        reply_to=line(mapping(item, "context"), "id"),
        direction="outbound" if change.echo else "inbound",
        message_id=_own_id(item) if change.echo else None,
        content=content.more or None,
        standby=change.standby,
    )


def _reaction(item: object, change: _Change) -> Report:
    part = mapping(item, "reaction")
    target, given = line(part, "message_id"), part.get("emoji")
    if target is None or not (given is None or isinstance(given, str)):
        return Ignored(reason="malformed_item", account=change.account)
    sender = None if change.echo else writer(item, change.people)
    if sender is None and not change.echo:
        return Ignored(reason="no_sender", account=change.account)
    return Reacted(
        account=change.account,
        provider_id=target,
        sender=sender,
        # Taken back it is missing, or empty in older payloads.
        emoji=line(part, "emoji", 64),
        at=instant(item, "timestamp", change.received_at),
    )


def _edit(item: object, change: _Change) -> Report:
    part = mapping(item, "edit")
    target, edited = line(part, "original_message_id"), mapping(part, "message")
    kind = line(edited, "type", 64)
    if target is None or kind is None:
        return Ignored(reason="malformed_item", account=change.account)
    content = read_content(kind, edited)
    if content.type == "unsupported" and not content.text:
        # An edit that cannot be read must not take away what was there.
        return Ignored(reason="unreadable_edit", account=change.account)
    at = instant(item, "timestamp", change.received_at)
    return Edited(account=change.account, provider_id=target, text=content.text, at=at)


def _unsent(item: object, change: _Change) -> Report:
    target = line(mapping(item, "revoke"), "original_message_id")
    if target is None:
        return Ignored(reason="malformed_item", account=change.account)
    at = instant(item, "timestamp", change.received_at)
    return Unsent(account=change.account, provider_id=target, at=at)


def _own_id(item: object) -> str | None:
    return our_message(line(item, "biz_opaque_callback_data", 512))


def _status(item: object, account: str, received_at: datetime) -> Report:
    provider_id, word = line(item, "id"), line(item, "status", 32)
    if provider_id is None or word is None:
        return Ignored(reason="malformed_item", account=account)
    if line(item, "type", 32) == "payment":
        # What became of the money; the request for it has come all the same.
        return Ignored(reason="payment", account=account)
    status = _STATUS.get(word)
    if status is None:
        return Ignored(reason="unknown_status", account=account)
    error = None
    if status is Status.FAILED:
        errors = items(item, "errors")
        error = explain(code(errors[0], "code") if errors else None)
    return StatusReported(
        account=account,
        status=status,
        provider_id=provider_id,
        message_id=_own_id(item),
        recipient=line(item, "recipient_id", 32) or line(item, "recipient_user_id", 160),
        at=instant(item, "timestamp", received_at),
        error=error,
    )


def _preferences(value: Mapping[str, object], received_at: datetime) -> Iterator[Report]:
    account = _account(value)
    if account is None:
        yield Ignored(reason="no_account")
        return
    people = read_people(value)
    for item in items(value, "user_preferences"):
        yield _preference(item, people, account, received_at)


def _preference(
    item: object, people: Mapping[str, object], account: str, received_at: datetime
) -> Report:
    act, category = line(item, "value", 32), line(item, "category", 64)
    sender = read_sender(
        phone=line(item, "wa_id", 32),
        user_id=line(item, "user_id", 160),
        parent_id=line(item, "parent_user_id", 160),
        people=people,
    )
    if sender is None:
        return Ignored(reason="no_sender", account=account)
    if category != "marketing_messages" or act not in ("stop", "resume"):
        return Ignored(reason="unknown_preference", account=account)
    return PreferenceReported(
        account=account,
        sender=sender,
        act="stop" if act == "stop" else "resume",
        code=category,
        at=instant(item, "timestamp", received_at),
    )
