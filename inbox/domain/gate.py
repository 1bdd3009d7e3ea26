"""The gate: the one function that decides whether a message may be sent, and the permit it grants.

`decide` is pure and never raises. Rules are tried in order and the first that answers decides; the
numbers are those of docs/consent.md and stay the same for good, so that a recorded decision can be
read years later. A purpose that cannot be proved is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from inbox.domain.consent import Purpose, Standing
from inbox.domain.errors import AssentError
from inbox.domain.template import TemplateCategory, TemplateUse

Sort = Literal["message", "optout_confirmation", "help_reply"]
ActorType = Literal["agent", "system"]


class PermitMissing(AssentError):
    """A connector was asked to send what no permit covers. A defect of ours; nothing was sent."""

    code = "permit_missing"


@dataclass(frozen=True, kw_only=True, slots=True)
class Subject:
    """What exactly would leave: a permit covers this and nothing else."""

    message_id: str
    channel_id: str
    address: str
    digest: str


_MINT = object()


class Permit:
    """The gate's yes to one message. Only `decide` can make one, it fits one subject, is good for
    60 seconds, and works once."""

    __slots__ = ("_expires_at", "_subject", "_used", "code")

    def __init__(self, mint: object, subject: Subject, code: str, expires_at: datetime) -> None:
        if mint is not _MINT:
            raise PermitMissing("only the gate makes permits")
        self._subject = subject
        self._expires_at = expires_at
        self._used = False
        self.code = code

    def __copy__(self) -> Permit:
        raise PermitMissing("a permit cannot be copied")

    def __deepcopy__(self, memo: object) -> Permit:
        raise PermitMissing("a permit cannot be copied")

    def __reduce__(self) -> str:
        raise PermitMissing("a permit cannot be stored")

    def spend(self, subject: Subject, now: datetime) -> None:
        """Use it up for `subject`; PermitMissing when it is another's, old, or used."""
        if self._used or subject != self._subject or now >= self._expires_at:
            raise PermitMissing("this permit does not cover this message")
        self._used = True


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    """A message that somebody would like to send.

    kind      the channel's kind
    sort      `optout_confirmation` and `help_reply` are ours to send at a customer's keyword
    template  of the message, as the provider lists it now; None for what is written freely
    subject   given at the moment of sending, and only then: an allowed decision carries a permit
    """

    kind: str
    purpose: Purpose
    actor: ActorType
    sort: Sort = "message"
    template: TemplateUse | None = None
    subject: Subject | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Facts:
    """What is known of the contact on this channel; every time is aware UTC or None (never).

    last_inbound_at   their last message, by the provider's clock
    last_basis_at     their last message that was no opt-out
    templates         the channel has an approved template that may go as a reply
    """

    standing: Standing
    last_inbound_at: datetime | None
    last_basis_at: datetime | None
    blocked: bool = False
    templates: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Policy:
    """The kind's rules and the channel's settings, read from manifest and channel. A
    `window_hours` of None means that the platform has no window; `human_agent_days` is how long a
    person may reply after it closed, None where the platform or the account does not allow it;
    `templates`: what the provider has approved may be sent when the window is closed."""

    label: str
    window_hours: int | None
    reply_basis_days: int
    provider_stop: bool
    human_agent_days: int | None = None
    templates: bool = False


@dataclass(frozen=True, kw_only=True, slots=True)
class Remedy:
    """What would make it possible: a stable code, and the sentence an agent reads."""

    code: str
    text: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Evidence:
    """What a refusal rests on: the contact's own words or the provider's report, and when."""

    text: str
    at: datetime
    method: str
    message_id: str | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Decision:
    """The gate's answer. `permit` only where it is allowed and the attempt named its subject;
    `evidence` only where one event of the ledger decided."""

    allow: bool
    code: str
    rule: str
    reason: str
    remedies: tuple[Remedy, ...] = ()
    evidence: Evidence | None = None
    permit: Permit | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class _Case:
    attempt: Attempt
    facts: Facts
    policy: Policy
    now: datetime

    def within(self, instant: datetime | None, **span: float) -> bool:
        """Half-open: `now - instant < span`; exactly the span is outside."""
        return instant is not None and self.now - instant < timedelta(**span)

    @property
    def window_open(self) -> bool:
        hours = self.policy.window_hours
        return hours is None or self.within(self.facts.last_inbound_at, hours=hours)

    @property
    def has_basis(self) -> bool:
        return self.within(self.facts.last_basis_at, days=self.policy.reply_basis_days)


