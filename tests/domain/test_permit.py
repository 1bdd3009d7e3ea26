"""A permit is the gate's yes to one message: it cannot be made, kept, copied or stretched, and
nothing leaves without one."""

from __future__ import annotations

import ast
import copy
import pickle
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from inbox.domain.consent import Purpose, Standing
from inbox.domain.gate import Attempt, Facts, Permit, PermitMissing, Policy, Subject, decide

NOW = datetime(2026, 11, 22, 9, 0, tzinfo=UTC)
SUBJECT = Subject(message_id="msg_1", channel_id="chn_1", address="+15550101", digest="d")
ROOT = Path(__file__).parents[2]
SOURCES = sorted([*ROOT.glob("inbox/**/*.py"), *ROOT.glob("connectors/**/*.py"), ROOT / "run.py"])
GATE = ROOT / "inbox" / "domain" / "gate.py"

pytestmark = pytest.mark.requirement("P1")


@pytest.fixture
def permit() -> Permit:
    attempt = Attempt(kind="sms", purpose=Purpose.REPLY, actor="agent", subject=SUBJECT)
    facts = Facts(standing=Standing(), last_inbound_at=NOW, last_basis_at=NOW)
    policy = Policy(label="SMS", window_hours=None, reply_basis_days=30, provider_stop=True)
    permit = decide(attempt, facts, policy, NOW).permit
    assert permit is not None
    return permit


def test_a_permit_is_spent_on_its_own_message(permit: Permit) -> None:
    permit.spend(SUBJECT, NOW)


@pytest.mark.parametrize("mint", [None, object(), "gate", True])
def test_a_permit_cannot_be_made_by_hand(mint: object) -> None:
    with pytest.raises(PermitMissing):
        Permit(mint, SUBJECT, "ALLOW_REPLY", NOW + timedelta(minutes=1))


def test_a_permit_that_was_never_granted_covers_nothing() -> None:
    with pytest.raises(AttributeError):
        Permit.__new__(Permit).spend(SUBJECT, NOW)


def test_a_permit_cannot_be_copied(permit: Permit) -> None:
    for duplicate in (copy.copy, copy.deepcopy):
        with pytest.raises(PermitMissing):
            duplicate(permit)


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_a_permit_cannot_be_stored(permit: Permit, protocol: int) -> None:
    with pytest.raises(PermitMissing):
        pickle.dumps(permit, protocol)


def test_a_permit_works_once(permit: Permit) -> None:
    permit.spend(SUBJECT, NOW)
    with pytest.raises(PermitMissing):
        permit.spend(SUBJECT, NOW)


