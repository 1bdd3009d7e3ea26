"""What a provider says of credentials while an admin enters them, one by one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal, Protocol, runtime_checkable

from inbox.domain.channel import Channel


@dataclass(frozen=True, kw_only=True, slots=True)
class Finding:
    """Of one credential. `unknown`: it cannot be checked, or not before another one is there;
    `reason` is a sentence for an admin and never holds the credential."""

    state: Literal["ok", "wrong", "unknown"]
    reason: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Examination:
    """findings      by the credential's name; one that is missing was not looked at
    account_name  how the account is called at the provider, once that is known
    expires_at    when the credentials run out; None: never, or nobody knows
    """

    findings: Mapping[str, Finding] = field(default_factory=dict)
    account_name: str | None = None
    expires_at: datetime | None = None


@runtime_checkable
class Examines(Protocol):
    """What a connector does besides, whose provider can tell which credential is the wrong one."""

    async def examine(self, channel: Channel) -> Examination:
        """Look at what the channel has so far; a missing credential is no error.

        raises   Temporary: the provider cannot be asked now
        """
        ...
