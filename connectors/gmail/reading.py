"""A mail as the inbox reads it: who wrote it to whom, what it answers, what sort it is, what is new
in it. `webhook` makes reports of it, `explanation` shows it.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from connectors.gmail import addresses, mime, sorting
from connectors.gmail.addresses import Mailbox, domain, tag
from connectors.gmail.headers import Headers
from connectors.gmail.mime import Letter
from connectors.gmail.parts import read_parts
from connectors.gmail.trimming import trim
from inbox.domain.keywords import Keyword, keyword, stop_phrase
from inbox.domain.mail import canonical
from inbox.domain.report import MailSort

MAX_SUBJECT = 998
MAX_REFERENCES = 100

# Words for "forwarded", of programs that announce the forwarded mail as they do a quoted one.
_FORWARDED = re.compile(
    r"(?:fwd?|wg|tr|rv|enc|vl|vb|doorst|pd|i|továbbítás|προώθ|изпратено|ynt|ilt|转发|轉寄|転送|fs)"
    r"\s{0,3}[:：]",
    re.I,
)
# Services that send a form of somebody's site on: who wrote is in Reply-To.
_RELAYS = frozenset(
    {
        "formspree.io",
        "formsubmit.co",
        "jotform.com",
        "typeform.com",
        "wix-forms.com",
        "squarespace.info",
        "shopify.com",
        "wordpress.com",
        "wufoo.com",
        "netlify.com",
        "webflow.com",
        "123formbuilder.io",
    }
)
_FREE = frozenset({"gmail.com", "googlemail.com"})
# Where our own address stands when a mail was passed on to us.
_DELIVERED = ("delivered-to", "x-original-to", "x-forwarded-to")
_ADDRESSED = ("to", "cc")
_METHOD = re.compile(r"^METHOD:([A-Z-]{1,40})\s*$", re.I | re.M)
_UID = re.compile(r"^UID:(.{1,300}?)\s*$", re.I | re.M)
_EVENT = re.compile(r"^BEGIN:(?:VEVENT|VTODO)\s*$", re.I | re.M)
_START = re.compile(r"^DTSTART[^:\n]{0,200}:(.{1,40}?)\s*$", re.I | re.M)
# What Gmail and Apple write into the mail that their button to unsubscribe sends.
_BUTTON = re.compile(
    r"this (?:message|email) was (?:automatically )?(?:generated|sent).{0,80}", re.I
)


@dataclass(frozen=True, kw_only=True, slots=True)
class Reading:
    """sender      who wrote it: From, or who a form's mail answers to; None where nobody is named
    reply_address  where an answer goes
    alias          the address of ours that it was sent to, where that is not the account's
    text, folded   what is new in it, and the rest
    """

    letter: Letter = field(repr=False)
    account: str
    sort: MailSort
    subject: str
    message_id: str | None
    in_reply_to: tuple[str, ...]
    references: tuple[str, ...]
    author: Mailbox | None
    sender: Mailbox | None
    reply_address: str | None
    to: tuple[str, ...]
    cc: tuple[str, ...]
    bcc: tuple[str, ...]
    alias: str | None
    text: str
    folded: str

    @property
    def automated(self) -> bool:
        return self.sort in sorting.AUTOMATED

    @property
    def opens(self) -> bool:
        """Whether it may begin a conversation."""
        return self.sort not in sorting.CLOSED and self.sender is not None

    @property
    def basis(self) -> bool:
        """Whether a person wrote it; an answer to an invitation is a calendar's doing."""
        if self.sort == "calendar":
            return self.calendar["method"] in (None, "REQUEST", "PUBLISH", "COUNTER")
        return not self.automated

    @property
    def calendar(self) -> dict[str, str | None]:
        """METHOD, UID and DTSTART of the invitation in it."""
        # A long line goes on below, and a time zone before the event has starts of its own.
        text = re.sub(r"\r?\n[ \t]", "", self.letter.calendar)
        event = _EVENT.search(text)
        own = text if event is None else text[event.end() :]
        method = _first(_METHOD, text) or _method(self.letter)
        return {
            "method": method.upper() if method else None,
            "uid": _first(_UID, own),
            "starts": _first(_START, own),
        }

    def unsubscribes_by_button(self) -> bool:
        """Whether it is what a mail program's own button to unsubscribe sends: the word is the
        subject, and nobody wrote a text."""
        if self.automated or self.references or self.in_reply_to:
            return False
        bare = self.text.strip()
        return keyword(self.subject, "email") is Keyword.STOP and (
            not bare or (len(bare) < 200 and _BUTTON.match(bare) is not None)
        )

    def opts_out(self) -> bool:
        """Whether its whole new text asks for no more promotions."""
        if self.automated:
            return False
        asks = keyword(self.text, "email") is Keyword.STOP or stop_phrase(self.text)
        return asks or self.unsubscribes_by_button()

    def is_ours(self, address: str) -> bool:
        return canonical(address) == canonical(self.account) or address == self.alias

    def everyone(self) -> tuple[str, ...]:
        """Whom an answer to all would go to."""
        all_ = (self.reply_address or "", *self.to, *self.cc)
        return tuple(dict.fromkeys(one for one in all_ if one and not self.is_ours(one)))


