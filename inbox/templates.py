"""Message templates kept as the provider has them: fetched at the start, every hour and on demand,
and changed at once when the provider reports a change.

What a template says and what fills it is in `inbox.domain.template`.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime

from inbox import events, log
from inbox.domain.abilities import HasTemplates
from inbox.domain.channel import Channel, Connector
from inbox.domain.errors import AssentError, StoreUnavailable, Temporary
from inbox.domain.report import TemplateChanged
from inbox.domain.template import Template
from inbox.hub import Hub
from inbox.stores import Stores

EVERY_S = 3600.0
_AGAIN_S = 60.0
_log = log.get("templates")


class Templates:
    """`every_s`: how often all are fetched; after a failure, and for new channels, every minute."""

    def __init__(
        self,
        stores: Stores,
        hub: Hub,
        connectors: Mapping[str, Connector],
        every_s: float = EVERY_S,
    ) -> None:
        self._stores = stores
        self._hub = hub
        self._connectors = connectors
        self._every_s = every_s
        self._fetched: dict[str, datetime] = {}
        self._asked: dict[str, float] = {}
        self._failing: set[str] = set()
        self._wake = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        self._task = asyncio.create_task(self._fetch_forever(), name="templates")

    async def close(self) -> None:
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
            self._task = None

    def doubt(self, channel: Channel) -> None:
        """Something of this channel's templates is not known here: fetch them soon."""
        self._fetched.pop(channel.id, None)
        self._wake.set()

    async def ask(self, channel: Channel) -> None:
        """Fetch because somebody asks, at most once a minute for each channel: what is stored is
        hardly older. Raises as `refresh`."""
        now = time.monotonic()
        last = self._asked.get(channel.id)
        if last is None or now - last >= _AGAIN_S:
            self._asked[channel.id] = now
            await self.refresh(channel)

    async def refresh(self, channel: Channel) -> None:
        """Fetch a channel's templates now; does nothing for kinds that have none.

        raises   Temporary, Permanent, AccountTrouble, StoreUnavailable
        """
        connector = self._connectors.get(channel.kind)
        if not isinstance(connector, HasTemplates):
            return
        asked_at = datetime.now(UTC)
        before = await self._stores.templates.of_channel(channel.workspace_id, channel.id)
        found = await connector.templates(channel)
        await self._stores.templates.replace(channel, found, asked_at)
        self._fetched[channel.id] = asked_at
        await self._tell(channel, before)

    async def _tell(self, channel: Channel, before: list[Template]) -> None:
        """Screens that show the list, or a closed window, learn what is different now."""
        known = {(one.name, one.language): one for one in before}
        after = await self._stores.templates.of_channel(channel.workspace_id, channel.id)
        different = [one for one in after if known.get((one.name, one.language)) != one]
        left = {(one.name, one.language) for one in after}
        gone = [one for key, one in known.items() if key not in left]
        if different or gone:
            # One is enough to have the list fetched again; the first listing is no news of each.
            await self._hub.publish([events.template_changed(channel, (different or gone)[0])])

    async def _fetch_forever(self) -> None:
        while True:
            self._wake.clear()
            try:
                await self._fetch_due()
            except StoreUnavailable:
                pass
            except Exception:  # the worker's top
                _log.exception("fetching templates failed")
            with suppress(TimeoutError):
                async with asyncio.timeout(min(_AGAIN_S, self._every_s)):
                    await self._wake.wait()

    async def _fetch_due(self) -> None:
        kinds = [kind for kind, one in self._connectors.items() if isinstance(one, HasTemplates)]
        for channel in await self._stores.channels.of_kinds(kinds):
            last = self._fetched.get(channel.id)
            age_s = None if last is None else (datetime.now(UTC) - last).total_seconds()
            if age_s is not None and age_s < self._every_s:
                continue
            try:
                await self.refresh(channel)
            except StoreUnavailable:
                raise
            except AssentError as error:
                self._note(channel, error)
            else:
                self._failing.discard(channel.id)

    def _note(self, channel: Channel, error: AssentError) -> None:
        """Tried again in a minute where that can help; said once, until it works again."""
        if not isinstance(error, Temporary):
            self._fetched[channel.id] = datetime.now(UTC)
        if channel.id not in self._failing:
            _log.warning("templates not fetched", channel=channel.id, code=error.code)
        self._failing.add(channel.id)


async def take_change(
    stores: Stores, hub: Hub, report: TemplateChanged, channel: Channel, now: datetime
) -> bool:
    """Change what the provider reports of a template, on every channel of that business account.
    False when one of them does not have it, so that its templates should be fetched."""
    known = True
    for one in await stores.channels.of_workspace(channel.workspace_id):
        if one.kind != channel.kind or report.account not in (one.account, *one.config.values()):
            continue
        changed = await stores.templates.change(one, report, now)
        if changed:
            await hub.publish([events.template_changed(one, template) for template in changed])
        elif not await _has(stores, one, report):
            known = False
    return known


async def _has(stores: Stores, channel: Channel, report: TemplateChanged) -> bool:
    found = await stores.templates.of_channel(channel.workspace_id, channel.id)
    return any(one.name == report.name and report.language in (None, one.language) for one in found)