def _deny(code: str, rule: str, reason: str, *remedies: Remedy) -> Decision:
    return Decision(allow=False, code=code, rule=rule, reason=reason, remedies=remedies)


def _allow(code: str, rule: str, reason: str) -> Decision:
    return Decision(allow=True, code=code, rule=rule, reason=reason)


def _blocked(case: _Case) -> Decision | None:
    if not case.facts.blocked:
        return None
    return _deny(
        "DENY_BLOCKED",
        "2a",
        "This contact is blocked.",
        Remedy(code="unblock", text="An admin can unblock the contact."),
    )


def _address_invalid(case: _Case) -> Decision | None:
    invalid, wrote_at = case.facts.standing.invalid, case.facts.last_inbound_at
    if invalid is None or (wrote_at is not None and wrote_at > invalid.at):
        return None
    if not invalid.hard and case.attempt.purpose is Purpose.REPLY:
        return None  # not reached once, as after a block: a reply may be tried
    return Decision(
        allow=False,
        code="DENY_ADDRESS_INVALID",
        rule="6",
        reason=f"{case.policy.label} says that nothing can be delivered to this address.",
        remedies=(
            Remedy(code="contact_writes", text="A message from them shows that it works again."),
        ),
        evidence=Evidence(
            text=invalid.text,
            at=invalid.at,
            method=invalid.method,
            message_id=invalid.message_id,
        ),
    )


def _optout_confirmation(case: _Case) -> Decision | None:
    if case.attempt.sort != "optout_confirmation":
        return None
    standing = case.facts.standing
    if standing.opt_out is None:
        return _deny("DENY_NO_OPT_OUT", "7", "There is no opt-out to confirm.")
    if standing.confirmed_at is not None:
        return _deny("DENY_CONFIRMATION_DUPLICATE", "7a", "The opt-out is already confirmed.")
    # While the provider blocks, it has confirmed, and would take nothing of ours.
    if standing.opt_out.by_provider or standing.provider_block:
        return _deny(
            "DENY_PROVIDER_SENDS_IT", "7b", f"The {case.policy.label} provider confirms it itself."
        )
    # 47 CFR 64.1200(a)(12): within five minutes; the platforms' windows allow a day.
    in_time = {"minutes": 5, "seconds": 1e-3} if standing.opt_out.hard else {"hours": 24}
    if not case.within(standing.opt_out.at, **in_time):
        return _deny("DENY_CONFIRMATION_LATE", "7c", "It is too late to confirm the opt-out.")
    return _allow("ALLOW_OPTOUT_CONFIRMATION", "7d", "One confirmation of the opt-out.")


def _help_reply(case: _Case) -> Decision | None:
    if case.attempt.sort != "help_reply":
        return None
    standing = case.facts.standing
    answered = (
        standing.help_sent_at is not None
        and standing.help_at is not None
        and standing.help_sent_at >= standing.help_at
    )
    if answered or not case.within(standing.help_at, hours=24):
        return _deny("DENY_NO_HELP_REQUEST", "8", "Nobody is waiting for help.")
    if standing.help_by_provider:
        return _deny(
            "DENY_PROVIDER_SENDS_IT", "8", f"The {case.policy.label} provider answers HELP itself."
        )
    if standing.provider_block:
        return _deny("DENY_PROVIDER_BLOCK", "8", "The provider does not deliver to this contact.")
    return _allow("ALLOW_HELP_REPLY", "8", "An answer to HELP.")


def _start_remedy(case: _Case) -> Remedy:
    return Remedy(
        code="contact_start",
        text=f"They can start it again by writing START on {case.policy.label}.",
    )


