"""What mail servers report of our mail: it came back, it was delivered, somebody complained."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from inbox.consent import facts, policy
from inbox.domain.consent import Purpose
from inbox.domain.gate import Attempt, decide
from inbox.domain.message import Message, Status
from inbox.domain.report import PreferenceReported, Sender
from inbox.statuses import Statuses
from tests.office import Office
from tests.post import MAYA, OURS, a_mail, an_answer, copy_of
from tests.test_mails import LEO, takes

ZOE = "zoe@example.com"


def bounce(
    message: Message, *statuses: str, mail_id: str | None = None, **more: str | None
) -> bytes:
    """What a mail server tells of a mail of ours, by the Message-ID that it left with."""
    told = {
        **more,
        "message_id": message.id,
        "mail_id": f"{message.id}@shop.example" if mail_id is None else mail_id,
    }
    return json.dumps(
        {"told": [{**told, "status": one} for one in statuses or ("failed",)]}
    ).encode()


@pytest.mark.parametrize("mail_id", [None, ""])
async def test_a_bounce_that_comes_late_marks_the_message_failed(
    mailroom: Office, mail_id: str | None
) -> None:
    await takes(mailroom, a_mail("One"))
    answer = await an_answer(mailroom)
    await takes(mailroom, copy_of(answer))
    assert (await mailroom.again(answer)).status is Status.SENT
    sent = await mailroom.again(answer)
    await mailroom.takes("post", bounce(answer, mail_id=mail_id))
    failed = await mailroom.again(answer)
    assert failed.status is Status.FAILED
    assert failed.failure is not None
    assert failed.failure.reason == "One of the recipients does not exist. Check the addresses."
    assert failed.provider_id == sent.provider_id


@pytest.mark.parametrize("order", [("failed", "delivered"), ("delivered", "failed"), ("failed",)])
async def test_a_mail_that_one_of_several_did_not_get_has_failed(
    mailroom: Office, order: tuple[str, ...]
) -> None:
    await takes(mailroom, a_mail("One"))
    mail = {"subject": "Re: A kettle", "from": OURS, "to": [MAYA], "cc": [LEO], "bcc": []}
    answer = await an_answer(mailroom, content={"mail": mail})
    await takes(mailroom, copy_of(answer))
    await mailroom.takes("post", bounce(answer, *order))
    assert (await mailroom.again(answer)).status is Status.FAILED


@pytest.mark.parametrize(
    ("to", "cc", "gone", "invalid"),
    [
        ([MAYA], [LEO], MAYA, [MAYA]),
        ([MAYA], [LEO], LEO, [LEO]),
        # Somebody whom the mail was passed on to: whose address that was, nobody knows.
        ([MAYA], [LEO], ZOE, []),
        ([MAYA], [LEO], None, []),
        ([MAYA], [], ZOE, [MAYA]),
        ([LEO], [], LEO, [LEO]),
    ],
)
async def test_only_the_address_that_bounced_is_known_to_be_dead(
    mailroom: Office, to: list[str], cc: list[str], gone: str | None, invalid: list[str]
) -> None:
    await takes(mailroom, a_mail("One"))
    mail = {"subject": "Re: A kettle", "from": OURS, "to": to, "cc": cc, "bcc": []}
    answer = await an_answer(mailroom, content={"mail": mail})
    await takes(mailroom, copy_of(answer))
    await mailroom.takes("post", bounce(answer, recipient=gone, consent="address_invalid"))
    assert (await mailroom.again(answer)).status is Status.FAILED
    stores, now = mailroom.stores, datetime.now(UTC)
    found = [
        one
        for one in (MAYA, LEO, ZOE)
        if await stores.ledger.of_points(
            mailroom.workspace_id, stores.people.tags("post", [one]), now
        )
    ]
    assert found == invalid


async def test_a_mail_that_its_only_recipient_got_is_delivered(mailroom: Office) -> None:
    await takes(mailroom, a_mail("One"))
    answer = await an_answer(mailroom)
    await takes(mailroom, copy_of(answer))
    await mailroom.takes("post", bounce(answer, "delivered"))
    assert (await mailroom.again(answer)).status is Status.DELIVERED


async def test_a_bounce_of_somebody_elses_message_id_changes_nothing(mailroom: Office) -> None:
    await takes(mailroom, a_mail("One"))
    inbound = (await mailroom.thread())[0]
    await mailroom.takes("post", bounce(inbound))
    assert (await mailroom.again(inbound)).status is Status.RECEIVED


@pytest.mark.parametrize(
    ("cc", "named", "stopped"),
    [
        ([], MAYA, [MAYA]),
        ([LEO], LEO, [LEO]),
        # Blackened by who passed it on: there is but one whom it can be of.
        ([], "redacted@example.net", [MAYA]),
        ([LEO], "redacted@example.net", []),
        ([LEO], ZOE, []),
    ],
)
async def test_a_complaint_is_believed_of_whom_the_mail_went_to(
    mailroom: Office, cc: list[str], named: str, stopped: list[str]
) -> None:
    await takes(mailroom, a_mail("One"))
    mail = {"subject": "Re: A kettle", "from": OURS, "to": [MAYA], "cc": cc, "bcc": []}
    answer = await an_answer(mailroom, content={"mail": mail})
    assert await complains(mailroom, named, answer.id) == stopped


async def test_a_complaint_of_what_we_never_sent_is_believed_of_nobody(mailroom: Office) -> None:
    await takes(mailroom, a_mail("One"))
    inbound = (await mailroom.thread())[0]
    for message_id in (inbound.id, "msg_01JD0000000000000000000001"):
        assert await complains(mailroom, MAYA, message_id) == []


async def complains(office: Office, named: str, message_id: str) -> list[str]:
    """Whose opt-out is on record after a complaint by somebody of this name."""
    who = Sender(keys=(named,), address=named, handle=named)
    report = PreferenceReported(
        account=OURS, sender=who, act="stop", code="complaint", message_id=message_id
    )
    stores = office.stores
    await Statuses(stores, office.hub).prefer(report, office.channels["post"])
    return [
        one
        for one in (MAYA, LEO, ZOE, named)
        if await stores.ledger.of_points(
            office.workspace_id, stores.people.tags("post", [one]), datetime.now(UTC)
        )
    ][:1]


async def rules(office: Office, purpose: Purpose) -> str:
    """The gate's word for an agent's mail in the only conversation, an hour after the last news."""
    manifest, channel = office.connectors["post"].manifest, office.channels["post"]
    conversation = await office.conversation()
    identity = await office.stores.people.get(conversation.identity_id)
    now = datetime.now(UTC) + timedelta(hours=1)
    known = await facts(office.stores, conversation, identity, manifest, now)
    attempt = Attempt(kind="post", purpose=purpose, actor="agent")
    return decide(attempt, known, policy(channel, manifest), now).code


async def test_a_complaint_ends_all_but_answers_to_what_they_write_later(mailroom: Office) -> None:
    first = a_mail("One")
    await takes(mailroom, first)
    assert await rules(mailroom, Purpose.REPLY) == "ALLOW_REPLY"
    await mailroom.takes("post", json.dumps({"complaints": [MAYA]}).encode())
    assert {await rules(mailroom, purpose) for purpose in Purpose} == {"DENY_OPTED_OUT"}
    later = (datetime.now(UTC) + timedelta(minutes=1)).isoformat()
    answer = a_mail("Sorry, one question", in_reply_to=first["message_id"], at=later)
    await takes(mailroom, answer)
    assert await rules(mailroom, Purpose.REPLY) == "ALLOW_REPLY"
    assert await rules(mailroom, Purpose.TRANSACTIONAL) == "DENY_OPTED_OUT"
    assert await rules(mailroom, Purpose.PROMOTIONAL) == "DENY_OPTED_OUT"
