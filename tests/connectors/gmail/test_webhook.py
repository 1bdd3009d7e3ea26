"""What a mail that was pulled, or a push, reports."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime
from urllib.parse import urlencode

import pytest

from connectors.gmail.mime import file_content
from connectors.gmail.webhook import parse, read_ref
from inbox.domain.channel import Payload
from inbox.domain.message import Status
from inbox.domain.report import (
    Ignored,
    MessageReceived,
    PreferenceReported,
    PullAsked,
    Report,
    StatusReported,
)
from tests.connectors.people import PAYLOADS, RECEIVED_AT

ACCOUNT = "support@inbox.example.com"
OWN = "msg_01JD0000000000000000000001"


def mail(name: str) -> bytes:
    return (PAYLOADS / "gmail" / f"{name}.eml").read_bytes()


def pulled(body: bytes, **known: str) -> list[Report]:
    about = {"id": "18f0", "thread_id": "18ef", "labels": "INBOX,UNREAD", "account": ACCOUNT}
    query = urlencode({**about, "internal_ms": "1793804400000", **known}).encode()
    payload = Payload(method="PULL", query=query, content_type="message/rfc822", body=body)
    return parse(payload, RECEIVED_AT)


def message(body: bytes, **known: str) -> MessageReceived:
    [report] = pulled(body, **known)
    assert isinstance(report, MessageReceived)
    return report


def pushed(body: bytes) -> list[Report]:
    return parse(
        Payload(method="POST", query=b"", content_type="application/json", body=body), RECEIVED_AT
    )


def test_a_reply_is_a_message_with_its_quote_folded_away() -> None:
    found = message(mail("02_gmail_reply_alternative"))
    assert found.mail is not None
    assert (found.account, found.provider_id, found.type) == (ACCOUNT, "18f0", "text")
    assert found.sender.keys == ("contact.one@example.org",)
    assert found.sender.name == "Contact One"
    assert found.text == "Yes please, ship it."
    assert found.mail.folded.endswith("> Shall we ship it?\n>")
    assert found.mail.in_reply_to == "out-1@inbox.example.com"
    assert found.mail.thread_id == "18ef"
    assert found.mail.html is not None
    assert found.mail.html.startswith("<div")
    assert found.sent_at == datetime(2026, 11, 4, 15, tzinfo=UTC)
    assert (found.mail.basis, found.mail.opens, found.mail.automated) == (True, True, False)
    assert not found.recovered
    assert message(mail("02_gmail_reply_alternative"), recovered="1").recovered


def test_an_inline_picture_has_its_content_id_and_its_ref_leads_to_its_bytes() -> None:
    raw = mail("03_related_inline_cid")
    [media] = message(raw).media
    assert (media.kind, media.content_id, media.size_bytes) == ("image", "img1@x", 70)
    ref = read_ref(media.ref)
    assert ref is not None
    assert ref[0] == "18f0"
    found = file_content(raw, ref[1])
    assert found is not None
    assert found[1].startswith(b"\x89PNG")
    assert file_content(raw, 2) is None


@pytest.mark.parametrize("ref", ["18f0", "18f0 x", "18f0 99999", ""])
def test_a_ref_that_is_none_leads_nowhere(ref: str) -> None:
    assert read_ref(ref) is None


def test_a_mail_with_one_file_and_no_text_is_of_the_files_kind() -> None:
    raw = b"From: a@example.org\nContent-Type: image/png; name=a.png\n\nx"
    assert message(raw).type == "image"


def test_a_mail_without_message_id_gets_one_of_its_own() -> None:
    found = message(mail("17_no_ids")).mail
    assert found is not None
    assert found.message_id == "18f0@gmail.invalid"


@pytest.mark.parametrize("label", ["DRAFT", "SPAM", "TRASH", "CHAT"])
def test_what_is_not_in_the_inbox_is_set_aside(label: str) -> None:
    assert pulled(mail("01_plain_utf8"), labels=f"{label},UNREAD") == [
        Ignored(reason="not_in_the_inbox", account=ACCOUNT)
    ]


def test_what_our_side_sent_elsewhere_is_outbound_and_its_contact_is_who_got_it() -> None:
    raw = b"From: support@inbox.example.com\nTo: support@inbox.example.com, a@example.org\n\nhi"
    found = message(raw, labels="SENT")
    assert found.mail is not None
    assert (found.direction, found.sender.address) == ("outbound", "a@example.org")
    assert (found.mail.sort, found.mail.opens, found.message_id) == ("own_message", True, None)
    assert not found.mail.automated
    away = message(b"Auto-Submitted: auto-replied\n" + raw, labels="SENT").mail
    assert away is not None
    assert away.automated


def test_a_message_of_ours_that_comes_back_carries_our_id() -> None:
    raw = f"From: {ACCOUNT}\nTo: a@example.org\nMessage-ID: <{OWN}@h.example>\n\nhi".encode()
    assert message(raw, labels="INBOX,SENT").message_id == OWN
    named = raw.replace(b"@h.example", b".0123456789abcdef0123456789abcdef@h.example")
    assert message(named, labels="INBOX,SENT").message_id == OWN
    # Another installation writes ids of the same form; its people are people.
    other = f"From: a@example.org\nTo: {ACCOUNT}\nMessage-ID: <{OWN}@h.example>\n\nhi".encode()
    assert message(other).direction == "inbound"


def test_an_address_is_shown_as_written_and_known_by_its_one_form() -> None:
    found = message("From: Leo <Leo@Bücher.example>\nTo: a@example.org\n\nhi".encode())
    assert found.sender.handle == "leo@bücher.example"
    assert found.sender.keys == ("leo@xn--bcher-kva.example",)


@pytest.mark.parametrize(
    "header", ["X-Inbox-Loop: inbox.example.com", f"Message-ID: <{OWN}@inbox.example.com>"]
)
def test_no_header_makes_a_strangers_mail_one_of_ours_w11(header: str) -> None:
    raw = f"From: eve@example.net\nTo: a@example.org\n{header}\n\nPay here".encode()
    found = message(raw)
    assert (found.direction, found.message_id) == ("inbound", None)
    assert found.sender.address == "eve@example.net"
    assert found.mail is not None
    assert (found.mail.automated, found.mail.opens, found.mail.basis) == (True, False, False)


def test_a_mail_in_our_name_that_the_mailbox_did_not_send_is_nobodys_w11() -> None:
    raw = f"From: {ACCOUNT}\nTo: a@example.org\n\nPay here".encode()
    assert pulled(raw) == [Ignored(reason="in_our_name", account=ACCOUNT)]


def test_a_mail_of_nobody_makes_no_contact() -> None:
    assert pulled(mail("from_is_empty")) == [Ignored(reason="no_sender", account=ACCOUNT)]


def test_a_bounce_fails_the_message_for_each_recipient_and_is_no_message() -> None:
    first, second, third = pulled(mail("bounce_several"))
    assert isinstance(first, StatusReported)
    assert isinstance(second, StatusReported)
    assert first.error is not None
    assert second.error is not None
    assert (first.status, first.message_id) == (Status.FAILED, OWN)
    assert (first.recipient, first.error.consent) == ("gone@example.org", "address_invalid")
    assert (second.recipient, second.error.consent) == ("full@example.org", None)
    assert "full" in second.error.reason
    assert third == Ignored(reason="bounce_delayed", account=ACCOUNT)


def test_a_mail_that_was_given_up_fails_and_the_address_stays() -> None:
    [found] = pulled(mail("bounce_given_up"))
    assert isinstance(found, StatusReported)
    assert found.error is not None
    assert (found.status, found.error.consent) == (Status.FAILED, None)


def test_a_bounce_of_a_message_that_is_not_ours_is_believed_in_nothing() -> None:
    assert pulled(mail("09_dsn_hard")) == [
        Ignored(reason="bounce_of_no_message_of_ours", account=ACCOUNT)
    ]


@pytest.mark.parametrize("sort", ["not-spam", "auth-failure"])
def test_a_report_that_is_no_complaint_of_a_person_stops_nothing(sort: str) -> None:
    raw = mail("complaint_redacted")
    [found] = pulled(raw.replace(b"Feedback-Type: abuse", f"Feedback-Type: {sort}".encode()))
    assert isinstance(found, Ignored)
    assert found.reason == f"report_{sort}"


def test_a_complaint_about_a_mail_of_ours_stops_all_but_answers() -> None:
    [found] = pulled(mail("complaint_redacted"))
    assert isinstance(found, PreferenceReported)
    assert (found.act, found.code, found.covers) == ("stop", "complaint", "all")
    assert found.sender.address == "gone@example.org"
    [other] = pulled(mail("20_arf_complaint"))
    assert isinstance(other, Ignored)


def test_a_read_receipt_marks_our_message_as_read() -> None:
    [found] = pulled(mail("read_receipt"))
    assert isinstance(found, StatusReported)
    assert (found.status, found.message_id) == (Status.READ, OWN)
    [deleted] = pulled(mail("read_receipt").replace(b"; displayed", b"; deleted"))
    assert deleted == Ignored(reason="read_receipt", account=ACCOUNT)


@pytest.mark.parametrize("name", ["auto_apple", "12_newsletter_list", "11_out_of_office"])
def test_what_a_program_wrote_is_a_message_without_basis(name: str) -> None:
    found = message(mail(name)).mail
    assert found is not None
    assert (found.automated, found.basis, found.opens) == (True, False, True)


def test_a_mail_programs_own_button_to_unsubscribe_is_an_opt_out() -> None:
    assert message(mail("unsubscribe_by_button")).opt_out_type == "STOP"
    # The words that somebody wrote are judged by the core, as on every kind.
    assert message(mail("21_unsubscribe_by_reply")).opt_out_type is None


def test_a_form_of_our_own_site_is_from_who_filled_it_in() -> None:
    found = message(mail("form_on_our_site"))
    assert (found.direction, found.sender.address) == ("inbound", "two@example.org")


def push(told: object) -> bytes:
    data = base64.b64encode(json.dumps(told).encode()).decode()
    return json.dumps({"message": {"data": data}}).encode()


@pytest.mark.parametrize("history", ["123", 123])
def test_a_push_asks_for_a_pull_of_its_mailbox(history: object) -> None:
    told = {"emailAddress": "Support@Inbox.example.com", "historyId": history}
    assert pushed(push(told)) == [PullAsked(account=ACCOUNT)]


def test_a_push_may_be_in_the_other_alphabet_and_without_padding() -> None:
    told = json.dumps({"emailAddress": "a??>>@example.com"}).encode()
    data = base64.urlsafe_b64encode(told).decode().rstrip("=")
    assert "_" in data or "-" in data
    body = json.dumps({"message": {"data": data}}).encode()
    assert pushed(body) == [PullAsked(account="a??>>@example.com")]


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b'{"message": {"data": 5}}',
        b'{"message": {"data": "!!!"}}',
        push([]),
        push({"emailAddress": 5}),
        push({"emailAddress": "nobody"}),
        push({"emailAddress": "a" * 400 + "@example.com"}),
    ],
)
def test_a_push_that_says_nothing_is_counted_and_no_error(body: bytes) -> None:
    assert pushed(body) == [Ignored(reason="malformed_push")]


def test_a_mail_without_its_mailbox_is_set_aside() -> None:
    payload = Payload(method="PULL", query=b"", content_type="message/rfc822", body=b"x")
    assert parse(payload, RECEIVED_AT) == [Ignored(reason="no_mailbox")]
