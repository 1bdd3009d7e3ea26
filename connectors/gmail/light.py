"""Takes the large files out of a mail before it is kept: they are fetched from Gmail one by one,
and what a database takes as one entry is smaller than what people attach.

By our own reader and not the standard library's, which a hostile mail keeps busy for minutes.
"""

from __future__ import annotations

from connectors.gmail.filenames import filename
from connectors.gmail.parts import Part, read_parts

MOST_BYTES = 2 * 1024 * 1024
_LARGE_PART = 64 * 1024
# Of a mail that is attached: a bounce names by its headers what it is about.
_KEPT_OF_A_MAIL = 64 * 1024
_SHORTENED = 8 * 1024 * 1024


def lighten(raw: bytes) -> bytes:
    """The mail with the same parts at the same places and every header; of a mail that is large,
    the content of its large files is left out. Cut short when that is not enough."""
    if len(raw) <= MOST_BYTES:
        return raw
    root = read_parts(raw)
    kept: list[bytes] = []
    at = 0
    for part in root.walk():
        if _is_large_file(part):
            left = _KEPT_OF_A_MAIL if part.type.startswith("message/") else 0
            kept.append(root.raw[at : part.start + left])
            at = part.end
    return b"".join([*kept, root.raw[at:]])[:_SHORTENED]


def _is_large_file(part: Part) -> bool:
    if part.children or part.is_multipart or part.end - part.start <= _LARGE_PART:
        return False
    named = filename(part.disposition_params, part.params) is not None
    return named or not part.type.startswith("text/")
