"""Mails as files: each `.eml` has beside it what is expected of it. Adding a mail is adding two
files to tests/connectors/payloads/gmail."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from connectors.gmail.explanation import explain
from inbox import mail_cleaning
from inbox.explain import explain as explain_any
from tests.connectors.people import PAYLOADS, RECEIVED_AT


class Mails:
    """As much of a connector as is asked."""

    def explain(self, raw: bytes) -> Mapping[str, object]:
        return explain(raw)


def told(raw: bytes) -> Mapping[str, Any]:
    connectors: Any = {"gmail": Mails()}
    return explain_any("gmail", raw, connectors, RECEIVED_AT)


MAILS = sorted((PAYLOADS / "gmail").glob("*.eml"))


def holds(key: str, wanted: Any, found: Any) -> bool:
    if key.endswith("_must_not_contain"):
        return all(piece not in found for piece in wanted)
    if key.endswith("_contains"):
        return all(piece in found for piece in wanted)
    if key == "attachments":
        return len(found) == len(wanted) and all(
            has.items() >= want.items() for has, want in zip(found, wanted, strict=True)
        )
    if isinstance(wanted, dict):
        return isinstance(found, dict) and found.items() >= wanted.items()
    return bool(found == wanted)


def test_there_are_mails_and_each_has_what_is_expected_of_it() -> None:
    assert len(MAILS) > 100
    assert [p.name for p in MAILS if not p.with_suffix(".expect.json").exists()] == []


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_a_mail_is_read_as_expected(path: Path) -> None:
    expected = json.loads(path.with_suffix(".expect.json").read_text())
    found = json.loads(json.dumps(told(path.read_bytes())))
    assert expected
    wrong = {
        key: (wanted, found[key])
        for key, wanted in expected.items()
        if key != "note" and not holds(key, wanted, found[key])
    }
    assert wrong == {}


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_what_is_new_and_what_is_folded_are_the_whole_text(path: Path) -> None:
    found = explain(path.read_bytes())
    assert f"{found['reply_text']}{found['folded']}" == found["text"]


@pytest.mark.parametrize("path", MAILS, ids=lambda path: path.stem)
def test_line_ends_of_other_systems_change_nothing(path: Path) -> None:
    raw = path.read_bytes()
    known, found = told(raw), told(raw.replace(b"\r\n", b"\n"))
    for one in (known, found):
        files: Any = one["attachments"]
        # What is not encoded counts its line ends.
        one["attachments"] = [{**file, "size": None} for file in files]
    assert found == known


def test_every_recipient_of_a_bounce_is_told() -> None:
    found = explain((PAYLOADS / "gmail" / "bounce_several.eml").read_bytes())
    bounces: Any = found["bounces"]
    assert [(b["recipient"], b["action"], b["address_invalid"]) for b in bounces] == [
        ("gone@example.org", "failed", True),
        ("full@example.org", "failed", False),
        ("slow@example.org", "delayed", False),
    ]


def test_a_connector_that_explains_itself_is_let_but_for_its_html() -> None:
    raw = (PAYLOADS / "gmail" / "18_header_injection.eml").read_bytes()
    shown, own = told(raw), explain(raw)
    assert {name for name in own if own[name] != shown[name]} == {"html", "html_must_not_contain"}
    page: Any = own["html"]
    assert shown["html"] == mail_cleaning.at_first(page)
    assert "onclick" in page


@pytest.mark.parametrize(
    ("said", "date"),
    [
        ("Mon, 5 Oct 2026 10:00:00 +0200", "2026-10-05T10:00:00+02:00"),
        ("Mon, 5 Oct 2026 10:00:00 -0000", "2026-10-05T10:00:00+00:00"),
        ("Mon Oct  5 10:00:00 2026", None),
        ("Mo, 05 Okt 2026 10:00:00", None),
    ],
)
def test_a_date_without_a_zone_is_none(said: str, date: str | None) -> None:
    found = explain(f"From: ann@example.net\r\nDate: {said}\r\n\r\nHello\r\n".encode())
    assert (found["date"], found["date_from"]) == (date, "Date" if date else "internalDate")
