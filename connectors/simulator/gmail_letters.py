"""Writes the mails that customers and their mail servers send, and reads what is to be known of
any: as mail programs do it, not as the inbox does.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import datetime
from email import message_from_bytes, policy
from email.message import EmailMessage, Message
from email.policy import SMTP
from email.utils import format_datetime, formataddr, getaddresses


@dataclass(frozen=True, kw_only=True, slots=True)
class File:
    name: str
    mime: str
    content: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Answered:
    """The mail that another one answers, for its headers and for the quote below it."""

    mail_id: str
    references: tuple[str, ...]
    subject: str
    text: str
    author: str
    at: datetime


@dataclass(frozen=True, kw_only=True, slots=True)
class Heads:
    """What a mail's headers say; ids with their angle brackets, addresses in lower case."""

    mail_id: str
    subject: str
    sender: str
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    references: tuple[str, ...]


def write(
    *,
    sender: tuple[str, str],
    to: str,
    cc: str = "",
    subject: str,
    text: str,
    html: str = "",
    files: tuple[File, ...] = (),
    answered: Answered | None = None,
    at: datetime,
) -> bytes:
    """`sender` is name and address."""
    letter = EmailMessage(policy=SMTP)
    letter["From"] = formataddr(sender)
    letter["To"] = to
    if cc:
        letter["Cc"] = cc
    letter["Date"] = format_datetime(at)
    letter["Message-ID"] = new_mail_id(sender[1])
    if answered is not None:
        letter["In-Reply-To"] = answered.mail_id
        letter["References"] = " ".join((*answered.references, answered.mail_id)[-10:])
        if not subject:
            again = answered.subject.lower().startswith("re:")
            subject = answered.subject if again else f"Re: {answered.subject}"
    letter["Subject"] = subject
    letter.set_content(text + (_quote(answered) if answered is not None else "") + "\n")
    if html:
        letter.add_alternative(html, subtype="html")
    for file in files:
        maintype, _, subtype = file.mime.partition("/")
        letter.add_attachment(
            file.content, maintype=maintype, subtype=subtype or "x", filename=file.name
        )
    return letter.as_bytes()


def new_mail_id(address: str) -> str:
    return f"<{secrets.token_urlsafe(18)}@mail.{address.rpartition('@')[2] or 'example.com'}>"


def _quote(answered: Answered) -> str:
    if not answered.text:
        return ""
    lines = "".join(f"\n> {line}" for line in answered.text.splitlines()[:40])
    on = answered.at.strftime("%a, %d %b %Y at %H:%M")
    return f"\n\nOn {on} {answered.author} wrote:\n{lines}"


def bounce(account: str, recipient: str, original: bytes, at: datetime) -> bytes:
    """What a mail server sends back: nobody has this address."""
    heads = read(original)
    boundary = secrets.token_hex(12)
    lines = [
        "From: Mail Delivery Subsystem <mailer-daemon@googlemail.com>",
        f"To: {account}",
        "Subject: Delivery Status Notification (Failure)",
        f"Date: {format_datetime(at)}",
        f"Message-ID: {new_mail_id('mx.example.com')}",
        f"In-Reply-To: {heads.mail_id}",
        f"References: {heads.mail_id}",
        f"X-Failed-Recipients: {recipient}",
        "Auto-Submitted: auto-replied",
        "MIME-Version: 1.0",
        f'Content-Type: multipart/report; report-type=delivery-status; boundary="{boundary}"',
        "",
        f"--{boundary}",
        "Content-Type: text/plain; charset=utf-8",
        "",
        f"Your message wasn't delivered to {recipient} because the address couldn't be found.",
        f"--{boundary}",
        "Content-Type: message/delivery-status",
        "",
        "Reporting-MTA: dns; mx.example.com",
        "",
        f"Final-Recipient: rfc822; {recipient}",
        "Action: failed",
        "Status: 5.1.1",
        "Diagnostic-Code: smtp; 550 5.1.1 The email account does not exist",
        f"--{boundary}",
        "Content-Type: text/rfc822-headers",
        "",
        f"Message-ID: {heads.mail_id}",
        f"--{boundary}--",
        "",
    ]
    return "\r\n".join(lines).encode()


def parse(raw: bytes) -> Message:
    return message_from_bytes(raw, policy=policy.compat32)


def read(raw: bytes) -> Heads:
    """Whatever the mail looks like: what cannot be read is empty."""
    message = parse(raw)

    def addresses(name: str) -> tuple[str, ...]:
        values = [str(value) for value in message.get_all(name, [])]
        return tuple(address.lower() for _, address in getaddresses(values) if "@" in address)

    ids = f"{message.get('References', '')} {message.get('In-Reply-To', '')}".split()
    return Heads(
        mail_id=str(message.get("Message-ID", "")).strip(),
        subject=_decoded(str(message.get("Subject", ""))),
        sender=next(iter(addresses("From")), ""),
        to=addresses("To"),
        cc=addresses("Cc"),
        bcc=addresses("Bcc"),
        references=tuple(dict.fromkeys(one for one in ids if one.startswith("<"))),
    )


def _decoded(value: str) -> str:
    letter = EmailMessage()
    try:
        letter["Subject"] = " ".join(value.split())
        return str(letter["Subject"])
    except (ValueError, LookupError):
        return value


def seen(raw: bytes) -> tuple[str, tuple[File, ...]]:
    """The text that a reader sees, and the files."""
    texts: list[str] = []
    files: list[File] = []
    for part in parse(raw).walk():
        if part.is_multipart():
            continue
        content = part.get_payload(decode=True)
        body = content if isinstance(content, bytes) else b""
        name = part.get_filename()
        if name is not None or part.get_content_maintype() != "text":
            mime = part.get_content_type()
            files.append(File(name=name or "file", mime=mime, content=body))
        elif part.get_content_subtype() == "plain":
            texts.append(body.decode(part.get_content_charset("utf-8"), "replace"))
    return "\n".join(texts).replace("\r\n", "\n").strip(), tuple(files)


def with_header(raw: bytes, name: str, value: str) -> bytes:
    """The mail with a header set anew, as Gmail does to what it sends."""
    head, gap, body = without_header(raw, name).partition(b"\r\n\r\n")
    return head + f"\r\n{name}: {value}".encode() + gap + body


def without_header(raw: bytes, name: str) -> bytes:
    head, gap, body = raw.partition(b"\r\n\r\n")
    kept: list[bytes] = []
    skip = False
    for line in head.split(b"\r\n"):
        if not line[:1].isspace():
            skip = line.lower().startswith(name.lower().encode() + b":")
        if not skip:
            kept.append(line)
    return b"\r\n".join(kept) + gap + body
