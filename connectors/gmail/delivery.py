"""What other mail servers and mail programs tell about a mail of ours: it could not be delivered,
it was complained about, it was read. RFC 3464, RFC 5965, RFC 8098, and what came before them.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Sequence
from dataclasses import dataclass

from connectors.body import clean
from connectors.gmail.addresses import address_in
from connectors.gmail.charset import decode
from connectors.gmail.headers import Headers, one_line, read_headers
from connectors.gmail.mime import Letter, leaves
from connectors.gmail.parts import Part
from inbox.domain.report import ProviderError

MOST_RECIPIENTS = 100

_STATUS = re.compile(r"(?<![\d.])([245])\.(\d{1,3})\.(\d{1,3})(?![\d.]*\d)")
_REPLY_CODE = re.compile(r"(?<![\d.-])([45])\d\d(?:[ -]|$)")
_RETURNED = re.compile(
    r"^(?:-{2,}.{0,60}(?:below this line|copy of|original message|returned message|"
    r"message header|message follows|unsent message).*|return-path:.*|received: from.*|"
    r"original message follows.*|.{0,20}original message headers.*)$",
    re.I | re.M,
)
_ALONE = re.compile(
    r"^[\s*>-]{0,10}(?:to:|recipient:|rcpt to:|user:|address:|"
    r"for:|final-recipient:.{0,12};)?\s{0,8}"
    r"[<(\"']{0,3}([^\s<>@()\"';,:]{1,128}@[^\s<>@()\"';,:]{1,200})[>)\"']{0,3}\s{0,4}"
    r"(?:[:;,(\[].{0,400}|\s+on\s.{0,200}|)$",
    re.I | re.M,
)
_MESSAGE_ID = re.compile(r"^[ \t>]{0,8}message-id:\s{0,8}<([^<>\s]{1,998})>", re.I | re.M)
_LATER = re.compile(
    r"will (?:be retried|keep trying|continue to (?:try|"
    r"attempt)|try again|retry)|still being retried"
    r"|has been delayed|delivery (?:is )?delayed|temporar(?:y|ily) (?:failure|deferred)"
    r"|not yet been delivered|warning message only|do not need to resend"
)
_NOBODY = re.compile(
    r"user (?:is )?unknown|unknown (?:user|recipient|address)|"
    r"no such (?:user|mailbox|recipient|address)"
    r"|does ?n[o']t exist|doesn't have an? \S+ account|no mailbox|mailbox (?:not found|unavailable)"
    r"|address not found|account (?:is|has been) (?:disabled|closed)|invalid recipient|not found"
    r"|recipient (?:address )?rejected|recipientnotfound|wasn't found"
)
_FULL = re.compile(
    r"mailbox (?:is )?full|over ?quota|quota exceeded|exceeded.{0,20}quota|out of storage"
)
_POLICY = re.compile(
    r"spam|blocked|blacklist|blocklist|policy|denied|dmarc|not authori[sz]ed|relaying"
)
# RFC 6533: a character of an address that is not ASCII.
_BEYOND = re.compile(r"\\x\{([0-9a-f]{2,6})\}", re.I)
_READ = ("displayed", "processed", "dispatched")


@dataclass(frozen=True, kw_only=True, slots=True)
class Delivery:
    """What became of a mail for one recipient.

    action     failed, delayed, delivered, relayed or expanded
    status     x.y.z of RFC 3463
    permanent  given up, and for a reason of class 5
    """

    recipient: str | None
    action: str
    status: str
    permanent: bool
    diagnostic: str = ""

    @property
    def dead(self) -> bool:
        """Nobody will ever be reached at this address."""
        if not self.permanent:
            return False
        _, subject, detail = self.status.split(".")
        if (subject, detail) in (("4", "4"), ("4", "1"), ("2", "1")):
            return True
        if subject == "0":
            return bool(_NOBODY.search(self.diagnostic.lower())) and not _POLICY.search(
                self.diagnostic.lower()
            )
        return subject == "1" and detail not in ("7", "8")


def deliveries(letter: Letter, ours: frozenset[str] = frozenset()) -> list[Delivery]:
    """One for each recipient that the report names, in its order; never empty: a bounce that names
    nobody has one with `recipient` None.

    ours  addresses that are not the recipient where a text names several
    """
    found: list[Delivery] = []
    for part in leaves(letter.root, "message/delivery-status", "message/global-delivery-status"):
        found += _groups(part.content())
    if not found and "final-recipient:" in letter.text.lower():
        text = letter.text[: 256 * 1024]
        found += _groups(text[text.lower().find("final-recipient:") :].encode())
    return found[:MOST_RECIPIENTS] or _from_text(letter, ours)


def _groups(content: bytes) -> list[Delivery]:
    """The recipients of a delivery-status part: blocks of fields with empty lines in between."""
    found: list[Delivery] = []
    for block in re.split(rb"\r?\n[ \t]*\r?\n", content[: 256 * 1024].strip())[:1000]:
        fields, _ = read_headers(block.strip() + b"\n")
        named = [_typed(fields, name) for name in ("final-recipient", "original-recipient")]
        # What is no address is a place on their side: a program, a directory's own name.
        addresses = [address for name in named if (address := address_in(name))]
        recipient = next(iter(addresses), named[0].lower() or named[1].lower() or None)
        if not recipient and not fields.text("action"):
            continue
        diagnostic = fields.text("diagnostic-code").partition(";")[2].strip()
        if len(found) < MOST_RECIPIENTS:
            found.append(
                _delivery(
                    recipient,
                    fields.text("action").split(" ")[0].strip(";").lower(),
                    fields.text("status"),
                    diagnostic or fields.text("diagnostic-code"),
                )
            )
    return found


def _typed(fields: Headers, name: str) -> str:
    kind, sign, value = fields.text(name)[:2000].partition(";")
    if not sign:
        kind, value = "", kind
    if kind.strip().lower() == "utf-8":
        value = clean(_BEYOND.sub(_character, value))
    return value.strip(" <>")[:320]


def _character(found: re.Match[str]) -> str:
    number = int(found.group(1), 16)
    return chr(number) if number <= sys.maxunicode else ""


def _delivery(recipient: str | None, action: str, status: str, diagnostic: str) -> Delivery:
    code = _STATUS.search(status)
    said = _STATUS.search(diagnostic)
    # "5.0.0" says that the server does not know; what the other one said may.
    if said and (code is None or code.group().endswith(".0.0")):
        code = said
    if code is None and (reply := _REPLY_CODE.search(diagnostic)):
        number = f"{reply.group(1)}.0.0"
    else:
        number = code.group() if code else ("4.0.0" if action == "delayed" else "5.0.0")
    known = ("failed", "delayed", "delivered", "relayed", "expanded")
    if action not in known:
        action = {"2": "delivered", "4": "delayed"}.get(number[0], "failed")
    return Delivery(
        recipient=recipient,
        action=action,
        status=number,
        permanent=action == "failed" and number[0] == "5",
        diagnostic=one_line(diagnostic)[:500],
    )


def _from_text(letter: Letter, ours: frozenset[str]) -> list[Delivery]:
    """A bounce in prose: who, from the headers or from a line that holds an address and little
    else; why, from the first code or phrase."""
    text = letter.text[:100_000].replace("’", "'")
    cut = _RETURNED.search(text)
    said = text[: cut.start()] if cut and cut.start() > 20 else text
    named = [a.strip(" <>").lower() for a in letter.headers.text("x-failed-recipients").split(",")]
    failed = [name for name in named if "@" in name]
    if not failed:
        lines = [found.group(1).rstrip(".:").lower() for found in _ALONE.finditer(said)]
        failed = _not_ours(lines, ours)
    if not failed:
        words = (word for word in said[:20_000].split() if "@" in word and len(word) < 320)
        others = (address_in(word) for word in words)
        failed = _not_ours([name for name in others if name], ours)[:1]
    lower = said.lower()
    later = _LATER.search(f"{lower} {letter.headers.text('subject').lower()}") is not None
    code = _STATUS.search(said)
    status = code.group() if code else _guessed(lower, later=later)
    told = _each([*failed[:MOST_RECIPIENTS]] or [None], lower, status, later=later)
    return [
        _delivery(recipient, "delayed" if later or own[0] == "4" else "failed", own, words[:500])
        for recipient, own, words in told
    ]


def _each(
    recipients: Sequence[str | None], text: str, status: str, *, later: bool
) -> list[tuple[str | None, str, str]]:
    """Each recipient with the code and the words that stand below its name, up to the next one;
    those of the whole text where it is alone or nothing is said there."""
    if len(recipients) < 2:
        return [(recipient, status, text) for recipient in recipients]
    found: list[tuple[str | None, str, str]] = []
    places = sorted((text.find(recipient), recipient) for recipient in recipients if recipient)
    for number, (start, recipient) in enumerate(places):
        stop = places[number + 1][0] if number + 1 < len(places) else len(text)
        words = text[start:stop] if start >= 0 else ""
        code = _STATUS.search(words)
        own = code.group() if code else _guessed(words, later=later)
        said = code is not None or not own.endswith(".0.0")
        found.append((recipient, own, words) if said else (recipient, status, text))
    return found


def _not_ours(found: list[str], ours: frozenset[str]) -> list[str]:
    """Each once; ours are left out unless nobody else is named."""
    each = list(dict.fromkeys(found))
    return [name for name in each if name not in ours] or each


def _guessed(text: str, *, later: bool) -> str:
    if later:
        return "4.0.0"
    if _FULL.search(text):
        return "5.2.2"
    if _NOBODY.search(text):
        return "5.1.1"
    if _POLICY.search(text):
        return "5.7.1"
    reply = _REPLY_CODE.search(text)
    return f"{reply.group(1)}.0.0" if reply else "5.0.0"


def original_id(letter: Letter) -> str | None:
    """The Message-ID of the mail that the report is about: from what it returned of it, else from
    what it answers."""
    for part in leaves(letter.root, "message/rfc822", "message/global", *_RETURNED_HEADERS):
        headers, _ = read_headers(part.content()[: 256 * 1024].lstrip())
        for own in headers.ids("message-id"):
            return own
    for part in leaves(letter.root, "message/disposition-notification"):
        for own in _fields(part).ids("original-message-id"):
            return own
    raw = letter.root.raw[letter.root.start : letter.root.start + 512 * 1024]
    for place in (letter.text[:512_000], decode(raw)):
        if (found := _MESSAGE_ID.search(place)) is not None:
            return found.group(1)
    for name in ("in-reply-to", "references"):
        for own in reversed(letter.headers.ids(name)):
            return own
    return None


_RETURNED_HEADERS = ("text/rfc822-headers", "message/rfc822-headers", "message/partial")


@dataclass(frozen=True, kw_only=True, slots=True)
class Complaint:
    """`type` is RFC 5965's: abuse, fraud, not-spam …"""

    recipient: str | None
    type: str
    original_message_id: str | None

    @property
    def of_person(self) -> bool:
        """Whether somebody wants no more of it; else they take that back, or a server reports what
        it checked (RFC 6591)."""
        return self.type not in ("not-spam", "auth-failure", "dmarc", "dkim", "spf")


