"""Contacts as they are stored: names and notes sealed, terms as keyed hashes."""

from __future__ import annotations

from collections.abc import Iterable

from inbox.domain.contact import Contact
from inbox.domain.ids import ContactId, MergeId, WorkspaceId
from inbox.keyring import Keyring
from inbox.store.database import Document

# Of one contact: what somebody writes into their name makes no document large.
MOST_TERMS = 400


def sealed_name(keyring: Keyring, contact_id: str, name: str | None) -> bytes | None:
    return None if name is None else keyring.seal_text(name, f"contacts:{contact_id}:name")


def sealed_note(keyring: Keyring, contact_id: str, note: str) -> bytes:
    return keyring.seal_text(note, f"contacts:{contact_id}:note")


def term_tag(keyring: Keyring, term: str) -> str:
    """64 bits: what is found by one is opened and compared."""
    return keyring.tag(f"term:{term}")[:16]


def term_tags(keyring: Keyring, terms: Iterable[str]) -> list[str]:
    return [term_tag(keyring, term) for term in sorted(terms)[:MOST_TERMS]]


def contact_from(keyring: Keyring, doc: Document) -> Contact:
    contact_id = doc["_id"]
    name, note = doc.get("name"), doc.get("note")
    return Contact(
        id=ContactId(contact_id),
        workspace_id=WorkspaceId(doc["workspace_id"]),
        name=None if name is None else _opened(keyring, contact_id, "name", name),
        note="" if note is None else _opened(keyring, contact_id, "note", note),
        blocked=doc["blocked"],
        created_at=doc["created_at"],
        named=doc.get("named", False),
        block_changed_at=doc.get("block_changed_at"),
        merged_into=doc.get("merged_into"),
        merge_id=None if doc.get("merge_id") is None else MergeId(doc["merge_id"]),
    )


def _opened(keyring: Keyring, contact_id: str, field: str, sealed: bytes) -> str:
    return keyring.open_text(bytes(sealed), f"contacts:{contact_id}:{field}")
