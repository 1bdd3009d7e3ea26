"""A stop on its way to us, and an answer on its way out: the gate is asked again at the door."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from tests.delivering import FAILED, KINDS, with_conversation, writes_back
from tests.network import Served
from tests.office import until


@pytest.mark.requirement("P1", "P2")
@KINDS
async def test_a_stop_between_accepting_and_sending_meets_the_gate(
    served: Served, kind: str
) -> None:
    conversation = await with_conversation(served, kind)
    later = datetime.now(UTC) + timedelta(hours=1)
    message = await served.office.accepts("An autumn greeting.", conversation, at=later)
    await served.writes(kind, "STOP")

    async def on_record() -> bool:
        return "opt_out" in await served.office.ledger()

    await until(on_record)
    await served.office.stores.outbox.wait(message, datetime.now(UTC))
    failed = await served.office.reaches(message, FAILED)
    assert failed.failure is not None
    assert failed.failure.code == "DENY_OPTED_OUT"
    label = {"whatsapp": "WhatsApp", "sms": "SMS"}[kind]
    assert failed.failure.reason == f"They stopped {label} messages by writing “STOP”."
    await served.context.delivery.drained()
    assert "An autumn greeting." not in await served.received(kind)


@pytest.mark.requirement("P2")
async def test_a_stop_on_whatsapp_is_confirmed_by_us_once(served: Served) -> None:
    await with_conversation(served, "whatsapp")
    await served.writes("whatsapp", "STOP")

    async def confirmed() -> bool:
        return (await served.office.ledger()).count("confirmation_sent") == 1

    await until(confirmed)
    await served.writes("whatsapp", "STOP")
    await served.context.delivery.drained()
    (text,) = await served.received("whatsapp")
    assert text.startswith("Harbour Kettles: you are unsubscribed")


@pytest.mark.requirement("P2")
async def test_a_stop_by_sms_is_confirmed_by_the_network_alone(served: Served) -> None:
    await with_conversation(served, "sms")
    await served.writes("sms", "STOP")
    await served.context.delivery.drained()
    network = [one for one in await served.phone("sms") if one["direction"] == "network"]
    assert len(network) == 1
    assert await served.received("sms") == []


@pytest.mark.requirement("P2")
async def test_a_refusal_for_a_stop_that_we_did_not_hear_of_is_learnt(served: Served) -> None:
    """21610: the carrier blocks them already."""
    await with_conversation(served, "sms")
    await served.fault("send", status=400, code=21610)
    message = await writes_back(served, "It is ready.")
    failed = await served.office.reaches(message, FAILED)
    assert failed.failure is not None
    assert failed.failure.code == "21610"
    assert await served.office.ledger() == ["provider_opt_out"]
    again = await writes_back(served, "Really.")
    refused = await served.office.reaches(again, FAILED)
    assert refused.failure is not None
    assert refused.failure.code == "DENY_OPTED_OUT"
    assert await served.sends("sms") == 1
