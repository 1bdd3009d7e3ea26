"""WhatsApp's webhooks: whom we believe, and what each documented body reports."""

from __future__ import annotations

import hmac
import json
import time
from dataclasses import replace
from datetime import UTC, datetime
from hashlib import sha256
from typing import Any

import pytest

from connectors import meta
from connectors.http import Http
from connectors.whatsapp import WhatsApp
from inbox.domain.channel import Channel, Connector, Payload, WebhookRequest
from inbox.domain.errors import Untrusted
from inbox.domain.report import (
    ChannelNotice,
    Edited,
    IdentityChanged,
    Ignored,
    MessageReceived,
    PreferenceReported,
    Reacted,
    Report,
    StatusReported,
    TemplateChanged,
    Unsent,
    WatermarkReported,
)
from tests.connectors.contract import API, Contract
from tests.connectors.people import APP_SECRET, PAYLOADS, payload, whatsapp_channel
from tests.connectors.whatsapp.bodies import example, parse, wire


def signed(body: bytes, secret: str = APP_SECRET) -> WebhookRequest:
    digest = hmac.new(secret.encode(), body, sha256).hexdigest()
    return WebhookRequest(
        method="POST",
        url="https://inbox.example.com/webhooks/whatsapp/chn_whatsapp",
        query=b"",
        headers={"x-hub-signature-256": f"sha256={digest}", "content-type": "application/json"},
        body=body,
    )


def one_message(name: str) -> MessageReceived:
    (report,) = example(name)
    assert isinstance(report, MessageReceived)
    return report


def message_with(**changes: Any) -> list[Report]:
    """What `text.json` reports with its message changed; None takes a key away."""
    document = payload("whatsapp", "text")
    message = document["entry"][0]["changes"][0]["value"]["messages"][0]
    for key, value in changes.items():
        if value is None:
            message.pop(key)
        else:
            message[key] = value
    return parse(document)


class TestContract(Contract):
    signature_header = "x-hub-signature-256"
    content_type = "application/json"
    unknown_change = Payload(
        method="POST",
        query=b"",
        content_type="application/json",
        body=b'{"entry": [{"changes": [{"field": "brand_new", "value": {"a": 1}}]}]}',
    )

    def connector(self, http: Http | None = None, url: str = API) -> Connector:
        return WhatsApp(http or Http(), url)

    def channel(self, secret: str | None = None) -> Channel:
        return whatsapp_channel() if secret is None else whatsapp_channel(app_secret=secret)

    def signed(self, secret: str | None = None) -> WebhookRequest:
        body = wire(payload("whatsapp", "text"))
        return signed(body, APP_SECRET if secret is None else secret)


VECTOR_A = (
    b'{"object":"page","entry":[{"id":"300000000000001","time":1794000000000,"messaging":[{"sender":'
    b'{"id":"4000000000000001"},"recipient":{"id":"300000000000001"},"timestamp":1794000000000,'
    b'"message":{"mid":"m_sig1",'
    b'"text":"\\u00e4\\u00f6\\u00e5 https:\\/\\/example.com \\ud83d\\ude00"}}]}]}'
)
DIGESTS = {
    b"{}": "d3d20b6ed3a5fa54c808749d73700450997855a044faf31f320f6857ffa2dd56",
    b"": "20bec0c07c86994b2f55f8b8ae3d8a467311a61ea57098fb823fd1cba5112b93",
    VECTOR_A: "bf30346bef25230ef15138dc73f5c5ee129820bccd2346fedd1f4c8ff3650e32",
}


def with_digest(body: bytes, digest: str) -> WebhookRequest:
    headers = {"x-hub-signature-256": f"sha256={digest}"}
    return replace(signed(body), headers=headers)


@pytest.mark.parametrize("body", DIGESTS)
def test_metas_signature_vectors_are_believed(body: bytes) -> None:
    meta.verify(with_digest(body, DIGESTS[body]), [whatsapp_channel()], "app_secret")


@pytest.mark.parametrize("ascii_only", [True, False])
def test_a_body_parsed_and_written_again_has_another_signature(ascii_only: bool) -> None:
    again = json.dumps(
        json.loads(VECTOR_A), separators=(",", ":"), ensure_ascii=ascii_only
    ).encode()
    with pytest.raises(Untrusted):
        meta.verify(with_digest(again, DIGESTS[VECTOR_A]), [whatsapp_channel()], "app_secret")


