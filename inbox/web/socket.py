"""The websocket `/ws`: events out, and the few operations of a screen in.

Signed in as for REST; the login session and its agent are looked at again every minute and at every
sign-out, which does not count as use of the login session.
"""

from __future__ import annotations

import asyncio
import time
from contextlib import suppress
from datetime import UTC, datetime
from typing import Annotated

import msgspec
from starlette.websockets import WebSocket, WebSocketDisconnect

from inbox.domain.agent import Agent, can
from inbox.domain.conversation import Conversation
from inbox.domain.errors import AssentError, StoreUnavailable
from inbox.domain.event import Carried, Event, Resync
from inbox.domain.ids import ConversationId, EventId
from inbox.hub import Deliver, Listening
from inbox.hub.frame import rfc3339
from inbox.ids import new_id
from inbox.web import context as contexts
from inbox.web.api import views
from inbox.web.api.conversations import mark_read
from inbox.web.context import Context
from inbox.web.signin import find_again, find_caller
from inbox.web.sockets import MOST_EVENTS, Socket

PROTOCOL = "assent.v1"
MOST_FRAME = 64 * 1024
RATE, BURST = 20.0, 40.0
RECHECK_S = 60.0

_Id = Annotated[str, msgspec.Meta(max_length=64)]


class Hello(msgspec.Struct, tag="hello", tag_field="type"):
    cursor: Annotated[str, msgspec.Meta(max_length=200)] | None = None


class Read(msgspec.Struct, tag="read", tag_field="type"):
    conversation_id: _Id
    through: _Id


class Viewing(msgspec.Struct, tag="viewing", tag_field="type"):
    conversation_id: _Id | None


class Typing(msgspec.Struct, tag="typing", tag_field="type"):
    conversation_id: _Id
    on: bool


class Ping(msgspec.Struct, tag="ping", tag_field="type"):
    pass


_decoder = msgspec.json.Decoder(Hello | Read | Viewing | Typing | Ping)
Operation = Hello | Read | Viewing | Typing | Ping


class _Closed(Exception):
    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code = code
        self.reason = reason


class _Pace:
    """A bucket of `BURST` frames that fills by `RATE` a second."""

    def __init__(self) -> None:
        self._left = BURST
        self._at = time.monotonic()

    def spend(self) -> bool:
        now = time.monotonic()
        self._left = min(BURST, self._left + (now - self._at) * RATE) - 1
        self._at = now
        return self._left >= 0


async def serve(websocket: WebSocket) -> None:
    context = contexts.of(websocket)
    try:
        caller = await find_caller(websocket)
    except StoreUnavailable:
        caller = None
    origin = websocket.headers.get("origin")
    by_cookie = caller is not None and caller.csrf_token
    # A websocket always says its origin; only programs with a token may leave it out.
    is_ours = origin == context.settings.public_url
    trusted = is_ours if (by_cookie or origin is not None) else True
    if caller is None or not trusted or not context.sockets.has_room(caller.login):
        await websocket.close(4003)  # before accepting: the handshake gets 403
        return
    offered = websocket.scope.get("subprotocols", [])
    await websocket.accept(PROTOCOL if PROTOCOL in offered else None)
    socket = Socket(websocket, caller.agent, caller.login)
    context.sockets.add(socket)
    writer = asyncio.create_task(socket.write_forever())
    watch = asyncio.create_task(_recheck(websocket, socket))
    session = _Session(context, websocket, socket)
    try:
        await session.run()
    except _Closed as closed:
        socket.close(closed.code, closed.reason)
    except WebSocketDisconnect:
        writer.cancel()
    finally:
        session.close()
        watch.cancel()
        context.sockets.remove(socket)
        with suppress(asyncio.CancelledError, TimeoutError):
            async with asyncio.timeout(5):
                await writer


async def _recheck(websocket: WebSocket, socket: Socket) -> None:
    while True:
        with suppress(TimeoutError):
            async with asyncio.timeout(RECHECK_S):
                await socket.doubt.wait()
        socket.doubt.clear()
        with suppress(StoreUnavailable):
            agent = await find_again(websocket, socket.login)
            if agent is None:
                socket.close(4001, "signed out")
                return
            socket.agent = agent


