"""Sends one mail, once. Gmail has no key that would make a second try harmless, but it can be asked
whether a mail of our Message-ID is there.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TypeVar

from connectors.body import items, line, mapping, text
from connectors.gmail import quota
from connectors.gmail.client import Gmail
from connectors.gmail.composing import Composed, compose
from connectors.gmail.errors import refusal
from connectors.http import Answer
from inbox.domain.channel import Channel, OutboundMessage, Sent
from inbox.domain.errors import AccountTrouble, AssentError, OutcomeUnknown, Permanent, Temporary
from inbox.domain.gate import Permit

SEND_S = 25.0
SEARCH_S = 5.0
_SENDERS_FOR_S = 3600.0
_SENDERS_AGAIN_S = 60.0
_MOST_REMEMBERED = 10_000
_Key = TypeVar("_Key")


async def send(post: Post, message: OutboundMessage, permit: Permit) -> Sent:
    """Hand it to Gmail, once. Raises as `Connector.send` says."""
    permit.spend(message.subject(), datetime.now(UTC))
    return await post.deliver(message)


class Post:
    """search_waits_s  before each look for a mail whose sending got no clear answer"""

    def __init__(self, gmail: Gmail, search_waits_s: tuple[float, ...]) -> None:
        self._gmail = gmail
        self._search_waits_s = search_waits_s
        self._senders: dict[str, tuple[float, Mapping[str, str]]] = {}
        # Messages whose sending is paid for, and threads that Gmail no longer has.
        self._paid: dict[str, None] = {}
        self._gone: dict[tuple[str, str], None] = {}

    async def make_ready(self, message: OutboundMessage) -> None:
        """All that a send would wait for. Raises as `MakesReady.make_ready` says."""
        channel = message.channel
        await self._send_as(channel)
        await self._gmail.tokens.access(channel)
        if message.id not in self._paid:
            await self._gmail.quota.take(channel, quota.SEND, urgent=True)
            _remember(self._paid, message.id)

    async def deliver(self, message: OutboundMessage) -> Sent:
        channel = message.channel
        known = self._senders.get(channel.id)
        # The permit is spent: what was asked for an hour ago is better than to wait now.
        senders = await self._send_as(channel) if known is None else known[1]
        composed = compose(message, senders, datetime.now(UTC))
        try:
            answer = await self._post(message, composed)
        except OutcomeUnknown:
            return await self._look_for(channel, composed)
        if answer.status >= 500:
            # Gmail says itself that it may have been sent all the same.
            return await self._look_for(channel, composed)
        if not 200 <= answer.status < 300:
            raise refusal(answer, datetime.now(UTC))
        provider_id = line(answer.json(), "id", 64)
        if provider_id is None:
            return await self._look_for(channel, composed)
        return await self._sent(channel, composed, provider_id)

    async def _post(self, message: OutboundMessage, composed: Composed) -> Answer:
        channel, thread_id = message.channel, composed.thread_id
        body = {"raw": base64.urlsafe_b64encode(composed.content).decode()}
        if thread_id is not None and (channel.id, thread_id) not in self._gone:
            body["threadId"] = thread_id
        paid = message.id in self._paid
        self._paid.pop(message.id, None)
        answer = await self._gmail.call(
            channel,
            "POST",
            "/messages/send",
            units=0 if paid else quota.SEND,
            body=body,
            urgent=True,
            total_s=SEND_S,
        )
        if answer.status == 404 and "threadId" in body and thread_id is not None:
            # It was deleted in Gmail; nothing was sent yet, and a new one will do. The permit was
            # for one post, so the gate is asked again.
            _remember(self._gone, (channel.id, thread_id))
            raise Temporary("Gmail no longer has the thread.", code="thread_gone", retry_after_s=0)
        return answer

    async def _look_for(self, channel: Channel, composed: Composed) -> Sent:
        """What became of a mail whose sending got no clear answer.

        Found, it was sent. Not found, it may still have been: what Gmail has just taken can be
        missing from its search for a while, and a second mail is worse than a question to an agent.
        """
        for wait_s in self._search_waits_s:
            await asyncio.sleep(wait_s)
            try:
                answer = await self._gmail.call(
                    channel,
                    "GET",
                    "/messages",
                    units=quota.LIST,
                    query={"q": f"rfc822msgid:{composed.mail_id}", "maxResults": "1"},
                    urgent=True,
                    total_s=SEARCH_S,
                )
            except (Temporary, Permanent):
                continue
            found = next(iter(items(answer.json(), "messages")), None)
            provider_id = line(found, "id", 64)
            if answer.status == 200 and provider_id is not None:
                return Sent(provider_id=provider_id, mail_id=composed.mail_id)
        raise OutcomeUnknown(
            "Gmail gave no clear answer, so it is not known whether the mail was sent.",
            code="no_answer",
        )

    async def _sent(self, channel: Channel, composed: Composed, provider_id: str) -> Sent:
        """Answers will name the Message-ID that it left with, and Gmail may have given its own."""
        mail_id = composed.mail_id
        query = {"format": "metadata", "metadataHeaders": "Message-ID"}
        try:
            document = await self._gmail.ask(
                channel, f"/messages/{provider_id}", units=quota.GET, query=query
            )
        except AssentError:
            document = {}
        for header in items(mapping(document, "payload"), "headers"):
            if (text(header, "name") or "").lower() == "message-id":
                mail_id = (line(header, "value", 998) or "").strip("<> ") or mail_id
        return Sent(provider_id=provider_id, mail_id=mail_id)

    async def _send_as(self, channel: Channel) -> Mapping[str, str]:
        """The addresses that Gmail lets the mailbox send as, with their names, the mailbox's own
        first; asked once an hour. raises AccountTrouble"""
        now = asyncio.get_running_loop().time()
        known = self._senders.get(channel.id)
        if known is not None and now < known[0]:
            return known[1]
        own = {channel.account: ""}
        try:
            document = await self._gmail.ask(channel, "/settings/sendAs", units=quota.SETTINGS)
        except AccountTrouble:
            raise
        except (Temporary, Permanent):
            self._senders[channel.id] = (now + _SENDERS_AGAIN_S, own if known is None else known[1])
            return self._senders[channel.id][1]
        found: dict[str, str] = dict(own)
        for one in items(document, "sendAs")[:100]:
            address = (line(one, "sendAsEmail", 320) or "").lower()
            primary = isinstance(one, Mapping) and one.get("isPrimary") is True
            if primary or line(one, "verificationStatus", 32) == "accepted":
                name = line(one, "displayName", 100) or ""
                found[channel.account if primary else address] = name
        self._senders[channel.id] = (now + _SENDERS_FOR_S, found)
        return found


def _remember(known: dict[_Key, None], key: _Key) -> None:
    """And forget the oldest."""
    known[key] = None
    while len(known) > _MOST_REMEMBERED:
        del known[next(iter(known))]
