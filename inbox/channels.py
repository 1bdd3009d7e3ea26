"""Connecting channels: what the settings pages, the API and the command line do, once.

A channel begins as a draft, so that its webhook address and verify token can be pasted at the
provider before there is anything else; it is connected when the provider accepted its credentials.
Disconnecting keeps its conversations and drops its secrets.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime

from inbox import events, log
from inbox.directory import Directory
from inbox.domain.abilities import SignsOut
from inbox.domain.channel import Channel, Connector, Credential, Manifest, Secret
from inbox.domain.errors import AssentError, Conflict, Invalid, NotFound, Permanent, Temporary
from inbox.domain.examination import Examination, Examines, Finding
from inbox.domain.ids import ChannelId, WorkspaceId
from inbox.hub import Hub
from inbox.ids import new_id, new_token
from inbox.stores import Stores

LONGEST_NAME = 80
LONGEST_CREDENTIAL = 4096
MOST_CHANNELS = 100
CHECK_S = 15.0
SIGN_OUT_S = 10.0
_TRIES = 3
_MEANWHILE = "The channel changed meanwhile. Reload the page."
_log = log.get("channels")


class _Changed(Conflict):
    """Somebody stored the channel since it was read."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Checked:
    """What was found out about a channel's credentials.

    findings  one for each credential that is asked for
    asked     False: the provider could not be asked, and nothing is known
    """

    findings: Mapping[str, Finding]
    account_name: str | None = None
    expires_at: datetime | None = None
    asked: bool = True

    @property
    def wrong(self) -> tuple[tuple[str, str], ...]:
        return tuple(
            (name, one.reason) for name, one in self.findings.items() if one.state == "wrong"
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Changes:
    """What an admin wants of a channel; None leaves a thing as it is. An empty credential is taken
    away."""

    name: str | None = None
    credentials: Mapping[str, str] = field(default_factory=dict, repr=False)
    provider_stop: bool | None = None
    connect: bool = False


# -- values: no database, no provider --------------------------------------------------------------


def draft(
    workspace_id: WorkspaceId, manifest: Manifest, now: datetime, name: str | None = None
) -> Channel:
    """A channel that has nothing but what we make ourselves: its address and its verify token."""
    channel_id = ChannelId(new_id("chn"))
    ours = {need.name: Secret(new_token()) for need in manifest.needs if need.origin == "ours"}
    return Channel(
        id=channel_id,
        workspace_id=workspace_id,
        kind=manifest.kind,
        name=_name(name or manifest.label),
        # No account of a provider has such an id, so that any number of drafts may be begun.
        account=f"draft:{channel_id}",
        config={},
        secrets=ours,
        provider_stop=manifest.provider_stop,
        state="draft",
        created_at=now,
        changed_at=dict.fromkeys(ours, now),
    )


def filled(
    channel: Channel,
    manifest: Manifest,
    given: Mapping[str, str],
    now: datetime,
    *,
    by_sign_in: bool = False,
) -> Channel:
    """The channel with these credentials in the place of what it had, and with what we make
    ourselves where that is missing.

    by_sign_in  they come from the provider's own page: none of them was typed
    raises      Invalid
    """
    if by_sign_in:
        texts = {name: text for name, text in given.items() if manifest.need(name) is not None}
    else:
        texts = {name: _text(manifest, name, text) for name, text in given.items()}
    secret = {name for name in texts if _is_secret(manifest, name)}
    config = {k: v for k, v in channel.config.items() if k not in texts}
    secrets = {k: v for k, v in channel.secrets.items() if k not in texts}
    config |= {k: v for k, v in texts.items() if v and k not in secret}
    secrets |= {k: Secret(v) for k, v in texts.items() if v and k in secret}
    made = [need.name for need in manifest.needs if need.origin == "ours"]
    made = [name for name in made if name not in secrets]
    secrets |= {name: Secret(new_token()) for name in made}
    fresh = [name for name in secret if texts[name]] + made
    return replace(
        channel,
        config=config,
        secrets=secrets,
        account=config.get(manifest.account_field, channel.account),
        changed_at={**channel.changed_at, **dict.fromkeys(fresh, now)},
    )


def missing(channel: Channel, manifest: Manifest) -> list[Credential]:
    """Credentials without which it cannot be connected."""
    return [need for need in manifest.needs if need.required and not channel.setting(need.name)]


def offline(channel: Channel, manifest: Manifest) -> dict[str, Finding]:
    """What can be said of credentials without asking anybody: nothing of those that are missing."""
    findings: dict[str, Finding] = {}
    for need in manifest.needs:
        text = channel.setting(need.name)
        if text and need.form and re.fullmatch(need.form, text) is None:
            reason = f"This does not look like a {need.label}. {need.help}"
            findings[need.name] = Finding(state="wrong", reason=reason)
        elif text and need.origin in ("ours", "choice"):
            findings[need.name] = Finding(state="ok")
    return findings


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        reason = f"A name has 1 to {LONGEST_NAME} characters."
        raise Invalid(reason, errors=(("name", reason),))
    return name


def _text(manifest: Manifest, name: str, text: str) -> str:
    need = manifest.need(name)
    if need is None or not need.is_entered:
        reason = "This cannot be entered here."
        raise Invalid(reason, errors=((f"credentials.{name}", reason),))
    text = text.strip()
    if len(text) > LONGEST_CREDENTIAL or "\0" in text or "\r" in text:
        reason = f"{need.label} is too long, or holds what cannot be typed. Copy it again."
        raise Invalid(reason, errors=((f"credentials.{name}", reason),))
    if text and need.choices and text not in [value for value, _ in need.choices]:
        reason = f"{need.label} has to be one of those that are offered."
        raise Invalid(reason, errors=((f"credentials.{name}", reason),))
    return text


def _is_secret(manifest: Manifest, name: str) -> bool:
    need = manifest.need(name)
    return need is not None and need.secret


# -- the provider ----------------------------------------------------------------------------------


async def check(connector: Connector, channel: Channel) -> Checked:
    """Ask the provider about what the channel has so far, for at most 15 seconds. Never raises what
    a provider may cause."""
    manifest = connector.manifest
    findings = offline(channel, manifest)
    broken = {name for name, one in findings.items() if one.state == "wrong"}
    # What is known to be wrong is not sent; the rest can be looked at all the same.
    sound = replace(
        channel,
        config={k: v for k, v in channel.config.items() if k not in broken},
        account="" if manifest.account_field in broken else channel.account,
    )
    try:
        async with asyncio.timeout(CHECK_S):
            examined = await _examined(connector, sound)
    except (Temporary, Permanent, TimeoutError):
        # An answer that nobody can read is none.
        return Checked(findings=_complete(manifest, channel, findings, {}), asked=False)
    return Checked(
        findings=_complete(manifest, channel, findings, examined.findings),
        account_name=examined.account_name,
        expires_at=examined.expires_at,
    )


async def _examined(connector: Connector, channel: Channel) -> Examination:
    if isinstance(connector, Examines):
        return await connector.examine(channel)
    manifest = connector.manifest
    if missing(channel, manifest):
        return Examination()
    entered = [need.name for need in manifest.needs if channel.setting(need.name)]
    try:
        name = await connector.check(channel)
    except Permanent as error:
        secrets = [name for name in entered if _is_secret(manifest, name)]
        return Examination(findings={name: _wrong(error) for name in secrets[:1]})
    return Examination(findings=dict.fromkeys(entered, Finding(state="ok")), account_name=name)


def _wrong(error: Exception) -> Finding:
    return Finding(state="wrong", reason=str(error))


def _complete(
    manifest: Manifest,
    channel: Channel,
    own: Mapping[str, Finding],
    told: Mapping[str, Finding],
) -> dict[str, Finding]:
    """Of each credential that is there: our own word where we have one, else the provider's."""
    return {
        need.name: own.get(need.name) or told.get(need.name) or Finding(state="unknown")
        for need in manifest.needs
        if channel.setting(need.name)
    }


# -- channels that are stored ----------------------------------------------------------------------


class Channels:
    def __init__(
        self,
        stores: Stores,
        hub: Hub,
        connectors: Mapping[str, Connector],
        directory: Directory,
    ) -> None:
        self._stores = stores
        self._hub = hub
        self._connectors = connectors
        self._directory = directory

    def connector(self, kind: str) -> Connector:
        """raises Invalid: there is no such kind"""
        found = self._connectors.get(kind)
        if found is None:
            reason = f"There is no such kind: choose of {', '.join(self._connectors)}."
            raise Invalid(reason, errors=(("kind", reason),))
        return found

    async def get(self, workspace_id: WorkspaceId, channel_id: str) -> Channel:
        """As it is stored now. raises NotFound"""
        found = await self._stores.channels.find(ChannelId(channel_id))
        if found is None or found.workspace_id != workspace_id:
            raise NotFound("There is no such channel.")
        if found.kind not in self._connectors:
            raise NotFound("There is no such channel.")
        return found

    async def begin(
        self, workspace_id: WorkspaceId, kind: str, now: datetime, name: str | None = None
    ) -> Channel:
        """A new draft, stored. raises Conflict: there are too many"""
        manifest = self.connector(kind).manifest
        if len(await self._stores.channels.of_workspace(workspace_id)) >= MOST_CHANNELS:
            raise Conflict(
                f"There are {MOST_CHANNELS} channels already. Discard drafts that nobody needs.",
                code="too_many_channels",
            )
        channel = draft(workspace_id, manifest, now, name)
        await self._stores.channels.add(channel)
        self._directory.forget()
        return channel

    async def change(self, channel: Channel, wanted: Changes, now: datetime) -> Channel:
        """Store what an admin wants. New credentials of a channel in use are kept only if the
        provider accepts them; a draft's are kept as they are until it is to be connected.

        raises   Invalid: with the fields at fault; Conflict: another account, or one that is
                 connected already, or the provider cannot be asked, or it changed meanwhile
        """
        for _ in range(_TRIES - 1):
            try:
                return await self._change(channel, wanted, now)
            except _Changed:
                channel = await self._as_it_is(channel)
        return await self._change(channel, wanted, now)

    async def _as_it_is(self, channel: Channel) -> Channel:
        """As somebody else stored it meanwhile, a renewal of its token perhaps. raises Conflict:
        it came or went, so that what was wanted of it may no longer be"""
        found = await self.get(channel.workspace_id, channel.id)
        if found.state != channel.state:
            raise _Changed(_MEANWHILE)
        return found

    async def _change(self, channel: Channel, wanted: Changes, now: datetime) -> Channel:
        manifest = self._connectors[channel.kind].manifest
        changed = filled(channel, manifest, wanted.credentials, now)
        if wanted.name is not None:
            changed = replace(changed, name=_name(wanted.name))
        if wanted.provider_stop is not None and manifest.provider_stop:
            changed = replace(changed, provider_stop=wanted.provider_stop)
        if not channel.in_use and not wanted.connect:
            # Until it is connected it has no claim on the account.
            changed = replace(changed, account=channel.account)
            return await self._store(changed, channel)
        self._same_account(channel, changed)
        if wanted.credentials or wanted.connect:
            return await self.connect(channel, changed)
        return await self._store(changed, channel)

    async def signed_in(
        self, channel: Channel, credentials: Mapping[str, str], now: datetime
    ) -> Channel:
        """Connect it with what the provider's own sign-in page gave. raises as `change`"""
        manifest = self._connectors[channel.kind].manifest
        wanted = filled(channel, manifest, credentials, now, by_sign_in=True)
        self._same_account(channel, wanted)
        return await self.connect(channel, wanted)

    async def connect(self, before: Channel, wanted: Channel) -> Channel:
        """Ask the provider, and keep the credentials when it accepts them. raises as `change`"""
        connector = self._connectors[wanted.kind]
        manifest = connector.manifest
        gaps = missing(wanted, manifest)
        if gaps:
            errors = tuple((f"credentials.{n.name}", f"{n.label} is needed.") for n in gaps)
            raise Invalid(f"{gaps[0].label} is needed.", errors=errors)
        checked = await check(connector, wanted)
        if checked.wrong:
            errors = tuple((f"credentials.{name}", reason) for name, reason in checked.wrong)
            raise Invalid(checked.wrong[0][1], code="wrong_credentials", errors=errors)
        if not checked.asked:
            raise Conflict(
                f"{manifest.provider} does not answer just now, so nothing was changed."
                " Try again in a minute.",
                code="provider_unavailable",
            )
        connected = replace(wanted, state="connected", trouble=None)
        connected = await self._store(connected, before)
        await self._stores.health.checked(connected, checked.account_name, checked.expires_at)
        name = "channel.connected"
        if before.state == "reauthorization_required":
            name = "channel.recovered"
        await self._hub.publish([events.channel_state(connected, name, "connected", None)])
        return connected

    async def renew_verify_token(self, channel: Channel, now: datetime) -> Channel:
        """With a new text for the handshake; the old one is no good from now on."""
        manifest = self._connectors[channel.kind].manifest
        ours = [need.name for need in manifest.needs if need.origin == "ours"]
        if not ours:
            raise Conflict(f"{manifest.label} has no verify token.", code="no_verify_token")
        changed = replace(
            channel,
            secrets={**channel.secrets, **{name: Secret(new_token()) for name in ours}},
            changed_at={**channel.changed_at, **dict.fromkeys(ours, now)},
        )
        return await self._store(changed, channel)

    async def disconnect(self, channel: Channel) -> Channel | None:
        """End it, at its provider too: its secrets are gone, its conversations stay, and what waits
        to be sent fails. A draft is gone altogether, which is None."""
        if channel.state == "draft":
            await self._stores.channels.remove_draft(channel)
            await self._stores.health.forget(channel)
            self._directory.forget()
            return None
        await self._sign_out(channel)
        ended = await self._ended(channel)
        told = events.channel_state(ended, "channel.disconnected", ended.state, ended.trouble)
        await self._hub.publish([told])
        return ended

    async def _ended(self, channel: Channel) -> Channel:
        """Stored as such, also where a worker noticed first that it is signed out."""
        for _ in range(_TRIES):
            ended = replace(
                channel,
                state="disconnected",
                trouble="It was disconnected. An admin can connect it again.",
                secrets={},
                changed_at={},
            )
            try:
                return await self._store(ended, channel)
            except _Changed:
                channel = await self.get(channel.workspace_id, channel.id)
        raise _Changed(_MEANWHILE)

    async def _sign_out(self, channel: Channel) -> None:
        """As far as it goes: a provider that is away does not keep an admin from ending it."""
        connector = self._connectors[channel.kind]
        if not isinstance(connector, SignsOut):
            return
        try:
            async with asyncio.timeout(SIGN_OUT_S):
                await connector.sign_out(channel)
        except AssentError as error:
            _log.warning("not signed out at the provider", channel=channel.id, code=error.code)
        except Exception as error:  # its message may hold anything
            name = type(error).__name__
            _log.warning("not signed out at the provider", channel=channel.id, error=name)

    async def _store(self, channel: Channel, before: Channel) -> Channel:
        """As it is stored then."""
        try:
            stored = await self._stores.channels.replace(channel, before.state)
        except Conflict as error:
            raise await self._taken(channel) from error
        if not stored:
            raise _Changed(_MEANWHILE)
        self._directory.forget()
        return replace(channel, revision=channel.revision + 1)

    async def _taken(self, channel: Channel) -> Conflict:
        """Who has the account, as far as this workspace may know."""
        other = await self._stores.channels.find_by_account(channel.kind, channel.account)
        if other is None or other.workspace_id != channel.workspace_id:
            return Conflict("This account is connected already.", code="channel_exists")
        if other.state == "disconnected":
            return Conflict(
                f"This account was connected before, as “{other.name}”. Open that channel and"
                " connect it again, so that its conversations go on.",
                code="channel_exists",
            )
        return Conflict(
            f"This account is connected already, as “{other.name}”.", code="channel_exists"
        )

    @staticmethod
    def _same_account(channel: Channel, changed: Channel) -> None:
        """Its conversations belong to one account of the provider."""
        if channel.state != "draft" and changed.account != channel.account:
            raise Conflict(
                "These are credentials of another account. Connect that as a channel of its own.",
                code="other_account",
            )
