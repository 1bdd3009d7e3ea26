"""When this server was last alive, and the times in which nobody was there to hear a webhook."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from inbox.domain.channel import IN_USE, Channel
from inbox.domain.ids import ChannelId, WorkspaceId
from inbox.store.database import Database, Document, reachable

_KEPT = timedelta(days=90)
_ALIVE = "alive"
_MOST_CHANNELS = 5000
# Of a workspace, the newest first.
_SHOWN = 200


@dataclass(frozen=True, kw_only=True, slots=True)
class Gap:
    """From when to when something of a channel may be missing: its webhooks found nobody, or the
    provider does not give what came then (`not_given`)."""

    since: datetime
    until: datetime
    not_given: bool = False


class GapStore:
    def __init__(self, database: Database) -> None:
        self._meta = database["meta"]
        self._channels = database["channels"]
        self._gaps = database["gaps"]

    async def last_alive(self) -> datetime | None:
        """None: never before."""
        async with reachable():
            doc = await self._meta.find_one({"_id": _ALIVE})
        if doc is None:
            return None
        at: datetime = doc["at"]
        return at

    async def beat(self, now: datetime) -> None:
        """A server is alive; of several, the latest word holds."""
        async with reachable():
            await self._meta.update_one({"_id": _ALIVE}, {"$max": {"at": now}}, upsert=True)

    async def record(self, gap: Gap, kinds: Collection[str]) -> None:
        """The gap of every channel of these kinds that was connected before it; told twice, it is
        there once."""
        async with reachable():  # index: account
            channels = await self._channels.find(
                {"kind": {"$in": sorted(kinds)}},
                projection={"workspace_id": 1, "created_at": 1, "state": 1},
            ).to_list(_MOST_CHANNELS)
        for channel in channels:
            if channel["created_at"] >= gap.until or channel["state"] not in IN_USE:
                continue
            since = max(gap.since, channel["created_at"])
            shortened = Gap(since=since, until=gap.until)
            await self._record(channel["workspace_id"], channel["_id"], shortened)

    async def record_of(self, channel: Channel, gap: Gap) -> None:
        """A gap of this channel alone; told twice, it is there once."""
        await self._record(channel.workspace_id, channel.id, gap)

    async def _record(self, workspace_id: str, channel_id: str, gap: Gap) -> None:
        async with reachable():
            await self._gaps.update_one(
                {"_id": f"{channel_id}:{int(gap.since.timestamp() * 1000)}"},
                {
                    "$setOnInsert": {
                        "workspace_id": workspace_id,
                        "channel_id": channel_id,
                        "since": gap.since,
                        "until": gap.until,
                        "not_given": gap.not_given,
                        "expires_at": gap.until + _KEPT,
                    }
                },
                upsert=True,
            )

    async def of_workspace(self, workspace_id: WorkspaceId) -> Mapping[ChannelId, Sequence[Gap]]:
        """By channel, oldest first."""
        async with reachable():  # index: workspace
            docs = (
                await self._gaps.find({"workspace_id": workspace_id})
                .sort([("since", -1)])
                .to_list(_SHOWN)
            )
        found: dict[ChannelId, list[Gap]] = defaultdict(list)
        for doc in reversed(docs):
            found[doc["channel_id"]].append(_gap(doc))
        return found


def _gap(doc: Document) -> Gap:
    return Gap(since=doc["since"], until=doc["until"], not_given=doc.get("not_given", False))
