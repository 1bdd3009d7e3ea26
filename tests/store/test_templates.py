"""Templates as they are stored: replaced as a whole, changed by reports, never by older ones."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

import pytest

from inbox.domain.channel import Channel
from inbox.domain.report import TemplateChanged
from inbox.domain.template import Template, TemplateCategory, TemplateStatus
from inbox.stores import Stores
from tests.domain.test_template import a_template
from tests.office import NOW, a_channel

HOUR = timedelta(hours=1)


@pytest.fixture
def channel() -> Channel:
    return a_channel("wsp_1")


def a_report(at: datetime | None = None, **changes: Any) -> TemplateChanged:
    return TemplateChanged(account="100000000000001", name="order_update", at=at, **changes)


async def statuses(store: Stores, channel: Channel) -> list[TemplateStatus]:
    found = await store.templates.of_channel(channel.workspace_id, channel.id)
    return [one.status for one in found]


async def test_a_listing_replaces_what_was_there(store: Stores, channel: Channel) -> None:
    spanish = a_template(language="es", examples={"body.1": "Maya"})
    await store.templates.replace(channel, [a_template(), spanish], NOW)
    await store.templates.replace(channel, [spanish, a_template(name="new")], NOW + HOUR)
    found = await store.templates.of_channel(channel.workspace_id, channel.id)
    assert [(one.name, one.language) for one in found] == [("new", "en_US"), ("order_update", "es")]
    assert found[1] == spanish


async def test_another_channels_templates_stay(store: Stores, channel: Channel) -> None:
    other = a_channel("wsp_1", account="2")
    await store.templates.replace(other, [a_template()], NOW)
    await store.templates.replace(channel, [], NOW)
    found = await store.templates.of_channel(other.workspace_id, other.id)
    assert found == [replace(a_template(), examples={})]
    stranger = a_channel("wsp_2").workspace_id
    assert await store.templates.find(stranger, other.id, "order_update", "en_US") is None


async def test_a_report_changes_the_languages_that_it_names(
    store: Stores, channel: Channel
) -> None:
    both: list[Template] = [a_template(), a_template(language="es")]
    await store.templates.replace(channel, both, NOW)
    paused = a_report(NOW, status=TemplateStatus.PAUSED, language="es")
    changed = await store.templates.change(channel, paused, NOW)
    assert [one.language for one in changed] == ["es"]
    assert await statuses(store, channel) == [TemplateStatus.APPROVED, TemplateStatus.PAUSED]
    assert await store.templates.change(channel, paused, NOW) == []
    await store.templates.change(channel, a_report(NOW, status=TemplateStatus.DISABLED), NOW)
    assert await statuses(store, channel) == [TemplateStatus.DISABLED] * 2


async def test_an_older_report_changes_nothing(store: Stores, channel: Channel) -> None:
    await store.templates.replace(channel, [a_template()], NOW - HOUR)
    await store.templates.change(channel, a_report(NOW, status=TemplateStatus.PAUSED), NOW)
    late = a_report(NOW - timedelta(seconds=1), status=TemplateStatus.APPROVED)
    assert await store.templates.change(channel, late, NOW) == []
    before_the_list = a_report(NOW - 2 * HOUR, status=TemplateStatus.REJECTED)
    await store.templates.change(channel, before_the_list, NOW)
    assert await statuses(store, channel) == [TemplateStatus.PAUSED]


async def test_what_was_reported_while_the_list_was_fetched_stays(
    store: Stores, channel: Channel
) -> None:
    await store.templates.replace(channel, [a_template()], NOW - HOUR)
    later = NOW + timedelta(seconds=1)
    await store.templates.change(channel, a_report(later, status=TemplateStatus.PAUSED), later)
    await store.templates.replace(channel, [a_template()], NOW)
    assert await statuses(store, channel) == [TemplateStatus.PAUSED]
    await store.templates.replace(channel, [a_template()], later + HOUR)
    assert await statuses(store, channel) == [TemplateStatus.APPROVED]


@pytest.mark.parametrize(
    ("template", "has"),
    [
        (a_template(), True),
        (a_template(status=TemplateStatus.PAUSED), False),
        (a_template(category=TemplateCategory.MARKETING), False),
        (a_template(sendable=False), False),
    ],
)
async def test_only_what_may_go_as_a_reply_counts(
    store: Stores, channel: Channel, template: Template, has: bool
) -> None:
    await store.templates.replace(channel, [template], NOW)
    found = await store.templates.has_for_replies(channel.workspace_id, channel.id)
    assert found is has


async def test_what_is_deleted_is_not_approved(store: Stores, channel: Channel) -> None:
    await store.templates.replace(channel, [a_template()], NOW)
    await store.templates.change(channel, a_report(NOW, gone=True), NOW)
    assert await statuses(store, channel) == [TemplateStatus.DISABLED]
    assert not await store.templates.has_for_replies(channel.workspace_id, channel.id)
