"""A screen that is open for long: looked at again, it follows its agent, and is no sign of life."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import uvicorn

from inbox import events
from inbox.domain.agent import Agent, Role
from inbox.domain.ids import AgentId
from inbox.ids import new_id
from inbox.web.app import build
from tests.network import assembled, listening
from tests.office import NOW, Office, until, whatsapp, whatsapp_item
from tests.system.screen import Screen


@dataclass
class Open:
    """One agent's screen, signed in by cookie, and the login session behind it."""

    office: Office
    agent: Agent
    screen: Screen

    async def session(self) -> dict[str, Any]:
        found = await self.office.stores.database["sessions"].find_one({"agent_id": self.agent.id})
        assert found is not None
        return dict(found)

    async def change(self, collection: str, **values: Any) -> None:
        name = "agent_id" if collection == "sessions" else "_id"
        await self.office.stores.database[collection].update_one(
            {name: self.agent.id}, {"$set": values}
        )

    async def is_looked_at_again(self) -> None:
        """Now, and not within the minute."""
        await self.office.hub.publish([events.login_ended(self.agent)])


@pytest.fixture
async def opened(office: Office) -> AsyncIterator[Open]:
    await office.stores.journal.close()  # the server starts it itself
    agent = Agent(
        id=AgentId(new_id("agt")),
        workspace_id=office.workspace_id,
        email="ana@example.com",
        name="Ana Silva",
        role=Role.AGENT,
    )
    token = secrets.token_urlsafe(16)
    await office.stores.accounts.add_agent(agent, "no hash", NOW)
    await office.stores.accounts.open_session(agent, token, "csrf", NOW)
    listener, url = listening()
    context = assembled(office.stores, office, url)
    app = build(context, frozenset({context.settings.public_host}))
    server = uvicorn.Server(uvicorn.Config(app, log_config=None, ws="websockets-sansio"))
    serving = asyncio.create_task(server.serve(sockets=[listener]))

    async def started() -> bool:
        return server.started

    await until(started)
    screen = await Screen.open(url, {"Cookie": f"session={token}", "Origin": url})
    await screen.hello()
    yield Open(office, agent, screen)
    await screen.close()
    server.should_exit = True
    await serving


async def test_an_open_screen_loses_the_channels_that_its_agent_lost(opened: Open) -> None:
    await opened.office.takes("whatsapp", whatsapp(whatsapp_item("Hello")))
    conversation = await opened.office.conversation()
    await opened.screen.gets("message.created", text="Hello")
    await opened.screen.send(type="viewing", conversation_id=conversation.id)
    await opened.screen.passes()
    assert not opened.screen.all("error")
    await opened.change("agents", channel_ids=[opened.office.channels["sms"].id])

    await opened.is_looked_at_again()

    async def refused() -> bool:
        await opened.screen.send(type="typing", conversation_id=conversation.id, on=True)
        await opened.screen.passes()
        return bool(opened.screen.all("error", code="not_found"))

    await until(refused)
    await opened.office.takes("whatsapp", whatsapp(whatsapp_item("Not for her any more")))
    await opened.screen.passes()
    assert not opened.screen.all("message.created", text="Not for her any more")


async def test_an_open_screen_is_no_use_of_the_login_session(opened: Open) -> None:
    idle = {
        "seen_at": datetime.now(UTC) - timedelta(minutes=20),
        "expires_at": datetime.now(UTC) + timedelta(minutes=10),
    }
    await opened.change("sessions", **idle)
    before = await opened.session()
    await opened.change("agents", channel_ids=[])
    await opened.office.takes("whatsapp", whatsapp(whatsapp_item("Hello")))
    conversation = await opened.office.conversation()

    await opened.is_looked_at_again()

    async def looked() -> bool:
        await opened.screen.send(type="viewing", conversation_id=conversation.id)
        await opened.screen.passes()
        return bool(opened.screen.all("error"))

    await until(looked)
    assert await opened.session() == before


async def test_an_open_screen_ends_with_the_idle_time_of_its_login_session(opened: Open) -> None:
    await opened.change("sessions", expires_at=NOW - timedelta(seconds=1))
    await opened.is_looked_at_again()
    assert (await opened.screen.gets_closed())[0] == 4001
