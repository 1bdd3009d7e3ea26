"""What Meta's kinds share: how bodies are encoded and signed, the handshake, Graph errors."""

from __future__ import annotations

import hashlib
import hmac
import json
import random
import secrets
from typing import Any

import aiohttp
from starlette.responses import JSONResponse, Response

from connectors.simulator.courier import Webhook
from connectors.simulator.kind import HandshakeRefused

# Any: JSON as Meta shapes it, checked field by field where it is read.
Json = dict[str, Any]


def sign(url: str, app_secret: str, body: bytes) -> Webhook:
    secret = app_secret.encode()
    headers = {
        "Content-Type": "application/json",
        "User-Agent": "facebookexternalua",
        "X-Hub-Signature": "sha1=" + hmac.new(secret, body, hashlib.sha1).hexdigest(),
        "X-Hub-Signature-256": "sha256=" + hmac.new(secret, body, hashlib.sha256).hexdigest(),
    }
    return Webhook(url=url, headers=headers, body=body)


def encode(value: Json) -> bytes:
    """JSON as Meta signs it: ASCII, lower-case escapes, `\\/`, keys in no order one could rely on;
    whoever parses and dumps it again before checking the signature will fail."""
    text = json.dumps(_shuffled(value), ensure_ascii=True, separators=(",", ":"))
    return text.replace("/", "\\/").encode()


def _shuffled(value: object) -> object:
    if isinstance(value, dict):
        keys = list(value)
        random.shuffle(keys)
        return {key: _shuffled(value[key]) for key in keys}
    if isinstance(value, list):
        return [_shuffled(item) for item in value]
    return value


def graph_error(status: int, code: int, text: str, product: str) -> Response:
    body: Json = {
        "message": f"(#{code}) {text}",
        "type": "OAuthException",
        "code": code,
        "error_data": {"messaging_product": product, "details": text},
        "fbtrace_id": "A" + secrets.token_urlsafe(16),
    }
    return JSONResponse({"error": body}, status_code=status)


def platform_error(status: int, code: int, subcode: int | None, text: str) -> Response:
    """The same, as the Messenger Platform words it."""
    body: Json = {"message": f"(#{code}) {text}", "type": "OAuthException", "code": code}
    if subcode is not None:
        body["error_subcode"] = subcode
    body["fbtrace_id"] = "A" + secrets.token_urlsafe(16)
    return JSONResponse({"error": body}, status_code=status)


async def shake_hands(
    session: aiohttp.ClientSession, url: str, verify_token: str, timeout_s: float
) -> None:
    """Have the webhook address return a challenge. raises HandshakeRefused"""
    challenge = str(secrets.randbelow(10**10))
    query = {
        "hub.mode": "subscribe",
        "hub.challenge": challenge,
        "hub.verify_token": verify_token,
    }
    timeout = aiohttp.ClientTimeout(total=timeout_s)
    try:
        async with session.get(
            url, params=query, allow_redirects=False, timeout=timeout
        ) as response:
            body = await response.content.read(1024)
            status = response.status
    except (aiohttp.ClientError, TimeoutError) as error:
        raise HandshakeRefused("The webhook address did not answer.") from error
    if status != 200 or not hmac.compare_digest(body, challenge.encode()):
        raise HandshakeRefused(f"The challenge was not returned (HTTP {status}).")
