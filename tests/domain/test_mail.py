"""Subjects, recipients and references of mails, as tables."""

from __future__ import annotations

import time

import pytest

from inbox.domain.mail import (
    MOST_REFERENCES,
    address_key,
    ancestors,
    base_subject,
    is_address,
    one_line,
    our_message,
    own_token,
    references_after,
    reply_all,
    reply_subject,
    same_subject,
)

OURS = ("help@shop.example", "sales@shop.example")


@pytest.mark.parametrize(
    "subject",
    [
        "A kettle",
        "Re: A kettle",
        "RE: re:  A   kettle",
        "Re[2]: A kettle",
        "AW: WG: A kettle",
        "SV: VS: A kettle",
        "Fwd: A kettle",
        "FW: A kettle (fwd)",
        "[Fwd: A kettle]",
        "[Fwd: Re: A kettle]",
        "回复：A kettle",
        "答复: A kettle",
        "TR : A kettle",
        "Antw: A kettle",
    ],
)
def test_answers_and_forwards_have_the_subject_of_what_they_are_of(subject: str) -> None:
    assert base_subject(subject) == "A kettle"
    assert reply_subject(subject) == "Re: A kettle"
    assert same_subject(subject, "a KETTLE")


@pytest.mark.parametrize("subject", ["Regarding a kettle", "Reply", "[Shop] news", "Fort: x", ""])
def test_other_beginnings_stay(subject: str) -> None:
    assert base_subject(subject) == subject


@pytest.mark.parametrize("piece", ["Re: ", "[Fwd: ", "re", "(fwd)", "[", " ", "Re[1]: ", "回复："])
def test_a_hostile_subject_takes_no_time(piece: str) -> None:
    began = time.perf_counter()
    base_subject(piece * 200_000)
    assert time.perf_counter() - began < 0.5


def test_no_line_break_reaches_a_header() -> None:
    assert one_line("A\r\nBcc: x\x00\u2028y\x85z") == "A Bcc: x y z"


@pytest.mark.parametrize(
    ("ours", "written"),
    [
        ("harbour.kettles@gmail.com", "Harbour.Kettles@Gmail.com"),
        ("harbour.kettles@gmail.com", "harbourkettles@gmail.com"),
        ("harbourkettles@gmail.com", "h.arbour.kettles+shop@googlemail.com"),
        ("help@b\u00fccher.example", "help@xn--bcher-kva.example"),
        ("help@shop.example", "HELP+tag@shop.example"),
    ],
)
def test_our_own_mailbox_is_left_out_however_it_is_written(ours: str, written: str) -> None:
    mail = {"from": "maya@x.example", "to": [written], "cc": [written, "leo@x.example"]}
    found = reply_all(mail, "maya@x.example", [ours])
    assert found.all() == ("maya@x.example", "leo@x.example")


def test_the_dots_of_others_are_no_ornament() -> None:
    mail = {"from": "maya@x.example", "to": ["he.lp@shop.example", "kettles@gmail.com"]}
    found = reply_all(mail, "maya@x.example", ["help@shop.example", "k.e.t@gmail.com"])
    assert found.to == ("maya@x.example", "he.lp@shop.example", "kettles@gmail.com")


@pytest.mark.parametrize(
    ("mail", "to", "cc"),
    [
        ({"from": "maya@x.example", "to": ["help@shop.example"]}, ["maya@x.example"], []),
        (
            {"from": "maya@x.example", "reply_to": "desk@x.example", "to": list(OURS)},
            ["desk@x.example"],
            [],
        ),
        (
            {
                "from": "maya@x.example",
                "to": ["HELP+tag@shop.example", "leo@x.example", "leo@x.example"],
                "cc": ["zoe@x.example", "leo@x.example", "sales@shop.example"],
            },
            ["maya@x.example", "leo@x.example"],
            ["zoe@x.example"],
        ),
        # Our own last mail: to whom that went.
        (
            {"from": "help@shop.example", "to": ["leo@x.example"], "cc": ["zoe@x.example"]},
            ["leo@x.example"],
            ["zoe@x.example"],
        ),
        # Nobody left but us: the contact.
        ({"from": "help@shop.example", "to": ["help@shop.example"]}, ["maya@x.example"], []),
        ({}, ["maya@x.example"], []),
        ({"from": "not an address", "to": ["a@b\r\nBcc: c@d"]}, ["maya@x.example"], []),
    ],
)
def test_an_answer_goes_to_all_but_us(
    mail: dict[str, object], to: list[str], cc: list[str]
) -> None:
    found = reply_all(mail, "maya@x.example", OURS)
    assert (list(found.to), list(found.cc), found.bcc) == (to, cc, ())


