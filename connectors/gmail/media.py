"""Brings mails, and the files in them. A mail is asked for whole and read here: the ids that Gmail
gives to files change from call to call, their places in the mail do not.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import re
from collections import OrderedDict
from dataclasses import dataclass, field

from connectors.body import items, line, text
from connectors.gmail import quota
from connectors.gmail.client import Gmail, read
from connectors.gmail.mime import file_content
from connectors.gmail.webhook import read_ref
from inbox.domain.channel import Channel, Fetched
from inbox.domain.errors import Permanent
from inbox.domain.report import Media

# Gmail takes in mails of up to 50 MB; base64 in JSON makes four thirds of that.
MOST_ANSWER = 72 * 1024 * 1024
TOTAL_S = 60.0
_KEPT = 4
_KEPT_BYTES = 64 * 1024 * 1024
_ID = re.compile(r"[0-9A-Za-z_-]{1,64}", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Raw:
    """A mail as Gmail has it; `internal_ms` is Gmail's own time of it, as a decimal string."""

    id: str
    thread_id: str
    labels: frozenset[str]
    internal_ms: str
    content: bytes = field(repr=False)

    @classmethod
    def told(cls, document: object, message_id: str, content: bytes) -> Raw:
        """With what Gmail's Message resource tells of it; `content` from wherever that is."""
        internal_ms = line(document, "internalDate", 20) or ""
        return cls(
            id=message_id,
            thread_id=line(document, "threadId", 64) or message_id,
            labels=frozenset(map(str, items(document, "labelIds"))),
            internal_ms=internal_ms if internal_ms.isascii() and internal_ms.isdigit() else "",
            content=content,
        )


async def get_raw(gmail: Gmail, channel: Channel, message_id: str) -> Raw:
    """raises   Temporary; Permanent when it is gone (`notFound`); AccountTrouble"""
    if _ID.fullmatch(message_id) is None:
        raise Permanent("This is no mail of Gmail's.", code="notFound")
    answer = await gmail.call(
        channel,
        "GET",
        f"/messages/{message_id}",
        units=quota.GET,
        query={"format": "raw"},
        max_bytes=MOST_ANSWER,
        total_s=TOTAL_S,
    )
    document = read(answer)
    try:
        content = decode_base64url(text(document, "raw") or "")
    except ValueError:
        content = b""
    if not content:
        raise Permanent("Gmail gave this mail in a form that is none.", code="no_raw")
    return Raw.told(document, message_id, content)


def decode_base64url(encoded: str) -> bytes:
    """With padding or without it, in either alphabet. raises ValueError"""
    standard = encoded.replace("-", "+").replace("_", "/").rstrip("=")
    try:
        return base64.b64decode(standard + "=" * (-len(standard) % 4), validate=True)
    except binascii.Error as error:
        raise ValueError("not base64") from error


class Mails:
    """The last few mails whose files were asked for, so that several files of one cost one call."""

    def __init__(self) -> None:
        self._mails: OrderedDict[tuple[str, str], asyncio.Task[Raw]] = OrderedDict()

    async def fetch(self, gmail: Gmail, media: Media, channel: Channel) -> Fetched:
        """A file by `webhook.media_ref`. Raises as `Connector.fetch` says."""
        ref = read_ref(media.ref)
        if ref is None:
            raise Permanent("The mail has no such file.", code="no_such_file")
        raw = await self._get(gmail, channel, ref[0])
        found = await asyncio.to_thread(file_content, raw.content, ref[1])
        if found is None:
            raise Permanent("The mail has no such file.", code="no_such_file")
        file, content = found
        return Fetched(content=content, mime=file.type, name=file.name)

    async def _get(self, gmail: Gmail, channel: Channel, message_id: str) -> Raw:
        key = (channel.id, message_id)
        task = self._mails.get(key)
        if task is None:
            task = self._mails[key] = asyncio.create_task(get_raw(gmail, channel, message_id))
        self._mails.move_to_end(key)
        try:
            # Whoever gives up waiting leaves the call to the others.
            raw = await asyncio.shield(task)
        except BaseException:
            if task.done():
                self._mails.pop(key, None)
            raise
        self._forget()
        return raw

    def _forget(self) -> None:
        """The oldest go, until few enough and small enough are left."""
        done = [key for key, task in self._mails.items() if task.done()]
        sizes = {key: self._size(key) for key in done}
        while len(sizes) > _KEPT or sum(sizes.values()) > _KEPT_BYTES:
            oldest = next(iter(sizes))
            del sizes[oldest], self._mails[oldest]

    def _size(self, key: tuple[str, str]) -> int:
        task = self._mails[key]
        failed = task.cancelled() or task.exception() is not None
        return 0 if failed else len(task.result().content)
