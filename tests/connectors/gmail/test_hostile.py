"""Mails that nobody honest writes: nothing raises, and nothing takes long."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from connectors.gmail import mime
from connectors.gmail.explanation import explain
from connectors.gmail.light import lighten
from connectors.gmail.markup import read as read_markup
from connectors.gmail.parts import MAX_DEPTH, MAX_PARTS, read_parts
from connectors.gmail.trimming import trim
from tests.connectors.gmail.test_webhook import pulled
from tests.connectors.people import PAYLOADS

# Far more than is needed, and far less than anything that is not linear would take.
PATIENCE_S = 10.0
MAILS = [path.read_bytes() for path in sorted((PAYLOADS / "gmail").glob("*.eml"))]
MARKS = [
    b"\r\n",
    b"\0",
    b"=?",
    b"?=",
    b"<",
    b">",
    b'"',
    b"--bb",
    b";",
    b":",
    b"\xff",
    b"(",
    b"=",
    b" ",
]
WORDS = [
    b"Content-Type: multipart/mixed; boundary=bb\n",
    b"Content-Type: text/html\n",
    b"Content-Transfer-Encoding: base64\n",
    b"Subject: =?utf-8?B?w?= =?x?Q?=ZZ?=\n",
    b"From: (((<a@b\n",
    b"References: <<<>>>\n",
    b"Content-Disposition: attachment; filename*0*=x''%%%; filename*99999=1\n",
    b"\n",
    b"--bb\n",
    b"--bb--\n",
    b"begin 644 x\n",
    b"Status: 5..\n",
    b"Final-Recipient: ;\n",
]


@settings(deadline=None)
@given(st.binary(max_size=2000))
def test_no_bytes_raise(raw: bytes) -> None:
    json.dumps(explain(raw))
    assert pulled(raw)


@settings(deadline=None)
@given(st.lists(st.sampled_from(WORDS) | st.binary(max_size=20), max_size=40))
def test_no_pieces_of_mails_raise(pieces: list[bytes]) -> None:
    json.dumps(explain(b"".join(pieces)))
    assert pulled(b"".join(pieces))


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.data())
def test_no_damage_to_a_mail_raises(data: st.DataObject) -> None:
    raw = bytearray(data.draw(st.sampled_from(MAILS))[:4000])
    for _ in range(data.draw(st.integers(1, 6))):
        at = data.draw(st.integers(0, len(raw)))
        raw[at : at + data.draw(st.integers(0, 8))] = data.draw(st.sampled_from(MARKS))
    json.dumps(explain(bytes(raw)))
    assert pulled(bytes(raw))


@settings(deadline=None)
@example("a\n\x0b:\n-", [])
@given(st.text(max_size=500), st.lists(st.integers(0, 20), max_size=3))
def test_trimming_only_ever_cuts_in_two(text: str, quotes: list[int]) -> None:
    answer, folded = trim(text, tuple(quotes))
    assert answer + folded == text
    assert answer or not text.strip()


def nested(depth: int) -> bytes:
    head = b"From: a@example.org\n"
    for number in range(depth):
        head += b'Content-Type: multipart/mixed; boundary="b%d"\n\n--b%d\n' % (number, number)
    return head + b"\nthe innermost text"


def test_a_tree_ends_at_its_depth_and_its_text_is_still_there() -> None:
    deep = 0
    part = read_parts(nested(400))
    while part.children:
        part, deep = part.children[0], deep + 1
    assert deep == MAX_DEPTH
    assert "the innermost text" in mime.read(nested(400)).text
    assert mime.read(nested(5)).text == "the innermost text"


def test_parts_beyond_their_number_are_left_out() -> None:
    parts = b"".join(b"--bb\nContent-Type: image/png\n\nx\n" for _ in range(10_000))
    root = read_parts(b"Content-Type: multipart/mixed; boundary=bb\n\n" + parts)
    assert sum(1 for _ in root.walk()) == MAX_PARTS


def quickly(what: str, began: float) -> None:
    assert time.monotonic() - began < PATIENCE_S, what


HEAD = b"From: a@example.org\n"


def prefixed() -> bytes:
    """Each line begins like every boundary, and is none."""
    head = HEAD
    for length in range(1, MAX_DEPTH + 1):
        name = b"b" * length
        head += b"Content-Type: multipart/mixed; boundary=%s\n\n--%s\n" % (name, name)
    return head + b"\n" + (b"--" + b"b" * (MAX_DEPTH + 1) + b"\n") * 600_000


@pytest.mark.parametrize(
    "raw",
    [
        nested(100) + b"\n-" * 5_000_000,
        prefixed(),
        HEAD + (b"X: a\n" + b" x\n" * 30_000) * 100 + b"\nhi",
    ],
    ids=["nested", "prefixed", "folded"],
)
def test_a_large_mail_is_lightened_and_read_soon(raw: bytes) -> None:
    began = time.monotonic()
    lighter = lighten(raw)
    quickly("lightened", began)
    began = time.monotonic()
    assert pulled(lighter)
    quickly("read", began)


@pytest.mark.parametrize(
    "unit",
    [
        "\n",
        "a:\n",
        "> a\n",
        "a wrote:\n",
        "<a@b.example> 2026:\n",
        "On ",
        "On \n",
        "From: a\n",
        "--\n",
        "-----\n",
        "-----Original ",
        "Sent from my \n",
        "on 2026 a@b wrote\n",
        "_" * 60 + "\n",
        "a b c d e\n",
        "> a\nb\n",
        "On 2026-11-04 a wrote:\n> a\nb\n",
    ],
)
def test_a_million_characters_are_trimmed_soon(unit: str) -> None:
    text = unit * (1_000_000 // len(unit))
    began = time.monotonic()
    trim(text)
    quickly("trimming", began)


@pytest.mark.parametrize(
    "unit",
    [
        '<a "',
        "<!--",
        '<a b="',
        "<div>",
        "<",
        "<script>",
        "&",
        "<a b='\">",
        "</p>",
        "<style>x",
        "<blockquote type=cite>",
        "<div class=gmail_quote>",
        "<b></i>",
    ],
)
def test_a_million_characters_of_html_are_read_soon(unit: str) -> None:
    began = time.monotonic()
    read_markup(unit * (1_000_000 // len(unit)))
    quickly("reading", began)


@pytest.mark.parametrize(
    "unit",
    [
        b"--bb\n",
        b"--bb",
        b"begin 644 x\n",
        b"=",
        b"=\n",
        b"a@b ",
        b"<",
        b"=?utf-8?B?",
        b"\n\n",
        b"a" * 99,
        b"a@",
        b"Final-Recipient: ;\n\n",
        b"message-id: <",
        b"1.1.1.",
        b"To: ",
        b"-- \n",
        b" ",
    ],
)
@pytest.mark.parametrize(
    "head",
    [
        b"Content-Type: multipart/mixed; boundary=bb\n\n",
        b"Content-Transfer-Encoding: base64\n\n",
        b"Content-Transfer-Encoding: quoted-printable\nContent-Type: text/html\n\n",
        b"From: MAILER-DAEMON@x\nReturn-Path: <>\nSubject: failure notice\n\n",
        b"Content-Type: multipart/report; report-type=delivery-status; boundary=bb\n\n--bb\n"
        b"Content-Type: message/delivery-status\n\n",
        b"Subject: ",
        b"From: ",
        b"References: ",
        b"Content-Type: ",
        b"Content-Type: text/plain; format=flowed; ",
    ],
    ids=lambda head: head[:30].decode(),
)
def test_half_a_million_bytes_of_anything_are_read_soon(head: bytes, unit: bytes) -> None:
    began = time.monotonic()
    explain(head + unit * (500_000 // len(unit)))
    quickly("explaining", began)
