"""One mailbox as Gmail keeps it: mails with labels and threads, and a history of what happened to
them, whose ids grow with gaps and whose beginning is forgotten one day.
"""

from __future__ import annotations

import random
import re
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Literal

Change = Literal["messagesAdded", "messagesDeleted", "labelsAdded", "labelsRemoved"]
TYPES: dict[str, Change] = {
    "messageAdded": "messagesAdded",
    "messageDeleted": "messagesDeleted",
    "labelAdded": "labelsAdded",
    "labelRemoved": "labelsRemoved",
}
_FIRST = 9_876_000
_HIDDEN = frozenset({"SPAM", "TRASH"})
_REPLY = re.compile(r"^\s*(?:(?:re|fwd?|aw|wg)\s*:\s*)+", re.IGNORECASE)


@dataclass(kw_only=True, slots=True)
class Mail:
    """`mail_id` and `references` as in the headers, with angle brackets; `message_id` is the
    message on a customer's phone, empty where nobody has it."""

    id: str
    thread_id: str
    labels: set[str]
    at: datetime
    media_id: str
    mail_id: str
    references: tuple[str, ...]
    subject: str
    size: int
    message_id: str = ""
    history_id: int = 0

    @property
    def internal_ms(self) -> int:
        return int(self.at.timestamp() * 1000)


@dataclass(frozen=True, kw_only=True, slots=True)
class Record:
    id: int
    change: Change
    mail: Mail
    labels: tuple[str, ...] = ()


@dataclass(kw_only=True, slots=True)
class Mailbox:
    """`watched_until` None: nobody is told of anything; `oldest`: where the kept history begins;
    `pushed_at`: when somebody was told last."""

    mails: dict[str, Mail] = field(default_factory=dict)
    records: list[Record] = field(default_factory=list)
    history_id: int = _FIRST
    oldest: int = _FIRST
    watched_until: datetime | None = None
    pushed_at: float | None = None

    def may_push(self, at: float, every_s: float) -> bool:
        """Once in so many seconds; what comes between is not told later, the next push tells of it
        by its history id. `at`: seconds that only grow."""
        if self.pushed_at is not None and at - self.pushed_at < every_s:
            return False
        self.pushed_at = at
        return True

    def add(self, mail: Mail) -> None:
        self.mails[mail.id] = mail
        mail.history_id = self._note("messagesAdded", mail)

    def restore(self, mail: Mail) -> None:
        """One from before a restart, with the place in the history that it had."""
        self.mails[mail.id] = mail
        self.records.append(Record(id=mail.history_id, change="messagesAdded", mail=mail))
        self.history_id = max(self.history_id, mail.history_id)

    def relabel(self, mail: Mail, add: Iterable[str], remove: Iterable[str]) -> None:
        added = tuple(label for label in add if label not in mail.labels)
        removed = tuple(label for label in remove if label in mail.labels)
        mail.labels |= set(added)
        mail.labels -= set(removed)
        if added:
            mail.history_id = self._note("labelsAdded", mail, added)
        if removed:
            mail.history_id = self._note("labelsRemoved", mail, removed)

    def delete(self, mail: Mail) -> None:
        del self.mails[mail.id]
        self._note("messagesDeleted", mail)

    def forget_history(self) -> None:
        """Every place that anybody has kept is too old from now on."""
        self.history_id += random.randint(1, 50)
        self.oldest = self.history_id
        self.records.clear()

    def _note(self, change: Change, mail: Mail, labels: tuple[str, ...] = ()) -> int:
        self.history_id += random.randint(1, 90)
        self.records.append(Record(id=self.history_id, change=change, mail=mail, labels=labels))
        return self.history_id

    def since(self, start: int, changes: Sequence[Change]) -> list[Record] | None:
        """None when the place is too old, or was never one."""
        if not self.oldest <= start <= self.history_id:
            return None
        return [one for one in self.records if one.id > start and one.change in changes]

    def thread(self, thread_id: str) -> list[Mail]:
        """Oldest first."""
        found = [mail for mail in self.mails.values() if mail.thread_id == thread_id]
        return sorted(found, key=lambda mail: mail.at)

    def thread_for(self, mail_id: str, references: tuple[str, ...], subject: str) -> str | None:
        """The thread that a mail belongs to by what it answers, and its subject."""
        for mail in reversed(self.mails.values()):
            answers = mail.mail_id in references
            if answers and base_subject(mail.subject) == base_subject(subject):
                return mail.thread_id
        return None

    def search(self, query: str, now: datetime) -> Iterator[Mail]:
        """Newest first. Of Gmail's operators: newer_than, in, from, subject and rfc822msgid."""
        terms = query.split()
        mails = sorted(self.mails.values(), key=lambda mail: mail.at, reverse=True)
        hidden = _HIDDEN if "in:anywhere" not in terms and "in:spam" not in terms else frozenset()
        for mail in mails:
            if not mail.labels & hidden and all(_fits(mail, term, now) for term in terms):
                yield mail


def _fits(mail: Mail, term: str, now: datetime) -> bool:
    if term.startswith("-"):
        return not _fits(mail, term[1:], now)
    name, _, value = term.partition(":")
    match name:
        case "in" | "label":
            label = {"drafts": "DRAFT"}.get(value.lower(), value.upper())
            return value == "anywhere" or label in mail.labels
        case "newer_than":
            days = {"d": 1, "m": 30, "y": 365}[value[-1]] * int(value[:-1])
            return mail.at > now - timedelta(days=days)
        case "rfc822msgid":
            return mail.mail_id.strip("<>") == value.strip("<>")
        case "subject":
            return value.lower() in mail.subject.lower()
    return name.lower() in mail.subject.lower()


def base_subject(subject: str) -> str:
    return _REPLY.sub("", subject).strip().lower()
