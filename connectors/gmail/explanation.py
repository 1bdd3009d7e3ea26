"""What we make of one mail in a file, for whoever asks "what did they send us?"."""

from __future__ import annotations

from datetime import UTC
from email.utils import parsedate_to_datetime

from connectors.gmail import delivery
from connectors.gmail.addresses import tag
from connectors.gmail.reading import Reading, own_account, read
from inbox.domain.mail import canonical


def explain(raw: bytes, account: str | None = None) -> dict[str, object]:
    """All that is read from the mail, JSON-ready, its HTML as it came. Never raises.

    account  whose mailbox it was in; None: as the mail itself tells
    """
    reading = read(raw, own_account(raw) if account is None else account.lower())
    letter = reading.letter
    full = reading.text + reading.folded
    return {
        "kind": reading.sort,
        "automated": reading.automated,
        "account": reading.account or None,
        "from_address": None if reading.author is None else reading.author.address,
        "from_name": None if reading.author is None else reading.author.name,
        "contact_address": None if reading.sender is None else reading.sender.address,
        "reply_address": reading.reply_address,
        "reply_all": list(reading.everyone()),
        "to": list(reading.to),
        "cc": list(reading.cc),
        "inbox_alias": _tag(reading),
        "subject": reading.subject,
        "date": _date(reading),
        "date_from": "internalDate" if _date(reading) is None else "Date",
        "message_id": reading.message_id,
        "in_reply_to": list(reading.in_reply_to),
        "references": list(reading.references),
        "thread_with": _thread(reading),
        "text": full,
        "text_contains": full,
        "reply_text": reading.text,
        "reply_text_contains": reading.text,
        "folded": reading.folded,
        "html": letter.html,
        "html_must_not_contain": letter.html or "",
        "attachments": [
            {
                "filename": file.name,
                "content_type": file.type,
                "inline": file.inline,
                "content_id": file.content_id,
                "size": file.size_bytes,
            }
            for file in letter.files
        ],
        **_reports(reading),
        "calendar_method": reading.calendar["method"],
        "calendar_uid": reading.calendar["uid"],
        "calendar_start": reading.calendar["starts"],
        "opt_out": _opt_out(reading),
        "creates_conversation": reading.opens,
        "counts_as_inbound_for_consent": reading.basis and reading.sender is not None,
        "must_not_raise": True,
    }


def _tag(reading: Reading) -> str | None:
    if reading.alias is None:
        return None
    same = canonical(reading.alias) == canonical(reading.account)
    return tag(reading.alias) if same else reading.alias


def _thread(reading: Reading) -> str | None:
    """The mail of ours that it most likely answers: the newest that it names."""
    if reading.sort in ("bounce", "complaint", "read_receipt"):
        return delivery.original_id(reading.letter)
    return next(iter((*reversed(reading.in_reply_to), *reversed(reading.references))), None)


def _date(reading: Reading) -> str | None:
    """None for what is no date, and for one without a zone: that may be hours off."""
    said = reading.letter.headers.text("date")[:200]
    try:
        at = parsedate_to_datetime(said)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None
    if at.tzinfo is None and "-0000" in said:
        at = at.replace(tzinfo=UTC)
    return None if at.tzinfo is None else at.isoformat()


def _reports(reading: Reading) -> dict[str, object]:
    """The parts that only a report has; None for any other mail."""
    bounces: list[dict[str, object]] = []
    told: dict[str, object] | None = None
    original = None
    if reading.sort in ("bounce", "complaint", "read_receipt"):
        original = delivery.original_id(reading.letter)
    if reading.sort == "bounce":
        bounces = [
            {
                "recipient": one.recipient,
                "action": one.action,
                "status": one.status,
                "permanent": one.permanent,
                "address_invalid": one.dead,
                "original_message_id": original,
            }
            for one in delivery.deliveries(reading.letter, frozenset({reading.account}))
        ]
    if reading.sort == "complaint":
        found = delivery.complaint(reading.letter)
        told = {
            "recipient": found.recipient,
            "type": found.type,
            "original_message_id": found.original_message_id,
        }
    receipt = {"original_message_id": original, "read": delivery.was_read(reading.letter)}
    return {
        "bounce": bounces[0] if bounces else None,
        "bounces": bounces,
        "complaint": told,
        "read_receipt": receipt if reading.sort == "read_receipt" else None,
    }


def _opt_out(reading: Reading) -> str | None:
    if reading.sort == "complaint":
        return "complaint" if delivery.complaint(reading.letter).of_person else None
    return "promotional" if reading.opts_out() else None
