"""Brings the gate its facts: what is stored of a contact, a channel and its kind."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from inbox.domain.channel import Channel, Manifest
from inbox.domain.consent import OPT_OUTS, ConsentEvent, Purpose, Standing, standing
from inbox.domain.contact import Identity
from inbox.domain.conversation import Conversation
from inbox.domain.gate import Facts, Policy
from inbox.domain.ids import ChannelId, WorkspaceId
from inbox.domain.keywords import Keyword, keyword, stop_phrase
from inbox.domain.mail import automated, is_basis
from inbox.domain.message import Message
from inbox.domain.template import TemplateCategory, TemplateUse
from inbox.stores import Stores


def policy(channel: Channel, manifest: Manifest) -> Policy:
    """The kind's rules as they hold for this channel. Human replies after the window need a
    permission of the provider, which an admin says the account has."""
    has_permission = channel.config.get("human_agent") == "yes"
    return Policy(
        label=manifest.label,
        window_hours=manifest.window_hours,
        reply_basis_days=manifest.reply_basis_days,
        provider_stop=channel.provider_stop,
        human_agent_days=manifest.human_agent_days if has_permission else None,
        templates=manifest.rich.templates,
    )


async def standing_of(stores: Stores, identity: Identity, now: datetime) -> Standing:
    """Of this identity; what the same contact forbade at another address on the kind holds here,
    too, unless they allowed it here since."""
    own = await _events_of(stores, identity, now)
    family = await stores.people.of_contact(identity.workspace_id, identity.contact_id)
    others: list[ConsentEvent] = []
    for other, _ in family:
        if other.kind == identity.kind and other.id != identity.id:
            others += await opt_outs_of(stores, other, now)
    return standing([*own, *others], now)


async def opt_outs_of(stores: Stores, identity: Identity, now: datetime) -> list[ConsentEvent]:
    """The opt-outs in force at this identity alone. What its provider does is that address's own
    affair and goes no further."""
    events = await _events_of(stores, identity, now)
    state = standing(events, now)
    found = [] if state.opt_out is None else [state.opt_out]
    if state.marketing_block:
        found += [
            event
            for event in events
            if event.type in OPT_OUTS and event.purpose is Purpose.PROMOTIONAL
        ]
    return [replace(event, by_provider=False) for event in found]


async def history_of(stores: Stores, identity: Identity, now: datetime) -> list[ConsentEvent]:
    """All that is on record for an identity, in the order in which it happened."""
    return sorted(await _events_of(stores, identity, now), key=lambda one: (one.at, one.id))


async def _events_of(stores: Stores, identity: Identity, now: datetime) -> list[ConsentEvent]:
    points = stores.people.tags(identity.kind, identity.keys)
    return await stores.ledger.of_points(identity.workspace_id, points, now)


def _asks_to_stop(text: str, manifest: Manifest) -> bool:
    return keyword(text, manifest.words) is Keyword.STOP or stop_phrase(text)


async def facts(
    stores: Stores,
    conversation: Conversation,
    identity: Identity,
    manifest: Manifest,
    now: datetime,
) -> Facts:
    """Everything the gate needs. A conversation's summary trails its messages by a moment, so
    what it does not hold yet is read from the messages themselves.

    raises   StoreUnavailable: then nothing is decided, and nothing sent
    """
    contact = await stores.people.find_contact(conversation.workspace_id, conversation.contact_id)
    newer = await stores.messages.inbound_after(
        conversation.workspace_id, conversation.id, conversation.heard_seq
    )
    inbound_at, basis_at = times_of(newer, manifest)
    templates = manifest.rich.templates and await stores.templates.has_for_replies(
        conversation.workspace_id, conversation.channel_id
    )
    return Facts(
        standing=await standing_of(stores, identity, now),
        last_inbound_at=_latest(conversation.last_inbound_at, inbound_at),
        last_basis_at=_latest(conversation.last_basis_at, basis_at),
        # A contact that cannot be found is not written to.
        blocked=contact is None or contact.blocked,
        templates=templates,
    )


def times_of(
    messages: Sequence[Message], manifest: Manifest
) -> tuple[datetime | None, datetime | None]:
    """When the contact last wrote, and when last something that a reply may rest on: what a
    summary of these inbound messages says. What a program wrote, or was there before we were,
    opens no window."""
    wrote = [one.sent_at for one in messages if not automated(one) and not one.history]
    basis = [
        one.sent_at for one in messages if is_basis(one) and not _asks_to_stop(one.text, manifest)
    ]
    return max(wrote, default=None), max(basis, default=None)


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)


async def catch_up(stores: Stores, conversation: Conversation, manifest: Manifest) -> None:
    """Sum up what the contact wrote and nobody has summed up: another process has taken it, and
    may have died since. Its own summary, should it come, changes nothing more."""
    newer = await stores.messages.inbound_after(
        conversation.workspace_id, conversation.id, conversation.heard_seq
    )
    if newer:
        times = times_of(newer, manifest)
        await stores.conversations.catch_up(conversation.id, newer[-1], *times)


async def template_use(
    stores: Stores,
    workspace_id: WorkspaceId,
    channel_id: ChannelId,
    content: Mapping[str, object] | None,
) -> TemplateUse | None:
    """What the provider says now of the template that a message is made of; None for one that is
    not made of any. One that is not listed any more is not approved."""
    named = None if content is None else content.get("template")
    if not isinstance(named, Mapping):
        return None
    found = await stores.templates.find(
        workspace_id, channel_id, str(named.get("name")), str(named.get("language"))
    )
    if found is None:
        return TemplateUse(category=TemplateCategory.OTHER, approved=False)
    return TemplateUse(category=found.category, approved=found.approved)
