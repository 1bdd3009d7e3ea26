"""Bodies and query strings from outside, turned into typed values at the edge, once."""

from __future__ import annotations

import base64
import binascii
from datetime import UTC, datetime
from typing import TypeVar

import msgspec
from starlette.requests import Request

from inbox.domain.errors import Invalid

MOST_BYTES = 1024 * 1024
T = TypeVar("T")


async def read(request: Request, shape: type[T]) -> T:
    """The JSON body as `shape`; raises Invalid naming what is wrong with it."""
    if request.headers.get("content-type", "").split(";")[0].strip() != "application/json":
        raise Invalid("Send JSON, as application/json.", code="not_json")
    if request.headers.get("content-encoding", "identity") != "identity":
        raise Invalid("Compressed bodies are not read.", code="encoded")
    chunks: list[bytes] = []
    size = 0
    async for chunk in request.stream():
        size += len(chunk)
        if size > MOST_BYTES:
            raise Invalid("The body is larger than 1 MiB.", code="too_large")
        chunks.append(chunk)
    try:
        return msgspec.json.decode(b"".join(chunks), type=shape, strict=True)
    except msgspec.ValidationError as error:
        # msgspec words it "… - at `$.field`"; values are never part of it.
        text, _, where = str(error).partition(" - at `$")
        field = where.strip("`.") or "body"
        raise Invalid("The body is not what is expected here.", errors=((field, text),)) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Invalid("The body is no JSON.", code="not_json") from error


def single(request: Request, name: str) -> str | None:
    """One query parameter; raises Invalid when it comes twice."""
    values = request.query_params.getlist(name)
    if len(values) > 1:
        raise Invalid("A parameter came twice.", errors=((name, "give it once"),))
    return values[0] if values else None


def limit(request: Request, default: int = 25) -> int:
    text = single(request, "limit")
    if text is None:
        return default
    if not text.isascii() or not text.isdigit() or not 1 <= int(text[:6]) <= 100:
        raise Invalid("The limit is a number from 1 to 100.", errors=(("limit", "1 to 100"),))
    return int(text)


def instant(request: Request, name: str) -> datetime | None:
    text = single(request, name)
    if text is None:
        return None
    try:
        parsed = datetime.fromisoformat(text)
    except ValueError:
        parsed = None
    if parsed is None or parsed.tzinfo is None:
        raise Invalid("A time is RFC 3339 with an offset.", errors=((name, "not a time"),))
    return parsed


def to_cursor(text: str) -> str:
    """Cursors are opaque to clients; what is in them is only ever a position."""
    return base64.urlsafe_b64encode(text.encode()).decode().rstrip("=")


def from_cursor(cursor: str) -> str:
    try:
        padded = cursor + "=" * (-len(cursor) % 4)
        return base64.urlsafe_b64decode(padded.encode()).decode()
    except (binascii.Error, UnicodeError) as error:
        raise Invalid("The cursor is not one of ours.", errors=(("cursor", "unknown"),)) from error


def position(cursor: str | None) -> tuple[datetime, str] | None:
    """The time and the id of the last one of the page before, as a list's cursor holds them."""
    if cursor is None:
        return None
    text, _, id_ = from_cursor(cursor).partition(" ")
    try:
        told = datetime.fromisoformat(text)
        # What is outside of the calendar in UTC is no time of ours either.
        at = None if told.tzinfo is None else told.astimezone(UTC)
    except (ValueError, OverflowError):
        at = None
    if at is None:
        raise Invalid("The cursor is not one of ours.", errors=(("cursor", "unknown"),))
    return at, id_
