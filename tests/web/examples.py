"""Provider bodies as files, and what the inbox serves after each: the harness of test_examples.py.

A body is `tests/connectors/payloads/<kind>/<name>.json`; what it must come to is told, by hand, in
`<kind>/stored/<name>.json`. payloads/README.md describes the keys.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import count
from pathlib import Path
from typing import Any

import aiohttp

from inbox.domain.agent import Agent, Role
from inbox.domain.channel import Channel, Secret
from inbox.domain.ids import AgentId, ChannelId, WorkspaceId
from inbox.domain.message import Direction, Status
from inbox.ids import new_id, new_token
from inbox.store.accounts import Workspace
from inbox.store.summaries import Summary
from inbox.web.context import Context
from tests.connectors.people import PAYLOADS
from tests.office import a_draft, until
from tests.system.signing import Call, signed_form, signed_json

# Any: JSON, of providers, of the API and of what is expected.
Json = dict[str, Any]

_KINDS = ("whatsapp", "messenger", "instagram", "sms")
_NOT_BODIES = ("signature_vectors",)
_SECRET = "a-secret-of-the-provider"
# The accounts that the bodies are about, as they are told apart from one test to the next.
_ACCOUNTS = {
    "whatsapp": ("200000000000001", "29{:013}"),
    "messenger": ("300000000000001", "39{:013}"),
    "instagram": ("17841400000000001", "1784149{:010}"),
    "sms": ("+15005550199", "+1500556{:04}"),
}
_FIELDS = {"whatsapp": "phone_number_id", "messenger": "page_id"}
_FIELDS |= {"instagram": "account_id", "sms": "number"}
_SID = "AC00000000000000000000000000000001"
_SERVICE = "MG00000000000000000000000000000002"
# Times in bodies, in seconds or milliseconds: all lie around the 6th of November 2026.
_TIME = re.compile(r"(?<![\w.])(1794\d{6})(\d{3})?(?![\w.])")
# An id that is made from what a body says where it has none, its time included.
_MADE = re.compile(r"postback_[0-9a-f]{40}")
_NEWEST = 1794009999
_numbers = count(1)


def bodies() -> list[Path]:
    found = [path for kind in _KINDS for path in (PAYLOADS / kind).glob("*.json")]
    return sorted(path for path in found if path.stem not in _NOT_BODIES)


def expectation(path: Path) -> Json:
    """What is told of this body; a test fails without."""
    told = path.parent / "stored" / path.name
    assert told.exists(), (
        f"{path.parent.name}/{path.name} has no expectation: say in stored/{path.name} what the"
        " inbox holds after it."
    )
    content: Json = json.loads(told.read_text())
    return content


@dataclass
class FreshInbox:
    """A workspace of its own on the running server, with the account that a body is about."""

    context: Context
    session: aiohttp.ClientSession
    channel: Channel
    headers: Mapping[str, str]

    @classmethod
    async def open(cls, context: Context, session: aiohttp.ClientSession, kind: str) -> FreshInbox:
        now = datetime.now(UTC)
        stores = context.stores
        workspace = Workspace(id=WorkspaceId(new_id("wsp")), name="Kettles", help_contact="help")
        await stores.accounts.add_workspace(workspace, now)
        agent = Agent(
            id=AgentId(new_id("agt")),
            workspace_id=workspace.id,
            email=f"{workspace.id}@harbour.example",
            name="Ana Silva",
            role=Role.ADMIN,
        )
        await stores.accounts.add_agent(agent, "", now)
        token = f"ast_{new_token()}"
        await stores.accounts.add_token(agent, token, now + timedelta(days=1), now)
        account = _ACCOUNTS[kind][1].format(next(_numbers))
        config = {_FIELDS[kind]: account}
        if kind == "sms":
            config |= {"account_sid": _SID, "messaging_service_sid": _SERVICE}
        signing = "auth_token" if kind == "sms" else "app_secret"
        channel = Channel(
            id=ChannelId(new_id("chn")),
            workspace_id=workspace.id,
            kind=kind,
            name="Support",
            account=account,
            config=config,
            secrets={signing: Secret(_SECRET)},
            provider_stop=kind == "sms",
            created_at=now,
        )
        await stores.channels.add(channel)
        return cls(context, session, channel, {"Authorization": f"Bearer {token}"})

    # -- the provider's side ---------------------------------------------------------------

    async def is_told(self, path: Path, altered: tuple[str, str] | None = None) -> int:
        """Post a body as its provider does, and wait until all of it is done: the status.

        altered   what somebody on the way put in the place of what, after it was signed
        """
        call = self.call(path)
        if altered is not None:
            before, after = (part.encode() for part in altered)
            assert before in call.body
            call = Call(url=call.url, headers=call.headers, body=call.body.replace(before, after))
        status = await self._post(call)
        await self.context.intake.take_over()

        async def done() -> bool:
            mine = {"workspace_id": self.channel.workspace_id, "state": {"$ne": "done"}}
            return not await self.context.stores.database["journal"].count_documents(mine)

        await until(done)
        return status

    async def is_told_unsigned(self, path: Path) -> int:
        call = self.call(path)
        for name in ("X-Hub-Signature-256", "X-Twilio-Signature"):
            call = call.with_header(name, None)
        return await self._post(call)

    async def _post(self, call: Call) -> int:
        async with self.session.post(call.url, data=call.body, headers=call.headers) as response:
            await response.read()
            return response.status

    def call(self, path: Path) -> Call:
        """The body about our own account, as if it happened now."""
        kind = self.channel.kind
        theirs = _ACCOUNTS[kind][0]
        raw = path.read_text().replace(theirs, self.channel.account)
        document = json.loads(_TIME.sub(_later, raw))
        address = {"webhook_url": self.context.links.webhook(self.channel), "secret": _SECRET}
        if kind != "sms":
            return signed_json(address, json.dumps(document, separators=(",", ":")).encode())
        return signed_form(address, dict(document["request"]["params"]))

    # -- our side --------------------------------------------------------------------------

    async def has_been_through(self, before: Sequence[str | Json], folder: Path) -> None:
        """What was before a body: other bodies, and messages of ours."""
        for one in before:
            if isinstance(one, str):
                assert await self.is_told(folder / f"{one}.json") == 200
            else:
                await self.has_sent(one["sent"])

    async def has_sent(self, provider_id: str) -> None:
        """An agent's message in the only conversation, which the provider has taken."""
        (listed,) = await self._all("/conversations")
        stores = self.context.stores
        found = await stores.conversations.find(self.channel.workspace_id, listed["id"])
        assert found is not None
        at = datetime.now(UTC) - timedelta(days=1)
        draft = a_draft(
            found,
            "Ours.",
            direction=Direction.OUTBOUND,
            at=at,
            provider_id=provider_id,
            status=Status.SENT,
            status_at={"sent": at},
            delivery=None,
        )
        (stored,) = await stores.messages.append(found, [draft], durable=True)
        summary = Summary(conversation=found, newest=stored, answered=True)
        await stores.conversations.summarise([summary])

    async def serves(self) -> Json:
        """All that the API tells of this inbox, without ids of ours and without what is empty."""
        listed = await self._all("/conversations")
        (channel,) = await self._all("/channels")
        listed.sort(key=lambda one: one["contact"]["handle"])
        found: Json = {"conversations": [await self._conversation(one) for one in listed]}
        if (channel["state"], channel["trouble"]) != ("connected", None):
            found["channel"] = {"state": channel["state"], "trouble": channel["trouble"]}
        theirs = _ACCOUNTS[self.channel.kind][0]
        told: Json = json.loads(json.dumps(found).replace(self.channel.account, theirs))
        return told

    async def _conversation(self, listed: Json) -> Json:
        path = f"/conversations/{listed['id']}"
        gate = await self._get(f"{path}/gate")
        messages = await self._all(f"{path}/messages")
        known = {one["id"]: one["provider_id"] for one in messages}
        return {
            "contact": {key: listed["contact"][key] for key in ("name", "handle")},
            "unread": listed["unread"],
            "window": {None: "none", True: "open", False: "closed"}[
                gate["window"]["hours"] and gate["window"]["open"]
            ],
            "gate": {
                purpose: gate["decisions"][purpose]["code"] for purpose in ("reply", "promotional")
            },
            "messages": [_message(one, known) for one in messages],
        }

    async def _get(self, path: str) -> Any:
        url = f"{self.context.settings.public_url}/api/v1{path}"
        async with self.session.get(url, headers=self.headers) as response:
            assert response.status == 200, await response.text()
            return await response.json()

    async def _all(self, path: str) -> list[Json]:
        page = await self._get(path)
        if isinstance(page, list):
            return page
        assert not page.get("has_more")
        data: list[Json] = page["data"]
        return data