def _opted_out(case: _Case) -> Decision | None:
    opt_out = case.facts.standing.opt_out
    if opt_out is None:
        return None
    wrote_since = case.facts.last_basis_at is not None and case.facts.last_basis_at > opt_out.at
    if not opt_out.hard and case.attempt.purpose is Purpose.REPLY and wrote_since:
        return None
    said = f" by writing “{opt_out.text}”" if opt_out.text else ""
    return Decision(
        allow=False,
        code="DENY_OPTED_OUT",
        rule="10",
        reason=f"They stopped {case.policy.label} messages{said}.",
        remedies=(_start_remedy(case),),
        evidence=Evidence(
            text=opt_out.text,
            at=opt_out.at,
            method=opt_out.method,
            message_id=opt_out.message_id,
        ),
    )


def _marketing_stopped(case: _Case) -> Decision | None:
    if case.attempt.purpose is Purpose.PROMOTIONAL and case.facts.standing.marketing_block:
        return _deny(
            "DENY_OPTED_OUT_PURPOSE",
            "11",
            f"They stopped promotions on {case.policy.label}.",
            Remedy(code="contact_resume", text="They can allow promotions again themselves."),
        )
    return None


def _provider_block(case: _Case) -> Decision | None:
    if not case.facts.standing.provider_block:
        return None
    return _deny(
        "DENY_PROVIDER_BLOCK",
        "13",
        "The provider does not deliver to this contact.",
        Remedy(
            code="contact_start",
            text=f"They can start it again by writing START, and nothing else, on"
            f" {case.policy.label}.",
        ),
    )


def _no_grant(case: _Case) -> Decision | None:
    """Grants come with the full ledger; until one can be proved, nothing rests on one."""
    if case.attempt.purpose is Purpose.PROMOTIONAL:
        return _deny(
            "DENY_NO_CONSENT",
            "16",
            "A promotion needs consent, and none is on record.",
            Remedy(code="ask_consent", text="Ask the contact to opt in first."),
        )
    open_chat = case.policy.window_hours is not None and case.window_open and case.has_basis
    if case.attempt.purpose is Purpose.TRANSACTIONAL and not open_chat:
        return _deny(
            "DENY_NO_CONSENT",
            "17",
            "A notice outside a running conversation needs consent, and none is on record.",
            Remedy(code="ask_consent", text="Ask the contact to opt in first."),
        )
    return None


def _no_inbound(case: _Case) -> Decision | None:
    if case.attempt.purpose is Purpose.REPLY and not case.has_basis:
        if case.policy.window_hours is not None:
            return _closed(case)
        return _deny(
            "DENY_NO_INBOUND",
            "18",
            f"They have not written for {case.policy.reply_basis_days} days,"
            " so there is nothing to reply to.",
            Remedy(code="contact_writes", text="Wait until the contact writes again."),
        )
    return None


# What a category is for; a reply is never more than what the contact asked about.
_FITS = {
    Purpose.REPLY: (TemplateCategory.UTILITY,),
    Purpose.TRANSACTIONAL: (TemplateCategory.UTILITY, TemplateCategory.AUTHENTICATION),
    Purpose.PROMOTIONAL: (TemplateCategory.MARKETING,),
}


def _template(case: _Case) -> Decision | None:
    """What the provider says of a template now, and whether it is meant for this."""
    template = case.attempt.template
    if template is None:
        return None
    if not template.approved or not case.policy.templates:
        return _deny(
            "DENY_TEMPLATE_NOT_APPROVED",
            "20",
            f"{case.policy.label} has not approved this template, or no longer does.",
            Remedy(code="other_template", text="Choose a template that is approved."),
        )
    if template.category not in _FITS[case.attempt.purpose]:
        return _deny(
            "DENY_TEMPLATE_CATEGORY",
            "20",
            f"{case.policy.label} lists this template as {template.category.value}, which does not"
            " fit what it is to be sent for.",
            Remedy(code="other_template", text="Choose a template of another category."),
        )
    return None


def _window_closed(case: _Case) -> Decision | None:
    if case.attempt.template is not None or (case.window_open and case.has_basis):
        return None
    return _closed(case)


def _closed(case: _Case) -> Decision:
    remedies = [Remedy(code="contact_writes", text="The contact can write again, which opens it.")]
    if case.facts.templates and case.policy.templates and case.has_basis:
        remedies.insert(0, Remedy(code="use_template", text="Use an approved template."))
    return _deny(
        "DENY_WINDOW_CLOSED",
        "21",
        f"{case.policy.label} allows free replies for {case.policy.window_hours} hours after the"
        " contact last wrote, and that time is over.",
        *remedies,
    )


