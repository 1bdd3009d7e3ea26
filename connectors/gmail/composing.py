"""Writes a mail: pure. What goes into headers is checked or encoded here, so that no line of a
stranger's subject can become a header of ours.

source  RFC 5322, RFC 2047, RFC 2231, RFC 3834, RFC 8058
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import format_datetime, formataddr
from urllib.parse import urlsplit

from connectors.gmail.manifest import MOST_FILE_BYTES
from inbox.domain.channel import OutboundFile, OutboundMessage
from inbox.domain.errors import Permanent
from inbox.domain.mail import domain_in_ascii

MOST_RECIPIENTS = 500
MOST_REFERENCES = 20
_CONTROL = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028\u2029]+")
_ADDRESS = re.compile(
    r"[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]{1,64}@[^\s@<>()\[\],;:\\\"\x00-\x1f\x7f]{1,255}"
)
_MAIL_ID = re.compile(r"[!-;=?-~]{1,240}", re.ASCII)
_TOKEN = re.compile(r"[0-9a-f]{32}", re.ASCII)
_HOST = re.compile(r"[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63}){0,8}", re.ASCII)
_MIME = re.compile(r"[a-z0-9][a-z0-9.+-]{0,60}/[a-z0-9][a-z0-9.+-]{0,60}", re.ASCII)
_UNSUBSCRIBE = re.compile(r"https?://[!#-;=?-~]{1,1900}", re.ASCII)


@dataclass(frozen=True, kw_only=True, slots=True)
class Composed:
    """A mail ready to leave. `mail_id` is its Message-ID without angle brackets."""

    mail_id: str
    thread_id: str | None
    content: bytes


def compose(message: OutboundMessage, senders: Mapping[str, str], now: datetime) -> Composed:
    """The mail of a message.

    senders   the addresses that the mailbox may send as, with the names people see; the first is
              the mailbox's own
    raises    Permanent: nothing to send, no such address, too many recipients, too large
    """
    if not message.text.strip() and not message.files:
        raise Permanent("There is nothing to send.", code="empty")
    more = message.content.get("mail") if message.content is not None else None
    mail: Mapping[str, object] = more if isinstance(more, Mapping) else {}
    host = our_host(message)
    mail_id = f"{message.id}{_token(mail.get('token'))}@{host}"
    letter = EmailMessage(policy=SMTP)
    letter["Subject"] = _subject(mail.get("subject")) or message.channel.name
    letter.set_content(message.text.replace("\0", ""))
    _attach(letter, message.files)
    headers = [
        ("From", _from(mail.get("from"), message, senders)),
        *_recipients(message, mail),
        ("Date", format_datetime(now)),
        ("Message-ID", f"<{mail_id}>"),
        *_threading(mail),
        ("X-Inbox-Loop", host),
        *_marks(mail),
    ]
    # Written here and not by the library, which takes a long id for text and encodes it.
    head = "".join(f"{name}: {value}\r\n" for name, value in headers)
    thread_id = mail.get("thread_id")
    return Composed(
        mail_id=mail_id,
        thread_id=thread_id if isinstance(thread_id, str) and thread_id else None,
        content=head.encode() + letter.as_bytes(),
    )


def our_host(message: OutboundMessage) -> str:
    """The name that our mails carry: the server's, else the mailbox's."""
    name = urlsplit(message.status_url).hostname or ""
    if _HOST.fullmatch(name):
        return name
    return message.channel.account.rpartition("@")[2]


def _token(value: object) -> str:
    """What a stranger cannot guess of our Message-ID; the same at each try."""
    return f".{value}" if isinstance(value, str) and _TOKEN.fullmatch(value) else ""


def _subject(value: object) -> str:
    return _CONTROL.sub(" ", value).strip()[:900] if isinstance(value, str) else ""


def _texts(value: object) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list | tuple) else []


def _address(text: str) -> str:
    """As it stands in a header: the domain in ASCII. raises Permanent"""
    name, _, domain = text.rpartition("@")
    written = domain_in_ascii(domain) if _ADDRESS.fullmatch(text) else None
    if written is None:
        raise Permanent("A recipient's address is no mail address. Check it.", code="bad_address")
    return f"{name}@{written}"


def _from(wanted: object, message: OutboundMessage, senders: Mapping[str, str]) -> str:
    """Gmail would replace another sender in silence, so only one that it accepts is named."""
    alias = wanted.lower() if isinstance(wanted, str) else ""
    address = alias if alias in senders else next(iter(senders), message.channel.account)
    name = _CONTROL.sub(" ", senders.get(address, "")).strip()[:60]
    return formataddr((name, _address(address)))


def _recipients(message: OutboundMessage, mail: Mapping[str, object]) -> list[tuple[str, str]]:
    """Each address once, whoever asked the gate for it among them."""
    seen: set[str] = set()
    found: dict[str, list[str]] = {}
    for name, field in (("To", "to"), ("Cc", "cc"), ("Bcc", "bcc")):
        for text in _texts(mail.get(field)):
            address = _address(text.strip())
            if address.lower() not in seen:
                seen.add(address.lower())
                found.setdefault(name, []).append(address)
    first = _address(message.to)
    if first.lower() not in seen:
        found["To"] = [first, *found.get("To", [])]
    if sum(map(len, found.values())) > MOST_RECIPIENTS:
        raise Permanent(
            f"Gmail sends one mail to {MOST_RECIPIENTS} people at most.", code="too_many_recipients"
        )
    order = ("To", "Cc", "Bcc")
    return [(name, ",\r\n ".join(found[name])) for name in order if name in found]


def _threading(mail: Mapping[str, object]) -> list[tuple[str, str]]:
    """`In-Reply-To`, and `References` with the answered one last, a line for each."""
    answered = _mail_ids(_texts(mail.get("in_reply_to")))[-1:]
    references = _mail_ids([*_texts(mail.get("references")), *answered])
    if len(references) > MOST_REFERENCES:
        # The first tells what began it and the last what is answered; in between most are guesses.
        references = [references[0], *references[-(MOST_REFERENCES - 1) :]]
    headers = [("In-Reply-To", f"<{one}>") for one in answered]
    if references:
        headers.append(("References", "\r\n ".join(f"<{one}>" for one in references)))
    return headers


def _mail_ids(texts: Iterable[str]) -> list[str]:
    """Those that are ids, each once, at its last place."""
    bare = (text.strip().strip("<>") for text in texts)
    found = [one for one in bare if _MAIL_ID.fullmatch(one)]
    return list(dict.fromkeys(reversed(found)))[::-1]


def _marks(mail: Mapping[str, object]) -> list[tuple[str, str]]:
    marks = []
    if mail.get("auto_reply") is True:
        marks += [("Auto-Submitted", "auto-replied"), ("X-Auto-Response-Suppress", "All")]
    url = mail.get("unsubscribe_url")
    if isinstance(url, str) and _UNSUBSCRIBE.fullmatch(url):
        marks.append(("List-Unsubscribe", f"<{url}>"))
        marks.append(("List-Unsubscribe-Post", "List-Unsubscribe=One-Click"))
    return marks


def _attach(letter: EmailMessage, files: tuple[OutboundFile, ...]) -> None:
    if sum(len(file.content) for file in files) > MOST_FILE_BYTES:
        raise Permanent(
            "The files are larger than a mail through Gmail may be (18 MB together). Send a link"
            " instead.",
            code="too_large",
        )
    for file in files:
        mime = file.mime if _MIME.fullmatch(file.mime) else "application/octet-stream"
        maintype, _, subtype = mime.partition("/")
        if maintype in ("multipart", "message"):
            maintype, subtype = "application", "octet-stream"
        name = _CONTROL.sub(" ", file.name).replace("/", "_").replace("\\", "_").strip()[:150]
        letter.add_attachment(
            file.content, maintype=maintype, subtype=subtype, filename=name or "file"
        )
