"""An office with a line of every kind that the simulator plays, for tests of what goes wrong: what
its providers tell, what they list, and what they do not."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest

from connectors import registry
from connectors.http import Http
from inbox.domain.abilities import Pulled, Pulls
from inbox.domain.channel import Channel, Secret
from inbox.domain.conversation import Conversation
from inbox.domain.ids import ChannelId, JournalId
from inbox.domain.message import Direction, Message
from inbox.ids import new_id
from inbox.store.journal import JournalEntry
from inbox.stores import Stores
from tests.network import PEOPLE, Served, assembled, listening, serving
from tests.office import NOW, NUMBER, WHATSAPP, open_office, until

PAGE = "300000000000001"
INSTAGRAM = "17841400000000001"
ACCOUNTS = {"whatsapp": WHATSAPP, "messenger": PAGE, "instagram": INSTAGRAM, "sms": NUMBER}
# Nothing has to be renewed, unless a test wants it.
_GOOD_FOR_LONG = {"access_token_ends_at": (NOW + timedelta(days=60)).isoformat()}
_META = {"app_secret": "app-secret", "verify_token": "verify-me"}
_SECRETS = {
    "messenger": {"access_token": "messenger-token", **_META},
    "instagram": {"access_token": "instagram-token", **_META},
}
_CONFIG = {"messenger": {"page_id": PAGE}, "instagram": {"account_id": INSTAGRAM, **_GOOD_FOR_LONG}}


@dataclass
class Lines(Served):
    """An office that is served, with a line of each kind."""

    async def open(self, kind: str, **changes: Any) -> None:
        if kind in ("whatsapp", "sms"):
            await self.open_line(kind, **changes)
            return
        body = {
            "name": "Harbour Kettles",
            "webhook_url": self.context.links.webhook(self.office.channels[kind]),
            "status_delay_s": 0.02,
            "retry_first_s": 0.05,
            **_SECRETS[kind],
            **changes,
        }
        await self.control("PUT", f"/accounts/{kind}/{ACCOUNTS[kind]}", body)

    async def customer_writes(
        self, kind: str, text: str, who: str = "maya", **more: Any
    ) -> dict[str, Any]:
        """A customer writes, whatever becomes of the webhook."""
        path = f"/accounts/{kind}/{ACCOUNTS[kind]}/messages"
        written: dict[str, Any] = await self.control(
            "POST", path, {"customer_id": who, "text": text, **more}
        )
        return written

    async def on_phone(self, kind: str, who: str = "maya") -> list[dict[str, Any]]:
        path = f"/accounts/{kind}/{ACCOUNTS[kind]}/threads/{who}"
        messages: list[dict[str, Any]] = (await self.control("GET", path))["messages"]
        return messages

    async def of_kind(self, kind: str) -> list[Conversation]:
        channel = self.office.channels[kind]
        return [c for c in await self.office.conversations() if c.channel_id == channel.id]

    async def messages(self, kind: str, direction: Direction | None = None) -> list[Message]:
        """The messages of a line with one customer, in the order of showing."""
        found: list[Message] = []
        for conversation in await self.of_kind(kind):
            found += await self.office.thread(conversation)
        return [one for one in found if direction in (None, one.direction)]

    async def texts(self, kind: str, direction: Direction = Direction.INBOUND) -> list[str]:
        return [one.text for one in await self.messages(kind, direction)]

    async def has(self, kind: str, *texts: str) -> None:
        """Wait until exactly these came in, in this order."""

        async def there() -> bool:
            return len(await self.texts(kind)) >= len(texts)

        await until(there)
        assert await self.texts(kind) == list(texts)

    async def pulls(
        self, kind: str, cursor: str | None, after: timedelta = timedelta(minutes=1)
    ) -> str:
        """Pull until there is no more, journal what came and process it; the new cursor.

        after  how much later than now it happens: what is too young is left to its webhook
        """
        connector, channel = self.office.connectors[kind], self.office.channels[kind]
        assert isinstance(connector, Pulls)
        for _ in range(50):
            pulled: Pulled = await connector.pull(channel, cursor, datetime.now(UTC) + after)
            cursor = pulled.cursor
            for payload in pulled.payloads:
                entry = JournalEntry(
                    id=JournalId(new_id("jrn")),
                    workspace_id=channel.workspace_id,
                    channel_id=channel.id,
                    kind=kind,
                    payload=payload,
                    received_at=datetime.now(UTC),
                )
                await self.office.stores.journal.append(entry)
                self.context.intake.hand_over(entry)
                await self.office.verdict(entry)
            if not pulled.more:
                return cursor
        raise AssertionError("it never ends")


def _a_channel(workspace_id: Any, kind: str) -> Channel:
    return Channel(
        id=ChannelId(new_id("chn")),
        workspace_id=workspace_id,
        kind=kind,
        name="Support",
        account=ACCOUNTS[kind],
        config=_CONFIG[kind],
        secrets={name: Secret(text) for name, text in _SECRETS[kind].items()},
        provider_stop=False,
        created_at=NOW - timedelta(days=7),
    )


@pytest.fixture
async def lines(store: Stores, simulator_url: str) -> AsyncIterator[Lines]:
    await store.journal.close()  # the server starts it itself
    simulator_port = int(simulator_url.rpartition(":")[2])
    listener, url = listening()
    # Ten seconds of a provider's silence are two.
    http = Http(allow=frozenset({("127.0.0.1", simulator_port)}), patience=0.2)
    await http.start()
    graph_url = f"{simulator_url}/v26.0"
    created = NOW - timedelta(days=7)
    office = await open_office(store, http, graph_url, simulator_url, created_at=created)
    office.connectors.update(
        registry(http, graph_url=graph_url, twilio_url=simulator_url, instagram_url=graph_url)
    )
    for kind in ("messenger", "instagram"):
        office.channels[kind] = _a_channel(office.workspace_id, kind)
        await store.channels.add(office.channels[kind])
    context = assembled(store, office, url, first_wait_s=0.2)
    async with serving(context, listener), aiohttp.ClientSession() as session:
        line = Lines(office, context, simulator_url, session)
        await line.control("DELETE", "/world")
        await asyncio.gather(*(line.open(kind) for kind in ACCOUNTS))
        for name, (shown, phone) in PEOPLE.items():
            body = {"name": shown, "phone": phone, "behaviour": {"read_delay_s": 0.02}}
            await line.control("PUT", f"/customers/{name}", body)
        yield line
        await line.control("DELETE", "/world")
    await http.close()
