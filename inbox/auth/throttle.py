"""How often things may be tried: a log-in per account and per address, with the same answer for
both; what asks a provider at once per admin or channel."""

from __future__ import annotations

import time
from collections import Counter
from hashlib import sha256

from limits import RateLimitItem, RateLimitItemPerHour, RateLimitItemPerMinute
from limits.storage import MemoryStorage
from limits.strategies import MovingWindowRateLimiter

_PER_ACCOUNT = RateLimitItemPerMinute(10, 15)
_PER_ADDRESS = (RateLimitItemPerMinute(30), RateLimitItemPerHour(300))


class LoginThrottle:
    """Ten failures of an account in a quarter of an hour; 30 tries of an address a minute, 300 an
    hour. A try that is under way counts as a failure until it is over: checking a password takes
    so long that any number of them would begin before the first one has failed. Per process:
    several processes allow that many times as much."""

    def __init__(self) -> None:
        self._limiter = MovingWindowRateLimiter(MemoryStorage())
        self._under_way: Counter[str] = Counter()

    def wait_s(self, email: str, address: str) -> int:
        """Seconds until a try is allowed; 0: now. Then it has begun, and `over` has to follow."""
        account = _key(email)
        waits = [self._wait(_PER_ACCOUNT, account, self._under_way[account])]
        waits += [self._wait(limit, address, 0) for limit in _PER_ADDRESS]
        if any(waits):
            return max(waits)
        for limit in _PER_ADDRESS:
            self._limiter.hit(limit, address)
        self._under_way[account] += 1
        return 0

    def over(self, email: str, *, failed: bool) -> None:
        """The try has ended; only a failure goes on counting."""
        account = _key(email)
        self._under_way[account] -= 1
        if self._under_way[account] <= 0:
            del self._under_way[account]
        if failed:
            self._limiter.hit(_PER_ACCOUNT, account)

    def _wait(self, limit: RateLimitItem, key: str, under_way: int) -> int:
        stats = self._limiter.get_window_stats(limit, key)
        if stats.remaining > under_way:
            return 0
        if stats.remaining > 0:
            return 1  # those under way may succeed
        return max(1, round(stats.reset_time - time.time()))


class CheckThrottle:
    """So many calls a minute of what asks a provider at once: sixty checks of credentials of an
    admin, unless another number is given. Per process, as above."""

    def __init__(self, a_minute: int = 60) -> None:
        self._limit = RateLimitItemPerMinute(a_minute)
        self._limiter = MovingWindowRateLimiter(MemoryStorage())

    def wait_s(self, key: str) -> int:
        """Seconds until it is allowed; 0: now, and it counts.

        key  whose calls are counted together: an agent's id, or a channel's
        """
        if self._limiter.hit(self._limit, key):
            return 0
        reset = self._limiter.get_window_stats(self._limit, key).reset_time
        return max(1, round(reset - time.time()))


def _key(email: str) -> str:
    return sha256(email.strip().casefold().encode()).hexdigest()
