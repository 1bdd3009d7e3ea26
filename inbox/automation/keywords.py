"""STOP, START and HELP: put on record, shown to the agent, and answered once where that is ours.

Everything here may run twice for one message with one effect: the ledger and the conversation both
refuse a second copy.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime

from inbox import drafts, events
from inbox.consent import facts, policy, standing_of
from inbox.domain.channel import Channel, Manifest
from inbox.domain.consent import ConsentEvent, ConsentType, Purpose, standing
from inbox.domain.contact import Identity
from inbox.domain.conversation import Conversation
from inbox.domain.event import Event
from inbox.domain.gate import Attempt, Sort, decide
from inbox.domain.keywords import Keyword, keyword, provider_acts_on, stop_phrase
from inbox.domain.message import Author, Delivery, Direction, Message
from inbox.domain.report import MessageReceived
from inbox.shapes import decision as decision_shape
from inbox.shapes import readable
from inbox.store.messages import Duplicate
from inbox.store.summaries import Summary
from inbox.stores import Stores


@dataclass(frozen=True, kw_only=True, slots=True)
class Heard:
    """A keyword in a stored message, and how it was understood.

    by_provider   the provider acts on it too, and sends the confirmation itself
    method        `keyword`, or `natural_language` where it took more than a word
    """

    word: Keyword
    by_provider: bool
    method: str = "keyword"


def hear(report: MessageReceived, manifest: Manifest, channel: Channel) -> Heard | None:
    """What the message asks for. What the provider made of it overrides our reading. YES is a word
    only to a provider that lifts its block on it."""
    if report.opt_out_type is not None:
        return Heard(word=Keyword(report.opt_out_type.lower()), by_provider=True)
    by_provider = provider_acts_on(report.text) if channel.provider_stop else None
    word = keyword(report.text, manifest.words) or by_provider
    if word is not None:
        return Heard(word=word, by_provider=by_provider is word)
    if stop_phrase(report.text):
        return Heard(word=Keyword.STOP, by_provider=False, method="natural_language")
    return None


_RECORDED = {
    Keyword.STOP: ConsentType.OPT_OUT,
    Keyword.START: ConsentType.OPT_IN,
    Keyword.HELP: ConsentType.HELP,
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Recorded:
    """A line of the ledger; `again`: they had stopped already, so nothing new is to be told."""

    event: ConsentEvent
    again: bool


class KeywordAnswers:
    """Acts on keywords; counts the answers that went out."""

    def __init__(self, stores: Stores) -> None:
        self._stores = stores

    async def record(
        self,
        heard: Heard,
        message: Message,
        identity: Identity,
        manifest: Manifest,
        at: datetime,
        now: datetime,
    ) -> Recorded | None:
        """Put what was asked for on record, before anybody is told of the message: from then on
        the gate knows. None for a START of who never stopped: it is an ordinary word then."""
        points = self._stores.people.tags(identity.kind, identity.keys)
        known = await self._stores.ledger.of_points(identity.workspace_id, points, now)
        before = standing((event for event in known if event.message_id != message.id), at)
        stopped = before.opt_out is not None or before.provider_block
        # A START also lifts, for this address, what the same person forbade at another one.
        if heard.word is Keyword.START and not stopped:
            stopped = (await standing_of(self._stores, identity, now)).opt_out is not None
            if not stopped:
                return None
        recorded = replace(
            drafts.consent(
                self._stores,
                identity,
                _RECORDED[heard.word],
                method=heard.method,
                actor="contact",
                at=at,
                recorded_at=now,
                text=message.text,
                message_id=message.id,
            ),
            hard=heard.word is Keyword.STOP and manifest.hard_stop,
            by_provider=heard.by_provider,
        )
        await self._stores.ledger.record(recorded)
        return Recorded(event=recorded, again=heard.word is Keyword.STOP and stopped)

    async def act(
        self,
        heard: Heard,
        recorded: Recorded,
        message: Message,
        conversation: Conversation,
        identity: Identity,
        channel: Channel,
        manifest: Manifest,
        now: datetime,
        *,
        may_answer: bool = True,
    ) -> tuple[list[Event], list[Message]]:
        """Show what is on record and answer it; (events to publish, messages now in the outbox).

        may_answer   False where somebody else's program answers this conversation
        """
        published: list[Event] = []
        if heard.word is not Keyword.HELP:
            published.append(events.consent_changed(conversation, recorded.event))
        shown = None
        if not recorded.again:
            shown = await self._show(heard, message, conversation, channel, manifest, now)
        answer = None
        if may_answer:
            answer = await self._answer(
                heard, message, conversation, identity, channel, manifest, now
            )
        added = [one for one in (shown, answer) if one is not None]
        published += [events.message_created(one) for one in added]
        if added:
            summary = Summary(conversation=conversation, newest=added[-1])
            await self._stores.conversations.summarise([summary])
        return published, [] if answer is None else [answer]

    async def _show(
        self,
        heard: Heard,
        message: Message,
        conversation: Conversation,
        channel: Channel,
        manifest: Manifest,
        now: datetime,
    ) -> Message | None:
        """The activity that tells agents what just happened; None when it is there already."""
        name = readable(conversation.contact_name)
        if heard.word is Keyword.HELP:
            if not heard.by_provider:
                return None
            text = f"{manifest.provider} answered HELP."
        elif heard.word is Keyword.STOP:
            text = f"{name} stopped {manifest.label} messages."
            if heard.by_provider:
                text += f" {manifest.provider} confirmed it."
        else:
            text = f"{name} allowed {manifest.label} messages again."
        draft = replace(
            drafts.message(conversation, Direction.ACTIVITY, Author(type="system"), text, now),
            client_id=f"activity:{message.id}",
        )
        return await self._append_once(conversation, draft)

    async def _answer(
        self,
        heard: Heard,
        message: Message,
        conversation: Conversation,
        identity: Identity,
        channel: Channel,
        manifest: Manifest,
        now: datetime,
    ) -> Message | None:
        """Our own confirmation, where the gate says that it is ours to send."""
        if heard.word is Keyword.START and channel.provider_stop:
            return None
        workspace = await self._stores.accounts.find_workspace(conversation.workspace_id)
        brand = "" if workspace is None else workspace.name
        help_contact = "" if workspace is None else workspace.help_contact
        sort, text = _TEXTS[heard.word]
        attempt = Attempt(kind=identity.kind, purpose=Purpose.REPLY, actor="system", sort=sort)
        known = await facts(self._stores, conversation, identity, manifest, now)
        decision = decide(attempt, known, policy(channel, manifest), now)
        if not decision.allow:
            return None
        wording = text.format(brand=brand, help_contact=help_contact)
        draft = replace(
            drafts.message(conversation, Direction.OUTBOUND, Author(type="system"), wording, now),
            client_id=f"answer:{message.id}",
            sort=sort,
            decision=decision_shape(decision),
            delivery=Delivery(state="queued", attempts=0, next_at=now, fence=0),
        )
        return await self._append_once(conversation, draft, durable=True)

    async def _append_once(
        self, conversation: Conversation, draft: Message, *, durable: bool = False
    ) -> Message | None:
        try:
            stored = await self._stores.messages.append(conversation, [draft], durable=durable)
        except Duplicate:
            return None
        return stored[0]

    async def note_sent(self, message: Message, identity: Identity, now: datetime) -> None:
        """A confirmation or an answer to HELP went out: the gate allows one, so it is counted."""
        types: dict[str, ConsentType] = {
            "optout_confirmation": ConsentType.CONFIRMATION_SENT,
            "help_reply": ConsentType.HELP_SENT,
        }
        if message.sort not in types:
            return
        await self._stores.ledger.record(
            drafts.consent(
                self._stores,
                identity,
                types[message.sort],
                method="system",
                actor="system",
                at=now,
                recorded_at=now,
                text=message.text,
                message_id=message.id,
            )
        )


_TEXTS: dict[Keyword, tuple[Sort, str]] = {
    Keyword.STOP: (
        "optout_confirmation",
        "{brand}: you are unsubscribed and will get no more messages. Reply START to resubscribe.",
    ),
    Keyword.HELP: (
        "help_reply",
        "{brand}: help at {help_contact}. Msg frequency varies. Msg & data rates may apply."
        " Reply STOP to opt out.",
    ),
    Keyword.START: (
        "message",
        "{brand}: you are subscribed again. Msg frequency varies. Msg & data rates may apply."
        " Reply HELP for help, STOP to opt out.",
    ),
}
