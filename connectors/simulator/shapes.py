"""What the control API takes and gives."""

from __future__ import annotations

from datetime import datetime

import msgspec

from connectors.simulator.world import Behaviour, Delivery, Direction, Message, ThreadKey


class PutCustomer(msgspec.Struct, kw_only=True):
    name: str
    phone: str = ""
    username: str | None = None
    bsuid: str = ""
    behaviour: Behaviour = Behaviour()


class PostMessage(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    customer_id: str
    text: str = ""
    image: str | None = None
    upload: str | None = None
    at: datetime | None = None


class PastMessage(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    direction: Direction
    at: datetime
    text: str = ""
    image: str | None = None
    status: str | None = None
    provider_id: str | None = None


class PostHistory(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    kind: str
    account: str
    customer_id: str
    messages: list[PastMessage]


class PutPage(msgspec.Struct, kw_only=True):
    open: list[ThreadKey]


class Written(msgspec.Struct, kw_only=True):
    provider_id: str
    status: str
    deliveries: list[Delivery]


class ShownAccount(msgspec.Struct, kw_only=True):
    """An account as a page may know it."""

    kind: str
    account: str
    name: str
    label: str
    provider: str
    address: str
    reports_reading: bool
    network_stop: bool


class ShownThread(msgspec.Struct, kw_only=True):
    customer_id: str
    name: str
    handle: str
    blocked: bool
    last: Message | None
