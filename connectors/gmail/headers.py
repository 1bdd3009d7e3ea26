"""The headers of a mail or of a part of it, read for what they mean and not for what they should
look like: raw 8-bit bytes, encoded words in illegal places, folded and repeated ones.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from urllib.parse import unquote_to_bytes

from connectors.gmail.charset import decode

MOST_HEADERS = 2_000
LONGEST = 64 * 1024
_WORD = re.compile(r"=\?([^?\s]{1,80})\?([bBqQ])\?([^?]*)\?=")
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ID = re.compile(r"<([^<>\s]{1,998})>")
_BARE_ID = re.compile(r"[^<>\s,;\"]{1,500}@[^<>\s,;\"]{1,500}")
_NAME = re.compile(rb"([!-9;-~]{1,200})[ \t]{0,8}:")
_ONCE = frozenset(
    [
        "from",
        "to",
        "subject",
        "date",
        "message-id",
        "mime-version",
        "content-type",
        "content-transfer-encoding",
        "content-disposition",
    ]
)
_ASCII_SPACE = " \t\r\n"


class Headers:
    """All headers of one part in their order; names in any case."""

    def __init__(self, fields: list[tuple[str, bytes]]) -> None:
        self._fields = fields

    def every(self, name: str) -> Iterator[bytes]:
        """The values of all headers of this name, unfolded and not decoded."""
        return (value for key, value in self._fields if key == name)

    def raw(self, name: str) -> str:
        """The first value that is not empty, with its encoded words as they are; or ""."""
        for value in self.every(name):
            if value:
                return decode(value)
        return ""

    def text(self, name: str) -> str:
        """The first value for people: decoded, on one line; or ""."""
        return one_line(decode_words(self.raw(name)))

    def ids(self, name: str) -> tuple[str, ...]:
        """All message ids in all headers of this name, in order, each once."""
        found: dict[str, None] = {}
        for value in self.every(name):
            text = decode(value)
            ids = _ID.findall(text) or _BARE_ID.findall(text)
            found.update(dict.fromkeys(ids))
        return tuple(found)

    def __contains__(self, name: object) -> bool:
        return any(key == name for key, _ in self._fields)


def read_headers(block: bytes) -> tuple[Headers, int]:
    """The headers at the start of a part, and where its body begins.

    A line that is no header ends them: what comes from there is body, for some programs forget the
    empty line in between.
    """
    fields: list[tuple[str, list[bytes]]] = []
    length = 0
    at = 0
    while at < len(block):
        end = block.find(b"\n", at)
        end = len(block) if end < 0 else end + 1
        line = block[at:end].rstrip(b"\r\n")
        if not line.strip():
            return _headers(fields), end
        if line[:1] in b" \t" and fields:
            if length < LONGEST:
                fields[-1][1].append(line.strip())
                length += 1 + len(fields[-1][1][-1])
        elif (found := _NAME.match(line)) is not None:
            if len(fields) < MOST_HEADERS:
                name = found.group(1).decode("ascii").lower()
                fields.append((name, [line[found.end() :].strip()[:LONGEST]]))
                length = len(fields[-1][1][0])
        elif (not line.startswith((b"From ", b">From ")) or fields) and not _goes_on(
            block[end : end + 200], fields
        ):
            return _headers(fields), at
        at = end
    return _headers(fields), at


def _goes_on(following: bytes, fields: list[tuple[str, list[bytes]]]) -> bool:
    """Whether a line that is no header is a broken one: a header stands below it that every mail
    has once, and that did not come yet."""
    found = _NAME.match(following)
    name = found.group(1).decode("ascii").lower() if found else ""
    return name in _ONCE and all(name != known for known, _ in fields[-200:])


def _headers(fields: list[tuple[str, list[bytes]]]) -> Headers:
    """Each unfolded, its lines put together once: a hostile header has thousands."""
    return Headers([(name, b" ".join(lines)) for name, lines in fields])


def one_line(text: str) -> str:
    """Without control characters: a header value must never bring a second header with it."""
    return _CONTROL.sub(" ", text).strip()


def decode_words(text: str) -> str:
    """RFC 2047, also where it is not allowed: in quotes, without spaces around, in file names.

    Words of one charset that follow each other are put together before they are decoded, as some
    programs cut in the middle of a character.
    """
    if "=?" not in text:
        return text
    done: list[str] = []
    waiting: list[bytes] = []
    charset, end = "", 0
    for word in _WORD.finditer(text):
        between = text[end : word.start()]
        joined = bool(waiting) and not between.strip(_ASCII_SPACE)
        own = word.group(1).partition("*")[0].lower()
        if waiting and (not joined or own != charset):
            done.append(decode(b"".join(waiting), charset))
            waiting = []
        if not joined:
            done.append(between)
        charset, end = own, word.end()
        waiting.append(_word_bytes(word.group(2), word.group(3)))
    if waiting:
        done.append(decode(b"".join(waiting), charset))
    return "".join(done) + text[end:]


def _word_bytes(encoding: str, text: str) -> bytes:
    raw = text.encode("utf-8", "replace")
    if encoding in "qQ":
        return binascii.a2b_qp(raw, header=True)
    return from_base64(raw)


def from_base64(raw: bytes) -> bytes:
    """What can be decoded of it, with or without padding and with foreign bytes in between."""
    kept = re.sub(rb"[^A-Za-z0-9+/]", b"", raw.replace(b"-", b"+").replace(b"_", b"/"))
    if len(kept) % 4 == 1:
        kept = kept[:-1]
    try:
        return binascii.a2b_base64(kept + b"=" * (-len(kept) % 4))
    except binascii.Error:
        return b""


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """A value such as `text/plain; charset=utf-8`, lower-case, and its parameters by lower-case
    name, those in RFC 2231's pieces put together."""
    head, *pairs = _split(value)
    # `text/html charset=utf-8`: the semicolon was forgotten.
    first, _, rest = head.strip().partition(" ")
    if "=" in rest:
        pairs.insert(0, rest)
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[bool, str]]] = {}
    for pair in pairs[:200]:
        name, sign, text = pair.partition("=")
        name, text = name.strip().lower(), _unquoted(text.strip())
        if not sign or not name:
            continue
        if "*" not in name:
            plain.setdefault(name, text)
            continue
        base, _, number = name.partition("*")
        coded = number.endswith("*") or not number
        digits = number.rstrip("*") or "0"
        if digits.isascii() and digits.isdigit() and len(digits) < 4:
            pieces.setdefault(base, {})[int(digits)] = (coded, text)
    plain.update({name: _joined(parts) for name, parts in pieces.items()})
    return (first if "=" in rest else head.strip()).rstrip(":").lower(), plain


