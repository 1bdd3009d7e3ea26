"""What a provider's kind of channel must say for itself; everything else the simulator shares."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar, Generic, Literal, TypeVar

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from connectors.simulator.changes import Change
from connectors.simulator.courier import Attempt, Manner, Pack
from connectors.simulator.world import Account, Customer, Failure, Message, Thread

if TYPE_CHECKING:
    from connectors.simulator.exchange import Exchange

A = TypeVar("A", bound=Account)

Act = Literal[
    "reply_to",
    "reaction",
    "edit",
    "unsend",
    "postback",
    "quick_reply",
    "sticker",
    "story",
    "location",
    "optin",
    "echo",
    "mail",
]
"""What a customer can do besides writing; `echo`: the shop can write in the provider's own app;
`mail`: what is written has a subject, copies and files of any kind."""


class HandshakeRefused(Exception):
    """The inbox did not answer the challenge; the message says how."""


class Kind(ABC, Generic[A]):
    """One kind, for all of its accounts.

    reports_reading  the provider can say that the customer has read a message
    signing_field    the account's field that `secret` is another name for
    allows           what can be done on this kind besides writing
    untold           the status of a customer's message that no webhook tells of
    """

    name: ClassVar[str]
    label: ClassVar[str]
    provider: ClassVar[str]
    reports_reading: ClassVar[bool]
    signing_field: ClassVar[str]
    manner: ClassVar[Manner]
    allows: ClassVar[frozenset[Act]] = frozenset()
    untold: ClassVar[str] = "unreached"
    failures: ClassVar[Mapping[int, str]]

    def __init__(self, exchange: Exchange) -> None:
        self.exchange = exchange

    @property
    @abstractmethod
    def account_type(self) -> type[A]: ...

    @abstractmethod
    def address(self, account: A) -> str:
        """Our side as the customer sees it: a number, a name."""

    @abstractmethod
    def reaches(self, customer: Customer) -> bool:
        """Whether the customer can have a thread on this kind at all."""

    def handle(self, customer: Customer) -> str:
        """The customer as our side sees them: a number, a user name."""
        return customer.phone or f"@{customer.username or customer.id}"

    @abstractmethod
    def new_id(self, customer: Customer | None, *, outbound: bool, media: bool) -> str: ...

    @abstractmethod
    def new_media_id(self) -> str: ...

    @abstractmethod
    def routes(self) -> Sequence[BaseRoute]:
        """The provider's own API."""

    @abstractmethod
    def account_at(self, request: Request) -> A | None:
        """Whose call it is, by its address alone."""

    @abstractmethod
    def error(self, status: int, code: int | None, text: str | None = None) -> Response:
        """An error as the provider words it; code None: the usual one of that status."""

    @abstractmethod
    def pack_message(self, account: A, customer: Customer, message: Message) -> Pack | None:
        """The webhook that says that the customer wrote; None: nobody has subscribed to it."""

    @abstractmethod
    def pack_status(
        self, account: A, customer: Customer | None, message: Message, status: str
    ) -> Pack | None:
        """The webhook of one status; None: the provider does not report on this message. The
        status `echo` tells the message itself, as Meta does of all that leaves an account."""

    @abstractmethod
    def steps(self, message: Message, *, open_phone: bool) -> tuple[str, ...]:
        """The statuses that a message just taken will have, but for later reading."""

    def pack_change(
        self, account: A, customer: Customer, message: Message, change: Change
    ) -> Pack | None:
        """The webhook of what the customer did to a message; it is done already."""
        return None

    def pack_optin(
        self, account: A, customer: Customer, title: str, payload: str, *, stopped: bool
    ) -> Pack | None:
        """The webhook of a marketing opt-in, or of its end, for one topic."""
        return None

    def arrive(self, account: A, customer: Customer, message: Message) -> None:
        """What the provider keeps of a new message before it tells anybody."""

    def forget(self) -> None:
        """Drop what the kind itself remembers: the world begins anew."""

    def clash(self, account: A) -> str | None:
        """Why the account cannot stand beside those that are there; None: it can."""
        return None

    async def handshake(self, account: A) -> None:
        """Prove the webhook address, where the provider does. raises HandshakeRefused"""

    def failure(self, code: int) -> Failure:
        return Failure(code=code, title=self.failures.get(code, "Message failed"))

    async def prepare(self, account: A, message: Message) -> int | None:
        """What the provider does after its answer and before delivery; a code when that fails."""
        return None

    def heard(self, account: A, thread: Thread, text: str) -> str | None:
        """What the network itself does about words of the customer; the text it answers with."""
        return None

    async def answered(self, account: A, customer: Customer, attempt: Attempt, pack: Pack) -> None:
        """What the provider makes of the inbox's answer to a message webhook."""


# Any: the registry holds kinds of different accounts; each gets back only accounts it made.
AnyKind = Kind[Any]
