"""What comes through Twilio from other services than SMS: whose it is, and what it holds."""

from __future__ import annotations

from urllib.parse import urlencode

import pytest

from connectors.http import Http
from connectors.sms import Sms
from connectors.sms.address import read_address
from inbox.domain.channel import Payload
from inbox.domain.message import Status
from inbox.domain.report import Ignored, MessageReceived, Reacted, Report, Sender, StatusReported
from tests.connectors.people import RECEIVED_AT, payload

FORM = "application/x-www-form-urlencoded"
PICTURE = {"MediaUrl0": "https://api.twilio.com/x", "MediaContentType0": "image/png"}


def parse(name: str = "18_whatsapp_prefixed", **fields: str) -> Report:
    body = urlencode(dict(payload("sms", name)["request"]["params"]) | fields).encode()
    call = Payload(method="POST", query=b"", content_type=FORM, body=body)
    (report,) = Sms(Http(), "https://api.twilio.com").parse(call, RECEIVED_AT)
    return report


def message(**fields: str) -> MessageReceived:
    report = parse(**fields)
    assert isinstance(report, MessageReceived)
    return report


@pytest.mark.parametrize(
    ("written", "service", "bare", "label"),
    [
        ("+15005550101", "", "+15005550101", ""),
        ("+1 (500) 555-0101", "", "+15005550101", ""),
        ("whatsapp:+15005550101", "whatsapp", "+15005550101", "WhatsApp"),
        ("WhatsApp: +1 500 555 0101", "whatsapp", "+15005550101", "WhatsApp"),
        ("whatsapp:US.13000000000000001", "whatsapp", "US.13000000000000001", "WhatsApp"),
        ("messenger:2000000000000001", "messenger", "2000000000000001", "Messenger"),
        ("rcs:brand_agent", "rcs", "brand_agent", "RCS"),
        ("viber:a:b", "viber", "a:b", "Viber"),
        ("32665", "", "32665", ""),
        (":+15005550101", "", ":+15005550101", ""),
        ("whatsapp:", "", "whatsapp:", ""),
        ("", "", "", ""),
    ],
)
def test_an_address_with_its_service(written: str, service: str, bare: str, label: str) -> None:
    address = read_address(written)
    assert (address.service, address.bare, address.label) == (service, bare, label)


def test_a_number_at_another_service_shares_no_key_with_its_sms() -> None:
    at_whatsapp, by_sms = message().sender, message(From="+15005550101").sender
    assert not set(at_whatsapp.keys) & set(by_sms.keys)
    assert at_whatsapp == Sender(
        keys=("whatsapp:+15005550101",),
        address="whatsapp:+15005550101",
        handle="WhatsApp · +15005550101",
        name="Contact One",
    )


def test_it_is_told_to_the_number_that_both_share() -> None:
    assert message().account == message(To="+15005550199").account == "+15005550199"
    assert message(To="rcs:brand_agent").account == "rcs:brand_agent"


def test_nothing_automatic_answers_where_only_sms_can_be_sent() -> None:
    assert message().standby
    assert not message(From="+15005550101").standby


def test_a_person_keeps_their_ids_when_the_number_is_hidden() -> None:
    ids = {"ExternalUserId": "US.1", "ParentExternalUserId": "US.ENT.1"}
    shown = message(**ids).sender
    assert shown.keys == ("whatsapp:+15005550101", "whatsapp:US.1", "whatsapp:US.ENT.1")
    assert shown.person_id == "whatsapp:US.1"
    hidden = message(**ids, From="whatsapp:US.1", WaId="").sender
    assert hidden.keys == ("whatsapp:US.1", "whatsapp:US.ENT.1")
    assert hidden.person_id == hidden.address == "whatsapp:US.1"


def test_the_id_alone_is_the_persons_own() -> None:
    alone = message(From="whatsapp:US.1", WaId="", ProfileName="", Username="@maya")
    assert alone.sender.person_id == "whatsapp:US.1"
    assert alone.sender.handle == "WhatsApp · @maya"
    unnamed = message(From="whatsapp:US.1", WaId="", ProfileName="").sender
    assert unnamed.handle == "WhatsApp · US.1"
    numbered = message(From="whatsapp:US.1").sender
    assert numbered.keys == ("whatsapp:US.1", "whatsapp:+15005550101")


