"""The gate as a table: a situation, what is to be sent, and the answer with the number of its rule.

Read a row as: when this is known of the contact, this attempt on this channel is answered so.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from inbox.domain.consent import ConsentEvent, ConsentType, Purpose, Standing
from inbox.domain.gate import Attempt, Decision, Facts, Policy, Sort, Subject, decide
from inbox.domain.ids import ConsentEventId, WorkspaceId

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
MS = timedelta(milliseconds=1)
MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
REPLY, NOTICE, PROMOTION = Purpose.REPLY, Purpose.TRANSACTIONAL, Purpose.PROMOTIONAL

SMS = Policy(label="SMS", window_hours=None, reply_basis_days=30, provider_stop=True)
OWN_SMS = replace(SMS, provider_stop=False)
WHATSAPP = Policy(label="WhatsApp", window_hours=24, reply_basis_days=30, provider_stop=False)
SUBJECT = Subject(message_id="msg_1", channel_id="chn_1", address="+15550101", digest="d")


def opt_out(ago: timedelta, *, hard: bool, by_provider: bool = False) -> ConsentEvent:
    return ConsentEvent(
        id=ConsentEventId("cst_1"),
        workspace_id=WorkspaceId("wsp_1"),
        kind="sms",
        points=("point",),
        type=ConsentType.OPT_OUT,
        at=NOW - ago,
        recorded_at=NOW - ago,
        method="keyword",
        text="STOP",
        actor="contact",
        hard=hard,
        by_provider=by_provider,
    )


def wrote(ago: timedelta, *, basis: timedelta | None = None, **more: Any) -> Facts:
    """The contact last wrote so long ago; `basis`: so long ago what was no opt-out."""
    standing = more.pop("standing", Standing())
    return Facts(
        standing=standing,
        last_inbound_at=NOW - ago,
        last_basis_at=NOW - (ago if basis is None else basis),
        **more,
    )


def only_stopped(ago: timedelta, *, hard: bool, by_provider: bool = False, **more: Any) -> Facts:
    """Their opt-out is all they ever wrote."""
    standing = Standing(opt_out=opt_out(ago, hard=hard, by_provider=by_provider), **more)
    return Facts(standing=standing, last_inbound_at=NOW - ago, last_basis_at=None)


def helped(ago: timedelta, **more: Any) -> Facts:
    return wrote(ago, standing=Standing(help_at=NOW - ago, **more))


NEVER = Facts(standing=Standing(), last_inbound_at=None, last_basis_at=None)
HOUR_AGO = wrote(HOUR)

MESSAGES = [
    # situation, facts, channel, purpose, answer, rule
    ("a contact who is blocked by us", replace(HOUR_AGO, blocked=True), SMS, REPLY,
     "DENY_BLOCKED", "2a"),
    ("one who is blocked and has stopped", replace(only_stopped(HOUR, hard=True), blocked=True),
     SMS, REPLY, "DENY_BLOCKED", "2a"),
    # 10: opt-outs
    ("a hard stop, to a reply", only_stopped(HOUR, hard=True), OWN_SMS, REPLY,
     "DENY_OPTED_OUT", "10"),
    ("a hard stop, to a notice", only_stopped(HOUR, hard=True), OWN_SMS, NOTICE,
     "DENY_OPTED_OUT", "10"),
    ("a hard stop, to a promotion", only_stopped(HOUR, hard=True), OWN_SMS, PROMOTION,
     "DENY_OPTED_OUT", "10"),
    ("a hard stop and a newer message",
     wrote(MINUTE, standing=Standing(opt_out=opt_out(HOUR, hard=True))), OWN_SMS, REPLY,
     "DENY_OPTED_OUT", "10"),
    ("a soft stop, to a reply", only_stopped(HOUR, hard=False), WHATSAPP, REPLY,
     "DENY_OPTED_OUT", "10"),
    ("a soft stop and a newer message",
     wrote(MINUTE, standing=Standing(opt_out=opt_out(HOUR, hard=False))), WHATSAPP, REPLY,
     "ALLOW_REPLY", "28"),
    ("a soft stop and a message of the same instant",
     wrote(HOUR, standing=Standing(opt_out=opt_out(HOUR, hard=False))), WHATSAPP, REPLY,
     "DENY_OPTED_OUT", "10"),
    ("a soft stop and a message 1 ms newer",
     wrote(HOUR - MS, standing=Standing(opt_out=opt_out(HOUR, hard=False))), WHATSAPP, REPLY,
     "ALLOW_REPLY", "28"),
    ("a soft stop and an older message",
     wrote(HOUR, basis=2 * HOUR, standing=Standing(opt_out=opt_out(HOUR, hard=False))), WHATSAPP,
     REPLY, "DENY_OPTED_OUT", "10"),
    ("a soft stop and a newer message, to a notice",
     wrote(MINUTE, standing=Standing(opt_out=opt_out(HOUR, hard=False))), WHATSAPP, NOTICE,
     "DENY_OPTED_OUT", "10"),
    ("a soft stop and a newer message, to a promotion",
     wrote(MINUTE, standing=Standing(opt_out=opt_out(HOUR, hard=False))), WHATSAPP, PROMOTION,
     "DENY_OPTED_OUT", "10"),
    ("a soft stop and a newer message, beyond the window",
     wrote(DAY, standing=Standing(opt_out=opt_out(2 * DAY, hard=False))), WHATSAPP, REPLY,
     "DENY_WINDOW_CLOSED", "21"),
    # 11: promotions stopped at the provider
    ("a marketing stop, to a promotion", wrote(HOUR, standing=Standing(marketing_block=True)),
     WHATSAPP, PROMOTION, "DENY_OPTED_OUT_PURPOSE", "11"),
    ("a marketing stop, to a reply", wrote(HOUR, standing=Standing(marketing_block=True)),
     WHATSAPP, REPLY, "ALLOW_REPLY", "28"),
    ("a marketing stop, to a notice", wrote(HOUR, standing=Standing(marketing_block=True)),
     WHATSAPP, NOTICE, "ALLOW_WINDOW", "30"),
    # 13: the provider refuses
    ("a provider's block, to a reply", wrote(HOUR, standing=Standing(provider_block=True)), SMS,
     REPLY, "DENY_PROVIDER_BLOCK", "13"),
    ("a provider's block, to a notice", wrote(HOUR, standing=Standing(provider_block=True)),
     WHATSAPP, NOTICE, "DENY_PROVIDER_BLOCK", "13"),
    # 16: promotions
    ("one who has just written, to a promotion", wrote(MINUTE), WHATSAPP, PROMOTION,
     "DENY_NO_CONSENT", "16"),
    ("one who has just written by SMS, to a promotion", wrote(MINUTE), SMS, PROMOTION,
     "DENY_NO_CONSENT", "16"),
    ("one who never wrote, to a promotion", NEVER, SMS, PROMOTION, "DENY_NO_CONSENT", "16"),
    # 17 and 30: notices
    ("an open window, to a notice", wrote(DAY - MS), WHATSAPP, NOTICE, "ALLOW_WINDOW", "30"),
    ("a window closed this instant, to a notice", wrote(DAY), WHATSAPP, NOTICE,
     "DENY_NO_CONSENT", "17"),
    ("a window opened by nothing but an opt-out since lifted, to a notice",
     replace(wrote(HOUR), last_basis_at=None), WHATSAPP, NOTICE, "DENY_NO_CONSENT", "17"),
    ("a running conversation by SMS, to a notice", wrote(MINUTE), SMS, NOTICE,
     "DENY_NO_CONSENT", "17"),
    # 18: replies without a window
    ("one who never wrote, by SMS", NEVER, SMS, REPLY, "DENY_NO_INBOUND", "18"),
    ("a message of exactly 30 days ago, by SMS", wrote(30 * DAY), SMS, REPLY,
     "DENY_NO_INBOUND", "18"),
    ("a message 1 ms younger than that", wrote(30 * DAY - MS), SMS, REPLY, "ALLOW_REPLY", "28"),
    ("one who wrote today, but nothing to reply to", replace(HOUR_AGO, last_basis_at=None), SMS,
     REPLY, "DENY_NO_INBOUND", "18"),
    # 21: replies within a window
    ("a message of exactly 24 h ago, on WhatsApp", wrote(DAY), WHATSAPP, REPLY,
     "DENY_WINDOW_CLOSED", "21"),
    ("a message 1 ms younger than 24 h", wrote(DAY - MS), WHATSAPP, REPLY, "ALLOW_REPLY", "28"),
    ("one who never wrote, on WhatsApp", NEVER, WHATSAPP, REPLY, "DENY_WINDOW_CLOSED", "21"),
    ("an open window with nothing to reply to", replace(HOUR_AGO, last_basis_at=None), WHATSAPP,
     REPLY, "DENY_WINDOW_CLOSED", "21"),
    # 28: replies
    ("one who wrote an hour ago, by SMS", HOUR_AGO, SMS, REPLY, "ALLOW_REPLY", "28"),
    ("one who wrote an hour ago, on WhatsApp", HOUR_AGO, WHATSAPP, REPLY, "ALLOW_REPLY", "28"),
    ("one whose clock runs ahead of ours", wrote(-MINUTE), WHATSAPP, REPLY, "ALLOW_REPLY", "28"),
]  # fmt: skip

ANSWERS = [
    # situation, sort, facts, channel, answer, rule
    ("nobody has stopped", "optout_confirmation", HOUR_AGO, OWN_SMS, "DENY_NO_OPT_OUT", "7"),
    ("a stop of this minute", "optout_confirmation", only_stopped(MINUTE, hard=True), OWN_SMS,
     "ALLOW_OPTOUT_CONFIRMATION", "7d"),
    ("a stop that is confirmed", "optout_confirmation",
     only_stopped(MINUTE, hard=True, confirmed_at=NOW - MS), OWN_SMS,
     "DENY_CONFIRMATION_DUPLICATE", "7a"),
    ("a stop that the provider acted on", "optout_confirmation",
     only_stopped(MINUTE, hard=True, by_provider=True, provider_block=True), SMS,
     "DENY_PROVIDER_SENDS_IT", "7b"),
    ("a second stop in other words, while the provider blocks", "optout_confirmation",
     only_stopped(MINUTE, hard=True, provider_block=True), SMS, "DENY_PROVIDER_SENDS_IT", "7b"),
    ("a hard stop of exactly 5 min ago", "optout_confirmation",
     only_stopped(5 * MINUTE, hard=True), OWN_SMS, "ALLOW_OPTOUT_CONFIRMATION", "7d"),
    ("a hard stop 1 ms older than that", "optout_confirmation",
     only_stopped(5 * MINUTE + MS, hard=True), OWN_SMS, "DENY_CONFIRMATION_LATE", "7c"),
    ("a soft stop 1 ms younger than 24 h", "optout_confirmation",
     only_stopped(DAY - MS, hard=False), WHATSAPP, "ALLOW_OPTOUT_CONFIRMATION", "7d"),
    ("a soft stop of exactly 24 h ago", "optout_confirmation",
     only_stopped(DAY, hard=False), WHATSAPP, "DENY_CONFIRMATION_LATE", "7c"),
    ("a stop of one whom we blocked", "optout_confirmation",
     replace(only_stopped(MINUTE, hard=True), blocked=True), OWN_SMS, "DENY_BLOCKED", "2a"),
    ("nobody asked for help", "help_reply", HOUR_AGO, OWN_SMS, "DENY_NO_HELP_REQUEST", "8"),
    ("help asked for a minute ago", "help_reply", helped(MINUTE), OWN_SMS,
     "ALLOW_HELP_REPLY", "8"),
    ("help asked for by one who has stopped", "help_reply",
     helped(MINUTE, opt_out=opt_out(HOUR, hard=True)), OWN_SMS, "ALLOW_HELP_REPLY", "8"),
    ("help asked for 1 ms less than a day ago", "help_reply", helped(DAY - MS), OWN_SMS,
     "ALLOW_HELP_REPLY", "8"),
    ("help asked for exactly a day ago", "help_reply", helped(DAY), OWN_SMS,
     "DENY_NO_HELP_REQUEST", "8"),
    ("help given since", "help_reply", helped(MINUTE, help_sent_at=NOW - MS), OWN_SMS,
     "DENY_NO_HELP_REQUEST", "8"),
    ("help given before they asked again", "help_reply",
     helped(MINUTE, help_sent_at=NOW - HOUR), OWN_SMS, "ALLOW_HELP_REPLY", "8"),
    ("help that the provider gave", "help_reply", helped(MINUTE, help_by_provider=True), SMS,
     "DENY_PROVIDER_SENDS_IT", "8"),
    ("help that the provider did not understand", "help_reply", helped(MINUTE), SMS,
     "ALLOW_HELP_REPLY", "8"),
    ("help for one whom the provider blocks", "help_reply",
     helped(MINUTE, provider_block=True), OWN_SMS, "DENY_PROVIDER_BLOCK", "8"),
]  # fmt: skip


def ask(
    facts: Facts,
    policy: Policy,
    purpose: Purpose = REPLY,
    *,
    sort: Sort = "message",
    now: datetime = NOW,
    subject: Subject | None = SUBJECT,
) -> Decision:
    kind = policy.label.lower()
    attempt = Attempt(kind=kind, purpose=purpose, actor="agent", sort=sort, subject=subject)
    return decide(attempt, facts, policy, now)


def check(decision: Decision, code: str, rule: str) -> None:
    allowed = code.startswith("ALLOW_")
    assert (decision.code, decision.rule) == (code, rule)
    assert decision.allow is allowed
    assert (decision.permit is not None) is allowed
    assert decision.reason.endswith(".")


@pytest.mark.requirement("P1", "P2")
@pytest.mark.parametrize(
    ("situation", "facts", "policy", "purpose", "code", "rule"),
    MESSAGES,
    ids=[row[0] for row in MESSAGES],
)
def test_a_message_is_answered_by_the_first_rule_that_fits(
    situation: str, facts: Facts, policy: Policy, purpose: Purpose, code: str, rule: str
) -> None:
    check(ask(facts, policy, purpose), code, rule)


@pytest.mark.requirement("P2")
@pytest.mark.parametrize(
    ("situation", "sort", "facts", "policy", "code", "rule"),
    ANSWERS,
    ids=[row[0] for row in ANSWERS],
)
def test_an_answer_to_a_keyword_is_sent_once_in_time_and_by_one_side(
    situation: str, sort: Sort, facts: Facts, policy: Policy, code: str, rule: str
) -> None:
    check(ask(facts, policy, sort=sort), code, rule)


def test_every_rule_of_the_table_is_reached() -> None:
    told = {row[-1] for row in (*MESSAGES, *ANSWERS)}
    assert told == {
        *("2a", "7", "7a", "7b", "7c", "7d", "8", "10", "11"),
        *("13", "16", "17", "18", "21", "28", "30"),
    }


@pytest.mark.parametrize("purpose", Purpose)
def test_a_time_without_a_zone_is_refused(purpose: Purpose) -> None:
    check(ask(HOUR_AGO, WHATSAPP, purpose, now=NOW.replace(tzinfo=None)), "DENY_BAD_ATTEMPT", "1")


@pytest.mark.parametrize(
    "purpose", ["newsletter", "", None, "reply", "transactional", "promotional"]
)
def test_a_purpose_that_is_not_one_of_ours_by_type_is_refused(purpose: Any) -> None:
    check(ask(HOUR_AGO, SMS, purpose), "DENY_BAD_ATTEMPT", "1")


@pytest.mark.parametrize("sort", ["doi_request", "", None])
def test_a_sort_that_is_not_one_of_ours_is_refused(sort: Any) -> None:
    check(ask(HOUR_AGO, SMS, sort=sort), "DENY_BAD_ATTEMPT", "1")


def test_a_permit_is_granted_only_where_the_message_is_named() -> None:
    decision = ask(HOUR_AGO, SMS, subject=None)
    assert decision.allow
    assert decision.permit is None


def test_a_refusal_quotes_the_contacts_own_word_and_says_what_would_help() -> None:
    decision = ask(only_stopped(HOUR, hard=True), OWN_SMS)
    assert decision.reason == "They stopped SMS messages by writing “STOP”."
    assert [remedy.code for remedy in decision.remedies] == ["contact_start"]


@pytest.mark.parametrize("hours", range(0, 49, 6))
def test_time_alone_never_opens_a_gate(hours: int) -> None:
    """Whatever is refused now for want of a message stays refused when more time has passed."""
    facts, later = wrote(timedelta(hours=hours)), NOW + HOUR
    if not ask(facts, WHATSAPP).allow:
        assert not ask(facts, WHATSAPP, now=later).allow


def nobody_there(ago: timedelta, *, hard: bool = True) -> Standing:
    event = replace(opt_out(ago, hard=hard), type=ConsentType.ADDRESS_INVALID, text="")
    return Standing(invalid=event)


@pytest.mark.parametrize(
    ("facts", "purpose", "code"),
    [
        (wrote(DAY, standing=nobody_there(HOUR)), REPLY, "DENY_ADDRESS_INVALID"),
        (wrote(DAY, standing=nobody_there(HOUR)), NOTICE, "DENY_ADDRESS_INVALID"),
        # Their message is newer than the carrier's word.
        (wrote(HOUR, standing=nobody_there(DAY)), REPLY, "ALLOW_REPLY"),
        (wrote(HOUR, standing=nobody_there(HOUR)), REPLY, "DENY_ADDRESS_INVALID"),
        # Not reached is less than not there: a reply may be tried.
        (wrote(DAY, standing=nobody_there(HOUR, hard=False)), REPLY, "ALLOW_REPLY"),
        (wrote(DAY, standing=nobody_there(HOUR, hard=False)), NOTICE, "DENY_ADDRESS_INVALID"),
    ],
)
def test_an_address_where_nothing_gets_to(facts: Facts, purpose: Purpose, code: str) -> None:
    attempt = Attempt(kind="sms", purpose=purpose, actor="agent")
    decision = decide(attempt, facts, SMS, NOW)
    assert decision.code == code
    assert (decision.rule == "6") == (code == "DENY_ADDRESS_INVALID")
