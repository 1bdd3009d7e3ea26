"""STOP, START and HELP: the carrier's words and its answers on an ordinary number, and those of
Twilio's Advanced Opt-Out, where a Messaging Service adds words and answers of its own.
"""

from __future__ import annotations

from typing import Literal

import msgspec

Word = Literal["STOP", "START", "HELP"]


class AdvancedOptOut(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Words besides the usual ones, each a whole message, and answers instead of them."""

    stop_words: tuple[str, ...] = ()
    start_words: tuple[str, ...] = ()
    help_words: tuple[str, ...] = ()
    stopped: str = ""
    started: str = ""
    helped: str = ""


STOP_WORDS = frozenset(
    ("stop", "stopall", "unsubscribe", "end", "quit", "cancel", "revoke", "optout")
)
START_WORDS = frozenset(("start", "yes", "unstop"))
HELP_WORDS = frozenset(("help", "info"))
STOPPED = (
    "You have successfully been unsubscribed. You will not receive any more messages from this "
    "number. Reply START to resubscribe."
)
STARTED = (
    "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
    "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
)
HELPED = "Reply STOP to unsubscribe. Msg&Data Rates May Apply."


def keyword(text: str, advanced: AdvancedOptOut | None) -> Word | None:
    """What the network makes of a message: of a keyword alone, in any case. "STOP please" says
    nothing to it."""
    word = text.strip().lower()
    more = advanced or AdvancedOptOut()
    found: tuple[tuple[Word, frozenset[str], tuple[str, ...]], ...] = (
        ("STOP", STOP_WORDS, more.stop_words),
        ("START", START_WORDS, more.start_words),
        ("HELP", HELP_WORDS, more.help_words),
    )
    for name, usual, own in found:
        if word in usual or word in {one.lower() for one in own}:
            return name
    return None


def answer(word: Word, advanced: AdvancedOptOut | None) -> str:
    more = advanced or AdvancedOptOut()
    match word:
        case "STOP":
            return more.stopped or STOPPED
        case "START":
            return more.started or STARTED
        case "HELP":
            return more.helped or HELPED
