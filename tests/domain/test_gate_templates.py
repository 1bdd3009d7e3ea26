"""The gate and templates, as a table: what is known, which template for what, and the answer."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

import pytest

from inbox.domain.consent import Purpose, Standing
from inbox.domain.gate import Attempt, Decision, Facts, Policy, decide
from inbox.domain.template import TemplateCategory, TemplateUse
from tests.domain.test_gate import (
    DAY,
    HOUR,
    MS,
    NEVER,
    NOTICE,
    NOW,
    PROMOTION,
    REPLY,
    SMS,
    SUBJECT,
    only_stopped,
    wrote,
)

WHATSAPP = Policy(
    label="WhatsApp", window_hours=24, reply_basis_days=30, provider_stop=False, templates=True
)
UTILITY = TemplateUse(category=TemplateCategory.UTILITY, approved=True)
MARKETING = TemplateUse(category=TemplateCategory.MARKETING, approved=True)
CODE = TemplateUse(category=TemplateCategory.AUTHENTICATION, approved=True)
UNKNOWN = TemplateUse(category=TemplateCategory.OTHER, approved=True)
PAUSED = replace(UTILITY, approved=False)

pytestmark = pytest.mark.requirement("P1", "P2")

TABLE = [
    # situation, facts, template, purpose, answer, rule
    ("a closed window", wrote(DAY), UTILITY, REPLY, "ALLOW_TEMPLATE", "27"),
    ("a window open for 1 ms more", wrote(DAY - MS), UTILITY, REPLY, "ALLOW_REPLY", "28"),
    (
        "a message 1 ms younger than 30 days",
        wrote(30 * DAY - MS),
        UTILITY,
        REPLY,
        "ALLOW_TEMPLATE",
        "27",
    ),
    (
        "a message of exactly 30 days ago",
        wrote(30 * DAY),
        UTILITY,
        REPLY,
        "DENY_WINDOW_CLOSED",
        "21",
    ),
    ("one who never wrote", NEVER, UTILITY, REPLY, "DENY_WINDOW_CLOSED", "21"),
    (
        "one who only stopped",
        only_stopped(2 * DAY, hard=False),
        UTILITY,
        REPLY,
        "DENY_OPTED_OUT",
        "10",
    ),
    (
        "a block of ours",
        replace(wrote(2 * DAY), blocked=True),
        UTILITY,
        REPLY,
        "DENY_BLOCKED",
        "2a",
    ),
    (
        "a provider's block",
        wrote(2 * DAY, standing=Standing(provider_block=True)),
        UTILITY,
        REPLY,
        "DENY_PROVIDER_BLOCK",
        "13",
    ),
    (
        "a marketing stop, and a reply",
        wrote(2 * DAY, standing=Standing(marketing_block=True)),
        UTILITY,
        REPLY,
        "ALLOW_TEMPLATE",
        "27",
    ),
    # 16 and 17 come before 20: what needs consent has none, whatever the template
    ("a closed window, to a promotion", wrote(DAY), MARKETING, PROMOTION, "DENY_NO_CONSENT", "16"),
    ("an open window, to a promotion", wrote(HOUR), MARKETING, PROMOTION, "DENY_NO_CONSENT", "16"),
    (
        "a marketing stop, to a promotion",
        wrote(DAY, standing=Standing(marketing_block=True)),
        MARKETING,
        PROMOTION,
        "DENY_OPTED_OUT_PURPOSE",
        "11",
    ),
    ("a closed window, to a notice", wrote(DAY), UTILITY, NOTICE, "DENY_NO_CONSENT", "17"),
    ("an open window, to a notice", wrote(HOUR), UTILITY, NOTICE, "ALLOW_WINDOW", "30"),
    ("an open window, to a code", wrote(HOUR), CODE, NOTICE, "ALLOW_WINDOW", "30"),
    # 20
    ("a template that is paused", wrote(DAY), PAUSED, REPLY, "DENY_TEMPLATE_NOT_APPROVED", "20"),
    (
        "a paused one in an open window",
        wrote(HOUR),
        PAUSED,
        REPLY,
        "DENY_TEMPLATE_NOT_APPROVED",
        "20",
    ),
    ("marketing as a reply", wrote(DAY), MARKETING, REPLY, "DENY_TEMPLATE_CATEGORY", "20"),
    (
        "marketing as a reply in an open window",
        wrote(HOUR),
        MARKETING,
        REPLY,
        "DENY_TEMPLATE_CATEGORY",
        "20",
    ),
    ("marketing as a notice", wrote(HOUR), MARKETING, NOTICE, "DENY_TEMPLATE_CATEGORY", "20"),
    ("a code as a reply", wrote(DAY), CODE, REPLY, "DENY_TEMPLATE_CATEGORY", "20"),
    ("a category that nobody knows", wrote(DAY), UNKNOWN, REPLY, "DENY_TEMPLATE_CATEGORY", "20"),
]


def answer(
    facts: Facts, template: TemplateUse | None, purpose: Purpose, policy: Policy
) -> Decision:
    attempt = Attempt(
        kind="whatsapp", purpose=purpose, actor="agent", template=template, subject=SUBJECT
    )
    return decide(attempt, facts, policy, NOW)


@pytest.mark.parametrize(
    ("facts", "template", "purpose", "code", "rule"),
    [row[1:] for row in TABLE],
    ids=[row[0] for row in TABLE],
)
def test_a_template_gets_the_answer_of_its_rule(
    facts: Facts, template: TemplateUse, purpose: Purpose, code: str, rule: str
) -> None:
    decision = answer(facts, template, purpose, WHATSAPP)
    assert (decision.code, decision.rule) == (code, rule)
    assert decision.allow is code.startswith("ALLOW")
    assert (decision.permit is not None) is decision.allow


@pytest.mark.parametrize("policy", [SMS, replace(WHATSAPP, templates=False)])
def test_a_kind_without_templates_sends_none(policy: Policy) -> None:
    decision = answer(wrote(HOUR), UTILITY, REPLY, policy)
    assert (decision.code, decision.rule) == ("DENY_TEMPLATE_NOT_APPROVED", "20")


@pytest.mark.parametrize(
    ("facts", "remedies"),
    [
        (wrote(DAY, templates=True), ["use_template", "contact_writes"]),
        (wrote(DAY, templates=False), ["contact_writes"]),
        # It would be refused as well.
        (wrote(31 * DAY, templates=True), ["contact_writes"]),
        (wrote(DAY, basis=timedelta(days=31), templates=True), ["contact_writes"]),
    ],
)
def test_a_closed_window_names_a_template_where_one_would_go(
    facts: Facts, remedies: list[str]
) -> None:
    decision = answer(facts, None, REPLY, WHATSAPP)
    assert decision.code == "DENY_WINDOW_CLOSED"
    assert [remedy.code for remedy in decision.remedies] == remedies
