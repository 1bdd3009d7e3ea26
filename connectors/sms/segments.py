"""Counts the SMS segments of a text: what a carrier bills, and what a composer shows.

source  3GPP TS 23.038 (the alphabet), TS 23.040 (concatenation)
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Literal

_BASIC = frozenset(
    "@£$¥èéùìòÇ\nØø\rÅåΔ_ΦΓΛΩΠΨΣΘΞÆæßÉ !\"#¤%&'()*+,-./0123456789:;<=>?"
    "¡ABCDEFGHIJKLMNOPQRSTUVWXYZÄÖÑÜ§¿abcdefghijklmnopqrstuvwxyzäöñüà"
)
# Each is an escape and a second septet.
_EXTENDED = frozenset("\f^{}\\[~]|€")


@dataclass(frozen=True, kw_only=True, slots=True)
class Segments:
    """`units` are septets in GSM-7 and UTF-16 code units in UCS-2."""

    encoding: Literal["GSM-7", "UCS-2"]
    units: int
    segments: int


def count(text: str) -> Segments:
    """One character outside the alphabet makes the whole text UCS-2."""
    if all(c in _BASIC or c in _EXTENDED for c in text):
        sizes = [2 if c in _EXTENDED else 1 for c in text]
        return Segments(encoding="GSM-7", units=sum(sizes), segments=_packed(sizes, 160, 153))
    sizes = [2 if ord(c) > 0xFFFF else 1 for c in text]
    return Segments(encoding="UCS-2", units=sum(sizes), segments=_packed(sizes, 70, 67))


def _packed(sizes: Iterable[int], alone: int, joined: int) -> int:
    """How many segments: a pair is never cut in two, so a segment may hold one unit fewer."""
    sizes = list(sizes)
    if sum(sizes) <= alone:
        return 1 if sizes else 0
    segments, used = 1, 0
    for size in sizes:
        if used + size > joined:
            segments, used = segments + 1, 0
        used += size
    return segments
