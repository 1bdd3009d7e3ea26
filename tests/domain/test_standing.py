"""The ledger folded into a state: in the order in which things happened, ties to the opt-out."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import permutations

import pytest

from inbox.domain.consent import ConsentEvent, ConsentType, Purpose, Standing, standing
from inbox.domain.ids import ConsentEventId, WorkspaceId

NOON = datetime(2026, 11, 22, 12, 0, tzinfo=UTC)
LATER = NOON + timedelta(days=1)
OUT, IN = ConsentType.OPT_OUT, ConsentType.OPT_IN
PROVIDER_OUT, PROVIDER_IN = ConsentType.PROVIDER_OPT_OUT, ConsentType.PROVIDER_OPT_IN
CONFIRMED = ConsentType.CONFIRMATION_SENT

pytestmark = pytest.mark.requirement("P2")


def event(
    type_: ConsentType,
    minute: float = 0,
    *,
    purpose: Purpose | None = None,
    by_provider: bool = False,
    id_: str | None = None,
) -> ConsentEvent:
    at = NOON + timedelta(minutes=minute)
    return ConsentEvent(
        id=ConsentEventId(id_ or f"cst_{type_}_{minute}"),
        workspace_id=WorkspaceId("wsp_1"),
        kind="sms",
        points=("point",),
        type=type_,
        at=at,
        recorded_at=LATER,
        method="keyword",
        text="STOP",
        actor="contact",
        purpose=purpose,
        by_provider=by_provider,
    )


def test_of_whom_nothing_is_on_record_nothing_is_held() -> None:
    assert standing([], LATER) == Standing()


@pytest.mark.parametrize("order", list(permutations(range(4))))
def test_the_order_of_arrival_makes_no_difference(order: tuple[int, ...]) -> None:
    happened = [event(OUT, 0), event(IN, 1), event(OUT, 2), event(CONFIRMED, 3)]
    state = standing([happened[position] for position in order], LATER)
    assert state.opt_out == happened[2]
    assert state.confirmed_at == happened[3].at


def test_a_stop_that_arrives_after_a_newer_start_has_no_effect() -> None:
    assert standing([event(IN, 1), event(OUT, 0)], LATER).opt_out is None


@pytest.mark.parametrize("lift", [IN, PROVIDER_IN])
@pytest.mark.parametrize("stop", [OUT, PROVIDER_OUT])
@pytest.mark.parametrize("ids", [("cst_1", "cst_2"), ("cst_2", "cst_1")])
def test_of_the_same_instant_the_opt_out_wins(
    stop: ConsentType, lift: ConsentType, ids: tuple[str, str]
) -> None:
    both = [event(stop, id_=ids[0]), event(lift, id_=ids[1])]
    assert standing(both, LATER).opt_out == both[0]
    assert standing(both[::-1], LATER).opt_out == both[0]


def test_what_lies_in_the_future_is_not_counted_and_this_instant_is() -> None:
    assert standing([event(OUT, 1)], NOON).opt_out is None
    assert standing([event(OUT, 0)], NOON).opt_out is not None


def test_start_lifts_the_opt_out_and_the_providers_block() -> None:
    stopped = standing([event(OUT, 0, by_provider=True)], LATER)
    assert stopped.opt_out is not None
    assert stopped.provider_block
    started = [event(OUT, 0, by_provider=True), event(IN, 1, by_provider=True)]
    assert standing(started, LATER) == Standing()


def test_a_start_that_the_provider_does_not_read_leaves_its_block() -> None:
    now = standing([event(OUT, 0, by_provider=True), event(IN, 1)], LATER)
    assert now.opt_out is None
    assert now.provider_block


def test_an_opt_out_that_the_provider_did_not_act_on_sets_no_block() -> None:
    assert not standing([event(OUT)], LATER).provider_block


def test_a_repeated_stop_keeps_its_one_confirmation() -> None:
    state = standing([event(OUT, 0), event(CONFIRMED, 1), event(OUT, 2)], LATER)
    assert state.opt_out == event(OUT, 2)
    assert state.confirmed_at == NOON + timedelta(minutes=1)


def test_a_stop_after_a_start_is_confirmed_anew() -> None:
    happened = [event(OUT, 0), event(CONFIRMED, 1), event(IN, 2), event(OUT, 3)]
    assert standing(happened, LATER).confirmed_at is None


def test_a_repeated_stop_keeps_the_block_of_the_first() -> None:
    happened = [event(OUT, 0, by_provider=True), event(OUT, 1)]
    assert standing(happened, LATER).provider_block


def test_promotions_are_stopped_and_resumed_by_themselves() -> None:
    stop = event(PROVIDER_OUT, 0, purpose=Purpose.PROMOTIONAL, by_provider=True)
    resume = event(PROVIDER_IN, 1, purpose=Purpose.PROMOTIONAL)
    assert standing([stop], LATER) == Standing(marketing_block=True)
    assert standing([stop, resume], LATER) == Standing()


def test_resuming_promotions_does_not_lift_an_opt_out_of_everything() -> None:
    resume = event(PROVIDER_IN, 1, purpose=Purpose.PROMOTIONAL)
    assert standing([event(OUT, 0), resume], LATER).opt_out is not None


def test_start_does_not_resume_promotions_that_were_stopped_at_the_provider() -> None:
    stop = event(PROVIDER_OUT, 0, purpose=Purpose.PROMOTIONAL, by_provider=True)
    assert standing([stop, event(IN, 1)], LATER).marketing_block


def test_the_last_call_for_help_and_the_last_answer_count() -> None:
    help_, sent = ConsentType.HELP, ConsentType.HELP_SENT
    state = standing([event(help_, 0), event(sent, 1), event(help_, 5)], LATER)
    assert state.help_at == NOON + timedelta(minutes=5)
    assert state.help_sent_at == NOON + timedelta(minutes=1)
