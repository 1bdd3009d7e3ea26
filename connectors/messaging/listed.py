"""Reads what Meta lists: messages in the form of the conversations API, turned into the event that
a webhook would have brought, so that both are read alike and have the same id.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime

from connectors.body import NotJson, decode, items, line, mapping
from connectors.content import present
from connectors.messaging.values import own_id
from connectors.messaging.webhook import Dialect, read_event
from inbox.domain.channel import Payload
from inbox.domain.errors import MalformedPayload
from inbox.domain.report import Ignored, MessageReceived, Report

_MOST = 32


def parse(payload: Payload, received_at: datetime, dialect: Dialect) -> list[Report]:
    """Say what a page of listed messages reports, oldest first; each is marked as recovered.

    raises   MalformedPayload: not what `listing.py` journals
    """
    try:
        page = decode(payload.body)
    except NotJson as error:
        raise MalformedPayload("the listing is not JSON") from error
    account = own_id(page, "account")
    if account is None:
        raise MalformedPayload("the listing names no account")
    own = {one for one in items(page, "own") if isinstance(one, str)}
    reports: list[Report] = []
    for message in items(page, "messages"):
        if not isinstance(message, Mapping):
            reports.append(Ignored(reason="malformed_item", account=account))
            continue
        event = _event(message, account, own)
        for report in read_event(event, {"id": account}, account, received_at, dialect):
            if isinstance(report, MessageReceived):
                report = replace(report, recovered=True)
            reports.append(report)
    return reports


def _event(message: Mapping[str, object], account: str, own: set[str]) -> dict[str, object]:
    """The message as an event of the envelope; nothing in it is believed yet."""
    sender = _party(mapping(message, "from"), account, own)
    recipients = items(mapping(message, "to"), "data")
    recipient = _party(recipients[0] if len(recipients) == 1 else None, account, own)
    ours = sender.get("id") == account
    return {
        "sender": sender,
        # A message has one recipient; where Meta leaves it out, it is the other side.
        "recipient": recipient or ({} if ours else {"id": account}),
        "timestamp": message.get("created_time"),
        "message": {
            "mid": message.get("id"),
            "text": message.get("message") or None,
            "attachments": list(_attachments(message)),
            "reply_to": _story(message),
            **({"is_echo": True} if ours else {}),
        },
    }


def _party(person: object, account: str, own: set[str]) -> dict[str, object]:
    found = own_id(person, "id")
    if found is None:
        return {}
    if found in own:
        found = account
    return present(id=found, username=line(person, "username", 64))


def _attachments(message: Mapping[str, object]) -> Iterator[dict[str, object]]:
    story = mapping(mapping(message, "story"), "mention")
    if story:
        yield {"type": "story_mention", "payload": present(url=story.get("link"))}
    for item in items(mapping(message, "attachments"), "data")[:_MOST]:
        yield _attachment(item)
    sticker = line(message, "sticker", 2048)
    if sticker is not None:
        yield {"type": "sticker", "payload": {"url": sticker}}
    for share in items(mapping(message, "shares"), "data")[:_MOST]:
        payload = present(url=line(share, "link", 2048), title=line(share, "name", 512))
        yield {"type": "fallback", "payload": payload}


def _attachment(item: object) -> dict[str, object]:
    for name, kind in (("image_data", "image"), ("video_data", "video")):
        url = line(mapping(item, name), "url", 2048)
        if url is not None:
            return {"type": kind, "payload": {"url": url}}
    url = line(item, "file_url", 2048)
    mime = line(item, "mime_type", 128) or ""
    kind = mime.partition("/")[0]
    if url is not None:
        kind = kind if kind in ("image", "audio", "video") else "file"
        return {"type": kind, "payload": {"url": url}}
    template = mapping(item, "generic_template")
    if template:
        return {"type": "template", "payload": {"elements": [template]}}
    return {"type": "unknown"}


def _story(message: Mapping[str, object]) -> dict[str, object]:
    story = mapping(mapping(message, "story"), "reply_to")
    if not story:
        return {}
    return {"story": present(id=story.get("id"), url=story.get("link"))}
