"""A person, and how one channel knows that person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from inbox.domain.ids import (
    AgentId,
    AttachmentId,
    ChannelId,
    ContactId,
    IdentityId,
    MergeId,
    WorkspaceId,
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Contact:
    """named             the name was given by an agent: what a channel tells does not replace it
    block_changed_at  when somebody last blocked or unblocked; None: never
    merged_into       this one is no more: the contact that has everything of it
    merge_id          the merge or split that is at work on it, or was last
    """

    id: ContactId
    workspace_id: WorkspaceId
    name: str | None
    blocked: bool
    created_at: datetime
    note: str = ""
    named: bool = False
    block_changed_at: datetime | None = None
    merged_into: ContactId | None = None
    merge_id: MergeId | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Identity:
    """How one channel knows a contact.

    keys      the provider's id first, then its aliases (a number, a business-scoped user id);
              any of them finds the identity
    address   what a connector writes to; one of the keys or a number made from one
    handle    what an agent sees: a number, a user name, a mail address; never empty
    person_id the key that is nobody else's, ever; None where the kind has none, or none came yet
    picture   our copy of the profile picture
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
    picture: AttachmentId | None = None


MergeState = Literal["merging", "merged", "splitting", "split"]


@dataclass(frozen=True, kw_only=True, slots=True)
class Merge:
    """One contact taken into another, or taken out of it again: the record by which it is finished
    after a crash, shown, and undone.

    gone           the contact that was taken in; of a split, the one that comes out
    identity_ids   what moves; empty until it is known, at the first step
    blocked        of `kept` and `gone`, as they were before they became one
    blocked_after  of both, as a split leaves them
    claim          whose turn it is to finish it: another word each time that somebody takes over
    """

    id: MergeId
    workspace_id: WorkspaceId
    kept: ContactId
    gone: ContactId
    state: MergeState
    by: AgentId
    at: datetime
    identity_ids: tuple[IdentityId, ...] = ()
    blocked: tuple[bool, bool] | None = None
    blocked_after: tuple[bool, bool] | None = None
    undone_by: AgentId | None = None
    undone_at: datetime | None = None
    claim: str = ""

    @property
    def open(self) -> bool:
        return self.state in ("merging", "splitting")


def shown_name(contact: Contact, identities: Sequence[Identity]) -> str:
    """What a contact is called: its own name, else what a channel calls it, else a handle."""
    told = (one.name for one in identities)
    handles = (one.handle for one in identities)
    return contact.name or next(filter(None, told), None) or next(handles, "Nobody")
