"""What a contact is found by."""

from __future__ import annotations

import time

import pytest

from inbox import terms
from inbox.domain.contact import Identity
from inbox.domain.ids import ChannelId, ContactId, IdentityId, WorkspaceId
from inbox.shapes import readable


def an_identity(*keys: str, handle: str = "", name: str | None = None) -> Identity:
    return Identity(
        id=IdentityId("idn_1"),
        workspace_id=WorkspaceId("wsp_1"),
        channel_id=ChannelId("chn_1"),
        kind="sms",
        contact_id=ContactId("con_1"),
        keys=keys,
        address=keys[0],
        handle=handle or keys[0],
        name=name,
    )


@pytest.mark.parametrize(
    ("name", "asked", "found"),
    [
        ("Maya Ortiz", "maya", True),
        ("Maya Ortiz", "ort may", True),
        ("Maya Ortiz", "maya o", True),
        ("Maya Ortiz", "aya", False),
        ("Maya Ortiz", "maya p", False),
        ("Zoë Ørsted", "zoe", True),
        ("Straße", "STRASSE", True),
        ("山田 太郎", "山", True),
        ("山田太郎", "山田", True),
        ("نادية حداد", "نادية", True),
        ("O'Neill-Brand", "neill", True),
        ("A B", "a", True),
        ("Christophoros", "christophoros", True),
        ("Christophoros", "christophor", True),
    ],
)
def test_a_name_is_found_by_the_beginnings_of_its_words(name: str, asked: str, found: bool) -> None:
    assert terms.matches(terms.asked(asked), terms.of_name(name)) is found


@pytest.mark.parametrize(
    "asked",
    ["+15550101234", "+1 (555) 010-1234", "0015550101234", "(555) 010 1234", "555-010-1234"],
)
def test_a_number_is_found_in_any_spelling(asked: str) -> None:
    has = terms.of_identity(an_identity("15550101234"), verified=True)
    assert terms.matches(terms.asked(asked), has)
    assert not terms.matches(terms.asked(asked[:-1]), has)


def test_a_number_at_another_service_of_the_kind_is_found_too() -> None:
    at_whatsapp = an_identity("whatsapp:+15550101234", handle="WhatsApp · +15550101234")
    assert terms.numbers(at_whatsapp, verified=True) == {"+15550101234"}
    for none in ("messenger:15550101234", "whatsapp:US.15550101234", "+155501", "x:+1:5550101234"):
        assert terms.numbers(an_identity(none), verified=True) == set()
    named = an_identity("whatsapp:US.1", handle="WhatsApp · @Maya.Ortiz")
    assert terms.username(named) == "maya.ortiz"
    assert terms.username(an_identity("whatsapp:US.1", handle="WhatsApp · US.1")) is None


@pytest.mark.parametrize(
    ("handle", "shown"),
    [
        ("+15005550101", "+1 500-555-0101"),
        ("WhatsApp · +15005550101", "WhatsApp · +1 500-555-0101"),
        ("WhatsApp · @maya", "WhatsApp · @maya"),
        ("Maya · Ortiz", "Maya · Ortiz"),
        ("32665", "32665"),
    ],
)
def test_a_number_is_shown_as_people_write_it(handle: str, shown: str) -> None:
    assert readable(handle) == shown


def test_digits_of_a_kind_whose_keys_are_no_numbers_are_no_number() -> None:
    psid = an_identity("7123456789012", handle="Otto")
    assert terms.numbers(psid, verified=False) == set()
    assert terms.signs(psid, verified=False) == set()
    assert terms.numbers(an_identity("US.123456789"), verified=True) == set()


def test_a_mail_address_is_found_however_its_domain_is_written() -> None:
    for key in ("maya@bücher.example", "maya@xn--bcher-kva.example"):
        has = terms.of_identity(an_identity(key), verified=False)
        for asked in ("Maya@Bücher.example", "maya@xn--bcher-kva.example"):
            assert terms.matches(terms.asked(asked), has)


def test_a_mail_address_is_found_whole_by_its_name_and_in_any_case() -> None:
    has = terms.of_identity(an_identity("maya.ortiz@example.com"), verified=False)
    for asked in ("Maya.Ortiz@Example.com", "ortiz"):
        assert terms.matches(terms.asked(asked), has), asked
    assert not terms.matches(terms.asked("maya.ortiz@example.org"), has)
    assert terms.signs(an_identity("maya.ortiz@example.com"), verified=False) == {
        "m:maya.ortiz@example.com"
    }


def test_hostile_text_costs_little_and_makes_few_terms() -> None:
    for text in (
        "a " * 50_000,
        "@" * 100_000,
        "1 " * 50_000,
        "a@" + "b." * 50_000,
        "\u0301" * 9000,
    ):
        before = time.perf_counter()
        identity = an_identity(text, handle="@" + text, name=text)
        assert len(terms.of_identity(identity, verified=True)) < 200
        terms.asked(text)
        assert time.perf_counter() - before < 0.2
