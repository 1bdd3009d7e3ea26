"""Calls the Gmail API as one mailbox: with its access token, within its quota."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from urllib.parse import urlencode

from connectors.gmail.errors import refusal
from connectors.gmail.google import Google
from connectors.gmail.oauth import Tokens
from connectors.gmail.quota import Quota
from connectors.http import ANSWER_BYTES, TOTAL_S, Answer, Http
from inbox.domain.channel import Channel
from inbox.domain.errors import Temporary

_MOST_FAULTS = 10_000
Query = Mapping[str, str] | Sequence[tuple[str, str]]


class Faults:
    """How often Gmail has failed to give a mail, while those after it wait; for this process only,
    since a few tries more after a restart are no harm."""

    def __init__(self) -> None:
        self._tries: dict[tuple[str, str], int] = {}

    def again(self, channel: Channel, message_id: str) -> int:
        """With this time."""
        key = (channel.id, message_id)
        self._tries[key] = self._tries.pop(key, 0) + 1
        while len(self._tries) > _MOST_FAULTS:
            del self._tries[next(iter(self._tries))]
        return self._tries[key]


class Gmail:
    """The API for all mailboxes; `me` in a path is the channel's own."""

    def __init__(self, http: Http, google: Google) -> None:
        self.http = http
        self.google = google
        self.tokens = Tokens(http, google)
        self.quota = Quota()
        self.faults = Faults()

    async def call(
        self,
        channel: Channel,
        method: str,
        path: str,
        *,
        units: int,
        query: Query = (),
        body: Mapping[str, object] | None = None,
        urgent: bool = False,
        repeatable: bool | None = None,
        max_bytes: int = ANSWER_BYTES,
        total_s: float = TOTAL_S,
    ) -> Answer:
        """One call below `/users/me`, and once more with a new token where Google refused the old
        one. Raises what `Http.call` and `Tokens.access` raise; what an answer means is the
        caller's to read."""
        await self.quota.take(channel, units, urgent=urgent)
        url = f"{self.google.gmail_url}/gmail/v1/users/me{path}"
        if query:
            url += "?" + urlencode(query)
        content = None if body is None else json.dumps(body).encode()
        token: str | None = None
        for _ in range(2):
            token = await self.tokens.access(channel, stale=token)
            headers = {"Authorization": f"Bearer {token}"}
            if content is not None:
                headers["Content-Type"] = "application/json"
            answer = await self.http.call(
                method,
                url,
                headers=headers,
                body=content,
                repeatable=repeatable,
                max_bytes=max_bytes,
                total_s=total_s,
            )
            if answer.status != 401:
                break
        return answer

    async def ask(
        self, channel: Channel, path: str, *, units: int, query: Query = ()
    ) -> Mapping[str, object]:
        """What a GET answers. raises Temporary, Permanent, AccountTrouble"""
        answer = await self.call(channel, "GET", path, units=units, query=query)
        return read(answer)


def read(answer: Answer) -> Mapping[str, object]:
    """The object in an answer, or the exception that it means."""
    if not 200 <= answer.status < 300:
        raise refusal(answer, datetime.now(UTC))
    document = answer.json()
    if not isinstance(document, Mapping):
        raise Temporary("Gmail gave no clear answer.", code="bad_answer")
    return document
