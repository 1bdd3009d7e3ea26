"""Workspaces, agents, their login sessions and API tokens. Only hashes of tokens are kept."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256

from pymongo.errors import DuplicateKeyError

from inbox.domain.agent import Agent, Role
from inbox.domain.errors import Conflict
from inbox.domain.ids import AgentId, WorkspaceId
from inbox.store.database import Database, Document, reachable

IDLE = {
    Role.ADMIN: timedelta(minutes=30),
    Role.MANAGER: timedelta(hours=8),
    Role.AGENT: timedelta(hours=8),
}
ABSOLUTE = {
    Role.ADMIN: timedelta(hours=12),
    Role.MANAGER: timedelta(days=7),
    Role.AGENT: timedelta(days=7),
}
MOST_SESSIONS = 10
_TOUCH_EVERY = timedelta(minutes=1)


@dataclass(frozen=True, kw_only=True, slots=True)
class Workspace:
    """`help_contact` is the mail address or number that an answer to HELP names."""

    id: WorkspaceId
    name: str
    help_contact: str


@dataclass(frozen=True, kw_only=True, slots=True)
class LoginSession:
    """`id` is the hash of what the browser holds."""

    id: str
    agent: Agent
    csrf_token: str
    expires_at: datetime


def _hash(token: str) -> str:
    return sha256(token.encode()).hexdigest()


class AccountStore:
    def __init__(self, database: Database) -> None:
        self._workspaces = database.durable("workspaces")
        self._agents = database.durable("agents")
        self._sessions = database.durable("sessions")
        self._tokens = database.durable("api_tokens")

    # -- workspaces and agents -------------------------------------------------------------

    async def add_workspace(self, workspace: Workspace, now: datetime) -> None:
        document = {
            "_id": workspace.id,
            "name": workspace.name,
            "help_contact": workspace.help_contact,
            "created_at": now,
        }
        async with reachable():
            await self._workspaces.insert_one(document)

    async def find_workspace(self, workspace_id: WorkspaceId) -> Workspace | None:
        async with reachable():
            doc = await self._workspaces.find_one({"_id": workspace_id})
        return None if doc is None else _workspace(doc)

    async def workspaces(self) -> list[Workspace]:
        """The first hundred, for the command line."""
        async with reachable():
            docs = await self._workspaces.find({}).to_list(100)
        return [_workspace(doc) for doc in docs]

    async def add_agent(self, agent: Agent, password_hash: str, now: datetime) -> None:
        """raises Conflict: the address is taken"""
        document = {
            "_id": agent.id,
            "workspace_id": agent.workspace_id,
            "email": agent.email.casefold(),
            "name": agent.name,
            "role": agent.role,
            "channel_ids": None if agent.channel_ids is None else sorted(agent.channel_ids),
            "disabled": agent.disabled,
            "password_hash": password_hash,
            "created_at": now,
        }
        try:
            async with reachable():
                await self._agents.insert_one(document)
        except DuplicateKeyError as error:
            raise Conflict("this address has an account already", code="email_taken") from error

    async def find_agent_by_email(self, email: str) -> tuple[Agent, str] | None:
        """The agent and the password's hash."""
        async with reachable():  # index: email
            doc = await self._agents.find_one({"email": email.casefold()})
        return None if doc is None else (_agent(doc), doc["password_hash"])

    async def find_agent(self, agent_id: AgentId) -> Agent | None:
        async with reachable():
            doc = await self._agents.find_one({"_id": agent_id})
        return None if doc is None else _agent(doc)

    async def set_password_hash(self, agent_id: AgentId, password_hash: str) -> None:
        async with reachable():
            await self._agents.update_one(
                {"_id": agent_id}, {"$set": {"password_hash": password_hash}}
            )

    # -- login sessions --------------------------------------------------------------------

    async def open_session(
        self, agent: Agent, token: str, csrf_token: str, now: datetime
    ) -> LoginSession:
        """A new login session; an agent's eleventh ends the oldest."""
        async with reachable():  # index: agent
            older = await self._sessions.find(
                {"workspace_id": agent.workspace_id, "agent_id": agent.id},
                projection={"created_at": 1},
            ).to_list(100)
            older.sort(key=lambda doc: doc["created_at"], reverse=True)
            surplus = [doc["_id"] for doc in older[MOST_SESSIONS - 1 :]]
            if surplus:
                await self._sessions.delete_many({"_id": {"$in": surplus}})
            document: Document = {
                "_id": _hash(token),
                "workspace_id": agent.workspace_id,
                "agent_id": agent.id,
                "csrf_token": csrf_token,
                "created_at": now,
                "seen_at": now,
                "ends_at": now + ABSOLUTE[agent.role],
                "expires_at": now + IDLE[agent.role],
            }
            await self._sessions.insert_one(document)
        return LoginSession(
            id=document["_id"],
            agent=agent,
            csrf_token=csrf_token,
            expires_at=document["expires_at"],
        )

    async def find_session(self, token: str, now: datetime) -> LoginSession | None:
        """The login session of a cookie, if it is still good; its idle time starts again."""
        return await self.find_session_by_id(_hash(token), now, touch=True)

    async def find_session_by_id(
        self, session_id: str, now: datetime, *, touch: bool = False
    ) -> LoginSession | None:
        async with reachable():
            doc = await self._sessions.find_one({"_id": session_id})
            if doc is None or now >= doc["expires_at"] or now >= doc["ends_at"]:
                return None
            agent = await self.find_agent(AgentId(doc["agent_id"]))
            if agent is None or agent.disabled:
                return None
            expires_at = doc["expires_at"]
            if touch and now - doc["seen_at"] > _TOUCH_EVERY:
                expires_at = min(now + IDLE[agent.role], doc["ends_at"])
                await self._sessions.update_one(
                    {"_id": session_id}, {"$set": {"seen_at": now, "expires_at": expires_at}}
                )
        return LoginSession(
            id=session_id, agent=agent, csrf_token=doc["csrf_token"], expires_at=expires_at
        )

    async def close_session(self, session_id: str) -> None:
        async with reachable():
            await self._sessions.delete_one({"_id": session_id})

    # -- API tokens ------------------------------------------------------------------------

    async def add_token(
        self, agent: Agent, token: str, expires_at: datetime, now: datetime
    ) -> None:
        async with reachable():
            await self._tokens.insert_one(
                {
                    "_id": _hash(token),
                    "workspace_id": agent.workspace_id,
                    "agent_id": agent.id,
                    "created_at": now,
                    "expires_at": expires_at,
                }
            )

    async def find_by_token(self, token: str, now: datetime) -> Agent | None:
        async with reachable():
            doc = await self._tokens.find_one({"_id": _hash(token)})
            if doc is None or now >= doc["expires_at"]:
                return None
            agent = await self.find_agent(AgentId(doc["agent_id"]))
        return None if agent is None or agent.disabled else agent


def _workspace(doc: Document) -> Workspace:
    return Workspace(id=WorkspaceId(doc["_id"]), name=doc["name"], help_contact=doc["help_contact"])


def _agent(doc: Document) -> Agent:
    channel_ids = doc["channel_ids"]
    return Agent(
        id=AgentId(doc["_id"]),
        workspace_id=WorkspaceId(doc["workspace_id"]),
        email=doc["email"],
        name=doc["name"],
        role=Role(doc["role"]),
        channel_ids=None if channel_ids is None else frozenset(channel_ids),
        disabled=doc["disabled"],
    )
