"""The ledger only grows, and each happening is in it once."""

from __future__ import annotations

import asyncio
from datetime import timedelta
from typing import Any

import pytest

from inbox.domain.consent import ConsentEvent, ConsentType
from inbox.domain.ids import ConsentEventId, MessageId, WorkspaceId
from inbox.ids import new_id
from inbox.store.ledger import LedgerStore
from inbox.stores import Stores
from tests.office import NOW

US = WorkspaceId("wsp_1")
pytestmark = pytest.mark.requirement("P3")


def event(**changes: Any) -> ConsentEvent:
    values: dict[str, Any] = {
        "id": ConsentEventId(new_id("cst")),
        "workspace_id": US,
        "kind": "sms",
        "points": ("a", "b"),
        "type": ConsentType.OPT_OUT,
        "at": NOW,
        "recorded_at": NOW,
        "method": "keyword",
        "text": "STOP",
        "actor": "contact",
        "hard": True,
    }
    return ConsentEvent(**{**values, **changes})


async def test_an_event_comes_back_as_it_was_recorded(store: Stores) -> None:
    recorded = event(message_id=MessageId("msg_1"), code="21610", by_provider=True)
    assert await store.ledger.record(recorded)
    assert await store.ledger.of_points(US, ["b", "a"], NOW) == [recorded]


async def test_one_message_makes_one_event_of_a_type_however_often_it_is_told(
    store: Stores,
) -> None:
    told = [event(message_id=MessageId("msg_1")) for _ in range(20)]
    assert sorted(await asyncio.gather(*(store.ledger.record(one) for one in told))) == [
        *[False] * 19,
        True,
    ]
    help_ = event(message_id=MessageId("msg_1"), type=ConsentType.HELP)
    assert await store.ledger.record(help_)
    assert len(await store.ledger.of_points(US, ["a"], NOW)) == 2


async def test_what_happens_without_a_message_is_recorded_each_time(store: Stores) -> None:
    assert await store.ledger.record(event())
    assert await store.ledger.record(event())
    assert len(await store.ledger.of_points(US, ["a"], NOW)) == 2


async def test_the_future_the_others_and_other_workspaces_are_left_out(store: Stores) -> None:
    await store.ledger.record(event(at=NOW + timedelta(milliseconds=1)))
    await store.ledger.record(event(points=("c",)))
    await store.ledger.record(event(workspace_id=WorkspaceId("wsp_2")))
    assert await store.ledger.of_points(US, ["a", "b"], NOW) == []


def test_there_is_no_way_to_change_or_remove_an_event() -> None:
    public = {name for name in vars(LedgerStore) if not name.startswith("_")}
    assert public == {"record", "of_points"}
