"""WhatsApp's webhook bodies as the tests change them, and what is reported of each."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from connectors.http import Http
from connectors.whatsapp import WhatsApp
from inbox.domain.channel import Payload
from inbox.domain.report import Report
from tests.connectors.people import RECEIVED_AT, payload

ACCOUNT = "200000000000001"
BUSINESS = "100000000000001"
OWNER = {"display_phone_number": "15550001000", "phone_number_id": ACCOUNT}
TARGET = "wamid.TARGET"


def wire(document: Any) -> bytes:
    """As Meta writes it: compact, non-ASCII escaped, and slashes too."""
    return json.dumps(document, separators=(",", ":")).replace("/", "\\/").encode()


def parse(document: Any) -> list[Report]:
    body = document if isinstance(document, bytes) else wire(document)
    call = Payload(method="POST", query=b"", content_type="application/json", body=body)
    return WhatsApp(Http(), "https://graph.example.com/v26.0").parse(call, RECEIVED_AT)


def example(name: str) -> list[Report]:
    return parse(payload("whatsapp", name))


def change(field: str, **value: Any) -> list[Report]:
    """What a body with one change of `field` reports."""
    entry = {"id": BUSINESS, "changes": [{"field": field, "value": value}]}
    return parse({"object": "whatsapp_business_account", "entry": [entry]})


def message(kind: str, part: Any, **beside: Any) -> Report:
    """What a message of this type, from the person of `text.json`, reports."""
    document = payload("whatsapp", "text")
    found = document["entry"][0]["changes"][0]["value"]["messages"][0]
    del found["text"]
    found.update({"type": kind, **({} if part is None else {kind: part}), **beside})
    (report,) = parse(document)
    return report


def echo(kind: str, part: Any, **beside: Any) -> Report:
    """What a message that our side wrote on the phone reports."""
    item = {"from": "15550001000", "to": "15550002001", "id": "wamid.ECHO", "type": kind}
    item |= {"timestamp": "1794000950", kind: part, **beside}
    (report,) = change("smb_message_echoes", metadata=OWNER, message_echoes=[item])
    return report


def system(told: Mapping[str, Any], **beside: Any) -> Report:
    item = {"id": "wamid.SYSTEM", "timestamp": "1794000018", "type": "system", "system": told}
    (report,) = change("messages", metadata=OWNER, messages=[{**item, **beside}])
    return report
