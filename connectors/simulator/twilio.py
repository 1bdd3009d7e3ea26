"""What is Twilio's in every product of theirs: signed form webhooks, TwiML, dates."""

from __future__ import annotations

import base64
import hmac
import random
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlencode, urlsplit, urlunsplit
from xml.etree import ElementTree

from connectors.simulator.courier import Attempt, Pack, Webhook

FAILURES = {
    11200: "HTTP retrieval failure",
    20003: "Authenticate",
    20404: "The requested resource was not found",
    20429: "Too Many Requests",
    20500: "Internal Server Error",
    20503: "Service unavailable",
    21211: "Invalid 'To' Phone Number",
    21603: "A 'From' phone number is required",
    21604: "A 'To' phone number is required",
    21606: "The 'From' phone number is not a valid, SMS-capable number of this account",
    21610: "Attempt to send to unsubscribed recipient",
    21617: "The concatenated message body exceeds the 1600 character limit",
    21619: "A text message body or media urls must be specified",
    21620: "Invalid media URL(s)",
    30003: "Unreachable destination handset",
    30004: "Message blocked",
    30005: "Unknown destination handset",
    30006: "Landline or unreachable carrier",
    30007: "Message filtered",
    30008: "Unknown error",
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Key:
    """A secret that signs; `id` of a shared key, which says so and signs with SHA-256."""

    secret: str
    id: str = ""

    @property
    def headers(self) -> dict[str, str]:
        if not self.id:
            return {}
        return {"X-Twilio-Webhooks-Signature-Settings": f"key={self.id},algorithm=HMAC_SHA256"}


def packing(key: Key, url: str, fields: dict[str, str]) -> Pack:
    """Signed over the address with its port or without it: Twilio is not of one mind. The token
    stays the same however often it comes."""
    token = secrets.token_hex(16)
    plain = url.partition("#")[0]

    def pack() -> Webhook:
        signed = random.choice(port_forms(plain))
        return Webhook(
            url=plain,
            headers={
                "Content-Type": "application/x-www-form-urlencoded; charset=utf-8",
                "User-Agent": "TwilioProxy/1.1",
                "I-Twilio-Idempotency-Token": token,
                "X-Twilio-Signature": signature(key, signed, fields),
                **key.headers,
            },
            body=urlencode(fields).encode(),
            fields=fields,
        )

    return pack


def signature(key: Key, url: str, fields: dict[str, str]) -> str:
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    mac = hmac.new(key.secret.encode(), signed.encode(), "sha256" if key.id else "sha1")
    return base64.b64encode(mac.digest()).decode()


def port_forms(url: str) -> tuple[str, str]:
    parts = urlsplit(url)
    host = parts.netloc.rpartition("@")[2]
    name = host.partition(":")[0]
    port = parts.port or (443 if parts.scheme == "https" else 80)
    return (
        urlunsplit(parts._replace(netloc=name)),
        urlunsplit(parts._replace(netloc=f"{name}:{port}")),
    )


def reply_texts(attempt: Attempt) -> list[str]:
    """What Twilio would send to the customer because of this answer."""
    if attempt.content_type in ("text/xml", "application/xml"):
        try:
            # Ours on loopback, and at most 64 KB; expat bounds what entities may grow to.
            root = ElementTree.fromstring(attempt.answer)  # noqa: S314
        except ElementTree.ParseError:
            return []
        texts = ["".join(message.itertext()).strip() for message in root.iter("Message")]
        return [text for text in texts if text]
    if attempt.content_type == "text/plain":
        text = attempt.answer.decode(errors="replace").strip()
        return [text] if text else []
    return []


def sent_within(at: datetime, query: Mapping[str, str]) -> bool:
    after = query.get("DateSent>")
    before = query.get("DateSent<")
    day = query.get("DateSent")
    return (
        (after is None or at >= _instant(after))
        and (before is None or at <= _instant(before))
        and (day is None or at.date() == _instant(day).date())
    )


def _instant(text: str) -> datetime:
    moment = datetime.fromisoformat(text)
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)


def rfc2822(at: datetime | None) -> str | None:
    return format_datetime(at.astimezone(UTC)) if at else None
