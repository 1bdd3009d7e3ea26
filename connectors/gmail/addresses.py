"""The addresses in a header, whatever a program made of it: names in quotes or not, groups,
comments, empty brackets, semicolons for commas.
"""

from __future__ import annotations

import re
from dataclasses import dataclass

from connectors.gmail.headers import Headers, decode_words, one_line

MOST = 1_000
_ADDRESS = re.compile(r"[^\s@<>()\[\],;:\"\\]{1,128}@[^\s@<>()\[\],;:\"\\]{1,255}")
_QUOTED_LOCAL = re.compile(r'"[^"\\@\s]{1,64}"@[^\s@<>()\[\],;:"\\]{1,255}')
# An encoded word, in which a comma or a bracket parts nothing.
_WORD = re.compile(r"=\?[^?\s]{1,80}\?[bBqQ]\?[^?<>]{0,500}\?=")
_PARENTHESIS = re.compile(r"[()]")
_TRICKY = re.compile(r"[\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff]")


@dataclass(frozen=True, kw_only=True, slots=True)
class Mailbox:
    """`address` is lower-case; `name` None where the header gives none that says more."""

    address: str
    name: str | None = None


def mailboxes(headers: Headers, name: str) -> list[Mailbox]:
    """All addresses in all headers of this name, each once, in their order."""
    found: dict[str, Mailbox] = {}
    for value in headers.every(name):
        for mailbox in read(Headers([(name, value)]).raw(name)):
            found.setdefault(mailbox.address, mailbox)
            if len(found) >= MOST:
                break
    return list(found.values())


def read(value: str) -> list[Mailbox]:
    """The addresses in a header's value; what is none is left out."""
    found: list[Mailbox] = []
    before = ""
    for words, inside, aside in _tokens(value):
        if inside is None and words.strip() and "@" not in words:
            before = words.strip()[:200]
            continue
        # `Lee, Ann <ann.lee@b.example>`: a name that lacks its quotes, as the address shows.
        named = before and inside and words.strip() and before.lower() in inside.lower()
        mailbox = _mailbox(f"{before}, {words.strip()}" if named else words, inside, aside)
        before = ""
        if mailbox is not None:
            found.append(mailbox)
    return found[:MOST]


def first(headers: Headers, *names: str) -> Mailbox | None:
    """The first address of the first of these headers that has one."""
    for name in names:
        for mailbox in mailboxes(headers, name):
            return mailbox
    return None


def address_in(text: str) -> str | None:
    """The first address in any text, lower-case."""
    found = _ADDRESS.search(text)
    return None if found is None else _tidy(found.group())


def tag(address: str) -> str:
    """What stands after the `+`; or ""."""
    return address.rpartition("@")[0].partition("+")[2]


def domain(address: str) -> str:
    return address.rpartition("@")[2].lower()


def _tokens(value: str) -> list[tuple[str, str | None, str]]:
    """Each entry of a list as its words, what stands in brackets (None: no brackets), and what its
    comments say."""
    entries: list[tuple[str, str | None, str]] = []
    words: list[str] = []
    aside: list[str] = []
    inside: str | None = None
    at, size = 0, len(value)
    while at < size:
        sign = value[at]
        end = at
        if sign == '"' and (end := value.find('"', at + 1)) > 0:
            while end > 0 and value[end - 1] == "\\" and value[end - 2] != "\\":
                end = value.find('"', end + 1)
            end = end if end > 0 else size
            words.append(_keep_local(value, at, end))
        elif sign == "<":
            end = value.find(">", at)
            end = size if end < 0 else end
            inside = inside or value[at + 1 : end]
        elif sign == "(":
            end = _closing(value, at)
            aside.append(value[at + 1 : end])
        elif sign == "=" and (word := _WORD.match(value, at)) is not None:
            end = word.end() - 1
            words.append(word.group())
        elif sign in ",;":
            entries.append(("".join(words), inside, " ".join(aside)))
            words, aside, inside = [], [], None
        elif sign == ":" and inside is None and "@" not in "".join(words[-200:]):
            # What came before is a group's name, or `mailto`.
            words = []
        else:
            words.append(sign)
        at = max(at, end) + 1
    return [*entries, ("".join(words), inside, " ".join(aside))]


def _closing(value: str, start: int) -> int:
    """Where the comment ends that begins here, with those in it; the end where it never does."""
    depth = 0
    for place in _PARENTHESIS.finditer(value, start):
        depth += 1 if place.group() == "(" else -1
        if not depth:
            return place.start()
    return len(value)


def _keep_local(value: str, at: int, end: int) -> str:
    """What is in quotes; with the quotes where it is the first half of an address."""
    inner = value[at + 1 : end].replace('\\"', '"').replace("\\\\", "\\")
    return value[at : end + 1] if value[end + 1 : end + 2] == "@" else inner


def _mailbox(words: str, inside: str | None, aside: str) -> Mailbox | None:
    words = words.strip()
    place = words if inside is None else inside
    found = _QUOTED_LOCAL.search(place) or _ADDRESS.search(place)
    if found is None and inside is not None:
        # `a@b.example <>`: some form fills in the wrong half.
        found = _ADDRESS.search(words)
    if found is None:
        return None
    address = _tidy(found.group())
    shown = words if inside is not None else aside
    name = person(shown)
    return Mailbox(address=address, name=None if name.lower() == address else name or None)


def person(text: str) -> str:
    """A name for people: decoded, on one line, without what could turn its direction around."""
    name = _TRICKY.sub("", one_line(decode_words(text))).strip("\"' ")
    return " ".join(name.split())[:200]


def _tidy(address: str) -> str:
    return address.strip().strip(".'").removeprefix("mailto:").lower()
