"""SMS and MMS through Twilio."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from connectors.http import Http
from connectors.sms import account, listing, sender, webhook
from connectors.sms.client import Twilio
from connectors.sms.manifest import MANIFEST
from connectors.sms.media import fetch as fetch_file
from connectors.sms.media import media_source
from connectors.sms.sample import read_sample
from inbox.domain.abilities import Pulled
from inbox.domain.channel import (
    Channel,
    Fetched,
    Manifest,
    OutboundMessage,
    Payload,
    Sent,
    WebhookRequest,
)
from inbox.domain.errors import Untrusted
from inbox.domain.examination import Examination
from inbox.domain.gate import Permit
from inbox.domain.report import Media, Report


class Sms:
    """The connector; what each method promises is said in `inbox.domain.channel.Connector`,
    and in `Pulls`.

    fetch_waits_s  before each new try at a file that is not there yet
    """

    manifest: Manifest = MANIFEST
    pull_every_s: float = listing.EVERY_S

    def __init__(
        self, http: Http, twilio_url: str, *, fetch_waits_s: tuple[float, ...] = (1.0, 3.0)
    ) -> None:
        self._twilio = Twilio(http=http, url=twilio_url)
        self._fetch_waits_s = fetch_waits_s

    def verify(self, request: WebhookRequest, channels: Sequence[Channel]) -> None:
        webhook.verify(request, channels)

    def challenge(self, request: WebhookRequest, channel: Channel) -> str:
        raise Untrusted("Twilio has no handshake")

    def parse(self, payload: Payload, received_at: datetime) -> list[Report]:
        return webhook.parse(payload, received_at)

    def sample(self, raw: bytes) -> Payload:
        return read_sample(raw)

    def media_source(self, ref: str) -> dict[str, str]:
        return media_source(ref)

    async def send(self, message: OutboundMessage, permit: Permit) -> Sent:
        return await sender.send(self._twilio, message, permit)

    async def fetch(self, media: Media, channel: Channel) -> Fetched:
        return await fetch_file(self._twilio, media, channel, self._fetch_waits_s)

    async def check(self, channel: Channel) -> str:
        return await account.check(self._twilio, channel)

    async def pull(self, channel: Channel, cursor: str | None, now: datetime) -> Pulled:
        return await listing.pull(self._twilio, channel, cursor, now)

    async def examine(self, channel: Channel) -> Examination:
        return await account.examine(self._twilio, channel)
