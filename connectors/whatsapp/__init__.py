"""WhatsApp through Meta's Cloud API."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from connectors import meta
from connectors.http import Http
from connectors.whatsapp import account, sender, signals, templates, webhook
from connectors.whatsapp.errors import judge
from connectors.whatsapp.manifest import MANIFEST
from connectors.whatsapp.media import fetch as fetch_file
from connectors.whatsapp.media import media_source
from inbox.domain.abilities import OutboundReaction
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
from inbox.domain.template import Template


class WhatsApp:
    """The connector; what each method promises is said in `inbox.domain.channel.Connector`."""

    manifest: Manifest = MANIFEST

    def __init__(self, http: Http, graph_url: str) -> None:
        self._graph = meta.Graph(http=http, url=graph_url, judge=judge)

    def verify(self, request: WebhookRequest, channels: Sequence[Channel]) -> None:
        webhook.verify(request, channels)

    def challenge(self, request: WebhookRequest, channel: Channel) -> str:
        return meta.challenge(request, channel)

    def parse(self, payload: Payload, received_at: datetime) -> list[Report]:
        return webhook.parse(payload, received_at)

    def media_source(self, ref: str) -> dict[str, str]:
        return media_source(ref)

    async def upload(self, message: OutboundMessage) -> OutboundMessage:
        return await sender.upload(self._graph, message)

    async def send(self, message: OutboundMessage, permit: Permit) -> Sent:
        return await sender.send(self._graph, message, permit)

    async def react(self, reaction: OutboundReaction, permit: Permit) -> None:
        await signals.react(self._graph, reaction, permit)

    async def mark_read(self, channel: Channel, to: str, provider_id: str) -> None:
        await signals.mark_read(self._graph, channel, provider_id)

    async def show_typing(self, channel: Channel, to: str, provider_id: str) -> None:
        await signals.show_typing(self._graph, channel, provider_id)

    async def templates(self, channel: Channel) -> list[Template]:
        return await templates.fetch(self._graph, channel)

    async def fetch(self, media: Media, channel: Channel) -> Fetched:
        return await fetch_file(self._graph, media, channel)

    async def check(self, channel: Channel) -> str:
        return await account.check(self._graph, channel)

    async def examine(self, channel: Channel) -> Examination:
        return await account.examine(self._graph, channel)
