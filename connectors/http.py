"""The one client for all calls to providers: guarded, bounded in time and size, errors mapped once.

What an answer means is each connector's business; whether there was one, and whether the request
may have been taken all the same, is decided here.
"""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Mapping
from dataclasses import dataclass, field

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult

from connectors.body import NotJson, decode
from connectors.guard import Allowed, check_address, check_allowed, check_url, is_loopback, refused
from inbox.domain.errors import AccountTrouble, OutcomeUnknown, Permanent, Temporary
from inbox.domain.report import ProviderError

CONNECT_S = 3.0
TOTAL_S = 10.0
ANSWER_BYTES = 1 << 20
# Below the five seconds after which common servers close an idle connection: a POST on one that is
# just being closed has an unknown outcome.
KEEPALIVE_S = 4.0

Body = bytes | aiohttp.FormData | None


@dataclass(frozen=True, kw_only=True, slots=True)
class Answer:
    """What came back, whole. `headers` in lower case."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    def json(self) -> object:
        """The decoded body, or None where it is not JSON."""
        try:
            return decode(self.body)
        except NotJson:
            return None

    @property
    def retry_after_s(self) -> float | None:
        """Seconds of a `Retry-After` header, at most a day; None for dates and nonsense."""
        text = self.headers.get("retry-after", "")
        return min(float(text), 86_400.0) if text.isascii() and text.isdigit() else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Verdict:
    """What a table of a provider's errors says of one; `retry_after_s` where it advises a wait."""

    error: ProviderError
    retry_after_s: float | None = None


def failure(verdict: Verdict, retry_after_s: float | None = None) -> Temporary | Permanent:
    """The exception for a provider's refusal: what the catcher does follows from its action. A
    wait that the provider named itself (`retry_after_s`) goes before the table's."""
    error = verdict.error
    if error.action == "retry":
        wait = verdict.retry_after_s if retry_after_s is None else retry_after_s
        return Temporary(error.reason, code=error.code, retry_after_s=wait, most_tries=error.tries)
    kind = AccountTrouble if error.action == "account" else Permanent
    return kind(error.reason, code=error.code, consent=error.consent)


def no_file(answer: Answer, provider: str) -> Temporary | Permanent:
    """The exception for a file that did not come; `provider` as people call it."""
    code = f"http_{answer.status}"
    if answer.status >= 500 or answer.status == 429:
        reason = f"{provider} could not hand over the file now."
        return Temporary(reason, code=code, retry_after_s=answer.retry_after_s)
    reason = f"The file is no longer at {provider}. Ask the contact to send it again."
    return Permanent(reason, code=code)


class _Resolver(AbstractResolver):
    """Names to addresses that were judged. aiohttp connects to exactly what this returns, and asks
    anew for each connection: there is no second look-up that could say something else."""

    def __init__(self, allow: Allowed) -> None:
        self._allow = allow

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_UNSPEC
    ) -> list[ResolveResult]:
        loop = asyncio.get_running_loop()
        found = await loop.getaddrinfo(host, port, type=socket.SOCK_STREAM)
        addresses = [(info[0], info[2], str(info[4][0])) for info in found]
        for _, _, address in addresses:
            if (host, port) in self._allow:
                if not is_loopback(address):
                    raise refused("it is not on this machine")
            else:
                check_address(address)
        return [
            ResolveResult(
                hostname=host,
                host=address,
                port=port,
                family=int(kind),
                proto=proto,
                flags=socket.AI_NUMERICHOST | socket.AI_NUMERICSERV,
            )
            for kind, proto, address in addresses
            if family in (socket.AF_UNSPEC, kind)
        ]

    async def close(self) -> None:
        """Nothing is held."""


class Http:
    """One client session for the whole process.

    allow     loopback (host, port) pairs that may also be called without https: providers that
              run on this machine, in development only
    patience  how much of each call's longest time it waits for an answer
    """

    def __init__(self, *, allow: Allowed = frozenset(), patience: float = 1.0) -> None:
        check_allowed(allow)
        self._allow = allow
        self._patience = patience
        self._session: aiohttp.ClientSession | None = None

    async def start(self) -> None:
        self._session = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(
                resolver=_Resolver(self._allow),
                use_dns_cache=False,
                keepalive_timeout=KEEPALIVE_S,
            ),
            cookie_jar=aiohttp.DummyCookieJar(),
            trust_env=False,
            headers={"User-Agent": "Assent"},
        )

    async def close(self) -> None:
        if self._session is not None:
            await self._session.close()
            self._session = None

    async def call(
        self,
        method: str,
        url: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: Body = None,
        repeatable: bool | None = None,
        max_bytes: int = ANSWER_BYTES,
        total_s: float = TOTAL_S,
    ) -> Answer:
        """One request, one answer of at most `max_bytes` (unpacked), no redirects.

        repeatable  doing it twice has one effect; unless said otherwise, a GET and nothing else
        raises      Permanent (`address_refused`, `too_large`), Temporary (not taken),
                    OutcomeUnknown (not repeatable, and it may have been taken)
        """
        if self._session is None:
            raise RuntimeError("the client is not started")
        target = check_url(url, self._allow)
        if any(c in value for value in (headers or {}).values() for c in "\r\n\0"):
            raise AccountTrouble("A credential of this channel holds a line break. Enter it again.")
        safe = method == "GET" if repeatable is None else repeatable
        try:
            async with self._session.request(
                method,
                target,
                headers=headers,
                data=body,
                allow_redirects=False,
                timeout=aiohttp.ClientTimeout(total=total_s * self._patience, connect=CONNECT_S),
            ) as response:
                content = await _bounded(response, max_bytes, safe)
                names = {name.lower(): value for name, value in response.headers.items()}
                return Answer(status=response.status, headers=names, body=content)
        except (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError) as error:
            raise Temporary("The provider could not be reached.", code="unreachable") from error
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise _no_answer(safe) from error


async def _bounded(response: aiohttp.ClientResponse, max_bytes: int, safe: bool) -> bytes:
    content = bytearray()
    async for chunk in response.content.iter_chunked(1 << 16):
        content += chunk
        if len(content) > max_bytes:
            response.close()
            if not safe:
                raise _no_answer(safe)
            raise Permanent("The provider's answer is larger than allowed.", code="too_large")
    return bytes(content)


def _no_answer(safe: bool) -> Temporary | OutcomeUnknown:
    if safe:
        return Temporary("The provider did not answer in time.", code="no_answer")
    return OutcomeUnknown(
        "The provider did not answer, so it is not known whether the message was sent.",
        code="no_answer",
    )
