"""Instagram's direct messages, through Instagram's own login or a linked Facebook page."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from connectors import meta
from connectors.http import Http
from connectors.instagram import account, sender, webhook
from connectors.instagram.errors import ROWS
from connectors.instagram.manifest import MANIFEST
from connectors.instagram.media import fetch as fetch_file
from connectors.messaging import listing, signals
from connectors.messaging.errors import table
from inbox.domain.abilities import OutboundReaction, Profile, Pulled, Renewed
from inbox.domain.channel import (
    Channel,
    Fetched,
    Manifest,
    OutboundMessage,
    Payload,
    Sent,
    WebhookRequest,
)
from inbox.domain.examination import Examination
from inbox.domain.gate import Permit
from inbox.domain.report import Media, Report


class Instagram:
    """The connector; what each method promises is said in `inbox.domain.channel.Connector`,
    in `KnowsPeople`, in `Pulls` and in `Renews`.

    graph_url      for accounts that are linked to a Facebook page
    instagram_url  for those that signed in with Instagram itself
    """

    manifest: Manifest = MANIFEST
    pull_every_s: float = listing.EVERY_S
    renew_within: timedelta = timedelta(days=30)

    def __init__(self, http: Http, graph_url: str, instagram_url: str) -> None:
        errors = table(MANIFEST.label, *ROWS)
        both, one = errors.by_both, errors.by_code
        self._graphs = account.Graphs(
            instagram=meta.Graph(http=http, url=instagram_url, judge=one, judge_both=both),
            facebook=meta.Graph(http=http, url=graph_url, judge=one, judge_both=both),
        )

    def verify(self, request: WebhookRequest, channels: Sequence[Channel]) -> None:
        webhook.verify(request, channels)

    def challenge(self, request: WebhookRequest, channel: Channel) -> str:
        return meta.challenge(request, channel)

    def parse(self, payload: Payload, received_at: datetime) -> list[Report]:
        return webhook.parse(payload, received_at)

    async def send(self, message: OutboundMessage, permit: Permit) -> Sent:
        return await sender.send(self._graphs, message, permit)

    async def react(self, reaction: OutboundReaction, permit: Permit) -> None:
        await signals.react(self._graphs.of(reaction.channel), "me/messages", reaction, permit)

    async def mark_read(self, channel: Channel, to: str, provider_id: str) -> None:
        await self._signal(channel, to, "mark_seen")

    async def show_typing(self, channel: Channel, to: str, provider_id: str) -> None:
        await self._signal(channel, to, "typing_on")

    async def _signal(self, channel: Channel, to: str, action: str) -> None:
        token = channel.setting("access_token")
        await signals.signal(self._graphs.of(channel), "me/messages", token, to, action)

    async def fetch(self, media: Media, channel: Channel) -> Fetched:
        return await fetch_file(self._graphs, media)

    async def check(self, channel: Channel) -> str:
        return await account.check(self._graphs, channel)

    async def examine(self, channel: Channel) -> Examination:
        return await account.examine(self._graphs, channel)

    async def profile(self, identity_key: str, channel: Channel) -> Profile | None:
        return await account.profile(self._graphs, identity_key, channel)

    def renew_before(self, channel: Channel) -> datetime | None:
        return account.renew_before(channel)

    async def renew(self, channel: Channel, now: datetime) -> Renewed | None:
        return await account.renew(self._graphs, channel, now)

    async def pull(self, channel: Channel, cursor: str | None, now: datetime) -> Pulled:
        lister = listing.Lister(
            graph=self._graphs.of(channel),
            node="me",
            platform="instagram",
            fields="id,created_time,from,to,message,attachments,shares,story,is_unsupported",
            own=() if cursor is None else await account.own_ids(self._graphs, channel),
        )
        return await listing.pull(lister, channel, cursor, now)
