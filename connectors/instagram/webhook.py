"""Believes Meta's calls about Instagram accounts, and says what they report."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from connectors import meta
from connectors.instagram.manifest import MANIFEST
from connectors.messaging import listed, webhook
from connectors.messaging.listing import PULLED
from inbox.domain.channel import Channel, Payload, WebhookRequest
from inbox.domain.report import Report


def _handle(igsid: str) -> str:
    """Messages carry no user name, and an id says nothing to people; its end tells two apart."""
    return f"Instagram user …{igsid[-4:]}"


_DIALECT = webhook.Dialect(object="instagram", handle=_handle)


def verify(request: WebhookRequest, channels: Sequence[Channel]) -> None:
    """Believe the call or raise `Untrusted`. Which of its secrets Meta signs with, the app's or the
    Instagram app's, follows from how the account was connected: the field may hold both."""
    meta.verify(request, channels, MANIFEST.signing_field)


def parse(payload: Payload, received_at: datetime) -> list[Report]:
    """Say what one webhook body reports, or a page that was listed; the rules are those of
    `messaging.webhook.parse` and `messaging.listed.parse`."""
    if payload.method == PULLED:
        return listed.parse(payload, received_at, _DIALECT)
    return webhook.parse(payload, received_at, _DIALECT)
