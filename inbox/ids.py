"""Makes ids: a prefix that names the kind of thing, and a ULID, which sorts by time."""

from __future__ import annotations

import secrets

from ulid import ULID


def new_id(prefix: str) -> str:
    """`new_id("msg")` -> `msg_01J…`, 26 characters of Crockford base 32 after the prefix."""
    return f"{prefix}_{ULID()}"


def new_token() -> str:
    """256 random bits, safe in a URL; for sessions, API tokens and CSRF."""
    return secrets.token_urlsafe(32)
