"""Says what a body of the messaging envelope reports: messages, echoes, edits, reactions, receipts.

Both kinds send the same events, some of them in a form of their own; a form that only one of them
documents is read for both. What a message holds is read in `content.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from connectors import meta
from connectors.body import clean, code, items, line, mapping, our_message, text
from connectors.content import read_choice
from connectors.messaging.content import read_content, read_referral
from connectors.messaging.values import message_id, moment, own_id
from inbox.domain.channel import Payload
from inbox.domain.message import Status
from inbox.domain.report import (
    ChannelNotice,
    Edited,
    Ignored,
    MessageReceived,
    PreferenceReported,
    Reacted,
    Report,
    Sender,
    StatusReported,
    Unsent,
    WatermarkReported,
)

# Events that change nothing here; the first key of an event that is listed says what it is.
_SET_ASIDE = {
    "referral": "referral",
    "account_linking": "account_linking",
    "pass_thread_control": "handover",
    "take_thread_control": "handover",
    "request_thread_control": "handover",
    "app_roles": "handover",
    "order": "order",
    "response_feedback": "feedback",
    "messaging_feedback": "feedback",
}
# What the dashboard's test button sends.
_TEST_ACCOUNT, _TEST_SENDERS = "0", ("12334",)
_COMMENTS = ("feed", "comments", "live_comments", "mentions", "mention")
_EMOJI = {
    "smile": "😆",
    "laugh": "😆",
    "angry": "😠",
    "sad": "😢",
    "wow": "😮",
    "love": "❤️",
    "like": "👍",
    "dislike": "👎",
}
_NOTICES = {
    "block": ("stopped", "Meta blocked this account from sending. An admin must appeal at Meta."),
    "warning": (
        "warning",
        "Meta warned this account for what it sent. An admin should look there.",
    ),
    "unblock": ("warning", "Meta lifted its block of this account: messages can be sent again."),
}


@dataclass(frozen=True, kw_only=True, slots=True)
class Dialect:
    """How a kind's bodies differ.

    object   the word by which an envelope says whose it is
    handle   what to call a person of whom nothing but the id is known
    """

    object: str
    handle: Callable[[str], str]


@dataclass(frozen=True, kw_only=True, slots=True)
class _Event:
    """One event of one entry.

    person  who stands on the other side of our account
    ours    our side did it, elsewhere
    sent    when, as it was written: a repeat has it again
    """

    body: Mapping[str, object]
    account: str
    person: Sender | None
    ours: bool
    standby: bool
    sent: str
    received_at: datetime

    @property
    def at(self) -> datetime | None:
        return moment(self.body, "timestamp", self.received_at)

    def ignored(self, reason: str) -> Ignored:
        return Ignored(reason=reason, account=self.account)


def parse(payload: Payload, received_at: datetime, dialect: Dialect) -> list[Report]:
    """Say what one webhook body reports, in Meta's order.

    received_at  aware UTC; only to tell which of Meta's times can be true
    returns      none, one or many reports; what we have no use for is `Ignored`
    raises       MalformedPayload: not JSON, or no `entry` list
    source       developers.facebook.com/docs/messenger-platform/reference/webhook-events
    """
    envelope = meta.envelope(payload.body)
    if isinstance(envelope, list) and len(envelope) == 1:
        envelope = envelope[0]  # so it stands in some of Meta's own examples
    reports: list[Report] = []
    for entry in meta.entries(envelope):
        if line(envelope, "object", 64) not in (None, dialect.object):
            reports.append(Ignored(reason="other_kind"))
        else:
            reports.extend(_entry(entry, received_at, dialect))
    return reports


def _entry(entry: object, received_at: datetime, dialect: Dialect) -> Iterator[Report]:
    account = own_id(entry, "id") or _account_in(entry)
    if account is None or not isinstance(entry, Mapping):
        yield Ignored(reason="malformed_item")
        return
    empty = True
    for name in ("messaging", "standby"):
        for body in items(entry, name):
            empty = False
            yield from _events(body, entry, account, name == "standby", received_at, dialect)
    # Instagram's own login puts what changed directly into its entry.
    for change in (*items(entry, "changes"), *([entry] if "field" in entry else ())):
        empty = False
        field, value = line(change, "field", 64), mapping(change, "value")
        if "sender" in value and field not in _COMMENTS:
            yield from _events(value, entry, account, field == "standby", received_at, dialect)
        else:
            yield Ignored(reason=_change(field), account=account)
    if empty:
        yield Ignored(reason="empty_entry", account=account)


def _account_in(entry: object) -> str | None:
    """Whose entry it is that does not say so: to whom its first event went, or who sent an echo."""
    for event in (*items(entry, "messaging"), *items(entry, "standby")):
        echo = mapping(event, "message").get("is_echo") is True
        return own_id(mapping(event, "sender" if echo else "recipient"), "id")
    return None


def _change(field: str | None) -> str:
    if field in _COMMENTS:
        return "comment"
    if field is not None and field.startswith("messag"):
        return "test"
    return "unknown_field"


def _events(
    body: object,
    entry: Mapping[str, object],
    account: str,
    standby: bool,
    received_at: datetime,
    dialect: Dialect,
) -> Iterator[Report]:
    if not isinstance(body, Mapping) or not body:
        yield Ignored(reason="malformed_item", account=account)
        return
    sender, recipient = mapping(body, "sender"), mapping(body, "recipient")
    sender_id, recipient_id = own_id(sender, "id"), own_id(recipient, "id")
    if account == _TEST_ACCOUNT or sender_id in _TEST_SENDERS:
        yield Ignored(reason="test", account=account)
        return
    ours = sender_id == account
    if not ours and recipient:
        # Filed under the entry's account it could be somebody else's conversation.
        if recipient_id is None:
            yield Ignored(reason="account_differs", account=account)
            return
        account = recipient_id
    found, person = (recipient_id, recipient) if ours else (sender_id, sender)
    event = _Event(
        body=body,
        account=account,
        person=_person(found, person, dialect) if found != account else None,
        ours=ours,
        standby=standby,
        sent=_plain(body.get("timestamp") or entry.get("time")),
        received_at=received_at,
    )
    if ours and found == account:
        yield event.ignored("self")
        return
    yield from _read(event)


def read_event(
    body: object,
    entry: Mapping[str, object],
    account: str,
    received_at: datetime,
    dialect: Dialect,
) -> Iterator[Report]:
    """One event by itself, for what Meta lists in a form of its own."""
    yield from _events(body, entry, account, False, received_at, dialect)


def _plain(value: object) -> str:
    return clean(str(value))[:64] if isinstance(value, int | float | str) else ""


def _person(found: str | None, person: Mapping[str, object], dialect: Dialect) -> Sender | None:
    if found is None:
        return None
    username = line(person, "username", 64)
    handle = f"@{username.lstrip('@')}" if username else dialect.handle(found)
    return Sender(keys=(found,), address=found, handle=handle)


def _read(event: _Event) -> Iterator[Report]:
    if "policy_enforcement" in event.body:
        yield _policy(event)
        return
    for key, reason in _SET_ASIDE.items():
        if key in event.body and "message" not in event.body:
            yield event.ignored(reason)
            return
    read = next((read for key, read in _READERS.items() if key in event.body), None)
    if read is None:
        yield event.ignored("unknown_event")
    elif event.ours and read not in _OF_OURS:
        yield event.ignored("echo")
    elif event.person is None:
        # Behind a checkbox on a web page there is nobody yet that could be answered.
        yield event.ignored("no_sender")
    else:
        yield from read(event, event.person)


def _message(event: _Event, person: Sender) -> Iterator[Report]:
    message = mapping(event.body, "message")
    mid = message_id(message)
    if mid is None:
        yield event.ignored("malformed_item")
        return
    if message.get("is_self") is True:
        yield event.ignored("self")
        return
    if message.get("is_echo") is True and not event.ours:
        # Our own words must never be read as the contact's.
        yield event.ignored("account_differs")
        return
    if message.get("is_deleted") is True:
        yield Unsent(account=event.account, provider_id=mid, at=event.at)
        return
    content = read_content(message)
    yield MessageReceived(
        account=event.account,
        provider_id=mid,
        sender=person,
        type=content.type,
        text=content.text,
        media=content.media,
        sent_at=event.at,
        reply_to=message_id(mapping(message, "reply_to")),
        direction="outbound" if event.ours else "inbound",
        message_id=our_message(line(message, "metadata", 1000)) if event.ours else None,
        content=dict(content.more) or None,
        standby=event.standby,
    )


def _postback(event: _Event, person: Sender) -> Iterator[Report]:
    """A button, a menu entry or an ice breaker. Old bodies have no id, and those of a thread that
    another program answers have no payload."""
    part = mapping(event.body, "postback")
    pressed, title = text(part, "payload"), line(part, "title", 512)
    choice = read_choice(pressed, title)
    if choice is None:
        yield event.ignored("malformed_item")
        return
    words, more = choice
    referral = read_referral(mapping(part, "referral"))
    known = f"{event.account} {person.address} {event.sent} {pressed or title}"
    yield MessageReceived(
        account=event.account,
        provider_id=message_id(part) or f"postback_{sha256(known.encode()).hexdigest()[:40]}",
        sender=person,
        type="postback",
        text=words,
        sent_at=event.at,
        content={**more, **({"referral": referral} if referral else {})},
        standby=event.standby,
    )


def _edit(event: _Event, _: Sender) -> Iterator[Report]:
    part = mapping(event.body, "message_edit")
    mid, words = message_id(part), text(part, "text")
    if mid is None or words is None:
        yield event.ignored("malformed_item")
        return
    edition = code(part, "num_edit")
    yield Edited(account=event.account, provider_id=mid, text=words, edition=edition, at=event.at)


def _reaction(event: _Event, person: Sender) -> Iterator[Report]:
    part = mapping(event.body, "reaction")
    mid, action = message_id(part), line(part, "action", 16)
    if action is None and ("emoji" in part or "reaction" in part):
        action = "react"
    if mid is None or action not in ("react", "unreact"):
        yield event.ignored("malformed_item")
        return
    emoji = None
    if action == "react":
        emoji = line(part, "emoji", 32) or _EMOJI.get(line(part, "reaction", 16) or "")
        if emoji is None:
            yield event.ignored("unknown_reaction")
            return
    yield Reacted(
        account=event.account,
        provider_id=mid,
        sender=None if event.ours else person,
        emoji=emoji,
        at=event.at,
    )


def _delivery(event: _Event, person: Sender) -> Iterator[Report]:
    """By id where Meta gives ids, which may be missing, and up to an instant."""
    part = mapping(event.body, "delivery")
    empty = True
    for item in items(part, "mids"):
        mid = message_id({"mid": item})
        if mid is not None:
            empty = False
            yield StatusReported(
                account=event.account, status=Status.DELIVERED, provider_id=mid, at=event.at
            )
    through = moment(part, "watermark", event.received_at)
    if through is not None:
        empty = False
        yield WatermarkReported(
            account=event.account, sender=person, status=Status.DELIVERED, through=through
        )
    if empty:
        yield event.ignored("malformed_item")


def _seen(event: _Event, person: Sender) -> Iterator[Report]:
    """Messenger says up to when, Instagram up to which message."""
    part = mapping(event.body, "read")
    through, mid = moment(part, "watermark", event.received_at), message_id(part)
    if through is None and mid is None:
        yield event.ignored("malformed_item")
        return
    yield WatermarkReported(
        account=event.account, sender=person, status=Status.READ, through=through, provider_id=mid
    )


def _optin(event: _Event, person: Sender) -> Iterator[Report]:
    """An opt-in to promotions of one topic, or its end. Another opt-in (a plugin on a web page) is
    a wish to be written to, and no consent to promotions."""
    part = mapping(event.body, "optin")
    if line(part, "type", 64) != "notification_messages":
        yield event.ignored("optin")
        return
    said = line(part, "notification_messages_status", 64)
    match (said or "RESUME").upper().replace("_", " ").split():
        case ["STOP", *_]:
            stop = True
        case ["RESUME", *_]:
            stop = False
        case _:
            yield event.ignored("unknown_preference")
            return
    yield PreferenceReported(
        account=event.account,
        sender=person,
        act="stop" if stop else "resume",
        code="notification_messages",
        at=event.at,
    )


def _policy(event: _Event) -> Report:
    action = line(mapping(event.body, "policy_enforcement"), "action", 32)
    if action not in _NOTICES:
        return event.ignored("unknown_notice")
    level, reason = _NOTICES[action]
    return ChannelNotice(
        account=event.account,
        level="stopped" if level == "stopped" else "warning",
        code=f"policy_{action}",
        reason=reason,
    )


_READERS: Mapping[str, Callable[[_Event, Sender], Iterator[Report]]] = {
    "message": _message,
    "postback": _postback,
    "message_edit": _edit,
    "reaction": _reaction,
    "delivery": _delivery,
    "read": _seen,
    "optin": _optin,
}
_OF_OURS = (_message, _edit, _reaction)
