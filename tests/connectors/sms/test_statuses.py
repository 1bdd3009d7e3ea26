"""What a status of Twilio reports: of which message, how far it came, and why not further."""

from __future__ import annotations

import pytest

from inbox.domain.message import Status
from inbox.domain.report import Ignored, Report, StatusReported
from tests.connectors.sms.calls import changed, parse, word


def test_a_status_says_whose_it_is() -> None:
    report = status()
    assert isinstance(report, StatusReported)
    assert report.recipient == "+15005550101"
    nobody = status(To="")
    assert isinstance(nobody, StatusReported)
    assert nobody.recipient is None


def status(query: bytes = b"", **changes: str | None) -> Report:
    return parse(changed("20_status_delivered_first", **changes), query=query)


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        ("queued", "not_sent_yet"),
        ("accepted", "not_sent_yet"),
        ("sending", "not_sent_yet"),
        ("scheduled", "not_sent_yet"),
        ("sent", "sent"),
        ("delivered", "delivered"),
        ("read", "read"),
        ("undelivered", "failed"),
        ("failed", "failed"),
        ("canceled", "failed"),
        ("partially_delivered", "unknown_status"),
        ("constructor", "unknown_status"),
    ],
)
def test_a_status_in_our_words(said: str, expected: str) -> None:
    assert word(status(MessageStatus=said, SmsStatus=said)) == expected


def test_a_call_with_an_empty_status_is_ignored() -> None:
    report = status(MessageStatus="", SmsStatus=None)
    assert report == Ignored(reason="empty_status", account="+15005550199")


def test_our_own_id_comes_back_in_the_address_of_a_status() -> None:
    ours = status(query=b"message=msg_01JD0000000000000000000001")
    assert isinstance(ours, StatusReported)
    assert ours.message_id == "msg_01JD0000000000000000000001"
    assert ours.account == "+15005550199"
    other = status(query=b"message=../../etc")
    assert isinstance(other, StatusReported)
    assert other.message_id is None


@pytest.mark.parametrize(
    ("number", "code", "action", "consent"),
    [
        ("30005", "30005", "final", "address_invalid"),
        ("21610", "21610", "final", "opt_out"),
        ("30004", "30004", "final", None),
        ("30003", "30003", "retry", None),
        ("30002", "30002", "account", None),
        ("99999", "99999", "final", None),
        ("", "undelivered", "final", None),
        ("-1", "undelivered", "final", None),
        ("9" * 5000, "undelivered", "final", None),
    ],
)
def test_the_code_decides_what_a_failure_means(
    number: str, code: str, action: str, consent: str | None
) -> None:
    report = status(MessageStatus="undelivered", ErrorCode=number)
    assert isinstance(report, StatusReported)
    assert report.status is Status.FAILED
    assert report.error is not None
    assert (report.error.code, report.error.action) == (code, action)
    assert report.error.consent == consent
    assert report.error.reason.endswith(".")
