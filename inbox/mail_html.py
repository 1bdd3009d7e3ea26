"""Makes the HTML of a mail safe: once when it is stored, once more when it is read.

What is left is structure and words: no style, script, form, frame, id or class. A picture is one
that came with the mail, or, at an agent's word, one from elsewhere, which our server never fetches.
"""

from __future__ import annotations

import base64
import hashlib
import html
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from urllib.parse import unquote

import nh3

# Told with what was stored, so that a change of the rules can find what was made by older ones.
POLICY = 1
# Of all pictures inside of one mail together, and of all places of its page that show one.
MOST_PICTURE_BYTES = 12 * 1024 * 1024
MOST_PAGE_PICTURES = 2 * MOST_PICTURE_BYTES
PICTURES = ("image/png", "image/jpeg", "image/gif", "image/webp")

_TAGS = frozenset(
    re.findall(
        r"\w+",
        "a b blockquote br code div em h1 h2 h3 h4 hr i img li ol p pre span strong u ul"
        " table caption colgroup col thead tbody tfoot tr th td",
    )
)
_ATTRIBUTES = {
    "a": {"href", "title"},
    "img": {"src", "alt", "title"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan"},
}
_GONE_WITH_CONTENT = frozenset(
    re.findall(
        r"\w+",
        "script style title head noscript template iframe object embed applet select textarea"
        " option svg math audio video canvas map xml button",
    )
)
_SCHEMES = {"http", "https", "mailto", "tel", "cid", "data"}
_LINKS = re.compile(r"\s*(?:https?://|mailto:|tel:)", re.IGNORECASE)
_SPAN = re.compile(r"[1-9]\d?", re.ASCII)
_INLINE = re.compile(r"data:image/(?:png|jpeg|gif|webp);base64,[A-Za-z0-9+/=\s]*", re.IGNORECASE)
_Source = Callable[[str], str | None]


@dataclass(frozen=True, kw_only=True, slots=True)
class CleanHtml:
    """`remote`: it has pictures that lie elsewhere."""

    html: str
    remote: bool


def clean_here(raw: str) -> CleanHtml | None:
    """What is stored of a mail's HTML: pictures still named as it names them; None where nothing is
    left. Takes time and memory as the mail likes: `mail_cleaning.clean` sees to that."""
    remote = False

    def source(address: str) -> str | None:
        nonlocal remote
        remote = remote or _is_remote(address)
        return address if _is_picture(address) else None

    kept = _sanitised(raw, source)
    return CleanHtml(html=kept, remote=remote) if kept.strip() else None


def _is_remote(address: str) -> bool:
    return address.lower().startswith(("http://", "https://"))


def _is_picture(address: str) -> bool:
    return _is_remote(address) or address.lower().startswith("cid:") or _is_inline(address)


def _is_inline(address: str) -> bool:
    return bool(_INLINE.fullmatch(address))


def _sanitised(raw: str, source: _Source) -> str:
    def attribute(tag: str, name: str, value: str) -> str | None:
        if name == "src":
            return source(value.strip()) if tag == "img" else None
        if name == "href":
            return value if _LINKS.match(value) else None
        if name in ("colspan", "rowspan"):
            return value if _SPAN.fullmatch(value) else None
        return value

    return nh3.clean(
        raw,
        tags=set(_TAGS),
        attributes=_ATTRIBUTES,
        clean_content_tags=set(_GONE_WITH_CONTENT),
        attribute_filter=attribute,
        url_schemes=_SCHEMES,
        link_rel="noopener noreferrer nofollow",
        set_tag_attribute_values={"a": {"target": "_blank"}},
        strip_comments=True,
    )


def without_pictures(kept: CleanHtml) -> str:
    """What is shown of it before anybody asks for pictures."""
    return _sanitised(kept.html, lambda address: _own(address, {}))


def _own(address: str, pictures: Mapping[str, str]) -> str | None:
    """Where a picture that came with the mail is; None for one that did not."""
    if address.lower().startswith("cid:"):
        name = address[4:]  # often written as it is, though a URL has it quoted (RFC 2392)
        return pictures.get(content_id(name)) or pictures.get(content_id(unquote(name)))
    return address if _is_inline(address) else None


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """A whole small document, and the policy that it must be served under."""

    html: str
    policy: str


def page(stored: str, pictures: Mapping[str, str], *, remote: bool, theme: str) -> Page:
    """The page that an agent's sandboxed frame shows.

    pictures   those that came with the mail, as `data:` addresses by their Content-ID: a sandboxed
               frame has no cookie to fetch one
    remote     pictures from elsewhere are loaded as well, by the agent's browser
    theme      `light`, `dark`, or "" as the system has it
    """

    left = MOST_PAGE_PICTURES

    def source(address: str) -> str | None:
        nonlocal left
        if remote and address.lower().startswith("https://"):
            return address
        picture = _own(address, pictures)
        # Each place that names it holds it once more.
        left -= len(picture or "")
        return picture if left >= 0 else None

    body = _sanitised(stored, source)
    scheme = {"light": "light", "dark": "dark"}.get(theme, "light dark")
    document = (
        "<!doctype html><html><head><meta charset=utf-8>"
        f'<meta name="color-scheme" content="{scheme}"><meta name="referrer" content="no-referrer">'
        # Without a link in it nothing else would bring a keyboard into the frame, to read on.
        f"<title>Mail</title><style>{_STYLE}</style></head>"
        f"<body dir=auto tabindex=0>{body}</body></html>"
    )
    images = "data: https:" if remote else "data:"
    policy = (
        "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none';"
        f" style-src '{_STYLE_HASH}'; img-src {images}; base-uri 'none'; form-action 'none';"
        " frame-ancestors 'self'"
    )
    return Page(html=document, policy=policy)


def content_id(name: str) -> str:
    """A Content-ID as both its header and the HTML write it."""
    return html.unescape(name).strip().strip("<>").lower()


def as_data(mime: str, content: bytes) -> str:
    return f"data:{mime};base64,{base64.b64encode(content).decode()}"


# In the page itself, known to its policy by this hash: a sandboxed frame is of no origin, and a
# style sheet of ours would be another's to it.
_STYLE = (
    ":focus-visible{outline:2px solid light-dark(#12695a,#74cbb5);outline-offset:-2px}"
    "body{margin:0;padding:4px 2px;font:15px/22px system-ui,-apple-system,'Segoe UI',Roboto,"
    "'Noto Sans',Arial,sans-serif;overflow-wrap:anywhere;"
    "color:light-dark(#25221d,#ece7df);background:light-dark(#ffffff,#2a2724)}"
    "img{max-width:100%;height:auto}img:not([src]){display:inline-block;padding:0 6px;"
    "border:1px dashed currentColor;border-radius:4px;opacity:.6;font-size:12px}"
    "table{border-collapse:collapse;max-width:100%}td,th{padding:1px 6px 1px 0;"
    "vertical-align:top;text-align:start}pre{white-space:pre-wrap}"
    "h1,h2,h3,h4{font-size:1.1em;margin:.6em 0 .3em}p{margin:.5em 0}"
    "blockquote{margin:.5em 0;padding-inline-start:10px;"
    "border-inline-start:3px solid light-dark(#e4ded4,#4a453e);color:light-dark(#665f54,#aaa295)}"
    "a{color:light-dark(#12695a,#74cbb5)}hr{border:0;border-top:1px solid "
    "light-dark(#e4ded4,#4a453e)}"
)
_STYLE_HASH = "sha256-" + base64.b64encode(hashlib.sha256(_STYLE.encode()).digest()).decode()
