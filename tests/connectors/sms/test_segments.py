"""How many SMS segments a text takes. The composer counts the same: the table of cases is one, and
the page is held to it in tests/journeys."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.simulator.gsm7 import segments as simulated
from connectors.sms.segments import Segments, count

TABLE = Path(__file__).with_name("segments.json")


@pytest.mark.parametrize("row", json.loads(TABLE.read_text()))
def test_a_text_takes_so_many_segments(row: dict[str, Any]) -> None:
    text = "a" * row.get("before", 0) + row["text"] * row.get("times", 1)
    found = count(text)
    wanted = (row["encoding"], row["units"], row["segments"])
    assert (found.encoding, found.units, found.segments) == wanted
    assert simulated(text) == row["segments"]


@given(st.text(max_size=400))
def test_no_segment_holds_more_than_it_can(text: str) -> None:
    found: Segments = count(text)
    alone, joined = (160, 153) if found.encoding == "GSM-7" else (70, 67)
    assert found.units <= (alone if found.segments == 1 else joined * found.segments)
    assert (found.segments == 0) == (text == "")