def test_a_signature_by_sha_1_alone_is_refused() -> None:
    digest = hmac.new(APP_SECRET.encode(), b"{}", "sha1").hexdigest()
    request = replace(signed(b"{}"), headers={"x-hub-signature": f"sha1={digest}"})
    with pytest.raises(Untrusted):
        meta.verify(request, [whatsapp_channel()], "app_secret")


def handshake(query: bytes, channel: Channel | None = None) -> str:
    request = replace(signed(b""), method="GET", query=query)
    return meta.challenge(request, channel or whatsapp_channel())


def test_the_handshake_is_answered_with_its_challenge() -> None:
    query = b"hub.mode=subscribe&hub.verify_token=verify-1&hub.challenge=1158201444"
    assert handshake(query) == "1158201444"


@pytest.mark.parametrize(
    "query",
    [
        b"",
        b"hub.mode=subscribe&hub.challenge=1",
        b"hub.mode=subscribe&hub.verify_token=&hub.challenge=1",
        b"hub.mode=subscribe&hub.verify_token=wrong&hub.challenge=1",
        b"hub.mode=unsubscribe&hub.verify_token=verify-1&hub.challenge=1",
        b"hub.mode=subscribe&hub.verify_token=%ff&hub.challenge=1",
        b"\xff",
    ],
)
def test_a_handshake_without_the_token_is_refused(query: bytes) -> None:
    with pytest.raises(Untrusted):
        handshake(query)


def test_a_channel_without_a_verify_token_answers_no_handshake() -> None:
    with pytest.raises(Untrusted):
        handshake(
            b"hub.mode=subscribe&hub.verify_token=&hub.challenge=1",
            whatsapp_channel(verify_token=""),
        )


# What each documented body reports: messages by type, statuses, reasons of what is ignored.
REPORTED = {
    "batch_mixed": ["text", "text", "text", "delivered", "text", "unknown_field"],
    "contacts_phone_shared": ["contacts"],
    "document_non_ascii_name": ["document"],
    "duplicate_delivery": ["text", "text"],
    "hostile_huge_text": ["text"],
    "hostile_missing_messages": [
        *["malformed_item"] * 2,
        "empty_change",
        *["malformed_item"] * 4,
    ],
    "hostile_unknown_type_and_fields": ["unsupported"],
    "hostile_wrong_types": ["no_sender", "malformed_item", "unsupported"],
    "image_caption": ["image"],
    "interactive_button_reply": ["interactive"],
    "interactive_flow_reply": ["interactive"],
    "interactive_list_reply": ["interactive"],
    "location_named": ["location"],
    "message_edit": ["edited"],
    "message_revoke": ["unsent"],
    "order_with_referral_ad": ["order"],
    "reaction_added": ["reacted"],
    "reaction_removed": ["reacted"],
    "smb_message_echo": ["outbound text"],
    "status_failed_marketing_stopped": ["failed"],
    "statuses_out_of_order": ["read", "sent", "delivered"],
    "sticker_animated": ["sticker"],
    "system_number_and_bsuid_change": ["identity changed"],
    "template_button_stop": ["button"],
    "template_paused": ["template paused"],
    "text": ["text"],
    "text_bsuid_only": ["text"],
    "text_frequently_forwarded": ["text"],
    "text_reply_context": ["text"],
    "unsupported_poll": ["unsupported"],
    "user_preferences_stop": ["stop"],
    "value_level_errors": ["warning"],
    "voice_note": ["audio"],
}


def word(report: Report) -> str:
    match report:
        case MessageReceived():
            return report.type if report.direction == "inbound" else f"outbound {report.type}"
        case Edited():
            return "edited"
        case Unsent():
            return "unsent"
        case Reacted():
            return "reacted"
        case IdentityChanged():
            return "identity changed"
        case ChannelNotice():
            return report.level
        case WatermarkReported():
            return "watermark"
        case StatusReported():
            return report.status.value
        case PreferenceReported():
            return report.act
        case TemplateChanged():
            return f"template {report.status}"
        case Ignored():
            return report.reason


def test_every_documented_body_is_in_the_table() -> None:
    assert {path.stem for path in (PAYLOADS / "whatsapp").glob("*.json")} == set(REPORTED)


