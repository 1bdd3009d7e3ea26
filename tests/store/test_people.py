"""Who a message is from: recognised by any key, never doubled, never merged."""

from __future__ import annotations

import asyncio

import pytest

from inbox.domain.ids import ChannelId, WorkspaceId
from inbox.domain.report import Sender
from inbox.stores import Stores
from tests.office import NOW, a_sender

US, HERE = WorkspaceId("wsp_1"), ChannelId("chn_1")
PHONE, BSUID = "15550101", "US.101"


def sender(*keys: str, handle: str = "+15550101", name: str | None = None) -> Sender:
    return Sender(keys=keys, address=keys[0], handle=handle, name=name)


@pytest.mark.requirement("W6")
async def test_twenty_who_meet_a_person_at_once_make_one_identity(store: Stores) -> None:
    made = await asyncio.gather(
        *(store.people.create(US, HERE, "whatsapp", a_sender(), NOW) for _ in range(20))
    )
    assert len({identity.id for identity, _ in made}) == 1
    assert len({identity.contact_id for identity, _ in made}) == 1
    assert len({conversation_id for _, conversation_id in made}) == 1


async def test_any_key_finds_a_person(store: Stores) -> None:
    identity, conversation_id = await store.people.create(US, HERE, "whatsapp", a_sender(), NOW)
    found = await store.people.find_many(US, HERE, "whatsapp", [PHONE, BSUID, "15550999"])
    assert found == {PHONE: (identity, conversation_id), BSUID: (identity, conversation_id)}


async def test_a_person_is_known_to_one_channel_of_one_workspace(store: Stores) -> None:
    await store.people.create(US, HERE, "whatsapp", a_sender(), NOW)
    elsewhere = ChannelId("chn_2")
    assert await store.people.find_many(US, elsewhere, "whatsapp", [PHONE]) == {}
    assert await store.people.find_many(WorkspaceId("wsp_2"), HERE, "whatsapp", [PHONE]) == {}
    assert await store.people.find_many(US, HERE, "sms", [PHONE]) == {}


async def test_an_alias_that_is_learnt_finds_the_same_person(store: Stores) -> None:
    first, conversation_id = await store.people.create(US, HERE, "whatsapp", sender(PHONE), NOW)
    learnt = await store.people.learn(first, sender(PHONE, BSUID, name="Maya Ortiz"))
    assert (learnt.keys, learnt.name) == ((PHONE, BSUID), "Maya Ortiz")
    found = await store.people.find_many(US, HERE, "whatsapp", [BSUID])
    assert found == {BSUID: (learnt, conversation_id)}


async def test_an_alias_that_is_somebody_elses_stays_theirs(store: Stores) -> None:
    maya, _ = await store.people.create(US, HERE, "whatsapp", sender(PHONE), NOW)
    robin, _ = await store.people.create(US, HERE, "whatsapp", sender(BSUID, handle="@r"), NOW)
    assert await store.people.learn(maya, sender(PHONE, BSUID)) == maya
    found = await store.people.find_many(US, HERE, "whatsapp", [PHONE, BSUID])
    assert {key: identity.id for key, (identity, _) in found.items()} == {
        PHONE: maya.id,
        BSUID: robin.id,
    }


async def test_a_name_once_known_is_not_lost(store: Stores) -> None:
    named, _ = await store.people.create(US, HERE, "whatsapp", a_sender(name="Maya Ortiz"), NOW)
    learnt = await store.people.learn(named, a_sender(name=None))
    assert learnt.name == "Maya Ortiz"


async def test_a_contact_is_made_once_and_renamed(store: Stores) -> None:
    identity, _ = await store.people.create(US, HERE, "whatsapp", a_sender(), NOW)
    await store.people.ensure_contact(identity, NOW)
    await store.people.rename(identity.contact_id, "Maya O.")
    await store.people.ensure_contact(identity, NOW)
    contact = await store.people.find_contact(US, identity.contact_id)
    assert contact is not None
    assert (contact.name, contact.blocked, contact.created_at) == ("Maya O.", False, NOW)
