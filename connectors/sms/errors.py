"""What each of Twilio's error codes means for a message, in words an agent understands.

The same code may come as the answer to a send or later in a status. Twilio splits codes over time:
one that is not listed is judged by its HTTP status, and final where there is none.

source  www.twilio.com/docs/api/errors
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Literal

from connectors.http import Verdict
from inbox.domain.report import ProviderError

Action = Literal["retry", "final", "account"]
Consent = Literal["opt_out", "address_invalid"] | None
# How often a message is tried in all, where Twilio reports afterwards that it did not get there.
_TRIES = {30001: 3, 30003: 3, 30008: 2, 30022: 3, 30023: 3}

_MINUTE, _HOUR = 60.0, 3600.0

_ROWS: tuple[tuple[Iterable[int], Action, Consent, str, float | None], ...] = (
    (
        (20003,),
        "account",
        None,
        "Twilio does not accept this channel's credentials. An admin must enter them again.",
        None,
    ),
    (
        (20404,),
        "final",
        None,
        "Twilio does not know what was asked for. An admin should check the channel's ids.",
        None,
    ),
    (
        (20429,),
        "retry",
        None,
        "Twilio takes no more calls at the moment; the message is tried again.",
        None,
    ),
    (
        (20503,),
        "retry",
        None,
        "Twilio is out of service at the moment; the message is tried again.",
        None,
    ),
    (
        (21211,),
        "final",
        "address_invalid",
        "Twilio says that this is not a phone number. Check it with the contact.",
        None,
    ),
    (
        (21212, 21603, 21606, 21659, 21660),
        "account",
        None,
        "Twilio cannot send from this channel's number. An admin must check the number at Twilio.",
        None,
    ),
    (
        (21408,),
        "final",
        None,
        "Sending to this country is switched off at Twilio. An admin can switch it on there.",
        None,
    ),
    (
        (21608,),
        "final",
        None,
        "This is a trial account at Twilio, which only sends to numbers verified there.",
        None,
    ),
    (
        (21610,),
        "final",
        "opt_out",
        "They stopped SMS from this number by writing STOP. They can start it again by writing"
        " START.",
        None,
    ),
    (
        (21611, 30001),
        "retry",
        None,
        "Too many messages wait at Twilio; the message is tried again.",
        5 * _MINUTE,
    ),
    (
        (11200, 12300),
        "final",
        None,
        "Twilio could not fetch the file from this server. An admin should check that its public"
        " address can be reached.",
        None,
    ),
    (
        (21612,),
        "final",
        None,
        "Twilio cannot reach this contact's number from this channel's number.",
        None,
    ),
    (
        (21614,),
        "final",
        "address_invalid",
        "This is not a mobile number, so it takes no SMS. Try another channel.",
        None,
    ),
    (
        (21635, 30006),
        "final",
        "address_invalid",
        "This is a landline, so it takes no SMS. Try another channel.",
        None,
    ),
    ((21617,), "final", None, "The text is longer than 1600 characters. Shorten it.", None),
    ((21619,), "final", None, "There was nothing to send.", None),
    ((21620,), "final", None, "Twilio could not use the address of the file.", None),
    (
        (21703, 21704, 21705),
        "account",
        None,
        "The Messaging Service at Twilio has no number to send from. An admin must add one.",
        None,
    ),
    (
        (30002,),
        "account",
        None,
        "Twilio suspended the account. An admin must sort it out with Twilio.",
        None,
    ),
    (
        (30003,),
        "retry",
        None,
        "The phone is switched off or out of reach.",
        12 * _HOUR,
    ),
    (
        (30004,),
        "final",
        None,
        "The carrier or the phone blocked the message. Try another channel.",
        None,
    ),
    (
        (30005,),
        "final",
        "address_invalid",
        "This number is unknown or no longer in use. Check it with the contact.",
        None,
    ),
    (
        (30007,),
        "final",
        None,
        "The carrier filtered the message because of its content. Word it differently, with no"
        " shortened links.",
        None,
    ),
    (
        (30008,),
        "retry",
        None,
        "The carrier could not deliver it and did not say why.",
        _MINUTE,
    ),
    ((30010,), "final", None, "The message costs more than the limit set at Twilio.", None),
    (
        (30022, 30023),
        "retry",
        None,
        "This number has used up what carriers let it send; the message is tried again later.",
        _HOUR,
    ),
    (
        (30032, 30034, 30035),
        "account",
        None,
        "This channel's number is not registered with the carriers. An admin must register it at"
        " Twilio.",
        None,
    ),
    (
        (30036,),
        "final",
        None,
        "The message waited too long and was given up. Send it again if it still matters.",
        None,
    ),
    (
        (30038, 30044, 30453),
        "final",
        None,
        "A limit or a protection of the Twilio account stopped the message.",
        None,
    ),
    (
        (63001, 63005, 63013),
        "final",
        None,
        "The messaging service refused the content. Word it differently.",
        None,
    ),
    (
        (63003, 63024),
        "final",
        "address_invalid",
        "The contact cannot be reached at this address.",
        None,
    ),
    (
        (63007,),
        "account",
        None,
        "Twilio knows no such sender. An admin must check the channel's number.",
        None,
    ),
    (
        (63014,),
        "final",
        "opt_out",
        "They blocked this sender or opted out of its messages.",
        None,
    ),
    (
        (63016,),
        "final",
        None,
        "More than 24 hours have passed since they last wrote, so no free text is taken.",
        None,
    ),
    ((63018,), "retry", None, "Twilio asks us to slow down; the message is tried again.", _MINUTE),
    (
        (63032, 63049, 63051),
        "final",
        None,
        "The messaging service chose not to deliver it now. Do not try again at once.",
        None,
    ),
)

_TABLE: dict[int, Verdict] = {
    number: Verdict(
        error=ProviderError(
            code=str(number),
            action=action,
            reason=reason,
            consent=consent,
            tries=_TRIES.get(number),
            wait_s=wait or 0.0,
        ),
        retry_after_s=wait,
    )
    for numbers, action, consent, reason, wait in _ROWS
    for number in numbers
}


def judge(number: int) -> Verdict | None:
    """What the code means; None for one that is not listed."""
    return _TABLE.get(number)


def explain(number: int | None, word: str) -> ProviderError:
    """Why a status says that a message failed: always an answer.

    number  Twilio's code, None where it gave none
    word    the status itself, for that case
    """
    if number is None:
        reasons = {
            "canceled": "The message was canceled at Twilio before it was sent.",
            "undelivered": "The carrier did not deliver the message and did not say why.",
        }
        reason = reasons.get(word, "Twilio could not send the message and did not say why.")
        return ProviderError(code=word, action="final", reason=reason)
    verdict = judge(number)
    return verdict.error if verdict is not None else unlisted(number)


def unlisted(number: int) -> ProviderError:
    reason = f"Twilio could not send the message (code {number})."
    return ProviderError(code=str(number), action="final", reason=reason)
