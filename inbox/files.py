"""Files: what may come in, how pictures are made safe, and bringing them from providers.

A picture is decoded and encoded anew, which drops whatever else the file carried; everything else
is kept as it came and only ever offered as a download.
"""

from __future__ import annotations

import asyncio
import io
import random
import re
import time
import unicodedata
import warnings
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta

import puremagic
from PIL import Image, ImageOps, UnidentifiedImageError

from inbox import events, log
from inbox.directory import Directory
from inbox.domain.channel import Connector
from inbox.domain.errors import AccountTrouble, Invalid, Permanent, StoreUnavailable, Temporary
from inbox.domain.ids import AttachmentId, ChannelId
from inbox.domain.message import Attachment, AttachmentKind
from inbox.hub import Hub
from inbox.ids import new_id
from inbox.store.files import Fetch
from inbox.stores import Stores

MOST_BYTES = 25 * 1024 * 1024
MOST_PIXELS = 40_000_000
# Of all frames of an animation together: a small file can hold thousands of large ones.
MOST_ANIMATED_PIXELS = 100_000_000
MOST_TRIES = 6
AT_ONCE = 4
LONGEST_S = 120.0
# Longer than the longest fetch and its decoding: else two workers would store one file at once.
LEASE = timedelta(seconds=150)
SWEEP_EVERY_S = 3600.0
_FORMATS = {"JPEG": "image/jpeg", "PNG": "image/png", "GIF": "image/gif", "WEBP": "image/webp"}
# Downloads whose type a browser might act on are served as plain bytes.
_HARMLESS = {
    "application/pdf": "document",
    "text/plain": "document",
    "text/csv": "document",
    "text/vcard": "document",
    "video/mp4": "video",
    "video/3gpp": "video",
    "audio/mpeg": "audio",
    "audio/mp4": "audio",
    "audio/aac": "audio",
    "audio/amr": "audio",
    "audio/ogg": "audio",
    "audio/wav": "audio",
    "video/ogg": "video",
    "video/webm": "video",
    "video/quicktime": "video",
}
# Known by their sender's word and a container that fits; a container alone may hold anything.
_OFFICE = {
    "application/msword": b"\xd0\xcf\x11\xe0",
    "application/vnd.ms-excel": b"\xd0\xcf\x11\xe0",
    "application/vnd.ms-powerpoint": b"\xd0\xcf\x11\xe0",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document": b"PK\x03\x04",
    "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet": b"PK\x03\x04",
    "application/vnd.openxmlformats-officedocument.presentationml.presentation": b"PK\x03\x04",
}
_NOT_HANDED_OUT = "The provider did not hand the file out."
_log = log.get("files")


@dataclass(frozen=True, kw_only=True, slots=True)
class Safe:
    """A file as we keep it. `width` and `height` for pictures only."""

    content: bytes
    kind: AttachmentKind
    mime: str
    width: int | None = None
    height: int | None = None

    def attachment(self, name: str | None = None) -> Attachment:
        """It as an attachment of its own, with a new id."""
        return Attachment(
            id=AttachmentId(new_id("att")),
            kind=self.kind,
            state="ready",
            mime=self.mime,
            name=name,
            size_bytes=len(self.content),
            width=self.width,
            height=self.height,
        )


def clean_name(name: str | None) -> str | None:
    """A file name for showing and downloading: no path, no control or direction characters."""
    if not name:
        return None
    name = unicodedata.normalize("NFC", name).replace("\\", "/").rsplit("/", 1)[-1]
    kept = "".join(c for c in name if unicodedata.category(c) not in ("Cc", "Cf", "Cs", "Co"))
    return re.sub(r"\s+", " ", kept).strip(" .")[:120] or None


