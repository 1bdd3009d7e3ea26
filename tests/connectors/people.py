"""The channels, the messages and the permits that the tests of connectors use."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from inbox.domain.abilities import OutboundReaction
from inbox.domain.channel import Channel, OutboundFile, OutboundMessage, Secret
from inbox.domain.consent import Purpose, Standing
from inbox.domain.gate import Attempt, Facts, Permit, Policy, decide
from inbox.domain.ids import AttachmentId, ChannelId, MessageId, WorkspaceId

PAYLOADS = Path(__file__).parent / "payloads"
RECEIVED_AT = datetime(2026, 11, 22, 9, tzinfo=UTC)
MESSAGE_ID = MessageId("msg_01JD0000000000000000000001")

APP_SECRET = "test-app-secret-1"
AUTH_TOKEN = "test-auth-token-0123456789abcdef"
ACCOUNT_SID = "AC00000000000000000000000000000001"


def payload(kind: str, name: str) -> Any:
    return json.loads((PAYLOADS / kind / f"{name}.json").read_text())


def whatsapp_channel(**changes: str) -> Channel:
    secrets = {"access_token": "token-1", "app_secret": APP_SECRET, "verify_token": "verify-1"}
    config = {"phone_number_id": "200000000000001", "business_account_id": "100000000000001"}
    return _channel("whatsapp", config["phone_number_id"], config, secrets, changes)


def sms_channel(**changes: str) -> Channel:
    config = {"account_sid": ACCOUNT_SID, "number": "+15005550199"}
    return _channel("sms", config["number"], config, {"auth_token": AUTH_TOKEN}, changes)


def gmail_channel(**changes: str) -> Channel:
    config = {
        "client_id": "simulated.apps.googleusercontent.com",
        "address": "support@example.com",
        "service_account": "gmail-push@demo-project.iam.gserviceaccount.com",
    }
    secrets = {"client_secret": "client-secret-1", "refresh_token": "1//refresh-1"}
    return _channel("gmail", config["address"], config, secrets, changes)


def _channel(
    kind: str,
    account: str,
    config: dict[str, str],
    secrets: dict[str, str],
    changes: dict[str, str],
) -> Channel:
    secrets = {name: changes.pop(name, text) for name, text in secrets.items()}
    for name in ("auth_token_secondary", "api_key_secret"):
        if name in changes:
            secrets[name] = changes.pop(name)
    return Channel(
        id=ChannelId(f"chn_{kind}"),
        workspace_id=WorkspaceId("wsp_1"),
        kind=kind,
        name="Support",
        account=account,
        config={**config, **changes},
        secrets={name: Secret(text) for name, text in secrets.items()},
        provider_stop=kind == "sms",
        created_at=RECEIVED_AT,
    )


def outbound(channel: Channel, text: str = "It is ready.", **changes: Any) -> OutboundMessage:
    to = {"whatsapp": "+15550002001", "gmail": "maya@example.com"}.get(channel.kind, "+15005550101")
    values: dict[str, Any] = {"id": MESSAGE_ID, "channel": channel, "to": to, "text": text}
    return OutboundMessage(**{**values, **changes})


def picture(kind: str = "image", mime: str = "image/png") -> OutboundFile:
    return OutboundFile(
        id=AttachmentId("att_1"),
        kind=kind,
        mime=mime,
        name="kettle.png",
        content=b"\x89PNG the picture" + b"." * (2 << 20),
        url="https://inbox.example.com/files/att_1?signature=1",
    )


def permit_for(message: OutboundMessage | OutboundReaction) -> Permit:
    """The gate's own yes: they wrote a minute ago, so a reply may go."""
    now = datetime.now(UTC)
    wrote_at = now - timedelta(minutes=1)
    decision = decide(
        Attempt(
            kind=message.channel.kind,
            purpose=Purpose.REPLY,
            actor="agent",
            subject=message.subject(),
        ),
        Facts(standing=Standing(), last_inbound_at=wrote_at, last_basis_at=wrote_at),
        Policy(label="WhatsApp", window_hours=24, reply_basis_days=30, provider_stop=False),
        now,
    )
    assert decision.permit is not None
    return decision.permit
