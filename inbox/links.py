"""Addresses of ours that providers call: signed where they give something away."""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from datetime import UTC, datetime, timedelta

from inbox.domain.channel import Channel
from inbox.domain.contact import Identity
from inbox.domain.ids import AttachmentId, ConversationId, IdentityId, MessageId, WorkspaceId
from inbox.keyring import Keyring, KeyringError

GOOD_FOR = timedelta(hours=1)
_UNSUBSCRIBE = "link:unsubscribe"


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

    def unsubscribe(self, identity: Identity, conversation_id: ConversationId) -> str:
        """Where this person ends promotions on this kind with one click, and without being asked
        who they are. It does not run out: a mail may be read years later."""
        value = f"{identity.workspace_id}.{identity.id}.{conversation_id}"
        sealed = self._keyring.seal_text(value, _UNSUBSCRIBE)
        return f"{self._public_url}/u/{urlsafe_b64encode(sealed).decode().rstrip('=')}"

    def unsubscribing(self, token: str) -> tuple[WorkspaceId, IdentityId, ConversationId] | None:
        """Whom a token of `unsubscribe` is of; None when it is forged."""
        try:
            sealed = urlsafe_b64decode(token + "=" * (-len(token) % 4))
            value = self._keyring.open_text(sealed, _UNSUBSCRIBE)
        except (ValueError, IndexError, KeyringError):
            return None
        workspace_id, identity_id, conversation_id = value.split(".")
        return WorkspaceId(workspace_id), IdentityId(identity_id), ConversationId(conversation_id)

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
