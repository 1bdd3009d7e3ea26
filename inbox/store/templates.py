"""Message templates as the provider last listed them, a document each.

They are the business's own words, and no contact's; so they lie here in plain.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, fields
from datetime import datetime, timedelta

from pymongo import ReplaceOne

from inbox.domain.channel import Channel
from inbox.domain.ids import ChannelId, WorkspaceId
from inbox.domain.report import TemplateChanged
from inbox.domain.template import Template, TemplateButton, TemplateCategory, TemplateStatus
from inbox.store.database import Database, Document, reachable

MOST = 3000
# By so much the provider's clock, which tells whole seconds, may be behind ours.
_CLOCKS = timedelta(seconds=60)
_NAMES = tuple(field.name for field in fields(Template))


class TemplateStore:
    def __init__(self, database: Database) -> None:
        self._templates = database["templates"]

    async def replace(
        self, channel: Channel, templates: Sequence[Template], asked_at: datetime
    ) -> None:
        """Make these the channel's templates and no others. What was reported of one after the
        provider was asked is newer than its answer, and stays."""
        async with reachable():  # index: channel
            docs = await self._templates.find(
                _of(channel.workspace_id, channel.id), projection={"changed_at": 1}
            ).to_list(MOST)
        newer = {
            doc["_id"] for doc in docs if doc.get("changed_at") and doc["changed_at"] >= asked_at
        }
        documents = {
            _id(channel.id, one.name, one.language): {
                **_document(channel, one),
                "reported_at": asked_at - _CLOCKS,
            }
            for one in templates[:MOST]
        }
        gone = [doc["_id"] for doc in docs if doc["_id"] not in {*documents, *newer}]
        writes = [
            ReplaceOne({"_id": key}, document, upsert=True)
            for key, document in documents.items()
            if key not in newer
        ]
        async with reachable():
            if writes:
                await self._templates.bulk_write(writes, ordered=False)
            if gone:
                await self._templates.delete_many({"_id": {"$in": gone}})

    async def of_channel(self, workspace_id: WorkspaceId, channel_id: ChannelId) -> list[Template]:
        """All of them, by name and language."""
        async with reachable():  # index: channel
            docs = await self._templates.find(_of(workspace_id, channel_id)).to_list(MOST)
        found = [_template(doc) for doc in docs]
        return sorted(found, key=lambda one: (one.name, one.language))

    async def find(
        self, workspace_id: WorkspaceId, channel_id: ChannelId, name: str, language: str
    ) -> Template | None:
        async with reachable():
            doc = await self._templates.find_one(
                {"_id": _id(channel_id, name, language), "workspace_id": workspace_id}
            )
        return None if doc is None else _template(doc)

    async def has_for_replies(self, workspace_id: WorkspaceId, channel_id: ChannelId) -> bool:
        """Whether one is there that may be sent as a reply after the window."""
        async with reachable():  # index: channel
            doc = await self._templates.find_one(
                {
                    **_of(workspace_id, channel_id),
                    "approved": True,
                    "category": TemplateCategory.UTILITY.value,
                }
            )
        return doc is not None

    async def change(
        self, channel: Channel, report: TemplateChanged, now: datetime
    ) -> list[Template]:
        """Take over what was reported; the templates that are different by it. A report that is
        older than what is known changes nothing."""
        changed: list[Template] = []
        async with reachable():  # index: channel
            docs = await self._templates.find(_of(channel.workspace_id, channel.id)).to_list(MOST)
        for doc in docs:
            one, at = _template(doc), report.at or now
            if one.name != report.name or report.language not in (None, one.language):
                continue
            after = _changed(one, report)
            if after == one or at < doc["reported_at"]:
                continue
            document = {**_document(channel, after), "changed_at": now, "reported_at": at}
            key = document.pop("_id")
            async with reachable():
                await self._templates.update_one({"_id": key}, {"$set": document})
            changed.append(after)
        return changed


def _of(workspace_id: WorkspaceId, channel_id: ChannelId) -> Document:
    return {"workspace_id": workspace_id, "channel_id": channel_id}


def _id(channel_id: ChannelId, name: str, language: str) -> str:
    return f"{channel_id}:{language}:{name}"


def _changed(template: Template, report: TemplateChanged) -> Template:
    values = {name: getattr(template, name) for name in _NAMES}
    if report.gone:
        values["status"] = TemplateStatus.DISABLED
    for name in ("status", "category", "quality", "reason"):
        given = getattr(report, name)
        if given is not None:
            values[name] = given
    return Template(**values)


def _document(channel: Channel, template: Template) -> Document:
    values = {name: getattr(template, name) for name in _NAMES}
    values["buttons"] = [asdict(button) for button in template.buttons]
    values["examples"] = [list(pair) for pair in (template.examples or {}).items()]
    for name in ("status", "category"):
        values[name] = values[name].value
    return {
        "_id": _id(channel.id, template.name, template.language),
        **_of(channel.workspace_id, channel.id),
        "approved": template.approved,
        **values,
    }


def _template(doc: Document) -> Template:
    values = {name: doc[name] for name in _NAMES}
    values["buttons"] = tuple(TemplateButton(**button) for button in doc["buttons"])
    values["examples"] = dict(doc["examples"])
    values["status"] = TemplateStatus(doc["status"])
    values["category"] = TemplateCategory(doc["category"])
    return Template(**values)
