"""Google's Pub/Sub as it pushes: a JSON envelope, and a token signed with a published key."""

from __future__ import annotations

import base64
import json
import secrets
import time

import jwt
from cryptography.hazmat.primitives.asymmetric import rsa

from connectors.simulator.courier import Pack, Webhook
from connectors.simulator.world import now


class Signer:
    """Signs with the newest key; the one before it is still published, as Google does."""

    def __init__(self) -> None:
        self._keys: dict[str, rsa.RSAPrivateKey] = {}

    def replace(self) -> str:
        """Sign with a new key from now on."""
        key_id = secrets.token_hex(20)
        self._keys[key_id] = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        for old in list(self._keys)[:-2]:
            del self._keys[old]
        return key_id

    def token_for(self, audience: str, email: str) -> str:
        key_id = next(reversed(self._keys), None) or self.replace()
        at = int(time.time())
        claims = {
            "aud": audience,
            "azp": "113774264463038321964",
            "email": email,
            "email_verified": True,
            "exp": at + 3600,
            "iat": at,
            "iss": "https://accounts.google.com",
            "sub": "113774264463038321964",
        }
        return jwt.encode(claims, self._keys[key_id], algorithm="RS256", headers={"kid": key_id})

    def published(self) -> dict[str, list[dict[str, str]]]:
        if not self._keys:
            self.replace()
        found = []
        for key_id, key in self._keys.items():
            shown = jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key(), as_dict=True)
            found.append(
                {
                    "kid": key_id,
                    "kty": "RSA",
                    "alg": "RS256",
                    "use": "sig",
                    "n": str(shown["n"]),
                    "e": str(shown["e"]),
                }
            )
        return {"keys": found}


def packing(
    signer: Signer,
    *,
    url: str,
    audience: str,
    service_account: str,
    address: str,
    history_id: int,
) -> Pack:
    """The token is new at every attempt, the message and its id stay."""
    data = json.dumps({"emailAddress": address, "historyId": history_id}).encode()
    message_id = str(secrets.randbelow(9 * 10**15) + 10**15)
    published = now().isoformat(timespec="milliseconds").replace("+00:00", "Z")
    body = {
        "message": {
            "data": base64.urlsafe_b64encode(data).decode(),
            "messageId": message_id,
            "message_id": message_id,
            "publishTime": published,
            "publish_time": published,
        },
        "subscription": "projects/demo-project/subscriptions/gmail-push",
    }

    def pack() -> Webhook:
        token = signer.token_for(audience, service_account)
        return Webhook(
            url=url,
            headers={
                "Authorization": f"Bearer {token}",
                "Content-Type": "application/json",
                "From": "noreply@google.com",
                "User-Agent": "CloudPubSub-Google",
            },
            body=json.dumps(body).encode(),
        )

    return pack
