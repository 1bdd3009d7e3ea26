"""What intake does with mail only: its conversation, what is shown of it, and who joined.

A kind whose reports carry `mail` has several conversations with a contact.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import datetime

from inbox import drafts, mail_cleaning, mail_html
from inbox.domain.conversation import Conversation
from inbox.domain.ids import ChannelId, ConversationId
from inbox.domain.mail import ancestors, of, one_line, same_subject
from inbox.domain.message import Author, Direction, Message
from inbox.domain.report import Mail
from inbox.shapes import readable
from inbox.store.messages import Duplicate
from inbox.stores import Stores
from inbox.threads import Threads
from inbox.work import Verdicts, Work

# What a bubble may hold; the rest of a very long mail is in its HTML and in the journal.
MOST_TEXT = 65_536
MOST_FOLDED = 20_000
MOST_SUBJECT = 500
MOST_ADDRESSES = 100
# Smaller ones take no time, however they are written.
_LARGE_HTML = 4_000


class Mails:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores
        self._threads = Threads(stores)

    async def look(self, works: Sequence[Work], verdicts: Verdicts) -> list[Work]:
        """Find out what each mail answers, and drop those that answer nothing and may not begin a
        conversation; what is no mail passes."""
        mails = [(work.channel, work.report.mail) for work in works if work.report.mail]
        answered = iter(await self._threads.look(mails) if mails else [])
        for work in works:
            if work.report.mail is not None:
                work.answered = next(answered)
        lost = _without_a_place(works)
        kept: list[Work] = []
        for work in works:
            mail = work.report.mail
            if mail is not None:
                if id(work) in lost:
                    verdicts[work.entry.id]["opens_no_conversation"] += 1
                    continue
                work.html = await _clean(mail)
            kept.append(work)
        return kept

    async def place(self, works: Sequence[Work]) -> list[ConversationId | None]:
        """The conversation of each mail, in order: one may answer another of the same batch. None
        for what is no mail."""
        placed: dict[tuple[str, str], ConversationId] = {}
        found: dict[int, ConversationId] = {}
        for position in _parents_first(works):
            work = works[position]
            mail, identity = work.report.mail, work.identity
            if mail is None or identity is None:
                continue
            answered = work.answered
            if answered.by_reference is None:
                named = ancestors(mail.in_reply_to, mail.references)
                near = (placed.get((work.channel.id, one)) for one in named)
                lately = next((one for one in near if one is not None), None)
                answered = replace(answered, by_reference=lately)
            conversation_id = await self._threads.place(
                mail, answered, identity, work.channel, work.entry.received_at
            )
            placed[(work.channel.id, mail.message_id)] = conversation_id
            found[position] = conversation_id
        return [found.get(position) for position in range(len(works))]

    async def came_back(self, work: Work, message: Message) -> None:
        """Our own mail, as the provider keeps it: its thread is that of the conversation."""
        mail = work.report.mail
        if mail is None:
            return
        await self._threads.learn(mail, message, work.channel, work.entry.received_at)
        known = of(message).get("message_id") or mail.message_id
        learnt = {"message_id": known, "thread_id": mail.thread_id}
        await self._stores.messages.know_mail(message, learnt)

    async def keep_bodies(self, works: Sequence[Work]) -> None:
        """The HTML of what was stored, before anybody is told of it; again is no harm."""
        for work in works:
            if work.html is not None and work.message is not None:
                message = work.message
                await self._stores.mail_bodies.put(
                    message.workspace_id, message.id, work.html.html, mail_html.POLICY
                )

    async def joined(
        self, works: Sequence[Work], conversations: Mapping[ConversationId, Conversation]
    ) -> list[Message]:
        """Say who is new in a conversation: somebody other than its contact who wrote into it for
        the first time. Once, by the unique key; the activity is the record of it."""
        said: list[Message] = []
        for work in works:
            message, identity = work.message, work.identity
            if work.report.mail is None or message is None or identity is None:
                continue
            conversation = conversations[message.conversation_id]
            known = identity.id == conversation.identity_id
            if known or message.direction is not Direction.INBOUND:
                continue
            activity = _joined(conversation, work, work.entry.received_at)
            try:
                said += await self._stores.messages.append(conversation, [activity])
            except Duplicate:
                continue
        return said


def _parents_first(works: Sequence[Work]) -> list[int]:
    """Positions, each after those of the mails that it answers, however they came; and what may
    begin a conversation before what may not, which is here because of one of those."""
    at = {(w.channel.id, w.report.mail.message_id): n for n, w in enumerate(works) if w.report.mail}
    order: list[int] = []
    seen: set[int] = set()
    for start in sorted(range(len(works)), key=lambda one: not _opens(works[one])):
        path = [] if start in seen else [start]
        while path:
            here = path[-1]
            seen.add(here)
            named = (at.get(one) for one in _answers(works[here]))
            before = next((one for one in named if one is not None and one not in seen), None)
            if before is None:
                order.append(path.pop())
            else:
                path.append(before)
    return order


def _opens(work: Work) -> bool:
    return work.report.mail is None or work.report.mail.opens


def _answers(work: Work) -> list[tuple[ChannelId, str]]:
    mail = work.report.mail
    named = [] if mail is None else ancestors(mail.in_reply_to, mail.references)
    return [(work.channel.id, one) for one in named]


def _without_a_place(works: Sequence[Work]) -> set[int]:
    """By `id`: mails that may not begin a conversation, and answer neither one that is known nor a
    mail of this batch that has its place."""
    waiting: list[Work] = []
    known: set[tuple[str, str, str]] = set()
    for work in works:
        mail = work.report.mail
        if mail is None:
            continue
        if mail.opens or work.answered.anything:
            known |= _names(work.channel.id, mail)
        else:
            waiting.append(work)
    while found := [one for one in waiting if _leads_to(one, known)]:
        for work in found:
            if work.report.mail is not None:
                known |= _names(work.channel.id, work.report.mail)
        waiting = [one for one in waiting if not any(one is other for other in found)]
    return {id(work) for work in waiting}


def _names(channel_id: str, mail: Mail) -> set[tuple[str, str, str]]:
    """What a mail that answers this one would name of it."""
    names = {(channel_id, "mail", mail.message_id)}
    return names if mail.thread_id is None else names | {(channel_id, "thread", mail.thread_id)}


def _leads_to(work: Work, known: set[tuple[str, str, str]]) -> bool:
    mail, channel_id = work.report.mail, work.channel.id
    if mail is None:
        return False
    named = ancestors(mail.in_reply_to, mail.references)
    if any((channel_id, "mail", one) in known for one in named):
        return True
    return mail.thread_id is not None and (channel_id, "thread", mail.thread_id) in known


def _joined(conversation: Conversation, work: Work, now: datetime) -> Message:
    identity = work.identity
    who = work.report.sender.name or work.report.sender.handle
    text = f"{readable(who)} joined this conversation."
    if work.report.sender.name:
        text = f"{who} ({work.report.sender.handle}) joined this conversation."
    draft = drafts.message(conversation, Direction.ACTIVITY, Author(type="system"), text, now)
    return replace(draft, client_id=f"joined:{identity.id if identity else ''}")


async def _clean(mail: Mail) -> mail_html.CleanHtml | None:
    if not mail.html:
        return None
    if len(mail.html) < _LARGE_HTML:
        return mail_cleaning.clean(mail.html)
    return await asyncio.to_thread(mail_cleaning.clean, mail.html)


def split(work: Work) -> tuple[str, str]:
    """What the bubble says, and what is folded behind it."""
    mail, text = work.report.mail, work.report.text
    if mail is None:
        return text, ""
    rest = "\n\n".join(part for part in (text[MOST_TEXT:], mail.folded) if part)
    return text[:MOST_TEXT], rest[:MOST_FOLDED]


def content(work: Work, conversation: Conversation) -> dict[str, object]:
    """`content.mail` of docs/api.md, and what the next answer needs: `thread_id`, `references`."""
    mail = work.report.mail
    if mail is None:
        return {}
    subject = one_line(mail.subject)[:MOST_SUBJECT]
    began = conversation.subject
    found: dict[str, object] = {
        "subject": subject,
        "from": mail.from_address or work.report.sender.address,
        "to": list(mail.to[:MOST_ADDRESSES]),
        "cc": list(mail.cc[:MOST_ADDRESSES]),
        "reply_to": mail.reply_address,
        "sort": mail.sort,
        "automated": mail.automated,
        "folded": split(work)[1],
        "has_html": work.html is not None,
        "html_dropped": bool(mail.html) and work.html is None,
        "remote_images": work.html is not None and work.html.remote,
        "subject_changed": began is not None and not same_subject(began, subject),
        "alias": mail.alias,
        "message_id": mail.message_id,
        "references": list(mail.references[-MOST_ADDRESSES:]),
        "thread_id": mail.thread_id,
        "basis": mail.basis,
    }
    return {"mail": found}
