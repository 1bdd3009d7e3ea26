"""Reads a call of Twilio's from a file: its fields as JSON, as pairs, or as they were posted.

For people who ask what a call means; calls that come over the network are read in `webhook.py`.
"""

from __future__ import annotations

from collections.abc import Mapping
from urllib.parse import urlencode, urlsplit

from connectors.body import NotJson, decode, line, mapping
from connectors.sms.form import read_form
from inbox.domain.channel import Payload
from inbox.domain.errors import MalformedPayload

_FORM = "application/x-www-form-urlencoded"
# A form without any of these is not Twilio's.
_KNOWN = frozenset(
    {"AccountSid", "MessageSid", "MessageStatus", "SmsMessageSid", "SmsSid", "SmsStatus"}
)

_Pairs = list[tuple[str, str]]


def read_sample(raw: bytes) -> Payload:
    """The call that a file holds.

    raw      a JSON object of fields, a list of [name, value], a recorded request (an object with
             `request.params`, or with `params`), or the posted form itself
    raises   MalformedPayload: none of these, or no field of Twilio's
    """
    try:
        document = decode(raw)
    except NotJson:
        return _payload(raw.strip(), b"")
    recorded = mapping(document, "request") or document
    query = b""
    if isinstance(recorded, Mapping) and isinstance(recorded.get("params"), list | Mapping):
        url = line(recorded, "url", 4096) or ""
        query = urlsplit(url).query.encode("utf-8", "replace") if "?" in url else b""
        document = recorded["params"]
    body = urlencode(_pairs(document), errors="replace").encode()
    return _payload(body, query)


def _payload(body: bytes, query: bytes) -> Payload:
    try:
        form = read_form(body)
    except ValueError as error:
        raise _refused() from error
    if not _KNOWN & form.keys():
        raise _refused()
    return Payload(method="POST", query=query, content_type=_FORM, body=body)


def _pairs(document: object) -> _Pairs:
    if isinstance(document, Mapping):
        return [
            (str(name), _value(one))
            for name, value in document.items()
            for one in (value if isinstance(value, list) else [value])
        ]
    if not isinstance(document, list):
        raise _refused()
    pairs: _Pairs = []
    for pair in document:
        if not isinstance(pair, list) or len(pair) != 2 or not isinstance(pair[0], str):
            raise _refused()
        pairs.append((pair[0], _value(pair[1])))
    return pairs


def _value(value: object) -> str:
    """A field's text; numbers stand for theirs, None for an empty field."""
    if value is None:
        return ""
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise _refused()
    return str(value)


def _refused() -> MalformedPayload:
    return MalformedPayload("it holds no form with Twilio's fields")
