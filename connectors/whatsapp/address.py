"""Whom a call to WhatsApp is about."""

from __future__ import annotations

import re

_NUMBER = re.compile(r"\+?([0-9]{5,20})", re.ASCII)


def recipient(address: str) -> dict[str, str]:
    """Without the `+` Meta puts the business's own country code in front of a number."""
    number = _NUMBER.fullmatch(address)
    return {"to": f"+{number.group(1)}"} if number else {"recipient": address}