def read(raw: bytes, account: str, labels: frozenset[str] = frozenset()) -> Reading:
    """What is in these bytes, for the mailbox `account`. Never raises."""
    letter = mime.read(raw)
    headers = letter.headers
    sort = sorting.sort_of(letter, account, labels)
    author = addresses.first(headers, "from", "sender")
    answers = addresses.first(headers, "reply-to")
    subject = headers.text("subject")[:MAX_SUBJECT]
    forwarded = _FORWARDED.match(subject) is not None
    text, folded = trim(letter.text, letter.quotes, letter.page, forwarded=forwarded)
    ids = headers.ids("message-id")
    return Reading(
        letter=letter,
        account=account,
        sort=sort,
        subject=subject,
        message_id=ids[0] if ids else None,
        in_reply_to=headers.ids("in-reply-to")[:MAX_REFERENCES],
        references=_newest(headers.ids("references")),
        author=author,
        sender=_writer(author, answers, account),
        reply_address=(answers or author or _NOBODY).address or None,
        to=_addresses(headers, "to"),
        cc=_addresses(headers, "cc"),
        bcc=_addresses(headers, "bcc"),
        alias=_alias(headers, account),
        text=text,
        folded=folded,
    )


_NOBODY = Mailbox(address="")


def _newest(ids: tuple[str, ...]) -> tuple[str, ...]:
    """The first, which names the conversation, and the newest."""
    return ids if len(ids) <= MAX_REFERENCES else (ids[0], *ids[-MAX_REFERENCES + 1 :])


def _addresses(headers: Headers, name: str) -> tuple[str, ...]:
    return tuple(mailbox.address for mailbox in addresses.mailboxes(headers, name))


def _writer(author: Mailbox | None, answers: Mailbox | None, account: str) -> Mailbox | None:
    """Who wrote it: From, but for a form's mail who it answers to."""
    if author is None or answers is None or answers.address == author.address:
        return author
    own = domain(account)
    ours = own not in _FREE and domain(author.address) == own != domain(answers.address)
    ours = ours or (author.address == account != answers.address)
    relayed = ".".join(domain(author.address).split(".")[-2:]) in _RELAYS
    return answers if ours or relayed else author


def _alias(headers: Headers, account: str) -> str | None:
    for name in (*_DELIVERED, *_ADDRESSED):
        for mailbox in addresses.mailboxes(headers, name):
            same = canonical(mailbox.address) == canonical(account)
            if same and tag(mailbox.address):
                return mailbox.address
            if not same and name in ("delivered-to", "x-original-to"):
                return mailbox.address
    return None


def _first(pattern: re.Pattern[str], text: str) -> str | None:
    found = pattern.search(text)
    return None if found is None else found.group(1).strip()


def _method(letter: Letter) -> str | None:
    for part in mime.leaves(letter.root, "text/calendar"):
        return part.params.get("method", "")[:40] or None
    return None


def own_account(raw: bytes) -> str:
    """Whose mailbox a mail in a file was in, as far as it tells: where it was delivered, else to
    whom it is addressed. A mail of ours come back is from its own mailbox."""
    headers = read_parts(raw).headers
    author = addresses.first(headers, "from")
    own = headers.ids("message-id")[:1]
    if author and (headers.text("x-inbox-loop") or any(sorting.our_id(one) for one in own)):
        return canonical(author.address)
    found = addresses.first(headers, *_DELIVERED, *_ADDRESSED)
    if found is None:
        return ""
    local, _, host = found.address.rpartition("@")
    return f"{local.partition('+')[0]}@{host}"
