"""What each error code of the WhatsApp platform means for a message, in words an agent understands.

Decided by code alone: Meta's texts change. A code that is not listed is final for its message and
changes no consent.

source  developers.facebook.com/docs/whatsapp/cloud-api/support/error-codes
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from connectors.http import Verdict
from connectors.meta import unlisted
from inbox.domain.report import ProviderError

Action = Literal["retry", "final", "account"]

_MINUTE, _HOUR = 60.0, 3600.0

_ROWS: tuple[tuple[Iterable[int], Action, str, float | None], ...] = (
    (
        (0, 190),
        "account",
        "WhatsApp no longer accepts this channel's access token. An admin must enter a new one.",
        None,
    ),
    (
        (3, 10, *range(200, 300), 131005),
        "account",
        "This channel's access token lacks a permission. An admin must grant it at Meta.",
        None,
    ),
    (
        (33,),
        "account",
        "WhatsApp does not know this channel's number any more. An admin must check its ids.",
        None,
    ),
    (
        (100, 131008, 131009, 135000),
        "final",
        "WhatsApp did not accept a part of this message. Change it and send it again.",
        None,
    ),
    (
        (1, 2, 131000, 131016, 133004),
        "retry",
        "WhatsApp has a passing fault; the message is tried again.",
        None,
    ),
    (
        (4, 80007),
        "retry",
        "This business makes more calls than WhatsApp allows; the message is tried again later.",
        5 * _MINUTE,
    ),
    (
        (130429,),
        "retry",
        "This number sends faster than WhatsApp allows; the message is tried again.",
        None,
    ),
    (
        (131048,),
        "retry",
        "WhatsApp slows this number down because people blocked or reported it; the message is"
        " tried again later.",
        _HOUR,
    ),
    (
        (131056,),
        "retry",
        "Too many messages went to this contact in a short time; the message is tried again.",
        4.0,
    ),
    (
        (131057,),
        "retry",
        "WhatsApp is maintaining this number; the message is tried again in a minute.",
        _MINUTE,
    ),
    (
        (132069, 139103),
        "retry",
        "WhatsApp asks to wait; the message is tried again.",
        _MINUTE,
    ),
    (
        (131064,),
        "account",
        "WhatsApp cut this business's messaging limit. An admin must look at the account at Meta.",
        None,
    ),
    (
        (368, 131031),
        "account",
        "WhatsApp restricted or locked this account. An admin must appeal at Meta.",
        None,
    ),
    (
        (131037,),
        "account",
        "WhatsApp has not approved this number's display name. An admin must mend it at Meta.",
        None,
    ),
    (
        (131042, 131044, 134011),
        "account",
        "WhatsApp has a problem with this business's payment. An admin must mend it at Meta.",
        None,
    ),
    (
        (131045, 133000, 133005, 133006, 133008, 133009, 133010, 133015, 133016),
        "account",
        "This number is not registered with WhatsApp. An admin must register it at Meta.",
        None,
    ),
    (
        (131063,),
        "account",
        "Promotional templates are switched off for this account at Meta.",
        None,
    ),
    (
        (130497,),
        "final",
        "WhatsApp does not let this business write to people in that country.",
        None,
    ),
    ((131021,), "final", "A number cannot write to itself.", None),
    (
        (131026,),
        "final",
        "WhatsApp could not deliver it: the number is not on WhatsApp, has an old version of it, or"
        " has not accepted its terms. Try another channel.",
        None,
    ),
    (
        (131030,),
        "final",
        "This is a test number, and the recipient is not on its list at Meta.",
        None,
    ),
    (
        (131047,),
        "final",
        "More than 24 hours have passed since they last wrote, so WhatsApp takes no free text. Wait"
        " until they write again.",
        None,
    ),
    (
        (131049,),
        "final",
        "WhatsApp did not deliver it, to keep the number of promotions low for this person. Do not"
        " try again within a day.",
        None,
    ),
    (
        (131050,),
        "final",
        "They stopped promotional messages from this business on WhatsApp. Replies to them are"
        " still possible.",
        None,
    ),
    (
        (130472,),
        "final",
        "WhatsApp did not deliver it, because this person is part of an experiment of Meta's.",
        None,
    ),
    ((131051,), "final", "WhatsApp does not support this type of message.", None),
    (
        (131052,),
        "final",
        "The file could not be fetched from WhatsApp. Ask them to send it again.",
        None,
    ),
    (
        (131053,),
        "final",
        "WhatsApp did not take the file: its type and its content do not fit. Save it in another"
        " format and send it again.",
        None,
    ),
    ((131055,), "final", "WhatsApp does not allow this way of sending.", None),
    (
        (131060,),
        "final",
        "WhatsApp does not hand over the content of this message. Ask them to send it again.",
        None,
    ),
    (
        (131062,),
        "final",
        "This message needs the contact's phone number, and only their user id is known.",
        None,
    ),
    (
        (132000, 132012, 132018),
        "final",
        "The template's fields were not filled in as WhatsApp expects.",
        None,
    ),
    (
        (132001,),
        "final",
        "WhatsApp does not know this template in this language.",
        None,
    ),
    (
        (132005, 132007, 132008),
        "final",
        "The template's text is too long or against WhatsApp's rules.",
        None,
    ),
    (
        (132015, 132016),
        "final",
        "WhatsApp paused or disabled this template. Choose another one.",
        None,
    ),
    ((132068,), "final", "WhatsApp blocked the form in this message.", None),
    (
        (137000,),
        "final",
        "The phone behind this number has changed. Confirm who you are writing to.",
        None,
    ),
    ((139100, 139101, 139102), "final", "WhatsApp did not change the block list.", None),
)
_CONSENT: dict[int, Literal["marketing_stop", "unreachable"]] = {
    131026: "unreachable",
    131050: "marketing_stop",
}

_TABLE: dict[int, Verdict] = {
    number: Verdict(
        error=ProviderError(
            code=str(number), action=action, reason=reason, consent=_CONSENT.get(number)
        ),
        retry_after_s=wait,
    )
    for numbers, action, reason, wait in _ROWS
    for number in numbers
}


def judge(number: int) -> Verdict | None:
    """What the code means; None for one that is not listed."""
    return _TABLE.get(number)


def explain(number: int | None) -> ProviderError:
    """The same for a status that says `failed`, which always gets an answer."""
    if number is None:
        return ProviderError(
            code="unknown",
            action="final",
            reason="WhatsApp could not deliver the message and did not say why.",
        )
    verdict = judge(number)
    return verdict.error if verdict is not None else unlisted(number)
