"""What new messages change in their conversation, and which of such changes go together."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from inbox.domain.conversation import Conversation
from inbox.domain.ids import ConversationId
from inbox.domain.message import Direction, Message


@dataclass(frozen=True, kw_only=True, slots=True)
class Span:
    """Which of a conversation's inbound messages a summary holds: all of those whose inbound_seq
    is above `after`, up to the one with `seq` and `inbound_seq`."""

    after: int
    seq: int
    inbound_seq: int

    def and_then(self, other: Span) -> Span:
        """Both; where something lies between them, the later one."""
        first, last = sorted((self, other), key=lambda span: (span.after, span.inbound_seq))
        if last.after > first.inbound_seq:
            return last
        return Span(
            after=first.after,
            seq=max(first.seq, last.seq),
            inbound_seq=max(first.inbound_seq, last.inbound_seq),
        )


def span_of(messages: Iterable[Message]) -> Span | None:
    """Of the inbound ones among these; None where none is."""
    found: Span | None = None
    for message in sorted(messages, key=lambda one: one.seq):
        if message.direction is Direction.INBOUND:
            counted = 0 if message.history else 1
            one = Span(
                after=message.inbound_seq - counted,
                seq=message.seq,
                inbound_seq=message.inbound_seq,
            )
            found = one if found is None else found.and_then(one)
    return found


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """What one or more new messages of a conversation change in it; `newest` is the last of them.

    in_order           where `newest` came late: the last of them that did not
    late_inbound_at…   provider times, None where no inbound message is among them
    basis_at           of those that were no opt-out
    heard              the inbound messages that it sums up; None: none
    """

    conversation: Conversation
    newest: Message
    in_order: Message | None = None
    last_inbound_at: datetime | None = None
    basis_at: datetime | None = None
    newest_sent_at: datetime | None = None
    waiting_since: datetime | None = None
    answered: bool = False
    heard: Span | None = None

    @property
    def shown(self) -> Message | None:
        """What a list shows of it; None: what it shows stays. What came late is older than what
        was stored before it, so it is never the last one of its thread."""
        return self.newest if _in_order(self.newest) else self.in_order

    def outlook(self) -> Conversation:
        """The conversation's numbers as they will be once this is written."""
        times = [self.conversation.newest_sent_at, self.newest_sent_at]
        return replace(
            self.conversation,
            last_seq=max(self.conversation.last_seq, self.newest.seq),
            inbound_seq=max(self.conversation.inbound_seq, self.newest.inbound_seq),
            newest_sent_at=max((at for at in times if at is not None), default=None),
        )

    def and_then(self, later: Summary) -> Summary:
        """Both in one, where neither is an answer."""
        return Summary(
            conversation=self.conversation,
            newest=max(self.newest, later.newest, key=lambda message: message.seq),
            in_order=last_in_order(one for one in (self.shown, later.shown) if one is not None),
            last_inbound_at=_latest(self.last_inbound_at, later.last_inbound_at),
            basis_at=_latest(self.basis_at, later.basis_at),
            newest_sent_at=_latest(self.newest_sent_at, later.newest_sent_at),
            waiting_since=min(
                (at for at in (self.waiting_since, later.waiting_since) if at is not None),
                default=None,
            ),
            heard=_joined(self.heard, later.heard),
        )


def last_in_order(messages: Iterable[Message]) -> Message | None:
    """The last one that has its place at the end, where it came; None where all came late."""
    return max(filter(_in_order, messages), key=lambda message: message.seq, default=None)


def _in_order(message: Message) -> bool:
    return message.place == message.seq


def _joined(one: Span | None, other: Span | None) -> Span | None:
    if one is None or other is None:
        return one or other
    return one.and_then(other)


def _latest(one: datetime | None, other: datetime | None) -> datetime | None:
    return max((at for at in (one, other) if at is not None), default=None)


def layers(summaries: Sequence[Summary]) -> list[list[Summary]]:
    """Summaries to be written one layer after the other, each conversation once in a layer.

    What may be written together is merged; an answer may not, since what came before it no longer
    waits and what comes after it does.
    """
    found: list[dict[ConversationId, Summary]] = []
    for summary in summaries:
        key = summary.conversation.id
        before = found[-1].get(key) if found else None
        if not found or (before is not None and (before.answered or summary.answered)):
            found.append({key: summary})
        else:
            found[-1][key] = summary if before is None else before.and_then(summary)
    return [list(layer.values()) for layer in found]
