"""A connected account, what its kind can do, and the protocol every connector keeps.

A kind's abilities are declared in its manifest, once; nothing outside the connector's folder asks
for a kind by name.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from typing import Literal, Protocol

from inbox.domain.gate import Permit, Subject
from inbox.domain.ids import AttachmentId, ChannelId, MessageId, WorkspaceId
from inbox.domain.report import Media, Report
from inbox.domain.rich import NOTHING, Rich


class Secret:
    """A credential. Printing it shows `***`; `reveal()` is the only way to its text."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def reveal(self) -> str:
        return self._text

    def __repr__(self) -> str:
        return "***"

    __str__ = __repr__


@dataclass(frozen=True, kw_only=True, slots=True)
class Credential:
    """One field that connecting a channel asks for. `secret` ones are stored encrypted and never
    shown again; `label` and `help` are for an office manager.

    by_sign_in  the provider's sign-in page gives it (`SignsIn`), so nobody has to type it
    origin      `provider`: copied from its pages; `ours`: a random text that we make and the
                provider is told; `choice`: how the channel behaves, no key to anything
    choices     the only values it may have, each with its words; empty: any text
    form        what the whole text has to match, as a regular expression; empty: anything
    """

    name: str
    label: str
    secret: bool = False
    required: bool = True
    by_sign_in: bool = False
    help: str = ""
    origin: Literal["provider", "ours", "choice"] = "provider"
    choices: tuple[tuple[str, str], ...] = ()
    form: str = ""

    @property
    def is_entered(self) -> bool:
        """Whether an admin enters it."""
        return self.origin != "ours" and not self.by_sign_in


@dataclass(frozen=True, kw_only=True, slots=True)
class TextLimits:
    """`max_chars` of a text, `caption_chars` of the text that goes with a file (0: none may);
    `segments`: the kind counts in SMS segments, so the composer shows them; `max_bytes` of the text
    in UTF-8, where the provider counts those: both limits hold."""

    max_chars: int
    caption_chars: int
    segments: bool = False
    max_bytes: int | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class MediaLimit:
    """What may be sent of one kind of file. `*/*` among the types: every type."""

    kind: str
    mimes: tuple[str, ...]
    max_bytes: int

    def takes(self, mime: str | None) -> bool:
        return mime in self.mimes or "*/*" in self.mimes


@dataclass(frozen=True, kw_only=True, slots=True)
class Ack:
    """The whole answer to a webhook that was stored. Twilio sends a text body on to the customer,
    so what stands here is a promise to a provider and not a matter of taste."""

    status: int = 200
    content_type: str = "text/plain"
    body: str = ""


@dataclass(frozen=True, kw_only=True, slots=True)
class Manifest:
    """What a kind can do.

    needs                 credentials, in the order in which they are asked for
    account_field         the credential that is the provider's own id of our side
    signing_field         the credential that webhooks are signed with; where the provider signs
                          with keys of its own, the one that says who signs (and is no secret)
    max_media_bytes       of all files of a message together; None: no limit but each file's own
    handshake             GET on the webhook address is a challenge (Meta), not a delivery (Twilio)
    window_hours          free text is allowed for so long after the contact wrote; None: always
    human_agent_days      a person may still reply for so long, where the account has the provider's
                          permission (config `human_agent` = `yes`); the permit's code then is
                          ALLOW_HUMAN_AGENT and the connector tags the message
    reply_basis_days      a reply needs a message of the contact not older than this
    provider_stop         the provider can answer STOP, START and HELP itself (a channel may differ)
    words                 which list of opt-out words holds: see keywords.py
    hard_stop             an opt-out also ends replies, until the contact starts again
    mail                  messages have a subject and several recipients, and a contact has as many
                          conversations as threads
    reports               statuses that may ever come back; `read` missing means it is never known
    rich                  what it sends beside texts and files
    numbers               keys of digits are phone numbers, which the provider has verified
    preparing             what an admin needs at hand before connecting, a sentence each
    console               the provider's page on which most of it is found
    pasting               where the webhook address goes at the provider, a sentence a step
    greeting              how an admin tries the channel as a customer would
    """

    kind: str
    label: str
    provider: str
    needs: tuple[Credential, ...]
    account_field: str
    signing_field: str
    text: TextLimits
    media: tuple[MediaLimit, ...]
    max_attachments: int
    reports: tuple[str, ...]
    max_media_bytes: int | None = None
    ack: Ack = Ack()
    handshake: bool = False
    window_hours: int | None = None
    human_agent_days: int | None = None
    reply_basis_days: int = 30
    provider_stop: bool = False
    words: Literal["sms", "chat", "email"] = "chat"
    hard_stop: bool = False
    rich: Rich = NOTHING
    mail: bool = False
    numbers: bool = False
    docs: str = ""
    preparing: tuple[str, ...] = ()
    console: str = ""
    pasting: tuple[str, ...] = ()
    greeting: str = ""

    def need(self, name: str) -> Credential | None:
        return next((need for need in self.needs if need.name == name), None)


ChannelState = Literal["draft", "connected", "reauthorization_required", "disconnected"]
IN_USE: frozenset[ChannelState] = frozenset({"connected", "reauthorization_required"})


