"""Merging and parting contacts of whom one writes mails: an identity with many conversations."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from inbox.domain.contact import Contact
from inbox.domain.event import Carried, Resync
from inbox.domain.ids import AgentId, ChannelId, ContactId
from inbox.domain.message import Direction
from tests.office import NOW, Office, whatsapp, whatsapp_item
from tests.post import a_mail, body_of
from tests.test_merges import MERGING, SPLITTING, ana, begun, contact, merges, their


async def with_mails(office: Office) -> tuple[Contact, Contact, list[dict[str, Any]]]:
    """Maya by WhatsApp, and by mail in three threads."""
    mails = [a_mail(f"Mail {n}", subject=f"Subject {n}") for n in range(3)]
    await office.takes("whatsapp", whatsapp(whatsapp_item("Hello")))
    await office.takes("post", *(body_of(one) for one in mails))
    by_mail = next(one for one in await office.conversations() if one.kind == "post")
    return await contact(office, "whatsapp"), await their(office, by_mail), mails


async def threads_of(office: Office, owner: ContactId) -> dict[str, list[str]]:
    """What a contact's conversations hold, by their subject, and by kind where they have none."""
    mine = [one for one in await office.conversations() if one.contact_id == owner]
    assert len({one.subject or one.kind for one in mine}) == len(mine)
    return {
        one.subject or one.kind: [
            m.text for m in await office.thread(one) if m.direction is Direction.INBOUND
        ]
        for one in mine
    }


async def arrives(office: Office, mails: list[dict[str, Any]], number: int) -> None:
    """An answer in one of the threads, and a thread that begins."""
    known = mails[number % 3]
    answer = a_mail(
        f"Answer {number}",
        subject=f"Re: {known['subject']}",
        in_reply_to=known["message_id"],
    )
    new = a_mail(f"New {number}", subject=f"New subject {number}")
    await office.takes("post", body_of(answer), body_of(new))


def expected_threads(steps: int) -> dict[str, list[str]]:
    answers = {
        f"Subject {n}": [f"Mail {n}", *(f"Answer {k}" for k in range(n, steps, 3))]
        for n in range(3)
    }
    return {**answers, **{f"New subject {n}": [f"New {n}"] for n in range(steps)}}


@pytest.mark.parametrize("mail_is_kept", [False, True])
async def test_all_threads_go_with_a_contact_and_come_back(
    mailroom: Office, mail_is_kept: bool
) -> None:
    other, by_mail, _ = await with_mails(mailroom)
    kept, gone = (by_mail, other) if mail_is_kept else (other, by_mail)
    merge = await merges(mailroom).merge(kept, gone, ana(mailroom), NOW)
    whole = {**expected_threads(0), "whatsapp": ["Hello"]}
    assert await threads_of(mailroom, kept.id) == whole
    assert await threads_of(mailroom, gone.id) == {}
    await merges(mailroom).undo(merge, ana(mailroom), NOW)
    assert await threads_of(mailroom, by_mail.id) == expected_threads(0)
    assert await threads_of(mailroom, other.id) == {"whatsapp": ["Hello"]}


@pytest.mark.parametrize("mail_is_kept", [False, True])
async def test_mails_that_come_between_any_two_steps_stay_with_their_writer(
    mailroom: Office, mail_is_kept: bool
) -> None:
    other, by_mail, mails = await with_mails(mailroom)
    kept, gone = (by_mail, other) if mail_is_kept else (other, by_mail)
    merge = await begun(mailroom, kept, gone)
    for number, step in enumerate(merges(mailroom).steps(merge, NOW)):
        await step()
        await arrives(mailroom, mails, number)
    whole = {**expected_threads(MERGING), "whatsapp": ["Hello"]}
    assert await threads_of(mailroom, kept.id) == whole
    assert {one.contact_name for one in await mailroom.conversations()} == {"Maya Ortiz"}

    done = await mailroom.stores.merges.find(mailroom.workspace_id, merge.id)
    assert done is not None
    assert await mailroom.stores.merges.begin_undo(done, (False, False), AgentId("agt_1"), NOW)
    opened = await mailroom.stores.merges.find(mailroom.workspace_id, merge.id)
    assert opened is not None
    for number, step in enumerate(merges(mailroom).steps(opened, NOW), start=MERGING):
        await step()
        await arrives(mailroom, mails, number)
    assert await threads_of(mailroom, by_mail.id) == expected_threads(MERGING + SPLITTING)
    assert await threads_of(mailroom, other.id) == {"whatsapp": ["Hello"]}


async def test_mails_that_come_at_the_same_time_as_a_merge_stay_with_their_writer(
    mailroom: Office,
) -> None:
    kept, gone, mails = await with_mails(mailroom)
    merging = asyncio.create_task(merges(mailroom).merge(kept, gone, ana(mailroom), NOW))
    await asyncio.gather(merging, *(arrives(mailroom, mails, number) for number in range(6)))
    found = await threads_of(mailroom, kept.id)
    whole = {**expected_threads(6), "whatsapp": ["Hello"]}
    assert {name: sorted(said) for name, said in found.items()} == {
        name: sorted(said) for name, said in whole.items()
    }
    await merges(mailroom).undo(merging.result(), ana(mailroom), NOW)
    assert set(await threads_of(mailroom, gone.id)) == set(expected_threads(6))


async def test_a_thread_that_a_colleague_joined_stays_with_who_began_it(mailroom: Office) -> None:
    kept, gone, mails = await with_mails(mailroom)
    joining = a_mail("Her brother", who="leo@example.com", in_reply_to=mails[0]["message_id"])
    await mailroom.takes("post", body_of(joining))
    merge = await merges(mailroom).merge(kept, gone, ana(mailroom), NOW)
    assert (await threads_of(mailroom, kept.id))["Subject 0"] == ["Mail 0", "Her brother"]
    await merges(mailroom).undo(merge, ana(mailroom), NOW)
    assert (await threads_of(mailroom, gone.id))["Subject 0"] == ["Mail 0", "Her brother"]


async def test_of_many_threads_none_is_forgotten(mailroom: Office) -> None:
    told: dict[ChannelId | None, int] = {}

    def hear(carried: Carried | Resync) -> None:
        if isinstance(carried, Carried) and carried.type == "contact.merged":
            data = json.loads(carried.frame)["data"]
            told[carried.channel_id] = len(data["conversation_ids"])

    other, by_mail, _ = await with_mails(mailroom)
    await mailroom.takes("post", *(body_of(a_mail(f"{n}", subject=f"No. {n}")) for n in range(60)))
    await mailroom.hub.listen(mailroom.workspace_id, None, hear)
    await merges(mailroom).merge(other, by_mail, ana(mailroom), NOW)
    assert len(await threads_of(mailroom, other.id)) == 64
    channels = mailroom.channels
    assert told == {channels["whatsapp"].id: 1, channels["post"].id: 63}
