"""One message on its way through a batch of intake, with what each step finds out of it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field

from inbox.automation.keywords import Recorded
from inbox.domain.channel import Channel
from inbox.domain.contact import Identity
from inbox.domain.message import Message
from inbox.domain.report import MessageReceived
from inbox.mail_html import CleanHtml
from inbox.store.journal import JournalEntry
from inbox.threads import Answered

Verdicts = Mapping[str, Counter[str]]
"""What became of each entry's reports, counted by word."""


@dataclass(slots=True)
class Work:
    """`answered` and `html` only of a mail; `message` once it is stored."""

    entry: JournalEntry
    report: MessageReceived
    channel: Channel
    message: Message | None = None
    identity: Identity | None = None
    recorded: Recorded | None = None
    answered: Answered = field(default_factory=Answered)
    html: CleanHtml | None = None

    @property
    def history(self) -> bool:
        """It was there before the channel was: the connector asked for it as such. What comes
        between connecting and the first pull is brought the same way, and is news."""
        asked = b"backfill=1" in self.entry.payload.query.split(b"&")
        at = self.report.sent_at
        return asked and (at is None or at < self.channel.created_at)

    @property
    def automated(self) -> bool:
        """A program wrote it: nobody waits for an answer to it."""
        return self.report.mail is not None and self.report.mail.automated

    @property
    def basis(self) -> bool:
        """Whether a reply may rest on it."""
        return self.report.mail is None or self.report.mail.basis
