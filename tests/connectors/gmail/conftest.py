"""A mailbox, Google's token endpoint and API at the provider's edge, and keys that sign pushes."""

from __future__ import annotations

import base64
import json
import time
from datetime import UTC, datetime
from email.message import EmailMessage
from email.policy import SMTP
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.gmail import Gmail
from connectors.gmail.google import Google
from connectors.http import Http
from inbox.domain.channel import Channel
from tests.connectors.conftest import Provider, Reply
from tests.connectors.people import PAYLOADS, gmail_channel

ME = "/gmail/v1/users/me"
NOW = datetime(2026, 11, 22, 9, tzinfo=UTC)
SIGNER = "gmail-push@demo-project.iam.gserviceaccount.com"
PUSH_URL = "https://inbox.example.com/webhooks/gmail/chn_gmail"
KEYS = {name: rsa.generate_private_key(public_exponent=65537, key_size=2048) for name in "ab"}

# Of a mailbox whose history is known up to 9876000.
PLACE = json.dumps({"history": "9876000", "watch_at": 0})


def jwks(*names: str) -> bytes:
    """The published form of these keys."""
    shown = [
        {**jwt.algorithms.RSAAlgorithm.to_jwk(KEYS[name].public_key(), as_dict=True), "kid": name}
        for name in names
    ]
    return json.dumps({"keys": shown}).encode()


def signed_token(key: str = "a", headers: dict[str, Any] | None = None, **changes: Any) -> str:
    """A token as Pub/Sub sends it; a claim that is None is left out."""
    now = int(time.time())
    claims: dict[str, Any] = json.loads(
        (PAYLOADS / "gmail" / "api" / "api_push_oidc_claims.json").read_text()
    )
    claims |= {"aud": PUSH_URL, "email": SIGNER, "iat": now, "exp": now + 3600, **changes}
    claims = {name: value for name, value in claims.items() if value is not None}
    named = {"kid": key, **(headers or {})}
    named = {name: value for name, value in named.items() if value is not None}
    return jwt.encode(claims, KEYS[key], algorithm="RS256", headers=named)


def body(document: object, status: int = 200, **headers: str) -> Reply:
    return Reply(status=status, body=json.dumps(document).encode(), headers=headers)


def error(status: int, reason: str, message: str = "", **headers: str) -> Reply:
    one = {"domain": "global", "reason": reason, "message": message}
    document = {"error": {"code": status, "message": message, "errors": [one]}}
    return body(document, status, **headers)


def token(text: str = "ya29.one", seconds: int = 3599) -> Reply:
    return body({"access_token": text, "expires_in": seconds, "token_type": "Bearer"})


def letter(subject: str = "Kettle", text: str = "Is it blue?", **headers: str) -> bytes:
    mail = EmailMessage(policy=SMTP)
    mail["From"] = "Maya Ortiz <maya@example.com>"
    mail["To"] = "support@example.com"
    mail["Subject"] = subject
    mail["Message-ID"] = "<m1@mail.example.com>"
    for name, value in headers.items():
        mail[name.replace("_", "-")] = value
    mail.set_content(text)
    return mail.as_bytes()


def raw(content: bytes, id: str = "18c1a0000000a001", *labels: str) -> Reply:
    document = {
        "id": id,
        "threadId": "18c1a0000000a000",
        "labelIds": list(labels or ("UNREAD", "INBOX")),
        "internalDate": "1793804400000",
        "raw": base64.urlsafe_b64encode(content).decode().rstrip("="),
    }
    return body(document)


class Edge:
    """The provider's edge as Google: what it answers, and what it was asked."""

    def __init__(self, provider: Provider) -> None:
        self.provider = provider

    def answers(self, method: str, path: str, *replies: Reply) -> None:
        self.provider.answers(method, ME + path, *replies)

    def gives_tokens(self, *replies: Reply) -> None:
        self.provider.answers("POST", "/token", *(replies or (token(),)))

    def asked(self, path: str = "") -> list[str]:
        """The calls of the API below the mailbox, as `METHOD path`."""
        return [
            f"{call.method} {call.path.removeprefix(ME)}"
            for call in self.provider.calls
            if call.path.startswith(ME + path)
        ]

    def refreshed(self) -> int:
        return len([call for call in self.provider.calls if call.path == "/token"])

    def sent(self) -> list[dict[str, Any]]:
        """The bodies of the sends, with the mail decoded as `mail`."""
        found = []
        for call in self.provider.calls:
            if call.path == ME + "/messages/send":
                document = json.loads(call.body)
                found.append({**document, "mail": base64.urlsafe_b64decode(document["raw"])})
        return found


@pytest.fixture
def edge(provider: Provider) -> Edge:
    return Edge(provider)


@pytest.fixture
def connector(provider: Provider, http: Http) -> Gmail:
    return Gmail(http, google_at(provider.url), search_waits_s=(0.0, 0.0))


@pytest.fixture
def channel() -> Channel:
    return gmail_channel()


def google_at(url: str) -> Google:
    return Google(
        gmail_url=url, accounts_url=url, token_url=f"{url}/token", certs_url=f"{url}/certs"
    )


def added(*found: str, at: int = 9876100) -> list[dict[str, Any]]:
    message = {"threadId": "t1", "labelIds": ["INBOX"]}
    return [
        {"id": str(at + n), "messagesAdded": [{"message": {**message, "id": one}}]}
        for n, one in enumerate(found)
    ]