def complaint(letter: Letter) -> Complaint:
    recipient, sort = None, "abuse"
    for part in leaves(letter.root, "message/feedback-report"):
        fields = _fields(part)
        sort = fields.text("feedback-type").lower()[:40] or sort
        recipient = address_in(fields.text("original-rcpt-to")[:400])
    if recipient is None:
        for part in leaves(letter.root, "message/rfc822", *_RETURNED_HEADERS):
            headers, _ = read_headers(part.content()[: 256 * 1024].lstrip())
            recipient = recipient or address_in(headers.text("to")[:1000])
    return Complaint(recipient=recipient, type=sort, original_message_id=original_id(letter))


def was_read(letter: Letter) -> bool:
    """Whether a read receipt says that a person saw the mail, and not that it was thrown away."""
    for part in leaves(letter.root, "message/disposition-notification"):
        said = _fields(part).text("disposition").lower()
        return said.rpartition(";")[2].strip().split("/")[0] in _READ
    return False


def _fields(part: Part) -> Headers:
    fields, _ = read_headers(part.content()[: 256 * 1024].lstrip())
    return fields


def explain(delivery: Delivery) -> ProviderError:
    """What an agent is told of a mail that was given up, and what the ledger learns of it."""
    _, subject, detail = delivery.status.split(".")
    if delivery.dead:
        reason = (
            "The address does not exist or takes no mail any more. Ask the contact for another one."
        )
    elif (subject, detail) == ("2", "2"):
        reason = "The contact's mailbox is full. Try again later, or reach them another way."
    elif subject == "7":
        reason = (
            "The contact's mail server refused the mail by its rules. Reach them another way, and "
            "tell an admin if it happens with other contacts too."
        )
    elif (subject, detail) in (("3", "4"), ("2", "3")):
        reason = (
            "The mail is too large for the contact's mail server. Send smaller files or a link."
        )
    elif not delivery.permanent:
        reason = "The contact's mail server could not be reached for days. Send it again later."
    else:
        reason = "The contact's mail server refused the mail. Reach them another way."
    return ProviderError(
        code=delivery.status,
        action="final",
        reason=reason,
        consent="address_invalid" if delivery.dead else None,
    )
