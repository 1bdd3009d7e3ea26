"""Consent: what happened, and the state that follows from it.

The ledger (`store/ledger.py`) only ever grows; `standing()` folds what it holds for one contact on
one kind. Consent belongs to the contact's address on a kind, for every channel of that kind.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum

from inbox.domain.ids import ConsentEventId, MessageId, WorkspaceId


class Purpose(StrEnum):
    REPLY = "reply"
    TRANSACTIONAL = "transactional"
    PROMOTIONAL = "promotional"


class ConsentType(StrEnum):
    """OPT_IN by a START lifts opt-outs and creates no grant. PROVIDER_* is what the provider
    knows; HELP and CONFIRMATION_SENT, HELP_SENT are kept because the gate counts them."""

    OPT_OUT = "opt_out"
    OPT_IN = "opt_in"
    PROVIDER_OPT_OUT = "provider_opt_out"
    PROVIDER_OPT_IN = "provider_opt_in"
    HELP = "help"
    CONFIRMATION_SENT = "confirmation_sent"
    HELP_SENT = "help_sent"


OPT_OUTS = (ConsentType.OPT_OUT, ConsentType.PROVIDER_OPT_OUT)


@dataclass(frozen=True, kw_only=True, slots=True)
class ConsentEvent:
    """One line of the ledger.

    at          when it happened, by the provider's clock
    points      the contact's addresses on this kind, as keyed hashes
    hard        an opt-out that also ends replies
    by_provider the provider acted on it too: it blocks, and it sends the confirmation
    method      keyword, natural_language, provider, agent …
    text        the contact's own words: the evidence
    code        the provider's code, where it told us
    """

    id: ConsentEventId
    workspace_id: WorkspaceId
    kind: str
    points: tuple[str, ...]
    type: ConsentType
    at: datetime
    recorded_at: datetime
    method: str
    text: str
    actor: str
    purpose: Purpose | None = None
    hard: bool = False
    by_provider: bool = False
    code: str | None = None
    message_id: MessageId | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Standing:
    """What the ledger says now.

    opt_out            the opt-out in force, with its evidence; None: none
    provider_block     the provider refuses to send to them, whatever we think
    marketing_block    the same, of promotional messages only
    confirmed_at       when a confirmation of the opt-out in force went out (ours)
    help_at            the last HELP, and whether the provider answered it; help_sent_at our last
                       answer to one
    """

    opt_out: ConsentEvent | None = None
    provider_block: bool = False
    marketing_block: bool = False
    confirmed_at: datetime | None = None
    help_at: datetime | None = None
    help_by_provider: bool = False
    help_sent_at: datetime | None = None


def standing(events: Iterable[ConsentEvent], at: datetime) -> Standing:
    """Fold the ledger up to `at`, in the order in which things happened, not in which we heard of
    them. Of the same instant opt-outs come last: they win."""
    state = Standing()
    past = [event for event in events if event.at <= at]
    for event in sorted(past, key=lambda e: (e.at, e.type in OPT_OUTS, e.id)):
        state = _apply(state, event)
    return state


def _apply(state: Standing, event: ConsentEvent) -> Standing:
    match event.type:
        case ConsentType.OPT_OUT | ConsentType.PROVIDER_OPT_OUT:
            if event.purpose is Purpose.PROMOTIONAL:
                return replace(state, marketing_block=True)
            # A repeated STOP keeps the first one's confirmation: it is sent once.
            repeated = state.opt_out is not None
            return replace(
                state,
                opt_out=event,
                provider_block=state.provider_block or event.by_provider,
                confirmed_at=state.confirmed_at if repeated else None,
            )
        case ConsentType.OPT_IN:
            # A provider lifts its block at a START that it reads itself, and at no other.
            blocked = state.provider_block and not event.by_provider
            return replace(state, opt_out=None, provider_block=blocked, confirmed_at=None)
        case ConsentType.PROVIDER_OPT_IN:
            if event.purpose is Purpose.PROMOTIONAL:
                return replace(state, marketing_block=False)
            return replace(state, opt_out=None, provider_block=False, confirmed_at=None)
        case ConsentType.CONFIRMATION_SENT:
            return replace(state, confirmed_at=event.at)
        case ConsentType.HELP:
            return replace(state, help_at=event.at, help_by_provider=event.by_provider)
        case ConsentType.HELP_SENT:
            return replace(state, help_sent_at=event.at)
