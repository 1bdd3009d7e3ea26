"""What stored messages change in their conversation: who waits, and what an answer may rest on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from inbox.automation.keywords import hear
from inbox.domain.channel import Connector
from inbox.domain.conversation import Conversation
from inbox.domain.message import Direction, Message
from inbox.statuses import believable
from inbox.store.summaries import Summary, last_in_order, span_of
from inbox.work import Work


def sum_up(
    conversation: Conversation,
    group: Sequence[Work],
    connectors: Mapping[str, Connector],
) -> list[Summary]:
    """What the group changes: one summary up to each answer of our side in it, and one of what came
    after the last, for only that still waits."""
    parts: list[list[Work]] = []
    answers = True
    for work in group:
        if work.message is None:
            continue
        ours = work.message.direction is Direction.OUTBOUND
        if (answers and not ours) or not parts:
            parts.append([])
        parts[-1].append(work)
        answers = ours
    return [_summed(conversation, part, connectors) for part in parts]


def _summed(
    conversation: Conversation, stored: Sequence[Work], connectors: Mapping[str, Connector]
) -> Summary:
    messages = [w.message for w in stored if w.message is not None]
    times = [believable(w.report.sent_at, w.entry.received_at) for w in stored]
    pairs = [
        (work, message)
        for work, message in zip(stored, messages, strict=True)
        if message.direction is Direction.INBOUND
    ]
    # What a program wrote, or was there before we were, opens nothing again.
    windows = [m.sent_at for work, m in pairs if not work.automated and not work.history]
    replied = [
        (work, m)
        for work, m in pairs
        if work.basis and not _is_stop(work, connectors[work.entry.kind])
    ]
    # Nobody waits any more for what was answered in the same batch: in the provider's own app. An
    # answer that came late answers what was before it, and not what they have written since.
    answered = max((m.seq for m in messages if _answers(m)), default=0)
    waits = [
        m.sent_at
        for work, m in replied
        if m.seq > answered and not work.history and not work.automated
    ]
    newest = max(messages, key=lambda m: m.seq)
    return Summary(
        conversation=conversation,
        newest=newest,
        in_order=last_in_order(messages),
        last_inbound_at=max(windows, default=None),
        basis_at=max((m.sent_at for _, m in replied), default=None),
        newest_sent_at=max((at for at in times if at is not None), default=None),
        # Who writes STOP waits for no answer.
        waiting_since=min(waits, default=None),
        answered=_answers(newest),
        heard=span_of(messages),
    )


def _answers(message: Message) -> bool:
    return message.direction is Direction.OUTBOUND and message.place == message.seq


def _is_stop(work: Work, connector: Connector) -> bool:
    heard = hear(work.report, connector.manifest, work.channel)
    return heard is not None and heard.word == "stop"
