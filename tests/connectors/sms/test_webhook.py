"""Twilio's webhooks: whom we believe, and what each documented call reports."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any
from urllib.parse import urlencode, urlsplit

import pytest
from twilio.request_validator import HMAC_SHA256, RequestValidator

from connectors.http import Http
from connectors.sms import Sms
from connectors.sms.address import e164
from connectors.sms.form import Form
from connectors.sms.webhook import signed
from inbox.domain.channel import Channel, Connector, Payload, WebhookRequest
from inbox.domain.errors import Untrusted
from inbox.domain.report import Ignored, MessageReceived
from tests.connectors.contract import API, Contract
from tests.connectors.people import (
    ACCOUNT_SID,
    AUTH_TOKEN,
    PAYLOADS,
    payload,
    sms_channel,
)
from tests.connectors.sms.calls import FORM, Pairs, changed, params, parse, word

URL = "https://inbox.example.com/webhooks/sms/chn_sms"


def request_of(name: str) -> WebhookRequest:
    """The documented request as it stands, with the signature that came with it."""
    document = payload("sms", name)["request"]
    headers = {key.lower(): value for key, value in document["headers"].items()}
    return WebhookRequest(
        method=document["method"],
        url=document["url"],
        query=b"",
        headers=headers,
        body=urlencode(params(name)).encode(),
    )


def sign(
    pairs: Pairs, token: str = AUTH_TOKEN, *, url: str = URL, signed_url: str | None = None
) -> WebhookRequest:
    form = Form()
    for name, value in pairs:
        form.setdefault(name, []).append(value)
    signature = RequestValidator(token).compute_signature(signed_url or url, form)
    return WebhookRequest(
        method="POST",
        url=url,
        query=urlsplit(url).query.encode(),
        headers={"x-twilio-signature": signature, "content-type": FORM},
        body=urlencode(pairs).encode(),
    )


def verify(request: WebhookRequest, *channels: Channel) -> None:
    Sms(Http(), "https://api.twilio.com").verify(request, channels or (sms_channel(),))


class TestContract(Contract):
    signature_header = "x-twilio-signature"
    content_type = FORM
    unknown_change = Payload(
        method="POST", query=b"", content_type=FORM, body=b"BrandNew=1&AccountSid=AC1"
    )

    def connector(self, http: Http | None = None, url: str = API) -> Connector:
        return Sms(http or Http(), url)

    def channel(self, secret: str | None = None) -> Channel:
        return sms_channel() if secret is None else sms_channel(auth_token=secret)

    def signed(self, secret: str | None = None) -> WebhookRequest:
        return sign(params("01_plain"), AUTH_TOKEN if secret is None else secret)


VECTORS: list[dict[str, Any]] = json.loads((PAYLOADS / "sms/signature_vectors.json").read_text())
JSON_BODY = b'{"property": "value", "n": 1}'


@pytest.mark.parametrize("vector", VECTORS, ids=[vector["name"] for vector in VECTORS])
def test_twilios_signature_vectors(vector: dict[str, Any]) -> None:
    form: Form | None = Form()
    for name, value in vector["params"]:
        assert form is not None
        form.setdefault(name, []).append(value)
    if vector["name"] == "json body":
        form = None
    request = WebhookRequest(
        method="POST",
        url=vector["url"],
        query=urlsplit(vector["url"]).query.encode(),
        headers={"x-twilio-signature": vector["signature"]},
        body=JSON_BODY,
    )
    # The auth token is used with SHA-1 and nothing else.
    assert signed(request, form, vector["token"]) is (vector["algorithm"] == "HMAC_SHA1")
    assert not signed(request, form, "another-token")


@pytest.mark.parametrize(
    ("url", "signed_url"),
    [
        ("https://h.example.com/x", "https://h.example.com:443/x"),
        ("https://h.example.com:443/x", "https://h.example.com/x"),
        ("http://127.0.0.1:8000/x", "http://127.0.0.1/x"),
        ("http://127.0.0.1:8000/x", "http://127.0.0.1:8000/x"),
        ("https://h.example.com/x?", "https://h.example.com/x?"),
    ],
)
def test_an_address_is_signed_with_its_port_or_without(url: str, signed_url: str) -> None:
    verify(sign(params("01_plain"), url=url, signed_url=signed_url))


def test_another_address_is_refused() -> None:
    with pytest.raises(Untrusted):
        verify(sign(params("01_plain"), signed_url="https://internal.example.com/webhooks/sms"))


@pytest.mark.parametrize(
    "name",
    sorted(
        path.stem
        for path in (PAYLOADS / "sms").glob("[0-9]*.json")
        if path.stem[:2] not in ("13", "14", "15")
    ),
)
def test_each_documented_call_is_believed(name: str) -> None:
    verify(request_of(name))


@pytest.mark.parametrize("name", ["13_bad_signature", "14_no_signature", "15_wrong_account"])
def test_each_documented_forgery_is_refused(name: str) -> None:
    with pytest.raises(Untrusted):
        verify(request_of(name))


def test_the_wrong_account_is_refused_though_it_is_signed_right() -> None:
    pairs = changed("01_plain", AccountSid="ACffffffffffffffffffffffffffffffff")
    with pytest.raises(Untrusted):
        verify(sign(pairs))
    with pytest.raises(Untrusted):
        verify(sign(changed("01_plain", AccountSid=None)))


def test_blank_and_repeated_values_are_part_of_the_signature() -> None:
    pairs = [*params("01_plain"), ("Blank", ""), ("Twice", "b"), ("Twice", "a"), ("Twice", "b")]
    verify(sign(pairs))


def test_a_get_is_signed_by_its_address_alone() -> None:
    url = f"{URL}?{urlencode(params('01_plain'))}"
    request = replace(sign([], url=url), method="GET", body=b"")
    verify(request)
    with pytest.raises(Untrusted):
        verify(replace(request, url=f"{url}&a=1"))


def test_a_json_body_is_signed_by_its_hash() -> None:
    vector = next(v for v in VECTORS if v["name"] == "json body")
    headers = {
        "x-twilio-signature": vector["signature"],
        "content-type": "application/json",
    }
    request = WebhookRequest(
        method="POST",
        url=vector["url"],
        query=urlsplit(vector["url"]).query.encode(),
        headers=headers,
        body=JSON_BODY,
    )
    verify(request)
    with pytest.raises(Untrusted):
        verify(replace(request, body=JSON_BODY + b" "))


def test_a_json_body_without_its_hash_is_refused() -> None:
    headers = {**sign([]).headers, "content-type": "application/json"}
    with pytest.raises(Untrusted):
        verify(replace(sign([]), headers=headers, body=JSON_BODY))


def test_the_secondary_token_is_believed_while_one_is_replaced() -> None:
    request = sign(params("01_plain"), "secondary-token")
    verify(request, sms_channel(auth_token_secondary="secondary-token"))
    with pytest.raises(Untrusted):
        verify(request)


@pytest.mark.parametrize("settings", ["algorithm=HMAC_SHA256", "key=k,algorithm=hmac_md5"])
def test_a_request_cannot_choose_how_the_auth_token_is_used(settings: str) -> None:
    request = sign(params("01_plain"))
    form = Form({name: [value] for name, value in params("01_plain")})
    signature = RequestValidator(AUTH_TOKEN).compute_signature(URL, form, HMAC_SHA256)
    chosen = {"x-twilio-webhooks-signature-settings": settings}
    for given in (signature, request.headers["x-twilio-signature"]):
        headers = {**request.headers, **chosen, "x-twilio-signature": given}
        with pytest.raises(Untrusted):
            verify(replace(request, headers=headers))


# What each documented call reports: a message's type, a status, or why it is ignored.
REPORTED = {
    "01_plain": "text",
    "02_stop_default": "text",
    "03_stop_advanced": "text",
    "04_start": "text",
    "05_help": "text",
    "06_natural_language_stop": "text",
    "07_mms_two_media": "image",
    "08_media_count_lies": "image",
    "09_media_ssrf": "image",
    "10_unicode_long": "text",
    "11_short_code_sender": "text",
    "12_duplicate_delivery": "text",
    "13_bad_signature": "text",
    "14_no_signature": "text",
    "15_wrong_account": "text",
    "16_unknown_future_field": "text",
    "17_hostile_text": "text",
    "18_whatsapp_prefixed": "text",
    "20_status_delivered_first": "delivered",
    "21_status_sent_late": "sent",
    "22_status_undelivered_30005": "failed",
    "23_status_failed_21610": "failed",
    "24_status_unknown_sid": "delivered",
    "25_status_empty_message_status": "sent",
}


def test_every_documented_call_is_in_the_table() -> None:
    assert {path.stem for path in (PAYLOADS / "sms").glob("[0-9]*.json")} == set(REPORTED)


@pytest.mark.parametrize("method", ["POST", "GET"])
@pytest.mark.parametrize("name", REPORTED)
def test_a_documented_call_reports_what_the_table_says(name: str, method: str) -> None:
    report = parse(params(name), method=method)
    assert word(report) == REPORTED[name]
    expected = payload("sms", name)["expect"].get("message", {})
    if isinstance(report, MessageReceived):
        assert report.provider_id == expected.get("id", report.provider_id)
        assert report.text == expected.get("text", report.text)
        assert len(report.media) == expected.get("attachments", len(report.media))
        opt_out = payload("sms", name)["expect"].get("opt_out")
        assert report.opt_out_type in (None, str(opt_out).upper())


def message(name: str = "01_plain", **changes: str | None) -> MessageReceived:
    report = parse(changed(name, **changes))
    assert isinstance(report, MessageReceived)
    return report


def test_a_message_has_its_number_and_its_sender() -> None:
    report = message()
    assert report.account == "+15005550199"
    assert report.sender.keys == ("+15005550101",)
    assert report.sender.address == report.sender.handle == "+15005550101"
    assert report.sent_at is None


def test_a_number_is_kept_as_it_came_and_as_it_is_written_everywhere() -> None:
    sender = message(From="+1 (500) 555-0101").sender
    assert sender.keys == ("+1 (500) 555-0101", "+15005550101")
    assert sender.address == "+15005550101"


def test_a_short_code_is_kept_as_it_is() -> None:
    sender = message("11_short_code_sender").sender
    assert (sender.keys, sender.address, sender.handle) == (("32665",), "32665", "32665")


@pytest.mark.parametrize(
    ("address", "number"),
    [
        ("+15005550101", "+15005550101"),
        ("32665", None),
        ("EXAMPLE", None),
        ("+1500", None),
        ("+1500555010155555", None),
        ("+١٥٠٠٥٥٥٠١٠١", None),
        ("", None),
    ],
)
def test_what_is_a_number(address: str, number: str | None) -> None:
    assert e164(address) == number


@pytest.mark.parametrize(
    ("name", "word"), [("03_stop_advanced", "STOP"), ("04_start", "START"), ("05_help", "HELP")]
)
def test_what_twilio_made_of_a_text_is_reported(name: str, word: str) -> None:
    assert message(name).opt_out_type == word
    assert message(name, OptOutType="BANANA").opt_out_type is None
    assert message("02_stop_default").opt_out_type is None


def test_each_file_says_whose_message_it_belongs_to() -> None:
    first, second = message("07_mms_two_media").media
    assert first.ref.startswith("MM00000000000000000000000000000007 https://api.twilio.com/")
    assert [(m.kind, m.mime) for m in (first, second)] == [
        ("image", "image/jpeg"),
        ("document", "text/vcard"),
    ]


def test_a_call_to_the_fallback_address_is_an_ordinary_message() -> None:
    assert message(ErrorCode="11200", ErrorUrl="https://x.example.com").text.startswith("Hi")


def test_a_message_without_a_sender_or_an_id_is_set_aside() -> None:
    assert parse(changed("01_plain", From="")) == Ignored(
        reason="no_sender", account="+15005550199"
    )
    no_id = changed("01_plain", MessageSid="", SmsSid="", SmsMessageSid="$gt")
    assert parse(no_id) == Ignored(reason="malformed_item")


def test_the_acknowledgement_says_nothing_to_the_customer() -> None:
    ack = Sms(Http(), "https://api.twilio.com").manifest.ack
    assert ack.content_type == "text/xml"
    assert ack.body == '<?xml version="1.0" encoding="UTF-8"?><Response/>'


def test_the_account_of_the_tests_is_the_documented_one() -> None:
    assert dict(params("01_plain"))["AccountSid"] == ACCOUNT_SID


def with_shared_key(key_id: str, secret: str) -> WebhookRequest:
    """A request that is signed with a shared key, and says so."""
    request = sign(params("01_plain"))
    form = Form({name: [value] for name, value in params("01_plain")})
    signature = RequestValidator(secret).compute_signature(URL, form, HMAC_SHA256)
    headers = {
        **request.headers,
        "x-twilio-webhooks-signature-settings": f"key={key_id},algorithm=HMAC_SHA256",
        "x-twilio-signature": signature,
    }
    return replace(request, headers=headers)


def test_a_shared_key_of_the_channel_is_believed_under_its_own_name() -> None:
    channel = sms_channel(shared_keys="key_1=secret-1\nkey_2=secret=2")
    verify(with_shared_key("key_1", "secret-1"), channel)
    verify(with_shared_key("key_2", "secret=2"), channel)
    for key_id, secret in (("key_1", "secret=2"), ("key_3", "secret-1"), ("", ""), ("key_1", "")):
        with pytest.raises(Untrusted):
            verify(with_shared_key(key_id, secret), channel)
    with pytest.raises(Untrusted):
        verify(with_shared_key("", AUTH_TOKEN), sms_channel(shared_keys=f"={AUTH_TOKEN}"))
