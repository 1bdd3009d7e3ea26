"""Reads what a provider sent, where nothing can be taken for granted: not the type of a value, not
its size, not that a key is there once.

Each function answers with a value of one type or says that there is none; none of them raises, but
`decode` for what is no JSON at all. What a key means is the connector's business.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta

_EARLIEST = datetime(2009, 1, 1, tzinfo=UTC)
_UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f]")
_OUR_MESSAGE = re.compile(r"msg_[0-9A-Za-z]{10,40}", re.ASCII)


class NotJson(ValueError):
    """The bytes are no JSON, or nested too deep to be anyone's honest message."""


def _integer(digits: str) -> float | int:
    # Python refuses to read integers of thousands of digits, which would cost the whole body.
    return int(digits) if len(digits) < 20 else float(digits)


def decode(raw: bytes) -> object:
    """Parse JSON: NaN and infinities become None, lone surrogates are kept for `clean` to drop."""
    try:
        decoded: object = json.loads(raw, parse_int=_integer, parse_constant=lambda _: None)
    except (ValueError, RecursionError) as error:
        raise NotJson("not JSON") from error
    return decoded


def clean(text: str) -> str:
    """Without NUL and lone surrogates, which neither a database nor a browser can hold."""
    return text.replace("\0", "").encode("utf-8", "ignore").decode("utf-8")


def mapping(value: object, key: str) -> Mapping[str, object]:
    """The object under `key`; empty when there is none."""
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, Mapping) else {}


def items(value: object, key: str) -> list[object]:
    """The list under `key`; empty when there is none."""
    found = value.get(key) if isinstance(value, Mapping) else None
    return found if isinstance(found, list) else []


def text(value: object, key: str) -> str | None:
    """The text under `key`, cleaned; None for anything else, numbers too."""
    found = value.get(key) if isinstance(value, Mapping) else None
    return clean(found) if isinstance(found, str) else None


def line(value: object, key: str, longest: int = 256) -> str | None:
    """A name or an id: one line, no control characters, not empty, cut to `longest`."""
    found = text(value, key)
    if found is None:
        return None
    return _UNPRINTABLE.sub("", found).strip()[:longest] or None


def token(value: object, key: str, longest: int = 256) -> str | None:
    """An id, which some write as text and some as a number: one line, not empty, cut."""
    found = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(found, int) and not isinstance(found, bool):
        found = str(found)
    return line({key: found}, key, longest)


def number(value: object, key: str) -> float | None:
    """A finite number under `key`, or one written as text; None for anything else."""
    found = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(found, bool) or not isinstance(found, int | float | str):
        return None
    try:
        result = float(found)
    except (ValueError, OverflowError):
        return None
    return result if abs(result) < 1e15 else None


def code(value: object, key: str) -> int | None:
    """An error code: a whole number under `key`, also when written as text."""
    found = number(value, key)
    return int(found) if found is not None and found == int(found) else None


def instant(value: object, key: str, received_at: datetime) -> datetime | None:
    """Unix seconds under `key` (or milliseconds, told by their size) as aware UTC; None when no
    clock of ours could have seen it: before 2009, or more than a day after we received it."""
    seconds = number(value, key)
    if seconds is None or seconds > 1e14:
        return None
    if seconds > 1e11:
        seconds /= 1000
    at = datetime.fromtimestamp(max(seconds, 0), UTC)
    return at if _EARLIEST <= at <= received_at + timedelta(days=1) else None


def our_message(candidate: str | None) -> str | None:
    """The text when it looks like the id of a message of ours that a provider carried along."""
    return candidate if candidate and _OUR_MESSAGE.fullmatch(candidate) else None


def link(value: object, key: str) -> str | None:
    """A web address under `key`, to be followed by an agent who clicks on it; None for any other
    scheme: what a provider passes on may be a stranger's script."""
    found = line(value, key, 2048)
    return found if found and re.match(r"https?://[^\s/]", found, re.IGNORECASE) else None
