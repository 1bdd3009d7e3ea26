"""Passwords: Argon2id, off the event loop, never more than two at once.

An unknown account costs as much time as a known one.
"""

from __future__ import annotations

import asyncio
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from inbox.domain.errors import Invalid

SHORTEST, LONGEST = 12, 256


class Passwords:
    def __init__(self, *, memory_kib: int = 64 * 1024, rounds: int = 3) -> None:
        self._hasher = PasswordHasher(time_cost=rounds, memory_cost=memory_kib, parallelism=1)
        self._at_once = asyncio.Semaphore(2)
        self._decoy: str | None = None

    async def hash(self, password: str) -> str:
        """raises Invalid: too short or too long"""
        if not SHORTEST <= len(password) <= LONGEST:
            raise Invalid(f"A password has {SHORTEST} to {LONGEST} characters.", code="password")
        async with self._at_once:
            return await asyncio.to_thread(self._hasher.hash, password)

    async def verify(self, password_hash: str | None, password: str) -> bool:
        """Whether it is the password; with no hash the answer is no, after the same work."""
        if len(password) > LONGEST:
            return False
        async with self._at_once:
            if password_hash is None:
                if self._decoy is None:
                    decoy = secrets.token_urlsafe(16)
                    self._decoy = await asyncio.to_thread(self._hasher.hash, decoy)
                await asyncio.to_thread(self._matches, self._decoy, password)
                return False
            return await asyncio.to_thread(self._matches, password_hash, password)

    def _matches(self, password_hash: str, password: str) -> bool:
        try:
            return self._hasher.verify(password_hash, password)
        except (VerificationError, InvalidHashError):
            return False

    def is_outdated(self, password_hash: str) -> bool:
        return self._hasher.check_needs_rehash(password_hash)
