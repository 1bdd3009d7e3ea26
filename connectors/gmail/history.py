"""Brings what is new in a mailbox, from a cursor, in steps of a size that nobody has to wait for.

At first, and again when Google has forgotten the place in its history, the mail of the last days is
brought (`Fill`); from then on only what the history names. A cursor moves past a page of the
history only together with the list of what that page named, so that a crash loses nothing.

source  developers.google.com/workspace/gmail/api/guides/sync
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from urllib.parse import urlencode

from connectors.body import NotJson, decode, items, line, mapping
from connectors.gmail import quota
from connectors.gmail.client import Gmail, read
from connectors.gmail.errors import refusal
from connectors.gmail.late import (
    MOST,
    TRIES,
    TRIES_IN_ORDER,
    Late,
    first_time,
    given_up,
    is_of_one_mail,
    read_late,
)
from connectors.gmail.light import lighten
from connectors.gmail.manifest import LOOK_BACK_DAYS
from connectors.gmail.media import Raw, get_raw
from connectors.gmail.unreadable import is_gone, known_of
from connectors.gmail.webhook import MAIL, UNREADABLE
from inbox.domain.abilities import Pulled
from inbox.domain.channel import Channel, Payload
from inbox.domain.errors import AccountTrouble, Permanent, Temporary

STEP = 25
HISTORY_PAGES = 10
_AT_ONCE = 4
_SKIPPED = frozenset({"DRAFT", "SPAM", "TRASH", "CHAT"})
# A watch holds for seven days and is renewed daily; where it was refused, the polling goes on.
_WATCH_EVERY_S = 86_400
_WATCH_AGAIN_S = 3_600
_AFTER_NEWS_S = 2.0
_MOST_DAYS = 3_650


@dataclass(frozen=True, kw_only=True, slots=True)
class Fill:
    """Bringing the last days: where the list goes on (None: at its beginning), and whether the
    mailbox was connected before, so that the mail may be new to us or not."""

    page: str | None = None
    again: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Cursor:
    """history   where the mailbox's history was read to; None before the first step
    todo      messages that the history named and that are not brought yet
    fill      the last days are being brought; None when that is done
    watch_at  Unix seconds from when a watch is asked for again
    late      messages that Gmail failed to give, to be asked for once more on their own
    """

    history: str | None = None
    todo: tuple[str, ...] = ()
    fill: Fill | None = None
    watch_at: int = 0
    late: tuple[Late, ...] = ()

    def text(self) -> str:
        document: dict[str, object] = {"history": self.history, "watch_at": self.watch_at}
        if self.todo:
            document["todo"] = self.todo
        if self.fill is not None:
            document["fill"] = {"page": self.fill.page, "again": self.fill.again}
        if self.late:
            document["late"] = [one.document() for one in self.late]
        return json.dumps(document)


def read_cursor(stored: str | None) -> Cursor:
    """One that cannot be read is none: the last days are brought again."""
    try:
        document = decode((stored or "{}").encode())
    except NotJson:
        return Cursor()
    history = line(document, "history", 32)
    if not isinstance(document, Mapping) or history is None or not history.isdigit():
        return Cursor()
    fill = mapping(document, "fill")
    watch_at = document.get("watch_at")
    return Cursor(
        history=history,
        todo=tuple(one for one in items(document, "todo") if isinstance(one, str)),
        fill=Fill(page=line(fill, "page", 512), again=fill.get("again") is True) if fill else None,
        watch_at=watch_at if isinstance(watch_at, int) else 0,
        late=read_late(document),
    )


async def pull(gmail: Gmail, channel: Channel, stored: str | None, now: datetime) -> Pulled:
    """One step. Raises as `Pulls.pull` says."""
    seconds = int(now.astimezone(UTC).timestamp())
    before = read_cursor(stored)
    cursor = await _watched(gmail, channel, before, seconds)
    if any(one.next_at <= seconds for one in cursor.late):
        return await _again(gmail, channel, cursor, seconds)
    if cursor.history is None:
        # The place in the history first: what comes while the list is read is then in both.
        return Pulled(payloads=(), cursor=(await _begin(gmail, channel, cursor)).text(), more=True)
    if cursor.fill is not None:
        return await _fill(gmail, channel, cursor, cursor.fill, seconds)
    if not cursor.todo:
        found = await _listed(gmail, channel, cursor)
        if found is None:
            again = await _begin(gmail, channel, cursor, again=True)
            return Pulled(payloads=(), cursor=again.text(), more=True)
        cursor, rest = found
    else:
        rest = False
    ids, todo = cursor.todo[:STEP], cursor.todo[STEP:]
    brought = await _bring(gmail, channel, ids)
    cursor = _set_aside(gmail, channel, replace(cursor, todo=todo), brought, {}, seconds)
    return Pulled(
        payloads=brought.payloads,
        cursor=cursor.text(),
        more=bool(todo) or rest,
        again_s=_again_s(cursor, seconds, lively=_is_news(before, cursor)),
    )


def _is_news(before: Cursor, after: Cursor) -> bool:
    """Whether Gmail has told of something, or was asked to."""
    return (before.history, before.watch_at, before.todo) != (
        after.history,
        after.watch_at,
        after.todo,
    )


def _again_s(cursor: Cursor, seconds: int, *, lively: bool) -> float | None:
    """`lively`: something has just happened. Gmail tells of a mailbox once a second and drops what
    it would tell between, so what came right after is looked for without being told."""
    soon = [float(one.next_at - seconds) for one in cursor.late]
    return min([*soon, *([_AFTER_NEWS_S] if lively else [])], default=None)


async def _again(gmail: Gmail, channel: Channel, cursor: Cursor, seconds: int) -> Pulled:
    """Ask once more for some of those that are due; the last time, for what is known of them."""
    due = [one for one in cursor.late if one.next_at <= seconds][:_AT_ONCE]
    tried = await asyncio.gather(*(_once_more(gmail, channel, one, seconds) for one in due))
    left = [one for one in cursor.late if one not in due]
    left += [one.late for one in tried if one.late is not None]
    # Where nobody is named, it shows as a time from which something is missing.
    lost = [late.since for late, one in zip(due, tried, strict=True) if one.lost]
    return Pulled(
        payloads=tuple(payload for one in tried for payload in one.payloads),
        cursor=replace(cursor, late=tuple(left)).text(),
        more=True,
        lost=tuple(datetime.fromtimestamp(since, UTC) for since in lost),
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class _Tried:
    """What one more try at a mail brought; `late`: it is still to be had."""

    payloads: tuple[Payload, ...] = ()
    late: Late | None = None
    lost: bool = False


async def _once_more(gmail: Gmail, channel: Channel, one: Late, seconds: int) -> _Tried:
    brought = await _bring(gmail, channel, [one.id], one.marks())
    if not brought.failed:
        return _Tried(payloads=brought.payloads)
    if one.tries + 1 < TRIES:
        return _Tried(late=one.after(seconds))
    found = await given_up(gmail, channel, one, seconds)
    if isinstance(found, Late):
        return _Tried(late=found)
    if found is None or found.labels & _SKIPPED:
        return _Tried()
    payload = await _payload(channel, found, UNREADABLE, one.marks())
    return _Tried(payloads=(payload,), lost=not found.content)


def _set_aside(
    gmail: Gmail,
    channel: Channel,
    cursor: Cursor,
    brought: _Brought,
    mark: Mapping[str, str],
    seconds: int,
) -> Cursor:
    """With those that Gmail failed to give. raises Temporary: not yet, for they are to come in
    their order; or too many for that"""
    known = {one.id for one in cursor.late}
    failed = [one for one in brought.failed if one not in known]
    if not failed:
        return cursor
    tries = [gmail.faults.again(channel, one) for one in failed]
    late = (*cursor.late, *(first_time(one, mark, seconds) for one in failed))
    if min(tries) < TRIES_IN_ORDER or len(late) > MOST:
        raise Temporary("Gmail does not give a mail at the moment.", code="no_mail")
    return replace(cursor, late=late)


async def _begin(gmail: Gmail, channel: Channel, cursor: Cursor, *, again: bool = False) -> Cursor:
    profile = await gmail.ask(channel, "/profile", units=quota.PROFILE)
    place = _history_id(profile)
    return replace(cursor, history=place, todo=(), fill=Fill(again=again))


async def _fill(gmail: Gmail, channel: Channel, cursor: Cursor, fill: Fill, seconds: int) -> Pulled:
    query = {
        "q": f"newer_than:{look_back_days(channel)}d in:anywhere -in:drafts -in:spam -in:trash",
        "maxResults": str(STEP),
    }
    if fill.page is not None:
        query["pageToken"] = fill.page
    page = await gmail.ask(channel, "/messages", units=quota.LIST, query=query)
    ids = [found for one in items(page, "messages") if (found := line(one, "id", 64))]
    following = line(page, "nextPageToken", 512)
    mark = {"recovered": "1"} if fill.again else {"backfill": "1"}
    # Gmail lists the newest first; an answer is read more easily after what it answers.
    brought = await _bring(gmail, channel, ids[::-1], mark)
    left = None if following is None else replace(fill, page=following)
    cursor = _set_aside(gmail, channel, replace(cursor, fill=left), brought, mark, seconds)
    return Pulled(payloads=brought.payloads, cursor=cursor.text(), more=True)


def look_back_days(channel: Channel) -> int:
    given = channel.setting("look_back_days")
    days = int(given) if given.isascii() and given.isdigit() and len(given) < 6 else LOOK_BACK_DAYS
    return min(max(days, 1), _MOST_DAYS)


async def _listed(gmail: Gmail, channel: Channel, cursor: Cursor) -> tuple[Cursor, bool] | None:
    """The cursor with what the history names since, and whether there is more of it at once; None
    when Google no longer has this place."""
    start = cursor.history or ""
    named: dict[str, None] = {}
    deleted: set[str] = set()
    page_token: str | None = None
    for _ in range(HISTORY_PAGES):
        query = [
            ("startHistoryId", start),
            ("historyTypes", "messageAdded"),
            ("historyTypes", "messageDeleted"),
            ("historyTypes", "labelAdded"),
            ("maxResults", "500"),
        ]
        if page_token is not None:
            query.append(("pageToken", page_token))
        answer = await gmail.call(
            channel, "GET", "/history", units=quota.HISTORY, query=query, max_bytes=8 << 20
        )
        if answer.status == 404:
            return None
        page = read(answer)
        records = items(page, "history")
        named.update(dict.fromkeys(_named(records)))
        deleted.update(_ids(records, "messagesDeleted"))
        last = max((int(_history_id(one, "id")) for one in records), default=int(start))
        page_token = line(page, "nextPageToken", 512)
        if page_token is None:
            reached = _history_id(page)
            break
    else:
        # Records are in order, so what comes after the last one that was read is not lost.
        reached = str(last)
    todo = tuple(one for one in named if one not in deleted)
    reached = str(max(int(reached), int(start)))
    return replace(cursor, history=reached, todo=todo), page_token is not None


def _named(records: Iterable[object]) -> Iterable[str]:
    """Messages that came, or came out of spam and trash."""
    for record in records:
        for key in ("messagesAdded", "labelsAdded"):
            for change in items(record, key):
                message = mapping(change, "message")
                labels = set(map(str, items(message, "labelIds")))
                moved = key == "messagesAdded" or "INBOX" in items(change, "labelIds")
                found = line(message, "id", 64)
                if found is not None and moved and not labels & _SKIPPED:
                    yield found


def _ids(records: Iterable[object], key: str) -> Iterable[str]:
    for record in records:
        for change in items(record, key):
            found = line(mapping(change, "message"), "id", 64)
            if found is not None:
                yield found


def _history_id(document: object, key: str = "historyId") -> str:
    """A decimal string, also where Google wrote a number; `0` when there is none."""
    value = document.get(key) if isinstance(document, Mapping) else None
    text = str(value) if isinstance(value, int | str) else ""
    return text if text.isascii() and text.isdigit() and len(text) <= 20 else "0"


@dataclass(frozen=True, kw_only=True, slots=True)
class _Brought:
    """`failed` are ids that Gmail had a fault with."""

    payloads: tuple[Payload, ...]
    failed: tuple[str, ...]


async def _bring(
    gmail: Gmail, channel: Channel, ids: Iterable[str], mark: Mapping[str, str] | None = None
) -> _Brought:
    """The mails of these ids, in this order; without those that are gone or not for an inbox,
    and of one that Gmail does not give what is known of it."""
    gate = asyncio.Semaphore(_AT_ONCE)
    failed: dict[str, None] = {}

    async def bring(message_id: str) -> Payload | None:
        async with gate:
            try:
                raw, type_ = await _raw(gmail, channel, message_id)
            except Temporary as error:
                if not is_of_one_mail(error):
                    raise
                failed[message_id] = None
                return None
        if raw is None or raw.labels & _SKIPPED:
            return None
        return await _payload(channel, raw, type_, mark or {})

    wanted = list(ids)
    tasks = [asyncio.create_task(bring(one)) for one in wanted]
    try:
        found = await asyncio.gather(*tasks)
    finally:
        # After an error the others' answers are nobody's.
        for task in tasks:
            task.cancel()
    return _Brought(
        payloads=tuple(payload for payload in found if payload is not None),
        failed=tuple(one for one in wanted if one in failed),
    )


async def _raw(gmail: Gmail, channel: Channel, message_id: str) -> tuple[Raw | None, str]:
    """The mail, or what is known of it, and which of the two; None when it is gone."""
    try:
        return await get_raw(gmail, channel, message_id), MAIL
    except AccountTrouble:
        raise
    except Permanent as error:
        # One mail that cannot be read must not hold up all that come after it.
        found = None if is_gone(error) else await known_of(gmail, channel, message_id)
        return found, UNREADABLE


async def _payload(channel: Channel, raw: Raw, type_: str, mark: Mapping[str, str]) -> Payload:
    query = {
        "id": raw.id,
        "thread_id": raw.thread_id,
        "labels": ",".join(sorted(raw.labels)),
        "internal_ms": raw.internal_ms,
        "account": channel.account,
        **mark,
    }
    return Payload(
        method="PULL",
        query=urlencode(query).encode(),
        content_type=type_,
        body=await asyncio.to_thread(lighten, raw.content),
    )


async def _watched(gmail: Gmail, channel: Channel, cursor: Cursor, seconds: int) -> Cursor:
    """Have Google tell us of new mail, where a topic is configured."""
    if not channel.setting("topic") or seconds < cursor.watch_at:
        return cursor
    try:
        await watch(gmail, channel)
    except AccountTrouble:
        raise
    except Permanent:
        # The topic lacks a right, or is gone. `check` says so to an admin; the mail still comes,
        # by asking.
        return replace(cursor, watch_at=seconds + _WATCH_AGAIN_S)
    return replace(cursor, watch_at=seconds + _WATCH_EVERY_S)


async def watch(gmail: Gmail, channel: Channel) -> None:
    """raises   Temporary, AccountTrouble; Permanent when the topic does not let Gmail publish"""
    # Without labels: mail that is sent from Gmail's own pages is to be seen, too.
    body = {"topicName": channel.setting("topic")}
    answer = await gmail.call(
        channel, "POST", "/watch", units=quota.WATCH, body=body, repeatable=True
    )
    if not 200 <= answer.status < 300:
        raise refusal(answer, datetime.now(UTC))