def _human_agent(case: _Case) -> Decision | None:
    """After the window, some platforms let a person (no program) answer for some days more."""
    days = case.policy.human_agent_days
    if case.window_open or days is None or not case.within(case.facts.last_inbound_at, days=days):
        return None
    if case.attempt.actor != "agent" or case.attempt.purpose is not Purpose.REPLY:
        return _deny(
            "DENY_TAG_NOT_ALLOWED",
            "22",
            f"After {case.policy.window_hours} hours {case.policy.label} takes only replies that a"
            " person writes.",
            Remedy(code="contact_writes", text="The contact can write again, which opens it."),
        )
    return _allow(
        "ALLOW_HUMAN_AGENT", "26", f"A reply by a person within {days} days, marked as such."
    )


def _granted(case: _Case) -> Decision | None:
    if case.attempt.template is not None and not case.window_open:
        return _allow("ALLOW_TEMPLATE", "27", f"{case.policy.label} has approved this template.")
    if case.attempt.purpose is Purpose.REPLY:
        return _allow("ALLOW_REPLY", "28", "A reply to what the contact wrote.")
    return _allow("ALLOW_WINDOW", "30", "A notice inside a running conversation.")


_RULES: tuple[Callable[[_Case], Decision | None], ...] = (
    _blocked,
    _address_invalid,
    _optout_confirmation,
    _help_reply,
    _opted_out,
    _marketing_stopped,
    _provider_block,
    _no_grant,
    _no_inbound,
    _template,
    _human_agent,
    lambda case: None if case.window_open else _window_closed(case),
    _granted,
)


def decide(attempt: Attempt, facts: Facts, policy: Policy, now: datetime) -> Decision:
    """May this be sent now?

    now       aware UTC; anything else is refused, as is any purpose or sort that is not ours
    returns   always an answer; with a permit when allowed and `attempt.subject` is given
    source    docs/consent.md
    """
    # By type: the rules tell purposes apart by identity, which the mere word would slip through.
    known = isinstance(attempt.purpose, Purpose) and attempt.sort in (
        "message",
        "optout_confirmation",
        "help_reply",
    )
    if not known or now.tzinfo is None:
        return _deny("DENY_BAD_ATTEMPT", "1", "The request to send was not understood.")
    case = _Case(attempt=attempt, facts=facts, policy=policy, now=now)
    decision = next(answer for rule in _RULES if (answer := rule(case)) is not None)
    if not decision.allow or attempt.subject is None:
        return decision
    expires_at = now + timedelta(seconds=60)
    permit = Permit(_MINT, attempt.subject, decision.code, expires_at)
    return Decision(
        allow=True, code=decision.code, rule=decision.rule, reason=decision.reason, permit=permit
    )


@dataclass(frozen=True, kw_only=True, slots=True)
class Other:
    """Somebody besides the contact whom a mail would go to: the `position`th (from 1) of the `to`,
    `cc` or `bcc` addresses. `blocked`: as a contact of ours."""

    field: str
    position: int
    standing: Standing
    blocked: bool = False


def decide_others(others: Sequence[Other], purpose: Purpose, label: str) -> Decision | None:
    """The refusal that further recipients of a mail bring about; None: none of them objects. Of
    them nothing is known but what they refused: an agent's word brings them in, so a promotion,
    which needs consent, goes to none of them."""
    for one in others:
        where = f"Address {one.position} in {one.field.capitalize()}"
        remedy = Remedy(code="remove_recipient", text=f"Remove the address from {one.field}.")
        if one.blocked:
            return _deny("DENY_BLOCKED", "2a", f"{where} is blocked. Take it out.", remedy)
        standing = one.standing
        if standing.opt_out is not None or standing.provider_block:
            return _deny(
                "DENY_OPTED_OUT",
                "10a",
                f"{where} stopped {label} messages. Take it out.",
                remedy,
            )
    if others and purpose is Purpose.PROMOTIONAL:
        return _deny(
            "DENY_NO_CONSENT",
            "16a",
            "A promotion goes to one person who agreed to it. Take out the other addresses.",
            Remedy(code="remove_recipient", text="Send it to the contact alone."),
        )
    return None