def _split(value: str) -> list[str]:
    """At the semicolons that are not in quotes; a quote that never ends is a character."""
    parts: list[str] = []
    start = at = 0
    open_ended = False
    while at < len(value):
        if value[at] == ";":
            parts.append(value[start:at])
            start = at + 1
        elif value[at] == '"' and not open_ended:
            end = _closing(value, at + 1)
            open_ended = end < 0
            at = at if open_ended else end
        at += 1
    return [*parts, value[start:]]


def _closing(value: str, at: int) -> int:
    """Where the quote ends that begins before `at`; -1 when it never does."""
    while at < len(value):
        if value[at] == "\\":
            at += 1
        elif value[at] == '"':
            return at
        at += 1
    return -1


def _unquoted(text: str) -> str:
    if len(text) > 1 and text[0] == '"' == text[-1]:
        return re.sub(r'\\([\\"])', r"\1", text[1:-1])
    return text.strip("\"'") if text[:1] in ('"', "'") else text


def _joined(pieces: dict[int, tuple[bool, str]]) -> str:
    """RFC 2231: the first piece names the charset, and each may be percent-encoded or not."""
    charset, raw = "", b""
    for place, (_, (coded, text)) in enumerate(sorted(pieces.items())):
        if coded and place == 0 and text.count("'") >= 2:
            charset, _, text = text.split("'", 2)
        raw += unquote_to_bytes(text) if coded else text.encode("utf-8", "replace")
    return decode(raw, charset)
