"""STOP, START and HELP as customers write them: on record, shown, and answered once by one side."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from inbox.automation.keywords import Heard, KeywordAnswers, hear
from inbox.consent import facts, policy
from inbox.domain.consent import Purpose
from inbox.domain.gate import Attempt, Decision, decide
from inbox.domain.keywords import Keyword
from inbox.domain.message import Direction, Message, Status
from inbox.domain.report import MessageReceived, Sender
from tests.office import Office, a_channel, sms, whatsapp, whatsapp_item

pytestmark = pytest.mark.requirement("P2")
STOPPED = "Harbour Kettles: you are unsubscribed and will get no more messages."
HELPED = "Harbour Kettles: help at help@harbour.example."
STARTED = "Harbour Kettles: you are subscribed again."


def now() -> datetime:
    return datetime.now(UTC)


async def ours(office: Office) -> None:
    """From here on nobody but us answers keywords on the SMS channel."""
    channel = replace(office.channels["sms"], provider_stop=False)
    await office.stores.channels.replace(channel, channel.state)
    office.channels["sms"] = channel


async def wrote(office: Office, kind: str, *texts: str, at: datetime | None = None) -> None:
    for text in texts:
        body = sms(text) if kind == "sms" else whatsapp(whatsapp_item(text, at=at or now()))
        await office.takes(kind, body, at=at)


async def outbound(office: Office) -> list[Message]:
    return [one for one in await office.thread() if one.direction is Direction.OUTBOUND]


async def answers(office: Office) -> list[str]:
    """What we put into the outbox, by the beginning of each text."""
    return [message.text.split(". ")[0] + "." for message in await outbound(office)]


async def go_out(office: Office) -> None:
    """Everything in the outbox is handed to the provider, as delivery does after the gate."""
    for message in await office.stores.outbox.due(now() + timedelta(minutes=1)):
        decision = await gate(office, message)
        leased = await office.stores.outbox.claim(message, now() + timedelta(minutes=1))
        assert leased is not None
        if not decision.allow:
            await office.stores.outbox.end(leased, Status.FAILED, None, now())
            continue
        await KeywordAnswers(office.stores).note_sent(leased, await office.identity(), now())
        await office.stores.outbox.record_sent(leased, f"out.{message.id}", {}, now())


async def gate(office: Office, message: Message | None = None, purpose: str = "reply") -> Decision:
    """What the gate says of a message in the outbox, or of any reply."""
    conversation = await office.conversation()
    channel = next(c for c in office.channels.values() if c.id == conversation.channel_id)
    manifest = office.connectors[channel.kind].manifest
    known = await facts(office.stores, conversation, await office.identity(), manifest, now())
    attempt = Attempt(
        kind=channel.kind,
        purpose=Purpose(purpose),
        actor="agent",
        sort="message" if message is None else message.sort,  # type: ignore[arg-type]
    )
    return decide(attempt, known, policy(channel, manifest), now())


# -- hearing ---------------------------------------------------------------------------------------


def report(text: str, opt_out_type: str | None = None) -> MessageReceived:
    return MessageReceived(
        account="a",
        provider_id="p",
        sender=Sender(keys=("k",), address="k", handle="k"),
        type="text",
        text=text,
        opt_out_type=opt_out_type,  # type: ignore[arg-type]
    )


HEARD = [
    # text, what the provider made of it, kind, provider handles, what is heard, provider acted
    ("STOP", None, "sms", True, Keyword.STOP, True),
    ("STOP", None, "sms", False, Keyword.STOP, False),
    ("opt-out", None, "sms", True, Keyword.STOP, False),
    ("enough of this", "STOP", "sms", True, Keyword.STOP, True),
    ("STOP", "HELP", "sms", True, Keyword.HELP, True),
    ("YES", None, "sms", True, Keyword.START, True),
    ("YES", None, "sms", False, None, False),
    ("START", None, "sms", False, Keyword.START, False),
    ("STOP", None, "whatsapp", False, Keyword.STOP, False),
    ("cancel", None, "whatsapp", False, None, False),
    ("stop by later", None, "sms", True, None, False),
]


@pytest.mark.parametrize(("text", "told", "kind", "handles", "word", "acted"), HEARD)
async def test_what_a_message_asks_for(
    office: Office,
    text: str,
    told: str | None,
    kind: str,
    handles: bool,
    word: Keyword | None,
    acted: bool,
) -> None:
    channel = a_channel("wsp_1", kind, provider_stop=handles)
    heard = hear(report(text, told), office.connectors[kind].manifest, channel)
    assert heard == (None if word is None else Heard(word=word, by_provider=acted))


# -- SMS, where the provider answers ---------------------------------------------------------------


async def test_where_the_provider_answers_stop_we_record_show_and_stay_silent(
    office: Office,
) -> None:
    await wrote(office, "sms", "Hello", "STOP")
    assert await office.ledger() == ["opt_out"]
    assert await office.texts(Direction.ACTIVITY) == [
        "+1 555 0101 stopped SMS messages. Twilio confirmed it."
    ]
    assert await answers(office) == []
    assert (await gate(office)).code == "DENY_OPTED_OUT"


async def test_a_second_stop_tells_nothing_new(office: Office) -> None:
    await wrote(office, "sms", "Hello", "STOP", "stop")
    assert len(await office.texts(Direction.ACTIVITY)) == 1
    assert await office.ledger() == ["opt_out", "opt_out"]


async def test_help_that_the_provider_does_not_understand_is_ours_to_answer(office: Office) -> None:
    await wrote(office, "sms", "Help!")
    assert len(await answers(office)) == 1
    await wrote(office, "sms", "HELP")
    assert len(await answers(office)) == 1


@pytest.mark.parametrize("second", ["STOP", "opt-out", "Stop!"])
async def test_what_the_provider_has_confirmed_is_not_confirmed_again(
    office: Office, second: str
) -> None:
    await wrote(office, "sms", "STOP", second)
    assert await answers(office) == []


async def test_start_by_sms_lifts_a_stop_and_the_block(office: Office) -> None:
    await wrote(office, "sms", "Hello", "STOP", "START")
    assert await office.ledger() == ["opt_out", "opt_in"]
    assert (await gate(office)).code == "ALLOW_REPLY"
    assert await answers(office) == []


async def test_yes_lifts_a_block_and_is_an_ordinary_word_otherwise(office: Office) -> None:
    await wrote(office, "sms", "YES")
    assert await office.ledger() == []
    await wrote(office, "sms", "STOP", "YES", "YES")
    assert await office.ledger() == ["opt_out", "opt_in"]


async def test_help_that_the_provider_gives_is_shown_and_not_given_twice(office: Office) -> None:
    await wrote(office, "sms", "HELP")
    assert await office.texts(Direction.ACTIVITY) == ["Twilio answered HELP."]
    assert await answers(office) == []


# -- SMS, where we answer --------------------------------------------------------------------------


async def test_our_own_confirmation_goes_out_once_however_often_they_stop(office: Office) -> None:
    await ours(office)
    await wrote(office, "sms", "Hello", "STOP")
    assert await answers(office) == [STOPPED]
    await go_out(office)
    await wrote(office, "sms", "STOP", "unsubscribe", "Stop!!")
    await go_out(office)
    assert await answers(office) == [STOPPED]
    assert (await office.ledger()).count("confirmation_sent") == 1


async def test_two_stops_before_the_first_is_confirmed_are_confirmed_once(office: Office) -> None:
    await ours(office)
    await wrote(office, "sms", "STOP", "STOP")
    await go_out(office)
    sent = [one for one in await outbound(office) if one.status is Status.SENT]
    assert len(sent) == 1
    assert (await office.ledger()).count("confirmation_sent") == 1


async def test_a_stop_after_a_start_is_confirmed_anew(office: Office) -> None:
    await ours(office)
    for text in ("STOP", "START", "STOP"):
        await wrote(office, "sms", text)
        await go_out(office)
    assert await answers(office) == [STOPPED, STARTED, STOPPED]


async def test_a_hard_stop_is_not_lifted_by_a_new_question(office: Office) -> None:
    await ours(office)
    await wrote(office, "sms", "STOP", "are you open today?")
    assert (await gate(office)).code == "DENY_OPTED_OUT"
    await wrote(office, "sms", "START")
    assert (await gate(office)).code == "ALLOW_REPLY"


async def test_a_confirmation_that_waited_too_long_is_not_allowed_any_more(office: Office) -> None:
    """Queued six minutes ago, in an outage: the time for one more message is over."""
    await ours(office)
    await wrote(office, "sms", "STOP", at=now() - timedelta(minutes=6))
    assert await office.ledger() == ["opt_out"]
    (queued,) = await outbound(office)
    assert (await gate(office, queued)).code == "DENY_CONFIRMATION_LATE"


async def test_help_is_given_once_for_each_call_also_after_a_stop(office: Office) -> None:
    await ours(office)
    await wrote(office, "sms", "STOP", "HELP")
    await go_out(office)
    await wrote(office, "sms", "Hello")
    assert await answers(office) == [STOPPED, HELPED]
    await wrote(office, "sms", "INFO")
    assert await answers(office) == [STOPPED, HELPED, HELPED]


async def test_start_of_one_who_never_stopped_is_an_ordinary_word(office: Office) -> None:
    await ours(office)
    await wrote(office, "sms", "start")
    assert await office.ledger() == []
    assert await office.texts(Direction.ACTIVITY) == []
    assert await answers(office) == []


# -- WhatsApp --------------------------------------------------------------------------------------


async def test_a_soft_stop_is_confirmed_once_and_holds_until_they_write_again(
    office: Office,
) -> None:
    at = now().replace(microsecond=0)
    await wrote(office, "whatsapp", "Hello", at=at - timedelta(minutes=3))
    await wrote(office, "whatsapp", "STOP", at=at - timedelta(minutes=2))
    await go_out(office)
    assert await answers(office) == [STOPPED]
    assert (await gate(office)).code == "DENY_OPTED_OUT"
    await wrote(office, "whatsapp", "STOP", at=at - timedelta(minutes=1))
    assert (await gate(office)).code == "DENY_OPTED_OUT"
    await wrote(office, "whatsapp", "Where is my parcel?", at=at)
    assert (await gate(office)).code == "ALLOW_REPLY"
    assert (await gate(office, purpose="transactional")).code == "DENY_OPTED_OUT"
    assert (await gate(office, purpose="promotional")).code == "DENY_OPTED_OUT"
    await go_out(office)
    assert [one.status for one in await outbound(office)].count(Status.SENT) == 1


async def test_a_stop_counts_at_once_though_the_providers_clock_runs_ahead(
    office: Office,
) -> None:
    at = now().replace(microsecond=0)
    item = whatsapp_item("Hello", at=at + timedelta(minutes=4))
    await office.takes("whatsapp", whatsapp(item), at=at - timedelta(seconds=2))
    item = whatsapp_item("STOP", at=at + timedelta(minutes=5))
    await office.takes("whatsapp", whatsapp(item), at=at - timedelta(seconds=1))
    assert (await gate(office)).code == "DENY_OPTED_OUT"
    assert await answers(office) == [STOPPED]


async def test_a_stop_on_one_channel_leaves_the_other_alone(office: Office) -> None:
    await wrote(office, "whatsapp", "Hello")
    (conversation,) = await office.conversations()
    await wrote(office, "sms", "STOP")
    identity = await office.stores.people.get(conversation.identity_id)
    manifest = office.connectors["whatsapp"].manifest
    known = await facts(office.stores, conversation, identity, manifest, now())
    assert known.standing.opt_out is None


async def test_what_is_shown_names_the_contact_and_comes_once(office: Office) -> None:
    body = whatsapp(whatsapp_item("STOP"))
    await office.takes("whatsapp", body)
    await office.takes("whatsapp", body)
    assert await office.texts(Direction.ACTIVITY) == ["Maya Ortiz stopped WhatsApp messages."]
    assert office.events.count("consent.revoked") == 1


@pytest.mark.requirement("P3")
async def test_the_ledger_keeps_the_contacts_own_words(office: Office) -> None:
    await wrote(office, "sms", "  Stop!! ")
    identity = await office.identity()
    points = office.stores.people.tags("sms", identity.keys)
    (event,) = await office.stores.ledger.of_points(office.workspace_id, points, now())
    assert (event.text, event.method, event.actor) == ("  Stop!! ", "keyword", "contact")
    assert event.message_id == (await office.thread())[0].id
    assert event.hard