def make_safe(content: bytes, claimed_mime: str | None) -> Safe:
    """Decide by content what a file is. CPU-bound: run it in a thread.

    raises   Invalid: empty, too large, or a picture that cannot be read
    """
    if not content:
        raise Invalid("The file is empty.", code="empty_file")
    if len(content) > MOST_BYTES:
        raise Invalid("The file is larger than 25 MB.", code="file_too_large")
    picture = _picture(content)
    if picture is not None:
        return picture
    claimed = (claimed_mime or "").split(";")[0].strip().lower()
    if claimed.startswith("image/") and claimed != "image/svg+xml":
        raise Invalid("The picture cannot be read.", code="unreadable_image")
    found = _by_content(content)
    if claimed in _HARMLESS and (found is None or found.split("/")[0] == claimed.split("/")[0]):
        return Safe(content=content, kind=_kind(claimed), mime=claimed)
    if claimed in _OFFICE and content.startswith(_OFFICE[claimed]):
        return Safe(content=content, kind="document", mime=claimed)
    if found in _HARMLESS:
        return Safe(content=content, kind=_kind(found), mime=found)
    return Safe(content=content, kind="document", mime="application/octet-stream")


def _kind(mime: str) -> AttachmentKind:
    kinds: dict[str, AttachmentKind] = {"video": "video", "audio": "audio"}
    return kinds.get(_HARMLESS[mime], "document")


def _by_content(content: bytes) -> str | None:
    try:
        found: str = puremagic.from_string(content[:4096], mime=True)
    except (puremagic.PureError, ValueError):
        return None
    return found or None


