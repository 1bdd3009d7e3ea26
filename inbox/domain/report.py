"""What a connector reports of a webhook: typed, in our words, already trusted.

Everything a provider sends becomes one of these at the edge, once. Text is as the customer wrote
it, without NUL and lone surrogates; lengths are the provider's own.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from inbox.domain.message import AttachmentKind, Status
from inbox.domain.template import TemplateCategory, TemplateStatus


@dataclass(frozen=True, kw_only=True, slots=True)
class Sender:
    """keys      every id by which the provider may name this person again, its own first
    address   what `send` writes to
    handle    what an agent sees where no name is known: a number, a user name
    person_id the one of the keys that is never given to somebody else, as a number may be
    """

    keys: tuple[str, ...]
    address: str
    handle: str
    name: str | None = None
    person_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Media:
    """A file at the provider's. `ref` is for the connector's own `fetch` and nobody else;
    `content_id` is what the HTML of a mail calls a picture inside of it."""

    ref: str
    kind: AttachmentKind
    mime: str | None = None
    name: str | None = None
    size_bytes: int | None = None
    sha256: str | None = None
    content_id: str | None = None


MailSort = Literal[
    "message",
    "auto_reply",
    "bounce",
    "complaint",
    "read_receipt",
    "calendar",
    "list",
    "own_message",
]


@dataclass(frozen=True, kw_only=True, slots=True)
class Mail:
    """What a mail is besides the text that its writer wrote in it. Addresses are lower-case; ids
    are without angle brackets.

    thread_id      the provider's id of the thread, unique within the account
    reply_address  where an answer goes
    alias          the address of ours that it was sent to, where that is not the account's
    folded         what follows the message's text in the mail: quotes and signature, or ""
    html           the HTML body as it came, not made safe; None where there is none
    sort           what sort of mail it is; `automated` ones open no window and no conversation
                   again, and no program answers them
    opens          it may begin a conversation
    basis          a person wrote it to us: what a reply may rest on
    """

    subject: str
    message_id: str
    thread_id: str | None = None
    in_reply_to: str | None = None
    references: tuple[str, ...] = ()
    from_address: str | None = None
    reply_address: str | None = None
    to: tuple[str, ...] = ()
    cc: tuple[str, ...] = ()
    alias: str | None = None
    folded: str = ""
    html: str | None = None
    sort: MailSort = "message"
    automated: bool = False
    opens: bool = True
    basis: bool = True


@dataclass(frozen=True, kw_only=True, slots=True)
class MessageReceived:
    """A contact wrote.

    account       the provider's id of our side: it says which channel the message belongs to
    type          text, image, video, audio, document, sticker, location … or `unsupported`
    text          body or caption; for what has none, the words an agent should see, or ""
    sent_at       the provider's time; None where it gave none that can be believed
    reply_to      provider id of the message it answers
    opt_out_type  what the provider itself made of it; overrides our own reading of the text
    direction     `outbound`: our side wrote it elsewhere (an echo); `sender` is then who got it
    message_id    our own id, where an echo of our own send carries it
    content       what is more than text, JSON-ready, keys as in docs/api.md (location, contacts,
                  choice, order, referral, forwarded, story, share …)
    standby       somebody else's program answers this conversation now: nothing automatic from us
    mail          what only a mail has; a kind with it threads by it, any other has one conversation
                  a person
    recovered     no webhook told of it: it was asked for afterwards
    pool          the provider's id of several accounts that stand in for each other, where the
                  account is one of such; for when the account itself is no channel's
    """

    account: str
    provider_id: str
    sender: Sender
    type: str
    text: str = ""
    media: tuple[Media, ...] = ()
    sent_at: datetime | None = None
    reply_to: str | None = None
    opt_out_type: Literal["STOP", "START", "HELP"] | None = None
    direction: Literal["inbound", "outbound"] = "inbound"
    message_id: str | None = None
    content: Mapping[str, object] | None = None
    standby: bool = False
    mail: Mail | None = None
    recovered: bool = False
    pool: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Edited:
    """The text of a message was changed where it was written. `edition` is the provider's count of
    edits (the highest holds), None where it has none; then `at` decides."""

    account: str
    provider_id: str
    text: str
    edition: int | None = None
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Unsent:
    """A message was taken back by who wrote it: its text and files are to go."""

    account: str
    provider_id: str
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Reacted:
    """A person reacted to a message; `emoji` None takes it back, a new one replaces the old.
    `sender` None: our own side did, elsewhere."""

    account: str
    provider_id: str
    sender: Sender | None
    emoji: str | None
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class WatermarkReported:
    """Everything that we sent to this person up to an instant, or up to a message, is there.

    status    `delivered` or `read`
    through   instant, inclusive; None where `provider_id` says it instead
    """

    account: str
    sender: Sender
    status: Status
    through: datetime | None = None
    provider_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class IdentityChanged:
    """The provider knows a person by new ids: those in `sender` belong to who had `old_keys`."""

    account: str
    old_keys: tuple[str, ...]
    sender: Sender
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ChannelNotice:
    """News of the account itself. `stopped`: nothing can be sent until somebody acts; `warning`:
    worth an admin's look. `reason` is a sentence of ours, `code` the provider's."""

    account: str
    level: Literal["warning", "stopped"]
    code: str
    reason: str


@dataclass(frozen=True, kw_only=True, slots=True)
class TemplateChanged:
    """The provider thinks otherwise of a template now; what is None stays as it was.

    account   the business account that has it: it may be that of several channels
    language  None: all languages of that name
    gone      it was deleted
    at        when, by the provider's clock
    """

    account: str
    name: str
    language: str | None = None
    status: TemplateStatus | None = None
    category: TemplateCategory | None = None
    quality: str | None = None
    reason: str | None = None
    gone: bool = False
    at: datetime | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class ProviderError:
    """A provider's refusal in our words.

    action    what happens to the message: try again, final, or the whole account is in trouble
    consent   what the ledger learns: `opt_out` (all), `marketing_stop`, `address_invalid` (nobody
              is there), `unreachable` (they are not reached), or None
    reason    one sentence for the agent: what happened, what it means, what to do
    tries     how often it is tried in all, by itself; None: for a day, where the provider answers
              so, and once, where it reports so afterwards
    wait_s    before the next try after such a report
    """

    code: str
    action: Literal["retry", "final", "account"]
    reason: str
    consent: Literal["opt_out", "marketing_stop", "address_invalid", "unreachable"] | None = None
    tries: int | None = None
    wait_s: float = 0.0


@dataclass(frozen=True, kw_only=True, slots=True)
class StatusReported:
    """An outbound message moved on.

    message_id   our own id where the provider carries it along; else None
    provider_id  the provider's; the two are tried in this order. "" where it is not known, as in
                 a bounce, which names only the Message-ID
    recipient    who got it or did not, in the provider's words; None where it does not say
    pool         as in `MessageReceived`
    """

    account: str
    status: Status
    provider_id: str
    message_id: str | None = None
    recipient: str | None = None
    at: datetime | None = None
    error: ProviderError | None = None
    pool: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PreferenceReported:
    """A contact told the provider, not us, what they want: `stop` or `resume` of promotions.

    covers      `all`: of everything that is no answer to a later message of theirs
    message_id  our own id of the message that it is about, where anybody could have written the
                report: it is believed of whom that message went to, and of nobody else
    """

    account: str
    sender: Sender
    act: Literal["stop", "resume"]
    code: str
    at: datetime | None = None
    covers: Literal["promotions", "all"] = "promotions"
    message_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class PullAsked:
    """The provider says that there is something to be pulled, and not what."""

    account: str


@dataclass(frozen=True, kw_only=True, slots=True)
class Ignored:
    """Something understood to be none of the above, or not understood: counted, kept in the
    journal. `reason` is a constant word such as `unknown_field`, never a part of the body."""

    reason: str
    account: str | None = None


Report = (
    MessageReceived
    | Edited
    | Unsent
    | Reacted
    | StatusReported
    | WatermarkReported
    | PreferenceReported
    | IdentityChanged
    | ChannelNotice
    | TemplateChanged
    | PullAsked
    | Ignored
)
