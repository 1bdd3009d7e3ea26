"""Two contacts become one by an agent's hand, whatever breaks in between, and two again."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from inbox.consent import facts, standing_of
from inbox.domain.agent import Agent, Role
from inbox.domain.contact import Contact, Merge
from inbox.domain.conversation import Conversation
from inbox.domain.errors import Conflict
from inbox.domain.ids import AgentId, ContactId
from inbox.domain.report import Sender
from inbox.ids import new_id
from inbox.merges import Merges
from inbox.people import People, Wanted
from tests.office import NOW, Office, sms, whatsapp, whatsapp_item

LATER = timedelta(minutes=5)
MERGING = 9  # the steps of a merge, and of a split one less
SPLITTING = 8


def merges(office: Office) -> Merges:
    """New ones, as after a restart."""
    return Merges(office.stores, office.hub, office.connectors)


def people(office: Office) -> People:
    return People(office.stores, office.hub, office.connectors)


def ana(office: Office) -> Agent:
    return Agent(
        id=AgentId("agt_1"),
        workspace_id=office.workspace_id,
        email="ana@example.com",
        name="Ana Silva",
        role=Role.AGENT,
    )


async def contact(office: Office, kind: str) -> Contact:
    """The contact of the only conversation of a kind."""
    found = await office.stores.people.find_contact(
        office.workspace_id, (await conversation(office, kind)).contact_id
    )
    assert found is not None
    return found


async def conversation(office: Office, kind: str) -> Conversation:
    (found,) = [one for one in await office.conversations() if one.kind == kind]
    return found


async def two(office: Office) -> tuple[Contact, Contact]:
    """Maya by WhatsApp, with her name, and by SMS, with her number alone."""
    await office.takes("whatsapp", whatsapp(whatsapp_item("Hello")))
    await office.takes("sms", sms("It is me again"))
    return await contact(office, "whatsapp"), await contact(office, "sms")


async def state(office: Office) -> list[tuple[str, str, str, str]]:
    """Who has which identity and conversation, and what it is called there."""
    found = []
    for one in sorted(await office.conversations(), key=lambda one: one.kind):
        identity = await office.stores.people.get(one.identity_id)
        found.append((one.kind, one.contact_id, identity.contact_id, one.contact_name))
    return found


def merged(kept: Contact) -> list[tuple[str, str, str, str]]:
    return [(kind, kept.id, kept.id, "Maya Ortiz") for kind in ("sms", "whatsapp")]


def apart(by_whatsapp: ContactId, by_sms: ContactId) -> list[tuple[str, str, str, str]]:
    return [
        ("sms", by_sms, by_sms, "+15550101"),
        ("whatsapp", by_whatsapp, by_whatsapp, "Maya Ortiz"),
    ]


async def begun(office: Office, kept: Contact, gone: Contact) -> Merge:
    merge = Merge(
        id=new_id("mrg"),  # type: ignore[arg-type]
        workspace_id=office.workspace_id,
        kept=kept.id,
        gone=gone.id,
        state="merging",
        by=AgentId("agt_1"),
        at=NOW,
    )
    await office.stores.merges.begin(merge, NOW)
    return merge


async def test_a_merge_moves_all_and_the_old_id_leads_to_the_new_one(office: Office) -> None:
    kept, gone = await two(office)
    done = await merges(office).merge(kept, gone, ana(office), NOW)
    assert done.state == "merged"
    assert await state(office) == merged(kept)
    found = await office.stores.people.find_contact(office.workspace_id, gone.id)
    assert found is not None
    assert found.id == kept.id
    assert "contact.merged" in office.events


async def test_it_may_be_merged_the_other_way_and_the_name_is_kept(office: Office) -> None:
    kept, gone = await two(office)
    await merges(office).merge(gone, kept, ana(office), NOW)
    assert await state(office) == merged(gone)


@pytest.mark.parametrize("done", range(MERGING + 1))
async def test_a_merge_that_died_after_any_step_is_finished(office: Office, done: int) -> None:
    kept, gone = await two(office)
    merge = await begun(office, kept, gone)
    steps = merges(office).steps(merge, NOW)
    assert len(steps) == MERGING
    for step in steps[:done]:
        await step()
    await merges(office).mend(office.workspace_id, gone.id, NOW + LATER)
    assert await state(office) == merged(kept)
    again = await office.stores.merges.find(office.workspace_id, merge.id)
    assert again is not None
    assert again.state == "merged"
    undone = await merges(office).undo(again, ana(office), NOW)
    assert undone.state == "split"
    assert await state(office) == apart(kept.id, gone.id)


@pytest.mark.parametrize("done", range(SPLITTING + 1))
async def test_a_split_that_died_after_any_step_is_finished(office: Office, done: int) -> None:
    kept, gone = await two(office)
    merge = await merges(office).merge(kept, gone, ana(office), NOW)
    assert await office.stores.merges.begin_undo(merge, (False, False), AgentId("agt_1"), NOW)
    opened = await office.stores.merges.find(office.workspace_id, merge.id)
    assert opened is not None
    steps = merges(office).steps(opened, NOW)
    assert len(steps) == SPLITTING
    for step in steps[:done]:
        await step()
    await merges(office).mend_all(NOW, alone=True)
    assert await state(office) == apart(kept.id, gone.id)


async def test_another_server_waits_for_the_one_that_is_at_it(office: Office) -> None:
    kept, gone = await two(office)
    merge = await begun(office, kept, gone)
    await merges(office).steps(merge, NOW)[0]()
    await merges(office).mend(office.workspace_id, gone.id, NOW + timedelta(seconds=1))
    assert await state(office) == apart(kept.id, gone.id)
    with pytest.raises(Conflict):
        await merges(office).merge(gone, kept, ana(office), NOW + timedelta(seconds=1))
    await merges(office).merge(kept, await third(office), ana(office), NOW + LATER)
    assert (await state(office))[0][1] == kept.id


async def third(office: Office) -> Contact:
    await office.takes("whatsapp", whatsapp(whatsapp_item("Hi", phone="15550103", bsuid="US.103")))
    (found,) = [one for one in await office.conversations() if one.handle == "+15550103"]
    contact = await office.stores.people.find_contact(office.workspace_id, found.contact_id)
    assert contact is not None
    return contact


async def test_two_agents_who_merge_both_ways_at_once_end_with_one_merge(office: Office) -> None:
    one, other = await two(office)
    done = await asyncio.gather(
        *(
            merges(office).merge(kept, gone, ana(office), NOW)
            for kept, gone in [(one, other), (other, one)] * 3
        ),
        return_exceptions=True,
    )
    kept = [each.kept for each in done if isinstance(each, Merge)]
    assert len(kept) == 1
    assert {type(each) for each in done} == {Merge, Conflict}
    assert {row[1:3] for row in await state(office)} == {(kept[0], kept[0])}
    assert len(await office.stores.merges.of_contact(office.workspace_id, one.id)) == 1


async def test_who_was_too_slow_does_nothing_once_another_took_over(office: Office) -> None:
    kept, gone = await two(office)
    merge = await begun(office, kept, gone)
    slow = await office.stores.merges.find(office.workspace_id, merge.id)
    assert slow is not None
    assert await office.stores.merges.renew(slow, NOW)
    assert await office.stores.merges.claim(merge, NOW + LATER)
    assert not await office.stores.merges.renew(slow, NOW + LATER)
    assert not await office.stores.merges.claim(merge, NOW + LATER)


async def test_messages_that_come_while_it_is_merged_are_in_their_conversation(
    office: Office,
) -> None:
    kept, gone = await two(office)
    merge = await begun(office, kept, gone)
    for number, step in enumerate(merges(office).steps(merge, NOW)):
        await step()
        await office.takes("sms", sms(f"Message {number}"))
    assert await state(office) == merged(kept)
    thread = await office.thread(await conversation(office, "sms"))
    texts = {one.text for one in thread}
    assert {f"Message {number}" for number in range(MERGING)} <= texts


async def test_a_conversation_made_by_who_read_the_old_contact_is_moved(office: Office) -> None:
    kept, _ = await two(office)
    channel = office.channels["sms"]
    sender = Sender(keys=("+15550105",), address="+15550105", handle="+15550105")
    early, conversation_id = await office.stores.people.create(
        office.workspace_id, channel.id, "sms", sender, NOW
    )
    await office.stores.people.ensure_contact(early, NOW)
    gone = await office.stores.people.find_contact(office.workspace_id, early.contact_id)
    assert gone is not None
    await merges(office).merge(kept, gone, ana(office), NOW)
    # Intake read the identity before it moved, and stores the conversation only now.
    found = await people(office).conversations(
        {conversation_id: Wanted(identity=early, channel=channel, at=NOW)}
    )
    assert found[conversation_id].contact_id == kept.id
    stored = await office.stores.conversations.find(office.workspace_id, conversation_id)
    assert stored is not None
    assert stored.contact_id == kept.id


async def test_one_identity_is_split_off_to_a_contact_of_its_own(office: Office) -> None:
    kept, gone = await two(office)
    await merges(office).merge(kept, gone, ana(office), NOW)
    identity = await office.stores.people.get((await conversation(office, "sms")).identity_id)
    whole = await contact(office, "sms")
    split = await merges(office).split_off(whole, identity, ana(office), NOW)
    assert split.gone not in (kept.id, gone.id)
    assert await state(office) == apart(kept.id, split.gone)
    assert "contact.unmerged" in office.events


async def test_an_undo_after_a_further_merge_takes_out_what_it_brought_in(office: Office) -> None:
    kept, gone = await two(office)
    first = await merges(office).merge(kept, gone, ana(office), NOW)
    other = await third(office)
    await merges(office).merge(other, kept, ana(office), NOW)
    await merges(office).undo(first, ana(office), NOW)
    by_handle = {one.kind + one.handle: one.contact_id for one in await office.conversations()}
    assert by_handle == {
        "sms+15550101": gone.id,
        "whatsapp+15550101": other.id,
        "whatsapp+15550103": other.id,
    }
    with pytest.raises(Conflict):
        await merges(office).undo(first, ana(office), NOW)


# -- what was forbidden ----------------------------------------------------------------------------


async def blocked(office: Office) -> dict[str, bool]:
    return {
        one.kind: (await contact(office, one.kind)).blocked for one in await office.conversations()
    }


async def gate_blocks(office: Office, kind: str) -> bool:
    found = await conversation(office, kind)
    identity = await office.stores.people.get(found.identity_id)
    manifest = office.connectors[kind].manifest
    return (await facts(office.stores, found, identity, manifest, datetime.now(UTC))).blocked


@pytest.mark.parametrize("who", ["whatsapp", "sms"])
async def test_who_is_blocked_as_either_is_blocked_as_both_at_every_step(
    office: Office, who: str
) -> None:
    kept, gone = await two(office)
    await office.stores.contacts.set_blocked(await contact(office, who), True, NOW)
    merge = await begun(office, kept, gone)
    for step in merges(office).steps(merge, NOW):
        await step()
        assert await gate_blocks(office, who)
    assert await blocked(office) == {"whatsapp": True, "sms": True}
    done = await office.stores.merges.find(office.workspace_id, merge.id)
    assert done is not None
    await merges(office).undo(done, ana(office), NOW + LATER)
    assert await blocked(office) == {"whatsapp": who == "whatsapp", "sms": who == "sms"}


async def test_who_is_blocked_after_a_merge_stays_so_on_both_sides(office: Office) -> None:
    kept, gone = await two(office)
    merge = await merges(office).merge(kept, gone, ana(office), NOW)
    await office.stores.contacts.set_blocked(await contact(office, "sms"), True, NOW + LATER)
    await merges(office).undo(merge, ana(office), NOW + 2 * LATER)
    assert await blocked(office) == {"whatsapp": True, "sms": True}


async def two_numbers(office: Office) -> tuple[Conversation, Conversation]:
    await office.takes("sms", sms("Hello"), sms("Hello", phone="+15550102"))
    first, second = sorted(await office.conversations(), key=lambda one: one.handle)
    return first, second


async def opted_out(office: Office, one: Conversation) -> bool:
    identity = await office.stores.people.get(one.identity_id)
    far = datetime.now(UTC) + timedelta(hours=1)
    return (await standing_of(office.stores, identity, far)).opt_out is not None


async def their(office: Office, one: Conversation) -> Contact:
    found = await office.stores.people.find_contact(office.workspace_id, one.contact_id)
    assert found is not None
    return found


async def test_a_stop_at_one_number_holds_at_the_other_and_after_they_part(office: Office) -> None:
    first, second = await two_numbers(office)
    await office.takes("sms", sms("STOP"))
    assert not await opted_out(office, second)
    kept, gone = await their(office, first), await their(office, second)
    merge = await merges(office).merge(kept, gone, ana(office), NOW)
    assert await opted_out(office, first)
    assert await opted_out(office, second)
    await merges(office).undo(merge, ana(office), datetime.now(UTC))
    assert await opted_out(office, first)
    assert await opted_out(office, second)


async def test_a_start_lifts_what_was_forbidden_at_the_number_it_came_from(office: Office) -> None:
    first, second = await two_numbers(office)
    before = datetime.now(UTC) - timedelta(hours=2)
    await office.takes("sms", sms("STOP"), at=before)
    merge = await merges(office).merge(
        await their(office, first), await their(office, second), ana(office), NOW
    )
    await office.takes("sms", sms("START", phone="+15550102"))
    for _ in range(2):
        assert await opted_out(office, first)
        assert not await opted_out(office, second)
        if merge.state == "merged":
            merge = await merges(office).undo(merge, ana(office), datetime.now(UTC))


async def test_a_stop_by_sms_says_nothing_of_whatsapp(office: Office) -> None:
    kept, gone = await two(office)
    await office.takes("sms", sms("STOP"))
    await merges(office).merge(kept, gone, ana(office), NOW)
    assert await opted_out(office, await conversation(office, "sms"))
    assert not await opted_out(office, await conversation(office, "whatsapp"))


# -- names -----------------------------------------------------------------------------------------


async def test_a_name_from_another_channel_does_not_rename_who_is_known(office: Office) -> None:
    kept, gone = await two(office)
    await merges(office).merge(kept, gone, ana(office), NOW)
    found = await conversation(office, "sms")
    identity = await office.stores.people.get(found.identity_id)
    named = Sender(
        keys=identity.keys, address=identity.address, handle=identity.handle, name="M. O."
    )
    await people(office).learn(identity, found.id, named)
    assert await state(office) == merged(kept)


async def test_an_agents_name_stays_whatever_the_profile_says(office: Office) -> None:
    await office.takes("whatsapp", whatsapp(whatsapp_item("Hello")))
    await office.stores.contacts.give_name(await contact(office, "whatsapp"), "Maya, shop floor")
    await office.takes("whatsapp", whatsapp(whatsapp_item("Hello"), name="Maya B."))
    assert (await contact(office, "whatsapp")).name == "Maya, shop floor"
    assert (await conversation(office, "whatsapp")).contact_name == "Maya, shop floor"
