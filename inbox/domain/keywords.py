"""STOP, START and HELP: what a whole message of one such word means, on each sort of channel.

Words are compared in any case, trimmed of punctuation and spaces at both ends, with inner spaces,
hyphens and accents dropped ("Opt-out!" is `optout`). A few phrases that leave no doubt count as
well ("Please stop now", a stop sign); others ("please stop texting me") are a matter of judgement
and come with the full consent rules.

Sources: 47 CFR 64.1200(a)(10); Twilio's default and Canadian opt-out words; WhatsApp, Messenger and
Instagram have no opt-out words of their own, so `cancel`, `end` and `quit` mean nothing there.
"""

from __future__ import annotations

import re
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
    """One word to compare: no accents, spaces, hyphens, nor punctuation or signs at the ends."""
    folded = unicodedata.normalize("NFD", _folded(text))
    kept = [c for c in folded if unicodedata.category(c) != "Mn"]
    while kept and unicodedata.category(kept[0])[0] in "PZS":
        kept.pop(0)
    while kept and unicodedata.category(kept[-1])[0] in "PZS":
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


_STOP_SIGN = "\U0001f6d1"
_PLAIN_STOP = re.compile(
    r"(?:please )?(?:stop|unsubscribe|revoke|opt ?out)(?: (?:please|now|it|this|all))*"
    r"(?: (?:thanks|thank you))?"
)


def stop_phrase(text: str) -> bool:
    """Whether the whole message is a plain wish to stop, in more than the bare word: "Please stop",
    "stop it now", "Opt out please, thanks", or stop signs alone."""
    text = text.strip()
    if len(text) > 60:
        return False
    if text and not text.replace(_STOP_SIGN, "").strip("\ufe0f \n"):
        return True
    words = re.findall(r"[^\W\d_]+", _folded(text))
    return _PLAIN_STOP.fullmatch(" ".join(words)) is not None and not re.search(r"\d", text)


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
