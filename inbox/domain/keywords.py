"""STOP, START and HELP: what a whole message of one such word means, on each sort of channel.

Words are compared in any case, trimmed of punctuation and spaces at both ends, with inner spaces,
hyphens and accents dropped ("Opt-out!" is `optout`). Phrases ("please stop texting me") are a
matter of judgement and come with the full consent rules.

Sources: 47 CFR 64.1200(a)(10); Twilio's default and Canadian opt-out words; WhatsApp, Messenger and
Instagram have no opt-out words of their own, so `cancel`, `end` and `quit` mean nothing there.
"""

from __future__ import annotations

import unicodedata
from enum import StrEnum
from typing import Literal

Words = Literal["sms", "chat", "email"]


class Keyword(StrEnum):
    STOP = "stop"
    START = "start"
    HELP = "help"


_STOP_EVERYWHERE = {"stop", "unsubscribe", "revoke", "optout"}
_STOP: dict[str, set[str]] = {
    "sms": _STOP_EVERYWHERE | {"stopall", "cancel", "end", "quit", "arret", "arrete", "arrett"},
    "chat": _STOP_EVERYWHERE | {"stopall", "stoppromotions"},
    "email": _STOP_EVERYWHERE | {"remove", "removeme"},
}
_START = {"start", "unstop"}
_HELP = {"help", "info"}

# What Twilio itself acts on. It reads the body as sent: one word, any case, and nothing around it.
_PROVIDER_STOP = _STOP["sms"]
_PROVIDER_START = {"start", "yes", "unstop"}


def _folded(text: str) -> str:
    text = unicodedata.normalize("NFKC", text).replace("’", "'").casefold()
    return "".join(c for c in text if unicodedata.category(c) != "Cf").strip()


def _bare(text: str) -> str:
    """One word to compare: no accents, spaces, hyphens, nor punctuation at the ends."""
    folded = unicodedata.normalize("NFD", _folded(text))
    kept = [c for c in folded if unicodedata.category(c) != "Mn"]
    while kept and unicodedata.category(kept[0])[0] in "PZ":
        kept.pop(0)
    while kept and unicodedata.category(kept[-1])[0] in "PZ":
        kept.pop()
    return "".join(c for c in kept if c != "-" and not c.isspace())


def keyword(text: str, words: Words) -> Keyword | None:
    """What the message asks for, when it is one of the words and nothing else; None otherwise."""
    text = text.strip()
    if len(text) > 60:
        return None
    bare = _bare(text)
    if bare in _STOP[words]:
        return Keyword.STOP
    if bare in _START:
        return Keyword.START
    if bare in _HELP:
        return Keyword.HELP
    return None


def provider_acts_on(text: str) -> Keyword | None:
    """What Twilio's own handling makes of the text: for it "STOP" counts and "STOP please" or
    "opt-out" does not. Where it acts, it blocks and confirms, and we stay silent."""
    folded = _folded(text)
    bare = "".join(
        c for c in unicodedata.normalize("NFD", folded) if unicodedata.category(c) != "Mn"
    )
    if bare in _PROVIDER_STOP:
        return Keyword.STOP
    if bare in _PROVIDER_START:
        return Keyword.START
    if bare in _HELP:
        return Keyword.HELP
    return None