def _picture(content: bytes) -> Safe | None:
    """Encode anew what is a picture; None when it is not one.

    raises   Invalid: whatever Pillow says of it. Its decoders raise IndexError, struct.error,
             RuntimeError and more on crafted files, and of none is there a list: here alone every
             exception is about the file, for nothing but the file is at work.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("error", Image.DecompressionBombWarning)
            with Image.open(io.BytesIO(content)) as image:
                if image.format not in _FORMATS:
                    return None
                width, height = image.size
                most = MOST_ANIMATED_PIXELS if _frames(image) > 1 else MOST_PIXELS
                if width * height > MOST_PIXELS or width * height * _frames(image) > most:
                    raise Invalid("The picture has too many pixels.", code="image_too_large")
                return _encoded(image)
    except UnidentifiedImageError:
        return None
    except Invalid:
        raise
    except Image.DecompressionBombError as error:
        raise Invalid("The picture has too many pixels.", code="image_too_large") from error
    except Exception as error:  # a decoder's, of any kind: see above
        raise Invalid("The picture cannot be read.", code="unreadable_image") from error


def _frames(image: Image.Image) -> int:
    """Those that are kept: of the formats that can move, and are told from their headers."""
    return getattr(image, "n_frames", 1) if image.format in ("GIF", "WEBP") else 1


def _encoded(image: Image.Image) -> Safe:
    """The same picture upright and without metadata; animations keep their frames."""
    out = io.BytesIO()
    format_ = image.format or "PNG"
    width, height = image.size
    if _frames(image) > 1:
        # Given empty, since what the file itself says would be taken over.
        image.save(out, format_, save_all=True, comment=b"", icc_profile=b"")
    else:
        upright = ImageOps.exif_transpose(image)
        upright.info = {}
        width, height = upright.size
        if format_ == "JPEG":
            upright.convert("RGB").save(out, "JPEG", quality=90)
        else:
            upright.save(out, format_)
    return Safe(
        content=out.getvalue(), kind="image", mime=_FORMATS[format_], width=width, height=height
    )


class Fetching:
    """Brings files that providers announced: soon, again when it fails, and never for ever. And
    takes away the uploads of agents that were never sent."""

    def __init__(
        self,
        stores: Stores,
        hub: Hub,
        connectors: Mapping[str, Connector],
        directory: Directory,
        *,
        first_wait_s: float = 2.0,
    ) -> None:
        """first_wait_s   after a first failure; it doubles with each"""
        self._stores = stores
        self._hub = hub
        self._connectors = connectors
        self._directory = directory
        self._first_wait_s = first_wait_s
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None
        self._running: set[asyncio.Task[None]] = set()
        self._sweep_at = 0.0

    async def start(self) -> None:
        self._task = asyncio.create_task(self._work_forever(), name="fetching")

    async def close(self) -> None:
        tasks = [*self._running, *([] if self._task is None else [self._task])]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    @property
    def busy(self) -> bool:
        """Whether a file is being brought now."""
        return bool(self._running)

    def wake(self) -> None:
        self._wake.set()

    async def _work_forever(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._take_due()
                await self._sweep()
            except StoreUnavailable:
                pass
            except Exception:  # the worker's top
                _log.exception("fetching failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(random.uniform(0.8, 1.2)):
                    await self._wake.wait()

    async def _take_due(self) -> None:
        """Start what is due, each as a task of its own: one that hangs or fails stops no other."""
        room = AT_ONCE - len(self._running)
        if room <= 0:
            return
        now = datetime.now(UTC)
        for fetch in await self._stores.files.claim_fetches(now, now + LEASE, limit=room):
            task = asyncio.create_task(self._bring_one(fetch), name="fetch")
            self._running.add(task)
            task.add_done_callback(self._ended)

    async def _sweep(self) -> None:
        """Once an hour, and a batch a turn until all are gone: uploads that were never sent."""
        if time.monotonic() < self._sweep_at:
            return
        if await self._stores.files.remove_unsent(datetime.now(UTC)) == 0:
            self._sweep_at = time.monotonic() + SWEEP_EVERY_S

    def _ended(self, task: asyncio.Task[None]) -> None:
        self._running.discard(task)
        self.wake()  # there is room for another one

    async def _bring_one(self, fetch: Fetch) -> None:
        try:
            if fetch.attempts > MOST_TRIES:
                await self._settle(fetch, reason=_NOT_HANDED_OUT)
            else:
                await self._bring(fetch)
        except StoreUnavailable:
            pass  # its lease ends, and then it is tried again
        except Exception:  # the task's top; the claim has counted this try
            _log.exception("a fetch failed")

    async def _bring(self, fetch: Fetch) -> None:
        channel = await self._directory.find(ChannelId(fetch.channel_id))
        if channel is None or not channel.in_use:
            await self._settle(fetch, reason="The channel is no longer connected.")
            return
        try:
            async with asyncio.timeout(LONGEST_S):
                fetched = await self._connectors[channel.kind].fetch(fetch.media, channel)
            mime = fetched.mime or fetch.media.mime
            safe = await asyncio.to_thread(make_safe, fetched.content, mime)
        except Invalid as error:
            await self._settle(fetch, reason=str(error))
        except (Temporary, AccountTrouble, TimeoutError) as error:
            await self._again(fetch, error)
        except Permanent as error:
            await self._settle(fetch, reason=str(error))
        else:
            await self._keep(fetch, safe, clean_name(fetched.name or fetch.media.name))

    async def _again(self, fetch: Fetch, error: Temporary | AccountTrouble | TimeoutError) -> None:
        if fetch.attempts >= MOST_TRIES:
            await self._settle(fetch, reason=_NOT_HANDED_OUT)
            return
        wait_s = getattr(error, "retry_after_s", None)
        wait_s = wait_s or self._first_wait_s * 2.0 ** (fetch.attempts - 1)
        next_at = datetime.now(UTC) + timedelta(seconds=wait_s)
        await self._stores.files.put_off_fetch(fetch.attachment.id, next_at)

    async def _keep(self, fetch: Fetch, safe: Safe, name: str | None) -> None:
        ready = replace(
            fetch.attachment,
            kind=safe.kind if fetch.attachment.kind != "sticker" else "sticker",
            state="ready",
            mime=safe.mime,
            name=name,
            size_bytes=len(safe.content),
            width=safe.width,
            height=safe.height,
        )
        await self._stores.files.put(
            fetch.workspace_id,
            ready,
            safe.content,
            conversation_id=fetch.conversation_id,
            now=datetime.now(UTC),
        )
        await self._finish(fetch, ready)

    async def _settle(self, fetch: Fetch, reason: str) -> None:
        await self._finish(fetch, replace(fetch.attachment, state="failed", reason=reason))

    async def _finish(self, fetch: Fetch, attachment: Attachment) -> None:
        message = await self._stores.messages.find(fetch.workspace_id, fetch.message_id)
        settled = None
        if message is not None:
            settled = await self._stores.messages.settle_attachment(message, attachment)
        if settled is None:
            # Taken back while it was fetched: who did that may have looked for files before ours
            # was stored.
            await self._stores.files.remove(attachment.id)
            return
        await self._hub.publish([events.attachment_ready(settled, attachment)])
        await self._stores.files.end_fetch(AttachmentId(fetch.attachment.id))
