"""Mail in the core: each thread a conversation, each once, and nobody joins one unseen."""

from __future__ import annotations

import asyncio
import threading
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from inbox.domain.channel import Payload
from inbox.domain.conversation import Conversation
from inbox.domain.message import Direction, Status
from inbox.domain.report import Report
from inbox.intake import LARGE_BYTES
from inbox.store.summaries import Summary
from tests.office import NOW, Office
from tests.post import MAYA, OURS, Post, a_mail, an_answer, body_of, copy_of, our_mail_id

LEO = "leo@example.com"


async def takes(office: Office, *mails: dict[str, Any], **more: Any) -> None:
    await office.takes("post", *(body_of(one) for one in mails), **more)


async def subjects(office: Office) -> list[str | None]:
    return sorted((one.subject or "") for one in await office.conversations())


async def resolved(office: Office) -> list[Conversation]:
    return await office.stores.conversations.page(office.workspace_id, "status:resolved", limit=50)


async def test_two_subjects_of_one_person_are_two_conversations_of_one_contact(
    mailroom: Office,
) -> None:
    await takes(mailroom, a_mail("One"), a_mail("Two", subject="A cup"))
    first, second = await mailroom.conversations()
    assert first.contact_id == second.contact_id
    assert await subjects(mailroom) == ["A cup", "A kettle"]


async def test_an_address_is_one_persons_however_its_domain_is_written(mailroom: Office) -> None:
    forms = ("leo@bücher.example", "leo@xn--bcher-kva.example")
    for batch in (forms, forms[::-1]):
        await takes(mailroom, *(a_mail(who, who=who) for who in batch))
    assert len({one.identity_id for one in await mailroom.conversations()}) == 1
    assert len(await mailroom.conversations()) == 4


async def test_the_same_subject_alone_joins_nothing(mailroom: Office) -> None:
    await takes(mailroom, a_mail("One"), a_mail("Two"))
    assert await subjects(mailroom) == ["A kettle", "A kettle"]


@pytest.mark.parametrize("together", [True, False])
@pytest.mark.parametrize("field", ["in_reply_to", "references"])
async def test_an_answer_joins_what_it_answers(
    mailroom: Office, field: str, together: bool
) -> None:
    first = a_mail("One")
    named: Any = first["message_id"] if field == "in_reply_to" else [first["message_id"]]
    answer = a_mail("Two", **{field: named}, subject="Re: A kettle")
    if together:
        await takes(mailroom, first, answer)
    else:
        await takes(mailroom, first)
        await takes(mailroom, answer)
    assert sorted(await mailroom.texts()) == ["One", "Two"]


async def test_the_nearest_known_reference_decides(mailroom: Office) -> None:
    old, near = a_mail("Old"), a_mail("Near", subject="A cup")
    await takes(mailroom, old, near)
    ids = [old["message_id"], near["message_id"], "unknown@example.com"]
    await takes(mailroom, a_mail("Answer", references=ids, subject="Re: A cup"))
    cup = next(one for one in await mailroom.conversations() if one.subject == "A cup")
    assert [one.text for one in await mailroom.thread(cup)] == ["Near", "Answer"]


async def test_the_providers_thread_joins_where_no_reference_does(mailroom: Office) -> None:
    await takes(mailroom, a_mail("One", thread_id="t1"), a_mail("Else", thread_id="t2"))
    await takes(mailroom, a_mail("Two", thread_id="t1", subject="Kettle, once more"))
    kettle = next(one for one in await mailroom.conversations() if one.last_seq == 2)
    assert [one.text for one in await mailroom.thread(kettle)] == ["One", "Two"]


async def test_a_reference_goes_before_the_providers_thread(mailroom: Office) -> None:
    first = a_mail("One", thread_id="t1")
    await takes(mailroom, first, a_mail("Else", thread_id="t2", subject="A cup"))
    await takes(mailroom, a_mail("Two", thread_id="t2", in_reply_to=first["message_id"]))
    kettle = next(one for one in await mailroom.conversations() if one.subject == "A kettle")
    assert [one.text for one in await mailroom.thread(kettle)] == ["One", "Two"]


