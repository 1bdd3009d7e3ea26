"""How the Gmail API words its answers."""

from __future__ import annotations

import base64
import binascii
import html
import json
import secrets
from collections.abc import Collection
from email.message import Message
from typing import Any, Literal

from connectors.simulator.gmail_letters import parse, seen
from connectors.simulator.gmail_mailbox import Mail, Record

# Any: JSON, on its way out.
Json = dict[str, Any]
Format = Literal["raw", "full", "metadata", "minimal"]
FORMATS: dict[str, Format] = {
    "raw": "raw",
    "full": "full",
    "metadata": "metadata",
    "minimal": "minimal",
}
_INLINE = 4096
_STATUS = {
    400: ("INVALID_ARGUMENT", "invalidArgument"),
    401: ("UNAUTHENTICATED", "authError"),
    403: ("PERMISSION_DENIED", "insufficientPermissions"),
    404: ("NOT_FOUND", "notFound"),
    429: ("RESOURCE_EXHAUSTED", "rateLimitExceeded"),
    500: ("INTERNAL", "backendError"),
    503: ("UNAVAILABLE", "backendError"),
}
_TEXTS = {
    "authError": "Invalid Credentials",
    "insufficientPermissions": "Request had insufficient authentication scopes.",
    "notFound": "Requested entity was not found.",
    "userRateLimitExceeded": "User Rate Limit Exceeded",
    "rateLimitExceeded": "Rate Limit Exceeded",
    "dailyLimitExceeded": "Daily Limit Exceeded",
    "domainPolicy": "Access denied",
    "failedPrecondition": "Error sending test message to Cloud PubSub",
    "backendError": "Backend Error",
}


def error(status: int, reason: str | None = None, text: str | None = None) -> Json:
    name, usual = _STATUS.get(status, ("UNKNOWN", "backendError"))
    reason = reason or usual
    message = text or _TEXTS.get(reason, "Request failed")
    one = {"message": message, "domain": "global", "reason": reason}
    return {"error": {"code": status, "message": message, "errors": [one], "status": name}}


def brief(mail: Mail) -> Json:
    return {"id": mail.id, "threadId": mail.thread_id}


def labelled(mail: Mail) -> Json:
    return {**brief(mail), "labelIds": sorted(mail.labels)}


def message(mail: Mail, raw: bytes, format_: Format, names: Collection[str] = ()) -> Json:
    body = labelled(mail)
    if format_ != "minimal":
        body["snippet"] = html.escape(" ".join(seen(raw)[0].split())[:120])
    body |= {
        "historyId": str(mail.history_id),
        "internalDate": str(mail.internal_ms),
        "sizeEstimate": mail.size,
    }
    match format_:
        case "raw":
            body["raw"] = base64.urlsafe_b64encode(raw).decode()
        case "full":
            body["payload"] = _payload(parse(raw), mail.id, "")
        case "metadata":
            wanted = {name.lower() for name in names}
            headers = [h for h in _headers(parse(raw)) if not wanted or h["name"].lower() in wanted]
            body["payload"] = {"mimeType": parse(raw).get_content_type(), "headers": headers}
    return body


def _headers(part: Message) -> list[dict[str, str]]:
    return [{"name": name, "value": " ".join(str(v).split())} for name, v in part.items()]


def _payload(part: Message, mail_id: str, part_id: str) -> Json:
    found: Json = {
        "partId": part_id,
        "mimeType": part.get_content_type(),
        "filename": part.get_filename() or "",
        "headers": _headers(part),
    }
    inner = part.get_payload()
    if part.is_multipart() and isinstance(inner, list):
        found["body"] = {"size": 0}
        found["parts"] = [
            _payload(one, mail_id, f"{part_id}.{n}" if part_id else str(n))
            for n, one in enumerate(inner)
            if isinstance(one, Message)
        ]
        return found
    content = part.get_payload(decode=True)
    body = content if isinstance(content, bytes) else b""
    if part.get_filename() or len(body) > _INLINE:
        found["body"] = {"size": len(body), "attachmentId": attachment_id(mail_id, part_id)}
    else:
        found["body"] = {"size": len(body), "data": base64.urlsafe_b64encode(body).decode()}
    return found


def attachment_id(mail_id: str, part_id: str) -> str:
    """Another one at every call, as Gmail's are."""
    told = json.dumps([mail_id, part_id, secrets.token_hex(8)]).encode()
    return "ANGjdJ8" + base64.urlsafe_b64encode(told).decode().rstrip("=")


def attachment(raw: bytes, given: str) -> bytes | None:
    try:
        text = given.removeprefix("ANGjdJ8")
        _, part_id, _ = json.loads(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
    except (ValueError, binascii.Error):
        return None
    part: object = parse(raw)
    for step in part_id.split(".") if part_id else ():
        inner = part.get_payload() if isinstance(part, Message) else None
        if not isinstance(inner, list) or int(step) >= len(inner):
            return None
        part = inner[int(step)]
    content = part.get_payload(decode=True) if isinstance(part, Message) else None
    return content if isinstance(content, bytes) else None


def history(record: Record) -> Json:
    one: Json = {"message": labelled(record.mail)}
    if record.change == "messagesDeleted":
        one = {"message": brief(record.mail)}
    if record.labels:
        one["labelIds"] = list(record.labels)
    return {"id": str(record.id), "messages": [brief(record.mail)], record.change: [one]}
