"""No mail's HTML holds us up, and no honest one is refused."""

from __future__ import annotations

import resource
import time

import pytest

from inbox import mail_cleaning

NESTED = "<table><tr><td>" * 12 + "<b>A kettle, new</b>" + "</td></tr></table>" * 12
TABLE = '<table><tr><td style="padding:4px;font:14px Arial">A kettle, new</td></tr></table>'
UNENDED = "".join(f"<b a={n}>" for n in range(900))


@pytest.mark.parametrize(
    "raw",
    [
        *(
            unit * (mail_cleaning.MOST_BYTES // len(unit))
            for unit in ("<x>", "<div x='</div>'>", "<table><td>")
        ),
        "<div>" * 3000,
        "<b>" * 100_000,
        "".join(f"<b a={n}>" for n in range(20_000)),
        f"<p>{UNENDED}</p>" + "<p>x</p>" * 50_000,
        f"<div>{UNENDED}</div>" + "<div>x</div>" * 50_000,
        "<div><script></div></script>" * 50_000,
    ],
    ids=lambda raw: raw[:16],
)
def test_what_would_take_minutes_and_gigabytes_is_left_after_seconds(raw: str) -> None:
    began, before = time.monotonic(), resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    kept = mail_cleaning.clean(raw)
    assert kept is None or len(kept.html) < mail_cleaning.MOST_KEPT
    assert time.monotonic() - began < 30
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # KiB


def test_what_lies_too_deep_is_not_kept() -> None:
    assert mail_cleaning.clean("<div>" * 700 + "x" + "<b>x</b>" * 3000) is None
    kept = mail_cleaning.clean("<div>" * 500 + "x" + "<b>x</b>" * 3000)
    assert kept is not None
    assert kept.html.count("<div>") == 500


@pytest.mark.parametrize(
    ("block", "times"),
    [
        (TABLE, 10_000),
        ("<tr><td>A kettle, new", 20_000),
        (NESTED, 800),
    ],
    ids=["newsletter", "unended cells", "nested tables"],
)
def test_a_large_newsletter_is_kept(block: str, times: int) -> None:
    made = mail_cleaning.clean("<table>" + (block + "\n") * times)
    assert made is not None
    assert made.html.count("A kettle, new") == times


def test_what_is_made_safe_apart_is_as_safe() -> None:
    raw = (
        "<script>alert(1)</script><p onclick=x><img src=https://example.com/a.png>"
        + "<b>x</b>" * 3000
    )
    made = mail_cleaning.clean(raw)
    assert made is not None
    assert made.remote
    assert "script" not in made.html
    assert "onclick" not in made.html
