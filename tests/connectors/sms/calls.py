"""Twilio's documented calls as the tests change them, and what is reported of each."""

from __future__ import annotations

from urllib.parse import urlencode

from connectors.http import Http
from connectors.sms import Sms
from inbox.domain.channel import Payload
from inbox.domain.report import Ignored, MessageReceived, Report, StatusReported
from tests.connectors.people import RECEIVED_AT, payload

FORM = "application/x-www-form-urlencoded"
Pairs = list[tuple[str, str]]


def params(name: str) -> Pairs:
    return [(key, value) for key, value in payload("sms", name)["request"]["params"]]


def parse(pairs: Pairs, *, query: bytes = b"", method: str = "POST") -> Report:
    body = urlencode(pairs).encode()
    call = Payload(
        method=method,
        query=body if method == "GET" else query,
        content_type="" if method == "GET" else f"{FORM}; charset=UTF-8",
        body=b"" if method == "GET" else body,
    )
    (report,) = Sms(Http(), "https://api.twilio.com").parse(call, RECEIVED_AT)
    return report


def changed(name: str, **changes: str | None) -> Pairs:
    """A documented call's parameters with some set anew; None takes one away."""
    kept = [(key, value) for key, value in params(name) if key not in changes]
    return kept + [(key, value) for key, value in changes.items() if value is not None]


def word(report: Report) -> str:
    match report:
        case MessageReceived():
            return report.type
        case StatusReported():
            return report.status.value
        case Ignored():
            return report.reason
    raise AssertionError(report)
