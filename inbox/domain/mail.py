"""What only mail has: subjects that are the same but for their prefixes, whom an answer goes to,
and the ids that keep a thread together."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from inbox.domain.ids import MessageId
from inbox.domain.message import Message

MOST_RECIPIENTS = 50
MOST_REFERENCES = 20
MOST_SUBJECT = 250
_REPLY_WORDS = "re|fwd?|aw|wg|sv|vs|rv|tr|antw|回复|答复|回覆|转发"
_PREFIX = re.compile(rf"(?:{_REPLY_WORDS})\s?(?:\[\d{{1,3}}\])?\s?[:：;]\s?", re.IGNORECASE)
_BRACKETED = re.compile(rf"\[(?:{_REPLY_WORDS})\s?[:：;]?\s?([^\[\]]{{0,998}})\]", re.IGNORECASE)
_TRAILER = "(fwd)"
_OURS = re.compile(r"(msg_[0-9A-HJKMNP-TV-Z]{26})(?:\.([0-9a-f]{32}))?@[^@\s]{1,255}", re.ASCII)
_PART = r"[^\s@<>,;:\"()\[\]\\\x00-\x1f\x7f]"
_ADDRESS = re.compile(rf"{_PART}{{1,64}}@{_PART}{{1,190}}")

_LONGEST_DOMAIN = 255
_DOTLESS = frozenset({"gmail.com", "googlemail.com"})


def base_subject(subject: str) -> str:
    """The subject without any `Re:`, `AW:`, `[Fwd: …]`, `(fwd)`, each however often.

    source   RFC 5256 2.1, and the words that mail programs of other languages write
    """
    found = " ".join(subject[:998].split())
    while True:
        before = found
        if found.lower().endswith(_TRAILER):
            found = found[: -len(_TRAILER)].rstrip()
        if prefix := _PREFIX.match(found):
            found = found[prefix.end() :]
        elif inner := _BRACKETED.fullmatch(found):
            found = inner[1].strip()
        if found == before:
            return found


def same_subject(one: str, other: str) -> bool:
    return base_subject(one).casefold() == base_subject(other).casefold()


def reply_subject(subject: str) -> str:
    """`Re:` once, whatever was before it."""
    return f"Re: {base_subject(subject)}".strip()[:MOST_SUBJECT]


def one_line(text: str) -> str:
    """Without line breaks and control characters, which would begin another header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())


def is_address(text: str) -> bool:
    """Whether it can be written to; whether anybody reads it, only a mail tells."""
    if not _ADDRESS.fullmatch(text) or ".." in text or text.endswith("."):
        return False
    return domain_in_ascii(text.rpartition("@")[2]) is not None


def domain_in_ascii(domain: str) -> str | None:
    """As mail is sent to it (RFC 3490). None where that would be another domain than it says: a
    full-width letter, an invisible sign or a full-width comma leads to somebody whom the gate was
    not asked about."""
    if domain.isascii():
        return domain
    try:
        made = domain.encode("idna")
        same = made.decode("idna") == domain.lower()
    except UnicodeError:
        return None
    return made.decode("ascii") if same else None


def address_key(text: str) -> str:
    """The one form by which an address is compared and looked up: in lower case, its domain as it
    is in the DNS, so that `bücher.example` is `xn--bcher-kva.example`. What is no address stays.

    No letter is taken for another (RFC 5891): whether mail may be sent there, `is_address` says.
    """
    local, _, domain = unicodedata.normalize("NFC", text.strip()).lower().rpartition("@")
    if not local or not domain or len(domain) > _LONGEST_DOMAIN:
        return text
    return f"{local}@{'.'.join(map(_label, domain.split('.')))}"


def _label(label: str) -> str:
    return label if label.isascii() else f"xn--{label.encode('punycode').decode('ascii')}"


def our_message(message_id: str) -> MessageId | None:
    """Our own id in a Message-ID that we made; None in any other."""
    found = _OURS.fullmatch(message_id)
    return None if found is None else MessageId(found[1])


