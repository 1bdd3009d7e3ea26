"""Bytes of a mail to text, by what they say of themselves, by what they are, and in the end by
guess. Nothing here raises and nothing is dropped but NUL and lone surrogates.
"""

from __future__ import annotations

import codecs
import re

from connectors.body import clean

# The names by which mail programs call something that Python calls otherwise, or that is a smaller
# set than what they then write.
_ALIASES = {
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "ksc5601": "cp949",
    "euc-kr": "cp949",
    "x-windows-949": "cp949",
    "gb2312": "gb18030",
    "gbk": "gb18030",
    "x-gbk": "gb18030",
    "gb_2312-80": "gb18030",
    "hz": "hz",
    "big5": "cp950",
    "big5-hkscs": "big5hkscs",
    "x-x-big5": "cp950",
    "shift_jis": "cp932",
    "shift-jis": "cp932",
    "sjis": "cp932",
    "x-sjis": "cp932",
    "windows-31j": "cp932",
    "ms_kanji": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
    "iso-2022-jp-ms": "iso2022_jp_ext",
    "cp50220": "iso2022_jp_ext",
    "x-euc-jp": "euc_jp",
    "eucjp": "euc_jp",
    "iso-8859-1": "cp1252",
    "iso8859-1": "cp1252",
    "iso_8859-1": "cp1252",
    "latin1": "cp1252",
    "latin-1": "cp1252",
    "x-cp1252": "cp1252",
    "iso-8859-9": "cp1254",
    "iso-8859-11": "cp874",
    "tis-620": "cp874",
    "windows-874": "cp874",
    "iso-8859-8-i": "iso8859_8",
    "iso-8859-8-e": "iso8859_8",
    "iso-8859-6-i": "iso8859_6",
    "unicode-1-1-utf-7": "utf_7",
    "unicode-1-1-utf-8": "utf_8",
    "utf8mb4": "utf_8",
    "utf": "utf_8",
    "utf-8-mac": "utf_8",
    "x-mac-roman": "mac_roman",
    "macintosh": "mac_roman",
    "x-mac-cyrillic": "mac_cyrillic",
    "x-mac-ce": "mac_latin2",
}
# Names that say nothing: what the bytes are decides.
_UNSAID = {
    "",
    "us-ascii",
    "ascii",
    "ansi_x3.4-1968",
    "x-unknown",
    "unknown",
    "unknown-8bit",
    "x-user-defined",
    "default",
    "default_charset",
    "iso-ir-6",
    "binary",
    "8bit",
    "7bit",
    "quoted-printable",
}
# Codecs of Python that are no charsets of mails; one of them takes time by the square.
_REFUSED = {"idna", "punycode", "unicode_escape", "raw_unicode_escape", "undefined"}
_MANY_BYTES = {
    "utf-8",
    "gb18030",
    "cp949",
    "cp950",
    "big5hkscs",
    "cp932",
    "euc_jp",
    "hz",
    "iso2022_jp_ext",
}
_JAPANESE = "iso2022_jp_ext"
_SWITCH = re.compile(rb"\x1b(\$[@B]|\$\(D|\([BJI])")
_PAIRS = re.compile(rb"[\x21-\x7e]{2}")
_ESCAPES = re.compile(rb"\x1b\$[@B]|\x1b\([JI]")
_CODE_PAGE = re.compile(r"^(?:cp|ibm|ms|x-ibm)[-_]?0*(\d{3,4})$")
_META = re.compile(rb"<meta[^>]{0,200}?charset\s{0,9}=\s{0,9}[\"']?\s{0,9}([\w.:-]{1,40})", re.I)


def codec(name: str) -> str | None:
    """Python's name for a charset; "" where the name says nothing, None for an unknown one."""
    key = name.strip().strip("\"'").lower()
    if key in _UNSAID:
        return ""
    key = _CODE_PAGE.sub(r"cp\1", key)
    try:
        found = codecs.lookup(_ALIASES.get(key, key))
    except (LookupError, ValueError):
        return None
    # The flag is how Python itself tells codecs of text from the others.
    if found.name in _REFUSED or not getattr(found, "_is_text_encoding", True):
        return None
    return found.name


def decode(raw: bytes, declared: str = "") -> str:
    """The text; `declared` as the mail names the charset, or "" where it does not."""
    return clean(_decode(raw, declared)).removeprefix("\ufeff")


def decode_html(raw: bytes, declared: str) -> str:
    """As `decode`; a page may name its charset itself where its part does not."""
    if not codec(declared):
        found = _META.search(raw[:4096])
        if found and not raw.startswith(b"\xef\xbb\xbf"):
            declared = found.group(1).decode("ascii", "replace")
    return decode(raw, declared)


def _decode(raw: bytes, declared: str) -> str:
    if raw.startswith((b"\xff\xfe", b"\xfe\xff")) and len(raw) % 2 == 0:
        return raw.decode("utf-16", "replace")
    name = codec(declared)
    if not name and _ESCAPES.search(raw):
        name = _JAPANESE
    for candidate in (name, "utf-8"):
        if candidate == "utf-8" and name == _JAPANESE and _ESCAPES.search(raw):
            # Escapes and seven bits: it would pass for UTF-8.
            return _japanese(raw)
        if candidate and (text := _strictly(raw, candidate)) is not None:
            return text
    if name in _MANY_BYTES or name == "":
        # A few broken characters among good ones: the charset is right and the bytes are not.
        text = raw.decode(name or "utf-8", "replace")
        broken = text.count("\ufffd")
        if broken * 2 < sum(character > "\x7f" for character in text):
            return text
    if name and name not in _MANY_BYTES:
        return raw.decode(name, "replace")
    return raw.decode("cp1252", "replace")


def _strictly(raw: bytes, name: str) -> str | None:
    try:
        return raw.decode(name)
    except (UnicodeError, ValueError):
        return None


def _japanese(raw: bytes) -> str:
    """ISO-2022-JP as mail programs write it: with NEC's own row of signs (circled digits, units,
    Roman numbers), which are in no standard and which Python's codec refuses."""
    first, *rest = _SWITCH.split(raw)
    done = [first.decode("cp932", "replace")]
    for mode, piece in zip(rest[::2], rest[1::2], strict=True):
        if mode in (b"$B", b"$@"):
            done.append(_PAIRS.sub(_shifted, piece).decode("cp932", "replace"))
        elif mode == b"$(D":
            done.append(_PAIRS.sub(_supplementary, piece).decode("euc_jp", "replace"))
        elif mode == b"(I":
            done.append(bytes(b | 0x80 if 0x21 <= b <= 0x5F else b for b in piece).decode("cp932"))
        else:
            done.append(piece.decode("cp932", "replace"))
    return "".join(done)


def _shifted(pair: re.Match[bytes]) -> bytes:
    """One character of JIS X 0208 as Shift JIS has it."""
    row, cell = pair.group()
    lead = (row - 0x21) // 2 + (0x81 if row < 0x5F else 0xC1)
    return bytes((lead, cell + (0x1F + (cell >= 0x60) if row % 2 else 0x7E)))


def _supplementary(pair: re.Match[bytes]) -> bytes:
    """One character of JIS X 0212 as EUC-JP has it."""
    row, cell = pair.group()
    return bytes((0x8F, row | 0x80, cell | 0x80))
