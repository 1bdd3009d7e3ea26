"""Facebook Messenger through Meta's Messenger Platform."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from connectors import meta
from connectors.http import Http
from connectors.messaging import listing, signals
from connectors.messaging.errors import table
from connectors.messenger import account, sender, webhook
from connectors.messenger.manifest import MANIFEST
from connectors.messenger.media import fetch as fetch_file
from inbox.domain.abilities import OutboundReaction, Profile, Pulled
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


class Messenger:
    """The connector; what each method promises is said in `inbox.domain.channel.Connector`,
    in `KnowsPeople`, in `Uploads` and in `Pulls`."""

    manifest: Manifest = MANIFEST
    pull_every_s: float = listing.EVERY_S

    def __init__(self, http: Http, graph_url: str) -> None:
        errors = table(MANIFEST.label)
        self._graph = meta.Graph(
            http=http, url=graph_url, judge=errors.by_code, judge_both=errors.by_both
        )

    def verify(self, request: WebhookRequest, channels: Sequence[Channel]) -> None:
        webhook.verify(request, channels)

    def challenge(self, request: WebhookRequest, channel: Channel) -> str:
        return meta.challenge(request, channel)

    def parse(self, payload: Payload, received_at: datetime) -> list[Report]:
        return webhook.parse(payload, received_at)

    async def upload(self, message: OutboundMessage) -> OutboundMessage:
        return await sender.upload(self._graph, message)

    async def send(self, message: OutboundMessage, permit: Permit) -> Sent:
        return await sender.send(self._graph, message, permit)

    async def react(self, reaction: OutboundReaction, permit: Permit) -> None:
        await signals.react(self._graph, sender.messages(reaction.channel), reaction, permit)

    async def mark_read(self, channel: Channel, to: str, provider_id: str) -> None:
        await self._signal(channel, to, "mark_seen")

    async def show_typing(self, channel: Channel, to: str, provider_id: str) -> None:
        await self._signal(channel, to, "typing_on")

    async def _signal(self, channel: Channel, to: str, action: str) -> None:
        token = channel.setting("access_token")
        await signals.signal(self._graph, sender.messages(channel), token, to, action)

    async def fetch(self, media: Media, channel: Channel) -> Fetched:
        return await fetch_file(self._graph, media)

    async def check(self, channel: Channel) -> str:
        return await account.check(self._graph, channel)

    async def examine(self, channel: Channel) -> Examination:
        return await account.examine(self._graph, channel)

    async def profile(self, identity_key: str, channel: Channel) -> Profile | None:
        return await account.profile(self._graph, identity_key, channel)

    async def pull(self, channel: Channel, cursor: str | None, now: datetime) -> Pulled:
        lister = listing.Lister(
            graph=self._graph,
            node=channel.setting("page_id"),
            platform="messenger",
            fields="id,created_time,from,to,message,attachments,shares,sticker",
        )
        return await listing.pull(lister, channel, cursor, now)
