"""What the three Meta kinds share: the signature, the handshake, the envelope, the Graph call.

What a change or an error code means differs by kind and lives in its folder.
"""

from __future__ import annotations

import hmac
import json
import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from urllib.parse import parse_qsl, quote

import aiohttp

from connectors.body import NotJson, code, decode, items, mapping
from connectors.http import Answer, Http, Verdict, failure
from inbox.domain.channel import Channel, WebhookRequest
from inbox.domain.errors import (
    AccountTrouble,
    AssentError,
    MalformedPayload,
    OutcomeUnknown,
    Permanent,
    Temporary,
    Untrusted,
)
from inbox.domain.report import ProviderError

_SIGNATURE = re.compile(r"sha256=([0-9a-f]{64})", re.ASCII)
# With the call that follows it, well within the lease under which a message is sent.
_UPLOAD_S = 20.0

Judge = Callable[[int], Verdict | None]
"""A kind's table: what an error code means, None for one that it does not list."""

JudgeBoth = Callable[[int, int | None], Verdict | None]
"""The same by code and subcode, for kinds whose codes say little by themselves."""


def split_secrets(text: str) -> list[str]:
    """A signing secret may be several, by comma or line, while one is being replaced."""
    return [part.strip() for part in re.split(r"[,\n]", text) if part.strip()]


def verify(request: WebhookRequest, channels: Sequence[Channel], field: str) -> None:
    """Check `X-Hub-Signature-256` over the raw bytes: Meta escapes non-ASCII in a way of its own,
    so a body that was parsed and written again has another signature.

    field   the credential that holds the app secret; an empty one verifies nothing
    source  developers.facebook.com/docs/messenger-platform/webhooks#validate-payloads
    """
    found = _SIGNATURE.fullmatch(request.headers.get("x-hub-signature-256", ""))
    if found is None:
        raise Untrusted("the signature header is missing or not of its form", code="unsigned")
    given = found.group(1).encode()
    secrets = [s for channel in channels for s in split_secrets(channel.setting(field))]
    for secret in secrets:
        digest = hmac.new(secret.encode(), request.body, sha256).hexdigest().encode()
        if hmac.compare_digest(digest, given):
            return
    raise Untrusted("no secret of this channel made the signature")


def challenge(request: WebhookRequest, channel: Channel) -> str:
    """The text to answer a subscription's handshake with, or `Untrusted`."""
    try:
        given = dict(parse_qsl(request.query.decode("ascii"), max_num_fields=20))
    except ValueError as error:
        raise Untrusted("the handshake is not of its form") from error
    token = channel.setting("verify_token")
    same = hmac.compare_digest(token.encode(), given.get("hub.verify_token", "").encode())
    if not token or not same or given.get("hub.mode") != "subscribe":
        raise Untrusted("the verify token is not this channel's")
    return given.get("hub.challenge", "")


def envelope(raw: bytes) -> object:
    """The decoded body. raises MalformedPayload where it is not JSON"""
    try:
        return decode(raw)
    except NotJson as error:
        raise MalformedPayload("the body is not JSON") from error


def entries(document: object) -> list[object]:
    """The envelope's entries, each about one account. raises MalformedPayload"""
    found = document.get("entry") if isinstance(document, Mapping) else None
    if not isinstance(found, list):
        raise MalformedPayload("the body holds no list of entries")
    return found


def changes(entry: object) -> Iterator[tuple[str | None, Mapping[str, object] | None]]:
    """Each change of an entry as (field, value); None for what has not the shape of one."""
    found = items(entry, "changes")
    if not found:
        yield None, None
    for change in found:
        name = change.get("field") if isinstance(change, Mapping) else None
        value = change.get("value") if isinstance(change, Mapping) else None
        yield (
            name if isinstance(name, str) else None,
            value if isinstance(value, Mapping) else None,
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Graph:
    """The Graph API at `url`, which ends in its version: https://graph.facebook.com/v26.0

    judge_both   asked before `judge`, where the kind's table goes by subcode, too
    """

    http: Http
    url: str
    judge: Judge
    judge_both: JudgeBoth | None = None

    async def post(self, path: str, token: str, document: Mapping[str, object]) -> Answer:
        """Write something; not repeatable, so an answer that got lost is `OutcomeUnknown`."""
        headers = {**_bearer(token), "Content-Type": "application/json"}
        content = json.dumps(document).encode()
        return await self.http.call("POST", self._at(path), headers=headers, body=content)

    async def upload(self, path: str, token: str, form: aiohttp.FormData) -> Mapping[str, object]:
        """Store a file for a later message. Twice is no harm: nobody sees it."""
        answer = await self.http.call(
            "POST",
            self._at(path),
            headers=_bearer(token),
            body=form,
            repeatable=True,
            total_s=_UPLOAD_S,
        )
        return self.read(answer)

    async def get(self, path: str, token: str) -> Mapping[str, object]:
        answer = await self.http.call("GET", self._at(path), headers=_bearer(token))
        return self.read(answer)

    def read(self, answer: Answer, *, repeatable: bool = True) -> Mapping[str, object]:
        """The document of a good answer; of any other, the exception that it means.

        repeatable  False for a send: an answer that Graph itself did not write may hide a good one
        """
        document = answer.json()
        if 200 <= answer.status < 300 and isinstance(document, Mapping):
            return document
        raise self._refusal(answer, document, repeatable)

    def _refusal(self, answer: Answer, document: object, repeatable: bool) -> AssentError:
        error = mapping(document, "error")
        number = code(error, "code")
        if number is not None:
            transient = answer.status >= 500 or answer.status == 429
            transient = transient or error.get("is_transient") is True
            verdict = self._verdict(error, number) or Verdict(error=unlisted(number, transient))
            return failure(verdict, answer.retry_after_s)
        if answer.status >= 500 or 200 <= answer.status < 300:
            if repeatable:
                return Temporary("Meta's service has a fault of its own.", code="bad_answer")
            return OutcomeUnknown(
                "Meta gave no clear answer, so it is not known whether the message was sent.",
                code="bad_answer",
            )
        if answer.status == 429:
            return Temporary(
                "Meta asks us to slow down.",
                code="http_429",
                retry_after_s=answer.retry_after_s,
            )
        if answer.status == 401:
            return AccountTrouble("Meta does not accept the access token.", code="http_401")
        return Permanent("Meta refused the request.", code=f"http_{answer.status}")

    def _verdict(self, error: Mapping[str, object], number: int) -> Verdict | None:
        if self.judge_both is None:
            return self.judge(number)
        return self.judge_both(number, code(error, "error_subcode")) or self.judge(number)

    def _at(self, path: str) -> str:
        return f"{self.url.rstrip('/')}/{path}"


def _bearer(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token.strip()}"}


def segment(text: str) -> str:
    """An id as one segment of a path, whatever is in it."""
    return quote(text, safe="")


def unlisted(number: int, transient: bool = False) -> ProviderError:
    """What is made of a code that no table of ours knows: no second try, no change of consent."""
    if transient:
        reason = f"Meta has a passing fault (code {number}); the message is tried again."
        return ProviderError(code=str(number), action="retry", reason=reason)
    reason = f"Meta refused the message (code {number}) without a reason that we know."
    return ProviderError(code=str(number), action="final", reason=reason)
