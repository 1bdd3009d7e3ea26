"""Fetches a file of an MMS: from Twilio with credentials, which answers with where it really lies,
and from there without them."""

from __future__ import annotations

import asyncio
import re
from urllib.parse import urljoin, urlsplit

from connectors.http import Answer, no_file
from connectors.sms.client import TWILIO, Twilio, basic, credentials
from inbox.domain.channel import Channel, Fetched
from inbox.domain.errors import AccountTrouble, Permanent, Temporary
from inbox.domain.report import Media

MAX_BYTES = 16 * 1024 * 1024
TOTAL_S = 20.0
_HOST = re.compile(r"api(\.[a-z0-9-]+){0,2}\.twilio\.com", re.ASCII)
_REDIRECTS = (301, 302, 303, 307, 308)


async def fetch(
    twilio: Twilio, media: Media, channel: Channel, waits_s: tuple[float, ...]
) -> Fetched:
    """Bring the file. Raises as `Connector.fetch` says.

    waits_s  before each new try after a 404, which is normal just after the webhook
    """
    url = own_address(media.ref, channel.setting("account_sid"), twilio.url)
    try:
        async with asyncio.timeout(TOTAL_S):
            answer = await _bring(twilio, url, channel)
            for wait in waits_s:
                if answer.status != 404:
                    break
                await asyncio.sleep(wait)
                answer = await _bring(twilio, url, channel)
    except TimeoutError as error:
        raise Temporary("Twilio did not hand over the file in time.", code="no_answer") from error
    if answer.status != 200:
        raise _failure(answer)
    mime = answer.headers.get("content-type", "").split(";")[0].strip() or media.mime
    return Fetched(content=answer.body, mime=mime, name=media.name)


def own_address(ref: str, account_sid: str, twilio_url: str) -> str:
    """The address to ask, when it is Twilio's and of this account and message.

    The customer's carrier put it there, so it is believed in nothing: credentials go only to a file
    of our own account. Raises Permanent with code `address_refused`.
    """
    message_id, _, url = ref.partition(" ")
    try:
        parts, base = urlsplit(url), urlsplit(twilio_url)
    except ValueError as error:
        raise _refused() from error
    path = parts.path
    if (parts.scheme, parts.netloc) == (base.scheme, base.netloc):
        path = path.removeprefix(base.path.rstrip("/"))
        target = url
    elif parts.scheme == "https" and _HOST.fullmatch(parts.netloc):
        # With another base address that is where Twilio is, whatever the message calls it.
        target = url if twilio_url.rstrip("/") == TWILIO else twilio_url.rstrip("/") + path
    else:
        raise _refused()
    own = rf"/2010-04-01/Accounts/{re.escape(account_sid)}/Messages/{re.escape(message_id)}/Media/"
    if not account_sid or not message_id or parts.query or parts.fragment:
        raise _refused()
    if re.fullmatch(own + r"[0-9A-Za-z]{2,64}", path, re.ASCII) is None:
        raise _refused()
    return target


def media_source(ref: str) -> dict[str, str]:
    """Where a file lies, as Twilio named it; nobody has judged the address."""
    return {"url": ref.partition(" ")[2]}


async def _bring(twilio: Twilio, url: str, channel: Channel) -> Answer:
    answer = await _get(twilio, url, basic(credentials(channel)))
    if answer.status not in _REDIRECTS:
        return answer
    # One step, without the credentials; the client judges the address like any other.
    return await _get(twilio, urljoin(url, answer.headers.get("location", "")), {})


async def _get(twilio: Twilio, url: str, headers: dict[str, str]) -> Answer:
    return await twilio.http.call("GET", url, headers=headers, max_bytes=MAX_BYTES, total_s=TOTAL_S)


def _refused() -> Permanent:
    return Permanent(
        "The file is not at an address of this Twilio account.", code="address_refused"
    )


def _failure(answer: Answer) -> Temporary | Permanent:
    if answer.status == 401:
        return AccountTrouble("Twilio does not accept the credentials.", code="http_401")
    return no_file(answer, "Twilio")
