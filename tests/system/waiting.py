"""Waiting for a condition, with a limit."""

from __future__ import annotations

import asyncio
import inspect
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

T = TypeVar("T")


async def wait_for(
    condition: Callable[[], T | Awaitable[T]], limit_s: float = 8.0, what: str = "the condition"
) -> T:
    """Ask until the answer is true, and return it; fail after `limit_s`."""
    deadline = time.monotonic() + limit_s
    while True:
        found = condition()
        answer = await found if inspect.isawaitable(found) else found
        if answer:
            return answer
        assert time.monotonic() < deadline, f"{what} did not come true within {limit_s} s"
        await asyncio.sleep(0.02)
