"""Cuts the bytes of a mail into its tree of parts.

Not the standard library's parser: that one goes as deep as a mail says, asks every line at every
depth whether it is a boundary, and cannot be told to stop. This one keeps to a depth, a number of
parts and a size, copies nothing, and finds the boundary that a broken header does not name.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from connectors.gmail.filenames import filename, guessed_type
from connectors.gmail.headers import Headers, from_base64, parameters, read_headers

MAX_DEPTH = 20
MAX_PARTS = 500
# Lines that begin like a boundary and are none, in the whole mail.
MAX_MISSES = 20_000
MAX_BYTES = 50 * 1024 * 1024
MAX_HEADER_BYTES = 1024 * 1024

_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,80}/[a-z0-9!#$&^_.+-]{1,120}")
_DELIMITER = re.compile(rb"^--([^\r\n]{1,200}?)(?:--)?[ \t]*\r?$", re.M)
_HEADER_LINE = re.compile(rb"\r?\n(?:content-[a-z-]{1,40}[ \t]*:|\r?\n)", re.I)
_UU_BEGIN = re.compile(rb"^begin [0-7]{3,4} ([^\r\n]{1,200})\r?$", re.M)


@dataclass(kw_only=True, slots=True)
class Part:
    """One node. `start` and `end` are where its body lies in `raw`, still encoded."""

    raw: bytes = field(repr=False)
    headers: Headers
    type: str
    params: dict[str, str]
    disposition: str
    disposition_params: dict[str, str]
    start: int
    end: int
    children: list[Part] = field(default_factory=list)

    def body(self) -> bytes:
        """As it stands in the mail."""
        return self.raw[self.start : self.end]

    def content(self) -> bytes:
        """Decoded. Never raises: what cannot be decoded stays as it is."""
        return _decoded(self.body(), self.encoding)

    @property
    def encoding(self) -> str:
        value = self.headers.raw("content-transfer-encoding").lower()
        return value.partition(";")[0].strip(" \t\"'")

    @property
    def is_multipart(self) -> bool:
        return self.type.startswith("multipart/")

    def walk(self) -> Iterator[Part]:
        """This one and all below it, in their order in the mail."""
        yield self
        for child in self.children:
            yield from child.walk()


@dataclass(slots=True)
class _Left:
    """How much of a mail will still be looked at."""

    parts: int
    misses: int


def read_parts(raw: bytes) -> Part:
    """The tree of a whole mail. What is beyond a limit is left in one piece, or out."""
    raw = raw[:MAX_BYTES]
    if b"\n" not in raw:
        raw = raw.replace(b"\r", b"\n")
    start = 3 if raw.startswith(b"\xef\xbb\xbf") else 0
    while raw[start : start + 1] in (b"\r", b"\n"):
        start += 1
    start = _past_gap(raw, start)
    left = _Left(parts=MAX_PARTS, misses=MAX_MISSES)
    return _part(raw, start, len(raw), "text/plain", 0, left)


def _past_gap(raw: bytes, start: int) -> int:
    """Where the mail begins, past an empty line that fell into its headers: one below which its
    sender stands, and above which nobody does."""
    headers, size = read_headers(raw[start : start + MAX_HEADER_BYTES])
    if "from" in headers or not size:
        return start
    again = start + size
    while raw[again : again + 1] and raw[again : again + 1] in b" \t\r\n":
        again += 1
    below, _ = read_headers(raw[again : again + MAX_HEADER_BYTES])
    return again if "from" in below and "content-type" in below else start


def _part(raw: bytes, start: int, end: int, usual: str, depth: int, left: _Left) -> Part:
    left.parts -= 1
    headers, size = read_headers(raw[start : min(end, start + MAX_HEADER_BYTES)])
    begin = start + size
    kind, params, boundary = _content_type(headers, raw, begin, end, usual)
    disposition, disposition_params = parameters(headers.raw("content-disposition"))
    part = Part(
        raw=raw,
        headers=headers,
        type=kind,
        params=params,
        disposition=disposition,
        disposition_params=disposition_params,
        start=begin,
        end=end,
    )
    if part.is_multipart and depth < MAX_DEPTH and boundary:
        usual = "message/rfc822" if kind == "multipart/digest" else "text/plain"
        for first, last in _between(raw, begin, end, boundary, left):
            if left.parts <= 0:
                break
            part.children.append(_part(raw, first, last, usual, depth + 1, left))
    return part


def _content_type(
    headers: Headers, raw: bytes, start: int, end: int, usual: str
) -> tuple[str, dict[str, str], bytes]:
    """Type, parameters and boundary. Of several headers the first holds that means something; a
    multipart one means something when its boundary is there."""
    found: tuple[str, dict[str, str]] | None = None
    untyped: dict[str, str] = {}
    for value in headers.every("content-type"):
        kind, params = parameters(Headers([("x", value)]).raw("x"))
        if _TYPE.fullmatch(kind) is None:
            untyped = untyped or params
            continue
        if not kind.startswith("multipart/"):
            found = found or (kind, params)
            continue
        boundary = params.get("boundary", "").encode("utf-8", "replace")
        # Trailing spaces belong to no boundary, and some programs quote them in.
        boundary = boundary.rstrip()
        if boundary and raw.find(b"--" + boundary, start, end) >= 0:
            return kind, params, boundary
        found = found or (kind, params)
    if found is None:
        # Nothing that can be a type: a file's name tells better what it is than a guess at text.
        name = filename(parameters(headers.raw("content-disposition"))[1], untyped)
        found = ((guessed_type(name) or usual) if name else usual), untyped
    kind, params = found
    if kind.startswith("multipart/"):
        return kind, params, _guessed_boundary(raw, start, end)
    return kind, params, b""


def _guessed_boundary(raw: bytes, start: int, end: int) -> bytes:
    """What looks like the boundary of a body whose header does not name it: a line of dashes and
    something, with headers of a part below it; b"" when there is none."""
    for number, found in enumerate(_DELIMITER.finditer(raw, start, end)):
        if number > 100:
            break
        if _HEADER_LINE.match(raw, found.end(), end):
            return found.group(1)
    return b""


def _between(
    raw: bytes, start: int, end: int, boundary: bytes, left: _Left
) -> Iterator[tuple[int, int]]:
    """Where the parts lie. A missing last boundary is the end; so is one that another part's
    begins with, as only whole lines count."""
    begun = -1
    at = start
    mark = b"--" + boundary
    while left.misses > 0 and (at := raw.find(mark, at, end)) >= 0:
        after = at + len(mark)
        whole = at == start or raw[at - 1 : at] in (b"\n", b"\r")
        stop = raw.find(b"\n", after, end)
        stop = end if stop < 0 else stop + 1
        rest = raw[after : min(stop, after + 200)].strip()
        if not whole or rest not in (b"", b"--"):
            left.misses -= 1
            at = after
            continue
        if begun >= 0:
            yield begun, _before_line(raw, begun, at)
        # Parts within parts may share one boundary: then the first end is not the last.
        begun = -1 if rest == b"--" else stop
        at = stop
    if 0 <= begun < end:
        yield begun, end


def _before_line(raw: bytes, start: int, at: int) -> int:
    """The line break before a boundary belongs to it."""
    if at > start and raw[at - 1 : at] == b"\n":
        at -= 1
    if at > start and raw[at - 1 : at] == b"\r":
        at -= 1
    return at


def _decoded(body: bytes, encoding: str) -> bytes:
    if encoding == "base64":
        return body if _is_plain(body) else _from_base64_lines(body)
    if encoding.startswith("quoted-printable") or encoding in ("qp", "quoted printable"):
        return binascii.a2b_qp(re.sub(rb"=[ \t]+(?=\r?\n)", b"=", body))
    if encoding in ("x-uuencode", "uuencode", "x-uue", "uue"):
        return from_uu(body)
    return body


def _is_plain(body: bytes) -> bool:
    """Words under the name of base64, which has no spaces within its lines."""
    start = body[:2000].strip()
    return len(re.findall(rb"(?<=\S) (?=\S)", start)) * 12 > len(start)


def _from_base64_lines(body: bytes) -> bytes:
    """Several pieces, each with padding of its own; and what a mailing list wrote below in plain
    text, which no decoder would leave as it was."""
    done: list[bytes] = []
    rest = body
    for piece in re.findall(rb"[^=]+=*", body) if body.count(b"=") < 10_000 else [body]:
        tail = piece.rstrip(b"=")
        if done and re.search(rb"[^A-Za-z0-9+/\s]", tail):
            at = body.find(piece.strip())
            return b"".join(done) + b"\n" + rest[at:].strip()
        done.append(from_base64(tail))
    return b"".join(done)


def from_uu(body: bytes) -> bytes:
    """The lines of a uuencoded body, with or without `begin` and `end`."""
    done: list[bytes] = []
    started = _UU_BEGIN.search(body)
    lines = body[started.end() :].lstrip(b"\r\n") if started else body
    for line in lines.splitlines():
        if line.strip() == b"end":
            break
        try:
            done.append(binascii.a2b_uu(line))
        except binascii.Error:
            # A line that is longer than its count says: some encoders pad.
            size = (((line[0] - 32) & 63) * 4 + 5) // 3 if line else 0
            try:
                done.append(binascii.a2b_uu(line[:size]))
            except binascii.Error:
                continue
    return b"".join(done)


def uu_files(body: bytes) -> list[tuple[int, int, str]]:
    """Where files lie in a text as lines of uuencode: start, end, name."""
    found: list[tuple[int, int, str]] = []
    at = 0
    while len(found) < 50 and (begin := _UU_BEGIN.search(body, at)) is not None:
        stop = re.compile(rb"^end[ \t]*\r?$", re.M).search(body, begin.end())
        if stop is None:
            break
        found.append((begin.start(), stop.end(), begin.group(1).decode("utf-8", "replace")))
        at = stop.end()
    return found
