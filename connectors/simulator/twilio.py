"""What is Twilio's in every product of theirs: signed form webhooks, TwiML, dates."""

from __future__ import annotations

import base64
import hashlib
import hmac
import random
import secrets
from collections.abc import Mapping
from datetime import UTC, datetime
from email.utils import format_datetime
from urllib.parse import urlencode, urlsplit, urlunsplit
from xml.etree import ElementTree

from connectors.simulator.courier import Attempt, Pack, Webhook


def packing(auth_token: str, url: str, fields: dict[str, str]) -> Pack:
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
                "X-Twilio-Signature": signature(auth_token, signed, fields),
            },
            body=urlencode(fields).encode(),
            fields=fields,
        )

    return pack


def signature(auth_token: str, url: str, fields: dict[str, str]) -> str:
    signed = url + "".join(name + fields[name] for name in sorted(fields))
    mac = hmac.new(auth_token.encode(), signed.encode(), hashlib.sha1)
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
