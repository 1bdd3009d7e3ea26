"""How far each agent has read each conversation."""

from __future__ import annotations

from collections.abc import Sequence

from inbox.domain.conversation import ReadMark
from inbox.domain.ids import AgentId, ConversationId
from inbox.domain.message import Message
from inbox.store.database import Database, reachable


class ReadStore:
    def __init__(self, database: Database) -> None:
        self._reads = database["reads"]

    async def of(
        self, agent_id: AgentId, ids: Sequence[ConversationId]
    ) -> dict[ConversationId, ReadMark]:
        """An agent's marks in these; one that it has read nothing of is absent."""
        async with reachable():
            docs = await self._reads.find(
                {"_id": {"$in": [f"{agent_id}:{one}" for one in ids]}}
            ).to_list(len(ids))
        return {
            ConversationId(doc["conversation_id"]): ReadMark(
                seq=doc["seq"], inbound_seq=doc["inbound_seq"]
            )
            for doc in docs
        }

    async def mark(self, agent_id: AgentId, message: Message) -> ReadMark:
        """Read through `message`; a mark never goes back."""
        key = f"{agent_id}:{message.conversation_id}"
        async with reachable():
            await self._reads.update_one(
                {"_id": key},
                {
                    "$max": {"seq": message.seq, "inbound_seq": message.inbound_seq},
                    "$setOnInsert": {
                        "workspace_id": message.workspace_id,
                        "agent_id": agent_id,
                        "conversation_id": message.conversation_id,
                    },
                },
                upsert=True,
            )
        marks = await self.of(agent_id, [message.conversation_id])
        return marks[message.conversation_id]
