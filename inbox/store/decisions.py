"""Refusals of the gate that left no message: what was asked, by whom, and what it said.

Allowed ones are part of their message; together, every decision is on record.
"""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any

from inbox.domain.conversation import Conversation
from inbox.domain.ids import AgentId
from inbox.ids import new_id
from inbox.store.database import Database, reachable


class DecisionStore:
    def __init__(self, database: Database) -> None:
        self._decisions = database.durable("decisions")
        self._keyring = database.keyring

    async def record(
        self,
        conversation: Conversation,
        agent_id: AgentId,
        # Any: the API's shape of a decision.
        decision: dict[str, Any],
        at: datetime,
    ) -> None:
        record_id = new_id("dec")
        sealed = self._keyring.seal_text(json.dumps(decision), f"decisions:{record_id}:decision")
        async with reachable():
            await self._decisions.insert_one(
                {
                    "_id": record_id,
                    "workspace_id": conversation.workspace_id,
                    "conversation_id": conversation.id,
                    "contact_id": conversation.contact_id,
                    "agent_id": agent_id,
                    # It quotes the words by which a contact stopped.
                    "decision": sealed,
                    "at": at,
                }
            )

    async def of_conversation(self, conversation: Conversation) -> list[dict[str, Any]]:
        """The refusals of one conversation, oldest first, at most 1,000."""
        async with reachable():  # index: conversation
            docs = await self._decisions.find(
                {
                    "workspace_id": conversation.workspace_id,
                    "conversation_id": conversation.id,
                }
            ).to_list(1000)
        for doc in docs:
            place = f"decisions:{doc['_id']}:decision"
            doc["decision"] = json.loads(self._keyring.open_text(bytes(doc["decision"]), place))
        return sorted(docs, key=lambda doc: doc["_id"])
