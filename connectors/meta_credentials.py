"""Examines Meta's credentials: what the three kinds share. Each is looked at by itself, so that the
admin hears which one is wrong."""

from __future__ import annotations

import hmac
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from urllib.parse import urlencode

from connectors.body import items, mapping, number
from connectors.meta import Graph, split_secrets
from inbox.domain.channel import Channel
from inbox.domain.errors import AccountTrouble, Permanent
from inbox.domain.examination import Finding

OK = Finding(state="ok")
LATER = Finding(state="unknown", reason="Checked once the access token is there.")


def wrong(reason: str) -> Finding:
    return Finding(state="wrong", reason=reason)


@dataclass(frozen=True, kw_only=True, slots=True)
class TokenFound:
    finding: Finding
    expires_at: datetime | None = None


async def token(graph: Graph, channel: Channel, permissions: Sequence[str]) -> TokenFound:
    """What Meta says of the channel's access token. raises Temporary

    permissions  all of them are needed
    source       developers.facebook.com/docs/graph-api/reference/debug_token
    """
    text = channel.setting("access_token").strip()
    if not text:
        return TokenFound(finding=Finding(state="unknown"))
    try:
        document = await graph.get(f"debug_token?{urlencode({'input_token': text})}", text)
    except AccountTrouble:
        return TokenFound(finding=wrong("Meta does not accept this access token. Make a new one."))
    except Permanent:
        # Some tokens may not be asked about; a call that uses them tells whether they work.
        return TokenFound(finding=Finding(state="unknown"))
    data = mapping(document, "data")
    if data.get("is_valid") is not True:
        reason = "This access token has run out or was withdrawn. Make a new one."
        return TokenFound(finding=wrong(reason))
    granted = items(data, "scopes")
    missing = [one for one in permissions if one not in granted]
    if missing:
        reason = f"This access token lacks the permission {missing[0]}. Make one that has it."
        return TokenFound(finding=wrong(reason))
    return TokenFound(finding=OK, expires_at=_instant(number(data, "expires_at")))


def _instant(seconds: float | None) -> datetime | None:
    if seconds is None or seconds <= 0:  # 0 is Meta's word for never
        return None
    try:
        return datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        return None


async def app_secret(graph: Graph, channel: Channel) -> Finding:
    """Whether one of the app secrets is of the app that the access token was made for: Meta checks
    a proof made with it. raises Temporary

    source  developers.facebook.com/docs/graph-api/guides/secure-requests#appsecret_proof
    """
    text = channel.setting("access_token").strip()
    secrets = split_secrets(channel.setting("app_secret"))[:4]
    if not secrets:
        return Finding(state="unknown")
    for secret in secrets:
        proof = hmac.new(secret.encode(), text.encode(), sha256).hexdigest()
        try:
            await graph.get(f"me?fields=id&appsecret_proof={proof}", text)
        except Permanent:
            continue
        return OK
    return wrong(
        "This app secret is not of the app that the access token was made for. Copy it again."
    )
