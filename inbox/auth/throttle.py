"""How often a log-in may be tried: per account and per address, with the same answer for both."""

from __future__ import annotations

import time
from hashlib import sha256

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

_PER_ACCOUNT = RateLimitItemPerMinute(10, 15)
_PER_ADDRESS = (RateLimitItemPerMinute(30), RateLimitItemPerHour(300))


class LoginThrottle:
    """Ten failures of an account in a quarter of an hour; 30 tries of an address a minute, 300 an
    hour. Per process: several processes allow that many times as much."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def wait_s(self, email: str, address: str) -> int:
        """Seconds until a try is allowed; 0: now. Counts the try of the address."""
        account = _key(email)
        limits: list[tuple[RateLimitItem, str]] = [(_PER_ACCOUNT, account)]
        limits += [(limit, address) for limit in _PER_ADDRESS]
        waits = [self._wait(limit, key) for limit, key in limits]
        if any(waits):
            return max(waits)
        for limit in _PER_ADDRESS:
            self._limiter.hit(limit, address)
        return 0

    def failed(self, email: str) -> None:
        self._limiter.hit(_PER_ACCOUNT, _key(email))

    def _wait(self, limit: RateLimitItem, key: str) -> int:
        if self._limiter.test(limit, key):
            return 0
        reset_at = self._limiter.get_window_stats(limit, key).reset_time
        return max(1, round(reset_at - time.time()))


def _key(email: str) -> str:
    return sha256(email.strip().casefold().encode()).hexdigest()