async def test_a_stranger_in_the_providers_thread_without_a_reference_stays_apart(
    mailroom: Office,
) -> None:
    """Providers put mails of one form, from different people, into one thread by their subject."""
    await takes(mailroom, a_mail("One", thread_id="t1"))
    await takes(mailroom, a_mail("Mine", who=LEO, thread_id="t1"))
    await takes(mailroom, a_mail("Mine again", who=LEO, thread_id="t1"))
    told = {one.handle: one.last_seq for one in await mailroom.conversations()}
    assert told == {MAYA: 1, LEO: 2}


async def test_a_stranger_who_answers_joins_and_it_is_said_once(mailroom: Office) -> None:
    first = a_mail("One")
    await takes(mailroom, first)
    for text in ("I am her brother", "Hello?"):
        await takes(mailroom, a_mail(text, who=LEO, in_reply_to=first["message_id"]))
    conversation = await mailroom.conversation()
    assert conversation.handle == MAYA
    said = await mailroom.texts(Direction.ACTIVITY)
    assert said == [f"{LEO} joined this conversation."]
    thread = [one for one in await mailroom.thread() if one.direction is Direction.INBOUND]
    assert [one.author.name for one in thread] == ["Maya Ortiz", LEO, LEO]
    assert thread[1].author.id not in (None, conversation.contact_id)


async def test_who_began_the_conversation_does_not_join_it(mailroom: Office) -> None:
    first = a_mail("One")
    await takes(mailroom, first)
    await takes(mailroom, a_mail("Two", in_reply_to=first["message_id"]))
    assert await mailroom.texts(Direction.ACTIVITY) == []


async def test_a_thread_that_many_workers_meet_at_once_is_one_conversation(
    mailroom: Office,
) -> None:
    mails = [a_mail(str(number), thread_id="t1") for number in range(12)]
    entries = [await mailroom.journal("post", body_of(one)) for one in mails]
    await asyncio.gather(*(mailroom.an_intake().process([entry]) for entry in entries))
    conversation = await mailroom.conversation()
    assert sorted(await mailroom.texts(), key=int) == [str(number) for number in range(12)]
    assert conversation.inbound_seq == 12
    assert mailroom.events.count("conversation.created") == 1


async def test_a_worker_that_went_away_after_choosing_leaves_one_conversation(
    mailroom: Office,
) -> None:
    entry = await mailroom.journal("post", body_of(a_mail("One", thread_id="t1")))
    await mailroom.an_intake().process([entry])
    database = mailroom.stores.database
    # As it was when the thread had its conversation and nothing else was stored.
    await database["messages"].delete_many({})
    await database["conversations"].delete_many({})
    await mailroom.an_intake().process([entry])
    assert await mailroom.texts() == ["One"]
    assert await database["threads"].count_documents({}) == 2


async def test_a_mail_that_comes_twice_is_one(mailroom: Office) -> None:
    mail = a_mail("One")
    await takes(mailroom, mail)
    await takes(mailroom, mail)
    assert await mailroom.texts() == ["One"]


async def test_another_mail_with_the_same_message_id_is_another_message(mailroom: Office) -> None:
    mail = a_mail("One")
    await takes(mailroom, mail)
    await takes(mailroom, {**mail, "id": "another", "text": "Two"})
    assert await mailroom.texts() == ["One", "Two"]


async def test_a_new_subject_in_the_same_thread_is_marked(mailroom: Office) -> None:
    first = a_mail("One")
    await takes(mailroom, first)
    for subject in ("AW: Re: A  kettle", "Something else"):
        await takes(mailroom, a_mail("x", subject=subject, in_reply_to=first["message_id"]))
    changed = [(one.content or {})["mail"]["subject_changed"] for one in await mailroom.thread()]  # type: ignore[index]
    assert changed == [False, False, True]


# -- what a program wrote --------------------------------------------------------------------------


