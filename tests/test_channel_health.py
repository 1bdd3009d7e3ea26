"""A channel's health in words: what an admin is told first."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from connectors.whatsapp.manifest import MANIFEST
from inbox.channel_health import summary
from inbox.store.health import Health
from tests.office import NOW, a_channel

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
HEARD: dict[str, Any] = {"webhook_at": NOW - HOUR}
REFUSED: dict[str, Any] = {"bad_signatures": 2, "bad_signature_at": NOW}


@pytest.mark.parametrize(
    ("channel", "health", "tone", "title", "fix"),
    [
        ({}, HEARD, "ok", "Works", None),
        ({}, {"pull_at": NOW}, "ok", "Works", None),
        ({}, {}, "quiet", "Connected", "finish"),
        ({"state": "draft"}, {}, "quiet", "Not connected yet", "finish"),
        ({"state": "disconnected"}, HEARD, "quiet", "Disconnected", "reconnect"),
        ({"state": "reauthorization_required"}, HEARD, "stop", "Needs you", "credentials"),
        ({"trouble": "Quality is low."}, HEARD, "warn", "Works, with trouble", None),
        ({}, REFUSED, "stop", "Needs you", "credentials"),
        ({}, REFUSED | HEARD, "stop", "Needs you", "credentials"),
        ({}, REFUSED | {"webhook_at": NOW + HOUR}, "ok", "Works", None),
        ({}, HEARD | {"token_expires_at": NOW + 8 * DAY}, "ok", "Works", None),
        ({}, HEARD | {"token_expires_at": NOW + 6 * DAY}, "warn", "Needs you soon", "credentials"),
        ({}, HEARD | {"token_expires_at": NOW}, "stop", "Needs you", "credentials"),
    ],
)
def test_what_is_wrong_comes_before_what_works(
    channel: dict[str, Any], health: dict[str, Any], tone: str, title: str, fix: str | None
) -> None:
    found = summary(a_channel("wsp_1", **channel), MANIFEST, Health(**health), NOW)
    assert (found.tone, found.title, found.fix) == (tone, title, fix)


def test_a_wrong_signature_names_the_secret_as_the_page_does() -> None:
    found = summary(a_channel("wsp_1"), MANIFEST, Health(**REFUSED), NOW)
    assert "the app secret is not the right one" in found.text
    assert found.at == NOW


def test_what_stopped_a_channel_is_told_in_its_own_words() -> None:
    channel = a_channel("wsp_1", state="reauthorization_required")
    told = summary(replace(channel, trouble="It ran out."), MANIFEST, Health(), NOW)
    assert told.text == "It ran out."
    assert "Meta" in summary(channel, MANIFEST, Health(), NOW).text
