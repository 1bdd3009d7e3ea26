"""Mail through Gmail: pulled by its history, pushed only as a hint, sent by its API."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from connectors.gmail import account, explanation, history, oauth, push, sender, webhook
from connectors.gmail.client import Gmail as Client
from connectors.gmail.google import Google
from connectors.gmail.manifest import MANIFEST
from connectors.gmail.media import Mails
from connectors.http import Http
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
from inbox.domain.errors import MalformedPayload, Untrusted
from inbox.domain.gate import Permit
from inbox.domain.report import Media, Report


class Gmail:
    """The connector; what each method promises is said in `inbox.domain.channel`: `Connector`,
    `FetchesKeys`, `MakesReady`, `Pulls`, `SignsIn`, `SignsOut`.

    search_waits_s  before each look for a mail whose sending got no clear answer
    clock           seconds that only grow, by which Google's keys age
    """

    manifest: Manifest = MANIFEST
    pull_every_s: float = 60.0

    def __init__(
        self,
        http: Http,
        google: Google | None = None,
        *,
        search_waits_s: tuple[float, ...] = (0.5, 2.0),
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._google = google or Google()
        self._client = Client(http, self._google)
        self._post = sender.Post(self._client, search_waits_s)
        self._mails = Mails()
        self.keys = push.Keys(http, self._google.certs_url, clock)

    async def fetch_keys(self, request: WebhookRequest) -> None:
        key_id = push.key_id_of(request)
        if key_id is not None:
            await self.keys.fetch(key_id)

    def verify(self, request: WebhookRequest, channels: Sequence[Channel]) -> None:
        push.verify(self.keys, request, channels)

    def challenge(self, request: WebhookRequest, channel: Channel) -> str:
        raise Untrusted("Pub/Sub has no handshake")

    def parse(self, payload: Payload, received_at: datetime) -> list[Report]:
        return webhook.parse(payload, received_at)

    def explain(self, raw: bytes) -> dict[str, object]:
        if not raw.strip():
            raise MalformedPayload("it is empty")
        return explanation.explain(raw)

    def media_source(self, ref: str) -> dict[str, str]:
        message_id, _, number = ref.partition(" ")
        return {"mail": message_id, "file": number}

    async def make_ready(self, message: OutboundMessage) -> None:
        await self._post.make_ready(message)

    async def send(self, message: OutboundMessage, permit: Permit) -> Sent:
        return await sender.send(self._post, message, permit)

    async def fetch(self, media: Media, channel: Channel) -> Fetched:
        return await self._mails.fetch(self._client, media, channel)

    async def check(self, channel: Channel) -> str:
        return await account.check(self._client, channel)

    async def pull(self, channel: Channel, cursor: str | None, now: datetime) -> Pulled:
        return await history.pull(self._client, channel, cursor, now)

    def sign_in_url(
        self,
        given: Mapping[str, str],
        *,
        redirect_uri: str,
        state: str,
        code_challenge: str,
        hint: str = "",
    ) -> str:
        return oauth.sign_in_url(
            self._google,
            given,
            redirect_uri=redirect_uri,
            state=state,
            code_challenge=code_challenge,
            hint=hint,
        )

    async def sign_in(
        self, given: Mapping[str, str], *, redirect_uri: str, code: str, code_verifier: str
    ) -> dict[str, str]:
        return await account.sign_in(
            self._client, given, redirect_uri=redirect_uri, code=code, code_verifier=code_verifier
        )

    async def sign_out(self, channel: Channel) -> None:
        await account.sign_out(self._client, channel)
