"""Webhook bodies as Meta and Twilio make them, signed with the secrets of demo.json.

Written from the providers' documents and not with our connectors: a mistake there must show here.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any
from urllib.parse import urlencode

_FORM = "application/x-www-form-urlencoded"


@dataclass(frozen=True, kw_only=True, slots=True)
class Call:
    """One request to a webhook address."""

    url: str
    headers: Mapping[str, str]
    body: bytes

    def with_header(self, name: str, value: str | None) -> Call:
        headers = {k: v for k, v in self.headers.items() if k.lower() != name.lower()}
        return replace(self, headers=headers if value is None else {**headers, name: value})


# Any: JSON and the demo file.
def whatsapp_body(channel: Mapping[str, Any], *messages: Mapping[str, Any]) -> dict[str, Any]:
    """One change with these messages; each has the sender's name beside it, as Meta does."""
    contacts = [
        {"wa_id": m["from"], "profile": {"name": m.pop("name")}} for m in map(dict, messages)
    ]
    value = {
        "messaging_product": "whatsapp",
        "metadata": {"phone_number_id": channel["account"], "display_phone_number": "15550199"},
        "contacts": contacts,
        "messages": [{k: v for k, v in m.items() if k != "name"} for m in messages],
    }
    change = {"field": "messages", "value": value}
    entry = {"id": "100000000000001", "changes": [change]}
    return {"object": "whatsapp_business_account", "entry": [entry]}


def whatsapp_text(phone: str, name: str, text: str, provider_id: str = "") -> dict[str, Any]:
    return {
        "from": phone.lstrip("+"),
        "name": name,
        "id": provider_id or "wamid." + secrets.token_hex(16),
        "timestamp": str(int(time.time())),
        "type": "text",
        "text": {"body": text},
    }


def signed_json(channel: Mapping[str, Any], body: bytes | Mapping[str, Any]) -> Call:
    """As Meta signs: HMAC-SHA256 of the raw body with the app secret."""
    raw = body if isinstance(body, bytes) else json.dumps(body).encode()
    mac = hmac.new(channel["secret"].encode(), raw, hashlib.sha256).hexdigest()
    headers = {"Content-Type": "application/json", "X-Hub-Signature-256": f"sha256={mac}"}
    return Call(url=channel["webhook_url"], headers=headers, body=raw)


def sms_fields(channel: Mapping[str, Any], phone: str, text: str, sid: str = "") -> dict[str, str]:
    sid = sid or "SM" + secrets.token_hex(16)
    return {
        "MessageSid": sid,
        "SmsSid": sid,
        "SmsMessageSid": sid,
        "AccountSid": channel["account_sid"],
        "From": phone,
        "To": channel["account"],
        "Body": text,
        "NumMedia": "0",
        "SmsStatus": "received",
        "ApiVersion": "2010-04-01",
    }


def signed_form(
    channel: Mapping[str, Any], fields: Mapping[str, str], body: bytes | None = None
) -> Call:
    """As Twilio signs: HMAC-SHA1 of the address and the sorted parameters, in base64."""
    signed = channel["webhook_url"] + "".join(name + fields[name] for name in sorted(fields))
    mac = hmac.new(channel["secret"].encode(), signed.encode(), hashlib.sha1).digest()
    headers = {"Content-Type": _FORM, "X-Twilio-Signature": base64.b64encode(mac).decode()}
    raw = urlencode(fields).encode() if body is None else body
    return Call(url=channel["webhook_url"], headers=headers, body=raw)
