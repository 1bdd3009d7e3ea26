"""What the tests of Messenger and Instagram share: their channels, signed bodies, what is reported
of them in a word each, and Graph's errors."""

from __future__ import annotations

import hmac
import json
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any

from inbox.domain.channel import Channel, Connector, OutboundMessage, Payload, WebhookRequest
from inbox.domain.channel import Secret as Hidden
from inbox.domain.consent import Purpose, Standing
from inbox.domain.gate import Attempt, Facts, Permit, Policy, decide
from inbox.domain.ids import ChannelId, WorkspaceId
from inbox.domain.report import (
    ChannelNotice,
    Edited,
    IdentityChanged,
    Ignored,
    MessageReceived,
    PreferenceReported,
    Reacted,
    Report,
    StatusReported,
    Unsent,
    WatermarkReported,
)
from tests.connectors.conftest import Reply
from tests.connectors.people import APP_SECRET, RECEIVED_AT, outbound, payload

PAGE, ACCOUNT = "300000000000001", "17841400000000001"
PSID, IGSID = "4000000000000001", "600000000000001"
_ACCOUNT_FIELD = {"messenger": ("page_id", PAGE), "instagram": ("account_id", ACCOUNT)}


def channel(kind: str, app_secret: str = APP_SECRET, **config: str) -> Channel:
    name, account = _ACCOUNT_FIELD[kind]
    secrets = {"access_token": "token-1", "app_secret": app_secret, "verify_token": "verify-1"}
    return Channel(
        id=ChannelId(f"chn_{kind}"),
        workspace_id=WorkspaceId("wsp_1"),
        kind=kind,
        name="Shop",
        account=account,
        config={name: account, **config},
        secrets={key: Hidden(text) for key, text in secrets.items()},
        provider_stop=False,
        created_at=RECEIVED_AT,
    )


def to_contact(to: Channel, text: str = "It is ready.", **changes: Any) -> OutboundMessage:
    return outbound(to, text, to={"messenger": PSID, "instagram": IGSID}[to.kind], **changes)


def late_permit_for(message: OutboundMessage) -> Permit:
    """The gate's yes three days after they wrote, on an account with the permission for it."""
    now = datetime.now(UTC)
    wrote_at = now - timedelta(days=3)
    decision = decide(
        Attempt(
            kind=message.channel.kind,
            purpose=Purpose.REPLY,
            actor="agent",
            subject=message.subject(),
        ),
        Facts(standing=Standing(), last_inbound_at=wrote_at, last_basis_at=wrote_at),
        Policy(
            label="Messenger",
            window_hours=24,
            human_agent_days=7,
            reply_basis_days=30,
            provider_stop=False,
        ),
        now,
    )
    assert decision.permit is not None
    return decision.permit


def wire(document: Any) -> bytes:
    """As Meta writes it: compact, non-ASCII escaped, and slashes too."""
    return json.dumps(document, separators=(",", ":")).replace("/", "\\/").encode()


def signed(kind: str, body: bytes, secret: str = APP_SECRET) -> WebhookRequest:
    digest = hmac.new(secret.encode(), body, sha256).hexdigest()
    return WebhookRequest(
        method="POST",
        url=f"https://inbox.example.com/webhooks/{kind}/chn_{kind}",
        query=b"",
        headers={"x-hub-signature-256": f"sha256={digest}", "content-type": "application/json"},
        body=body,
    )


def handshake(kind: str, query: bytes) -> WebhookRequest:
    return replace(signed(kind, b""), method="GET", query=query)


class Reader:
    """Parses bodies of one kind."""

    def __init__(self, connector: Connector) -> None:
        self._connector = connector
        self.kind = connector.manifest.kind

    def parse(self, document: Any) -> list[Report]:
        body = document if isinstance(document, bytes) else wire(document)
        call = Payload(method="POST", query=b"", content_type="application/json", body=body)
        return self._connector.parse(call, RECEIVED_AT)

    def example(self, name: str) -> list[Report]:
        return self.parse(payload(self.kind, name))

    def one_message(self, name: str) -> MessageReceived:
        (report,) = self.example(name)
        assert isinstance(report, MessageReceived)
        return report

    def event(self, **changes: Any) -> list[Report]:
        """What `text.json` reports with its event changed; None takes a key away."""
        document = payload(self.kind, "text")
        _change(document["entry"][0]["messaging"][0], changes)
        return self.parse(document)

    def message(self, **changes: Any) -> list[Report]:
        """The same with its message changed."""
        document = payload(self.kind, "text")
        _change(document["entry"][0]["messaging"][0]["message"], changes)
        return self.parse(document)

    def holding(self, *attachments: Any) -> MessageReceived:
        """What a message of nothing but these attachments reports."""
        (report,) = self.message(text=None, attachments=list(attachments))
        assert isinstance(report, MessageReceived)
        return report


def _change(target: dict[str, Any], changes: dict[str, Any]) -> None:
    for key, value in changes.items():
        if value is None:
            target.pop(key)
        else:
            target[key] = value


def word(report: Report) -> str:
    """The report as the tables of the tests have it."""
    match report:
        case MessageReceived():
            prefix = "echo " if report.direction == "outbound" else ""
            return prefix + report.type + (" in standby" if report.standby else "")
        case Edited():
            return "edited"
        case Unsent():
            return "unsent"
        case Reacted():
            return f"reacted {report.emoji}"
        case StatusReported():
            return report.status.value
        case WatermarkReported():
            return f"all {report.status.value}"
        case PreferenceReported():
            return report.act
        case ChannelNotice():
            return report.level
        case IdentityChanged():
            return "identity"
        case Ignored():
            return f"({report.reason})"


def graph_error(
    code: int, subcode: int | None = None, status: int = 400, retry_after: str | None = None
) -> Reply:
    error: dict[str, Any] = {"message": "(#1) title", "type": "OAuthException", "code": code}
    if subcode is not None:
        error["error_subcode"] = subcode
    headers = {"Retry-After": retry_after} if retry_after is not None else {}
    return Reply(status=status, body=json.dumps({"error": error}).encode(), headers=headers)
