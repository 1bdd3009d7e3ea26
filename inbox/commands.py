"""An admin's commands: what has to be done before anybody can sign in or a channel has a page."""

from __future__ import annotations

import argparse
import asyncio
import getpass
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from inbox.auth.passwords import Passwords
from inbox.channels import Changes, Channels
from inbox.directory import Directory
from inbox.domain.agent import Agent, Role
from inbox.domain.channel import Connector, Credential
from inbox.domain.errors import AssentError
from inbox.domain.ids import AgentId, WorkspaceId
from inbox.hub.memory import MemoryHub
from inbox.ids import new_id
from inbox.links import Links
from inbox.settings import Settings, SettingsError
from inbox.store.accounts import Workspace
from inbox.stores import Stores


@dataclass(frozen=True, kw_only=True, slots=True)
class Parts:
    """What every command needs: settings, stores and connectors, open until the program ends."""

    settings: Settings
    stores: Stores
    connectors: Mapping[str, Connector]
    links: Links


async def _asked(prompt: str, given: str | None = None, *, secret: bool = False) -> str:
    """What was given on the command line, or what is typed now."""
    if given is not None:
        return given
    ask = getpass.getpass if secret else input
    try:
        return (await asyncio.to_thread(ask, prompt)).strip()
    except EOFError:
        raise SettingsError(f"{prompt.partition(':')[0]}: nothing was entered.") from None


async def _workspace(stores: Stores, name: str | None) -> Workspace:
    existing = await stores.accounts.workspaces()
    if existing:
        return existing[0]
    workspace = Workspace(
        id=WorkspaceId(new_id("wsp")),
        name=await _asked("Name of the business: ", name),
        help_contact=await _asked("Mail address or number for customers who ask for help: "),
    )
    await stores.accounts.add_workspace(workspace, datetime.now(UTC))
    return workspace


async def create_admin(parts: Parts, options: argparse.Namespace) -> None:
    """raises   Invalid: the password; Conflict: the address is taken"""
    workspace = await _workspace(parts.stores, options.workspace)
    agent = Agent(
        id=AgentId(new_id("agt")),
        workspace_id=workspace.id,
        email=await _asked("Mail address: ", options.email),
        name=await _asked("Name: ", options.name),
        role=Role.ADMIN,
    )
    password = await _asked("Password (12 characters or more): ", secret=True)
    password_hash = await Passwords().hash(password)
    await parts.stores.accounts.add_agent(agent, password_hash, datetime.now(UTC))
    print(f"{agent.name} can now sign in to {workspace.name} at {parts.settings.public_url}")


async def connect(parts: Parts, options: argparse.Namespace) -> None:
    """Ask for a channel's credentials, try them on the provider, and keep them when they work."""
    connector = parts.connectors.get(options.kind)
    if connector is None:
        raise SettingsError(f"There is no such kind: choose of {', '.join(parts.connectors)}")
    manifest = connector.manifest
    workspace = await _workspace(parts.stores, None)
    asked = [need for need in manifest.needs if need.is_entered]
    given = {need.name: await _credential(need) for need in asked}
    channels = Channels(
        parts.stores, MemoryHub(), parts.connectors, Directory(parts.stores.channels)
    )
    now = datetime.now(UTC)
    channel = await channels.begin(workspace.id, manifest.kind, now, options.name)
    print(f"\nAsking {manifest.provider} …")
    wanted = Changes(
        credentials=given,
        provider_stop=False if options.answers_stop_itself else None,
        connect=True,
    )
    try:
        channel = await channels.change(channel, wanted, now)
    except AssentError:
        await channels.disconnect(channel)
        raise
    health = await parts.stores.health.find(channel)
    print(f"Connected: {health.account_name or channel.account}.")
    print(f"Enter this webhook address at {manifest.provider}:\n  {parts.links.webhook(channel)}")
    for need in manifest.needs:
        if need.origin == "ours":
            print(f"{need.label}:\n  {channel.setting(need.name)}")


async def _credential(need: Credential) -> str:
    print(f"\n{need.label}{'' if need.required else ' (may stay empty)'}. {need.help}")
    for value, words in need.choices:
        print(f"  {value or '(empty)'}: {words}")
    text = await _asked("> ", secret=need.secret)
    if not text and need.required:
        raise SettingsError(f"{need.label} is needed.")
    return text