async def test_an_automatic_answer_begins_no_conversation(mailroom: Office) -> None:
    mail = a_mail("I am away", sort="auto_reply", automated=True, opens=False, basis=False)
    entry = await mailroom.journal("post", body_of(mail))
    await mailroom.an_intake().process([entry])
    assert await mailroom.conversations() == []
    assert await mailroom.verdict(entry) == "opens_no_conversation 1"
    assert await mailroom.stores.database["identities"].count_documents({}) == 0


@pytest.mark.parametrize("by", ["in_reply_to", "thread_id"])
@pytest.mark.parametrize("parent_first", [True, False])
async def test_what_may_begin_nothing_joins_a_mail_of_its_own_batch(
    mailroom: Office, by: str, parent_first: bool
) -> None:
    """Also where it is the answer of an answer, and comes before both."""
    first = a_mail("One", **({"thread_id": "t1"} if by == "thread_id" else {}))
    answers = []
    parent = first
    for text in ("Our answer", "And one more thing"):
        named = {by: parent["message_id"] if by == "in_reply_to" else "t1"}
        ours = {"who": OURS, "sent": True, "to": [MAYA], "sort": "own_message", "opens": False}
        parent = a_mail(text, **ours, **named)
        answers.append(parent)
    await takes(mailroom, *([first, *answers] if parent_first else [*reversed(answers), first]))
    conversation = await mailroom.conversation()
    told = [(one.text, one.direction) for one in await mailroom.thread(conversation)]
    assert sorted(told) == [
        ("And one more thing", Direction.OUTBOUND),
        ("One", Direction.INBOUND),
        ("Our answer", Direction.OUTBOUND),
    ]


async def test_only_what_came_after_our_answer_waits(mailroom: Office) -> None:
    ago = [(NOW - timedelta(days=days)).isoformat() for days in (3, 2, 1)]
    first = a_mail("One", thread_id="t1", at=ago[0])
    ours = a_mail("Ours", who=OURS, sent=True, to=[MAYA], thread_id="t1", at=ago[1])
    await takes(mailroom, first, ours, a_mail("Two", thread_id="t1", at=ago[2]))
    conversation = await mailroom.conversation()
    assert (conversation.waiting_since, conversation.inbound_seq) == (NOW - timedelta(days=1), 2)
    assert conversation.last_basis_at == NOW - timedelta(days=1)


async def test_an_answer_that_comes_late_answers_nothing_that_came_after_it(
    mailroom: Office,
) -> None:
    ago = [(NOW - timedelta(days=days)).isoformat() for days in (3, 2, 1)]
    await takes(mailroom, a_mail("One", thread_id="t1", at=ago[0]))
    await takes(mailroom, a_mail("Two", thread_id="t1", at=ago[2]))
    ours = a_mail("Ours", who=OURS, sent=True, to=[MAYA], thread_id="t1", at=ago[1])
    await takes(mailroom, ours)
    assert [one.text for one in await mailroom.thread()] == ["One", "Ours", "Two"]
    assert (await mailroom.conversation()).waiting_since is not None


async def test_what_the_owner_sent_elsewhere_to_somebody_new_is_shown(mailroom: Office) -> None:
    sent = a_mail("Hello Leo", who=OURS, sent=True, to=[LEO], sort="own_message", automated=True)
    await takes(mailroom, sent)
    conversation = await mailroom.conversation()
    assert (conversation.handle, conversation.waiting_since) == (LEO, None)
    assert (await mailroom.thread())[0].direction is Direction.OUTBOUND
    # Nobody has written to us yet: there is nothing that an answer could rest on.
    assert (conversation.last_basis_at, conversation.last_inbound_at) == (None, None)
    await takes(mailroom, a_mail("Hello", who=LEO, in_reply_to=sent["message_id"]))
    assert sorted(await mailroom.texts()) == ["Hello"]
    assert (await mailroom.conversation()).last_seq == 2


