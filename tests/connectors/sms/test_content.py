"""What a message from Twilio holds beside its text, and that no form breaks anything."""

from __future__ import annotations

import json
from urllib.parse import urlencode

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from connectors.http import Http
from connectors.sms import Sms
from inbox.domain.channel import Payload
from inbox.domain.report import MessageReceived, Report
from tests.connectors.people import RECEIVED_AT, payload

FORM = "application/x-www-form-urlencoded"
RICH = {
    "location": {
        "Latitude": "51.5033",
        "Longitude": "-0.1195",
        "Label": "Kiosk",
        "Address": "1 Walk",
    },
    "button": {"ButtonText": "Yes", "ButtonPayload": "P1", "Body": "Yes"},
    "list": {"ListId": "r1", "ListTitle": "09:00", "ListDescription": "Tuesday"},
    "form": {"FlowData": '{"rating": 4}'},
    "forwarded": {"Forwarded": "true"},
    "forwarded often": {"Forwarded": "true", "FrequentlyForwarded": "true"},
    "advert": {
        "ReferralSourceType": "ad",
        "ReferralSourceId": "9",
        "ReferralSourceUrl": "https://fb.me/abc",
        "ReferralHeadline": "Kettle week",
        "ReferralBody": "20% off",
        "ReferralCtwaClid": "c1",
    },
}


def parse(fields: dict[str, str]) -> Report:
    body = urlencode(fields, errors="replace").encode()
    call = Payload(method="POST", query=b"", content_type=FORM, body=body)
    (report,) = Sms(Http(), "https://api.twilio.com").parse(call, RECEIVED_AT)
    return report


def message(**fields: str) -> MessageReceived:
    report = parse(dict(payload("sms", "01_plain")["request"]["params"]) | {"Body": ""} | fields)
    assert isinstance(report, MessageReceived)
    return report


@pytest.mark.parametrize(
    ("name", "kind", "text", "content"),
    [
        (
            "location",
            "location",
            "Location: Kiosk, 1 Walk (51.5033, -0.1195)",
            {
                "location": {
                    "latitude": 51.5033,
                    "longitude": -0.1195,
                    "name": "Kiosk",
                    "address": "1 Walk",
                }
            },
        ),
        ("button", "button", "Yes", {"choice": {"id": "P1", "title": "Yes"}}),
        (
            "list",
            "interactive",
            "09:00",
            {"choice": {"id": "r1", "title": "09:00", "description": "Tuesday"}},
        ),
        (
            "form",
            "interactive",
            "Form: form\nrating: 4",
            {"form": {"name": "form", "values": {"rating": "4"}}},
        ),
        ("forwarded", "text", "", {"forwarded": "once"}),
        ("forwarded often", "text", "", {"forwarded": "often"}),
        (
            "advert",
            "text",
            "",
            {
                "referral": {
                    "source": "ad",
                    "url": "https://fb.me/abc",
                    "headline": "Kettle week",
                    "text": "20% off",
                    "ad_id": "9",
                    "ref": "c1",
                }
            },
        ),
    ],
)
def test_what_is_more_than_text_is_content(
    name: str, kind: str, text: str, content: dict[str, object]
) -> None:
    report = message(**RICH[name])
    assert (report.type, report.text, report.content) == (kind, text, content)


def test_a_plain_message_and_its_empty_fields_have_no_content() -> None:
    assert message().content is None
    assert message(Latitude="", ButtonText="", ReferralNumMedia="0").content is None
    assert message(Latitude="here", Longitude="1", Forwarded="false").content is None


def test_what_they_wrote_goes_before_our_words() -> None:
    report = message(**RICH["location"], Body="I am here")
    assert (report.type, report.text) == ("location", "I am here")


def test_a_file_says_the_type_and_the_rest_is_content() -> None:
    media = {"MediaUrl0": "https://api.twilio.com/x", "MediaContentType0": "video/mp4"}
    report = message(**media, **RICH["forwarded"])
    assert (report.type, report.content, len(report.media)) == ("video", {"forwarded": "once"}, 1)


def test_the_name_of_a_profile_is_the_senders() -> None:
    assert message(ProfileName="Contact\nOne ").sender.name == "ContactOne"
    assert message(ProfileName="").sender.name is None


@settings(deadline=None)  # a busy machine is no fault
@given(
    st.dictionaries(
        st.sampled_from(
            [
                *sorted({name for fields in RICH.values() for name in fields}),
                *("From", "To", "MediaUrl0", "OptOutType", "InteractiveData", "MessageSid"),
                *("MessageType", "ExternalUserId", "WaId", "ProfileUsername"),
                "OriginalRepliedMessageSid",
            ]
        ),
        st.text()
        | st.sampled_from(["nan", "1e999", "\0", "{", "[" * 2000, '{"$gt": [1]}', "٣"])
        | st.sampled_from(
            ["whatsapp:+15005550101", "WhatsApp:\0", "a:" * 50, "reaction", "sticker"]
        ),
    )
)
def test_any_fields_break_nothing(fields: dict[str, str]) -> None:
    report = parse(dict(payload("sms", "01_plain")["request"]["params"]) | fields)
    if isinstance(report, MessageReceived):
        json.dumps(report.content, allow_nan=False, ensure_ascii=False).encode()
        assert "\0" not in report.text
        assert report.sender.address
