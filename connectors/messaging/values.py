"""Reads ids, times and links of the messaging envelope, whose forms differ by event and by year.

Like `connectors.body`, nothing here raises: a value is of its type, or it is None.
"""

from __future__ import annotations

import re
from datetime import datetime
from urllib.parse import urlsplit

from connectors import body
from connectors.body import instant, line, number, token

_ID = re.compile(r"[0-9A-Za-z_.:<>{}=-]{1,128}", re.ASCII)
_MILLISECONDS_FROM = 1e11


def own_id(value: object, key: str) -> str | None:
    """An id of the platform's own: opaque, decimal digits as a rule, now and then a number."""
    found = token(value, key, 129)
    return found if found and _ID.fullmatch(found) else None


def message_id(value: object, key: str = "mid") -> str | None:
    """The id of a message, which is opaque and long."""
    return line(value, key, 512)


def moment(value: object, key: str, received_at: datetime) -> datetime | None:
    """The time under `key` as aware UTC; None when no clock of ours could have seen it.

    Milliseconds as a rule; seconds in lead and some referral events, told by their size; ISO 8601
    in older events of Instagram.
    """
    found = number(value, key)
    if found is None:
        found = _iso(line(value, key, 40))
    if found is None:
        return None
    seconds = found / 1000 if found >= _MILLISECONDS_FROM else found
    return instant({key: seconds}, key, received_at)


def _iso(text: str | None) -> float | None:
    try:
        at = datetime.fromisoformat(text or "")
        return at.timestamp() if at.tzinfo is not None else None
    except (ValueError, OverflowError):
        return None


def link(value: object, key: str) -> str | None:
    """A web address that an agent may follow and that can be taken apart; None for any other."""
    found = body.link(value, key)
    try:
        return found if urlsplit(found or "").hostname else None
    except ValueError:
        return None
