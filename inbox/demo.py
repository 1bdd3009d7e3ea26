"""The demo's workspace: three people, five channels, and conversations that have been going on.

The past is written with the stores that the present uses, at the times when it would have happened;
nothing here is a shortcut for anything that comes later.
"""

from __future__ import annotations

import asyncio
import json
import os
import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Literal

from inbox import drafts, terms
from inbox.auth.passwords import Passwords
from inbox.automation.keywords import KeywordAnswers, hear
from inbox.channels import check
from inbox.domain.abilities import Pulls
from inbox.domain.agent import Agent, Role
from inbox.domain.channel import Channel, Connector, Manifest, Secret
from inbox.domain.contact import Identity
from inbox.domain.conversation import Conversation
from inbox.domain.ids import (
    AgentId,
    ChannelId,
    ConversationId,
    WorkspaceId,
)
from inbox.domain.message import Attachment, Author, Direction, Message, Status
from inbox.domain.report import MessageReceived, Sender
from inbox.files import make_safe
from inbox.ids import new_id, new_token
from inbox.settings import Settings
from inbox.store.accounts import Workspace
from inbox.store.summaries import Summary, span_of
from inbox.stores import Stores

TOKEN_DAYS = 90
_ME = "demo"
PEOPLE = (
    ("agent", "Ana Silva", "ana@harbour.example", Role.AGENT),
    ("manager", "Malik Brown", "malik@harbour.example", Role.MANAGER),
    ("admin", "Ada Lind", "ada@harbour.example", Role.ADMIN),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class PastLine:
    """One message of the past. `status` of what we sent; `picture` is the file's content."""

    at: datetime
    inbound: bool
    text: str
    provider_id: str
    status: str | None = None
    picture: bytes | None = None
    reaction: str | None = None
    edited: bool = False
    story: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PastThread:
    kind: str
    sender: Sender
    lines: tuple[PastLine, ...]


# -- people, workspace, channels -------------------------------------------------------------------


async def ensure_workspace(stores: Stores, name: str) -> Workspace:
    """The demo's workspace, made on the first start."""
    existing = await stores.accounts.workspaces()
    if existing:
        return existing[0]
    workspace = Workspace(
        id=WorkspaceId(new_id("wsp")), name=name, help_contact="help@harbour.example"
    )
    await stores.accounts.add_workspace(workspace, datetime.now(UTC))
    return workspace


async def ensure_people(
    stores: Stores, passwords: Passwords, workspace: Workspace, written: Mapping[str, Any]
) -> dict[str, dict[str, str]]:
    """Three log-ins, with the passwords and tokens of the demo file where it still has them."""
    now = datetime.now(UTC)
    logins: dict[str, dict[str, str]] = {}
    known = written.get("logins", {})
    for key, name, email, role in PEOPLE:
        before = known.get(key, {}) if isinstance(known, dict) else {}
        password, token = before.get("password"), before.get("api_token")
        found = await stores.accounts.find_agent_by_email(email)
        if found is None:
            agent = Agent(
                id=AgentId(new_id("agt")),
                workspace_id=workspace.id,
                email=email,
                name=name,
                role=role,
            )
            password = secrets.token_urlsafe(12)
            await stores.accounts.add_agent(agent, await passwords.hash(password), now)
        else:
            agent = found[0]
            if not password:
                password = secrets.token_urlsafe(12)
                await stores.accounts.set_password_hash(agent.id, await passwords.hash(password))
        if not token or await stores.accounts.find_by_token(token, now) is None:
            token = f"ast_{new_token()}"
            await stores.accounts.add_token(agent, token, now + timedelta(days=TOKEN_DAYS), now)
        logins[key] = {"name": name, "email": email, "password": password, "api_token": token}
    return logins


async def ensure_channel(
    stores: Stores,
    workspace: Workspace,
    manifest: Manifest,
    name: str,
    credentials: Mapping[str, str],
) -> Channel:
    """The demo's channel of a kind, made on the first start with these credentials."""
    account = credentials[manifest.account_field]
    existing = await stores.channels.find_by_account(manifest.kind, account)
    if existing is not None:
        return existing
    secret_names = {need.name for need in manifest.needs if need.secret}
    channel = Channel(
        id=ChannelId(new_id("chn")),
        workspace_id=workspace.id,
        kind=manifest.kind,
        name=name,
        account=account,
        config={k: v for k, v in credentials.items() if k not in secret_names},
        secrets={k: Secret(v) for k, v in credentials.items() if k in secret_names},
        provider_stop=manifest.provider_stop,
        created_at=datetime.now(UTC),
    )
    await stores.channels.add(channel)
    return channel


async def connect(stores: Stores, connector: Connector, channel: Channel) -> None:
    """What connecting a channel finds out: how the account is called, and, where it is pulled, up
    to where. What is put into a mailbox after this is news, and nothing from before."""
    checked = await check(connector, channel)
    await stores.health.checked(channel, checked.account_name, checked.expires_at)
    now = datetime.now(UTC)
    state = (await stores.pulls.states([channel]))[channel.id]
    if not isinstance(connector, Pulls) or state.cursor is not None:
        return
    if await stores.pulls.claim(state, _ME, now + timedelta(minutes=1)) is None:
        return
    pulled = await connector.pull(channel, None, now)
    while pulled.more and not pulled.payloads:
        pulled = await connector.pull(channel, pulled.cursor, now)
    if not pulled.payloads:
        await stores.pulls.advance(channel.id, _ME, pulled.cursor)
    await stores.pulls.let_go(channel.id, _ME)


# -- the past --------------------------------------------------------------------------------------


class Past:
    """Writes threads that have already happened."""

    def __init__(self, stores: Stores, agents: Sequence[Agent]) -> None:
        self._stores = stores
        self._agents = agents
        self._keywords = KeywordAnswers(stores)

    async def write(self, thread: PastThread, channel: Channel, manifest: Manifest) -> None:
        first = thread.lines[0].at
        identity, conversation_id = await self._stores.people.create(
            channel.workspace_id, channel.id, channel.kind, thread.sender, first
        )
        await self._stores.people.ensure_contact(
            identity, first, terms.of_identity(identity, verified=manifest.numbers)
        )
        conversation, _ = await self._stores.conversations.create(conversation_id, identity, first)
        answered: Message | None = None
        for line in thread.lines:
            message = await self._append(line, conversation, identity, channel)
            conversation = await self._summarised(line, message, conversation, channel, manifest)
            if line.inbound:
                await self._act_on_keyword(line, message, conversation, identity, channel, manifest)
            else:
                answered = message
            await self._change(line, message)
            conversation = await self._again(channel.workspace_id, conversation_id)
        heard = max((line.at for line in thread.lines if line.inbound), default=None)
        if heard is not None:
            self._stores.health.note(channel, "webhook", heard)
        if answered is not None:
            for agent in self._agents:
                await self._stores.reads.mark(agent.id, answered)

    async def _append(
        self, line: PastLine, conversation: Conversation, identity: Identity, channel: Channel
    ) -> Message:
        attachments = await self._picture(line, conversation)
        ana = self._agents[0]
        author = Author(type="agent", id=ana.id, name=ana.name)
        if line.inbound:
            author = Author(type="contact", id=identity.contact_id, name=conversation.contact_name)
        direction = Direction.INBOUND if line.inbound else Direction.OUTBOUND
        draft = replace(
            drafts.message(conversation, direction, author, line.text, line.at),
            type="image" if attachments else "text",
            status=Status.RECEIVED if line.inbound else Status(line.status or "sent"),
            attachments=attachments,
            provider_id=line.provider_id,
            status_at={} if line.inbound else _status_times(line),
            content={"story": {}} if line.story else None,
        )
        times = [line.at] if line.inbound else [None]
        return (await self._stores.messages.append(conversation, [draft], provider_at=times))[0]

    async def _change(self, line: PastLine, message: Message) -> None:
        """What happened to it later: a minute after, it was edited; two after, reacted to."""
        changes = self._stores.changes
        if line.edited:
            await changes.edit(message, line.text, 1, line.at + timedelta(minutes=1))
        if line.reaction is not None:
            by: Literal["contact", "us"] = "us" if line.inbound else "contact"
            await changes.react(message, by, line.reaction, line.at + timedelta(minutes=2))

    async def _picture(self, line: PastLine, conversation: Conversation) -> tuple[Attachment, ...]:
        if line.picture is None:
            return ()
        safe = await asyncio.to_thread(make_safe, line.picture, "image/png")
        attachment = safe.attachment("photo.png")
        await self._stores.files.put(
            conversation.workspace_id,
            attachment,
            safe.content,
            conversation_id=conversation.id,
            now=line.at,
        )
        return (attachment,)

    async def _summarised(
        self,
        line: PastLine,
        message: Message,
        conversation: Conversation,
        channel: Channel,
        manifest: Manifest,
    ) -> Conversation:
        summary = Summary(
            conversation=conversation,
            newest=message,
            answered=not line.inbound,
            heard=span_of([message]),
        )
        if line.inbound:
            heard = hear(_report(line, channel), manifest, channel)
            is_stop = heard is not None and heard.word == "stop"
            summary = replace(
                summary,
                last_inbound_at=line.at,
                basis_at=None if is_stop else line.at,
                newest_sent_at=line.at,
                waiting_since=None if is_stop else line.at,
            )
        await self._stores.conversations.summarise([summary])
        return await self._again(channel.workspace_id, conversation.id)

    async def _act_on_keyword(
        self,
        line: PastLine,
        message: Message,
        conversation: Conversation,
        identity: Identity,
        channel: Channel,
        manifest: Manifest,
    ) -> None:
        heard = hear(_report(line, channel), manifest, channel)
        if heard is not None and heard.by_provider:
            recorded = await self._keywords.record(
                heard, message, identity, manifest, line.at, line.at
            )
            if recorded is not None:
                await self._keywords.act(
                    heard, recorded, message, conversation, identity, channel, manifest, line.at
                )

    async def _again(
        self, workspace_id: WorkspaceId, conversation_id: ConversationId
    ) -> Conversation:
        found = await self._stores.conversations.find(workspace_id, conversation_id)
        if found is None:
            raise LookupError("the conversation was not stored")
        return found


def _report(line: PastLine, channel: Channel) -> MessageReceived:
    sender = Sender(keys=("past",), address="past", handle="past")
    return MessageReceived(
        account=channel.account,
        provider_id=line.provider_id,
        sender=sender,
        type="text",
        text=line.text,
    )


def _status_times(line: PastLine) -> dict[str, datetime]:
    steps = ("sent", "delivered", "read")
    reached = steps[: steps.index(line.status) + 1] if line.status in steps else ()
    return {name: line.at + timedelta(seconds=2 * n) for n, name in enumerate(reached)}


# -- the demo file ---------------------------------------------------------------------------------


def file(
    settings: Settings,
    simulator_url: str,
    workspace: Workspace,
    logins: Mapping[str, Mapping[str, str]],
    channels: Mapping[str, Channel],
    connectors: Mapping[str, Connector],
) -> dict[str, object]:
    """What DATA_DIR/demo.json says: everything that a program needs to use this demo."""
    shown: dict[str, dict[str, str | None]] = {}
    for kind, channel in channels.items():
        manifest = connectors[kind].manifest
        shown[kind] = {
            "id": channel.id,
            "webhook_url": f"{settings.public_url}/webhooks/{kind}/{channel.id}",
            "secret": _signing_secret(channel, manifest),
            "verify_token": channel.setting("verify_token") or None,
            "account": channel.account,
        }
        if channel.setting("account_sid"):
            shown[kind]["account_sid"] = channel.setting("account_sid")
    return {
        "base_url": settings.public_url,
        "simulator_url": simulator_url,
        "workspace_id": workspace.id,
        "logins": {
            key: {name: one[name] for name in ("email", "password", "api_token")}
            for key, one in logins.items()
        },
        "channels": shown,
    }


def _signing_secret(channel: Channel, manifest: Manifest) -> str | None:
    """None where the provider signs with keys of its own."""
    signing = next(need for need in manifest.needs if need.name == manifest.signing_field)
    return channel.setting(signing.name) if signing.secret else None


# Any: JSON; the file's shape is documented in the README.
def read_file(path: Path) -> dict[str, Any]:
    try:
        content: dict[str, Any] = json.loads(path.read_text())
    except (OSError, ValueError):
        return {}
    return content


def write_file(path: Path, content: Mapping[str, Any]) -> None:
    """Whole or not at all, for its owner only."""
    draft = path.with_suffix(".tmp")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w") as file:
        json.dump(content, file, indent=1, ensure_ascii=False)
        file.write("\n")
    draft.replace(path)