@pytest.mark.parametrize("name", REPORTED)
def test_a_documented_body_reports_what_the_table_says(name: str) -> None:
    assert [word(report) for report in example(name)] == REPORTED[name]


def test_a_text_has_all_that_is_known_of_it() -> None:
    message = one_message("text")
    assert message.account == "200000000000001"
    assert message.text == "Hi, is the blue kettle in stock? äöå 👍"
    assert message.sent_at == datetime.fromtimestamp(1794000001, UTC)
    assert message.sender.keys == ("15550002001", "US.10000000000000000001")
    assert message.sender.address == "+15550002001"
    assert message.sender.handle == "+15550002001"
    assert message.sender.name == "Alex Doe"


def test_a_person_without_a_number_is_known_by_their_user_ids() -> None:
    sender = one_message("text_bsuid_only").sender
    assert sender.keys == ("GB.10000000000000000002", "GB.ENT.20000000000000000002")
    assert sender.address == "GB.10000000000000000002"
    assert sender.handle == "@robin.roe"


def test_names_go_by_id_and_not_by_position() -> None:
    document = payload("whatsapp", "batch_mixed")
    document["entry"][0]["changes"][0]["value"]["contacts"].reverse()
    names = [r.sender.name for r in parse(document) if isinstance(r, MessageReceived)]
    assert names == ["Alex Doe", "Sam Poe", "Alex Doe", "Alex Doe"]


def test_each_item_says_which_number_it_belongs_to() -> None:
    accounts = [r.account for r in example("batch_mixed") if isinstance(r, MessageReceived)]
    assert accounts == ["200000000000001"] * 3 + ["200000000000002"]


def test_a_quote_is_reported_with_the_quoted_id() -> None:
    quoted = one_message("text_reply_context").reply_to
    assert quoted == "wamid.HBgLMTU1NTAwMDIwMDEVAgARGBIzQTAwMDAwMDAwMDAwMDA5MDAA"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        (
            "location_named",
            "Location: Riverside Kiosk, 1 Example Walk, London (51.5033, -0.1195)",
        ),
        ("contacts_phone_shared", "Contact: +447700900123"),
        ("interactive_button_reply", "Yes, confirm"),
        ("interactive_list_reply", "09:00"),
        ("interactive_flow_reply", "Form: flow\nrating: 4\ncomment: ok"),
        ("template_button_stop", "Stop promotions"),
        ("order_with_referral_ad", "Order: 2 × kettle-blue at 19.5 GBP"),
        ("image_caption", "Cracked lid"),
        ("unsupported_poll", ""),
    ],
)
def test_a_message_without_text_has_words_for_the_agent(name: str, text: str) -> None:
    assert one_message(name).text == text


@pytest.mark.parametrize(
    ("name", "kind", "mime", "file"),
    [
        ("image_caption", "image", "image/jpeg", None),
        ("voice_note", "audio", "audio/ogg; codecs=opus", None),
        (
            "document_non_ascii_name",
            "document",
            "application/pdf",
            "Rückgabe – März.pdf",
        ),
        ("sticker_animated", "sticker", "image/webp", None),
    ],
)
def test_a_file_is_reported_by_its_id(name: str, kind: str, mime: str, file: str | None) -> None:
    (media,) = one_message(name).media
    assert (media.kind, media.mime, media.name) == (kind, mime, file)
    assert media.ref.startswith("7000000000000")
    assert media.sha256 is not None


def test_a_file_that_failed_at_meta_keeps_its_caption() -> None:
    errors = [{"code": 131052, "title": "too large"}]
    (report,) = message_with(type="video", video={"caption": "The leak"}, errors=errors)
    assert isinstance(report, MessageReceived)
    assert (report.type, report.text, report.media) == ("video", "The leak", ())
    assert report.content == {"kind": "video"}


def test_a_message_to_a_group_is_not_filed_under_its_sender() -> None:
    assert message_with(group_id="grp-1") == [
        Ignored(reason="group_message", account="200000000000001")
    ]


@pytest.mark.parametrize("written", ["+1 (555) 000-2001", "15550002001", "1-555-000-2001"])
def test_a_number_is_read_as_people_write_it(written: str) -> None:
    (report,) = message_with(**{"from": written, "from_user_id": None})
    assert isinstance(report, MessageReceived)
    assert (report.sender.keys[0], report.sender.address) == ("15550002001", "+15550002001")


