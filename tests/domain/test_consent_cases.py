"""Whole stories: what happened on a channel, an attempt to send, and the answer that is due.

`consent_cases.json` holds those of the contract's cases that need no recorded grant, quiet hours or
phrase rules. An `opt_in` by a form in a history must not change the outcome.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import pytest

from inbox.domain.consent import ConsentEvent, ConsentType, Purpose, standing
from inbox.domain.gate import Attempt, Facts, Policy, decide
from inbox.domain.ids import ConsentEventId, WorkspaceId
from inbox.domain.keywords import Keyword, Words, keyword, provider_acts_on
from inbox.domain.template import TemplateCategory, TemplateUse

CASES: list[dict[str, Any]] = json.loads((Path(__file__).parent / "consent_cases.json").read_text())
WORDS: dict[str, Words] = {"sms": "sms", "whatsapp": "chat"}
PROMOTIONS = ("131050", "user_preferences:stop")
TYPES = {
    Keyword.STOP: ConsentType.OPT_OUT,
    Keyword.START: ConsentType.OPT_IN,
    Keyword.HELP: ConsentType.HELP,
}


def instant(text: str) -> datetime:
    return datetime.fromisoformat(text)


@dataclass
class History:
    """Reads a case's events as intake would: into the ledger, and into the times of messages."""

    kind: str
    provider_stop: bool
    ledger: list[ConsentEvent] = field(default_factory=list)
    inbound: list[datetime] = field(default_factory=list)
    basis: list[datetime] = field(default_factory=list)

    def read(self, event: dict[str, Any]) -> None:
        match event["type"]:
            case "inbound":
                self._wrote(instant(event["at"]), event["text"])
            case "provider_opt_out":
                promotions = event["code"] in PROMOTIONS
                self._record(
                    ConsentType.PROVIDER_OPT_OUT,
                    instant(event["at"]),
                    purpose=Purpose.PROMOTIONAL if promotions else None,
                    hard=not promotions,
                    by_provider=True,
                )
            case "opt_in":
                assert event["method"] == "web_form"
            case other:
                raise AssertionError(f"no translation of {other}")

    def _wrote(self, at: datetime, text: str) -> None:
        by_provider = provider_acts_on(text) if self.provider_stop else None
        word = keyword(text, WORDS[self.kind]) or by_provider
        self.inbound.append(at)
        if word is not Keyword.STOP:
            self.basis.append(at)
        if word is not None:
            stop = word is Keyword.STOP
            self._record(
                TYPES[word],
                at,
                text=text,
                hard=stop and self.kind == "sms",
                by_provider=by_provider is word,
            )

    def _record(self, type_: ConsentType, at: datetime, **more: Any) -> None:
        event: dict[str, Any] = {"text": "", **more}
        self.ledger.append(
            ConsentEvent(
                id=ConsentEventId(f"cst_{len(self.ledger)}"),
                workspace_id=WorkspaceId("wsp_1"),
                kind=self.kind,
                points=("point",),
                type=type_,
                at=at,
                recorded_at=at,
                method="keyword",
                actor="contact",
                **event,
            )
        )

    def facts(self, at: datetime) -> Facts:
        return Facts(
            standing=standing(self.ledger, at),
            last_inbound_at=max(self.inbound, default=None),
            last_basis_at=max(self.basis, default=None),
        )


def template_of(attempt: dict[str, Any]) -> TemplateUse | None:
    given = attempt.get("template")
    if given is None:
        return None
    category = TemplateCategory(given["category"])
    return TemplateUse(category=category, approved=given["status"] == "approved")


@pytest.mark.requirement("P1", "P2")
@pytest.mark.parametrize("case", CASES, ids=lambda case: case["name"])
def test_a_story_ends_as_the_contract_says(case: dict[str, Any]) -> None:
    attempt, kind = case["attempt"], case["attempt"]["channel"]
    handles = case.get("settings", {}).get("sms_provider_handles_stop", True)
    history = History(kind=kind, provider_stop=kind == "sms" and handles)
    for event in case["history"]:
        history.read(event)
    policy = Policy(
        label=kind,
        window_hours=24 if kind == "whatsapp" else None,
        reply_basis_days=30,
        provider_stop=history.provider_stop,
        templates=kind == "whatsapp",
    )
    at = instant(attempt["at"])
    asked = Attempt(
        kind=kind,
        purpose=Purpose(attempt["purpose"]),
        actor=attempt["actor"],
        sort=attempt.get("kind", "message"),
        template=template_of(attempt),
    )
    decision = decide(asked, history.facts(at), policy, at)
    assert (decision.allow, decision.code) == (case["expect"]["allow"], case["expect"]["code"])
