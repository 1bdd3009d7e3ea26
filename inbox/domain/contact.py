"""A person, and how one channel knows that person."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from inbox.domain.ids import ChannelId, ContactId, IdentityId, WorkspaceId


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    id: ContactId
    workspace_id: WorkspaceId
    name: str | None
    blocked: bool
    created_at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """How one channel knows a contact.

    keys      the provider's id first, then its aliases (a number, a business-scoped user id);
              any of them finds the identity
    address   what a connector writes to; one of the keys or a number made from one
    handle    what an agent sees: a number, a user name, a mail address; never empty
    person_id the key that is nobody else's, ever; None where the kind has none, or none came yet
    """

    id: IdentityId
    workspace_id: WorkspaceId
    channel_id: ChannelId
    kind: str
    contact_id: ContactId
    keys: tuple[str, ...]
    address: str
    handle: str
    name: str | None
    person_id: str | None = None
