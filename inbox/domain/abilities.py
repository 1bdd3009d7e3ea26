"""What a connector can do besides what every connector does: each a protocol of its own, asked for
with `isinstance`. Whoever needs one does without it on a kind that has it not.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Protocol, runtime_checkable

from inbox.domain.channel import Channel, OutboundMessage, Payload, Secret, WebhookRequest
from inbox.domain.gate import Permit, Subject
from inbox.domain.ids import MessageId
from inbox.domain.template import Template


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboundReaction:
    """What `react` is asked to do: our side's reaction to a message of the contact.

    target   the provider's id of that message
    emoji    None takes back what stands there
    former   the emoji that stands there now, where one does
    """

    message_id: MessageId
    channel: Channel
    to: str = field(repr=False)
    target: str
    emoji: str | None
    former: str | None = None

    def subject(self) -> Subject:
        """What a permit for it must cover: on which message, and what."""
        parts = ["reaction", self.target, self.emoji or ""]
        digest = sha256("\0".join(parts).encode()).hexdigest()
        return Subject(
            message_id=self.message_id, channel_id=self.channel.id, address=self.to, digest=digest
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Profile:
    """How a person is called on a platform that sends only an id; `username` without `@`, and
    `picture_url` runs out within days."""

    name: str | None = None
    username: str | None = None
    picture_url: str | None = None


@runtime_checkable
class KnowsPeople(Protocol):
    """What a connector can do besides, where its webhooks do not say who wrote."""

    async def profile(self, identity_key: str, channel: Channel) -> Profile | None:
        """What the platform tells of a person; None when it tells nothing. Never raises: a name
        is not worth a message."""
        ...


@runtime_checkable
class Uploads(Protocol):
    """What a connector does besides, whose provider takes a file before the message that carries
    it: the gate is asked again after the upload, so that nothing it knows is older than a call."""

    async def upload(self, message: OutboundMessage) -> OutboundMessage:
        """The message with its files uploaded. Refuses first what `send` would refuse.

        raises   Temporary, Permanent, AccountTrouble; twice is no harm, for nobody sees it
        """
        ...


@runtime_checkable
class MakesReady(Protocol):
    """What a connector does besides, who has slow things to do before any send (a token, a quota,
    a setting): the gate is asked again after them, and `send` then only posts."""

    async def make_ready(self, message: OutboundMessage) -> None:
        """Do what `send` would otherwise wait for; what it knows by then is not asked for again.

        raises   Temporary, Permanent, AccountTrouble; twice is no harm, for nobody sees it
        """
        ...


@runtime_checkable
class HasTemplates(Protocol):
    """What a connector does besides, whose provider approves messages before they are sent."""

    async def templates(self, channel: Channel) -> list[Template]:
        """All of the account's, in every language and status, at most some thousands.

        raises   Temporary, Permanent, AccountTrouble
        """
        ...


@runtime_checkable
class Reacts(Protocol):
    """What a connector does besides, whose provider takes reactions to a contact's messages."""

    async def react(self, reaction: OutboundReaction, permit: Permit) -> None:
        """Put it there, or take it back; doing it twice is doing it once.

        raises   Temporary, Permanent, AccountTrouble, OutcomeUnknown, PermitMissing
        """
        ...


@runtime_checkable
class Signals(Protocol):
    """What a connector does besides, whose provider shows the contact that we have read, and that
    we write. Neither says anything, so neither needs a permit.

    provider_id   of the contact's newest message that it is about
    raises        Temporary, Permanent, AccountTrouble, OutcomeUnknown
    """

    async def mark_read(self, channel: Channel, to: str, provider_id: str) -> None: ...

    async def show_typing(self, channel: Channel, to: str, provider_id: str) -> None: ...


@runtime_checkable
class FetchesKeys(Protocol):
    """What a connector does besides, whose provider signs with keys that it publishes: they are
    fetched here, so that `verify` itself calls nobody."""

    async def fetch_keys(self, request: WebhookRequest) -> None:
        """Have at hand the keys that `verify` will need, at most one call a minute whatever is
        asked. The request is not believed yet, and not judged here. raises Temporary"""
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Pulled:
    """What a provider still had for us.

    payloads  each is journaled and then read by `parse`, as if it had been posted
    cursor    where the next pull goes on; it is stored only once the payloads are durable, so a
              crash in between brings them again and nothing is lost
    more      there is more to be had at once
    again_s   come again after so many seconds, if that is sooner than usual
    lost      from about these instants (aware UTC) something came that the provider does not give,
              and of which nothing is known that could be shown
    """

    payloads: tuple[Payload, ...]
    cursor: str
    more: bool = False
    again_s: float | None = None
    lost: tuple[datetime, ...] = ()


@runtime_checkable
class Pulls(Protocol):
    """What a connector does besides, whose provider can list what it once told, or should have:
    the net under its webhooks, and for mail the way in."""

    pull_every_s: float

    async def pull(self, channel: Channel, cursor: str | None, now: datetime) -> Pulled:
        """One bounded step from `cursor`; None: for the first time.

        raises   Temporary, AccountTrouble, Permanent (this cursor will never work: begin anew)
        """
        ...


@dataclass(frozen=True, kw_only=True, slots=True)
class Renewed:
    """Credentials in place of those of the same name."""

    config: Mapping[str, str]
    secrets: Mapping[str, Secret] = field(repr=False)


@runtime_checkable
class Renews(Protocol):
    """What a connector does besides, whose credentials run out and can be exchanged for newer ones
    before they do. `renew_within`: how long before."""

    renew_within: timedelta

    def renew_before(self, channel: Channel) -> datetime | None:
        """When they run out; None where that is not known: they are renewed to find out."""
        ...

    async def renew(self, channel: Channel, now: datetime) -> Renewed | None:
        """New ones; None where this channel's never run out, or cannot be exchanged yet.

        raises   Temporary, Permanent, AccountTrouble (they are no longer good)
        """
        ...


@runtime_checkable
class SignsIn(Protocol):
    """What a connector does besides, whose credentials come from the provider's own sign-in page
    (OAuth 2.0 with PKCE). `given` are the credentials that were entered by hand before."""

    def sign_in_url(
        self,
        given: Mapping[str, str],
        *,
        redirect_uri: str,
        state: str,
        code_challenge: str,
        hint: str = "",
    ) -> str:
        """The provider's page to send the admin's browser to."""
        ...

    async def sign_in(
        self, given: Mapping[str, str], *, redirect_uri: str, code: str, code_verifier: str
    ) -> dict[str, str]:
        """All credentials of the channel, from what the provider sent the browser back with.

        raises   Temporary; Permanent with a sentence for the admin (a permission was unticked …)
        """
        ...


@runtime_checkable
class SignsOut(Protocol):
    """What a connector does besides, whose provider can be told that a channel ends, so that it
    neither calls us any more nor takes its credentials from whoever finds them."""

    async def sign_out(self, channel: Channel) -> None:
        """End what the channel began at its provider, as much of it as can be.

        raises   Temporary, Permanent, AccountTrouble, OutcomeUnknown; twice is no harm
        """
        ...
