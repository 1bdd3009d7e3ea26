"""Messages as documents: which parts are sealed, and how both forms turn into each other."""

from __future__ import annotations

import json
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from inbox.domain.ids import (
    AttachmentId,
    ChannelId,
    ConversationId,
    MessageId,
    WorkspaceId,
)
from inbox.domain.message import (
    Attachment,
    Author,
    Delivery,
    Direction,
    Failure,
    Message,
    Reaction,
    Status,
)
from inbox.keyring import Keyring
from inbox.store.database import Document


def provider_key(channel_id: str, provider_id: str) -> str:
    return f"p:{channel_id}:{provider_id}"


def client_key(conversation_id: str, client_id: str) -> str:
    return f"c:{conversation_id}:{client_id}"


class MessageDocuments:
    def __init__(self, keyring: Keyring) -> None:
        self._keyring = keyring

    def to_document(self, message: Message, provider_at: datetime | None) -> Document:
        keys: list[str] = []
        if message.provider_id is not None:
            keys.append(provider_key(message.channel_id, message.provider_id))
        if message.client_id is not None:
            keys.append(client_key(message.conversation_id, message.client_id))
        document: Document = {
            "_id": message.id,
            "workspace_id": message.workspace_id,
            "conversation_id": message.conversation_id,
            "channel_id": message.channel_id,
            "seq": message.seq,
            "place": message.place,
            "inbound_seq": message.inbound_seq,
            "direction": message.direction,
            "type": message.type,
            "text": self._keyring.seal_text(message.text, f"messages:{message.id}:text"),
            "author": {
                **_plain(message.author, ("type", "id")),
                "name": self._sealed_author(message),
            },
            "status": message.status,
            "sent_at": message.sent_at,
            "provider_at": provider_at,
            "received_at": message.received_at,
            "attachments": [attachment_document(a) for a in message.attachments],
            "provider_id": message.provider_id,
            "client_id": message.client_id,
            # Never empty: a unique index treats all empty ones as equal.
            "keys": keys or [f"m:{message.id}"],
            "reply_to": message.reply_to,
            "purpose": message.purpose,
            "sort": message.sort,
            "status_at": message.status_at,
            "decision": self.sealed_decision(message.id, message.decision),
            "content": self._sealed_content(message),
            "journal_id": message.journal_id,
        }
        if message.history:
            document["history"] = True
        if message.delivery is not None:
            document["delivery"] = {
                "state": message.delivery.state,
                "attempts": message.delivery.attempts,
                "next_at": message.delivery.next_at,
                "fence": message.delivery.fence,
                "lane": message.conversation_id,
                "seq": message.seq,
            }
        return document

    def _sealed_author(self, message: Message) -> bytes | None:
        """A contact's name, or the number that stands for it where no name is known."""
        if message.author.name is None:
            return None
        return self._keyring.seal_text(message.author.name, f"messages:{message.id}:author")

    def _author(self, doc: Document) -> Author:
        kept = doc["author"]
        name = kept["name"]
        if name is not None:
            name = self._keyring.open_text(bytes(name), f"messages:{doc['_id']}:author")
        return Author(type=kept["type"], id=kept["id"], name=name)

    def _sealed_content(self, message: Message) -> bytes | None:
        if message.content is None:
            return None
        return self._keyring.seal_text(
            json.dumps(message.content), f"messages:{message.id}:content"
        )

    def _content(self, doc: Document) -> dict[str, object] | None:
        sealed = doc.get("content")
        if sealed is None:
            return None
        place = f"messages:{doc['_id']}:content"
        content: dict[str, object] = json.loads(self._keyring.open_text(bytes(sealed), place))
        return content

    # Any: the API's shape of a decision.
    def sealed_decision(
        self, message_id: MessageId, decision: dict[str, Any] | None
    ) -> bytes | None:
        """Sealed, since it quotes the words by which a contact stopped."""
        if decision is None:
            return None
        return self._keyring.seal_text(json.dumps(decision), f"messages:{message_id}:decision")

    def _decision(self, doc: Document) -> dict[str, object] | None:
        if doc["decision"] is None:
            return None
        place = f"messages:{doc['_id']}:decision"
        decision: dict[str, object] = json.loads(
            self._keyring.open_text(bytes(doc["decision"]), place)
        )
        return decision

    def sealed_failure(self, message_id: MessageId, failure: Failure | None) -> Document | None:
        """Its reason may be the gate's, and quote as well."""
        if failure is None:
            return None
        place = f"messages:{message_id}:failure"
        return {"code": failure.code, "reason": self._keyring.seal_text(failure.reason, place)}

    def _failure(self, doc: Document) -> Failure | None:
        kept = doc.get("failure")
        if kept is None:
            return None
        place = f"messages:{doc['_id']}:failure"
        reason = self._keyring.open_text(bytes(kept["reason"]), place)
        return Failure(code=kept["code"], reason=reason)

    def from_document(self, doc: Document) -> Message:
        delivery = doc.get("delivery")
        return Message(
            id=MessageId(doc["_id"]),
            workspace_id=WorkspaceId(doc["workspace_id"]),
            conversation_id=ConversationId(doc["conversation_id"]),
            channel_id=ChannelId(doc["channel_id"]),
            seq=doc["seq"],
            place=doc["place"],
            inbound_seq=doc["inbound_seq"],
            direction=Direction(doc["direction"]),
            type=doc["type"],
            text=self._keyring.open_text(bytes(doc["text"]), f"messages:{doc['_id']}:text"),
            author=self._author(doc),
            status=Status(doc["status"]),
            sent_at=doc["sent_at"],
            received_at=doc["received_at"],
            attachments=tuple(_attachment(one) for one in doc["attachments"]),
            provider_id=doc["provider_id"],
            client_id=doc["client_id"],
            reply_to=None if doc["reply_to"] is None else MessageId(doc["reply_to"]),
            purpose=doc["purpose"],
            sort=doc["sort"],
            failure=self._failure(doc),
            status_at=doc["status_at"],
            decision=self._decision(doc),
            delivery=None if not delivery or "state" not in delivery else _delivery(delivery),
            content=self._content(doc),
            reactions=reactions(doc),
            edited_at=doc.get("edited_at"),
            deleted_at=doc.get("deleted_at"),
            journal_id=doc["journal_id"],
            history=doc.get("history", False),
        )


# Any: dataclasses of different types, read by field name.
def _plain(value: Any, fields: Iterable[str]) -> Document:
    return {name: getattr(value, name) for name in fields}


_ATTACHMENT_FIELDS = (
    "id",
    "kind",
    "state",
    "mime",
    "name",
    "size_bytes",
    "width",
    "height",
    "reason",
)


def attachment_document(attachment: Attachment) -> Document:
    document = _plain(attachment, _ATTACHMENT_FIELDS)
    if attachment.content_id is not None:
        document["content_id"] = attachment.content_id
    return document


def _attachment(doc: Document) -> Attachment:
    return Attachment(**{**doc, "id": AttachmentId(doc["id"])})


def reactions(doc: Document) -> tuple[Reaction, ...]:
    """Those that stand: one that was taken back leaves its time, so that an older report of it
    changes nothing."""
    kept = doc.get("reactions") or {}
    return tuple(
        Reaction(by=side, emoji=one["emoji"], at=one["at"])
        for side, one in sorted(kept.items())
        if one["emoji"] is not None
    )


def _delivery(doc: Document) -> Delivery:
    return Delivery(
        state=doc["state"],
        attempts=doc["attempts"],
        next_at=doc["next_at"],
        fence=doc["fence"],
    )
