"""What Twilio is asked for when webhooks failed, and what of it is this channel's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from connectors.http import Http
from connectors.sms import Sms
from inbox.domain.channel import Channel
from inbox.domain.report import MessageReceived, Report
from tests.connectors.conftest import Provider, Reply
from tests.connectors.people import ACCOUNT_SID, RECEIVED_AT, sms_channel

NOW = datetime(2026, 11, 6, 12, tzinfo=UTC)
LISTING = f"/2010-04-01/Accounts/{ACCOUNT_SID}/Messages.json"
SERVICE = "MG00000000000000000000000000000002"
OURS, OTHER, THEIRS = "+15005550199", "+15005550198", "+15005550101"


def listed(sid: str, sender: str | None, to: str, service: str | None = None) -> dict[str, object]:
    return {
        "sid": sid,
        "account_sid": ACCOUNT_SID,
        "from": sender,
        "to": to,
        "body": "hola",
        "status": "received",
        "direction": "inbound",
        "num_media": "0",
        "date_sent": "Fri, 06 Nov 2026 11:30:00 +0000",
        "messaging_service_sid": service,
    }


async def sweep(
    http: Http, provider: Provider, channel: Channel, *pages: list[object]
) -> tuple[list[Mapping[str, str]], list[Report]]:
    """What was asked for, and what came of it."""
    channel = replace(channel, created_at=NOW - timedelta(days=7))
    sms = Sms(http, provider.url)
    for page in pages:
        provider.answers("GET", LISTING, Reply(body=body_of(page)))
    cursor = (await sms.pull(channel, None, NOW - timedelta(hours=1))).cursor
    reports: list[Report] = []
    for _ in pages:
        pulled = await sms.pull(channel, cursor, NOW)
        cursor = pulled.cursor
        for payload in pulled.payloads:
            reports += sms.parse(payload, RECEIVED_AT)
    assert not pulled.more
    return [call.query for call in provider.calls], reports


def body_of(page: list[object]) -> bytes:
    return json.dumps({"messages": page, "next_page_uri": None}).encode()


async def test_a_number_is_asked_for_on_both_sides(http: Http, provider: Provider) -> None:
    asked, reports = await sweep(http, provider, sms_channel(), [listed("SM1", THEIRS, OURS)], [])
    assert [(one.get("To"), one.get("From")) for one in asked] == [(OURS, None), (None, OURS)]
    assert len(reports) == 1


async def test_a_service_is_asked_for_once_and_by_no_number(http: Http, provider: Provider) -> None:
    page: list[object] = [
        listed("SM6", None, THEIRS, SERVICE),
        listed("SM5", THEIRS, OTHER),
        listed("SM4", THEIRS, OTHER, "MG00000000000000000000000000000009"),
        "no message",
        listed("SM3", f"whatsapp:{THEIRS}", f"whatsapp:{OURS}"),
        listed("SM2", THEIRS, OTHER, SERVICE),
        listed("SM1", THEIRS, OURS),
    ]
    asked, reports = await sweep(http, provider, sms_channel(messaging_service_sid=SERVICE), page)
    assert [one.keys() & {"To", "From"} for one in asked] == [set()]
    found = [one for one in reports if isinstance(one, MessageReceived)]
    assert [(one.provider_id, one.account, one.pool) for one in found] == [
        ("SM1", OURS, None),
        ("SM2", OTHER, SERVICE),
        ("SM3", OURS, None),
    ]
    assert [one.sender.keys[0] for one in found] == [THEIRS, THEIRS, f"whatsapp:{THEIRS}"]
    assert all(one.recovered for one in found)


@pytest.mark.parametrize("service", ["", SERVICE])
async def test_an_empty_listing_ends_the_sweep(
    http: Http, provider: Provider, service: str
) -> None:
    pages: list[list[object]] = [[]] if service else [[], []]
    _, reports = await sweep(http, provider, sms_channel(messaging_service_sid=service), *pages)
    assert reports == []
