"""What somebody wrote anew in a mail, and what below it is quoted or is signature.

It only ever draws one line: what is above is the answer, all that is below is folded. Where answers
stand among what they answer, nothing is folded. One pass over the lines with bounded looks around.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from connectors.gmail.markup import Page
from connectors.gmail.phrases import (
    ABOVE_THE_LINE,
    FORWARDED,
    LABELS,
    ON,
    ORIGINAL,
    SENT_FROM,
    WROTE,
)

# Attributions that are looked at in one mail: an honest one has as many as it has writers.
_MOST_LOOKS = 2_000
_LONGEST_ATTRIBUTION = 500
_MOST_LINES = 4
# Two dashes alone may as well part two chapters of a letter.
_SIGNATURE_LINES = 20
_SIGNATURE_SIGNS = ("-", "_", "—", "–")
_DRESSES = frozenset("-_=*#<>~+\u2500\u2014")

_WROTE = re.compile(rf"(?<![^\W_])(?:{WROTE})(?![^\W_])|님이 작성|写道|寫道|書きました|のメール")
_ENDS_WROTE = re.compile(rf"(?:^|[\s,>)\]])(?:{WROTE})[\s-]*$")
_WITHOUT_COLON = ("wrote", "a écrit", "escribió", "ha scritto", "escreveu", "schreef", "님이 작성")
_DATE = re.compile(
    r"(?<!\d)(?:19|20)\d\d(?!\d)|\d{1,2}[/.-]\d{1,2}[/.-]\d{2,4}|\d{1,2}[:.h]\d\d|\d ?[年월月日]"
)
_DAY = re.compile(r"\d{1,4}[/.-]\d{1,2}[/.-]\d{2,4}|(?<!\d)(?:19|20)\d\d(?!\d)")
_TIME = re.compile(r"(?<![\d.])\d{1,2}[:.h]\d\d(?![\d.])")
_STARTS_WITH_DATE = re.compile(
    r"(?:\d{1,4}[/.-]\d{1,2}[/.-]\d{1,4}|\d{4} ?[年г.-]|"
    r"\d{4}년|\d{1,2}\.? [^\W\d_]{3,12}\.?,? \d{4}"
    r"|[^\W\d_]{1,9}[.,]{1,2} \d{1,2}\.?(?: [^\W\d_]{3,12}|"
    r"[/.]\d)|(?:mon|tue|wed|thu|fri|sat|sun)\w*,)"
)
_ADDRESS = re.compile(r"[<(\[]?[^\s<>@()]{1,100}@[^\s<>@()]{1,200}")
_ADDRESS_END = re.compile(r"[>)\]\u202c\u200f\u200e]{1,4}\s?[:：]$")
_RULE = re.compile(r"[_=\u2500\u2014-]{5,200}")
_SIGNATURE = re.compile(r"(?:--|__|—|––) ?\t?")
_GROUPWISE = re.compile(r">>> .{3,300}\d.{0,20}(?:>>>)?")
_LINE_MARKS = " \t\u00a0\u200b\u200e\u200f\u202a\u202b\u202c\u202d\u202e\ufeff*_|"

_Sort = Literal["attribution", "hint", "block", "forward"]


@dataclass(frozen=True, slots=True)
class _Cut:
    """A place where a quote begins: `line` is the first of it, `after` the first below the words
    that announce it."""

    sort: _Sort
    line: int
    after: int


def trim(
    text: str,
    quotes: tuple[int, ...] = (),
    page: Page | None = None,
    *,
    forwarded: bool = False,
) -> tuple[str, str]:
    """The answer, and the rest: together they are `text`.

    forwarded  its subject says that what is below the headers of another mail is sent on
    quotes  lines where the HTML that the text is from says that a quote begins
    page    the same mail's HTML as text, for what the plain text alone does not tell
    """
    # Who forwards a mail wants it to be read.
    size = None if forwarded else _answer(text, quotes)
    if size is None and page is not None and not forwarded:
        size = _as_in(text, page)
    if size is None:
        return text, ""
    answer = text[:size].rstrip()
    return answer, text[len(answer) :]


def _answer(text: str, quotes: tuple[int, ...]) -> int | None:
    """How many characters the answer has; None where nothing is to be folded."""
    lines = text.split("\n")
    cut = _quote_start(lines, frozenset(quotes))
    end = len(lines) if cut is None else cut
    if cut is None and _answers_between(lines):
        return None
    end = _signature_start(lines, end)
    kept = "\n".join(lines[:end]).rstrip()
    return len(kept) if kept.strip(_LINE_MARKS + "\n>") and end < len(lines) else None


def _as_in(text: str, page: Page) -> int | None:
    """Where the HTML's answer ends in the plain text, when the two begin with the same words: so a
    quote is found whose announcement is in no table."""
    size = _answer(page.text, page.quotes)
    if size is None or not page.quotes:
        return None
    wanted = [c for c in page.text[:size] if c.isalnum()]
    at = 0
    for place, character in enumerate(text):
        if at == len(wanted) and (character.isalnum() or character == "\n"):
            return place if text[place:].strip() else None
        if character.isalnum():
            if character != wanted[at]:
                return None
            at += 1
    return None


def _quote_start(lines: list[str], hints: frozenset[int]) -> int | None:
    """The first line of what is quoted down to the end; None where there is none."""
    cut = _first_cut(lines, hints)
    if cut is not None and cut.sort == "forward":
        # Who forwards a mail wants it to be read.
        return None
    if cut is not None and cut.sort == "block":
        return cut.line
    if cut is not None:
        if not _marked_below(lines, cut):
            return cut.line
        return None if _text_below(lines, cut.after) else cut.line
    return _trailing(lines)


def _first_cut(lines: list[str], hints: frozenset[int]) -> _Cut | None:
    looks = 0
    for number, line in enumerate(lines):
        if not line and number not in hints:
            continue
        bare = line.strip(_LINE_MARKS)
        if number in hints:
            near = [one.strip(_LINE_MARKS) for one in lines[number : number + 4]]
            forwarded = any(_is_forward(one) for one in near)
            return _Cut("forward" if forwarded else "hint", number, number)
        if not bare:
            # A rule of underscores.
            if line.strip() and _RULE.fullmatch(line.strip()) and _block(lines, number + 1):
                return _Cut("block", number, number)
            continue
        if bare[0] == ">":
            if _GROUPWISE.fullmatch(line.rstrip()) and not _next_is_quoted(lines, number):
                return _Cut("block", number, number)
            continue
        if looks > _MOST_LOOKS:
            continue
        if _is_forward(bare):
            return _Cut("forward", number, number)
        if line.lstrip(" \t")[:1] in _DRESSES:
            looks += 1
            ruled = _RULE.fullmatch(bare) is not None and _block(lines, number + 1)
            if ruled or _is_original(bare) or _says_above(bare):
                return _Cut("block", number, number)
        if _label(line) is not None:
            looks += 1
            if _block(lines, number):
                return _Cut("block", number, number)
        if _may_end(bare):
            looks += 1
            if (start := _attribution(lines, number)) is not None:
                return _Cut("attribution", start, number + 1)
    return None


def _is_quoted(line: str) -> bool:
    return ">" in line and line.lstrip(_LINE_MARKS).startswith(">")


def _next_is_quoted(lines: list[str], number: int) -> bool:
    """Whether the next line that is not empty is quoted."""
    for line in lines[number + 1 : number + 6]:
        if line.strip():
            return _is_quoted(line)
    return False


def _may_end(bare: str) -> bool:
    """Whether an attribution could end with this line."""
    if len(bare) > _LONGEST_ATTRIBUTION:
        return False
    if bare[-1] == ">" and bare[0].isdigit():
        return True
    return bare[-1] in ":：" or bare.rstrip("- ").endswith(_WITHOUT_COLON)


def _attribution(lines: list[str], end: int) -> int | None:
    """Where the attribution begins that ends with this line; None where it is none."""
    quoted = _next_is_quoted(lines, end)
    ruled = lines[end].strip()
    # `---- On … wrote ----`: the dashes say what the colon else says.
    ruled_off = ruled.startswith("--") and ruled.endswith("--")
    joined = ""
    for start in range(end, max(end - _MOST_LINES, -1), -1):
        bare = lines[start].strip(_LINE_MARKS).lstrip("- ")
        if not bare or bare[0] == ">" or len(joined) + len(bare) > _LONGEST_ATTRIBUTION:
            break
        joined = f"{bare} {joined}".strip().lower()
        if _begins(joined) and _attributes(joined, quoted=quoted or ruled_off):
            above = lines[start - 1].strip(_LINE_MARKS).lower() if start and start > end - 3 else ""
            # "On Wed, Nov 4, 2026" and below it "at 9:58 AM …": both begin as one does.
            dated = above and _begins(above) and _DATE.search(above) and len(above) < 100
            return start - 1 if dated and above[-1] not in ".!?:" else start
    alone = lines[end].strip(_LINE_MARKS).lstrip("- ").lower()
    if not _names(alone, quoted=quoted):
        return None
    above = lines[end - 1].strip(_LINE_MARKS) if end else ""
    # The name or the date stands on the line above, and this one only goes on.
    goes_on = alone[0] in "<(" or _WROTE.match(alone) is not None
    fits = above and len(above) < 200 and above[0] != ">"
    return end - 1 if goes_on and fits and above[-1] not in ".!?" else end


def _begins(text: str) -> bool:
    word = re.match(r"[^\s,\d:]{1,12}", text)
    return _STARTS_WITH_DATE.match(text) is not None or (word is not None and word.group() in ON)


def _attributes(text: str, *, quoted: bool) -> bool:
    """`On <date>, <who> wrote:`, begun with one of the words for it."""
    dated, addressed = _DATE.search(text) is not None, "@" in text
    if _WROTE.search(text) is not None:
        whole = text[-1] in ":：" or quoted or (dated and addressed)
        return whole and (dated or addressed or quoted)
    ends = _ADDRESS_END.search(text) is not None or (quoted and text[-1] == ">")
    return dated and addressed and ends


def _names(text: str, *, quoted: bool) -> bool:
    """`<who> wrote on <date>:`, where the first word tells nothing."""
    dated, addressed = _DATE.search(text) is not None, _ADDRESS.search(text) is not None
    wrote = _WROTE.search(text) is not None
    if wrote and addressed and (dated or _ENDS_WROTE.search(text.rstrip(":： -"))):
        return True
    if quoted and len(text) < 250:
        return wrote or (dated and addressed)
    if wrote and len(text) < 160 and text[-1] in ":：":
        return _DAY.search(text) is not None and _TIME.search(text) is not None
    return dated and addressed and text[-1] in ":：" and _ADDRESS_END.search(text) is not None


def _dressed(bare: str) -> str | None:
    """The words in a line such as `----- Words -----`; None where there is no such line."""
    if len(bare) > 200:
        return None
    words = bare.strip("-_=*#<>~+ \t\u2500\u2014")
    return None if len(bare) - len(words) < 3 else words.strip(" :：").lower()


def _is_original(bare: str) -> bool:
    words = _dressed(bare)
    return words is not None and any(words.startswith(phrase) for phrase in ORIGINAL)


def _is_forward(bare: str) -> bool:
    words = _dressed(bare)
    if words is None and bare[-1:] in ":：" and len(bare) < 80:
        # Apple Mail has no dashes.
        words = bare.rstrip(" :：\u00a0").lower()
        return words in FORWARDED
    return words is not None and any(words.startswith(phrase) for phrase in FORWARDED)


def _says_above(bare: str) -> bool:
    return len(bare) < 160 and bare[0] in "-#=_*" and ABOVE_THE_LINE.search(bare) is not None


def _block(lines: list[str], number: int) -> bool:
    """Whether a block of From, Sent, To and Subject begins here, in any language and order."""
    if number >= len(lines):
        return False
    first = _label(lines[number])
    if first is None:
        if lines[number].strip():
            return False
        first = _label(lines[number + 1]) if number + 1 < len(lines) else None
    if first is None or first in ("cc", "other"):
        return False
    seen: set[str] = set()
    strangers = 0
    for line in lines[number : number + 14]:
        sort = _label(line)
        if sort is not None:
            seen.add(sort)
        elif line.strip():
            strangers += 1
            if strangers > 1:
                break
    return "from" in seen and len(seen - {"other"}) >= 3


def _label(line: str) -> str | None:
    head, sign, _ = line[:60].replace("：", ":").partition(":")
    if not sign:
        return None
    return LABELS.get(head.strip(_LINE_MARKS + "\u3000").lower())


def _marked_below(lines: list[str], cut: _Cut) -> bool:
    """Whether what is announced has `>` before its lines."""
    if cut.sort == "attribution":
        return _next_is_quoted(lines, cut.after - 1)
    return any(_is_quoted(line) for line in lines[cut.line : cut.line + 8])


def _text_below(lines: list[str], start: int) -> bool:
    """Whether somebody wrote below or among what is quoted from this line on."""
    begun = False
    number = start
    while number < len(lines):
        line = lines[number]
        if _is_quoted(line):
            begun = True
        elif begun and line.strip():
            if _ends_writing(lines, number):
                return False
            last = _attribution_end(lines, number)
            if last is None:
                return True
            number = last
            begun = False
        number += 1
    return False


def _ends_writing(lines: list[str], number: int) -> bool:
    """Whether nothing that somebody wrote follows: signature, footer, another quote."""
    bare = lines[number].strip(_LINE_MARKS)
    if _SIGNATURE.fullmatch(lines[number].strip(" \t")) or _RULE.fullmatch(lines[number].strip()):
        return True
    return _is_original(bare) or _block(lines, number) or _is_device_line(lines[number])


def _attribution_end(lines: list[str], number: int) -> int | None:
    """The last line of the attribution that begins here."""
    for end in range(number, min(number + _MOST_LINES, len(lines))):
        bare = lines[end].strip(_LINE_MARKS)
        if not bare or _is_quoted(lines[end]):
            return None
        start = _attribution(lines, end) if _may_end(bare) else None
        if start is not None and start <= number:
            return end
    return None


def _trailing(lines: list[str]) -> int | None:
    """The block of `>` lines at the end, when it is the only one that nothing follows."""
    number = next((n for n, line in enumerate(lines) if _is_quoted(line)), None)
    return None if number is None or _text_below(lines, number) else number


def _answers_between(lines: list[str]) -> bool:
    """Whether something is quoted that was not folded: what is below it is not a signature then."""
    return any(_is_quoted(line) for line in lines)


def _signature_start(lines: list[str], end: int) -> int:
    """Where the signature begins that is the last thing above `end`; `end` where there is none."""
    full = [number for number in range(end) if lines[number].strip()]
    near = full[-_SIGNATURE_LINES] if len(full) > _SIGNATURE_LINES else 0
    for number in range(1, end):
        line = lines[number]
        if line[:1] not in _SIGNATURE_SIGNS or _SIGNATURE.fullmatch(line) is None:
            continue
        if line == "-- " or number >= near:
            end = number
            break
    for _ in range(3):
        last = next((n for n in range(end - 1, max(end - 8, -1), -1) if lines[n].strip()), None)
        if last is None or not _is_device_line(lines[last]):
            break
        end = last
    return end


def _is_device_line(line: str) -> bool:
    """ "Sent from my iPhone", in a few words and without a clause of somebody's own."""
    if len(line) > 300:
        return False
    bare = re.sub(r"<[^<>]{0,200}>|https?://\S{1,200}", "", line).strip(_LINE_MARKS + "-<>[]().")
    if len(bare.split()) > 8 or re.search(r"[,;?!]|\. ", bare):
        return False
    return SENT_FROM.fullmatch(bare) is not None