def own_token(message_id: str) -> str:
    """What stands after our own id in a Message-ID that we made, and only we can know (128 bits, as
    hex); "" in any other."""
    found = _OURS.fullmatch(message_id)
    return (found[2] or "") if found is not None else ""


def ancestors(in_reply_to: str | None, references: Sequence[str]) -> list[str]:
    """The ids that a mail answers, the nearest first, each once, of a hostile list the ends."""
    named = [] if in_reply_to is None else [in_reply_to]
    nearest = [*named, *reversed(references)]
    found = list(dict.fromkeys(one for one in nearest if one and len(one) <= 998))
    return found if len(found) <= MOST_REFERENCES else [*found[: MOST_REFERENCES - 1], found[-1]]


def references_after(references: Sequence[str], parent: str | None) -> list[str]:
    """What an answer to `parent` refers to, the newest last; cut in the middle."""
    found = list(dict.fromkeys([*references, *([] if parent is None else [parent])]))
    if len(found) <= MOST_REFERENCES:
        return found
    return [found[0], *found[1 - MOST_REFERENCES :]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Recipients:
    """Whom a mail goes to; addresses are lower-case, and each is in one list only."""

    to: tuple[str, ...]
    cc: tuple[str, ...] = ()
    bcc: tuple[str, ...] = ()

    def all(self) -> tuple[str, ...]:
        return (*self.to, *self.cc, *self.bcc)


# Any: the content of a message, by the keys of docs/api.md.
def recipients_of(content: Mapping[str, Any] | None) -> Recipients:
    """Those that a mail names."""
    mail = (content or {}).get("mail")
    named = mail if isinstance(mail, dict) else {}
    to, cc, bcc = (tuple(map(str, named.get(key) or ())) for key in ("to", "cc", "bcc"))
    return Recipients(to=to, cc=cc, bcc=bcc)


def is_ours(address: str, ours: Iterable[str]) -> bool:
    return canonical(address) in {canonical(one) for one in ours}


def canonical(address: str) -> str:
    """How to compare with a mailbox of ours, however it is written; a contact's address is kept.
    Without `+tag`, which it gets, too, and where Google is the host without dots and under one
    name."""
    local, _, domain = address.strip().lower().rpartition("@")
    domain = domain_in_ascii(domain) or domain
    local = local.partition("+")[0]
    if domain in _DOTLESS:
        local, domain = local.replace(".", ""), "gmail.com"
    return f"{local}@{domain}"


# Any: the stored content of a message, by the keys of docs/api.md.
def reply_all(mail: Mapping[str, Any], contact: str, ours: Sequence[str]) -> Recipients:
    """Whom an answer to this mail goes to, by itself: who wrote it and all who got it, but us. An
    answer to a mail of our own goes to whom that went."""
    inbound = bool(mail.get("from")) and not is_ours(str(mail["from"]), ours)
    first = [mail.get("reply_to") or mail.get("from")] if inbound else []
    to = _without([*first, *(mail.get("to") or [])], ours)
    taken = set(map(address_key, to))
    cc = _without([one for one in mail.get("cc") or [] if address_key(str(one)) not in taken], ours)
    return Recipients(to=tuple(to) or (contact,), cc=tuple(cc))


def _without(addresses: Iterable[Any], ours: Sequence[str]) -> list[str]:
    kept = [str(one).lower() for one in addresses if one and is_address(str(one))]
    return [one for one in each_once(kept) if not is_ours(one, ours)][:MOST_RECIPIENTS]


def each_once(addresses: Iterable[str]) -> list[str]:
    """As they are first written, however else they are written again."""
    found: dict[str, str] = {}
    for one in addresses:
        found.setdefault(address_key(one), one)
    return list(found.values())


def automated(message: Message) -> bool:
    """Whether a program wrote it (an absence notice, a list): it opens no window."""
    return bool(of(message).get("automated"))


def is_basis(message: Message) -> bool:
    """Whether a reply may rest on it."""
    return of(message).get("basis") is not False


# Any: as stored, see docs/api.md.
def of(message: Message) -> Mapping[str, Any]:
    """What a message is as a mail; empty for one of another kind."""
    found = (message.content or {}).get("mail")
    return found if isinstance(found, dict) else {}
