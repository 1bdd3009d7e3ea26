"""What a WhatsApp message holds beside its text, and that no shape of it breaks anything."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from inbox.domain.report import ChannelNotice, Ignored, MessageReceived, Report
from tests.connectors.people import PAYLOADS, payload
from tests.connectors.whatsapp.bodies import ACCOUNT, message, parse

NAMES = sorted(path.stem for path in (PAYLOADS / "whatsapp").glob("*.json"))


def received(report: Report) -> MessageReceived:
    assert isinstance(report, MessageReceived)
    return report


def content(kind: str, part: Any, **beside: Any) -> dict[str, object] | None:
    found = received(message(kind, part, **beside)).content
    return None if found is None else dict(found)


# What each documented message is more than text.
CONTENT: dict[str, dict[str, object] | None] = {
    "contacts_phone_shared": {
        "contacts": [{"name": "", "phones": [{"number": "+447700900123"}], "emails": []}]
    },
    "document_non_ascii_name": None,
    "hostile_unknown_type_and_fields": {"kind": "hologram"},
    "image_caption": None,
    "interactive_button_reply": {"choice": {"id": "confirm-yes", "title": "Yes, confirm"}},
    "interactive_flow_reply": {
        "form": {"name": "flow", "values": {"rating": "4", "comment": "ok"}}
    },
    "interactive_list_reply": {
        "choice": {"id": "slot-0900", "title": "09:00", "description": "Tuesday morning"}
    },
    "location_named": {
        "location": {
            "latitude": 51.5033,
            "longitude": -0.1195,
            "name": "Riverside Kiosk",
            "address": "1 Example Walk, London",
            "url": "https://maps.example.com/?cid=1",
        }
    },
    "order_with_referral_ad": {
        "order": {
            "items": [
                {
                    "product_id": "kettle-blue",
                    "quantity": 2,
                    "price": 19.5,
                    "currency": "GBP",
                }
            ]
        },
        "referral": {
            "source": "ad",
            "url": "https://fb.me/abc",
            "headline": "Kettle week",
            "text": "20% off",
            "ad_id": "900000000000001",
            "ref": "ARAkLkA8rmlFeiCktEJQ",
        },
    },
    "sticker_animated": {"animated": True},
    "template_button_stop": {"choice": {"id": "OPT_OUT_MARKETING", "title": "Stop promotions"}},
    "text": None,
    "text_frequently_forwarded": {"forwarded": "often"},
    "unsupported_poll": {"kind": "poll_creation"},
    "voice_note": {"voice": True},
}


@pytest.mark.parametrize("name", CONTENT)
def test_a_documented_message_has_the_content_of_the_table(name: str) -> None:
    (report,) = parse(payload("whatsapp", name))
    assert received(report).content == CONTENT[name]


def test_a_point_at_zero_is_a_place_and_one_beyond_the_earth_is_none() -> None:
    report = received(message("location", {"latitude": 0.0, "longitude": 0}))
    assert (report.type, report.text) == ("location", "Location: 0, 0")
    assert report.content == {"location": {"latitude": 0.0, "longitude": 0.0}}
    beyond = received(message("location", {"latitude": 91, "longitude": 0}))
    assert (beyond.type, beyond.content) == ("unsupported", {"kind": "location"})


@pytest.mark.parametrize("url", ["javascript:alert(1)", "data:text/html,x", "//x", "https:", 7])
def test_only_a_web_address_is_passed_on(url: object) -> None:
    found = content("location", {"latitude": 1, "longitude": 2, "url": url})
    assert found == {"location": {"latitude": 1.0, "longitude": 2.0}}
    referral = {"source_type": "ad", "source_url": url}
    assert content("text", {"body": "hi"}, referral=referral) == {"referral": {"source": "ad"}}


def test_contact_cards_have_names_numbers_and_mail_addresses() -> None:
    cards = [
        {
            "name": {"formatted_name": "Sam Poe"},
            "phones": [{"phone": "+1 555 0102", "type": "CELL"}, {"wa_id": "15550103"}, "x"],
            "emails": [{"email": "sam@example.com"}],
        },
        {"name": {"first_name": "Kim", "last_name": "Roe"}, "emails": [{"email": "k@example.com"}]},
        {"org": {"company": "Example"}},
    ]
    report = received(message("contacts", cards))
    assert report.text.split("\n") == [
        "Contact: Sam Poe, +1 555 0102, +15550103",
        "Contact: Kim Roe, k@example.com",
        "Contact: Example",
    ]
    assert report.content == {
        "contacts": [
            {
                "name": "Sam Poe",
                "phones": [{"number": "+1 555 0102", "type": "CELL"}, {"number": "+15550103"}],
                "emails": ["sam@example.com"],
            },
            {"name": "Kim Roe", "phones": [], "emails": ["k@example.com"]},
            {"name": "Example", "phones": [], "emails": []},
        ]
    }


def test_a_card_that_is_only_a_text_is_read() -> None:
    card = "BEGIN:VCARD\r\nFN;CHARSET=utf-8:Sam Poe\r\nitem1.TEL;type=CELL:+1 555 0102\r\nEND:VCARD"
    report = received(message("contacts", [{"vcard": card}]))
    assert (report.type, report.text) == ("contacts", "Contact: Sam Poe, +1 555 0102")


PHONE = {"phones": [{"phone": "+44 7700 900123"}]}


def test_a_number_shared_on_request_is_the_senders_and_any_other_is_not() -> None:
    asked = received(message("contacts", [PHONE], origin="contact_request"))
    assert asked.sender.keys == ("15550002001", "US.10000000000000000001", "447700900123")
    assert asked.sender.address == "+15550002001"
    other = received(message("contacts", [PHONE], origin="other"))
    assert other.sender.keys == ("15550002001", "US.10000000000000000001")


@pytest.mark.parametrize(
    "cards",
    [
        [PHONE, PHONE],
        [{"phones": [{"phone": "07700 900123"}]}],
        [{"phones": [{"phone": "+1"}]}],
        [{"phones": "x"}],
        "x",
    ],
)
def test_a_shared_number_that_is_in_doubt_is_nobodys(cards: object) -> None:
    report = received(message("contacts", cards, origin="contact_request"))
    assert report.sender.keys == ("15550002001", "US.10000000000000000001")


def test_the_answer_to_a_request_for_a_number_is_the_only_contacts() -> None:
    document = payload("whatsapp", "contacts_phone_shared")
    value = document["entry"][0]["changes"][0]["value"]
    del value["messages"][0]["from_user_id"]
    (report,) = parse(document)
    assert isinstance(report, MessageReceived)
    assert report.sender.keys == ("GB.10000000000000000002", "447700900123")
    value["contacts"] *= 2
    (report,) = parse(document)
    assert report == Ignored(reason="no_sender", account=ACCOUNT)


def reply(answers: object, **more: str) -> dict[str, Any]:
    return {"type": "nfm_reply", "nfm_reply": {"response_json": answers, **more}}


@pytest.mark.parametrize(
    ("answers", "values", "words"),
    [
        ('["a", 1]', {"answer": '["a", 1]'}, 'Form: flow\nanswer: ["a", 1]'),
        ("7", {"answer": "7"}, "Form: flow\nanswer: 7"),
        ("null", {}, "Form: flow\nSent"),
        ("{}", {}, "Form: flow\nSent"),
        ("{not json", {}, "Form: flow\nSent"),
        ("[" * 5000, {}, "Form: flow\nSent"),
        (
            '{"saved_address_id": "a1", "values": {"name": "Pat", "in_pin_code": "400063"}}',
            {"saved_address_id": "a1", "name": "Pat", "in_pin_code": "400063"},
            "Form: flow\nsaved_address_id: a1\nname: Pat\nin_pin_code: 400063",
        ),
        (
            '{"wa_flow_response_params": {"flow_id": "1"}, "day": "2026-01-02"}',
            {"day": "2026-01-02"},
            "Form: flow\nday: 2026-01-02",
        ),
        ({"day": "2026-01-02"}, {"day": "2026-01-02"}, "Form: flow\nday: 2026-01-02"),
        (
            '{"flow_token": "t", "agreed": true, "none": null, "a": {"b": 1e999}}',
            {"agreed": "true", "a": '{"b": Infinity}'},
            'Form: flow\nagreed: true\na: {"b": Infinity}',
        ),
    ],
)
def test_a_form_is_shown_whatever_its_answers_are(
    answers: object, values: dict[str, str], words: str
) -> None:
    report = received(message("interactive", reply(answers, name="flow", body="Sent")))
    assert report.content == {"form": {"name": "flow", "values": values}}
    assert report.text == words


def test_a_long_form_is_short_in_words_and_whole_in_content() -> None:
    answers = json.dumps({f"q{n}": "x" * 1000 for n in range(50)})
    report = received(message("interactive", reply(answers, name="flow")))
    assert len(report.text) < 21 * 220
    assert report.content is not None
    form = report.content["form"]
    assert isinstance(form, dict)
    assert len(form["values"]) == 50


@pytest.mark.parametrize(
    ("kind", "part", "choice"),
    [
        ("button", {"text": "Yes"}, {"id": "Yes", "title": "Yes"}),
        ("button", {"payload": "P1"}, {"id": "P1", "title": "P1"}),
        (
            "interactive",
            {"type": "list_reply", "list_reply": {"id": "r1"}},
            {"id": "r1", "title": "r1"},
        ),
    ],
)
def test_a_button_without_one_half_has_the_other(kind: str, part: object, choice: object) -> None:
    assert content(kind, part) == {"choice": choice}


@pytest.mark.parametrize(
    "part", [None, {}, {"type": "product", "product": {}}, {"type": "button_reply"}, "x", []]
)
def test_an_interactive_reply_of_no_known_shape_is_unreadable(part: object) -> None:
    report = received(message("interactive", part))
    assert (report.type, report.content) == ("unsupported", {"kind": "interactive"})


def test_an_order_says_its_note_its_lines_and_no_price_that_is_missing() -> None:
    order = {
        "text": "Before noon please",
        "product_items": [
            {"product_retailer_id": "a", "quantity": "3", "item_price": "4.25", "currency": "EUR"},
            {"product_retailer_id": "b"},
            {"quantity": 1},
            None,
        ],
    }
    report = received(message("order", order))
    assert report.text == "Before noon please\nOrder: 3 × a at 4.25 EUR\nOrder: 1 × b"
    assert report.content == {
        "order": {
            "items": [
                {"product_id": "a", "quantity": 3, "price": 4.25, "currency": "EUR"},
                {"product_id": "b", "quantity": 1},
            ],
            "text": "Before noon please",
        }
    }


def test_a_forward_a_product_page_and_an_old_post_are_told() -> None:
    assert content("text", {"body": "a"}, context={"forwarded": True}) == {"forwarded": "once"}
    product = {"referred_product": {"catalog_id": "1", "product_retailer_id": "kettle"}}
    assert content("text", {"body": "a"}, context=product) == {
        "share": {"kind": "product", "title": "kettle"}
    }
    post = {"source_type": "post", "source_id": "9", "headline": "Spring"}
    assert content("image", {"id": "1"}, referral=post) == {
        "referral": {"source": "post", "headline": "Spring"}
    }


def test_a_voice_note_of_the_old_type_is_a_voice_note() -> None:
    report = received(message("voice", {"id": "1", "mime_type": "audio/ogg"}))
    assert (report.type, report.content, len(report.media)) == ("audio", {"voice": True}, 1)


def test_a_file_that_failed_keeps_its_type_where_meta_says_so() -> None:
    errors = [{"code": 131052}]
    gone = received(message("document", None, errors=errors))
    assert (gone.type, gone.text, gone.content) == ("document", "", {"kind": "document"})
    odd = received(message("image", {"caption": "look"}))
    assert (odd.type, odd.text, odd.content) == ("unsupported", "look", {"kind": "image"})


def places(value: Any) -> Iterator[tuple[Any, Any]]:
    """Every place in a document where something stands, as (container, key)."""
    entries = value.items() if isinstance(value, dict) else enumerate(value)
    for key, found in list(entries):
        yield value, key
        if isinstance(found, dict | list):
            yield from places(found)


ANYTHING = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text()
    | st.sampled_from(["", "\0", "\ud800", "__proto__", "$gt", "1e999", "javascript:x"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["id", "type", "phone", "body", "name", "$gt", "a.b", "x"]),
            inner,
            max_size=3,
        )
    ),
    max_leaves=8,
)


@settings(deadline=None)  # a busy machine is no fault
@given(name=st.sampled_from(NAMES), where=st.integers(min_value=0), odd=ANYTHING)
def test_anything_anywhere_in_a_documented_body_breaks_nothing(
    name: str, where: int, odd: object
) -> None:
    document = payload("whatsapp", name)
    found = list(places(document["entry"]))
    container, key = found[where % len(found)]
    container[key] = odd
    for report in parse(document):
        if isinstance(report, MessageReceived):
            json.dumps(report.content, allow_nan=False, ensure_ascii=False).encode()
            (report.text + report.type).encode()
            assert report.sender.keys
            assert "\0" not in report.text
        if isinstance(report, ChannelNotice):
            assert report.reason.endswith(".")


@pytest.mark.parametrize(
    "part",
    [
        {"type": {"button_reply": {"id": "yes", "title": "Yes"}}},
        {"button_reply": {"id": "yes", "title": "Yes"}},
        {"type": "button_reply", "button_reply": {"id": "yes", "title": "Yes"}},
    ],
    ids=["inside of the type", "without a type", "as documented"],
)
def test_an_answer_to_buttons_is_read_in_its_older_forms(part: dict[str, Any]) -> None:
    report = received(message("interactive", part))
    assert (report.type, report.text) == ("interactive", "Yes")
    assert report.content == {"choice": {"id": "yes", "title": "Yes"}}