def test_who_has_an_odd_id_is_somebody_all_the_same() -> None:
    document = payload("whatsapp", "text")
    value = document["entry"][0]["changes"][0]["value"]
    value["contacts"] = [{"profile": {"name": "Kim"}, "wa_id": "USER_PHONE_NUMBER"}]
    del value["messages"][0]["from_user_id"]
    value["messages"][0]["from"] = "USER_PHONE_NUMBER"
    (report,) = parse(document)
    assert isinstance(report, MessageReceived)
    assert (report.sender.keys, report.sender.name) == (("USER_PHONE_NUMBER",), "Kim")


@pytest.mark.parametrize("odd", ["../x", "a b", "x" * 200, "?", "é"])
def test_what_can_be_no_id_is_nobody(odd: str) -> None:
    (report,) = message_with(**{"from": odd, "from_user_id": None})
    assert word(report) == "no_sender"


def test_a_message_that_forgets_its_type_has_that_of_its_content() -> None:
    (report,) = message_with(type=None)
    assert word(report) == "text"
    (report,) = message_with(type=None, text=None)
    assert isinstance(report, MessageReceived)
    assert (report.type, report.content) == ("unsupported", {"kind": "unknown"})


def test_a_time_in_milliseconds_is_told_by_its_size() -> None:
    (report,) = message_with(timestamp="1794000001500")
    assert isinstance(report, MessageReceived)
    assert report.sent_at == datetime.fromtimestamp(1794000001.5, UTC)


def test_a_file_may_be_named_by_a_number() -> None:
    (report,) = message_with(type="image", text=None, image={"id": 700000000000005})
    assert isinstance(report, MessageReceived)
    assert [media.ref for media in report.media] == ["700000000000005"]


def test_a_message_of_nobody_is_set_aside() -> None:
    (report,) = message_with(**{"from": None, "from_user_id": None})
    assert word(report) == "no_sender"


@pytest.mark.parametrize(
    "timestamp", ["NaN", "99999999999999999999", -1, 0, None, [1], {"$gt": 1}, True, "1e400"]
)
def test_a_time_that_cannot_be_is_left_out(timestamp: object) -> None:
    document = payload("whatsapp", "text")
    message = document["entry"][0]["changes"][0]["value"]["messages"][0]
    message["timestamp"] = timestamp
    (report,) = parse(document)
    assert isinstance(report, MessageReceived)
    assert report.sent_at is None


def test_a_text_loses_what_no_database_can_hold() -> None:
    (report,) = message_with(text={"body": "a\0b\ud800c"})
    assert isinstance(report, MessageReceived)
    assert report.text == "abc"


def test_a_bad_item_does_not_hide_the_others() -> None:
    document = payload("whatsapp", "text")
    value = document["entry"][0]["changes"][0]["value"]
    bad: list[Any] = [None, 7, "text", [], {}, {"id": {"$ne": ""}, "type": "text"}]
    value["messages"] = [*bad, *value["messages"]]
    words = [word(report) for report in parse(document)]
    assert words == ["malformed_item"] * len(bad) + ["text"]


def test_a_batch_of_a_thousand_is_read_without_holding_others_up() -> None:
    document = payload("whatsapp", "text")
    value = document["entry"][0]["changes"][0]["value"]
    people = range(15550100000, 15550101000)
    value["contacts"] = [{"wa_id": str(n), "profile": {"name": f"No. {n}"}} for n in people]
    (first,) = value["messages"]
    first.pop("from_user_id")
    value["messages"] = [{**first, "id": f"wamid.{n}", "from": str(n)} for n in people]
    began = time.process_time()
    reports = parse(document)
    assert time.process_time() - began < 0.5
    names = [r.sender.name for r in reports if isinstance(r, MessageReceived)]
    assert names == [f"No. {n}" for n in people]


def test_a_stop_of_promotions_at_whatsapp_is_reported_as_such() -> None:
    (report,) = example("user_preferences_stop")
    assert isinstance(report, PreferenceReported)
    assert report.sender.keys == ("15550002001", "US.10000000000000000001")
    assert report.at == datetime.fromtimestamp(1794000930, UTC)
