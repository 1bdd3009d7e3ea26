"""The composer counts SMS segments as the server does: both are held to one table."""

from __future__ import annotations

import json
from typing import Any

from tests.connectors.sms.test_segments import TABLE
from tests.journeys.conftest import NewPage
from tests.journeys.program import DemoProgram


def test_the_page_counts_segments_as_the_server_does(
    program: DemoProgram, new_page: NewPage
) -> None:
    page = new_page()
    page.goto(f"{program.url}/login")
    rows = json.loads(TABLE.read_text())
    texts = ["a" * row.get("before", 0) + row["text"] * row.get("times", 1) for row in rows]
    counted: list[dict[str, Any]] = page.evaluate(
        """async (texts) => {
          const { segments } = await import("/static/js/lib/text.js");
          return texts.map((text) => segments(text));
        }""",
        texts,
    )
    wanted = [{name: row[name] for name in ("encoding", "units", "segments")} for row in rows]
    assert [{n: one[n] for n in ("encoding", "units", "segments")} for one in counted] == wanted
