"""HTML to the text that a reader would see, with the places where quoted mail begins.

A walk over the tags that goes forward only, so that no page can hold it up; the libraries for this
write Markdown (html2text, and under the GPL) or bring a whole document tree (inscriptis and lxml),
and none of them tells where a quote begins. What is shown as HTML is made safe elsewhere.
"""

from __future__ import annotations

import html
import re
from dataclasses import dataclass, field

MAX_CHARS = 2_000_000

_NAME = re.compile(r"/?([a-zA-Z][a-zA-Z0-9:-]{0,40})")
_ATTRIBUTE = re.compile(
    r"([^\s=>\"'/]{1,100})(?:\s{0,20}=\s{0,20}(?:\"([^\"]*)\"|'([^']*)'|([^\s>]*)))?"
)
_BLOCKS = frozenset(
    [
        "address",
        "article",
        "aside",
        "blockquote",
        "body",
        "center",
        "dd",
        "div",
        "dl",
        "dt",
        "fieldset",
        "footer",
        "form",
        "h1",
        "h2",
        "h3",
        "h4",
        "h5",
        "h6",
        "header",
        "hr",
        "html",
        "legend",
        "li",
        "main",
        "nav",
        "ol",
        "p",
        "pre",
        "section",
        "table",
        "tbody",
        "tfoot",
        "thead",
        "tr",
        "ul",
    ]
)
_SPACED = frozenset(["p", "h1", "h2", "h3", "h4", "h5", "h6", "ul", "ol", "dl", "table", "pre"])
_HIDDEN = frozenset(
    ["script", "style", "head", "title", "template", "noscript", "svg", "math", "object", "iframe"]
)
_VOID = frozenset(
    [
        "area",
        "base",
        "br",
        "col",
        "embed",
        "hr",
        "img",
        "input",
        "link",
        "meta",
        "param",
        "source",
        "track",
        "wbr",
        "o:p",
    ]
)
# Where a mail program puts the mail that is answered. Ids may have Outlook's `x_` before them.
_QUOTE_CLASSES = frozenset(
    [
        "gmail_quote",
        "gmail_quote_container",
        "yahoo_quoted",
        "moz-cite-prefix",
        "protonmail_quote",
        "zmail_extra",
        "tutanota_quote",
        "outlookmessageheader",
    ]
)
_QUOTE_IDS = frozenset(
    [
        "appendonsend",
        "divrplyfwdmsg",
        "stopspelling",
        "olk_src_body_section",
        "reply-intro",
        "isforwardcontent",
        "isreplycontent",
        "origbody",
        "orimsghtmlseperator",
        "reply139content",
        "mail-editor-reference-message-container",
    ]
)
_QUOTE_NAMES = frozenset(["messagereplysection", "quote"])


@dataclass(frozen=True, kw_only=True, slots=True)
class Page:
    """`text` has `> ` before what is quoted; `quotes` are the numbers of the lines at which a mail
    program says that the mail that is answered begins; `images` counts pictures."""

    text: str
    quotes: tuple[int, ...] = ()
    images: int = 0


@dataclass(slots=True)
class _Writer:
    lines: list[str] = field(default_factory=list)
    line: list[str] = field(default_factory=list)
    quotes: list[int] = field(default_factory=list)
    open: list[tuple[str, bool]] = field(default_factory=list)
    counts: dict[str, int] = field(default_factory=dict)
    depth: int = 0
    pre: int = 0
    blank: bool = True
    images: int = 0

    def text(self, text: str) -> None:
        if self.pre:
            first, *rest = text.split("\n")
            self._put(first)
            for line in rest:
                self.newline(always=True)
                self._put(line)
            return
        words = " ".join(text.split())
        if not words:
            if text and self.line and not self.line[-1].endswith(" "):
                self.line.append(" ")
            return
        lead = " " if text[0].isspace() and self.line and not self.line[-1].endswith(" ") else ""
        self._put(lead + words + (" " if text[-1].isspace() else ""))

    def _put(self, text: str) -> None:
        if text:
            self.line.append(text)

    def newline(self, *, always: bool = False) -> None:
        text = "".join(self.line).rstrip()
        self.line = []
        if not text and not always:
            return
        mark = "> " * min(self.depth, 5)
        self.lines.append((mark + text).rstrip() if mark else text)
        self.blank = not text

    def gap(self) -> None:
        """An empty line, unless there is one."""
        self.newline()
        if not self.blank and self.lines:
            self.lines.append(("> " * min(self.depth, 5)).rstrip())
            self.blank = True

    def begin(self, name: str, attributes: dict[str, str]) -> None:
        quoted = name == "blockquote" and _cites(attributes)
        if name in _BLOCKS:
            self.gap() if name in _SPACED else self.newline()
        if _starts_quote(name, attributes):
            self.quotes.append(len(self.lines))
        if name == "br":
            self.newline(always=True)
        elif name in ("td", "th") and self.line:
            self._put(" ")
        elif name == "li":
            self._put("- ")
        elif name == "img":
            self.images += 1
            self._put(" ".join(attributes.get("alt", "").split())[:200])
        if name in _VOID:
            return
        self.depth += quoted
        self.pre += name == "pre"
        self.open.append((name, quoted))
        self.counts[name] = self.counts.get(name, 0) + 1

    def end(self, name: str) -> None:
        # One that was never opened closes nothing; which also keeps the walk linear.
        if not self.counts.get(name):
            if name == "p":
                self.gap()
            return
        if name in _BLOCKS:
            self.newline()
        while self.open:
            own, quoted = self.open.pop()
            self.counts[own] -= 1
            self.depth -= quoted
            self.pre -= own == "pre"
            if own == name:
                break
        if name in _SPACED:
            self.gap()


