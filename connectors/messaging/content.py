"""What a message holds: words an agent can read, files, and what it is more than text.

Pure. An attachment that is not listed, or that lacks what its type promises, makes a message that
holds nothing else `unsupported`: the agent sees that something came.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import parse_qs, unquote, urlsplit

from connectors.body import items, line, mapping, number, text
from connectors.content import present, read_choice, read_location
from connectors.messaging.values import link, own_id
from inbox.domain.message import AttachmentKind
from inbox.domain.report import Media

_MEDIA: dict[str, AttachmentKind] = {
    "image": "image",
    "animated_image": "image",
    "video": "video",
    "audio": "audio",
    "file": "document",
    "sticker": "sticker",
}
_SHARES = {
    "reel": ("reel", "Reel"),
    "ig_reel": ("reel", "Reel"),
    "post": ("post", "Post"),
    "ig_post": ("post", "Post"),
    "share": ("post", "Post"),
    "media": ("post", "Post"),
    "story": ("story", "Story"),
    "ig_story": ("story", "Story"),
    "fallback": ("link", "Link"),
    "template": ("product", "Shared"),
}
_SOURCES = {"ADS": "ad", "SHORTLINK": "link", "CUSTOMER_CHAT_PLUGIN": "chat_plugin"}
_MOST = 32


@dataclass(frozen=True, kw_only=True, slots=True)
class Content:
    """`more` is JSON-ready, with the keys of `content` in docs/api.md."""

    type: str
    text: str = ""
    media: tuple[Media, ...] = ()
    more: Mapping[str, object] = field(default_factory=dict)


@dataclass(slots=True)
class _Parts:
    """What the attachments of one message come to."""

    type: str | None = None
    media: list[Media] = field(default_factory=list)
    words: list[str] = field(default_factory=list)
    shares: list[dict[str, object]] = field(default_factory=list)
    more: dict[str, object] = field(default_factory=dict)
    seen: set[str] = field(default_factory=set)

    def first(self, key: str) -> bool:
        """False for what the message holds already: Meta sends some things in two forms."""
        new = key not in self.seen
        self.seen.add(key)
        return new


def read_content(message: Mapping[str, object]) -> Content:
    """The content of a `message` object; never raises."""
    own = text(message, "text") or ""
    parts = _Parts()
    for attachment in items(message, "attachments")[:_MOST]:
        _attachment(attachment, parts)
    if parts.shares:
        parts.more["share"] = parts.shares[0]
    if len(parts.shares) > 1:
        parts.more["shares"] = parts.shares
    _context(message, own, parts)
    kind = parts.media[0].kind if parts.media else parts.type
    if own and not parts.media:
        kind = "text"
    if kind is None and "choice" in parts.more:
        kind = "text"
    if kind is None:
        return Content(type="unsupported", more=parts.more)
    parts.more.pop("kind", None)
    words = own or "\n".join(parts.words)
    return Content(type=kind, text=words, media=tuple(parts.media), more=parts.more)


def _context(message: Mapping[str, object], own: str, parts: _Parts) -> None:
    """What stands beside text and attachments: a story, a button that was pressed, an ad."""
    story = mapping(mapping(message, "reply_to"), "story")
    if story:
        parts.more["story"] = present(id=own_id(story, "id"), url=link(story, "url"))
    quick_reply = mapping(message, "quick_reply")
    choice = read_choice(text(quick_reply, "payload"), own or None) if quick_reply else None
    if choice is not None:
        words, more = choice
        parts.words.append(words)
        parts.more.update(more)
    referral = read_referral(mapping(message, "referral"))
    if referral:
        parts.more["referral"] = referral


def read_referral(part: Mapping[str, object]) -> dict[str, object]:
    """Where they came from: an ad, a link, a product; empty when it says nothing."""
    source = line(part, "source", 1024)
    product = mapping(part, "product")
    url = link(part, "referer_uri") or link(part, "source")
    if source is not None:
        # Instagram names the link itself.
        source = "link" if link(part, "source") else _SOURCES.get(source, source[:64].lower())
    elif product:
        source = "product"
    return present(
        source=source,
        url=url,
        headline=line(mapping(part, "ads_context_data"), "ad_title"),
        ad_id=own_id(part, "ad_id"),
        ref=line(part, "ref", 2100) or line(product, "id", 64),
    )


def _attachment(item: object, parts: _Parts) -> None:
    kind, payload = line(item, "type", 64), mapping(item, "payload")
    if kind == "template" and text(payload, "text"):
        # Buttons below words, or what a program of ours sent elsewhere.
        parts.words.append(text(payload, "text") or "")
        parts.type = parts.type or "text"
    elif kind in _MEDIA:
        _file(kind, payload, parts)
    elif kind in _SHARES:
        _share(kind, item, payload, parts)
    elif kind == "story_mention":
        # A link and no copy: the story is theirs, and is gone after a day.
        parts.more["story"] = present(url=link(payload, "url"))
        parts.words.append("Mentioned you in their story")
        parts.type = parts.type or "story"
    elif kind == "like_heart":
        parts.words.append("❤️")
        parts.type = parts.type or "text"
    elif kind == "location":
        _location(item, payload, parts)
    elif kind == "appointment_booking":
        parts.words.append(f"Appointment: {line(payload, 'status', 32) or 'booked'}")
        parts.type = parts.type or "appointment"
    else:
        parts.more.setdefault("kind", kind or "unknown")


def _file(kind: str, payload: Mapping[str, object], parts: _Parts) -> None:
    sticker = own_id(payload, "sticker_id")
    if sticker is not None:
        # Since June 2026 a sticker also comes as an image, with the same id.
        kind = "sticker"
        if not parts.first(f"sticker {sticker}"):
            return
    url = link(payload, "url")
    if url is None:
        parts.more.setdefault("kind", kind)
        return
    if sticker is None and not parts.first(f"file {url}"):
        return
    name = _file_name(url) if kind == "file" else None
    parts.media.append(Media(ref=url, kind=_MEDIA[kind], name=name))


def _file_name(url: str) -> str | None:
    """The last part of the path, where it looks like a name: the only place that has one."""
    found = unquote(urlsplit(url).path).rsplit("/", 1)[-1]
    return line({"name": found}, "name", 120) if "." in found.strip(".") else None


def _share(kind: str, item: object, payload: Mapping[str, object], parts: _Parts) -> None:
    """A post, a reel or a link; older forms have its address beside `payload`."""
    url = link(payload, "url") or link(payload, "story_media_url") or link(item, "url")
    title = _title(payload) or _title(item) or _product(payload)
    if url is None and title is None:
        parts.more.setdefault("kind", kind)
        return
    word, label = _SHARES[kind]
    if not parts.first(f"share {_share_key(payload, url, title)}"):
        return
    parts.shares.append({"kind": word, **present(title=title, url=url)})
    parts.words.append(f"{label}: {title or url}")
    parts.type = parts.type or "share"


def _title(value: object) -> str | None:
    """On one line: of a post it is all that is written below it."""
    return " ".join((text(value, "title") or "").split())[:512] or None


def _share_key(payload: Mapping[str, object], url: str | None, title: str | None) -> str:
    """The id of what is shared: while Meta changes a form, one thing comes in both."""
    for name in ("ig_post_media_id", "reel_video_id", "id"):
        found = own_id(payload, name)
        if found is not None:
            return found
    asset = parse_qs(urlsplit(url or "").query).get("asset_id", [])
    return asset[0] if asset else url or title or ""


def _product(payload: Mapping[str, object]) -> str | None:
    """The titles of a template: of products that were shared, or of what our own side sent."""
    found = [
        *items(mapping(payload, "product"), "elements"),
        *items(mapping(payload, "generic"), "elements"),
        *items(payload, "elements"),
    ]
    titles = [title for one in found[:_MOST] if (title := line(one, "title", 128))]
    return ", ".join(titles) or line(payload, "text", 512)


def _location(item: object, payload: Mapping[str, object], parts: _Parts) -> None:
    point = mapping(payload, "coordinates")
    found = read_location(
        number(point, "lat"),
        number(point, "long"),
        name=line(payload, "title") or line(item, "title"),
        address=None,
    )
    if found is None:
        parts.more.setdefault("kind", "location")
        return
    words, more = found
    parts.words.append(words)
    parts.more.update(more)
    parts.type = parts.type or "location"
