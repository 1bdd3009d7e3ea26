"""What becomes of a message that a carrier could not deliver: sent again by itself where that may
help, and never again to an address where nobody is, until a message comes from there."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from inbox.domain.message import Message, Status
from tests.network import Served
from tests.office import until

FAILED, QUEUED, DELIVERED = Status.FAILED, Status.QUEUED, Status.DELIVERED


async def time_passes(served: Served, message: Message) -> None:
    """Until the next try of the message."""
    await served.office.stores.database["messages"].update_one(
        {"_id": message.id, "delivery.state": "queued"},
        {"$set": {"delivery.next_at": datetime.now(UTC)}},
    )


async def waits(served: Served, message: Message) -> Message:
    """The message once it waits for another try, with why."""

    async def there() -> Message | None:
        found = await served.office.again(message)
        return found if found.status is QUEUED and found.failure is not None else None

    return await until(there)


@pytest.mark.parametrize(("code", "tries"), [(30008, 2), (30003, 3)])
async def test_a_failure_that_may_pass_is_tried_again_and_not_for_ever(
    served: Served, code: int, tries: int
) -> None:
    await served.writes("sms", "Hello")
    await served.fault("status", tries, fail_code=code)
    message = await served.office.accepts("On its way.")
    for _ in range(tries - 1):
        waiting = await waits(served, message)
        assert waiting.delivery is not None
        assert waiting.delivery.next_at > datetime.now(UTC)
        assert waiting.failure is not None
        assert waiting.failure.code == str(code)
        await time_passes(served, message)
        await served.office.reaches(message, Status.SENT, FAILED)
    failed = await served.office.reaches(message, FAILED)
    assert failed.failure is not None
    assert failed.failure.code == str(code)
    assert await served.sends("sms") == tries


async def test_a_second_try_that_arrives_is_delivered_once(served: Served) -> None:
    await served.writes("sms", "Hello")
    await served.fault("status", fail_code=30008)
    message = await served.office.accepts("On its way.")
    await waits(served, message)
    await time_passes(served, message)
    delivered = await served.office.reaches(message, DELIVERED)
    assert delivered.failure is None
    seen = [one["status"] for one in await served.phone("sms") if one["direction"] == "outbound"]
    assert seen == ["undelivered", "delivered"]


async def test_what_waits_for_another_try_holds_up_nobody(served: Served) -> None:
    await served.writes("sms", "Hello")
    await served.fault("status", fail_code=30003)
    message = await served.office.accepts("First")
    await waits(served, message)
    second = await served.office.accepts("Second")
    await served.office.reaches(second, DELIVERED)
    assert (await served.office.again(message)).status is QUEUED


async def test_nothing_more_goes_to_a_number_that_is_nobodys(served: Served) -> None:
    await served.writes("sms", "Hello")
    await served.fault("status", fail_code=30005)
    await served.office.reaches(await served.office.accepts("On its way."), FAILED)
    assert "address_invalid" in await served.office.ledger()
    refused = await served.office.reaches(await served.office.accepts("And now?"), FAILED)
    assert refused.failure is not None
    assert refused.failure.code == "DENY_ADDRESS_INVALID"
    assert await served.sends("sms") == 1
    await served.writes("sms", "I am here after all")
    await served.office.reaches(await served.office.accepts("Good!"), DELIVERED)


async def test_after_stop_a_second_try_does_not_leave(served: Served) -> None:
    await served.writes("sms", "Hello")
    await served.fault("status", fail_code=30008)
    message = await served.office.accepts("On its way.")
    await waits(served, message)
    await served.writes("sms", "STOP")
    await time_passes(served, message)
    refused = await served.office.reaches(message, FAILED)
    assert refused.failure is not None
    assert refused.failure.code == "DENY_OPTED_OUT"
    assert await served.sends("sms") == 1
