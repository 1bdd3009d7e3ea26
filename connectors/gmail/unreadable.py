"""A mail that Gmail has and does not give: too large, or refused for a reason of its own. What is
known of it is brought instead, so that it neither holds up the mails after it nor vanishes.
"""

from __future__ import annotations

from connectors.body import items, mapping, text
from connectors.gmail import quota
from connectors.gmail.client import Gmail
from connectors.gmail.headers import one_line
from connectors.gmail.media import Raw
from inbox.domain.channel import Channel
from inbox.domain.errors import AccountTrouble, Permanent

# Who wrote it to whom, what it answers, and what tells that a program wrote it.
_HEADERS = (
    "From",
    "Sender",
    "Reply-To",
    "To",
    "Cc",
    "Subject",
    "Date",
    "Message-ID",
    "In-Reply-To",
    "References",
    "Content-Type",
    "Return-Path",
    "Delivered-To",
    "X-Inbox-Loop",
    "X-Failed-Recipients",
    "Auto-Submitted",
    "Precedence",
    "List-Id",
    "List-Unsubscribe",
)
_MOST_HEADERS = 100
_LONGEST = 16 * 1024


async def known_of(gmail: Gmail, channel: Channel, message_id: str) -> Raw | None:
    """What Gmail tells of it: its headers for a content, none where it does not tell even that;
    None when the mail is gone. raises Temporary, AccountTrouble"""
    query = [("format", "metadata"), *(("metadataHeaders", name) for name in _HEADERS)]
    try:
        document = await gmail.ask(channel, f"/messages/{message_id}", units=quota.GET, query=query)
    except AccountTrouble:
        raise
    except Permanent as error:
        if is_gone(error):
            return None
        document = {}
    head = _head(items(mapping(document, "payload"), "headers"))
    return Raw.told(document, message_id, head)


def is_gone(error: Permanent) -> bool:
    return error.code in ("notFound", "NOT_FOUND", "http_404")


def _head(headers: list[object]) -> bytes:
    """As they stand in a mail, one a line: no value brings another header with it."""
    wanted = {name.lower() for name in _HEADERS}
    lines = []
    for one in headers[:_MOST_HEADERS]:
        name, value = text(one, "name") or "", text(one, "value") or ""
        if name.lower() in wanted:
            lines.append(f"{name}: {one_line(value[:_LONGEST])}\r\n")
    return "".join(lines).encode("utf-8", "replace")
