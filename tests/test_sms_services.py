"""One number at Twilio that is written to by SMS and over WhatsApp: two conversations, of which the
one is answered here and the other is only read."""

from __future__ import annotations

from urllib.parse import parse_qsl

import pytest

from inbox.domain.conversation import Conversation
from inbox.domain.message import Direction, Status
from inbox.web.api import people
from tests.network import Served
from tests.office import CREDENTIALS, NUMBER, sms, until
from tests.system.signing import signed_form

MAYA = "+15550101"


async def calls(served: Served, text: str, **fields: str) -> None:
    """Twilio posts a message, and all of it is done."""
    call = signed_form(
        {
            "webhook_url": served.context.links.webhook(served.office.channels["sms"]),
            "secret": CREDENTIALS["sms"]["auth_token"],
        },
        dict(parse_qsl(sms(text, **fields).decode(), keep_blank_values=True)),
    )
    async with served.session.post(call.url, data=call.body, headers=call.headers) as response:
        assert response.status == 200

    async def done() -> bool:
        waiting = {"workspace_id": served.office.workspace_id, "state": {"$ne": "done"}}
        return not await served.context.stores.database["journal"].count_documents(waiting)

    await until(done)


async def on_whatsapp(served: Served, text: str, **fields: str) -> Conversation:
    over = {"From": f"whatsapp:{MAYA}", "To": f"whatsapp:{NUMBER}", "ProfileName": "Maya Ortiz"}
    await calls(served, text, **over, **fields)
    (found,) = [one for one in await served.office.conversations() if one.handle != MAYA]
    return found


async def test_the_two_are_answered_apart(served: Served) -> None:
    await calls(served, "By SMS")
    theirs = await on_whatsapp(served, "Over WhatsApp")
    (ours,) = [one for one in await served.office.conversations() if one.id != theirs.id]
    assert ours.contact_id != theirs.contact_id
    assert theirs.handle == f"WhatsApp · {MAYA}"

    answer = await served.office.accepts("Here.", theirs)
    await served.office.reaches(answer, Status.FAILED)
    failure = (await served.office.again(answer)).failure
    assert failure is not None
    assert failure.code == "not_repliable"
    assert "WhatsApp" in failure.reason
    await served.office.reaches(await served.office.accepts("Here.", ours), Status.DELIVERED)


@pytest.mark.parametrize("first", ["sms", "whatsapp"])
async def test_who_stops_the_one_has_not_stopped_the_other(served: Served, first: str) -> None:
    await calls(served, "STOP" if first == "sms" else "Hi")
    theirs = await on_whatsapp(served, "Hi" if first == "sms" else "STOP")
    (ours,) = [one for one in await served.office.conversations() if one.id != theirs.id]
    by_sms = await served.office.accepts("Autumn sale", ours)
    await served.office.reaches(by_sms, Status.FAILED if first == "sms" else Status.DELIVERED)
    over_whatsapp = await served.office.accepts("Autumn sale", theirs)
    await served.office.reaches(over_whatsapp, Status.FAILED)
    failure = (await served.office.again(over_whatsapp)).failure
    assert failure is not None
    assert (failure.code == "not_repliable") is (first == "sms")


async def test_a_stop_that_is_ours_to_confirm_is_confirmed_by_sms_alone(served: Served) -> None:
    theirs = await on_whatsapp(served, "Please stop")
    said = await served.office.thread(theirs)
    assert [one.direction for one in said] == [Direction.INBOUND, Direction.ACTIVITY]


async def test_the_number_is_shown_once(served: Served) -> None:
    theirs = await on_whatsapp(served, "Hi", ExternalUserId="US.1")
    identity = await served.context.stores.people.get(theirs.identity_id)
    shown = await people.identity(served.context, identity)
    assert shown["handle"] == "WhatsApp · +1 555 0101"
    assert shown["aliases"] == ["whatsapp:US.1"]
