"""Types of the ids, so that a contact's cannot be passed for a conversation's.

Each is a prefix and a ULID (`cnv_01J…`); making one needs a clock, so that lives in `inbox.ids`.
"""

from __future__ import annotations

from typing import NewType

WorkspaceId = NewType("WorkspaceId", str)
ChannelId = NewType("ChannelId", str)
ContactId = NewType("ContactId", str)
IdentityId = NewType("IdentityId", str)
MergeId = NewType("MergeId", str)
ConversationId = NewType("ConversationId", str)
MessageId = NewType("MessageId", str)
AttachmentId = NewType("AttachmentId", str)
AgentId = NewType("AgentId", str)
EventId = NewType("EventId", str)
ConsentEventId = NewType("ConsentEventId", str)
JournalId = NewType("JournalId", str)
