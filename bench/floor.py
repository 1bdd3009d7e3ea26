"""The floor: the least that can be called the job, with the libraries that Assent uses.

One signed webhook, one insert, one JSON text to every websocket; no accounts, no conversations, no
repeats, no repair. Whatever Assent costs above this is the price of what it does.
"""

from __future__ import annotations

import argparse
import asyncio
import hmac
import json
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import uvicorn
from motor.motor_asyncio import AsyncIOMotorClient
from pymongo import WriteConcern
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect


class Floor:
    def __init__(self, mongodb_url: str, secret: bytes) -> None:
        self._secret = secret
        self._queues: set[asyncio.Queue[str]] = set()
        # Any: documents, as the driver has them.
        client: AsyncIOMotorClient[Any] = AsyncIOMotorClient(mongodb_url)
        self._messages = client.get_database(
            "floor", write_concern=WriteConcern(w="majority", j=True)
        )["messages"]

    async def webhook(self, request: Request) -> Response:
        body = await request.body()
        signature = "sha256=" + hmac.digest(self._secret, body, "sha256").hex()
        if not hmac.compare_digest(signature, request.headers.get("x-hub-signature-256", "")):
            return PlainTextResponse("no", status_code=401)
        value = json.loads(body)["entry"][0]["changes"][0]["value"]
        message, name = value["messages"][0], value["contacts"][0]["profile"]["name"]
        data = {
            "provider_id": message["id"],
            "from": message["from"],
            "name": name,
            "text": message["text"]["body"],
            "sent_at": int(message["timestamp"]),
            "received_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        }
        await self._messages.insert_one({**data, "_id": message["id"]})
        frame = json.dumps({"type": "message.created", "data": data})
        for queue in self._queues:
            queue.put_nowait(frame)
        return PlainTextResponse("ok")

    async def socket(self, websocket: WebSocket) -> None:
        await websocket.accept()
        queue: asyncio.Queue[str] = asyncio.Queue()
        writer = asyncio.create_task(self._write(websocket, queue))
        with suppress(WebSocketDisconnect):
            await websocket.receive_text()
            queue.put_nowait('{"type":"welcome"}')
            self._queues.add(queue)
            while True:
                await websocket.receive_text()
        self._queues.discard(queue)
        writer.cancel()

    @staticmethod
    async def _write(websocket: WebSocket, queue: asyncio.Queue[str]) -> None:
        while True:
            await websocket.send_text(await queue.get())

    async def ids(self, request: Request) -> Response:
        """What is stored, for the check at the end; nothing that is measured."""
        return JSONResponse([doc["_id"] async for doc in self._messages.find({})])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--mongodb-url", required=True)
    parser.add_argument("--secret", required=True)
    options = parser.parse_args()
    floor = Floor(options.mongodb_url, options.secret.encode())
    routes = [
        Route("/webhook", floor.webhook, methods=["POST"]),
        Route("/ids", floor.ids),
        WebSocketRoute("/ws", floor.socket),
    ]
    uvicorn.run(
        Starlette(routes=routes),
        host="127.0.0.1",
        port=options.port,
        loop="uvloop",
        http="httptools",
        ws="websockets-sansio",
        ws_per_message_deflate=False,
        access_log=False,
        log_level="warning",
    )


if __name__ == "__main__":
    main()
