"""The API's shapes: domain values as JSON-ready dicts, for REST, pages and events alike.

docs/api.md describes them; nothing else in the project writes these keys.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from datetime import datetime, timedelta
from functools import lru_cache
from typing import Any

import phonenumbers

from inbox.domain.agent import Agent
from inbox.domain.channel import Channel, Manifest
from inbox.domain.consent import ConsentEvent
from inbox.domain.conversation import Conversation, Preview, ReadMark
from inbox.domain.gate import Decision
from inbox.domain.message import Attachment, Failure, Message
from inbox.domain.rich import Rich
from inbox.hub.frame import rfc3339
from inbox.store.gaps import Gap

# Any: JSON is what these functions make.
Json = dict[str, Any]


@lru_cache(maxsize=20_000)
def readable(handle: str) -> str:
    """A number as people write it (`+1 555-0100`), also behind the name of a service (`RCS · +1
    555-0100`); anything else as it is."""
    service, dot, last = handle.rpartition(" · ")
    if dot:
        return f"{service}{dot}{readable(last)}" if last.startswith("+") else handle
    if not handle.startswith("+") or not handle[1:].isdigit():
        return handle
    try:
        number = phonenumbers.parse(handle)
    except phonenumbers.NumberParseException:
        return handle
    # A local number, without an area's digits, is written as one piece by the library.
    if handle.startswith("+1") and len(handle) == 9:
        return f"+1 {handle[2:5]} {handle[5:]}"
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.INTERNATIONAL)


def time(instant: datetime | None) -> str | None:
    return None if instant is None else rfc3339(instant)


def attachment(value: Attachment) -> Json:
    return {
        "id": value.id,
        "kind": value.kind,
        "state": value.state,
        "mime": value.mime,
        "name": value.name,
        "size_bytes": value.size_bytes,
        "width": value.width,
        "height": value.height,
        "reason": value.reason,
        "content_id": value.content_id,
    }


def failure(value: Failure | None) -> Json | None:
    return None if value is None else {"code": value.code, "reason": value.reason}


def message(value: Message) -> Json:
    return {
        "id": value.id,
        "conversation_id": value.conversation_id,
        "seq": value.seq,
        "place": value.place,
        "inbound_seq": value.inbound_seq,
        "direction": value.direction,
        "type": value.type,
        "text": value.text,
        "attachments": [attachment(one) for one in value.attachments],
        "status": value.status,
        "error": failure(value.failure),
        "status_at": {name: rfc3339(at) for name, at in value.status_at.items()},
        "provider_id": value.provider_id,
        "client_id": value.client_id,
        "reply_to": value.reply_to,
        "purpose": value.purpose,
        "author": {
            "type": value.author.type,
            "id": value.author.id,
            "name": value.author.name and readable(value.author.name),
        },
        "decision": value.decision,
        "content": content(value.content),
        "reactions": reactions(value),
        "edited_at": time(value.edited_at),
        "deleted_at": time(value.deleted_at),
        "sent_at": rfc3339(value.sent_at),
        "received_at": rfc3339(value.received_at),
        "history": value.history,
    }


def content(value: dict[str, object] | None) -> Json | None:
    """Without what only the next answer needs of a mail."""
    mail = None if value is None else value.get("mail")
    if value is None or not isinstance(mail, dict):
        return value
    shown = {key: one for key, one in mail.items() if key not in _OF_MAIL_ONLY_OURS}
    return {**value, "mail": shown}


_OF_MAIL_ONLY_OURS = ("references", "in_reply_to", "thread_id", "basis")


def reactions(value: Message) -> list[Json]:
    return [{"by": one.by, "emoji": one.emoji, "at": rfc3339(one.at)} for one in value.reactions]


def message_status(value: Message) -> Json:
    """What `message.status_changed` carries."""
    whole = message(value)
    return {
        key: whole[key] for key in ("id", "status", "error", "status_at", "provider_id", "decision")
    }


def preview(value: Preview | None) -> Json | None:
    if value is None:
        return None
    return {
        "id": value.id,
        "seq": value.seq,
        "direction": value.direction,
        "type": value.type,
        "text": value.text,
        "status": value.status,
        "author_name": value.author_name and readable(value.author_name),
        "at": rfc3339(value.at),
        "deleted_at": time(value.deleted_at),
    }


def conversation(
    value: Conversation, channel: Channel, manifest: Manifest, read: ReadMark | None = None
) -> Json:
    read = read or ReadMark()
    closes_at = None
    if manifest.window_hours is not None and value.last_inbound_at is not None:
        closes_at = rfc3339(value.last_inbound_at + timedelta(hours=manifest.window_hours))
    return {
        "id": value.id,
        "channel": {"id": channel.id, "kind": channel.kind, "name": channel.name},
        "contact": {
            "id": value.contact_id,
            "name": readable(value.contact_name),
            "handle": readable(value.handle),
            "picture": value.picture,
        },
        "subject": value.subject,
        "status": value.status,
        "status_version": value.status_version,
        "assignee": None,
        "last_message": preview(value.last_message),
        "last_seq": value.last_seq,
        "inbound_seq": value.inbound_seq,
        "read": read_mark(read),
        "unread": max(0, value.inbound_seq - read.inbound_seq),
        "waiting_since": time(value.waiting_since),
        "window_closes_at": closes_at,
        "last_activity_at": rfc3339(value.last_activity_at),
        "created_at": rfc3339(value.created_at),
    }


def read_mark(value: ReadMark) -> Json:
    return {"seq": value.seq, "inbound_seq": value.inbound_seq}


def decision(value: Decision) -> Json:
    return {
        "allow": value.allow,
        "code": value.code,
        "rule": value.rule,
        "reason": value.reason,
        "remedies": [{"code": one.code, "text": one.text} for one in value.remedies],
        "evidence": value.evidence
        and {
            "text": value.evidence.text,
            "at": rfc3339(value.evidence.at),
            "method": value.evidence.method,
            "message_id": value.evidence.message_id,
        },
    }


def consent_event(value: ConsentEvent) -> Json:
    """One line of the ledger."""
    return {
        "id": value.id,
        "kind": value.kind,
        "type": value.type,
        "purpose": value.purpose,
        "method": value.method,
        "text": value.text,
        "actor": value.actor,
        "at": rfc3339(value.at),
        "recorded_at": rfc3339(value.recorded_at),
        "message_id": value.message_id,
    }


def channel(value: Channel, manifest: Manifest, gaps: Sequence[Gap] = ()) -> Json:
    return {
        "id": value.id,
        "kind": value.kind,
        "label": manifest.label,
        "name": value.name,
        "account": value.account,
        "state": value.state,
        "trouble": value.trouble,
        "text": {
            "max_chars": manifest.text.max_chars,
            "caption_chars": manifest.text.caption_chars,
            "segments": manifest.text.segments,
            "max_bytes": manifest.text.max_bytes,
        },
        "max_media_bytes": manifest.max_media_bytes,
        "media": [
            {"kind": limit.kind, "mimes": list(limit.mimes), "max_bytes": limit.max_bytes}
            for limit in manifest.media
        ],
        "max_attachments": manifest.max_attachments,
        "mail": manifest.mail,
        "window_hours": manifest.window_hours,
        "reports": list(manifest.reports),
        "gaps": [
            {"from": rfc3339(one.since), "to": rfc3339(one.until)}
            for one in gaps
            if not one.not_given
        ],
        **rich(manifest.rich),
    }


def rich(value: Rich) -> Json:
    """What a kind sends beside texts and files; null, false and 0 where it has none of it."""
    return {
        "templates": value.templates,
        "buttons": value.buttons and asdict(value.buttons),
        "list": value.lists and asdict(value.lists),
        "link": value.links and asdict(value.links),
        "location": value.location,
        "location_request": value.request_chars > 0,
        "contact_cards": value.contacts,
        "reactions": list(value.reactions),
        "quotes": value.quotes,
    }


def agent(value: Agent) -> Json:
    return {"id": value.id, "name": value.name, "email": value.email, "role": value.role}
