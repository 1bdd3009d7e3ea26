"""Takes the large files out of a mail before it is kept: they are fetched from Gmail one by one,
and what a database takes as one entry is smaller than what people attach.
"""

from __future__ import annotations

from email import message_from_bytes, policy
from email.generator import BytesGenerator
from email.message import Message
from io import BytesIO

MOST_BYTES = 2 * 1024 * 1024
_LARGE_PART = 64 * 1024
_SHORTENED = 8 * 1024 * 1024


def lighten(raw: bytes) -> bytes:
    """The mail with the same parts at the same places and every header; of a mail that is large,
    the content of its large files is left out. Cut short when that is not enough."""
    if len(raw) <= MOST_BYTES:
        return raw
    try:
        message = message_from_bytes(raw, policy=policy.compat32)
        for part in message.walk():
            _empty(part)
        out = BytesIO()
        BytesGenerator(out, mangle_from_=False, maxheaderlen=0).flatten(message)
        lighter = out.getvalue()
    except Exception:
        # A stranger's mail can be broken in ways that the library does not expect. One that only
        # lacks its end can still be read.
        lighter = raw
    return lighter[:_SHORTENED]


def _empty(part: Message) -> None:
    is_text = part.get_content_maintype() == "text" and not part.get_filename()
    if part.is_multipart() or is_text:
        return
    payload = part.get_payload()
    if isinstance(payload, str) and len(payload) > _LARGE_PART:
        part.set_payload("")
