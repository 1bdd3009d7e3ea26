"""What an agent may see of contacts, fetched and shaped.

A contact is seen by its conversations on the agent's channels; of its identities, merges and
suggestions only those there are shown or told of.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

from inbox import shapes, terms
from inbox.domain.agent import Agent, can, channels_of
from inbox.domain.contact import Contact, Identity, Merge, shown_name
from inbox.domain.conversation import Conversation
from inbox.domain.errors import NotFound
from inbox.domain.ids import ContactId
from inbox.shapes import Json
from inbox.suggestions import Suggestion
from inbox.web.api import views
from inbox.web.context import Context

_MOST_MERGES = 50


@dataclass(frozen=True, kw_only=True, slots=True)
class Seen:
    """A contact as one agent sees it. `whole`: nothing of it is hidden from them."""

    contact: Contact
    identities: tuple[Identity, ...]
    conversations: tuple[Conversation, ...]
    whole: bool

    @property
    def name(self) -> str:
        return shown_name(self.contact, self.identities)


async def get_contact(context: Context, agent: Agent, contact_id: str) -> Seen:
    """raises NotFound: it does not exist, or no conversation of it is for this agent

    An id of a contact that was merged leads to the one that has it now.
    """
    us = agent.workspace_id
    await context.merges.mend(us, ContactId(contact_id), datetime.now(UTC))
    contact = await context.stores.people.find_contact(us, ContactId(contact_id))
    seen = None if contact is None else (await seen_by(context, agent, [contact]))[0]
    if seen is None or not seen.conversations:
        raise NotFound("There is no such contact.")
    return seen


async def seen_by(context: Context, agent: Agent, contacts: Sequence[Contact]) -> list[Seen]:
    ids = [one.id for one in contacts]
    families = await context.stores.people.of_contacts(agent.workspace_id, ids)
    found: list[Seen] = []
    for contact in contacts:
        conversations = await context.stores.conversations.of_contact(
            agent.workspace_id, contact.id, channels_of(agent)
        )
        visible = [one for one in conversations if can(agent, "see", one.channel_id)]
        visible.sort(key=lambda one: (one.last_activity_at, one.id), reverse=True)
        family = families[contact.id]
        identities = tuple(one for one in family if can(agent, "see", one.channel_id))
        found.append(
            Seen(
                contact=contact,
                identities=identities,
                conversations=tuple(visible),
                whole=len(identities) == len(family),
            )
        )
    return found


def fits(context: Context, seen: Seen, wanted: Sequence[str]) -> bool:
    """Whether what the agent sees of a contact has all the terms that were asked for."""
    has = terms.of_name(seen.contact.name) if seen.contact.name else set()
    for identity in seen.identities:
        verified = context.connectors[identity.kind].manifest.numbers
        has |= terms.of_identity(identity, verified=verified)
    return terms.matches(wanted, has)


# -- shapes ----------------------------------------------------------------------------------------


async def identity(context: Context, value: Identity) -> Json:
    channel = await views.get_channel(context, value.channel_id)
    manifest = context.connectors[value.kind].manifest
    numbers = [terms.number_in(key) if manifest.numbers else None for key in value.keys]
    shown = [
        key if number is None else shapes.readable(number)
        for number, key in zip(numbers, value.keys, strict=True)
    ]
    handle = shapes.readable(value.handle)
    return {
        "id": value.id,
        "kind": value.kind,
        "label": manifest.label,
        "channel": {"id": channel.id, "name": channel.name},
        "handle": handle,
        "aliases": [one for one in dict.fromkeys(shown) if one != handle.rpartition(" · ")[2]],
        "name": value.name,
        "picture": value.picture,
    }


async def card(context: Context, seen: Seen) -> Json:
    """A contact in a list."""
    identities = [await identity(context, one) for one in seen.identities]
    last = seen.conversations[0] if seen.conversations else None
    return {
        "id": seen.contact.id,
        "name": shapes.readable(seen.name),
        "blocked": seen.contact.blocked,
        "picture": next((one["picture"] for one in identities if one["picture"]), None),
        "identities": identities,
        "last_conversation_id": None if last is None else last.id,
        "last_activity_at": None if last is None else shapes.time(last.last_activity_at),
        "created_at": shapes.time(seen.contact.created_at),
    }


async def whole(context: Context, agent: Agent, seen: Seen) -> Json:
    """A contact by itself."""
    merges = await _merges(context, seen)
    return {
        **await card(context, seen),
        "note": seen.contact.note,
        "named": seen.contact.named,
        "conversations": await views.shaped(context, agent, seen.conversations),
        "merges": [await merge(context, one) for one in merges],
        "may": {
            "merge": can(agent, "merge") and seen.whole,
            "block": can(agent, "block"),
            "export": can(agent, "export_contact"),
        },
    }


async def _merges(context: Context, seen: Seen) -> list[Merge]:
    """What this contact took in, also by way of others, and could give back; the newest first."""
    shown = {one.id for one in seen.identities}
    asked: set[ContactId] = set()
    wanted = [seen.contact.id]
    found: list[Merge] = []
    while wanted and len(asked) < _MOST_MERGES:
        contact_id = wanted.pop()
        asked.add(contact_id)
        for one in await context.stores.merges.of_contact(seen.contact.workspace_id, contact_id):
            if one.kept == contact_id and one.state == "merged" and one.gone not in asked:
                wanted.append(one.gone)
                if set(one.identity_ids) <= shown:
                    found.append(one)
    return sorted(found, key=lambda one: one.id, reverse=True)


async def merge(context: Context, value: Merge) -> Json:
    gone = await context.stores.contacts.find_exactly(value.workspace_id, value.gone)
    identities = [await context.stores.people.get(one) for one in value.identity_ids]
    agent = await context.stores.accounts.find_agent(value.by)
    return {
        "id": value.id,
        "contact_id": value.kept,
        "merged_id": value.gone,
        "name": None if gone is None else shapes.readable(shown_name(gone, identities)),
        "note": "" if gone is None else gone.note,
        "identity_ids": list(value.identity_ids),
        "state": value.state,
        "at": shapes.time(value.at),
        "by": {"id": value.by, "name": None if agent is None else agent.name},
    }


async def suggestion(context: Context, value: Suggestion) -> Json:
    return {
        "contact_id": value.contact.id,
        "name": shapes.readable(shown_name(value.contact, value.identities)),
        "strength": value.strength,
        "reasons": list(value.reasons),
        "identities": [await identity(context, one) for one in value.identities],
    }