@dataclass(frozen=True, kw_only=True, slots=True)
class Channel:
    """One connected account.

    account           the provider's id of it (phone_number_id, a number, a page id …)
    config            credentials that are no secrets, by name
    secrets           the others
    provider_stop     the provider answers STOP, START and HELP on this channel; when false, we do
    state             `draft`: being connected, it only answers the provider's handshake;
                      `reauthorization_required`: its messages wait until an admin has mended it;
                      `disconnected`: by an admin, it keeps its conversations and nothing else
    trouble           why, in a sentence; None when all is well
    changed_at        when each of its secrets was last entered
    revision          how often what an admin enters, or a renewal replaces, was stored
    """

    id: ChannelId
    workspace_id: WorkspaceId
    kind: str
    name: str
    account: str
    config: Mapping[str, str]
    secrets: Mapping[str, Secret] = field(repr=False)
    provider_stop: bool
    state: ChannelState = "connected"
    trouble: str | None = None
    created_at: datetime
    changed_at: Mapping[str, datetime] = field(default_factory=dict)
    revision: int = 0

    @property
    def in_use(self) -> bool:
        """Whether its provider's calls are taken and its messages go out, or wait to."""
        return self.state in IN_USE

    def signing_secrets(self, field_name: str) -> frozenset[str]:
        """Those that may sign its webhooks: several, by comma or line, while one is replaced."""
        parts = self.setting(field_name).replace("\n", ",").split(",")
        return frozenset(part.strip() for part in parts if part.strip())

    def credentials(self) -> dict[str, str]:
        """All that it has, secret or not, by name."""
        return {**self.config, **{name: one.reveal() for name, one in self.secrets.items()}}

    def setting(self, name: str) -> str:
        """A credential's text, secret or not; empty when it was not given."""
        if name in self.secrets:
            return self.secrets[name].reveal()
        return self.config.get(name, "")


@dataclass(frozen=True, kw_only=True, slots=True)
class WebhookRequest:
    """A provider's call as it came in, before anything in it is believed.

    url     what the provider called: our configured public address, raw path and raw query
    headers names in lower case; the last one wins where one comes twice
    """

    method: str
    url: str
    query: bytes
    headers: Mapping[str, str]
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class Payload:
    """What the journal keeps of a verified call, and all that `parse` may look at."""

    method: str
    query: bytes
    content_type: str
    body: bytes


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboundFile:
    """A file to send. `url` is a signed address of ours, good for an hour, for providers that
    fetch; `content` is for those that take an upload, and `uploaded` what they called it then."""

    id: AttachmentId
    kind: str
    mime: str
    name: str
    content: bytes = field(repr=False)
    url: str = field(repr=False)
    uploaded: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class OutboundMessage:
    """What `send` is asked to send: one message, to one address, on one channel.

    status_url   where the provider may report on it; carries our own message id
    reply_to     provider id of the message it quotes
    content      what it is more than text, with the keys of `content` in docs/api.md (`template`,
                 `buttons`, `list`, `location`, `mail` …); None for plain text and files
    """

    id: MessageId
    channel: Channel
    to: str = field(repr=False)
    text: str = field(repr=False)
    files: tuple[OutboundFile, ...] = ()
    reply_to: str | None = None
    status_url: str = field(default="", repr=False)
    content: Mapping[str, object] | None = field(default=None, repr=False)

    def subject(self) -> Subject:
        """What a permit for this message must cover: where it goes and what it says. That a file
        was uploaded meanwhile changes neither."""
        more = "" if self.content is None else json.dumps(self.content, sort_keys=True)
        parts = [self.text, self.reply_to or "", more, *(file.id for file in self.files)]
        digest = sha256("\0".join(parts).encode()).hexdigest()
        return Subject(
            message_id=self.id, channel_id=self.channel.id, address=self.to, digest=digest
        )


@dataclass(frozen=True, kw_only=True, slots=True)
class Sent:
    """The provider took it. `keys` are ids of the recipient learnt from its answer; `mail_id` is
    the Message-ID under which a mail left, without angle brackets."""

    provider_id: str
    keys: tuple[str, ...] = ()
    mail_id: str | None = None


@dataclass(frozen=True, kw_only=True, slots=True)
class Fetched:
    """A file as it came from the provider; `mime` is what it said, to be checked by content."""

    content: bytes = field(repr=False)
    mime: str | None = None
    name: str | None = None


class Connector(Protocol):
    """One kind of channel: a manifest and five functions. `verify` and `parse` are pure."""

    manifest: Manifest

    def verify(self, request: WebhookRequest, channels: Sequence[Channel]) -> None:
        """Believe the call or raise `Untrusted`. `channels` are those whose secrets may have signed
        it: the addressed one, first. Over the raw bytes, in constant time."""
        ...

    def challenge(self, request: WebhookRequest, channel: Channel) -> str:
        """Answer a handshake with the text to return, or raise `Untrusted`."""
        ...

    def parse(self, payload: Payload, received_at: datetime) -> list[Report]:
        """Say what one webhook body reports, in the provider's order; `MalformedPayload` when it is
        not what this provider sends. One bad item never hides the others: it is `Ignored`."""
        ...

    async def send(self, message: OutboundMessage, permit: Permit) -> Sent:
        """Hand one message to the provider.

        raises   Temporary (it was not taken, try again), Permanent (it never will be),
                 AccountTrouble (nothing on this channel will), OutcomeUnknown (it may have been
                 taken), PermitMissing (not this permit, not this message)
        """
        ...

    async def fetch(self, media: Media, channel: Channel) -> Fetched:
        """Bring a file from the provider's own hosts, at most `size_bytes` of the kind's limit.
        raises Temporary, Permanent, AccountTrouble"""
        ...

    async def check(self, channel: Channel) -> str:
        """Ask the provider whether these credentials work; the account's name for people.
        raises Temporary, Permanent, AccountTrouble"""
        ...
