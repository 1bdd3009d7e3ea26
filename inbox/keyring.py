"""Encryption at rest: seals values under the newest master key and opens them under any.

A sealed value is `key id length | key id | nonce | ciphertext`; the place it belongs to
(collection, document, field) is authenticated with it, so that one cannot be swapped for another.
Look-ups on sealed fields go by `tag`, a keyed hash.
"""

from __future__ import annotations

import base64
import hmac
import os
from collections.abc import Mapping
from hashlib import sha256

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from inbox.domain.errors import AssentError


class KeyringError(AssentError):
    """A key is missing, malformed, or not the one the data was sealed with."""

    code = "keyring"


class Keyring:
    """keys        master keys of 256 bits by id, oldest first; the last one seals
    secret      at least 32 bytes; makes tags and signs short-lived links
    """

    def __init__(self, keys: Mapping[str, bytes], secret: bytes) -> None:
        if not keys or any(len(key) != 32 for key in keys.values()):
            raise KeyringError("INBOX_ENCRYPTION_KEYS needs one or more keys of 32 bytes")
        if len(secret) < 32:
            raise KeyringError("INBOX_SECRET_KEY needs at least 32 bytes")
        self._ciphers = {key_id: AESGCM(key) for key_id, key in keys.items()}
        self._newest = list(keys)[-1]
        self._tag_key = hmac.digest(secret, b"tag", "sha256")
        self._sign_key = hmac.digest(secret, b"sign", "sha256")

    def seal(self, value: bytes, place: str) -> bytes:
        nonce = os.urandom(12)
        cipher = self._ciphers[self._newest]
        key_id = self._newest.encode()
        sealed = cipher.encrypt(nonce, value, place.encode())
        return bytes((len(key_id),)) + key_id + nonce + sealed

    def open(self, sealed: bytes, place: str) -> bytes:
        """raises KeyringError: the key is not loaded, or the value is not of this place"""
        end = 1 + sealed[0]
        cipher = self._ciphers.get(sealed[1:end].decode())
        if cipher is None:
            raise KeyringError("a value was sealed with a key that INBOX_ENCRYPTION_KEYS lacks")
        try:
            return cipher.decrypt(sealed[end : end + 12], sealed[end + 12 :], place.encode())
        except InvalidTag as error:
            raise KeyringError("a sealed value was changed or moved") from error

    def seal_text(self, value: str, place: str) -> bytes:
        return self.seal(value.encode(), place)

    def open_text(self, sealed: bytes, place: str) -> str:
        return self.open(sealed, place).decode()

    def tag(self, value: str) -> str:
        """A keyed hash to look a sealed value up by; 32 hex digits."""
        return hmac.digest(self._tag_key, value.encode(), "sha256").hex()[:32]

    def sign(self, value: str) -> str:
        digest = hmac.digest(self._sign_key, value.encode(), "sha256")
        return base64.urlsafe_b64encode(digest[:18]).decode()

    def signed(self, value: str, signature: str) -> bool:
        return hmac.compare_digest(self.sign(value).encode(), signature.encode())


def parse_keys(text: str) -> dict[str, bytes]:
    """`"2026a:BASE64,2026b:BASE64"`, oldest first; raises KeyringError."""
    keys: dict[str, bytes] = {}
    for part in text.replace("\n", ",").split(","):
        if not part.strip():
            continue
        key_id, _, encoded = part.strip().partition(":")
        try:
            keys[key_id] = base64.b64decode(encoded, validate=True)
        except ValueError as error:
            raise KeyringError("INBOX_ENCRYPTION_KEYS is a list of id:base64") from error
    return keys


def fingerprint(secret: str) -> str:
    """Compares secrets without keeping them; not for look-ups of guessable values."""
    return sha256(secret.encode()).hexdigest()
