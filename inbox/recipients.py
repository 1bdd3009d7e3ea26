"""Whom a mail goes to, and what it answers: what an agent is offered, and what is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from inbox.domain.channel import Channel
from inbox.domain.consent import Purpose, standing
from inbox.domain.contact import Identity
from inbox.domain.conversation import Conversation
from inbox.domain.gate import Decision, Other, decide_others
from inbox.domain.mail import (
    Recipients,
    address_key,
    automated,
    of,
    references_after,
    reply_all,
    reply_subject,
    same_subject,
)
from inbox.domain.message import Direction, Message
from inbox.stores import Stores

_PAGE = 50
_PAGES = 4


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """How a mail in a conversation goes by itself. `parent` is the mail that it answers, as stored;
    empty where the conversation has none."""

    recipients: Recipients
    subject: str
    sender: str
    parent: Mapping[str, Any] = field(repr=False)


async def answer(
    stores: Stores,
    conversation: Conversation,
    identity: Identity,
    channel: Channel,
    *,
    before_seq: int | None = None,
) -> Answer:
    """Reply to all of the newest mail that a person wrote.

    before_seq   what came after the message that is being sent it does not answer
    """
    parent = await _newest_mail(stores, conversation, before_seq)
    alias = parent.get("alias") or channel.account
    ours = [channel.account, str(alias)]
    subject = parent.get("subject") or conversation.subject or ""
    return Answer(
        recipients=reply_all(parent, identity.address, ours),
        subject=reply_subject(str(subject)),
        sender=str(alias),
        parent=parent,
    )


async def _newest_mail(
    stores: Stores, conversation: Conversation, before_seq: int | None
) -> Mapping[str, Any]:
    """The newest that a person wrote, else the newest of all."""
    before_place: int | None = None
    fallback: Mapping[str, Any] = {}
    for _ in range(_PAGES):
        page = await stores.messages.page(
            conversation.workspace_id,
            conversation.id,
            last_seq=conversation.last_seq,
            before_place=before_place,
            limit=_PAGE,
        )
        mails = [one for one in reversed(page) if _counts(one, before_seq)]
        for one in mails:
            if not automated(one):
                return of(one)
        fallback = fallback or (of(mails[0]) if mails else {})
        lowest = (conversation.last_seq if before_place is None else before_place - 1) - _PAGE
        if lowest <= 0:
            break
        before_place = lowest + 1
    return fallback


def _counts(message: Message, before_seq: int | None) -> bool:
    """A mail that is there: one of ours only once it has left."""
    if before_seq is not None and message.seq >= before_seq:
        return False
    mail = of(message)
    ours = message.direction is Direction.OUTBOUND
    return bool(mail) and (not ours or bool(mail.get("message_id")))


def threading(found: Answer, subject: str) -> dict[str, object]:
    """What joins a mail to its thread, there and at the provider, which wants the same subject."""
    parent = found.parent
    known = parent.get("message_id")
    references = [str(one) for one in parent.get("references") or []]
    same = same_subject(str(parent.get("subject") or ""), subject)
    return {
        "in_reply_to": known,
        "references": references_after(references, known),
        "thread_id": parent.get("thread_id") if same else None,
    }


async def others_decision(
    stores: Stores,
    identity: Identity,
    recipients: Recipients,
    purpose: Purpose,
    label: str,
    now: datetime,
) -> Decision | None:
    """The gate's refusal because of somebody else whom the mail would go to; None: no objection.

    raises   StoreUnavailable: then nothing is decided, and nothing sent
    """
    own = {address_key(one) for one in (identity.address, *identity.keys)}
    named = [
        (name, position, address)
        for name in ("to", "cc", "bcc")
        for position, address in enumerate(getattr(recipients, name), start=1)
        if address_key(address) not in own
    ]
    if not named:
        return None
    tags = stores.people.tags(identity.kind, [address for *_, address in named])
    known = await stores.ledger.of_points(identity.workspace_id, tags, now)
    blocked = await _blocked(stores, identity, [address for *_, address in named])
    others: Sequence[Other] = [
        Other(
            field=name,
            position=position,
            standing=standing((event for event in known if tag in event.points), now),
            blocked=address in blocked,
        )
        for (name, position, address), tag in zip(named, tags, strict=True)
    ]
    return decide_others(others, purpose, label)


async def _blocked(stores: Stores, identity: Identity, addresses: Sequence[str]) -> set[str]:
    """Those that are a blocked contact's on this mailbox."""
    us, found = identity.workspace_id, set[str]()
    known = await stores.people.find_many(us, identity.channel_id, identity.kind, addresses)
    for address, (other, _) in known.items():
        contact = await stores.people.find_contact(us, other.contact_id)
        if contact is not None and contact.blocked:
            found.add(address)
    return found
