"""What a mail holds: its text, its HTML and its files, out of the tree of its parts.

Which text is shown and where it ends is `trimming`'s business, what sort of mail it is `sorting`'s.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from html import escape
from urllib.parse import unquote

from connectors.gmail import markup
from connectors.gmail.charset import decode, decode_html
from connectors.gmail.filenames import default, filename, guessed_type, safe
from connectors.gmail.headers import Headers
from connectors.gmail.parts import Part, from_uu, read_parts, uu_files
from inbox.domain.message import AttachmentKind

MAX_TEXT = 1_000_000
MAX_HTML = 2_000_000

# Signatures say nothing to a reader, and reports are read by `delivery`.
_UNSHOWN = frozenset(
    {
        "message/delivery-status",
        "message/global-delivery-status",
        "message/disposition-notification",
        "message/feedback-report",
        "text/rfc822-headers",
        "application/pkcs7-signature",
        "application/x-pkcs7-signature",
        "application/pgp-signature",
    }
)
# The same words for a mail program that runs programs, and for a watch.
_OTHER_SCREENS = frozenset({"text/x-amp-html", "text/watch-html"})
_SHOWN = frozenset({"text/plain", "text/html", "text/enriched", "text/richtext"})
_CID = re.compile(r"cid:([^\s\"'<>)\]]{1,300})", re.I)
_ENRICHED = re.compile(r"<param>[^<]{0,500}</param>|</?[a-z0-9-]{1,40}>", re.I)


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    """A file in a mail.

    number      from 1, as it stands in the mail: always the same for the same bytes
    inline      the text shows it, by its content id
    content_id  without brackets; None where it has none
    """

    number: int
    name: str
    type: str
    kind: AttachmentKind
    size_bytes: int
    inline: bool = False
    content_id: str | None = None
    location: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Letter:
    """A mail, decoded.

    text      all that a reader sees, from the plain text, else from the HTML; lines end in LF
    quotes    lines of `text` where the HTML it is from says that a quote begins
    page      the HTML's text, where there are both; `text` is then the plain one
    html      as it came; None where there is none
    calendar  the first text/calendar part, decoded; "" where there is none
    """

    root: Part = field(repr=False)
    text: str
    quotes: tuple[int, ...] = ()
    page: markup.Page | None = None
    html: str | None = None
    files: tuple[File, ...] = ()
    calendar: str = ""

    @property
    def headers(self) -> Headers:
        return self.root.headers


@dataclass(frozen=True, kw_only=True, slots=True)
class _Piece:
    """One stretch of the mail, as plain text, as HTML, or as both, which then say the same."""

    plain: str = ""
    html: str = ""

    def text(self) -> str:
        return self.plain if self.plain.strip() else markup.read(self.html).text

    def page(self) -> str:
        if self.html.strip() or not self.plain.strip():
            return self.html
        return "<div>" + escape(self.plain, quote=False).replace("\n", "<br>\n") + "</div>"


_Files = list[tuple[Part, bytes | None, str | None]]


def read(raw: bytes) -> Letter:
    """The mail in these bytes. Never raises; what is no mail at all is a text."""
    root = read_parts(raw)
    files: _Files = []
    pieces = [p for p in _collect(root, files, first=True) if p.plain.strip() or p.html.strip()]
    rich = any(piece.html.strip() for piece in pieces)
    html = "\n".join(piece.page() for piece in pieces)[:MAX_HTML] if rich else None
    page = None if html is None else markup.read(html)
    if page is not None and not any(piece.plain.strip() for piece in pieces):
        text, quotes = _lead(page.text[:MAX_TEXT], page.quotes)
        page = None
    else:
        text, quotes = _lead("\n\n".join(p.text().strip("\n") for p in pieces)[:MAX_TEXT], ())
    named = {*_CID.findall(html or ""), *_CID.findall(text)}
    # Often written as they are, though a URL has them quoted (RFC 2392).
    cids = {one.lower() for name in named for one in (name, unquote(name))}
    return Letter(
        root=root,
        text=text,
        quotes=quotes,
        page=page,
        html=html,
        files=tuple(_file(n, *one, cids, html or "") for n, one in enumerate(files, 1)),
        calendar=_calendar(root),
    )


def file_content(raw: bytes, number: int) -> tuple[File, bytes] | None:
    """A file and its bytes, by its number in `Letter.files`; None when there is none."""
    files: _Files = []
    letter = read(raw)
    _collect(letter.root, files, first=True)
    if not 0 < number <= len(files):
        return None
    part, content, _ = files[number - 1]
    return letter.files[number - 1], part.content() if content is None else content


def _lead(text: str, quotes: tuple[int, ...]) -> tuple[str, tuple[int, ...]]:
    """Without empty lines before and after."""
    stripped = text.lstrip("\n")
    # The first line may be indented on purpose; empty ones before it are not.
    while (line := stripped.partition("\n"))[1] and not line[0].strip():
        stripped = line[2]
    gone = text[: len(text) - len(stripped)].count("\n")
    return stripped.strip(), tuple(max(number - gone, 0) for number in quotes)


def _tidy(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


def _collect(part: Part, files: _Files, *, first: bool) -> list[_Piece]:
    """The texts below a part, in their order; its files go to `files`.

    first  nothing was shown before it: a name does not make it a file
    """
    if part.type == "multipart/alternative" and part.children:
        return _alternative(part, files, first=first)
    if part.children:
        pieces: list[_Piece] = []
        for child in part.children:
            pieces += _collect(child, files, first=first and not pieces)
        return pieces
    if part.type in _UNSHOWN or _is_pgp_version(part):
        return []
    if part.is_multipart:
        # No boundary that could be found: what there is, is text.
        return _text(part, "text/plain", files)
    if _is_text(part, first=first):
        if part.type == "text/plain" and not first and _name(part):
            files.append((part, None, None))
        return _text(part, part.type, files)
    files.append((part, None, None))
    return []


def _alternative(part: Part, files: _Files, *, first: bool) -> list[_Piece]:
    """One piece: the first plain text that says something, and the last HTML, which is the
    richest."""
    plain, html = "", ""
    for child in part.children:
        if child.type in _OTHER_SCREENS:
            continue
        pieces = _collect(child, files, first=first)
        words = "\n\n".join(piece.plain for piece in pieces if piece.plain.strip())
        plain = plain if plain.strip() else words
        if any(piece.html.strip() for piece in pieces):
            html = "\n".join(piece.page() for piece in pieces)
    return [_Piece(plain=plain, html=html)]


def _is_pgp_version(part: Part) -> bool:
    """The first half of an encrypted mail: a version number."""
    return part.type == "application/pgp-encrypted" and part.end - part.start < 200


def _is_text(part: Part, *, first: bool) -> bool:
    if part.type not in _SHOWN or part.disposition == "attachment":
        return False
    if part.type == "text/html" and not first and _name(part):
        return False
    return part.type != "text/html" or not part.headers.raw("content-id") or first


def _name(part: Part) -> str | None:
    return filename(part.disposition_params, part.params)


def _text(part: Part, kind: str, files: _Files) -> list[_Piece]:
    charset = part.params.get("charset", "")
    content = part.content()
    if kind == "text/html":
        return [_Piece(html=decode_html(content, charset))]
    kept, at = [], 0
    for start, end, name in uu_files(content):
        files.append((part, from_uu(content[start:end]), name))
        kept.append(content[at:start])
        at = end
    text = _tidy(decode(b"".join([*kept, content[at:]]), charset))
    if kind in ("text/enriched", "text/richtext"):
        text = _ENRICHED.sub("", text).replace("<<", "<")
    if part.params.get("format", "").lower() == "flowed":
        text = _unflowed(text, part.params.get("delsp", "").lower() == "yes")
    return [_Piece(plain=text)]


def _unflowed(text: str, delete_space: bool) -> str:
    """RFC 3676: a line that ends in a space goes on in the next one of the same depth."""
    done: list[str] = []
    going: list[str] = []
    depth = -1
    for line in text.split("\n"):
        own = len(line) - len(line.lstrip(">"))
        words = line[own:].removeprefix(" ")
        flows = words.endswith(" ") and words != "-- "
        if going and (own != depth or words == "-- "):
            done.append("".join(going).rstrip(" "))
            going = []
        if not going:
            depth = own
            going = ["> " * own if own else ""]
        going.append(words[:-1] if flows and delete_space else words)
        if not flows:
            joined = "".join(going)
            done.append(joined if joined == "-- " else joined.rstrip(" "))
            going = []
    return "\n".join([*done, *(["".join(going).rstrip(" ")] if going else [])])


def _file(
    number: int,
    part: Part,
    content: bytes | None,
    uu_name: str | None,
    cids: set[str],
    html: str,
) -> File:
    kind = part.type if content is None else "application/octet-stream"
    name = safe(uu_name) if uu_name else _name(part)
    if kind == "application/octet-stream" and content is not None and name:
        kind = guessed_type(name) or kind
    content_id = part.headers.raw("content-id").strip(" <>")[:300] if content is None else ""
    location = part.headers.raw("content-location").strip()[:2000] if content is None else ""
    inline = content_id.lower() in cids if content_id else bool(location and location in html)
    return File(
        number=number,
        name=name or default(number, kind),
        type=kind,
        kind=_kind(kind, name),
        size_bytes=len(part.content() if content is None else content),
        inline=inline,
        content_id=content_id or None,
        location=location,
    )


def _kind(mime: str, name: str | None) -> AttachmentKind:
    if mime in ("application/octet-stream", "binary/octet-stream") and name:
        mime = guessed_type(name) or mime
    if mime.startswith("image/") and mime != "image/svg+xml":
        return "image"
    if mime.startswith("video/"):
        return "video"
    return "audio" if mime.startswith("audio/") else "document"


def _calendar(root: Part) -> str:
    for part in root.walk():
        if part.type == "text/calendar":
            return decode(part.content()[:256_000], part.params.get("charset", ""))
    return ""


def leaves(root: Part, *types: str) -> Iterator[Part]:
    """The parts of these types, in their order."""
    return (part for part in root.walk() if part.type in types)
