"""Says what a mail that was pulled reports, or what a push of Google's asks for."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime
from urllib.parse import parse_qs

from connectors.body import NotJson, clean, decode, instant, mapping, text
from connectors.gmail import delivery
from connectors.gmail.reading import Reading, read
from connectors.gmail.sorting import is_auto_reply, our_id
from inbox.domain.channel import Payload
from inbox.domain.mail import address_key, canonical
from inbox.domain.message import Status
from inbox.domain.report import (
    Ignored,
    Mail,
    Media,
    MessageReceived,
    PreferenceReported,
    PullAsked,
    Report,
    Sender,
    StatusReported,
)

MAIL = "message/rfc822"
# What is known of a mail that Gmail did not give: its headers, or not even those.
UNREADABLE = "application/x-unreadable-mail"
_SET_ASIDE = frozenset({"DRAFT", "SPAM", "TRASH", "CHAT"})
_MOST_FILES = 200


def parse(payload: Payload, received_at: datetime) -> list[Report]:
    """What one journaled payload reports. Never raises.

    A mail is `message/rfc822` with what Gmail knows of it in the query: `id`, `thread_id`,
    `labels` (by comma), `internal_ms`, `account`, and `recovered` where no push told of it; one
    that cannot be read is `UNREADABLE`, with the same query. A push is JSON, and only says whose
    mailbox changed.
    """
    type_ = payload.content_type.partition(";")[0].strip().lower()
    if type_ not in (MAIL, UNREADABLE):
        return [_push(payload.body)]
    known = _known(payload.query)
    account, own_id = known.get("account", "").lower(), known.get("id", "")
    if not account or not own_id:
        return [Ignored(reason="no_mailbox", account=account or None)]
    labels = frozenset(known.get("labels", "").upper().split(","))
    if labels & _SET_ASIDE:
        return [Ignored(reason="not_in_the_inbox", account=account)]
    reading = read(payload.body, account, labels)
    # `instant` reads seconds.
    at = instant({"at": known.get("internal_ms", "")[:-3]}, "at", received_at)
    if type_ == UNREADABLE:
        return [_unreadable(reading, known, at, labels)]
    if reading.sort == "bounce":
        return _bounce(reading, at)
    if reading.sort == "complaint":
        return [_complaint(reading, at)]
    if reading.sort == "read_receipt":
        return [_receipt(reading, at)]
    return [_message(reading, known, at, labels)]


def media_ref(message_id: str, number: int) -> str:
    """How a file of a mail is found again: the mail's id at Gmail and the file's number in it."""
    return f"{message_id} {number}"


def read_ref(ref: str) -> tuple[str, int] | None:
    """The two parts of a `media_ref`; None for anything else."""
    message_id, sign, number = ref.partition(" ")
    if not sign or not number.isascii() or not number.isdigit() or len(number) > 4:
        return None
    return message_id, int(number)


def _known(query: bytes) -> dict[str, str]:
    try:
        pairs = parse_qs(query.decode("utf-8", "replace"), max_num_fields=50)
    except ValueError:
        return {}
    return {name: clean(values[0])[:2048] for name, values in pairs.items()}


def _push(body: bytes) -> Report:
    """A Pub/Sub push: base64 of either alphabet, with padding or without."""
    try:
        data = text(mapping(decode(body), "message"), "data") or ""
        raw = data.strip().replace("-", "+").replace("_", "/").rstrip("=")
        told = decode(base64.b64decode(raw + "=" * (-len(raw) % 4), validate=True))
    except (NotJson, binascii.Error, ValueError):
        return Ignored(reason="malformed_push")
    address = text(told, "emailAddress") if isinstance(told, Mapping) else None
    if not address or "@" not in address or len(address) > 320:
        return Ignored(reason="malformed_push")
    return PullAsked(account=address.strip().lower())


def _message(
    reading: Reading, known: Mapping[str, str], at: datetime | None, labels: frozenset[str]
) -> Report:
    """What a person or a program wrote. What the mailbox's owner sent from Gmail's own pages may
    begin a conversation; a mail of ours that comes back as another's copy may not.

    That the mailbox sent it is Gmail's to say, by its label. Headers alone say so of nothing:
    anybody writes them, and a stranger's mail would stand there as an agent's.
    """
    outbound = reading.sort == "own_message" and "SENT" in labels
    sender = _recipient(reading) if outbound else _sender(reading)
    if not outbound and sender is not None and _is_us(sender.address, reading):
        return Ignored(reason="in_our_name", account=reading.account)
    if sender is None:
        reason = "no_recipient" if outbound else "no_sender"
        return Ignored(reason=reason, account=reading.account)
    media = _media(reading, known["id"])
    return MessageReceived(
        account=reading.account,
        provider_id=known["id"],
        sender=sender,
        type=_type(reading, media),
        text=reading.text,
        media=media,
        sent_at=at,
        opt_out_type="STOP" if reading.unsubscribes_by_button() else None,
        direction="outbound" if outbound else "inbound",
        message_id=our_id(reading.message_id or "") if outbound else None,
        mail=_mail(reading, known, sent=outbound),
        recovered=known.get("recovered") == "1",
    )


def _unreadable(
    reading: Reading, known: Mapping[str, str], at: datetime | None, labels: frozenset[str]
) -> Report:
    """That a mail came, and from whom, where only its headers can be had."""
    if reading.sort in ("bounce", "complaint", "read_receipt"):
        # What it reports stands in what could not be read.
        return Ignored(reason="unreadable_mail", account=reading.account)
    report = _message(reading, known, at, labels)
    if isinstance(report, MessageReceived):
        return replace(report, type="unsupported", text="", media=())
    return Ignored(reason="unreadable_mail", account=reading.account)


def _mail(reading: Reading, known: Mapping[str, str], *, sent: bool) -> Mail:
    answered = reading.in_reply_to
    others = [one for one in answered[1:] if one not in reading.references]
    return Mail(
        subject=reading.subject,
        message_id=reading.message_id or f"{known['id']}@gmail.invalid",
        thread_id=known.get("thread_id"),
        in_reply_to=answered[0] if answered else None,
        references=(*reading.references, *others),
        from_address=None if reading.author is None else reading.author.address,
        reply_address=reading.reply_address,
        to=reading.to,
        cc=reading.cc,
        alias=reading.alias,
        folded=reading.folded,
        html=reading.letter.html,
        sort=reading.sort,
        # What somebody of ours wrote at Gmail is a person's; an absence notice of ours is not.
        automated=is_auto_reply(reading.letter.headers) if sent else reading.automated,
        opens=reading.opens or sent,
        basis=reading.basis,
    )


def _sender(reading: Reading) -> Sender | None:
    who = reading.sender
    if who is None:
        return None
    return _person(who.address, who.name)


def _recipient(reading: Reading) -> Sender | None:
    """Whom our own mail went to: the first who is not us."""
    for address in (*reading.to, *reading.cc, *reading.bcc):
        if not _is_us(address, reading):
            return _person(address)
    return None


def _person(address: str, name: str | None = None) -> Sender:
    """Shown as they write their address, known by the one form of it."""
    return Sender(keys=(address_key(address),), address=address, handle=address, name=name)


def _is_us(address: str, reading: Reading) -> bool:
    return canonical(address) == canonical(reading.account)


def _media(reading: Reading, message_id: str) -> tuple[Media, ...]:
    return tuple(
        Media(
            ref=media_ref(message_id, file.number),
            kind=file.kind,
            mime=file.type,
            name=file.name,
            size_bytes=file.size_bytes,
            content_id=file.content_id if file.inline else None,
        )
        for file in reading.letter.files[:_MOST_FILES]
    )


def _type(reading: Reading, media: tuple[Media, ...]) -> str:
    if reading.text.strip() or reading.subject:
        only = media[0].kind if len(media) == 1 and not reading.text.strip() else None
        return only or "text"
    return media[0].kind if media else "unsupported" if _is_nothing(reading) else "text"


def _is_nothing(reading: Reading) -> bool:
    """Neither text nor files came out of bytes that were there."""
    return bool(reading.letter.root.body().strip())


def _bounce(reading: Reading, at: datetime | None) -> list[Report]:
    account = reading.account
    original = delivery.original_id(reading.letter)
    own = our_id(original or "")
    if original is None or own is None:
        return [Ignored(reason="bounce_of_no_message_of_ours", account=account)]
    reports: list[Report] = []
    for one in delivery.deliveries(reading.letter, frozenset({account})):
        if one.action not in ("failed", "delivered"):
            reports.append(Ignored(reason=f"bounce_{one.action}", account=account))
            continue
        failed = one.action == "failed"
        reports.append(
            StatusReported(
                account=account,
                status=Status.FAILED if failed else Status.DELIVERED,
                provider_id=original,
                message_id=own,
                recipient=one.recipient,
                at=at,
                error=delivery.explain(one) if failed else None,
            )
        )
    return reports


def _complaint(reading: Reading, at: datetime | None) -> Report:
    """A complaint counts when the mail that it is about is ours: anybody can write one."""
    account = reading.account
    told = delivery.complaint(reading.letter)
    own = our_id(told.original_message_id or "")
    if told.recipient is None or own is None:
        return Ignored(reason="complaint_of_no_message_of_ours", account=account)
    if not told.of_person:
        return Ignored(reason=f"report_{told.type}"[:40], account=account)
    who = _person(told.recipient)
    return PreferenceReported(
        account=account,
        sender=who,
        act="stop",
        code="complaint",
        at=at,
        covers="all",
        message_id=own,
    )


def _receipt(reading: Reading, at: datetime | None) -> Report:
    original = delivery.original_id(reading.letter)
    own = our_id(original or "")
    if original is None or own is None or not delivery.was_read(reading.letter):
        return Ignored(reason="read_receipt", account=reading.account)
    sender = reading.author
    return StatusReported(
        account=reading.account,
        status=Status.READ,
        provider_id=original,
        message_id=own,
        recipient=None if sender is None else sender.address,
        at=at,
    )
