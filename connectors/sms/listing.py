"""Asks Twilio for what its webhooks did not bring: the messages to our number, those from it with
how they fare, and their files. `listed.py` reads what it brings.

Twilio lists by one number or by none, and a Messaging Service has several. With a service all of
the account's messages are asked for, and what is not this channel's is left where it is.

source  www.twilio.com/docs/messaging/api/message-resource#read-multiple-message-resources
"""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import Literal
from urllib.parse import parse_qsl, quote, urlencode, urlsplit

from connectors.body import NotJson, code, decode, items, line
from connectors.sms.address import read_address
from connectors.sms.client import Twilio
from connectors.sms.listed import PULLED
from connectors.sms.sender import refusal
from inbox.domain.abilities import Pulled
from inbox.domain.channel import Channel, Payload
from inbox.domain.errors import AccountTrouble, Permanent, Temporary

EVERY_S = 180.0
OVERLAP = timedelta(minutes=10)
# What is younger is left to its webhook, which may be on its way.
SETTLE = timedelta(seconds=30)
# Small enough for one more call for the files of each; of the account's, few are ours.
_PAGE = {"To": 20, "From": 20, "all": 50}

Side = Literal["To", "From", "all"]
_SIDES: dict[str, Side] = {"To": "To", "From": "From", "all": "all"}


@dataclass(frozen=True, kw_only=True, slots=True)
class Sweep:
    """Where the next step goes on.

    since  up to when everything has been listed
    until  when this sweep began; None between two sweeps
    side   the messages to our number come first, then those from it; or `all` of the account
    page   Twilio's marks of the page to ask for, as parameters; empty: the first
    """

    since: datetime
    until: datetime | None = None
    side: Side = "To"
    page: tuple[tuple[str, str], ...] = ()

    def text(self) -> str:
        known: dict[str, object] = {"since": int(self.since.timestamp() * 1000)}
        if self.until is not None:
            known["until"] = int(self.until.timestamp() * 1000)
            known |= {"side": self.side, "page": [list(pair) for pair in self.page]}
        return json.dumps(known)


def read_sweep(cursor: str) -> Sweep:
    """raises   Permanent: it is none of ours"""
    try:
        known = decode(cursor.encode())
        since, until = code(known, "since"), code(known, "until")
        if since is None:
            raise _unusable()
        pairs = [one for one in items(known, "page") if isinstance(one, list) and len(one) == 2]
        return Sweep(
            since=datetime.fromtimestamp(since / 1000, UTC),
            until=None if until is None else datetime.fromtimestamp(until / 1000, UTC),
            side=_SIDES.get(line(known, "side") or "", "To"),
            page=tuple((str(name), str(value)) for name, value in pairs),
        )
    except (NotJson, ValueError, OverflowError, OSError) as error:
        raise _unusable() from error


async def pull(twilio: Twilio, channel: Channel, cursor: str | None, now: datetime) -> Pulled:
    """One page, and the files of what is on it. Raises as `Pulls.pull` says."""
    if cursor is None:
        return Pulled(payloads=(), cursor=Sweep(since=now).text())
    sweep = read_sweep(cursor)
    if sweep.until is None:
        side: Side = "all" if channel.setting("messaging_service_sid") else "To"
        sweep = replace(sweep, until=max(sweep.since, now - SETTLE), side=side)
    try:
        asked = f"/Messages.json?{_query(channel, sweep)}"
        document = await _get(twilio, channel, asked, "messages")
    except AccountTrouble:
        raise
    except Permanent as error:
        if sweep.page:
            # Twilio's marks run out: begin this sweep again, at its own time.
            return Pulled(payloads=(), cursor=Sweep(since=sweep.since).text())
        raise Temporary(str(error), code=error.code) from error
    # Twilio lists the newest first.
    found = [
        await _with_files(twilio, channel, message)
        for message in items(document, "messages")[: _PAGE[sweep.side]][::-1]
        if sweep.side != "all" or _is_ours(channel, message)
    ]
    following = _following(document, sweep)
    return Pulled(
        payloads=(_payload(channel, found),) if found else (),
        cursor=following.text(),
        more=following.until is not None,
    )


def _query(channel: Channel, sweep: Sweep) -> str:
    oldest = max(sweep.since - OVERLAP, channel.created_at)
    until = sweep.until or sweep.since
    asked = {
        **({} if sweep.side == "all" else {sweep.side: channel.account}),
        "DateSent>": _time(oldest),
        "DateSent<": _time(until),
        "PageSize": str(_PAGE[sweep.side]),
        **dict(sweep.page),
    }
    return urlencode(asked)


def _is_ours(channel: Channel, message: object) -> bool:
    """Whether it went through the service, or to or from our number by whatever service."""
    if line(message, "messaging_service_sid", 64) == channel.setting("messaging_service_sid"):
        return True
    ends = (read_address(line(message, name) or "") for name in ("to", "from"))
    return channel.account in [end.bare for end in ends]


async def _get(twilio: Twilio, channel: Channel, path: str, holds: str) -> object:
    """A document with a list of that name: no list at all is not an empty one."""
    answer = await twilio.call("GET", channel, path)
    document = answer.json()
    if answer.status != 200:
        raise refusal(answer, document, sending=False)
    if not isinstance(document, dict) or not isinstance(document.get(holds), list):
        raise Temporary("Twilio gave no clear answer.", code="bad_answer")
    return document


async def _with_files(twilio: Twilio, channel: Channel, message: object) -> object:
    """The message with the list of its files, which Twilio keeps apart."""
    sid = line(message, "sid", 64)
    if not code(message, "num_media") or sid is None:
        return message
    try:
        path = f"/Messages/{quote(sid, safe='')}/Media.json"
        listed = await _get(twilio, channel, path, "media_list")
    except AccountTrouble:
        raise
    except Permanent:
        return message  # they were deleted there; the words are still worth having
    if not isinstance(message, dict):
        return message
    return {**message, "media_list": items(listed, "media_list")}


def _following(document: object, sweep: Sweep) -> Sweep:
    """Where to go on: Twilio's next page, the other side, or the end of the sweep."""
    address = line(document, "next_page_uri", 4000)
    if address is not None:
        # Its marks alone are taken over: what is asked, and of whom, is ours to say.
        marks = dict(parse_qsl(urlsplit(address).query, max_num_fields=50))
        page = tuple((name, marks[name]) for name in ("Page", "PageToken") if name in marks)
        if page and page != sweep.page:
            return replace(sweep, page=page)
    if sweep.side == "To":
        return replace(sweep, side="From", page=())
    return Sweep(since=sweep.until or sweep.since)


def _payload(channel: Channel, found: list[object]) -> Payload:
    document = {"account": channel.account, "messages": found}
    body = json.dumps(document).encode()
    return Payload(method=PULLED, query=b"", content_type="application/json", body=body)


def _time(at: datetime) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def _unusable() -> Permanent:
    return Permanent("It is not known any more where listing ended.", code="cursor")