@pytest.mark.parametrize(
    ("fields", "kind", "files", "more"),
    [
        ({"MessageType": "text"}, "text", [], None),
        ({"MessageType": ""}, "text", [], None),
        ({"MessageType": "", **PICTURE}, "image", ["image"], None),
        ({"MessageType": "image", **PICTURE}, "image", ["image"], None),
        ({"MessageType": "document", **PICTURE}, "document", ["document"], None),
        ({"MessageType": "sticker", **PICTURE}, "sticker", ["sticker"], None),
        ({"MessageType": "voice", **PICTURE}, "audio", ["audio"], {"voice": True}),
        ({"MessageType": "contacts", **PICTURE}, "contacts", ["image"], None),
        ({"MessageType": "image"}, "unsupported", [], {"kind": "image"}),
        ({"MessageType": "contacts"}, "unsupported", [], {"kind": "contacts"}),
        ({"MessageType": "location"}, "unsupported", [], {"kind": "location"}),
        ({"MessageType": "order"}, "unsupported", [], {"kind": "order"}),
        ({"MessageType": "poll", **PICTURE}, "unsupported", ["image"], {"kind": "poll"}),
        ({"MessageType": "button"}, "button", [], {"choice": {"id": "hola", "title": "hola"}}),
        (
            {"MessageType": "interactive", "ButtonPayload": "b1", "ButtonText": "Yes"},
            "interactive",
            [],
            {"choice": {"id": "b1", "title": "Yes"}},
        ),
        ({"MessageType": "interactive", "Body": ""}, "unsupported", [], {"kind": "interactive"}),
        ({"MessageType": "reaction"}, "unsupported", [], {"kind": "reaction"}),
    ],
)
def test_what_the_service_says_that_a_message_is(
    fields: dict[str, str], kind: str, files: list[str], more: dict[str, object] | None
) -> None:
    report = message(**fields)
    assert report.type == kind
    assert [media.kind for media in report.media] == files
    assert report.content == more
    assert report.text == fields.get("Body", "hola")


def test_sms_has_no_types_of_its_own() -> None:
    report = message(From="+15005550101", To="+15005550199", MessageType="sms")
    assert (report.type, report.content) == ("text", None)


def test_a_reaction_goes_to_its_message_and_an_empty_one_takes_it_back() -> None:
    fields = {"MessageType": "reaction", "OriginalRepliedMessageSid": "SM1"}
    added, removed = parse(**fields, Body="👍"), parse(**fields, Body="")
    assert isinstance(added, Reacted)
    assert isinstance(removed, Reacted)
    assert (added.provider_id, added.emoji, added.account) == ("SM1", "👍", "+15005550199")
    assert added.sender is not None
    assert added.sender.keys == ("whatsapp:+15005550101",)
    assert removed.emoji is None
    long = message(**fields, Body="no emoji at all, " * 9)
    assert (long.type, long.reply_to) == ("unsupported", "SM1")


def test_a_form_that_names_nobody_is_set_aside() -> None:
    assert parse(From=" ") == Ignored(reason="no_sender", account="+15005550199")


@pytest.mark.parametrize(
    ("said", "event", "status"),
    [
        ("read", "READ", Status.READ),
        ("delivered", "READ", Status.READ),
        ("delivered", "DELIVERED", Status.DELIVERED),
        ("failed", "READ", Status.FAILED),
    ],
)
def test_a_status_of_another_service(said: str, event: str, status: Status) -> None:
    report = parse("whatsapp_status_read", MessageStatus=said, SmsStatus=said, EventType=event)
    assert isinstance(report, StatusReported)
    assert (report.status, report.account) == (status, "+15005550199")
    assert report.recipient == "whatsapp:+15005550101"


@pytest.mark.parametrize(
    ("number", "action", "consent"),
    [
        ("63016", "final", None),
        ("63014", "final", "opt_out"),
        ("63024", "final", "address_invalid"),
        ("63003", "final", "address_invalid"),
        ("63018", "retry", None),
        ("63007", "account", None),
    ],
)
def test_what_another_services_errors_mean(number: str, action: str, consent: str | None) -> None:
    report = parse("whatsapp_status_failed_63016", ErrorCode=number)
    assert isinstance(report, StatusReported)
    assert report.error is not None
    assert (report.error.code, report.error.action) == (number, action)
    assert report.error.consent == consent