@pytest.mark.parametrize(
    "change",
    [
        {"message_id": "msg_2"},
        {"channel_id": "chn_2"},
        {"address": "+15550102"},
        {"digest": "another text"},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_permit_does_not_fit_another_message(permit: Permit, change: dict[str, str]) -> None:
    with pytest.raises(PermitMissing):
        permit.spend(replace(SUBJECT, **change), NOW)


def test_a_wrong_use_does_not_use_a_permit_up(permit: Permit) -> None:
    with pytest.raises(PermitMissing):
        permit.spend(replace(SUBJECT, address="+15550102"), NOW)
    permit.spend(SUBJECT, NOW)


def test_a_permit_is_good_for_less_than_a_minute(permit: Permit) -> None:
    with pytest.raises(PermitMissing):
        permit.spend(SUBJECT, NOW + timedelta(seconds=60))
    permit.spend(SUBJECT, NOW + timedelta(seconds=60) - timedelta(milliseconds=1))


# -- the source ------------------------------------------------------------------------------------


def called_name(node: ast.Call) -> str:
    match node.func:
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return name
    return ""


def calls(path: Path) -> Iterator[ast.Call]:
    return (node for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.Call))


def test_only_the_gate_constructs_permits() -> None:
    makers = {path for path in SOURCES for call in calls(path) if called_name(call) == "Permit"}
    assert makers == {GATE}


def test_nobody_but_the_gate_names_the_mint_or_derives_from_a_permit() -> None:
    for path in set(SOURCES) - {GATE}:
        for node in ast.walk(ast.parse(path.read_text())):
            assert not (isinstance(node, ast.alias) and node.name == "_MINT"), path
            assert not (isinstance(node, ast.Attribute) and node.attr == "_MINT"), path
            if isinstance(node, ast.ClassDef):
                bases = {base.id for base in node.bases if isinstance(base, ast.Name)}
                assert "Permit" not in bases, path


# What two kinds share of building and reading has a module of that name, and sends nothing.
SENDERS = sorted(
    set(ROOT.glob("connectors/*/sender.py")) - {ROOT / "connectors/messaging/sender.py"}
)


def test_what_kinds_share_of_sending_sends_nothing() -> None:
    shared = ast.parse((ROOT / "connectors/messaging/sender.py").read_text())
    names = {n.name for n in ast.walk(shared) if isinstance(n, ast.AsyncFunctionDef)}
    assert "send" not in names


def test_there_is_a_sender_for_every_registered_kind() -> None:
    registry = (ROOT / "connectors" / "__init__.py").read_text()
    kinds = {path.parent.name for path in SENDERS}
    assert len(kinds) >= 2
    assert all(f"from connectors.{kind} import" in registry for kind in kinds)


@pytest.mark.parametrize("path", SENDERS, ids=lambda path: path.parent.name)
def test_a_sender_spends_the_permit_before_anything_else(path: Path) -> None:
    functions = [
        node
        for node in ast.parse(path.read_text()).body
        if isinstance(node, ast.AsyncFunctionDef) and node.name == "send"
    ]
    assert len(functions) == 1
    first = functions[0].body[1]  # after the docstring
    assert isinstance(first, ast.Expr)
    assert isinstance(first.value, ast.Call)
    assert ast.unparse(first.value).startswith("permit.spend(message.subject(), ")


@pytest.mark.parametrize("path", SENDERS, ids=lambda path: path.parent.name)
def test_a_connector_sends_through_nothing_but_its_sender(path: Path) -> None:
    """Its own `send` hands message and permit on."""
    module = ast.parse((path.parent / "__init__.py").read_text())
    sends = [
        node
        for node in ast.walk(module)
        if isinstance(node, ast.AsyncFunctionDef) and node.name == "send"
    ]
    assert len(sends) == 1
    assert ast.unparse(sends[0].body[-1]).startswith("return await sender.send(")
    assert "permit" in ast.unparse(sends[0].body[-1])


def test_only_delivery_asks_a_connector_to_send() -> None:
    """Anybody else would need a permit of their own, and only what prepares for delivery asks the
    gate for one."""
    askers = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        for call in calls(path)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr == "send"
        and "connector" in ast.unparse(call.func.value)
    }
    assert askers == {"inbox/delivery.py"}
    named = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        for call in calls(path)
        if called_name(call) == "Attempt" and any(word.arg == "subject" for word in call.keywords)
    }
    assert named == {"inbox/preparation.py", "inbox/web/api/reactions.py"}


REACTING = sorted(
    path for path in ROOT.glob("connectors/*/signals.py") if "def react" in path.read_text()
)


@pytest.mark.parametrize("path", REACTING, ids=lambda path: path.parent.name)
def test_a_reaction_spends_the_permit_before_anything_else(path: Path) -> None:
    (react,) = [
        node
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.AsyncFunctionDef) and node.name == "react"
    ]
    first = next(node for node in react.body if not _is_docstring(node))
    assert ast.unparse(first).startswith("permit.spend(reaction.subject(), ")


def _is_docstring(node: ast.stmt) -> bool:
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def test_only_the_api_of_reactions_asks_a_connector_for_one() -> None:
    assert len(REACTING) == 2
    askers = {
        path.relative_to(ROOT).as_posix()
        for path in SOURCES
        if not path.is_relative_to(ROOT / "connectors")
        for call in calls(path)
        if isinstance(call.func, ast.Attribute)
        and call.func.attr == "react"
        and "connector" in ast.unparse(call.func.value)
    }
    assert askers == {"inbox/web/api/reactions.py"}
