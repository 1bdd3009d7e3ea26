"""Fetches a file that a contact sent: its id leads to an address that lives for five minutes."""

from __future__ import annotations

import hmac
from base64 import b64decode
from binascii import Error as Base64Error
from collections.abc import Mapping
from hashlib import sha256
from urllib.parse import quote, urlsplit

from connectors.body import line
from connectors.http import Answer, no_file
from connectors.meta import Graph, segment
from connectors.whatsapp.manifest import MANIFEST
from inbox.domain.channel import Channel, Fetched
from inbox.domain.errors import AccountTrouble, Permanent, Temporary
from inbox.domain.report import Media

# Meta's own hosts: the access token goes nowhere else.
_HOSTS = frozenset({"lookaside.fbsbx.com", "graph.facebook.com"})
_TOTAL_S = 60.0
# People may send more than we may; each kind's own limit where it is higher.
_LEAST_LIMIT = 16 * 1024 * 1024
_LIMITS = {limit.kind: max(limit.max_bytes, _LEAST_LIMIT) for limit in MANIFEST.media}


async def fetch(graph: Graph, media: Media, channel: Channel) -> Fetched:
    """Bring the file. Raises as `Connector.fetch` says.

    source  developers.facebook.com/docs/whatsapp/cloud-api/reference/media
    """
    document = await _look_up(graph, media, channel)
    answer = await _download(graph, document, media, channel)
    if answer.status == 404:
        # The address had run out; a new one is asked for once.
        document = await _look_up(graph, media, channel)
        answer = await _download(graph, document, media, channel)
    if answer.status != 200:
        raise _failure(answer)
    expected = media.sha256 or line(document, "sha256", 64)
    if expected is not None and not same_digest(answer.body, expected):
        raise Temporary("The file arrived damaged.", code="digest_differs")
    mime = line(document, "mime_type", 128) or media.mime
    return Fetched(content=answer.body, mime=mime, name=media.name)


def media_source(ref: str) -> dict[str, str]:
    """A file is known by its id at Meta; an address is asked for when it is fetched."""
    return {"provider_id": ref}


async def _look_up(graph: Graph, media: Media, channel: Channel) -> Mapping[str, object]:
    number = quote(channel.setting("phone_number_id"), safe="")
    path = f"{segment(media.ref)}?phone_number_id={number}"
    return await graph.get(path, channel.setting("access_token"))


async def _download(
    graph: Graph, document: Mapping[str, object], media: Media, channel: Channel
) -> Answer:
    url = line(document, "url", 4096)
    if url is None or not is_metas(url, graph.url):
        raise Permanent("The file is not at an address of Meta's.", code="address_refused")
    token = channel.setting("access_token").strip()
    return await graph.http.call(
        "GET",
        url,
        headers={"Authorization": f"Bearer {token}"},
        max_bytes=_LIMITS.get(media.kind, _LEAST_LIMIT),
        total_s=_TOTAL_S,
    )


def is_metas(url: str, graph_url: str) -> bool:
    """True where the token may go: Meta's hosts, or the one that Graph calls are set to go to."""
    try:
        here, graph = urlsplit(url), urlsplit(graph_url)
        if (here.scheme, here.netloc) == (graph.scheme, graph.netloc):
            return True
        return here.scheme == "https" and here.netloc in _HOSTS
    except ValueError:
        return False


def same_digest(content: bytes, expected: str) -> bool:
    """Compare with a SHA-256 in base64, as Meta writes it, or in hex, as its older payloads do."""
    digest = sha256(content)
    try:
        given = b64decode(expected, validate=True) if len(expected) != 64 else None
    except (Base64Error, ValueError):
        return False
    if given is None:
        return hmac.compare_digest(digest.hexdigest().encode(), expected.lower().encode())
    return hmac.compare_digest(digest.digest(), given)


def _failure(answer: Answer) -> Temporary | Permanent:
    if answer.status == 401:
        return AccountTrouble("Meta does not accept the access token.", code="http_401")
    return no_file(answer, "Meta")
