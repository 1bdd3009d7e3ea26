"""What a connector makes of one webhook body, as JSON: the answer to "what did they send us?".

Touches no database and no network, and believes the file: no signature is asked for.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import Protocol, runtime_checkable

from inbox import mail_cleaning
from inbox.domain.channel import Connector, Payload
from inbox.domain.errors import AssentError, MalformedPayload
from inbox.domain.report import (
    ChannelNotice,
    Edited,
    IdentityChanged,
    Ignored,
    Media,
    MessageReceived,
    PreferenceReported,
    PullAsked,
    Reacted,
    Report,
    Sender,
    StatusReported,
    TemplateChanged,
    Unsent,
    WatermarkReported,
)

# A file may have been written where the clock goes ahead of ours, or for a test.
_AHEAD = timedelta(days=3650)

Shape = dict[str, object]


class Unexplained(AssentError):
    """Nothing can be said of this file as that kind."""

    code = "unexplained"


@runtime_checkable
class ReadsSamples(Protocol):
    """A connector whose webhooks are not JSON: it knows how people keep one in a file."""

    def sample(self, raw: bytes) -> Payload: ...


@runtime_checkable
class NamesSources(Protocol):
    """A connector whose `Media.ref` is not just an address."""

    def media_source(self, ref: str) -> Mapping[str, str]: ...


@runtime_checkable
class ExplainsItself(Protocol):
    """A connector whose bodies hold more than messages and statuses: it says itself, JSON-ready,
    what it makes of a file. What is named `html…` it gives as it came: that is made safe here, by
    the rules of the inbox. Raises MalformedPayload for what is nothing of the kind."""

    def explain(self, raw: bytes) -> Mapping[str, object]: ...


def explain(kind: str, raw: bytes, connectors: Mapping[str, Connector], now: datetime) -> Shape:
    """What the connector of this kind reports of one body: `messages`, `statuses`, and `other`
    with a word for each kind of thing. raises Unexplained"""
    connector = connectors.get(kind)
    if connector is None:
        raise Unexplained(
            f"There is no such kind of channel: choose {_choice(sorted(connectors))}."
        )
    try:
        if isinstance(connector, ExplainsItself):
            return {name: _safe(name, told) for name, told in connector.explain(raw).items()}
        if isinstance(connector, ReadsSamples):
            payload = connector.sample(raw)
        else:
            payload = Payload(method="POST", query=b"", content_type="application/json", body=raw)
        reports = connector.parse(payload, now + _AHEAD)
    except MalformedPayload as error:
        provider = connector.manifest.provider
        raise Unexplained(f"The file is no webhook of {provider} for {kind}: {error}.") from error
    return {
        "messages": [_message(r, connector) for r in reports if isinstance(r, MessageReceived)],
        "statuses": [_status(r) for r in reports if isinstance(r, StatusReported)],
        "other": [
            _other(r) for r in reports if not isinstance(r, MessageReceived | StatusReported)
        ],
    }


def _safe(name: str, told: object) -> object:
    """What an agent is shown of HTML at first: its own pictures alone, and nothing that acts."""
    if name.startswith("html") and isinstance(told, str):
        return mail_cleaning.at_first(told)
    return told


def _choice(kinds: Sequence[str]) -> str:
    return " or ".join([", ".join(kinds[:-1]), kinds[-1]] if len(kinds) > 1 else kinds)


def _present(**values: object) -> Shape:
    return {name: value for name, value in values.items() if value is not None}


def _message(report: MessageReceived, connector: Connector) -> Shape:
    contact = _person(report.sender)
    inbound = report.direction == "inbound"
    return {
        "provider_id": report.provider_id,
        "direction": report.direction,
        "from": contact if inbound else report.account,
        **_present(to=None if inbound else contact),
        "type": report.type,
        "text": report.text,
        "at": _time(report.sent_at),
        "attachments": [_attachment(media, connector) for media in report.media],
        **_present(
            reply_to=report.reply_to,
            content=None if report.content is None else dict(report.content),
            standby=report.standby or None,
        ),
    }


def _attachment(media: Media, connector: Connector) -> Shape:
    if isinstance(connector, NamesSources):
        source = connector.media_source(media.ref)
    else:
        source = {"url": media.ref}
    return {"kind": media.kind, **source, **_present(mime_type=media.mime, filename=media.name)}


def _status(report: StatusReported) -> Shape:
    return {
        "provider_id": report.provider_id,
        "status": report.status.value,
        "recipient": report.recipient,
        "at": _time(report.at),
        **_present(error_code=report.error and report.error.code),
    }


def _other(report: Report) -> Shape:
    """What is neither a message nor a status: a word for it, and the ids it is about."""
    match report:
        case Edited():
            found = _present(provider_id=report.provider_id, edition=report.edition)
            return {"kind": "edit", **found, "text": report.text, "at": _time(report.at)}
        case Unsent():
            return {"kind": "unsend", "provider_id": report.provider_id, "at": _time(report.at)}
        case Reacted():
            sender = None if report.sender is None else _person(report.sender)
            return {
                "kind": "reaction",
                "provider_id": report.provider_id,
                "from": sender or report.account,
                "emoji": report.emoji,
                "at": _time(report.at),
            }
        case IdentityChanged():
            old, new = list(report.old_keys), list(report.sender.keys)
            return {"kind": "identity_change", "old": old, "new": new, "at": _time(report.at)}
        case PreferenceReported():
            return {
                "kind": "preference",
                "from": _person(report.sender),
                "act": report.act,
                "code": report.code,
                "at": _time(report.at),
            }
        case WatermarkReported():
            return {
                "kind": "watermark",
                "from": _person(report.sender),
                "status": report.status.value,
                "through": _time(report.through),
                **_present(provider_id=report.provider_id),
            }
        case ChannelNotice():
            return {
                "kind": "notice",
                "account": report.account,
                "level": report.level,
                "code": report.code,
                "reason": report.reason,
            }
        case TemplateChanged():
            return {
                "kind": "template",
                "account": report.account,
                "name": report.name,
                **_present(
                    language=report.language,
                    status=report.status and report.status.value,
                    category=report.category and report.category.value,
                    quality=report.quality,
                    reason=report.reason,
                    gone=report.gone or None,
                ),
            }
        case PullAsked():
            return {"kind": "pull", "account": report.account}
        case Ignored():
            return {"kind": "ignored", "reason": report.reason, **_present(account=report.account)}
    raise TypeError(f"a report of a kind that has no word here: {type(report).__name__}")


def _person(sender: Sender) -> str:
    """The provider's own id of somebody, as it wrote it."""
    return sender.keys[0] if sender.keys else sender.address


def _time(at: datetime | None) -> str | None:
    return None if at is None else at.astimezone(UTC).isoformat().replace("+00:00", "Z")
