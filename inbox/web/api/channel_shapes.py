"""Channels as admins see them: settings, which secrets are there, and health. No secret's text, but
for the verify token of a draft, which is ours and has to be pasted at the provider."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from inbox.channel_health import summary
from inbox.channels import Checked
from inbox.domain.abilities import Pulls, SignsIn
from inbox.domain.channel import Channel, Connector, Credential, Manifest
from inbox.links import Links
from inbox.shapes import time
from inbox.store.health import Health

# Any: JSON is what these functions make.
Json = dict[str, Any]


def kind(connector: Connector) -> Json:
    """What can be connected."""
    manifest = connector.manifest
    return {
        "kind": manifest.kind,
        "label": manifest.label,
        "provider": manifest.provider,
        "sign_in": isinstance(connector, SignsIn),
        "lists": isinstance(connector, Pulls),
        "reports": list(manifest.reports),
        "handshake": manifest.handshake,
        "account_field": manifest.account_field,
        "signing_field": manifest.signing_field,
        "provider_stop": manifest.provider_stop,
        "preparing": list(manifest.preparing),
        "console": manifest.console,
        "pasting": list(manifest.pasting),
        "greeting": manifest.greeting,
        "needs": [_need(need) for need in manifest.needs],
    }


def _need(need: Credential) -> Json:
    return {
        "name": need.name,
        "label": need.label,
        "help": need.help,
        "secret": need.secret,
        "required": need.required,
        "origin": need.origin,
        "by_sign_in": need.by_sign_in,
        "choices": [{"value": value, "label": label} for value, label in need.choices],
    }


def settings(
    channel: Channel, connector: Connector, health: Health, links: Links, now: datetime
) -> Json:
    """`secrets` says of each that is stored when it was entered, and shows `***`; null: none."""
    manifest = connector.manifest
    secret = [need.name for need in manifest.needs if need.secret]
    is_draft = channel.state == "draft"
    ours = [need.name for need in manifest.needs if need.origin == "ours"]
    token = next((channel.setting(name) for name in ours), None) if is_draft else None
    return {
        "id": channel.id,
        "kind": channel.kind,
        "label": manifest.label,
        "provider": manifest.provider,
        "name": channel.name,
        "account": None if is_draft else channel.account,
        "state": channel.state,
        "trouble": channel.trouble,
        "webhook_url": links.webhook(channel),
        "verify_token": token,
        "credentials": {
            need.name: channel.config.get(need.name, "")
            for need in manifest.needs
            if not need.secret and not need.by_sign_in
        },
        "secrets": {
            name: {"text": "***", "changed_at": time(channel.changed_at.get(name))}
            if name in channel.secrets
            else None
            for name in secret
        },
        "provider_stop": channel.provider_stop if manifest.provider_stop else None,
        "health": health_shape(channel, manifest, health, now),
        "created_at": time(channel.created_at),
    }


def health_shape(channel: Channel, manifest: Manifest, value: Health, now: datetime) -> Json:
    words = summary(channel, manifest, value, now)
    return {
        "tone": words.tone,
        "title": words.title,
        "text": words.text,
        "at": time(words.at),
        "fix": words.fix,
        "last_handshake_at": time(value.handshake_at),
        "last_webhook_at": time(value.webhook_at),
        "last_sent_at": time(value.sent_at),
        "last_pull_at": time(value.pull_at),
        "last_error": value.error
        and {"code": value.error.code, "reason": value.error.reason, "at": time(value.error.at)},
        "token_expires_at": time(value.token_expires_at),
        "bad_signatures": value.bad_signatures,
        "last_bad_signature_at": time(value.bad_signature_at),
        "account_name": value.account_name,
        "checked_at": time(value.checked_at),
    }


def checked(value: Checked) -> Json:
    return {
        "asked": value.asked,
        "account_name": value.account_name,
        "token_expires_at": time(value.expires_at),
        "fields": {
            name: {"state": one.state, "reason": one.reason} for name, one in value.findings.items()
        },
    }
