"""Brings signed webhooks to the inbox, and repeats them as the provider does."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine, Mapping
from dataclasses import dataclass, field

import aiohttp

from connectors.simulator.world import Account, Delivery, now

_ANSWER_LIMIT = 64 * 1024


@dataclass(frozen=True, kw_only=True, slots=True)
class Webhook:
    """One request, signed and ready to leave. `fields` is what a form's body was made of."""

    url: str
    headers: dict[str, str]
    body: bytes
    fields: Mapping[str, str] = field(default_factory=dict)


Pack = Callable[[], Webhook]
"""Makes the request anew for every attempt: Meta repacks what it repeats."""


@dataclass(frozen=True, kw_only=True, slots=True)
class Manner:
    """How a provider repeats a webhook.

    any_failure  everything but `acks` is repeated; otherwise only a connection that failed
    at_once      repetitions without a wait
    later        repetitions after a growing wait: the account's `retry_first_s`, doubled each time
    """

    any_failure: bool
    acks: frozenset[int] = frozenset({200})
    at_once: int = 0
    later: int = 0


@dataclass(frozen=True, kw_only=True, slots=True)
class Attempt:
    delivery: Delivery
    content_type: str = ""
    answer: bytes = field(default=b"", repr=False)

    @property
    def taken(self) -> bool:
        return self.delivery.status is not None and 200 <= self.delivery.status < 300


Noted = Callable[[Attempt], None]
_MAX_WAIT_S = 60.0


class Courier:
    def __init__(self) -> None:
        self._session: aiohttp.ClientSession | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    async def start(self) -> None:
        connector = aiohttp.TCPConnector(limit=200)
        # A redirect of a webhook is a failure for the providers, and nobody here sends cookies.
        self._session = aiohttp.ClientSession(
            connector=connector, cookie_jar=aiohttp.DummyCookieJar()
        )

    async def close(self) -> None:
        await self.drop()
        if self._session is not None:
            await self._session.close()

    async def drop(self) -> None:
        """Give up everything that goes on by itself."""
        for task in tuple(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)

    @property
    def session(self) -> aiohttp.ClientSession:
        if self._session is None:
            raise RuntimeError("the courier has not been started")
        return self._session

    def spawn(self, work: Coroutine[object, object, None]) -> None:
        """Let it go on by itself; it ends with the courier."""
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def deliver(
        self, account: Account, pack: Pack, manner: Manner, noted: Noted | None = None
    ) -> Attempt:
        """Bring it, repeat it at once where the provider does, and leave later repetitions to
        themselves. `noted` hears of every attempt; returned is the last one made by then."""
        attempt = await self._attempt(account, pack, noted)
        for _ in range(manner.at_once):
            if not _repeats(attempt, manner):
                break
            attempt = await self._attempt(account, pack, noted)
        if manner.later and _repeats(attempt, manner):
            self.spawn(self._repeat(account, pack, manner, noted))
        return attempt

    async def _repeat(
        self, account: Account, pack: Pack, manner: Manner, noted: Noted | None
    ) -> None:
        wait_s = account.retry_first_s
        for _ in range(manner.later):
            await asyncio.sleep(wait_s)
            attempt = await self._attempt(account, pack, noted)
            if not _repeats(attempt, manner):
                return
            wait_s = min(wait_s * 2, _MAX_WAIT_S)

    async def _attempt(self, account: Account, pack: Pack, noted: Noted | None) -> Attempt:
        attempt = await self.post(pack(), account.timeout_s)
        if noted is not None:
            noted(attempt)
        return attempt

    async def post(self, webhook: Webhook, timeout_s: float) -> Attempt:
        started = time.perf_counter()
        at = now()
        status, error, content_type, answer = None, None, "", b""
        try:
            async with self.session.post(
                webhook.url,
                data=webhook.body,
                headers=webhook.headers,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=timeout_s),
            ) as response:
                status = response.status
                content_type = response.content_type
                answer = await response.content.read(_ANSWER_LIMIT)
        except TimeoutError:
            status, error = None, "timeout"
        except aiohttp.ClientConnectorError:
            error = "connection"
        except aiohttp.ClientError:
            status, error = None, "broken"
        ms = round((time.perf_counter() - started) * 1000)
        return Attempt(
            delivery=Delivery(at=at, ms=ms, status=status, error=error),
            content_type=content_type,
            answer=answer,
        )


def _repeats(attempt: Attempt, manner: Manner) -> bool:
    if manner.any_failure:
        return attempt.delivery.status not in manner.acks
    return attempt.delivery.error == "connection"
