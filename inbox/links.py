"""Addresses of ours that providers call: signed where they give something away."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from inbox.domain.channel import Channel
from inbox.domain.ids import AttachmentId, MessageId, WorkspaceId
from inbox.keyring import Keyring

GOOD_FOR = timedelta(hours=1)


class Links:
    def __init__(self, public_url: str, keyring: Keyring) -> None:
        self._public_url = public_url
        self._keyring = keyring

    def webhook(self, channel: Channel) -> str:
        return f"{self._public_url}/webhooks/{channel.kind}/{channel.id}"

    def status(self, channel: Channel, message_id: MessageId) -> str:
        """Where a provider reports on one message: the webhook, with our id, so that a status can
        be told apart even when the answer to the send never came."""
        return f"{self.webhook(channel)}?message={message_id}"

    def file(self, workspace_id: WorkspaceId, attachment_id: AttachmentId) -> str:
        """A link to one file for a provider that fetches, good for an hour."""
        expires = int((datetime.now(UTC) + GOOD_FOR).timestamp())
        value = f"{workspace_id}.{attachment_id}.{expires}"
        return f"{self._public_url}/files/{value}.{self._keyring.sign(value)}"

    def opened(self, token: str, now: datetime) -> tuple[WorkspaceId, AttachmentId] | None:
        """What a file link gives access to; None when it is forged or over."""
        value, _, signature = token.rpartition(".")
        if not self._keyring.signed(value, signature):
            return None
        workspace_id, attachment_id, expires = value.split(".")
        if now.timestamp() > int(expires):
            return None
        return WorkspaceId(workspace_id), AttachmentId(attachment_id)
