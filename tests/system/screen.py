"""A screen of an agent: the websocket, what came over it, and the state folded from that."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterable, Mapping
from typing import Any

import websockets
from websockets.asyncio.client import ClientConnection, connect

from tests.system.waiting import wait_for

# Any: the API's JSON.
Json = dict[str, Any]


class Screen:
    """One open connection. `frames` is everything that came, oldest first."""

    def __init__(self, connection: ClientConnection) -> None:
        self.connection = connection
        self.frames: list[Json] = []
        self.closed: tuple[int | None, str] | None = None
        self._reading = asyncio.create_task(self._read())

    @classmethod
    async def open(cls, base_url: str, headers: Mapping[str, str], **options: Any) -> Screen:
        """Connect without saying hello; raises websockets.InvalidStatus when it is refused."""
        url = base_url.replace("http", "ws", 1) + "/ws"
        options.setdefault("subprotocols", ["assent.v1"])
        connection = await connect(url, additional_headers=headers, proxy=None, **options)
        return cls(connection)

    async def _read(self) -> None:
        try:
            async for frame in self.connection:
                self.frames.append(json.loads(frame))
        except websockets.ConnectionClosed:
            pass
        self.closed = (self.connection.close_code, self.connection.close_reason or "")

    async def send(self, **operation: Any) -> None:
        await self.connection.send(json.dumps(operation))

    async def hello(self, cursor: str | None = None) -> Json:
        """Say hello; the welcome."""
        await self.send(type="hello", cursor=cursor)
        return await self.gets("welcome")

    async def gets(self, type_: str, limit_s: float = 8.0, **wanted: Any) -> Json:
        """The first frame of this type with these values, in the frame or in its `data`."""

        def find() -> Json | None:
            return next(iter(self.all(type_, **wanted)), None)

        found = await wait_for(find, limit_s, f"a frame {type_} with {sorted(wanted)}")
        assert found is not None
        return found

    def all(self, type_: str, **wanted: Any) -> list[Json]:
        """Every frame of this type with these values that has come so far."""
        return [
            frame
            for frame in self.frames
            if frame["type"] == type_
            and all({**frame, **frame.get("data", {})}.get(k) == v for k, v in wanted.items())
        ]

    async def passes(self) -> None:
        """Wait until everything sent before now has come: the answer to a ping is behind it."""
        before = len(self.all("pong"))
        await self.send(type="ping")
        await wait_for(lambda: len(self.all("pong")) > before, what="the pong")

    @property
    def cursor(self) -> str:
        """Where this screen is."""
        known: list[str] = [frame["cursor"] for frame in self.frames if frame.get("cursor")]
        return known[-1]

    async def gets_closed(self, limit_s: float = 8.0) -> tuple[int | None, str]:
        """The code and the reason with which the server closes it."""
        await wait_for(lambda: self.closed, limit_s, "the end of the connection")
        assert self.closed is not None
        return self.closed

    async def close(self) -> None:
        await self.connection.close()
        self._reading.cancel()
        await asyncio.gather(self._reading, return_exceptions=True)


class Folded:
    """What a client knows that never fetched again: conversations and threads, from events only,
    by the rules of docs/api.md."""

    def __init__(self, agent_id: str) -> None:
        self._agent_id = agent_id
        self.conversations: dict[str, Json] = {}
        self.threads: dict[str, dict[str, Json]] = {}

    def fold(self, events: Iterable[Json]) -> None:
        for event in events:
            data = event.get("data", {})
            match event["type"]:
                case "conversation.created":
                    self.conversations.setdefault(data["id"], dict(data))
                case "message.created":
                    self._created(data)
                case "message.status_changed" | "message.retry_requested":
                    self._changed(event["conversation_id"], data)
                case "message.attachment_ready":
                    self._attached(event["conversation_id"], data)
                case "conversation.updated":
                    self._updated(data)
                case "conversation.resolved" | "conversation.reopened":
                    known = self.conversations[data["id"]]
                    if data["status_version"] > known["status_version"]:
                        names = ("status", "status_version")
                        known |= {name: data[name] for name in names}

    def _created(self, message: Json) -> None:
        thread = self.threads.setdefault(message["conversation_id"], {})
        if message["id"] in thread:
            return
        thread[message["id"]] = dict(message)
        known = self.conversations[message["conversation_id"]]
        if message["seq"] <= known["last_seq"]:
            return
        known["last_seq"] = message["seq"]
        known["inbound_seq"] = max(known["inbound_seq"], message["inbound_seq"])
        known["last_activity_at"] = message["received_at"]
        if message["place"] == message["seq"]:
            names = ("id", "seq", "direction", "type", "status")
            known["last_message"] = {name: message[name] for name in names}
            known["last_message"]["text"] = message["text"][:160]
        known["unread"] = known["inbound_seq"] - known["read"]["inbound_seq"]

    def _changed(self, conversation_id: str, change: Json) -> None:
        message = self.threads[conversation_id][change["id"]]
        message |= {key: value for key, value in change.items() if key in message}
        last = self.conversations[conversation_id]["last_message"]
        if last["id"] == message["id"]:
            last["status"] = message["status"]

    def _attached(self, conversation_id: str, data: Json) -> None:
        message = self.threads[conversation_id][data["id"]]
        new = data["attachment"]
        known = message["attachments"]
        message["attachments"] = [new if one["id"] == new["id"] else one for one in known]

    def _updated(self, data: Json) -> None:
        self.conversations[data["id"]] |= {key: data[key] for key in ("read", "unread")}

    def thread(self, conversation_id: str) -> list[Json]:
        """In the order in which a thread is shown."""

        def order(message: Json) -> tuple[int, str, int]:
            sent_at = message["sent_at"] if message["direction"] == "inbound" else ""
            return (message["place"], sent_at, message["seq"])

        return sorted(self.threads[conversation_id].values(), key=order)
