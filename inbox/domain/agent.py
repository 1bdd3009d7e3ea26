"""People on our side, and the one function that says what each may do."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

from inbox.domain.ids import AgentId, WorkspaceId


class Role(StrEnum):
    AGENT = "agent"
    MANAGER = "manager"
    ADMIN = "admin"


@dataclass(frozen=True, kw_only=True, slots=True)
class Agent:
    """`channel_ids` are the channels an agent works on; None means all of the workspace."""

    id: AgentId
    workspace_id: WorkspaceId
    email: str
    name: str
    role: Role
    channel_ids: frozenset[str] | None = None
    disabled: bool = False


Verb = Literal[
    "see",
    "write",
    "resolve",
    "retry",
    "upload",
    "name",
    "merge",
    "block",
    "export_contact",
    "connect",
]

_EVERYONE = frozenset(Role)
_LEADS = frozenset({Role.MANAGER, Role.ADMIN})
_MAY: dict[Verb, frozenset[Role]] = {
    "see": _EVERYONE,
    "write": _EVERYONE,
    "resolve": _EVERYONE,
    "retry": _EVERYONE,
    "upload": _EVERYONE,
    "name": _EVERYONE,
    "merge": _EVERYONE,
    "block": _LEADS,
    "export_contact": _LEADS,
    "connect": frozenset({Role.ADMIN}),
}


def channels_of(agent: Agent) -> frozenset[str] | None:
    """Those that the agent works on; None: every one."""
    return agent.channel_ids if agent.role is Role.AGENT else None


def can(agent: Agent, verb: Verb, channel_id: str | None = None) -> bool:
    """May this agent do this on this channel (None: on nothing in particular)?

    Admins and managers work on every channel; an agent on those of the membership.
    """
    if agent.disabled or agent.role not in _MAY[verb]:
        return False
    if channel_id is None or agent.channel_ids is None or agent.role is not Role.AGENT:
        return True
    return channel_id in agent.channel_ids