@pytest.mark.parametrize(
    ("text", "good"),
    [
        ("maya@example.com", True),
        ("mäya@exämple.example", True),
        ("maya+tag@example.com", True),
        ("maya", False),
        ("@example.com", False),
        ("a@b@c", False),
        ("a b@example.com", False),
        ("Maya <maya@example.com>", False),
        ("maya@example.com,leo@example.com", False),
        ("maya@example..com", False),
        ("maya@example.com\n", False),
        ("maya@b\u00fccher.example", True),
        ("maya@xn--bcher-kva.example", True),
        # What mail is sent to would be the address of somebody else.
        ("maya@example.com\uff0cleo\uff20example.com", False),
        ("leo@\uff45xample.com", False),
        ("leo@exam\u00adple.com", False),
        ("leo@stra\u00dfe.example", False),
        ("", False),
    ],
)
def test_what_an_address_is(text: str, good: bool) -> None:
    assert is_address(text) is good


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("Maya@Bücher.Example", "maya@xn--bcher-kva.example"),
        ("maya@XN--BCHER-KVA.example", "maya@xn--bcher-kva.example"),
        ("maya@bu\u0308cher.example", "maya@xn--bcher-kva.example"),
        # Not what mail programs of long ago made of it: that is another's.
        ("leo@stra\u00dfe.example", "leo@xn--strae-oqa.example"),
        ("leo@\uff45xample.com", "leo@xn--xample-hy68a.com"),
        ("maya+tag@example.com", "maya+tag@example.com"),
        ("@Maya", "@Maya"),
        ("US.ABC123", "US.ABC123"),
        (f"maya@{'ü' * 256}", f"maya@{'ü' * 256}"),
        ("", ""),
    ],
)
def test_an_address_has_one_form_to_be_looked_up_by(text: str, key: str) -> None:
    assert address_key(text) == key
    assert address_key(key) == key


def test_an_answer_goes_to_nobody_twice_however_their_address_is_written() -> None:
    mail = {
        "from": "maya@bücher.example",
        "to": ["help@shop.example", "leo@xn--bcher-kva.example"],
        "cc": ["leo@bücher.example", "maya@xn--bcher-kva.example", "ana@example.com"],
    }
    found = reply_all(mail, "maya@bücher.example", ["help@shop.example"])
    assert found.to == ("maya@bücher.example", "leo@xn--bcher-kva.example")
    assert found.cc == ("ana@example.com",)


def test_our_own_message_ids_are_known() -> None:
    ours = "msg_01JD0000000000000000000001"
    token = "0123456789abcdef" * 2
    for named, hidden in ((f"{ours}@shop.example", ""), (f"{ours}.{token}@shop.example", token)):
        assert (our_message(named), own_token(named)) == (ours, hidden)
    assert our_message(f"{ours}.{token}0@shop.example") is None
    for other in (ours, f"x{ours}@shop.example", f"{ours}@", "msg_1@shop.example", "a@b"):
        assert our_message(other) is None


def test_the_nearest_ancestor_comes_first_and_each_once() -> None:
    assert ancestors("c@x", ("a@x", "b@x", "c@x")) == ["c@x", "b@x", "a@x"]
    assert ancestors(None, ()) == []


def test_of_many_references_the_ends_are_kept() -> None:
    many = [f"{number}@x" for number in range(500)]
    found = ancestors("p@x", many)
    assert len(found) == MOST_REFERENCES
    assert (found[0], found[1], found[-1]) == ("p@x", "499@x", "0@x")
    answered = references_after(many, "p@x")
    assert len(answered) == MOST_REFERENCES
    assert (answered[0], answered[-2], answered[-1]) == ("0@x", "499@x", "p@x")
