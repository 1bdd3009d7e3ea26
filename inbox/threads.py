"""The conversation of each mail: by what it answers, else by the provider's thread, else a new one.

A subject never joins two conversations. Who is not known there joins one only by answering a mail
of it, and then it is said (`inbox/received.py`).
"""

from __future__ import annotations

import hmac
from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from inbox.domain.channel import Channel
from inbox.domain.contact import Identity
from inbox.domain.ids import ChannelId, ConversationId
from inbox.domain.mail import ancestors, our_message, own_token
from inbox.domain.message import Message
from inbox.domain.report import Mail
from inbox.ids import new_id
from inbox.stores import Stores


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """What is known of a mail before anybody asks who wrote it: the conversation that it answers,
    and the one of its provider's thread; None where there is none."""

    by_reference: ConversationId | None = None
    by_thread: ConversationId | None = None

    @property
    def anything(self) -> bool:
        return self.by_reference is not None or self.by_thread is not None


class Threads:
    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def look(self, mails: Sequence[tuple[Channel, Mail]]) -> list[Answered]:
        """What each mail answers; one read for each channel, and one for our own messages."""
        found: dict[int, Answered] = {}
        by_channel: dict[ChannelId, list[int]] = defaultdict(list)
        for position, (channel, _) in enumerate(mails):
            by_channel[channel.id].append(position)
        for positions in by_channel.values():
            channel = mails[positions[0]][0]
            keys = {key for one in positions for key in _keys(mails[one][1])}
            known = await self._stores.threads.find(channel.workspace_id, channel.id, list(keys))
            ours = await self._of_our_own(channel, [mails[one][1] for one in positions])
            for one in positions:
                found[one] = _answered(mails[one][1], {**known, **ours})
        return [found[position] for position in range(len(mails))]

    async def _of_our_own(
        self, channel: Channel, mails: Sequence[Mail]
    ) -> dict[str, ConversationId]:
        """Conversations of what we sent ourselves: its Message-ID holds the message's own id, and
        what a stranger could not have guessed."""
        named = {one for mail in mails for one in _named(mail)}
        names = {one: our_message(one) for one in named if self._is_our_own(one)}
        ids = [one for one in names.values() if one is not None]
        found = await self._stores.messages.find_many(channel.workspace_id, ids)
        return {
            _mid(name): found[one].conversation_id
            for name, one in names.items()
            if one in found and found[one].channel_id == channel.id
        }

    def _is_our_own(self, name: str) -> bool:
        message_id = our_message(name)
        if message_id is None:
            return False
        return hmac.compare_digest(self._stores.messages.mail_token(message_id), own_token(name))

    async def place(
        self, mail: Mail, answered: Answered, identity: Identity, channel: Channel, now: datetime
    ) -> ConversationId:
        """Where this mail goes; from then on its own id leads there, too."""
        conversation_id = answered.by_reference
        if conversation_id is None:
            conversation_id = await self._by_thread(mail, answered, identity, channel, now)
        await self._remember(mail, conversation_id, channel, now)
        return conversation_id

    async def _by_thread(
        self, mail: Mail, answered: Answered, identity: Identity, channel: Channel, now: datetime
    ) -> ConversationId:
        """Without a reference a provider's thread is its guess, by subjects often: it holds for who
        is in that conversation already, and a stranger gets a part of the thread of their own."""
        claim, us = self._stores.threads.claim, channel.workspace_id
        fresh = ConversationId(new_id("cnv"))
        if mail.thread_id is None:
            return await claim(us, channel.id, _mid(mail.message_id), fresh, now)
        there = await claim(us, channel.id, f"thr:{mail.thread_id}", fresh, now)
        if there == fresh or ancestors(mail.in_reply_to, mail.references):
            return there
        conversation = await self._stores.conversations.find(us, there)
        if conversation is None or conversation.identity_id == identity.id:
            return there
        return await claim(us, channel.id, f"thr:{mail.thread_id}:{identity.id}", fresh, now)

    async def _remember(
        self, mail: Mail, conversation_id: ConversationId, channel: Channel, now: datetime
    ) -> None:
        us = channel.workspace_id
        own = [
            _mid(mail.message_id),
            *([] if mail.thread_id is None else [f"thr:{mail.thread_id}"]),
        ]
        known = await self._stores.threads.find(us, channel.id, own)
        for key in own:
            if key not in known:
                await self._stores.threads.claim(us, channel.id, key, conversation_id, now)

    async def learn(self, mail: Mail, message: Message, channel: Channel, now: datetime) -> None:
        """A mail of our own came back: its thread, and the id that the provider gave it, lead to
        its conversation."""
        await self._remember(mail, message.conversation_id, channel, now)


def _mid(message_id: str) -> str:
    return f"mid:{message_id}"


def _named(mail: Mail) -> list[str]:
    """Ids in the order of their word: the mail itself, which may come twice, then what it answers,
    the nearest first."""
    return [mail.message_id, *ancestors(mail.in_reply_to, mail.references)]


def _keys(mail: Mail) -> list[str]:
    return [*map(_mid, _named(mail)), *_thread_keys(mail)]


def _thread_keys(mail: Mail) -> list[str]:
    return [] if mail.thread_id is None else [f"thr:{mail.thread_id}"]


def _answered(mail: Mail, known: dict[str, ConversationId]) -> Answered:
    named = [known[_mid(one)] for one in _named(mail) if _mid(one) in known]
    return Answered(
        by_reference=named[0] if named else None, by_thread=known.get(f"thr:{mail.thread_id}")
    )
