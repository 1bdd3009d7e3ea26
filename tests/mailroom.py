"""Fixtures of an office that gets mail: see tests/post.py."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import aiohttp
import pytest

from connectors.http import Http
from inbox.domain.agent import Agent, Role
from inbox.domain.ids import AgentId
from inbox.ids import new_id
from inbox.stores import Stores
from inbox.web.context import Context
from tests.network import assembled, listening, serving
from tests.office import NOW, Office, open_office, until
from tests.post import PostOffice, with_post


@pytest.fixture
async def post_office() -> AsyncIterator[PostOffice]:
    edge = PostOffice()
    await edge.start()
    yield edge
    await edge.close()


@pytest.fixture
async def mailroom(store: Stores, post_office: PostOffice) -> AsyncIterator[Office]:
    """An office with a mailbox."""
    client = Http(allow=frozenset({("127.0.0.1", post_office.port)}))
    await client.start()
    office = await open_office(store, client, "https://127.0.0.1", "https://127.0.0.1")
    yield await with_post(office, client, post_office)
    await client.close()


@dataclass
class ServedMail:
    """An office with a mailbox, served over HTTP with its workers running, and one agent of it."""

    office: Office
    post_office: PostOffice
    context: Context
    session: aiohttp.ClientSession
    token: str

    @property
    def url(self) -> str:
        return self.context.settings.public_url

    async def call(self, method: str, path: str, **options: Any) -> tuple[int, Any]:
        """The agent's call of the API; its status and its JSON."""
        headers = {"Authorization": f"Bearer {self.token}"}
        url = f"{self.url}/api/v1{path}"
        async with self.session.request(method, url, headers=headers, **options) as answer:
            return answer.status, await answer.json()

    async def gets(self, path: str) -> aiohttp.ClientResponse:
        """The agent's call of what is no JSON, read whole."""
        headers = {"Authorization": f"Bearer {self.token}"}
        answer = await self.session.get(f"{self.url}/api/v1{path}", headers=headers)
        await answer.read()
        return answer

    async def arrives(self, *mails: dict[str, Any]) -> None:
        """These mails are pulled and stored."""
        before = await self._stored()
        self.post_office.mails += mails
        self.context.pulling.wake(self.office.channels["post"])

        async def there() -> bool:
            return await self._stored() >= before + len(mails)

        await until(there)

    async def _stored(self) -> int:
        found: int = await self.office.stores.database["messages"].count_documents(
            {"direction": "inbound"}
        )
        return found

    async def writes(self, **body: Any) -> tuple[int, Any]:
        """The agent answers in the only conversation."""
        conversation = await self.office.conversation()
        body = {"client_id": secrets.token_hex(8), "text": "On its way.", **body}
        return await self.call("POST", f"/conversations/{conversation.id}/messages", json=body)

    async def left(self, count: int = 1) -> dict[str, Any]:
        """The `count`th mail that the post office was given to send."""

        async def sent() -> bool:
            return len(self.post_office.sent) >= count

        await until(sent)
        return self.post_office.sent[count - 1]


@pytest.fixture
async def served_mail(mailroom: Office, post_office: PostOffice) -> AsyncIterator[ServedMail]:
    # The server starts the journal itself.
    await mailroom.stores.journal.close()
    listener, url = listening()
    token = secrets.token_hex(16)
    agent = Agent(
        id=AgentId(new_id("agt")),
        workspace_id=mailroom.workspace_id,
        email=f"{token}@example.com",
        name="Ana Silva",
        role=Role.AGENT,
    )
    await mailroom.stores.accounts.add_agent(agent, "no hash", NOW)
    await mailroom.stores.accounts.add_token(agent, token, NOW + timedelta(days=1), NOW)
    context = assembled(mailroom.stores, mailroom, url)
    async with serving(context, listener), aiohttp.ClientSession() as session:
        yield ServedMail(mailroom, post_office, context, session, token)
