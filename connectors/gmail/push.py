"""Believes a push of Google's Pub/Sub, or does not: a token (OIDC JWT) that Google signed, for our
address, in the name of the service account that the channel names.

The keys are Google's, published and replaced every few days: `Keys.fetch` brings them, `verify`
calls nobody.

source  docs.cloud.google.com/pubsub/docs/authenticate-push-subscriptions
"""

from __future__ import annotations

import asyncio
import re
import time
from collections.abc import Callable, Sequence

import jwt

from connectors.body import items, line, text
from connectors.gmail.manifest import MANIFEST
from connectors.http import Answer, Http
from inbox.domain.channel import Channel, WebhookRequest
from inbox.domain.errors import Permanent, Temporary, Untrusted

_ISSUERS = ("https://accounts.google.com", "accounts.google.com")
_SKEW_S = 60
_MOST_TOKEN = 8 * 1024
_MOST_KEYS = 20
_AGAIN_S = 60.0
_LEAST_BITS = 2048
_MAX_AGE = re.compile(r"max-age=(\d{1,9})", re.ASCII)


class Keys:
    """Google's public keys by their id, for as long as it says that they hold."""

    def __init__(
        self, http: Http, certs_url: str, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self._http = http
        self._url = certs_url
        self._clock = clock
        self._keys: dict[str, jwt.PyJWK] = {}
        self._until = 0.0
        self._asked_at: float | None = None
        self._lock = asyncio.Lock()

    def find(self, key_id: str) -> jwt.PyJWK | None:
        return self._keys.get(key_id)

    async def fetch(self, key_id: str) -> None:
        """Bring the keys when they are too old, or when `key_id` is not among them: once a minute
        at most, for anybody can name a key. raises Temporary when there are none at all"""
        if self._holds(key_id):
            return
        async with self._lock:
            if self._holds(key_id):
                return
            now = self._clock()
            if self._asked_at is None or now - self._asked_at >= _AGAIN_S:
                self._asked_at = now
                try:
                    self.learn(await self._http.call("GET", self._url))
                except (Temporary, Permanent) as error:
                    if not self._keys:
                        # At the first start a minute without a key would be a minute without mail.
                        self._asked_at = now - _AGAIN_S + 5
                        raise Temporary("Google's keys cannot be had.", code="no_keys") from error
        if not self._keys:
            raise Temporary("Google's keys cannot be had.", code="no_keys", retry_after_s=5)

    def _holds(self, key_id: str) -> bool:
        return key_id in self._keys and self._clock() < self._until

    def learn(self, answer: Answer) -> None:
        """Take the keys of an answer in place of those known. raises Temporary"""
        found: dict[str, jwt.PyJWK] = {}
        for one in items(answer.json(), "keys")[:_MOST_KEYS]:
            key_id = line(one, "kid", 128)
            if not isinstance(one, dict) or key_id is None or text(one, "kty") != "RSA":
                continue
            try:
                key = jwt.PyJWK(one, algorithm="RS256")
            except (jwt.PyJWTError, ValueError, TypeError):
                continue
            if key.key.key_size >= _LEAST_BITS:
                found[key_id] = key
        if answer.status != 200 or not found:
            raise Temporary("Google's keys cannot be had.", code="no_keys")
        age = _MAX_AGE.search(answer.headers.get("cache-control", ""))
        self._keys = found
        self._until = self._clock() + min(max(float(age[1]) if age else 3600.0, 60.0), 86_400.0)


def key_id_of(request: WebhookRequest) -> str | None:
    """Which key the token says to be signed with; None when it is no token that could be good."""
    token = _token(request)
    if token is None:
        return None
    try:
        header = jwt.get_unverified_header(token)
    except (jwt.PyJWTError, ValueError, RecursionError):
        return None
    # What else a header may name (`none`, HS256 with our public key as the secret) is a trick.
    return line(header, "kid", 128) if header.get("alg") == "RS256" else None


def verify(keys: Keys, request: WebhookRequest, channels: Sequence[Channel]) -> None:
    """Believe the push for one of the channels. raises Untrusted"""
    token, key_id = _token(request), key_id_of(request)
    key = keys.find(key_id) if key_id is not None else None
    if token is None or key is None:
        # Anybody can send that; it says nothing of what was configured.
        raise Untrusted("there is no token, or none that Google signed", code="unsigned")
    if not any(_fits(token, key, request, channel) for channel in channels):
        raise Untrusted("the token is not for this channel")


def _fits(token: str, key: jwt.PyJWK, request: WebhookRequest, channel: Channel) -> bool:
    # Without a name to expect, the token of any customer of Google's would do.
    signers = {signer.lower() for signer in channel.signing_secrets(MANIFEST.signing_field)}
    audience = channel.setting("audience") or request.url
    try:
        claims = jwt.decode(
            token,
            key,
            algorithms=["RS256"],
            audience=audience,
            leeway=_SKEW_S,
            options={"require": ["exp", "iat", "aud", "iss"], "verify_iss": False},
        )
    except (jwt.PyJWTError, ValueError, TypeError, OverflowError, RecursionError):
        return False
    signer = text(claims, "email")
    return (
        claims.get("iss") in _ISSUERS
        and claims.get("email_verified") is True
        and signer is not None
        and signer.lower() in signers
    )


def _token(request: WebhookRequest) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    good = scheme.lower() == "bearer" and token.isascii() and 0 < len(token) <= _MOST_TOKEN
    return token if good else None
