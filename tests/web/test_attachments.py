"""Files with a message: a POST that was cut off, or comes twice, loses and doubles nothing."""

from __future__ import annotations

import asyncio
import secrets
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from inbox.domain.agent import Agent, Role
from inbox.domain.ids import AgentId, AttachmentId
from inbox.domain.message import Direction
from inbox.ids import new_id
from tests.network import Served
from tests.office import NOW, a_conversation
from tests.system.demo import draw


class Writer:
    """An agent with a token, at the office's own server."""

    def __init__(self, served: Served, token: str) -> None:
        self._served = served
        self._headers = {"Authorization": f"Bearer {token}"}

    async def posts(self, path: str, **options: Any) -> tuple[int, Any]:
        url = f"{self._served.context.settings.public_url}/api/v1{path}"
        async with self._served.session.post(url, headers=self._headers, **options) as answer:
            return answer.status, await answer.json()

    async def uploads(self) -> AttachmentId:
        form = aiohttp.FormData()
        form.add_field("file", draw(), filename="kettle.png", content_type="image/png")
        status, attachment = await self.posts("/attachments", data=form)
        assert status == 201, attachment
        return AttachmentId(attachment["id"])


@pytest.fixture
async def writer(served: Served) -> Writer:
    accounts, token = served.office.stores.accounts, secrets.token_hex(16)
    agent = Agent(
        id=AgentId(new_id("agt")),
        workspace_id=served.office.workspace_id,
        email=f"{new_id('ana').lower()}@example.com",
        name="Ana Silva",
        role=Role.AGENT,
    )
    await accounts.add_agent(agent, "no hash", NOW)
    await accounts.add_token(agent, token, NOW + timedelta(days=1), NOW)
    return Writer(served, token)


async def test_a_message_whose_first_post_was_cut_off_after_its_file_can_be_sent(
    served: Served, writer: Writer
) -> None:
    await served.writes("whatsapp", "Hello")
    office, conversation = served.office, await served.office.conversation()
    file = await writer.uploads()
    # As the first POST left it, which then lost the database.
    await office.stores.files.attach(office.workspace_id, [file], conversation.id)
    body = {"client_id": "once", "text": "Look", "attachments": [file]}

    status, message = await writer.posts(f"/conversations/{conversation.id}/messages", json=body)

    assert (status, message.get("attachments", [{}])[0].get("id")) == (202, file)


async def test_a_message_with_a_file_that_is_posted_many_times_at_once_is_one(
    served: Served, writer: Writer
) -> None:
    await served.writes("whatsapp", "Hello")
    conversation = await served.office.conversation()
    body = {"client_id": "once", "text": "Look", "attachments": [await writer.uploads()]}
    path = f"/conversations/{conversation.id}/messages"

    answers = await asyncio.gather(*(writer.posts(path, json=body) for _ in range(6)))

    assert {status for status, _ in answers} <= {200, 202}, answers
    assert len({message["id"] for _, message in answers}) == 1
    thread = await served.office.thread(conversation)
    assert len([one for one in thread if one.direction is Direction.OUTBOUND]) == 1


async def test_a_file_of_another_conversation_is_not_taken(served: Served, writer: Writer) -> None:
    await served.writes("whatsapp", "Hello")
    office, conversation = served.office, await served.office.conversation()
    other = await a_conversation(office.stores, 177, workspace_id=office.workspace_id)
    file = await writer.uploads()
    await office.stores.files.attach(office.workspace_id, [file], other.id)
    body = {"client_id": "once", "text": "Look", "attachments": [file]}

    status, problem = await writer.posts(f"/conversations/{conversation.id}/messages", json=body)

    assert (status, problem["code"]) == (422, "invalid")
