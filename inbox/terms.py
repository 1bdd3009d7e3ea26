"""What a contact is found by: words of names, and whole numbers, mail addresses and user names.

Names and keys are sealed, so a search goes by keyed hashes of these terms; making them is all that
is done here. What is found by a hash is opened and looked at before anybody sees it (`matches`).
See docs/decisions/0012_contacts_found_by_terms.md.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Sequence

import phonenumbers

from inbox.domain.contact import Identity
from inbox.domain.mail import address_key

MOST_CHARS = 100
_WORDS, _PREFIX_CHARS = 8, 12
_MAIL = re.compile(r"[^@\s]{1,64}@[^@\s.]{1,63}(?:\.[^@\s.]{1,63}){1,8}")
# With its service in front where a kind has people of several, as `whatsapp:+15550100`.
_VERIFIED = re.compile(r"(?:[a-z][a-z0-9_-]{0,31}:\+|\+?)([0-9]{7,15})", re.ASCII)
_NUMBER = re.compile(r"\+?[(0-9][0-9 ().\-/\u00a0]{3,40}")


def words(text: str) -> list[str]:
    """The words of a name, without case and accents: at most 8, each of at most 40 characters."""
    plain = unicodedata.normalize("NFKD", text[:MOST_CHARS].casefold())
    kept = "".join(c if c.isalnum() else "" if unicodedata.combining(c) else " " for c in plain)
    return [word[:40] for word in dict.fromkeys(kept.split())][:_WORDS]


def _shortest(word: str) -> int:
    """Letters that say enough: one of a script that writes words in one or two."""
    return 1 if unicodedata.category(word[0]) == "Lo" else 2


def _beginnings(word: str) -> Iterable[str]:
    yield f"w:{word}"
    for length in range(_shortest(word), min(len(word), _PREFIX_CHARS) + 1):
        yield f"p:{word[:length]}"


def full_name(text: str) -> str | None:
    """A name to compare whole, however its words are ordered; None where it is a single one."""
    found = sorted(words(text))
    return " ".join(found) if len(found) > 1 else None


def numbers(identity: Identity, *, verified: bool) -> set[str]:
    """Those of the keys that are phone numbers, as `+` and digits. `verified`: the kind's keys of
    digits are (its manifest says so)."""
    if not verified:
        return set()
    return {number for key in identity.keys if (number := number_in(key)) is not None}


def number_in(key: str) -> str | None:
    """The number that a verified key is, as `+` and digits."""
    found = _VERIFIED.fullmatch(key)
    return None if found is None else f"+{found[1]}"


def mails(identity: Identity) -> set[str]:
    return {address_key(key) for key in identity.keys if _MAIL.fullmatch(key)}


def username(identity: Identity) -> str | None:
    """`maya.ortiz` of `@maya.ortiz`, also behind the name of a service."""
    handle = identity.handle.rpartition(" · ")[2]
    return handle[1:].casefold() if handle.startswith("@") else None


def of_name(name: str) -> set[str]:
    found = {term for word in words(name) for term in _beginnings(word)}
    whole = full_name(name)
    return found | ({f"f:{whole}"} if whole else set())


def of_identity(identity: Identity, *, verified: bool) -> set[str]:
    """Every term that finds this identity."""
    found = of_name(identity.name) if identity.name else set()
    if user := username(identity):
        found |= of_name(user) | {f"u:{user}"}
    for mail in mails(identity):
        found |= of_name(mail.partition("@")[0]) | {f"m:{mail}"}
    for number in numbers(identity, verified=verified):
        found |= {f"n:{number}", f"n:{_national(number)}"}
    return found


def signs(identity: Identity, *, verified: bool) -> set[str]:
    """The terms by which the same person may be found elsewhere."""
    found = {f"n:{one}" for one in numbers(identity, verified=verified)}
    found |= {f"m:{one}" for one in mails(identity)}
    if user := username(identity):
        found.add(f"u:{user}")
    if identity.name and (whole := full_name(identity.name)):
        found.add(f"f:{whole}")
    return found


def _national(number: str) -> str:
    try:
        return str(phonenumbers.parse(number).national_number)
    except phonenumbers.NumberParseException:
        return number


def asked(text: str) -> list[str]:
    """The terms that a search is for: all must fit; empty where nothing can be looked for.

    A whole key is one term; of a name each word, the longest first, since that selects best.
    """
    text = text.strip()[:MOST_CHARS]
    if _MAIL.fullmatch(text):
        return [f"m:{address_key(text)}"]
    if _NUMBER.fullmatch(text):
        digits = re.sub(r"[^0-9]", "", text)
        if text.startswith("+") or text.startswith("00"):
            return [f"n:+{digits.removeprefix('00') if not text.startswith('+') else digits}"]
        return [f"n:{digits.lstrip('0')}"]
    if text.startswith("@") and len(text) > 1 and " " not in text:
        return [f"u:{text[1:].casefold()}"]
    found = sorted(words(text), key=len, reverse=True)
    return [_asked_word(word, alone=len(found) == 1) for word in found]


def _asked_word(word: str, *, alone: bool) -> str:
    """The beginning of a name. One that is too short for the index is a whole word where nothing
    else is asked for; beside another word it is only compared."""
    enough = 1 if not alone else _shortest(word)
    return f"p:{word}" if enough <= len(word) <= _PREFIX_CHARS else f"w:{word}"


def matches(wanted: Sequence[str], has: set[str]) -> bool:
    return all(_has(term, has) for term in wanted)


def _has(term: str, has: set[str]) -> bool:
    if term in has:
        return True
    return term.startswith("p:") and any(one.startswith(term) for one in has)
