"""Fetching: one that breaks, hangs or comes too late harms no other, and none goes on for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import datetime

from connectors.simulator.pictures import draw
from inbox.domain.channel import Channel, Connector, Fetched
from inbox.domain.report import Media
from inbox.files import MOST_TRIES, Fetching
from tests.office import NOW, Office, until, whatsapp, whatsapp_item


class Provider:
    """Hands out a picture; what it does for some references instead is given."""

    def __init__(self, connector: Connector, **instead: Callable[[], Awaitable[Fetched]]) -> None:
        self.manifest = connector.manifest
        self.parse = connector.parse
        self.asked: list[str] = []
        self._instead = instead

    async def fetch(self, media: Media, channel: Channel) -> Fetched:
        self.asked.append(media.ref)
        if media.ref in self._instead:
            return await self._instead[media.ref]()
        return Fetched(content=draw("kettle"), mime="image/png", name=None)


def stands_in(office: Office, **instead: Callable[[], Awaitable[Fetched]]) -> Provider:
    provider = Provider(office.connectors["whatsapp"], **instead)
    office.connectors["whatsapp"] = provider  # type: ignore[assignment]  # it never sends
    return provider


def announced(media_id: str, at: datetime = NOW, phone: int = 101) -> bytes:
    """A customer's picture that is still to be fetched."""
    item = whatsapp_item(
        "", id_=f"wamid.{media_id}", at=at, phone=f"1555{phone:04}", bsuid=f"US.{phone}"
    )
    del item["text"]
    image = {"id": media_id, "mime_type": "image/png", "sha256": "a" * 64}
    return whatsapp({**item, "type": "image", "image": image})


@asynccontextmanager
async def fetching(office: Office) -> AsyncIterator[Fetching]:
    at_work = office.a_fetching()
    await at_work.start()
    yield at_work
    await at_work.close()


async def states(office: Office) -> list[str]:
    return [one.attachments[0].state for one in await office.thread()]


async def test_a_fetch_that_breaks_or_hangs_stops_no_other(office: Office) -> None:
    async def breaks() -> Fetched:
        raise RuntimeError("a defect")

    async def hangs() -> Fetched:
        await asyncio.Event().wait()
        raise AssertionError

    provider = stands_in(office, breaks=breaks, hangs=hangs)
    names = ["hangs", *(f"good{number}" for number in range(6)), "breaks"]
    await office.takes("whatsapp", *(announced(name) for name in names))
    async with fetching(office):

        async def brought() -> bool:
            return await states(office) == ["pending", *["ready"] * 6, "pending"]

        assert await until(brought)

        async def tried() -> bool:
            return len(provider.asked) == len(names)

        assert await until(tried)
    assert sorted(provider.asked) == sorted(names)
    assert await office.stores.database["fetches"].distinct("attempts") == [1]


async def test_a_fetch_that_broke_at_every_try_is_given_up(office: Office) -> None:
    provider = stands_in(office)
    await office.takes("whatsapp", announced("one"))
    fetches = office.stores.database["fetches"]
    await fetches.update_one({}, {"$set": {"attempts": MOST_TRIES}})
    async with fetching(office):

        async def over() -> bool:
            return await fetches.count_documents({}) == 0

        assert await until(over)
    (message,) = await office.thread()
    assert (message.attachments[0].state, provider.asked) == ("failed", [])


def taken_back(media_id: str) -> bytes:
    item = whatsapp_item("", id_="wamid.back")
    del item["text"]
    revoke = {"original_message_id": f"wamid.{media_id}"}
    return whatsapp({**item, "type": "revoke", "revoke": revoke})


async def test_a_picture_that_is_taken_back_while_it_is_fetched_is_not_kept(office: Office) -> None:
    async def late() -> Fetched:
        """The unsending comes in between."""
        await office.takes("whatsapp", taken_back("late"))
        return Fetched(content=draw("kettle"), mime="image/png")

    provider = stands_in(office, late=late)
    await office.takes("whatsapp", announced("late"))
    (before,) = await office.thread()
    async with fetching(office) as worker:

        async def over() -> bool:
            (now,) = await office.thread()
            return now.deleted_at is not None and provider.asked == ["late"] and not worker.busy

        assert await until(over)
    (message,) = await office.thread()
    assert message.attachments == ()
    assert await office.stores.files.content(before.attachments[0].id) is None
    assert "message.attachment_ready" not in office.events
