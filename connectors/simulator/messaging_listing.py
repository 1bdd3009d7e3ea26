"""The Conversations API of the Messenger Platform: what was said, for whoever missed its webhooks.

Conversations come newest first, so do their messages; Instagram shows only the newest twenty of a
conversation. Left out on purpose: participants, tags, reactions.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import UTC, datetime
from hashlib import sha256
from typing import ClassVar, TypeVar

from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from connectors.simulator.graph import Refused
from connectors.simulator.messaging_content import MessagingContent
from connectors.simulator.messaging_events import A
from connectors.simulator.meta import Json
from connectors.simulator.world import Customer, Media, Message

T = TypeVar("T")

_PAGE = 25
_NESTED = re.compile(r"messages(?:\.limit\(([0-9]{1,3})\))?\{([a-z_,]+)\}")
_FIELDS = frozenset(
    (
        *("id", "created_time", "from", "to", "message", "attachments", "shares", "sticker"),
        *("story", "is_unsupported", "tags", "reactions"),
    )
)


class MessagingListing(MessagingContent[A]):
    """platform      Meta's word for the kind
    newest_shown  how many messages of a conversation can be listed at all; None: all
    """

    platform: ClassVar[str]
    newest_shown: ClassVar[int | None] = None

    async def conversations(self, request: Request, account: A) -> Response:
        query = request.query_params
        if query.get("platform", self.platform) != self.platform:
            raise Refused(100, "Param platform must be the one of this account")
        nested = _NESTED.search(query.get("fields", ""))
        threads = sorted(self._threads(account), key=lambda one: one[1][0].at, reverse=True)
        page, paging = _cut(threads, query.get("limit"), query.get("after"), request.url.path)
        data = []
        for customer, messages in page:
            shown: Json = {
                "id": _conversation_id(account.account, customer),
                "updated_time": _time(messages[0].at),
            }
            if nested:
                fields = nested.group(2).split(",")
                shown["messages"] = self._page(
                    account, customer, messages, fields, nested.group(1), None, shown["id"]
                )
            data.append(shown)
        return JSONResponse({"data": data, **paging})

    async def messages(self, request: Request, account: A) -> Response:
        node, query = request.path_params["node"], request.query_params
        for customer, messages in self._threads(account):
            if _conversation_id(account.account, customer) == node:
                fields = query.get("fields", "id,created_time").split(",")
                after, limit = query.get("after"), query.get("limit")
                page = self._page(account, customer, messages, fields, limit, after, node)
                return JSONResponse(page)
        raise Refused(100, f"Object with ID '{node}' does not exist", 33)

    def _threads(self, account: A) -> list[tuple[Customer, list[Message]]]:
        """Who has a conversation, with its messages, newest first."""
        found = []
        for customer in self.exchange.world.customers.values():
            messages = self.exchange.world.messages((self.name, account.account, customer.id))
            said = [m for m in messages if m.direction != "network" and not m.unsent]
            if said:
                found.append((customer, said[::-1]))
        return found

    def _page(
        self,
        account: A,
        customer: Customer,
        messages: Sequence[Message],
        fields: Sequence[str],
        limit: str | None,
        after: str | None,
        node: str,
    ) -> Json:
        unknown = set(fields) - _FIELDS
        if unknown:
            raise Refused(100, f"Tried accessing nonexisting field ({min(unknown)})")
        listed = messages[: self.newest_shown]
        page, paging = _cut(listed, limit, after, f"/{node}/messages")
        known = [self._listed(account, customer, message) for message in page]
        data = [{name: one[name] for name in fields if name in one} for one in known]
        return {"data": data, **paging}

    def _listed(self, account: A, customer: Customer, message: Message) -> Json:
        us: Json = {"id": self.own_id(account), "name": account.name}
        them: Json = {"id": self.scoped_id(customer), "name": customer.name}
        sender, recipient = (them, us) if message.direction == "inbound" else (us, them)
        story = message.details.get("story")
        shown: Json = {
            "id": message.id,
            "created_time": _time(message.at),
            "from": sender,
            "to": {"data": [recipient]},
            "message": "" if "sticker" in message.details else message.text,
        }
        if story == "mention":
            shown["story"] = {"mention": {"link": self.cdn_url(message.media[0]), "id": "0"}}
        elif story == "reply":
            shown["story"] = {"reply_to": self._listed_story(message)}
        elif "sticker" in message.details:
            shown["sticker"] = self.cdn_url(message.media[0])
        elif message.media:
            shown["attachments"] = {"data": [self._file(media) for media in message.media]}
        return shown

    def _listed_story(self, message: Message) -> Json:
        link = {"link": self.cdn_url(message.media[0])} if message.media else {}
        return {"id": message.details["story_id"], **link}

    def _file(self, media: Media) -> Json:
        url, kind = self.cdn_url(media), media.mime.partition("/")[0]
        known: Json = {"id": media.id, "mime_type": media.mime, "size": media.size_bytes}
        if kind in ("image", "video"):
            return {**known, f"{kind}_data": {"url": url, "preview_url": url}}
        return {**known, "name": media.name, "file_url": url}

    def own_id(self, account: A) -> str:
        """How our own side is named in a list."""
        return account.account


def _cut(
    known: Sequence[T], limit: str | None, after: str | None, path: str
) -> tuple[Sequence[T], Json]:
    """A page of them with Meta's mark of the next one."""
    size = int(limit or _PAGE)
    try:
        start = int(after or "0", 36)
    except ValueError as error:
        raise Refused(100, "Invalid cursors values") from error
    page = known[start : start + size]
    mark = _base36(start + size)
    cursors = {"before": _base36(start), "after": mark}
    paging: Json = {"cursors": cursors}
    if start + size < len(known):
        paging["next"] = f"https://graph.example.com{path}?after={mark}"
    return page, {"paging": paging} if page else {}


def _base36(number: int) -> str:
    digits = ""
    while number or not digits:
        number, rest = divmod(number, 36)
        digits = "0123456789abcdefghijklmnopqrstuvwxyz"[rest] + digits
    return digits


def _conversation_id(account: str, customer: Customer) -> str:
    return "t_" + str(int(sha256(f"{account} {customer.id}".encode()).hexdigest()[:14], 16))


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S+0000")
