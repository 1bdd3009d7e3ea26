"""Brings the gate its facts: what is stored of a contact, a channel and its kind."""

from __future__ import annotations

from datetime import datetime

from inbox.domain.channel import Channel, Manifest
from inbox.domain.consent import Standing, standing
from inbox.domain.contact import Identity
from inbox.domain.conversation import Conversation
from inbox.domain.gate import Facts, Policy
from inbox.stores import Stores


def policy(channel: Channel, manifest: Manifest) -> Policy:
    return Policy(
        label=manifest.label,
        window_hours=manifest.window_hours,
        reply_basis_days=manifest.reply_basis_days,
        provider_stop=channel.provider_stop,
    )


async def standing_of(stores: Stores, identity: Identity, now: datetime) -> Standing:
    points = stores.people.tags(identity.kind, identity.keys)
    return standing(await stores.ledger.of_points(identity.workspace_id, points, now), now)


async def facts(
    stores: Stores, conversation: Conversation, identity: Identity, now: datetime
) -> Facts:
    """raises StoreUnavailable: then nothing is decided, and nothing sent"""
    contact = await stores.people.find_contact(conversation.workspace_id, conversation.contact_id)
    return Facts(
        standing=await standing_of(stores, identity, now),
        last_inbound_at=conversation.last_inbound_at,
        last_basis_at=conversation.last_basis_at,
        # A contact that cannot be found is not written to.
        blocked=contact is None or contact.blocked,
    )
