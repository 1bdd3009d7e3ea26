"""The front door of the simulated providers: every call of the inbox is logged, meets the scripted
fault if there is one, and is answered.
"""

from __future__ import annotations

import asyncio
import socket
import struct
from collections import Counter, deque
from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import TYPE_CHECKING

import msgspec
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from connectors.simulator.faults import Fault
from connectors.simulator.world import now

if TYPE_CHECKING:
    from connectors.simulator.kind import AnyKind

LOG_LIMIT = 20_000
_HANG_LIMIT_S = 300.0


class Call(msgspec.Struct, frozen=True, kw_only=True):
    """One call. `message_id` is what it made or asked about; `status` None: it got no answer."""

    at: datetime
    kind: str
    operation: str
    method: str
    path: str
    account: str | None
    message_id: str | None
    status: int | None
    fault: bool


class Calls:
    """The newest calls, and exact counts of all since the log was cleared."""

    def __init__(self) -> None:
        self.newest: deque[Call] = deque(maxlen=LOG_LIMIT)
        self.counts: Counter[str] = Counter()

    def add(self, call: Call) -> None:
        self.newest.append(call)
        self.counts[f"{call.kind}.{call.operation}.{call.status or 'none'}"] += 1

    def clear(self) -> None:
        self.newest.clear()
        self.counts.clear()


Handler = Callable[[Request], Awaitable[Response]]


class Door:
    """An ASGI endpoint around one handler of a kind. `operation` may depend on the request."""

    def __init__(
        self, kind: AnyKind, operation: str | Callable[[Request], str], handler: Handler
    ) -> None:
        self._kind = kind
        self._operation = operation
        self._handler = handler

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive, send)
        exchange = self._kind.exchange
        operation = (
            self._operation if isinstance(self._operation, str) else self._operation(request)
        )
        account = self._kind.account_at(request)
        name = account.account if account else None
        fault = exchange.faults.take(self._kind.name, name, operation)
        response = await self._answer(request, fault)
        call = Call(
            at=now(),
            kind=self._kind.name,
            operation=operation,
            method=request.method,
            path=request.url.path,
            account=getattr(request.state, "account", name),
            message_id=getattr(request.state, "message_id", None),
            status=response.status_code if response else None,
            fault=_troubles_calls(fault),
        )
        exchange.calls.add(call)
        exchange.broadcast.publish("call", call=call)
        if response is None:
            await _break_off(request, reset=fault.reset)
        else:
            await response(scope, receive, send)

    async def _answer(self, request: Request, fault: Fault) -> Response | None:
        await asyncio.sleep(fault.delay_s)
        if fault.reset:
            return None
        if fault.hang:
            await _hung_up(request)
            return None
        if fault.garbage:
            return Response(b"<html>upstream connect error", media_type="text/html")
        if fault.status is not None:
            response = self._kind.error(fault.status, fault.code, fault.reason)
            if fault.retry_after is not None:
                response.headers["Retry-After"] = f"{fault.retry_after:g}"
            return response
        response = await self._handler(request)
        if fault.drop_answer_after_accepting:
            if response.background is not None:
                await response.background()
            return None
        return response


def _troubles_calls(fault: Fault) -> bool:
    return fault != Fault()


async def _hung_up(request: Request) -> None:
    """Wait until the caller has had enough."""
    try:
        async with asyncio.timeout(_HANG_LIMIT_S):
            while (await request.receive())["type"] != "http.disconnect":
                pass
    except TimeoutError:
        return


async def _break_off(request: Request, *, reset: bool) -> None:
    """Close the connection without an answer; `reset` so that the caller sees a reset."""
    transport = request.scope["state"]["simulator.transport"]
    if reset:
        # Lingering for no time turns the close into a RST.
        connection: socket.socket | None = transport.get_extra_info("socket")
        if connection is not None:
            linger = struct.pack("ii", 1, 0)
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, linger)
    transport.abort()
    await _hung_up(request)
