"""What each error of the Send API means for a message, in words an agent understands.

Meta tells cases apart by subcode; a subcode is found in the table first, then the code. Decided by
number alone: Meta's texts change. What is not listed is final and changes no consent.

source  developers.facebook.com/docs/messenger-platform/error-codes
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Literal

from connectors.http import Verdict
from inbox.domain.report import ProviderError

Action = Literal["retry", "final", "account"]
Consent = Literal["marketing_stop", "unreachable"]
Row = tuple[Iterable[int], Action, str, float | None]
"""Codes or subcodes, what happens, the sentence (`{kind}` is the platform's name), a wait."""

_MINUTE = 60.0

_CONSENT: dict[int, Consent] = {
    1893015: "marketing_stop",
    # Not a wish that was told to us: nothing gets there until they write again.
    551: "unreachable",
    1545041: "unreachable",
}
# What Meta could not fetch twice, it will not fetch a third time.
_TRIES = {2018008: 2, 2018074: 3}
ROWS: tuple[Row, ...] = (
    (
        (190,),
        "account",
        "{kind} no longer accepts this channel's access token. An admin must connect it again.",
        None,
    ),
    (
        (3, 10, 200),
        "account",
        "This channel's access token lacks a permission. An admin must grant it at Meta.",
        None,
    ),
    (
        (2018028,),
        "account",
        "The app at Meta is not live, so only its testers get messages. An admin must publish it.",
        None,
    ),
    (
        (1404170, 1893063),
        "account",
        "Meta restricted this account. An admin must look at it at Meta.",
        None,
    ),
    ((1,), "retry", "{kind} has a passing fault; the message is tried again.", None),
    (
        (2,),
        "retry",
        "{kind} did not take it for now; the message is tried again. If that keeps failing, they"
        " may have blocked this account.",
        None,
    ),
    (
        (4, 32, 80006),
        "retry",
        "This business makes more calls than {kind} allows; the message is tried again later.",
        5 * _MINUTE,
    ),
    (
        (613, 2534040),
        "retry",
        "This account sends faster than {kind} allows; the message is tried again.",
        _MINUTE,
    ),
    (
        (2018321,),
        "retry",
        "{kind} is asking them questions of an ad by itself; the message is tried again later.",
        5 * _MINUTE,
    ),
    (
        (2018008,),
        "retry",
        "{kind} could not fetch the file from this server. An admin should check that its public"
        " address can be reached.",
        30.0,
    ),
    (
        (2018074,),
        "retry",
        "{kind} no longer has the file; it is handed over again.",
        None,
    ),
    (
        (2018338,),
        "final",
        "{kind} no longer takes late replies to this person. Wait until they write again.",
        None,
    ),
    (
        (2018354, 2018352, 1893016),
        "final",
        "{kind} limits how often this person may be asked or sent promotions. Do not try again"
        " today.",
        None,
    ),
    (
        (2018278, 2534022, 2018065),
        "final",
        "The time in which {kind} takes a reply is over. Wait until they write again.",
        None,
    ),
    (
        (1893015,),
        "final",
        "They stopped promotions of this kind on {kind}. Replies to them are still possible.",
        None,
    ),
    ((2018108,), "final", "They cannot receive messages on {kind} now. Try later.", None),
    (
        (551, 1545041),
        "final",
        "{kind} cannot reach this person: the account is gone, or they have blocked you. Wait until"
        " they write again, or try another channel.",
        None,
    ),
    (
        (2018001, 2534014),
        "final",
        "{kind} does not know this person under this account. Wait until they write again.",
        None,
    ),
    (
        (2018047, 2018294),
        "final",
        "{kind} did not take the file: its type and its content do not fit. Save it in another"
        " format and send it again.",
        None,
    ),
    ((2018109,), "final", "The file is larger than {kind} allows. Send a smaller one.", None),
    (
        (100, 2018014, 2534015),
        "final",
        "{kind} did not accept a part of this message. Change it and send it again.",
        None,
    ),
    (
        (2018300, 2534037),
        "final",
        "Another program answers this conversation now. Take it over at Meta first.",
        None,
    ),
    ((2022,), "final", "Messages about orders are switched off for this account.", None),
    ((9000001,), "final", "The message that this one belongs to was deleted.", None),
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Table:
    """The errors of one kind. `by_code` and `by_both` are what `meta.Graph` asks."""

    verdicts: Mapping[int, Verdict]

    def by_code(self, number: int) -> Verdict | None:
        return self.verdicts.get(number)

    def by_both(self, number: int, subcode: int | None) -> Verdict | None:
        """What the subcode says, else the code; the error's code names both where both count."""
        verdict = self.verdicts.get(subcode) if subcode is not None else None
        if verdict is None or subcode == number:
            return self.by_code(number)
        error = replace(verdict.error, code=f"{number}/{subcode}")
        return replace(verdict, error=error)


def table(kind: str, *more: Row) -> Table:
    """The shared table with a kind's own rows, which hold where both say something."""
    return Table(
        verdicts={
            number: Verdict(
                error=ProviderError(
                    code=str(number),
                    action=action,
                    reason=reason.format(kind=kind),
                    consent=_CONSENT.get(number),
                    tries=_TRIES.get(number),
                ),
                retry_after_s=wait,
            )
            for numbers, action, reason, wait in (*ROWS, *more)
            for number in numbers
        }
    )
