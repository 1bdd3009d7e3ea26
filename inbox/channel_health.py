"""A channel's health in words that an office manager understands."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from inbox.domain.channel import Channel, Manifest
from inbox.store.health import Health

TOKEN_WARNING = timedelta(days=7)


@dataclass(frozen=True, kw_only=True, slots=True)
class Summary:
    """tone  `quiet`: nothing to say; `ok`; `warn`: look at it soon; `stop`: nothing goes
    at     the time that the words speak of, for the reader's own clock to word
    fix    what would mend it: new credentials, finishing what was begun, or nothing here
    """

    tone: Literal["quiet", "ok", "warn", "stop"]
    title: str
    text: str
    at: datetime | None = None
    fix: Literal["credentials", "finish", "reconnect"] | None = None


def summary(channel: Channel, manifest: Manifest, health: Health, now: datetime) -> Summary:
    """What an admin should know first."""
    provider = manifest.provider
    if channel.state == "draft":
        text = "It has been begun and waits for its credentials."
        return Summary(tone="quiet", title="Not connected yet", text=text, fix="finish")
    if channel.state == "disconnected":
        text = "Its conversations are kept. Nothing comes in and nothing goes out."
        return Summary(tone="quiet", title="Disconnected", text=text, fix="reconnect")
    if channel.state == "reauthorization_required":
        text = channel.trouble or f"{provider} does not accept its credentials any more."
        return Summary(tone="stop", title="Needs you", text=text, fix="credentials")
    return _signatures(manifest, health) or _token(health, now) or _usual(channel, manifest, health)


def _signatures(manifest: Manifest, health: Health) -> Summary | None:
    """Calls that nobody believes, when none came since that somebody did."""
    refused_at = health.bad_signature_at
    if refused_at is None or (health.webhook_at is not None and health.webhook_at > refused_at):
        return None
    need = manifest.need(manifest.signing_field)
    label = manifest.signing_field if need is None else need.label
    text = (
        f"{manifest.provider} calls, but the signature does not fit, so nothing is taken in:"
        f" the {label[:1].lower()}{label[1:]} is not the right one."
    )
    return Summary(tone="stop", title="Needs you", text=text, at=refused_at, fix="credentials")


def _token(health: Health, now: datetime) -> Summary | None:
    ends_at = health.token_expires_at
    if ends_at is None or ends_at - now > TOKEN_WARNING:
        return None
    if ends_at <= now:
        text = "The access token has run out. Enter a new one."
        return Summary(tone="stop", title="Needs you", text=text, at=ends_at, fix="credentials")
    text = "The access token runs out soon. Enter a new one before that."
    return Summary(tone="warn", title="Needs you soon", text=text, at=ends_at, fix="credentials")


def _usual(channel: Channel, manifest: Manifest, health: Health) -> Summary:
    if channel.trouble is not None:
        return Summary(tone="warn", title="Works, with trouble", text=channel.trouble)
    if health.webhook_at is None and health.pull_at is None:
        text = f"{manifest.provider} accepts its credentials. Nothing has come in yet."
        return Summary(tone="quiet", title="Connected", text=text, fix="finish")
    text = f"Last heard from {manifest.provider}"
    return Summary(tone="ok", title="Works", text=text, at=health.webhook_at or health.pull_at)
