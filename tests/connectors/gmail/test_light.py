"""Large mails: their files stay at Gmail, and what is kept says where they were."""

from __future__ import annotations

from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from connectors.gmail import Gmail
from connectors.gmail.light import lighten
from inbox.domain.channel import Channel
from tests.connectors.gmail.conftest import NOW, PLACE, Edge, added, body, raw


def large(megabytes: int) -> bytes:
    mail = EmailMessage(policy=SMTP)
    mail["Subject"] = "Große Datei"
    mail["Message-ID"] = "<m1@mail.example.com>"
    mail.set_content("See the film.")
    mail.add_attachment(
        b"x" * (megabytes << 20), maintype="video", subtype="mp4", filename="film.mp4"
    )
    return mail.as_bytes()


async def test_a_large_file_stays_at_gmail_and_its_place_in_the_mail_is_kept(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens()
    edge.answers("GET", "/history", body({"history": added("m1"), "historyId": "9876200"}))
    edge.answers("GET", "/messages/m1", raw(large(8), "m1"))
    found = (await connector.pull(channel, PLACE, NOW)).payloads[0]
    assert len(found.body) < 5000
    before, after = (message_from_bytes(one) for one in (large(8), found.body))
    parts = [[p.get_content_type() for p in one.walk()] for one in (before, after)]
    assert parts[0] == parts[1]
    assert [p.get_filename() for p in after.walk()] == [None, None, "film.mp4"]
    assert after["Subject"] == before["Subject"]
    assert b"See the film." in found.body


def test_a_mail_of_usual_size_is_kept_byte_for_byte() -> None:
    mail = large(1)
    assert lighten(mail) == mail


@pytest.mark.parametrize(
    "start",
    [
        b"",
        b"\0" * 99,
        b"Content-Type: multipart/mixed; boundary=b\n\n--b\n",
        b"Content-Type: \xe9/\n\n",
    ],
)
def test_a_large_mail_that_is_broken_is_cut_and_breaks_nothing(start: bytes) -> None:
    assert len(lighten(start + b"x" * (20 << 20))) <= 8 << 20
