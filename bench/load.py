"""The load generator: one phase against one server, in a process of its own.

Reads a plan as JSON from the command line, sends signed WhatsApp webhooks, listens as N agents, and
prints what it saw as one line of JSON.
"""

from __future__ import annotations

import asyncio
import gc
import hmac
import os
import random
import resource
import sys
import time
from functools import partial
from pathlib import Path
from urllib.parse import urlsplit

import msgspec
import uvloop

from bench.wire import Listener, Poster

_DRAIN_S = 40.0
_TICKS = os.sysconf("SC_CLK_TCK")
_MARK = b"wamid.bench."

_BODY = (
    '{"object":"whatsapp_business_account","entry":[{"id":"100000000000001","changes":[{"value":'
    '{"messaging_product":"whatsapp","metadata":{"display_phone_number":"15550199",'
    '"phone_number_id":"%(account)s"},"contacts":[{"profile":{"name":"%(name)s"},'
    '"wa_id":"%(phone)s"}],"messages":[{"from":"%(phone)s","id":"%(id)s","timestamp":"%(time)d",'
    '"type":"text","text":{"body":"%(text)s"}}]},"field":"messages"}]}]}'
)
_TEXT = "Hello, where is my order? It was to come on Tuesday and I have not heard since. No. %d"


class Plan(msgspec.Struct, kw_only=True):
    """phase        part of every message's id, so that no two phases share one
    agents          websockets that listen
    in_flight       webhooks always under way; 0: `rate` a second instead
    messages        at most so many
    extra_sockets   opened at the end, idle, to see what one costs
    pids            processes whose CPU is counted: the server, its database
    """

    webhook_url: str
    secret: str
    account: str
    socket_url: str
    token: str | None
    phase: str
    agents: int
    customers: int
    in_flight: int
    rate: float
    seconds: float
    messages: int
    extra_sockets: int
    pids: list[int]


class Result(msgspec.Struct, kw_only=True):
    """Times in milliseconds, CPU in seconds for 1,000 messages.

    acked_per_s      answers while sending
    sustained_per_s  messages by the time from the first call until the last agent has the last one
    """

    phase: str
    sent: int
    refused: list[int]
    missing: int
    doubled: int
    acked_per_s: float
    sustained_per_s: float
    deliveries_per_s: float
    ack_p50_ms: float
    ack_p99_ms: float
    last_agent_p50_ms: float
    last_agent_p99_ms: float
    server_cpu_s: float
    database_cpu_s: float
    generator_cpu_s: float
    bytes_per_delivery: float
    server_rss_mib: float
    idle_socket_kib: float


def cpu_s(pid: int) -> float:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / _TICKS


def rss_kib(pid: int) -> int:
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1])
    raise LookupError("no VmRSS")


def quantile(values: list[float], share: float) -> float:
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * share))] if ordered else 0.0


def _same(listener: Listener) -> Listener:
    return listener


class Ear:
    """One agent: which messages came, and how often."""

    def __init__(self, run: Run) -> None:
        self._run = run
        self._seen = bytearray(run.plan.messages)

    def hear(self, frame: bytes, now: float) -> None:
        run = self._run
        run.bytes += len(frame)
        at = frame.find(run.mark)
        if at < 0:
            return
        at += len(run.mark)
        number = int(frame[at : at + 7])
        if self._seen[number]:
            run.doubled += 1
            return
        self._seen[number] = 1
        run.deliveries += 1
        run.left[number] -= 1
        if not run.left[number]:
            run.last_at[number] = now
            run.complete += 1


