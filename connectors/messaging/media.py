"""Fetches a file that a contact sent, from the signed address that came with the message. It runs
out after a while, and it needs no token: none is sent along."""

from __future__ import annotations

from collections.abc import Sequence
from urllib.parse import urljoin, urlsplit

from connectors.http import Answer, Http, no_file
from inbox.domain.channel import Fetched
from inbox.domain.errors import Permanent
from inbox.domain.report import Media

MAX_BYTES = 25 * 1024 * 1024
TOTAL_S = 60.0
_HOSTS = ("fbsbx.com", "fbcdn.net", "cdninstagram.com")
_REDIRECTS = (301, 302, 303, 307, 308)


async def fetch(http: Http, media: Media, own_urls: Sequence[str]) -> Fetched:
    """Bring the file. Raises as `Connector.fetch` says.

    own_urls  where the platform is set to be called: files may lie there, too
    """
    answer = await _get(http, media.ref, own_urls)
    if answer.status in _REDIRECTS:
        target = urljoin(media.ref, answer.headers.get("location", ""))
        answer = await _get(http, target, own_urls)
    if answer.status != 200:
        raise no_file(answer, "Meta")
    mime = answer.headers.get("content-type", "").split(";")[0].strip() or media.mime
    return Fetched(content=answer.body, mime=mime, name=media.name)


async def _get(http: Http, url: str, own_urls: Sequence[str]) -> Answer:
    if not is_metas(url, own_urls):
        raise Permanent("The file is not at an address of Meta's.", code="address_refused")
    return await http.call("GET", url, max_bytes=MAX_BYTES, total_s=TOTAL_S)


def is_metas(url: str, own_urls: Sequence[str]) -> bool:
    """True for Meta's file hosts by https, and for where its API is set to be."""
    try:
        here = urlsplit(url)
        own = [urlsplit(base) for base in own_urls]
    except ValueError:
        return False
    if any((here.scheme, here.netloc) == (base.scheme, base.netloc) for base in own):
        return True
    name = here.netloc
    if "@" in name:
        return False
    return here.scheme == "https" and any(name.endswith(f".{host}") for host in _HOSTS)
