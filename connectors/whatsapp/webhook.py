"""Believes Meta's calls about WhatsApp numbers, and says what they report.

The content of each type of message is read in `content.py`; storing anything is the intake's.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime

from connectors import meta
from connectors.body import code, instant, items, line, mapping, our_message
from connectors.whatsapp.content import read_content
from connectors.whatsapp.errors import explain
from connectors.whatsapp.manifest import MANIFEST
from inbox.domain.channel import Channel, Payload, WebhookRequest
from inbox.domain.message import Status
from inbox.domain.report import (
    Ignored,
    MessageReceived,
    PreferenceReported,
    Report,
    Sender,
    StatusReported,
)

_PHONE = re.compile(r"[0-9]{5,20}", re.ASCII)

# `played`: a voice message was listened to, which nobody does without having seen it.
_STATUS = {
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.READ,
    "played": Status.READ,
    "failed": Status.FAILED,
}
_NOT_A_MESSAGE = {"reaction": "reaction", "edit": "edit", "revoke": "revoke", "system": "system"}
_OTHER_FIELDS = {
    "smb_message_echoes": "echo",
    "message_template_status_update": "template",
    "message_template_quality_update": "template",
    "template_category_update": "template",
    "account_update": "account_news",
    "account_alerts": "account_news",
    "phone_number_quality_update": "account_news",
    "business_capability_update": "account_news",
    "history": "history",
    "smb_app_state_sync": "history",
    "standby": "standby",
    "messaging_handovers": "standby",
}


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
    for field, value in meta.changes(payload.body):
        if value is None:
            reports.append(Ignored(reason="malformed_item"))
        elif field == "messages":
            reports.extend(_messages(value, received_at))
        elif field == "user_preferences":
            reports.extend(_preferences(value, received_at))
        else:
            reports.append(Ignored(reason=_OTHER_FIELDS.get(field or "", "unknown_field")))
    return reports


def _messages(value: Mapping[str, object], received_at: datetime) -> Iterator[Report]:
    account = _account(value)
    if account is None:
        yield Ignored(reason="no_account")
        return
    empty = True
    people = _people(value)
    for item in items(value, "messages"):
        empty = False
        yield _message(item, people, account, received_at)
    for item in items(value, "statuses"):
        empty = False
        yield _status(item, account, received_at)
    if items(value, "errors"):
        empty = False
        yield Ignored(reason="channel_errors", account=account)
    if empty:
        yield Ignored(reason="empty_change", account=account)


def _account(value: Mapping[str, object]) -> str | None:
    return line(mapping(value, "metadata"), "phone_number_id", 64)


def _people(value: Mapping[str, object]) -> dict[str, object]:
    """The change's `contacts` by each of their ids: up to a thousand messages look theirs up."""
    people: dict[str, object] = {}
    for contact in items(value, "contacts"):
        for key in ("user_id", "wa_id"):
            found = line(contact, key, 160)
            if found is not None:
                people.setdefault(found, contact)
    return people


def _message(
    item: object, people: Mapping[str, object], account: str, received_at: datetime
) -> Report:
    provider_id, kind = line(item, "id"), line(item, "type", 64)
    if provider_id is None or kind is None:
        return Ignored(reason="malformed_item", account=account)
    if kind in _NOT_A_MESSAGE:
        return Ignored(reason=_NOT_A_MESSAGE[kind], account=account)
    if line(item, "group_id") is not None:
        # Filed under its sender it would join their private conversation.
        return Ignored(reason="group_message", account=account)
    sender = _sender(
        phone=line(item, "from", 32),
        user_id=line(item, "from_user_id", 160),
        parent_id=line(item, "from_parent_user_id", 160),
        people=people,
    )
    if sender is None:
        return Ignored(reason="no_sender", account=account)
    content = read_content(kind, item)
    return MessageReceived(
        account=account,
        provider_id=provider_id,
        sender=sender,
        type=content.type,
        text=content.text,
        media=content.media,
        sent_at=instant(item, "timestamp", received_at),
        reply_to=line(mapping(item, "context"), "id"),
    )


def _sender(
    *,
    phone: str | None,
    user_id: str | None,
    parent_id: str | None,
    people: Mapping[str, object],
) -> Sender | None:
    """Who wrote: a person with a number, a business-scoped user id (BSUID), or both.

    A person with a user name hides the number, so it may be missing at any time; the name and the
    number in `people` belong to whom the ids say, never to whom the position says.
    """
    phone = phone if phone and _PHONE.fullmatch(phone) else None
    contact = people.get(user_id or "") or people.get(phone or "")
    wa_id = line(contact, "wa_id", 32)
    wa_id = wa_id if wa_id and _PHONE.fullmatch(wa_id) else None
    user_id = user_id or line(contact, "user_id", 160)
    parent_id = parent_id or line(contact, "parent_user_id", 160)
    keys = tuple(dict.fromkeys(key for key in (wa_id, phone, user_id, parent_id) if key))
    number = phone or wa_id
    own_id = user_id or parent_id
    if number is None and own_id is None:
        return None
    profile = mapping(contact, "profile")
    name, username = line(profile, "name"), line(profile, "username", 64)
    if number is not None:
        return Sender(keys=keys, address=f"+{number}", handle=f"+{number}", name=name)
    handle = f"@{username.lstrip('@')}" if username else name or own_id
    return Sender(keys=keys, address=own_id or "", handle=handle or "", name=name)


def _status(item: object, account: str, received_at: datetime) -> Report:
    provider_id, word = line(item, "id"), line(item, "status", 32)
    if provider_id is None or word is None:
        return Ignored(reason="malformed_item", account=account)
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
        message_id=our_message(line(item, "biz_opaque_callback_data", 512)),
        at=instant(item, "timestamp", received_at),
        error=error,
    )


def _preferences(value: Mapping[str, object], received_at: datetime) -> Iterator[Report]:
    account = _account(value)
    if account is None:
        yield Ignored(reason="no_account")
        return
    people = _people(value)
    for item in items(value, "user_preferences"):
        yield _preference(item, people, account, received_at)


def _preference(
    item: object, people: Mapping[str, object], account: str, received_at: datetime
) -> Report:
    act, category = line(item, "value", 32), line(item, "category", 64)
    sender = _sender(
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
