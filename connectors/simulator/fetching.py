"""Fetches what the inbox offers by address, like a carrier: no credentials, a limit, no wait."""

from __future__ import annotations

import aiohttp

_TIMEOUT = aiohttp.ClientTimeout(total=10)


class NotFetched(Exception):
    """There was nothing to be had at that address; the message says why."""


async def fetch(session: aiohttp.ClientSession, url: str, limit: int) -> tuple[bytes, str]:
    """The content and its type as the server named it. raises NotFetched"""
    try:
        async with session.get(url, timeout=_TIMEOUT) as response:
            if response.status != 200:
                raise NotFetched(f"the address answered {response.status}")
            content = bytearray()
            async for chunk in response.content.iter_chunked(64 * 1024):
                content += chunk
                if len(content) > limit:
                    raise NotFetched(f"more than {limit} bytes")
            return bytes(content), response.content_type
    except (aiohttp.ClientError, TimeoutError, ValueError) as error:
        raise NotFetched("the address could not be read") from error
