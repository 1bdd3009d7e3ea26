"""Believes Meta's calls about Facebook pages, and says what they report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from connectors import meta
from connectors.messaging import listed, webhook
from connectors.messaging.listing import PULLED
from connectors.messenger.manifest import MANIFEST
from inbox.domain.channel import Channel, Payload, WebhookRequest
from inbox.domain.report import Report


def _handle(psid: str) -> str:
    """A page-scoped id says nothing to people; its end tells two of them apart."""
    return f"Messenger user …{psid[-4:]}"


_DIALECT = webhook.Dialect(object="page", handle=_handle)


def verify(request: WebhookRequest, channels: Sequence[Channel]) -> None:
    """Believe the call or raise `Untrusted`."""
    meta.verify(request, channels, MANIFEST.signing_field)


def parse(payload: Payload, received_at: datetime) -> list[Report]:
    """Say what one webhook body reports, or a page that was listed; the rules are those of
    `messaging.webhook.parse` and `messaging.listed.parse`."""
    if payload.method == PULLED:
        return listed.parse(payload, received_at, _DIALECT)
    return webhook.parse(payload, received_at, _DIALECT)