class _Session:
    """What one connection is doing."""

    def __init__(self, context: Context, websocket: WebSocket, socket: Socket) -> None:
        self._context = context
        self._websocket = websocket
        self._socket = socket
        self._pace = _Pace()
        self._listening: Listening | None = None
        self._viewing: str | None = None
        self._deliver: Deliver = socket.deliver

    @property
    def _agent(self) -> Agent:
        """As of the last look: an agent's role and channels may change while a screen is open."""
        return self._socket.agent

    def close(self) -> None:
        if self._listening is not None:
            self._listening.close()

    async def run(self) -> None:
        """Take operations until the other side goes away.

        raises   _Closed: it broke a rule; WebSocketDisconnect
        """
        while True:
            message = await self._websocket.receive()
            if message["type"] == "websocket.disconnect":
                raise WebSocketDisconnect(message.get("code", 1000))
            text = message.get("text")
            if not isinstance(text, str):
                raise _Closed(4000, "text frames only")
            if len(text) > MOST_FRAME:
                raise _Closed(1009, "frame too large")
            if not self._pace.spend():
                raise _Closed(4029, "too many frames")
            await self._take(self._decoded(text))

    @staticmethod
    def _decoded(text: str) -> Operation:
        try:
            operation: Operation = _decoder.decode(text)
        except (msgspec.MsgspecError, RecursionError, UnicodeEncodeError) as error:
            raise _Closed(4000, "not understood") from error
        return operation

    async def _take(self, operation: Operation) -> None:
        if isinstance(operation, Hello):
            await self._hello(operation)
            return
        if self._listening is None:
            raise _Closed(4000, "say hello first")
        try:
            if isinstance(operation, Ping):
                self._socket.send('{"type":"pong"}')
            elif isinstance(operation, Read):
                await mark_read(
                    self._context, self._agent, operation.conversation_id, operation.through
                )
            elif isinstance(operation, Typing):
                await self._type(operation)
            else:
                await self._look_at(operation.conversation_id)
        except AssentError as error:
            self._socket.send(msgspec.json.encode({"type": "error", "code": error.code}).decode())

    async def _hello(self, hello: Hello) -> None:
        if self._listening is not None:
            raise _Closed(4000, "hello is said once")
        # What comes while the log is replayed waits behind the welcome.
        early: list[Carried | Resync] = []
        self._deliver = early.append
        listening = await self._context.hub.listen(
            self._agent.workspace_id, hello.cursor, lambda item: self._deliver(item)
        )
        self._listening = listening
        welcome = {
            "type": "welcome",
            "cursor": listening.cursor,
            "resumed": listening.resumed,
            "agent": {"id": self._agent.id, "name": self._agent.name, "role": self._agent.role},
            "server_time": rfc3339(datetime.now(UTC)),
        }
        self._socket.send(msgspec.json.encode(welcome).decode())
        if len(early) > MOST_EVENTS:
            # More than a screen's buffer holds: fetching is quicker than reading it all.
            early = [Resync(reason="too_far_behind", cursor=listening.cursor)]
        for item in early:
            self._socket.deliver(item)
        self._deliver = self._socket.deliver
        if not self._context.watch.database_up:
            self._socket.send(self._context.watch.frame())

    async def _look_at(self, conversation_id: str | None) -> None:
        if self._viewing is not None and self._viewing != conversation_id:
            await self._signal("viewers.changed", self._viewing, False)
        self._viewing = conversation_id
        if conversation_id is not None:
            await self._signal("viewers.changed", conversation_id, True)

    async def _type(self, typing: Typing) -> None:
        """Colleagues see it, and the contact, where the provider shows such things."""
        conversation = await self._signal("typing.changed", typing.conversation_id, typing.on)
        if typing.on and can(self._agent, "write", conversation.channel_id):
            self._context.signals.typing(conversation)

    async def _signal(self, type_: str, conversation_id: str, on: bool) -> Conversation:
        conversation = await views.get_conversation(self._context, self._agent, conversation_id)
        self._context.hub.signal(
            Event(
                id=EventId(new_id("evt")),
                workspace_id=self._agent.workspace_id,
                type=type_,
                at=datetime.now(UTC),
                actor=("agent", self._agent.id),
                channel_id=conversation.channel_id,
                conversation_id=ConversationId(conversation.id),
                data={"agent": {"id": self._agent.id, "name": self._agent.name}, "on": on},
            )
        )
        return conversation