async def test_an_automatic_answer_reopens_nothing_and_is_no_basis(mailroom: Office) -> None:
    long_ago = NOW - timedelta(days=40)
    first = a_mail("One", at=long_ago.isoformat())
    await takes(mailroom, first)
    conversation = await mailroom.conversation()
    await resolve(mailroom, conversation)
    away = a_mail(
        "STOP",
        in_reply_to=first["message_id"],
        sort="auto_reply",
        automated=True,
        opens=False,
        basis=False,
    )
    await takes(mailroom, away)
    (still,) = await resolved(mailroom)
    assert (still.last_seq, still.waiting_since) == (2, None)
    assert (still.last_basis_at, still.last_inbound_at) == (long_ago, long_ago)
    assert await mailroom.stores.database["ledger"].count_documents({}) == 0


async def test_a_persons_answer_opens_it_again(mailroom: Office) -> None:
    first = a_mail("One")
    await takes(mailroom, first)
    await resolve(mailroom, await mailroom.conversation())
    await takes(mailroom, a_mail("Two", in_reply_to=first["message_id"]))
    assert (await mailroom.conversation()).waiting_since is not None
    assert "conversation.reopened" in mailroom.events


async def resolve(office: Office, conversation: Conversation) -> None:
    open_, done = conversation.status, type(conversation.status).RESOLVED
    assert await office.stores.conversations.set_status(conversation, open_, done)
    newest = (await office.thread(conversation))[-1]
    await office.stores.conversations.summarise(
        [Summary(conversation=conversation, newest=newest, answered=True)]
    )
    await office.stores.database["conversations"].update_one(
        {"_id": conversation.id}, {"$unset": {"waiting_since": 1}}
    )


# -- what was there before -------------------------------------------------------------------------


async def test_old_mail_is_history_and_waits_for_nobody(mailroom: Office) -> None:
    before = (NOW - timedelta(days=1)).isoformat()
    await takes(mailroom, a_mail("STOP", at=before), query=b"backfill=1")
    (conversation,) = await resolved(mailroom)
    assert (conversation.inbound_seq, conversation.waiting_since) == (0, None)
    thread = await mailroom.thread(conversation)
    # What they asked for then holds, and is not answered now.
    assert [one.direction for one in thread] == [Direction.INBOUND, Direction.ACTIVITY]
    assert thread[0].history


async def test_what_came_between_connecting_and_the_first_pull_is_news(mailroom: Office) -> None:
    after = (mailroom.channels["post"].created_at + timedelta(seconds=1)).isoformat()
    await takes(mailroom, a_mail("Anybody there?", at=after), query=b"backfill=1")
    conversation = await mailroom.conversation()
    assert (conversation.status, conversation.inbound_seq) == ("open", 1)
    assert conversation.waiting_since is not None


async def test_a_new_mail_opens_a_conversation_of_old_ones(mailroom: Office) -> None:
    old = a_mail("Old", at=(NOW - timedelta(days=3)).isoformat())
    await takes(mailroom, old, query=b"backfill=1")
    await takes(mailroom, a_mail("New", in_reply_to=old["message_id"]))
    conversation = await mailroom.conversation()
    assert (conversation.last_seq, conversation.inbound_seq) == (2, 1)


# -- our own mails ---------------------------------------------------------------------------------


async def test_the_copy_of_what_we_sent_is_no_second_message(mailroom: Office) -> None:
    await takes(mailroom, a_mail("One"))
    answer = await an_answer(mailroom)
    await takes(mailroom, copy_of(answer))
    assert await mailroom.texts(Direction.OUTBOUND) == ["On its way."]
    assert (await mailroom.again(answer)).status is Status.SENT


async def test_an_answer_to_our_own_mail_joins_it(mailroom: Office) -> None:
    await takes(mailroom, a_mail("One"))
    answer = await an_answer(mailroom)
    await takes(mailroom, a_mail("Thanks", in_reply_to=our_mail_id(mailroom, answer)))
    assert await mailroom.texts() == ["One", "Thanks"]


