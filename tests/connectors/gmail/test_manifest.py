"""What the manifest says of mail, as the gate takes it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from connectors.gmail.manifest import MANIFEST
from inbox.consent import policy
from inbox.domain.consent import Purpose, standing
from inbox.domain.gate import Attempt, Facts, decide
from tests.connectors.people import gmail_channel

NOW = datetime(2026, 11, 22, tzinfo=UTC)


@pytest.mark.parametrize(("days", "allowed"), [(31, True), (179, True), (180, False)])
def test_a_mail_may_be_answered_for_180_days(days: int, allowed: bool) -> None:
    wrote_at = NOW - timedelta(days=days)
    facts = Facts(standing=standing([], NOW), last_inbound_at=wrote_at, last_basis_at=wrote_at)
    attempt = Attempt(kind="gmail", purpose=Purpose.REPLY, actor="agent")
    decision = decide(attempt, facts, policy(gmail_channel(), MANIFEST), NOW)
    assert decision.allow is allowed
