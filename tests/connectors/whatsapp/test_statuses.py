"""What a status of WhatsApp reports: of which message, how far it came, and why not further."""

from __future__ import annotations

from typing import Any

import pytest

from inbox.domain.message import Status
from inbox.domain.report import Ignored, StatusReported
from tests.connectors.people import payload
from tests.connectors.whatsapp.bodies import parse


def status_with(**changes: Any) -> StatusReported | Ignored:
    document = payload("whatsapp", "status_failed_marketing_stopped")
    document["entry"][0]["changes"][0]["value"]["statuses"][0].update(changes)
    (report,) = parse(document)
    assert isinstance(report, StatusReported | Ignored)
    return report


def test_a_failed_status_says_why_and_what_the_ledger_learns() -> None:
    report = status_with()
    assert isinstance(report, StatusReported)
    assert report.error is not None
    assert (report.error.code, report.error.action) == ("131050", "final")
    assert report.error.consent == "marketing_stop"
    assert report.error.reason.startswith("They stopped promotional messages")


def test_our_own_id_comes_back_with_a_status_and_another_apps_does_not() -> None:
    ours = status_with(biz_opaque_callback_data="msg_01JD0000000000000000000001")
    assert isinstance(ours, StatusReported)
    assert ours.message_id == "msg_01JD0000000000000000000001"
    other = status_with(biz_opaque_callback_data="outbox-7f3a")
    assert isinstance(other, StatusReported)
    assert other.message_id is None


def test_played_counts_as_read_and_an_unknown_status_is_ignored() -> None:
    played = status_with(status="played")
    assert isinstance(played, StatusReported)
    assert played.status is Status.READ
    assert status_with(status="warning") == Ignored(
        reason="unknown_status", account="200000000000001"
    )


@pytest.mark.parametrize(
    ("number", "action"),
    [
        (131026, "final"),
        (131056, "retry"),
        (190, "account"),
        (424242, "final"),
        ("131047", "final"),
        (None, "final"),
        (float("inf"), "final"),
    ],
)
def test_the_code_decides_what_a_failure_means(number: object, action: str) -> None:
    report = status_with(errors=[{"code": number, "title": "ignored"}])
    assert isinstance(report, StatusReported)
    assert report.error is not None
    assert report.error.action == action
    assert report.error.consent == ("unreachable" if number == 131026 else None)