@pytest.mark.parametrize("token", ["", f".{'0' * 32}"])
async def test_who_guessed_the_id_of_a_message_of_ours_joins_nothing_w11(
    mailroom: Office, token: str
) -> None:
    await takes(mailroom, a_mail("One"))
    answer = await an_answer(mailroom)
    guess = a_mail("Let me in", who=LEO, in_reply_to=f"{answer.id}{token}@shop.example")
    await takes(mailroom, guess)
    assert len(await mailroom.conversations()) == 2


async def test_the_thread_of_our_own_copy_leads_to_its_conversation(mailroom: Office) -> None:
    await takes(mailroom, a_mail("One"))
    answer = await an_answer(mailroom)
    await takes(mailroom, copy_of(answer, thread_id="t9"))
    await takes(mailroom, a_mail("Thanks", thread_id="t9"))
    assert await mailroom.texts() == ["One", "Thanks"]


async def test_what_was_written_in_the_mailbox_itself_is_shown(mailroom: Office) -> None:
    first = a_mail("One", thread_id="t1")
    await takes(mailroom, first)
    written = a_mail(
        "From my phone",
        who=OURS,
        to=[MAYA],
        sent=True,
        thread_id="t1",
        in_reply_to=first["message_id"],
    )
    await takes(mailroom, written)
    assert await mailroom.texts(Direction.OUTBOUND) == ["From my phone"]
    assert (await mailroom.conversation()).waiting_since is None


# -- what is shown ---------------------------------------------------------------------------------


async def test_a_mail_has_its_headers_and_its_html_apart(mailroom: Office) -> None:
    html = '<p onclick="x()">Hello<script>alert(1)</script><img src="https://t.example/x.gif"></p>'
    await takes(
        mailroom,
        a_mail("Hello", html=html, cc=[LEO], folded="> quoted", reply_address="desk@example.com"),
    )
    (message,) = await mailroom.thread()
    mail: Any = (message.content or {})["mail"]
    assert (mail["from"], mail["to"], mail["cc"]) == (MAYA, [OURS], [LEO])
    assert (mail["reply_to"], mail["folded"]) == ("desk@example.com", "> quoted")
    assert (mail["has_html"], mail["remote_images"]) == (True, True)
    kept = await mailroom.stores.mail_bodies.find(message.workspace_id, message.id)
    assert kept == '<p>Hello<img src="https://t.example/x.gif"></p>'
    raw = await mailroom.stores.database["mail_bodies"].find_one({"_id": message.id})
    assert raw is not None
    assert b"Hello" not in bytes(raw["html"])


async def test_html_that_is_too_large_is_dropped_and_said_so(mailroom: Office) -> None:
    await takes(mailroom, a_mail("Hello", html="<p>" + "x" * (2 * 1024 * 1024)))
    (message,) = await mailroom.thread()
    mail: Any = (message.content or {})["mail"]
    assert (mail["has_html"], mail["html_dropped"]) == (False, True)
    assert await mailroom.stores.mail_bodies.find(message.workspace_id, message.id) is None


class Noting(Post):
    """Writes down where it read what came."""

    def __init__(self, *args: Any) -> None:
        super().__init__(*args)
        self.threads: list[int] = []

    def parse(self, payload: Payload, received_at: datetime) -> list[Report]:
        self.threads.append(threading.get_ident())
        return super().parse(payload, received_at)


async def test_a_large_mail_is_read_beside_the_loop(mailroom: Office) -> None:
    noting = Noting(None, "")
    office = replace(mailroom, connectors={**mailroom.connectors, "post": noting})
    await takes(office, a_mail("Small"))
    await takes(office, a_mail("x" * LARGE_BYTES))
    assert len(await office.conversations()) == 2
    here = threading.get_ident()
    assert [one == here for one in noting.threads] == [True, False]


async def test_a_line_break_in_a_subject_is_none(mailroom: Office) -> None:
    await takes(mailroom, a_mail("x", subject="A kettle\r\nBcc: all@example.com"))
    assert await subjects(mailroom) == ["A kettle Bcc: all@example.com"]
