"""Which whole messages mean STOP, START and HELP on which sort of channel, and which do not."""

from __future__ import annotations

import pytest

from inbox.domain.keywords import Keyword, Words, keyword, provider_acts_on, stop_phrase

STOP: dict[Words, tuple[str, ...]] = {
    "sms": (
        *("stop", "stopall", "unsubscribe", "cancel", "end", "quit", "revoke", "optout"),
        *("arret", "arrete", "arrett"),
    ),
    "chat": ("stop", "stopall", "unsubscribe", "revoke", "optout", "stoppromotions"),
    "email": ("stop", "unsubscribe", "optout", "revoke", "remove", "removeme"),
}
START = ("start", "unstop")
HELP = ("help", "info")
ROWS = [(words, word, Keyword.STOP) for words, stops in STOP.items() for word in stops]
ROWS += [(words, word, Keyword.START) for words in STOP for word in START]
ROWS += [(words, word, Keyword.HELP) for words in STOP for word in HELP]

DRESSES = {
    "as it is": "{}",
    "upper": "{upper}",
    "title": "{title}",
    "spaces around": "  {}\t\n",
    "many spaces around": " " * 200 + "{}" + "\n" * 200,
    "a full stop": "{}.",
    "exclamation marks": "¡{}!!!",
    "in quotes": "“{}”",
    "in brackets": "({title})",
    "zero width around": "\u200b{}\u200b\ufeff",
    "zero width inside": "{split}",
    "directions around": "\u202a{}\u202c",
    "full width": "{wide}",
    "hyphens inside": "{hyphened}",
    "spaces inside": "{spaced}",
    "accents": "{accented}",
}


def wide(word: str) -> str:
    return "".join(chr(ord(letter) + 0xFEE0) for letter in word.upper())


def dressed(word: str, dress: str) -> str:
    return DRESSES[dress].format(
        word,
        upper=word.upper(),
        title=word.title(),
        split="\u200d".join(word),
        wide=wide(word),
        hyphened="-".join((word[:3], word[3:])),
        spaced=" ".join((word[:3], word[3:])),
        accented=word.replace("e", "é").replace("o", "ö"),
    )


@pytest.mark.requirement("P2")
@pytest.mark.parametrize("dress", DRESSES)
@pytest.mark.parametrize(("words", "word", "meaning"), ROWS)
def test_a_word_means_the_same_however_it_is_written(
    words: Words, word: str, meaning: Keyword, dress: str
) -> None:
    assert keyword(dressed(word, dress), words) is meaning


@pytest.mark.parametrize("word", ["cancel", "end", "quit"])
def test_words_of_sms_mean_nothing_in_a_chat(word: str) -> None:
    assert keyword(word, "sms") is Keyword.STOP
    assert keyword(word, "chat") is None
    assert keyword(word, "email") is None


NEAR_MISSES = [
    *("stop by later", "Can I stop by tomorrow?", "the end", "end of the month", "helpful"),
    *("can you cancel my appointment on Friday", "don't stop", "unstoppable", "started"),
    *("quitting time", "information", "please help me", "st op please", "stopp", "s t o p s"),
    *("", " ", "!", "\u200b", "🛑", "stop\x00", "STOP STOP STOP"),
    "stop " * 20_000,
    "." * 70_000 + "stop",
]


@pytest.mark.parametrize("words", ["sms", "chat", "email"])
@pytest.mark.parametrize("text", NEAR_MISSES, ids=lambda text: ascii(text[:24]))
def test_a_text_that_only_holds_a_word_is_no_keyword(text: str, words: Words) -> None:
    assert keyword(text, words) is None


@pytest.mark.parametrize(
    ("text", "acts_on"),
    [
        ("STOP", Keyword.STOP),
        ("stop", Keyword.STOP),
        (" Stop \n", Keyword.STOP),
        ("StopAll", Keyword.STOP),
        ("END", Keyword.STOP),
        ("ARRÊT", Keyword.STOP),
        ("START", Keyword.START),
        ("YES", Keyword.START),
        ("Unstop", Keyword.START),
        ("HELP", Keyword.HELP),
        ("info", Keyword.HELP),
        ("STOP.", None),
        ("“stop”", None),
        ("opt-out", None),
        ("opt out", None),
        ("STOP please", None),
        ("yes please", None),
        ("", None),
    ],
)
def test_the_network_acts_on_one_bare_word_alone(text: str, acts_on: Keyword | None) -> None:
    assert provider_acts_on(text) is acts_on


@pytest.mark.parametrize(
    "text",
    [
        *("Please stop", "stop it now", "STOP\nplease", "opt out please, thanks", "\U0001f6d1"),
        *("Unsubscribe please.", "Revoke this now thank you", "stop all", "\U0001f6d1\U0001f6d1"),
    ],
    ids=ascii,
)
def test_a_whole_message_that_plainly_wants_to_stop_does(text: str) -> None:
    assert stop_phrase(text)


@pytest.mark.parametrize(
    "text",
    [
        *("", "don't stop", "stop by later", "never unsubscribe me", "please stop the order 12"),
        *("can you cancel my appointment", "stop stop hammer time", "thanks", "stop 2"),
    ],
    ids=ascii,
)
def test_what_only_mentions_stopping_is_left_to_people(text: str) -> None:
    assert not stop_phrase(text)


@pytest.mark.parametrize("text", ["STOP \U0001f6d1", "\U0001f6d1 stop!", "stop >"], ids=ascii)
def test_signs_around_a_word_do_not_hide_it(text: str) -> None:
    assert keyword(text, "sms") is Keyword.STOP
