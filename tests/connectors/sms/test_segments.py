"""How many SMS segments a text takes."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.sms.segments import Segments, count

CYRILLIC, THUMB = "\u0416", "👍"


@pytest.mark.parametrize(
    ("text", "encoding", "units", "segments"),
    [
        ("a" * 160, "GSM-7", 160, 1),
        ("a" * 161, "GSM-7", 161, 2),
        ("a" * 306, "GSM-7", 306, 2),
        ("a" * 307, "GSM-7", 307, 3),
        ("€" * 80, "GSM-7", 160, 1),
        ("€" * 81, "GSM-7", 162, 2),
        ("a" * 152 + "€" + "a" * 10, "GSM-7", 164, 2),
        (CYRILLIC * 70, "UCS-2", 70, 1),
        (CYRILLIC * 71, "UCS-2", 71, 2),
        (THUMB * 35, "UCS-2", 70, 1),
        (THUMB * 36, "UCS-2", 72, 2),
        (CYRILLIC * 66 + THUMB + CYRILLIC * 5, "UCS-2", 73, 2),
        ("It’s ok", "UCS-2", 7, 1),
        ("Çé", "GSM-7", 2, 1),
        ("ç", "UCS-2", 1, 1),
        ("", "GSM-7", 0, 0),
        ("`", "UCS-2", 1, 1),
        ("\t", "UCS-2", 1, 1),
        ("^{}\\[~]|€\f", "GSM-7", 20, 1),
    ],
)
def test_a_text_takes_so_many_segments(text: str, encoding: str, units: int, segments: int) -> None:
    found = count(text)
    assert (found.encoding, found.units, found.segments) == (encoding, units, segments)


@given(st.text(max_size=400))
def test_no_segment_holds_more_than_it_can(text: str) -> None:
    found: Segments = count(text)
    alone, joined = (160, 153) if found.encoding == "GSM-7" else (70, 67)
    assert found.units <= (alone if found.segments == 1 else joined * found.segments)
    assert (found.segments == 0) == (text == "")