class Run:
    """One phase."""

    def __init__(self, plan: Plan) -> None:
        self.plan = plan
        self.mark = _MARK + plan.phase.encode() + b"."
        self.bytes = self.deliveries = self.doubled = self.complete = self.sent = 0
        self.left = [plan.agents] * plan.messages
        self.sent_at = [0.0] * plan.messages
        self.acked_at = [0.0] * plan.messages
        self.last_at = [0.0] * plan.messages
        self.refused: list[int] = []
        self._answered = 0
        self._until = 0.0
        self._idle: list[Poster] = []
        self._posters: list[Poster] = []
        self._done = asyncio.Event()
        url = urlsplit(plan.webhook_url)
        self._host, self._port, self._netloc = url.hostname or "", url.port or 80, url.netloc
        self._head = (
            f"POST {url.path} HTTP/1.1\r\nHost: {url.netloc}\r\n"
            "Content-Type: application/json\r\nX-Hub-Signature-256: sha256="
        ).encode()
        self._customers = list(range(plan.customers))
        random.shuffle(self._customers)

    def _request(self, number: int) -> bytes:
        customer = self._customers[number % len(self._customers)]
        body = (
            _BODY
            % {
                "account": self.plan.account,
                "name": f"Customer {customer}",
                "phone": f"1555010{customer:04d}",
                "id": f"{self.mark.decode()}{number:07d}",
                "time": int(time.time()),
                "text": _TEXT % number,
            }
        ).encode()
        signature = hmac.digest(self.plan.secret.encode(), body, "sha256").hex()
        return b"%b%b\r\nContent-Length: %d\r\n\r\n%b" % (
            self._head,
            signature.encode(),
            len(body),
            body,
        )

    async def _connect(self, count: int) -> None:
        loop = asyncio.get_running_loop()
        for _ in range(count):
            _, poster = await loop.create_connection(
                lambda: Poster(self._answer), self._host, self._port
            )
            self._posters.append(poster)
            self._idle.append(poster)

    async def _listen(self, count: int) -> list[Listener]:
        loop = asyncio.get_running_loop()
        url = urlsplit(self.plan.socket_url)
        found: list[Listener] = []
        async with asyncio.timeout(30):
            for _ in range(count):
                listener = Listener(url.netloc, url.path, self.plan.token, Ear(self).hear)
                await loop.create_connection(
                    partial(_same, listener), url.hostname or "", url.port or 80
                )
                found.append(listener)
                if len(found) % 50 == 0:  # a crowd, not a stampede: logins are looked up
                    await listener.welcomed
            await asyncio.gather(*(one.welcomed for one in found))
        return found

    def _send(self, poster: Poster) -> None:
        number = self.sent
        self.sent += 1
        request = self._request(number)
        self.sent_at[number] = time.perf_counter()
        poster.post(number, request)

    def _answer(self, poster: Poster, status: int) -> None:
        now = time.perf_counter()
        self._answered += 1
        self.acked_at[poster.number] = now
        if status != 200:
            self.refused.append(poster.number)
        more = self.sent < self.plan.messages and now < self._until
        if status and self.plan.in_flight and more:
            self._send(poster)
            return
        if status:
            self._idle.append(poster)
        if self._answered == self.sent:
            self._done.set()

    async def _steady(self) -> None:
        """By the clock, whether or not earlier calls were answered."""
        start = time.perf_counter()
        for number in range(self.plan.messages):
            wait = start + number / self.plan.rate - time.perf_counter()
            if wait > 0:
                await asyncio.sleep(wait)
            if not self._idle:
                await self._connect(1)
            self._send(self._idle.pop())
        await self._all_answered()

    async def _busy(self) -> None:
        for _ in range(min(self.plan.in_flight, self.plan.messages)):
            self._send(self._idle.pop())
        await self._all_answered()

    async def _all_answered(self) -> None:
        async with asyncio.timeout(self.plan.seconds + 30):
            while self._answered < self.sent:
                self._done.clear()
                await self._done.wait()

    async def _drain(self, listeners: list[Listener]) -> None:
        """Until every agent has what was acknowledged, or time is up."""
        deadline = time.perf_counter() + _DRAIN_S
        while self.complete < self.sent - len(self.refused) and time.perf_counter() < deadline:
            if any(one.lost for one in listeners):
                return
            await asyncio.sleep(0.005)

    async def measure(self) -> Result:
        plan = self.plan
        listeners = await self._listen(plan.agents)
        await self._connect(plan.in_flight or 8)
        gc.collect()
        gc.freeze()
        gc.disable()
        await asyncio.sleep(0.3)  # what the handshakes left to do is not the load's
        before = [cpu_s(pid) for pid in plan.pids]
        own = time.process_time()
        start = time.perf_counter()
        self._until = start + plan.seconds
        await (self._busy() if plan.in_flight else self._steady())
        answered = time.perf_counter()
        await self._drain(listeners)
        end = max(self.last_at, default=0.0) or answered
        own = time.process_time() - own
        await asyncio.sleep(0.3)  # the books are closed after the push: that counts as well
        after = [cpu_s(pid) for pid in plan.pids]
        memory = rss_kib(plan.pids[0])
        idle_kib = 0.0
        if plan.extra_sockets:
            listeners += await self._listen(plan.extra_sockets)
            await asyncio.sleep(0.5)
            idle_kib = (rss_kib(plan.pids[0]) - memory) / plan.extra_sockets
        for listener in listeners:
            listener.close()
        for poster in self._posters:
            poster.close()
        return self._result(start, answered, end, own, before, after, memory, idle_kib)

    def _result(
        self,
        start: float,
        answered: float,
        end: float,
        own: float,
        before: list[float],
        after: list[float],
        memory: int,
        idle_kib: float,
    ) -> Result:
        refused = set(self.refused)
        good = [n for n in range(self.sent) if n not in refused]
        acks = [(self.acked_at[n] - self.sent_at[n]) * 1000 for n in good]
        lasts = [(self.last_at[n] - self.sent_at[n]) * 1000 for n in good if self.last_at[n]]
        per_thousand = 1000 / max(1, len(good))
        return Result(
            phase=self.plan.phase,
            sent=self.sent,
            refused=self.refused,
            missing=sum(self.left[n] for n in good),
            doubled=self.doubled,
            acked_per_s=len(good) / (answered - start),
            sustained_per_s=len(good) / (max(end, answered) - start),
            deliveries_per_s=self.deliveries / (max(end, answered) - start),
            ack_p50_ms=quantile(acks, 0.5),
            ack_p99_ms=quantile(acks, 0.99),
            last_agent_p50_ms=quantile(lasts, 0.5),
            last_agent_p99_ms=quantile(lasts, 0.99),
            server_cpu_s=(after[0] - before[0]) * per_thousand,
            database_cpu_s=(after[1] - before[1]) * per_thousand,
            generator_cpu_s=own * per_thousand,
            bytes_per_delivery=self.bytes / max(1, self.deliveries),
            server_rss_mib=memory / 1024,
            idle_socket_kib=idle_kib,
        )


async def _run(plan: Plan) -> Result:
    return await Run(plan).measure()


def main() -> None:
    plan = msgspec.json.decode(sys.argv[1], type=Plan)
    limit, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(max(limit, 8192), most), most))
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        result = runner.run(_run(plan))
    print("result " + msgspec.json.encode(result).decode(), flush=True)


if __name__ == "__main__":
    main()
