"""Who a WhatsApp report is about: a person with a number, a business-scoped user id (BSUID), or
both.

A person with a user name hides the number, so it may be missing at any time; a person who changes
the number gets a new user id, too.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from connectors.body import instant, items, line, mapping
from inbox.domain.report import IdentityChanged, Ignored, Report, Sender

_PHONE = re.compile(r"[0-9]{5,20}", re.ASCII)
_OPAQUE = re.compile(r"[0-9A-Za-z_.:@<>{}=-]{2,128}", re.ASCII)
_SHARED = re.compile(r"\+[0-9]{7,15}", re.ASCII)

# The last is what older payloads say.
_NEW_IDS = ("user_changed_number", "user_changed_user_id", "customer_changed_number")


def read_people(value: Mapping[str, object]) -> dict[str, object]:
    """A change's `contacts` by each of their ids: up to a thousand messages look theirs up."""
    people: dict[str, object] = {}
    for contact in items(value, "contacts"):
        for key in ("user_id", "wa_id"):
            found = line(contact, key, 160)
            if found is not None:
                people.setdefault(found, contact)
    return people


def read_sender(
    *,
    phone: str | None,
    user_id: str | None,
    parent_id: str | None,
    people: Mapping[str, object],
    shared: str | None = None,
) -> Sender | None:
    """The person with these ids; None when there is none that can be one.

    people  name and number in it belong to whom the ids say, never to whom the position says
    shared  a number that is proven to be theirs, beside those they write with
    """
    written, phone = phone, _number(phone)
    if phone is None and written is not None and _OPAQUE.fullmatch(written):
        # No number, yet it says who it is: better a person under an odd id than no message.
        user_id = user_id or written
    contact = people.get(user_id or "") or people.get(written or "") or people.get(phone or "")
    wa_id = _number(line(contact, "wa_id", 32))
    user_id = user_id or line(contact, "user_id", 160)
    parent_id = parent_id or line(contact, "parent_user_id", 160)
    keys = tuple(dict.fromkeys(key for key in (wa_id, phone, user_id, parent_id) if key))
    if shared is not None and shared not in keys:
        keys = (*keys, shared)
    number = phone or wa_id
    own_id = user_id or parent_id
    if number is None and own_id is None:
        return None
    profile = mapping(contact, "profile")
    name, username = line(profile, "name"), line(profile, "username", 64)
    if number is not None:
        return Sender(
            keys=keys, address=f"+{number}", handle=f"+{number}", name=name, person_id=user_id
        )
    handle = f"@{username.lstrip('@')}" if username else name or own_id
    return Sender(
        keys=keys, address=own_id or "", handle=handle or "", name=name, person_id=user_id
    )


def writer(item: object, people: Mapping[str, object]) -> Sender | None:
    """Who wrote a message."""
    return read_sender(
        phone=line(item, "from", 129),
        user_id=line(item, "from_user_id", 160),
        parent_id=line(item, "from_parent_user_id", 160),
        people=people,
        shared=_shared_number(item),
    )


def only_person(value: Mapping[str, object]) -> Sender | None:
    """Who answered our request for a number, when only the change's one contact says so, as in
    Meta's own example; the message's own ids hold where there are any."""
    contacts, messages = items(value, "contacts"), items(value, "messages")
    if len(contacts) != 1 or len(messages) != 1:
        return None
    known = messages[0] if isinstance(messages[0], Mapping) else {}
    named = any(known.get(name) is not None for name in ("from", "from_user_id"))
    if named or line(known, "origin", 64) != "contact_request":
        return None
    return read_sender(
        phone=line(contacts[0], "wa_id", 32),
        user_id=line(contacts[0], "user_id", 160),
        parent_id=line(contacts[0], "parent_user_id", 160),
        people=read_people(value),
        shared=_shared_number(known),
    )


def reader(item: object, people: Mapping[str, object]) -> Sender | None:
    """Whom a message of ours went to."""
    return read_sender(
        phone=line(item, "to", 129),
        user_id=line(item, "to_user_id", 160),
        parent_id=line(item, "to_parent_user_id", 160),
        people=people,
    )


def _number(text: str | None) -> str | None:
    """The digits of a number, which now and then is written as people write it."""
    bare = re.sub(r"[+\s().-]", "", text or "")
    return bare if _PHONE.fullmatch(bare) else None


def _shared_number(item: object) -> str | None:
    """The number in an answer to our request for it, which alone proves that it is the sender's
    own: any other card may be anybody's. None without a country code."""
    if line(item, "type", 64) != "contacts" or line(item, "origin", 64) != "contact_request":
        return None
    phones = [phone for card in items(item, "contacts") for phone in items(card, "phones")]
    if len(phones) != 1:
        return None
    wa_id = _number(line(phones[0], "wa_id", 32))
    written = re.sub(r"[\s().-]", "", line(phones[0], "phone", 64) or "")
    return wa_id or (written[1:] if _SHARED.fullmatch(written) else None)


def read_system(item: object, account: str, received_at: datetime) -> Report:
    """What a `system` message says: new ids of a person, or nothing that we act upon."""
    told = mapping(item, "system")
    kind = line(told, "type", 64)
    if kind == "customer_identity_changed":
        return Ignored(reason="identity_check", account=account)
    if kind not in _NEW_IDS:
        return Ignored(reason="system", account=account)
    user_id = line(told, "user_id", 160)
    sender = read_sender(
        phone=line(told, "wa_id", 32) or line(told, "new_wa_id", 32),
        user_id=user_id,
        parent_id=line(told, "parent_user_id", 160),
        people={},
    )
    former = (
        _number(line(item, "from", 32)),
        line(told, "previous_user_id", 160),
        line(told, "previous_parent_user_id", 160),
        line(item, "from_user_id", 160),
    )
    old_keys = tuple(dict.fromkeys(key for key in former if key and key != user_id))
    if sender is None or not old_keys:
        return Ignored(reason="no_sender", account=account)
    return IdentityChanged(
        account=account,
        old_keys=old_keys,
        sender=sender,
        at=instant(item, "timestamp", received_at),
    )