# How much later than their bodies say things happen here: so that the newest was a moment ago.
_LATER_S = int(time.time()) - 60 - _NEWEST


def _later(found: re.Match[str]) -> str:
    return f"{int(found[1]) + _LATER_S}{found[2] or ''}"


def _as_told(text: str) -> str:
    """A time of the API's in the time of the bodies."""
    at = datetime.fromisoformat(text) - timedelta(seconds=_LATER_S)
    return at.isoformat(timespec="milliseconds").replace("+00:00", "Z").replace(".000Z", "Z")


def _message(served: Json, known: Mapping[str, str]) -> Json:
    """One message; `at` is missing where the provider told no time that could be believed."""
    text = served["text"]
    found = {
        "direction": served["direction"],
        "type": served["type"],
        "id": _MADE.sub("postback_…", served["provider_id"] or ""),
        "at": None if served["sent_at"] == served["received_at"] else _as_told(served["sent_at"]),
        "text": text if len(text) <= 300 else f"{text[:40]}… {len(text)} characters",
        "attachments": [
            {key: one[key] for key in ("kind", "mime", "name") if one[key] is not None}
            for one in served["attachments"]
        ],
        "content": deepcopy(served["content"]),
        "reply_to": served["reply_to"] and known[served["reply_to"]],
        "reactions": [{key: one[key] for key in ("by", "emoji")} for one in served["reactions"]],
        "status": None if served["direction"] == "inbound" else served["status"],
        "error": served["error"] and served["error"]["code"],
        "edited": served["edited_at"] is not None,
        "deleted": served["deleted_at"] is not None,
    }
    return {key: value for key, value in found.items() if value}
