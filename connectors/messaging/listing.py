"""Asks Meta for what its webhooks did not bring: the messages of the conversations that changed.

A sweep goes through the conversations, newest first, until it meets one that is older than the last
sweep; each step is one call. `listed.py` reads what it brings.

source  developers.facebook.com/docs/messenger-platform/conversations
        developers.facebook.com/docs/instagram-platform/instagram-api-with-instagram-login/
        conversations-api
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from urllib.parse import urlencode

from connectors.body import NotJson, code, decode, items, line, mapping
from connectors.messaging.values import moment
from connectors.meta import Graph, segment
from inbox.domain.abilities import Pulled
from inbox.domain.channel import Channel, Payload
from inbox.domain.errors import AccountTrouble, Permanent, Temporary

PULLED = "PULL"
EVERY_S = 180.0
OVERLAP = timedelta(minutes=10)
# What is younger is left to its webhook, which may be on its way.
SETTLE = timedelta(seconds=30)
_CONVERSATIONS, _MESSAGES = 10, 20
_MOST_THREADS = 50
# Of these errors alone the whole account is in trouble; another may be a permission that listing
# needs and sending does not.
_OF_THE_TOKEN = ("190", "http_401")


@dataclass(frozen=True, kw_only=True, slots=True)
class Lister:
    """How a kind lists.

    node      whose conversations: `me`, or the page
    platform  Meta's word for the kind
    fields    of a message
    own       ids of our side besides the account, as they stand in `from` and `to`
    """

    graph: Graph
    node: str
    platform: str
    fields: str
    own: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """Where the next step goes on.

    since    up to when everything has been listed
    until    when this sweep began; None between two sweeps
    after    Meta's mark of the page of conversations to ask for; None: the first
    threads  conversations that had more messages than came with them, each with Meta's mark
    """

    since: datetime
    until: datetime | None = None
    after: str | None = None
    threads: tuple[tuple[str, str], ...] = ()

    def text(self) -> str:
        known = {
            "since": _milliseconds(self.since),
            "until": None if self.until is None else _milliseconds(self.until),
            "after": self.after,
            "threads": [list(one) for one in self.threads],
        }
        return json.dumps({key: value for key, value in known.items() if value})


def read_sweep(cursor: str) -> Sweep:
    """raises   Permanent: it is none of ours"""
    try:
        known = decode(cursor.encode())
    except NotJson as error:
        raise _unusable() from error
    since, until = code(known, "since"), code(known, "until")
    if since is None:
        raise _unusable()
    pairs = [one for one in items(known, "threads") if isinstance(one, list) and len(one) == 2]
    return Sweep(
        since=_instant(since),
        until=None if until is None else _instant(until),
        after=line(known, "after", 2000),
        threads=tuple((str(thread), str(mark)) for thread, mark in pairs)[:_MOST_THREADS],
    )


async def pull(lister: Lister, channel: Channel, cursor: str | None, now: datetime) -> Pulled:
    """One call to Meta. Raises as `Pulls.pull` says."""
    if cursor is None:
        return Pulled(payloads=(), cursor=Sweep(since=now).text())
    sweep = read_sweep(cursor)
    if sweep.until is None:
        sweep = replace(sweep, until=max(sweep.since, now - SETTLE))
    try:
        if sweep.threads:
            return await _thread(lister, channel, sweep, now)
        return await _conversations(lister, channel, sweep, now)
    except AccountTrouble as error:
        if (error.code or "").partition("/")[0] in _OF_THE_TOKEN:
            raise
        raise Temporary(str(error), code=error.code) from error
    except Permanent as error:
        if sweep.threads:  # that conversation is gone, or too old to be listed
            return _pulled([], _next(sweep, sweep.after is not None), lister, channel)
        if sweep.after is not None:
            # Meta's marks run out: begin this sweep again, at its own time.
            return Pulled(payloads=(), cursor=Sweep(since=sweep.since).text())
        raise Temporary(str(error), code=error.code) from error


async def _conversations(lister: Lister, channel: Channel, sweep: Sweep, now: datetime) -> Pulled:
    asked = {
        "platform": lister.platform,
        "fields": f"updated_time,messages.limit({_MESSAGES}){{{lister.fields}}}",
        "limit": str(_CONVERSATIONS),
        **({"after": sweep.after} if sweep.after else {}),
    }
    path = f"{segment(lister.node)}/conversations?{urlencode(asked)}"
    document = await _get(lister, channel, path)
    oldest, newest = _span(channel, sweep)
    found: list[object] = []
    threads: list[tuple[str, str]] = []
    reached = False
    for conversation in items(document, "data"):
        changed_at = moment(conversation, "updated_time", now)
        if changed_at is not None and changed_at < oldest:
            reached = True
            continue
        part = mapping(conversation, "messages")
        found += _wanted(part, oldest, newest, now)
        mark, thread = _mark(part), line(conversation, "id", 256)
        if mark and thread and not _reaches(part, oldest, now):
            threads.append((thread, mark))
    after = _mark(document)
    going = replace(
        sweep,
        after=after if not reached else None,
        threads=tuple(threads[:_MOST_THREADS]),
    )
    return _pulled(found, _next(going, going.after is not None, took=False), lister, channel)


async def _thread(lister: Lister, channel: Channel, sweep: Sweep, now: datetime) -> Pulled:
    """More of the first conversation that had more."""
    thread, mark = sweep.threads[0]
    asked = {"fields": lister.fields, "limit": str(_MESSAGES), "after": mark}
    path = f"{segment(thread)}/messages?{urlencode(asked)}"
    document = await _get(lister, channel, path)
    oldest, newest = _span(channel, sweep)
    found = _wanted(document, oldest, newest, now)
    further = _mark(document)
    going = _next(sweep, sweep.after is not None)
    if further and further != mark and not _reaches(document, oldest, now):
        going = replace(sweep, threads=((thread, further), *sweep.threads[1:]))
    return _pulled(found, going, lister, channel)


async def _get(lister: Lister, channel: Channel, path: str) -> Mapping[str, object]:
    """A page: no list at all is not an empty one."""
    document = await lister.graph.get(path, channel.setting("access_token"))
    if not isinstance(document.get("data"), list):
        raise Temporary("Meta gave no clear answer.", code="bad_answer")
    return document


def _next(sweep: Sweep, more_pages: bool, *, took: bool = True) -> Sweep:
    """Where to go on: the other conversations that had more, the next page, or the end."""
    threads = sweep.threads[1:] if took else sweep.threads
    if threads or more_pages:
        return replace(sweep, threads=threads)
    return Sweep(since=sweep.until or sweep.since)


def _pulled(found: list[object], sweep: Sweep, lister: Lister, channel: Channel) -> Pulled:
    payloads: tuple[Payload, ...] = ()
    if found:
        document = {"account": channel.account, "own": list(lister.own), "messages": found}
        body = json.dumps(document).encode()
        payloads = (Payload(method=PULLED, query=b"", content_type="application/json", body=body),)
    return Pulled(payloads=payloads, cursor=sweep.text(), more=sweep.until is not None)


def _span(channel: Channel, sweep: Sweep) -> tuple[datetime, datetime]:
    """From when to when messages are wanted: nothing from before the channel was connected."""
    # Meta's times have whole seconds.
    oldest = max(sweep.since - OVERLAP, channel.created_at.replace(microsecond=0))
    return oldest, sweep.until or sweep.since


def _wanted(
    part: Mapping[str, object], oldest: datetime, newest: datetime, now: datetime
) -> list[object]:
    """Those of that time, oldest first, as Meta wrote them."""
    found = [
        message for message, at in _dated(part, now) if at is not None and oldest <= at <= newest
    ]
    return found[::-1]


def _reaches(part: Mapping[str, object], oldest: datetime, now: datetime) -> bool:
    """Whether a page of messages, newest first, goes back far enough; an empty one does."""
    times = [at for _, at in _dated(part, now) if at is not None]
    return not times or min(times) < oldest


def _dated(part: Mapping[str, object], now: datetime) -> Iterator[tuple[object, datetime | None]]:
    for message in items(part, "data"):
        yield message, moment(message, "created_time", now)


def _mark(part: Mapping[str, object]) -> str | None:
    """Meta's mark of the next page; None on the last one."""
    paging = mapping(part, "paging")
    if line(paging, "next", 8000) is None:
        return None
    return line(mapping(paging, "cursors"), "after", 2000)


def _milliseconds(at: datetime) -> int:
    return int(at.timestamp() * 1000)


def _instant(milliseconds: int) -> datetime:
    try:
        return datetime.fromtimestamp(milliseconds / 1000, UTC)
    except (ValueError, OverflowError, OSError) as error:
        raise _unusable() from error


def _unusable() -> Permanent:
    return Permanent("It is not known any more where listing ended.", code="cursor")
