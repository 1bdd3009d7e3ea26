"""How the status of an outbound message moves: all pairs, and every order of reports."""

from __future__ import annotations

from functools import reduce

import pytest
from hypothesis import given
from hypothesis import strategies as st

from inbox.domain.message import Status, advance, may_become

S = Status
# From each status, those that a report may move it to; everything else leaves it as it is.
MOVES = {
    S.QUEUED: {S.SENT, S.FAILED, S.DELIVERED, S.READ},
    S.UNKNOWN: {S.SENT, S.FAILED, S.DELIVERED, S.READ},
    S.SENT: {S.FAILED, S.DELIVERED, S.READ},
    S.FAILED: {S.DELIVERED, S.READ},
    S.DELIVERED: {S.READ},
    S.READ: set(),
    S.NONE: set(),
    S.RECEIVED: set(),
}
REPORTED = (S.SENT, S.FAILED, S.DELIVERED, S.READ)


@pytest.mark.requirement("W8")
@pytest.mark.parametrize("reported", Status)
@pytest.mark.parametrize("current", Status)
def test_a_status_moves_forwards_or_not_at_all(current: Status, reported: Status) -> None:
    expected = reported if reported in MOVES[current] else current
    assert advance(current, reported) is expected
    assert (current in may_become(reported)) is (reported in MOVES[current])


@pytest.mark.requirement("W8")
@given(st.lists(st.sampled_from(REPORTED), max_size=12), st.sampled_from((S.QUEUED, S.UNKNOWN)))
def test_reports_in_any_order_with_any_repeats_end_at_the_furthest(
    reports: list[Status], start: Status
) -> None:
    order = (start, *REPORTED)
    assert reduce(advance, reports, start) is max((start, *reports), key=order.index)
