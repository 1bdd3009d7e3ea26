"""What a file in a mail is called: found in four places, and safe to be written anywhere."""

from __future__ import annotations

import mimetypes
import re

from connectors.gmail.headers import decode_words

MAX_BYTES = 200
_UNSAFE = re.compile(r"[\x00-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]")
# The library's own table: what a host has in /etc must not change a name.
_TYPES = mimetypes.MimeTypes(())
_TYPES.add_type("text/calendar", ".ics")
_TYPES.add_type("image/webp", ".webp")
_TYPES.add_type("image/heic", ".heic")


def filename(disposition: dict[str, str], content_type: dict[str, str]) -> str | None:
    """The name that the sender gave; None where there is none that is left after cleaning."""
    for given in (
        disposition.get("filename"),
        disposition.get("name"),
        content_type.get("name"),
        content_type.get("filename"),
    ):
        if given and (name := safe(decode_words(given))):
            return name
    return None


def default(number: int, content_type: str) -> str:
    """A name for the file that has none; `number` from 1, as it stands in the mail."""
    return f"attachment-{number}{_TYPES.guess_extension(content_type) or '.bin'}"


def guessed_type(name: str) -> str | None:
    return _TYPES.guess_type(name)[0]


def safe(name: str) -> str:
    """The last part of a path, without control characters, at most 200 bytes; "" if nothing is
    left."""
    parts = re.split(r"[/\\]", _UNSAFE.sub("", name))
    kept = [part.strip(" \t.") or "" for part in parts]
    last = next((part for part in reversed(parts) if part.strip(" .\t")), "")
    last = " ".join(last.strip().rstrip(".").split()) if any(kept) else ""
    if len(last.encode()) <= MAX_BYTES:
        return last
    stem, dot, extension = last.rpartition(".")
    tail = f"{dot}{extension}" if dot and len(extension.encode()) <= 20 else ""
    room = MAX_BYTES - len(tail.encode())
    return (stem if tail else last).encode()[:room].decode("utf-8", "ignore").rstrip() + tail
