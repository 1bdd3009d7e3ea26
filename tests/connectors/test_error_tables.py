"""What each error of a provider means, row by row as its documentation has them: tried again,
final, or trouble of the whole account, and what the ledger learns."""

from __future__ import annotations

import re

import pytest

from connectors.http import Verdict
from connectors.instagram.errors import ROWS as INSTAGRAM_ROWS
from connectors.messaging.errors import table
from connectors.sms.errors import judge as judge_sms
from connectors.whatsapp.errors import judge as judge_whatsapp

RETRY, FINAL, ACCOUNT = "retry", "final", "account"
Row = tuple[tuple[int, ...], str, str | None]
Pair = tuple[int, int | None]

# developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
WHATSAPP: tuple[Row, ...] = (
    ((0, 190), ACCOUNT, None),
    ((3, 10, 200, 250, 299, 131005), ACCOUNT, None),
    ((33,), ACCOUNT, None),
    ((100, 131008, 131009, 135000), FINAL, None),
    ((1, 2, 131000, 131016, 133004), RETRY, None),
    ((4, 80007), RETRY, None),
    ((130429,), RETRY, None),
    ((131048,), RETRY, None),
    ((131056,), RETRY, None),
    ((131064,), ACCOUNT, None),
    ((368, 131031), ACCOUNT, None),
    ((130497,), FINAL, None),
    ((131021,), FINAL, None),
    ((131026,), FINAL, "unreachable"),
    ((131030,), FINAL, None),
    ((131037,), ACCOUNT, None),
    ((131042, 131044), ACCOUNT, None),
    ((131045,), ACCOUNT, None),
    ((131047,), FINAL, None),
    ((131049,), FINAL, None),
    ((131050,), FINAL, "marketing_stop"),
    ((130472,), FINAL, None),
    ((131051,), FINAL, None),
    ((131052,), FINAL, None),
    ((131053,), FINAL, None),
    ((131055,), FINAL, None),
    ((131057,), RETRY, None),
    ((131060,), FINAL, None),
    ((131062,), FINAL, None),
    ((131063,), ACCOUNT, None),
    ((132000, 132012, 132018), FINAL, None),
    ((132001,), FINAL, None),
    ((132005, 132007, 132008), FINAL, None),
    ((132015, 132016), FINAL, None),
    ((132068,), FINAL, None),
    ((132069,), RETRY, None),
    ((133000, 133005, 133006, 133008, 133009, 133010, 133015, 133016), ACCOUNT, None),
)

# www.twilio.com/docs/api/errors
SMS: tuple[Row, ...] = (
    ((20003,), ACCOUNT, None),
    ((20404,), FINAL, None),
    ((20429,), RETRY, None),
    ((20503,), RETRY, None),
    ((21211,), FINAL, "address_invalid"),
    ((21212, 21606, 21603, 21659, 21660), ACCOUNT, None),
    ((21408,), FINAL, None),
    ((21608,), FINAL, None),
    ((21610,), FINAL, "opt_out"),
    ((21611,), RETRY, None),
    ((21612,), FINAL, None),
    ((21614,), FINAL, "address_invalid"),
    ((21617, 21619, 21620), FINAL, None),
    ((21635,), FINAL, "address_invalid"),
    ((21703, 21704, 21705), ACCOUNT, None),
    ((30001,), RETRY, None),
    ((30002,), ACCOUNT, None),
    ((30003,), RETRY, None),
    ((30004,), FINAL, None),
    ((30005,), FINAL, "address_invalid"),
    ((30006,), FINAL, "address_invalid"),
    ((30007,), FINAL, None),
    ((30008,), RETRY, None),
    ((30010,), FINAL, None),
    ((30022, 30023), RETRY, None),
    ((30032, 30034, 30035), ACCOUNT, None),
    ((30036,), FINAL, None),
    ((30038, 30044, 30453), FINAL, None),
    ((63001, 63005), FINAL, None),
    ((63003,), FINAL, "address_invalid"),
    ((63007,), ACCOUNT, None),
    ((63013,), FINAL, None),
    ((63014,), FINAL, "opt_out"),
    ((63016,), FINAL, None),
    ((63018,), RETRY, None),
    ((63024,), FINAL, "address_invalid"),
    ((63032, 63049, 63051), FINAL, None),
)

