"""Reads what the Messenger Platform's webhooks said, for the tests of its two kinds."""

from __future__ import annotations

import json
from typing import Any

from .conftest import Inbox, Received


def event_of(call: Received) -> dict[str, Any]:
    entry = json.loads(call.body)["entry"][0]
    event: dict[str, Any] = entry["messaging"][0]
    return event


def events(inbox: Inbox, kind: str, name: str = "") -> list[dict[str, Any]]:
    """Those that hold `name`, or all, in the order of arrival."""
    found = [event_of(call) for call in inbox.at(f"/{kind}")]
    return [event for event in found if not name or name in event]


def echoes(inbox: Inbox, kind: str) -> list[dict[str, Any]]:
    return [e for e in events(inbox, kind, "message") if e["message"].get("is_echo")]