def read(markup: str) -> Page:
    """The text of a page. Never raises."""
    markup = markup[:MAX_CHARS]
    out = _Writer()
    at, size = 0, len(markup)
    skipping = ""
    endless: set[str] = set()
    while at < size:
        sign = markup.find("<", at)
        sign = size if sign < 0 else sign
        if sign > at and not skipping:
            out.text(html.unescape(markup[at:sign]))
        if sign >= size:
            break
        at, name, closing, attributes = _tag(markup, sign)
        if not name:
            if at == sign + 1 and not skipping:
                out.text("<")
        elif skipping:
            if closing and name == skipping:
                skipping = ""
        elif not closing and name in _HIDDEN:
            # One that never ends hides nothing; once that is known it is not asked again.
            if name not in endless:
                skipping = name if _ends(markup, at, name) else ""
                endless.update(() if skipping else (name,))
        elif closing:
            out.end(name)
        else:
            out.begin(name, attributes)
    out.newline()
    return Page(text="\n".join(out.lines), quotes=tuple(out.quotes), images=out.images)


def _ends(markup: str, at: int, name: str) -> bool:
    return re.compile(re.escape(f"</{name}"), re.I).search(markup, at) is not None


def _tag(markup: str, at: int) -> tuple[int, str, bool, dict[str, str]]:
    """The tag at `at`: where it ends, its lower-case name, whether it closes, its attributes. No
    name: a comment, or no tag at all, and then only the `<` itself is taken."""
    if markup.startswith("<!--", at):
        end = markup.find("-->", at + 4)
        return (len(markup) if end < 0 else end + 3), "", False, {}
    if markup.startswith(("<!", "<?"), at):
        end = markup.find(">", at)
        return (len(markup) if end < 0 else end + 1), "", False, {}
    named = _NAME.match(markup, at + 1)
    if named is None:
        return at + 1, "", False, {}
    end = _tag_end(markup, named.end())
    closing = markup[at + 1] == "/"
    attributes = {} if closing else _attributes(markup[named.end() : min(end, named.end() + 4096)])
    return min(end + 1, len(markup)), named.group(1).lower(), closing, attributes


def _tag_end(markup: str, at: int) -> int:
    """Where the tag's `>` is. One in quotes does not count, if the quotes end before the next tag
    begins: a lost quote must not swallow the page."""
    end = markup.find(">", at)
    end = len(markup) if end < 0 else end
    while True:
        inside = markup[at:end] if end - at < 4096 else ""
        open_quote = next((q for q in "\"'" if inside.count(q) % 2 and f"={q}" in inside), "")
        if not open_quote:
            return end
        close = markup.find(open_quote, end, end + 2048)
        if close < 0 or "<" in markup[end:close]:
            return end
        following = markup.find(">", close)
        if following < 0:
            return end
        end = following


def _attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for match in _ATTRIBUTE.finditer(text):
        name, double, single, bare = match.groups()
        value = double if double is not None else single if single is not None else bare or ""
        found.setdefault(name.lower(), html.unescape(value))
    return found


def _names(attributes: dict[str, str]) -> tuple[set[str], str]:
    classes = {name.removeprefix("x_") for name in attributes.get("class", "").lower().split()}
    own = attributes.get("id", "").lower().strip()
    return classes, own.removeprefix("x_").removeprefix("x_")


def _cites(attributes: dict[str, str]) -> bool:
    classes, _ = _names(attributes)
    return attributes.get("type", "").lower() == "cite" or bool(
        classes & {"gmail_quote", "protonmail_quote", "tutanota_quote", "yahoo_quoted", "quote"}
    )


def _starts_quote(name: str, attributes: dict[str, str]) -> bool:
    if name == "blockquote":
        return False
    classes, own = _names(attributes)
    said = attributes.get("name", "").lower().removeprefix("x_")
    return bool(classes & _QUOTE_CLASSES) or own in _QUOTE_IDS or said in _QUOTE_NAMES
