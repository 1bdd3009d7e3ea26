"""Counts the segments a carrier cuts a text into (GSM 03.38, 6-byte concatenation header)."""

from __future__ import annotations

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
_EXTENSION = frozenset("\f^{}\\[~]|€")


def segments(text: str) -> int:
    """0 for an empty text."""
    if not text:
        return 0
    if all(character in _BASIC or character in _EXTENSION for character in text):
        return _cut([2 if character in _EXTENSION else 1 for character in text], 160, 153)
    return _cut([2 if ord(character) > 0xFFFF else 1 for character in text], 70, 67)


def _cut(widths: list[int], single: int, part: int) -> int:
    if sum(widths) <= single:
        return 1
    count, used = 1, 0
    for width in widths:
        # Neither an escape nor a surrogate pair may straddle two segments.
        if used + width > part:
            count, used = count + 1, 0
        used += width
    return count
