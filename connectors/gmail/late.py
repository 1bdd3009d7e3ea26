"""Mails that Gmail has and fails to give at the moment: they are asked for again on their own, so
that one of them does not hold up all others, and in the end are told of without their content.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import timedelta

from connectors.body import items, line
from connectors.gmail.client import Gmail
from connectors.gmail.media import Raw
from connectors.gmail.unreadable import known_of
from inbox.domain.channel import Channel
from inbox.domain.errors import Temporary

# More of them are no fault of single mails: then everything waits.
MOST = 50
# While those that came after it wait for it.
TRIES_IN_ORDER = 3
# Waits of 2, 4, 8 … 512 seconds lie between them: a good quarter of an hour.
TRIES = 10
# While Gmail does not even tell who wrote it.
_THEN_EVERY_S = 3600
_UNTIL_UNKNOWN = int(timedelta(days=1).total_seconds())
_FAULTS = frozenset(
    {"backendError", "internalError", "INTERNAL", "UNAVAILABLE", "bad_answer", "no_answer"}
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Late:
    """A mail that is still to be had. `since` and `next_at` in Unix seconds; `mark` as its payload
    has it, "" where it has none; `tries` that failed."""

    id: str
    since: int
    next_at: int
    tries: int = 1
    mark: str = ""

    def after(self, now: int) -> Late:
        """One more try that failed."""
        tries = self.tries + 1
        return replace(self, tries=tries, next_at=now + _wait_s(tries))

    def marks(self) -> dict[str, str]:
        return {self.mark: "1"} if self.mark else {}

    def document(self) -> dict[str, object]:
        return {
            "id": self.id,
            "since": self.since,
            "next_at": self.next_at,
            "tries": self.tries,
            "mark": self.mark,
        }


def first_time(message_id: str, mark: Mapping[str, str], now: int) -> Late:
    # It takes its place by its time, and is shown as one that came late.
    word = next(iter(mark), "recovered")
    return Late(id=message_id, since=now, next_at=now + _wait_s(1), mark=word)


def read_late(document: Mapping[str, object]) -> tuple[Late, ...]:
    """What a stored cursor has of them; what cannot be read is left out."""
    found = []
    for one in items(document, "late")[:MOST]:
        message_id = line(one, "id", 64)
        if message_id is None or not isinstance(one, Mapping):
            continue
        since, next_at, tries = (_number(one.get(key)) for key in ("since", "next_at", "tries"))
        mark = line(one, "mark", 16) or ""
        found.append(Late(id=message_id, since=since, next_at=next_at, tries=tries, mark=mark))
    return tuple(found)


def is_of_one_mail(error: Temporary) -> bool:
    """Whether others may be had all the same: not where Google wants us to slow down."""
    return error.code in _FAULTS or error.code.startswith("http_5")


async def given_up(gmail: Gmail, channel: Channel, late: Late, now: int) -> Raw | Late | None:
    """What is known of a mail that was asked for often enough, without a content where Gmail has
    told nothing of it for a day; itself where it is not to be given up yet; None when it is gone.
    raises Temporary, AccountTrouble"""
    try:
        return await known_of(gmail, channel, late.id)
    except Temporary as error:
        if not is_of_one_mail(error):
            raise
        if now - late.since < _UNTIL_UNKNOWN:
            return replace(late, next_at=now + _THEN_EVERY_S)
    return Raw(
        id=late.id,
        thread_id=late.id,
        labels=frozenset(),
        internal_ms=f"{late.since}000",
        content=b"",
    )


def _wait_s(tries: int) -> int:
    return 1 << min(tries, TRIES)


def _number(value: object) -> int:
    return value if isinstance(value, int) and 0 <= value < 10**12 else 0