# developers.facebook.com/docs/messenger-platform/error-codes: code and subcode
MESSAGING: tuple[tuple[tuple[Pair, ...], str, str | None], ...] = (
    (((1, None), (1, 99), (1, 1357046), (2, None)), RETRY, None),
    (((4, None), (32, None), (613, None), (613, 2534040), (80006, None)), RETRY, None),
    (((613, 2018338),), FINAL, None),
    (((4, 2018354), (9, 2018352), (613, 1893016)), FINAL, None),
    (((10, 2018278), (10, 2534022), (10, 2018065)), FINAL, None),
    (((10, 1893015),), FINAL, "marketing_stop"),
    (((10, 1404170), (10, 1893063)), ACCOUNT, None),
    (((10, 2018108),), FINAL, None),
    (((10, None), (10, 77), (200, None), (200, 2018028), (3, None)), ACCOUNT, None),
    (((551, None), (551, 1545041), (200, 1545041)), FINAL, "unreachable"),
    (((100, 2018001),), FINAL, None),
    (((100, 33), (100, None)), FINAL, None),
    (((100, 2018047), (100, 2018294), (100, 2018109)), FINAL, None),
    (((100, 2018008),), RETRY, None),
    (((100, 2018074),), RETRY, None),
    (((100, 2018014),), FINAL, None),
    (((190, None), (190, 460), (190, 463), (190, 467)), ACCOUNT, None),
    (((2018300, None), (100, 2534037)), FINAL, None),
    (((2018321, None),), RETRY, None),
    (((2022, None),), FINAL, None),
    (((9000001, None),), FINAL, None),
)
INSTAGRAM: tuple[tuple[tuple[Pair, ...], str, str | None], ...] = (
    *MESSAGING,
    (((10, 2534077),), ACCOUNT, None),
    (((100, 2534013),), ACCOUNT, None),
    (((100, 2534014),), FINAL, None),
    (((100, 2534015),), FINAL, None),
    (((100, 2534025),), FINAL, None),
    (((100, 2534029),), ACCOUNT, None),
    (((200, 2534041),), ACCOUNT, None),
    (((613, 2534040),), RETRY, None),
    (((36103, None),), ACCOUNT, None),
)


def said(verdict: Verdict | None) -> tuple[str, str | None]:
    assert verdict is not None, "the table has no row for it"
    error = verdict.error
    assert re.fullmatch(r"[A-Z“].*[.]", error.reason, re.DOTALL), "a sentence for an agent"
    return error.action, error.consent


@pytest.mark.parametrize(("codes", "action", "consent"), WHATSAPP)
def test_what_an_error_of_whatsapp_means(codes: tuple[int, ...], action: str, consent: str) -> None:
    assert {code: said(judge_whatsapp(code)) for code in codes} == dict.fromkeys(
        codes, (action, consent)
    )


@pytest.mark.parametrize(("codes", "action", "consent"), SMS)
def test_what_an_error_of_twilio_means(codes: tuple[int, ...], action: str, consent: str) -> None:
    assert {code: said(judge_sms(code)) for code in codes} == dict.fromkeys(
        codes, (action, consent)
    )


@pytest.mark.parametrize(("pairs", "action", "consent"), MESSAGING)
def test_what_an_error_of_messenger_means(
    pairs: tuple[Pair, ...], action: str, consent: str
) -> None:
    errors = table("Messenger")
    assert {pair: said(errors.by_both(*pair)) for pair in pairs} == dict.fromkeys(
        pairs, (action, consent)
    )


@pytest.mark.parametrize(("pairs", "action", "consent"), INSTAGRAM)
def test_what_an_error_of_instagram_means(
    pairs: tuple[Pair, ...], action: str, consent: str
) -> None:
    errors = table("Instagram", *INSTAGRAM_ROWS)
    assert {pair: said(errors.by_both(*pair)) for pair in pairs} == dict.fromkeys(
        pairs, (action, consent)
    )


@pytest.mark.parametrize(("code", "tries"), [(30003, 3), (30008, 2), (30005, None), (21610, None)])
def test_how_often_a_message_is_tried_in_all(code: int, tries: int | None) -> None:
    verdict = judge_sms(code)
    assert verdict is not None
    assert verdict.error.tries == tries


def test_what_meta_could_not_fetch_is_tried_once_more() -> None:
    verdict = table("Messenger").by_both(100, 2018008)
    assert verdict is not None
    assert verdict.error.tries == 2
