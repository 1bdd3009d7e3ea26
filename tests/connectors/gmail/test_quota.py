"""How fast a mailbox is asked."""

from __future__ import annotations

from dataclasses import replace

import pytest

from connectors.gmail.quota import Bucket, Quota
from inbox.domain.errors import Temporary
from tests.connectors.people import gmail_channel


async def test_reading_leaves_a_tenth_for_sending() -> None:
    bucket = Bucket(1000, lambda: 0.0)
    await bucket.take(880, urgent=False)
    with pytest.raises(Temporary) as refusal:
        await bucket.take(200, urgent=False)
    assert refusal.value.retry_after_s == pytest.approx(10.8)
    await bucket.take(100, urgent=True)


async def test_it_fills_evenly_up_to_a_minutes_worth() -> None:
    clock = [0.0]
    bucket = Bucket(600, lambda: clock[0])
    await bucket.take(600, urgent=True)
    clock[0] = 10.0
    await bucket.take(100, urgent=True)
    with pytest.raises(Temporary):
        await bucket.take(100, urgent=True)
    clock[0] = 1000.0
    await bucket.take(600, urgent=True)
    with pytest.raises(Temporary):
        await bucket.take(100, urgent=True)


@pytest.mark.parametrize(
    ("given", "units"), [("", 6000), ("15000", 15000), ("many", 6000), ("0", 6000), ("1", 200)]
)
async def test_what_google_allows_is_configured(given: str, units: int) -> None:
    quota = Quota()
    channel = gmail_channel(units_per_minute=given)
    await quota.take(channel, units, urgent=True)
    with pytest.raises(Temporary):
        await quota.take(channel, units, urgent=True)


async def test_each_mailbox_has_its_own() -> None:
    quota = Quota()
    one = gmail_channel()
    other = replace(one, account="sales@example.com")
    await quota.take(one, 6000, urgent=True)
    await quota.take(other, 6000, urgent=True)
    with pytest.raises(Temporary):
        await quota.take(one, 1000, urgent=True)
