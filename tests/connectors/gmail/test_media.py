"""Fetching the files of a mail: by their place in it, with one call for all of them."""

from __future__ import annotations

import asyncio
from email.message import EmailMessage
from email.policy import SMTP

import pytest

from connectors.gmail import Gmail
from connectors.gmail.light import lighten
from inbox.domain.channel import Channel, Payload
from inbox.domain.errors import Permanent, Temporary
from inbox.domain.report import Media, MessageReceived
from tests.connectors.conftest import Reply
from tests.connectors.gmail.conftest import Edge, error, raw
from tests.connectors.people import RECEIVED_AT

ID = "18c1a0000000a001"


def mail_of(**files: bytes) -> bytes:
    mail = EmailMessage(policy=SMTP)
    mail["From"] = "Maya Ortiz <maya@example.com>"
    mail["To"] = "support@example.com"
    mail["Subject"] = "Files"
    mail["Message-ID"] = "<m1@mail.example.com>"
    mail.set_content("See them.")
    for name, content in files.items():
        mail.add_attachment(content, maintype="application", subtype="pdf", filename=f"{name}.pdf")
    return mail.as_bytes()


def media_of(connector: Gmail, content: bytes) -> tuple[Media, ...]:
    """The files as intake learns of them."""
    query = f"id={ID}&thread_id=t1&labels=INBOX&internal_ms=1&account=support@example.com"
    payload = Payload(
        method="PULL", query=query.encode(), content_type="message/rfc822", body=content
    )
    report = connector.parse(payload, RECEIVED_AT)[0]
    assert isinstance(report, MessageReceived)
    return report.media


async def test_several_files_of_one_mail_cost_one_call(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    mail = mail_of(one=b"%PDF one", two=b"%PDF two", three=b"%PDF three")
    edge.gives_tokens()
    edge.answers("GET", f"/messages/{ID}", raw(mail))
    found = await asyncio.gather(
        *(connector.fetch(media, channel) for media in media_of(connector, mail))
    )
    assert [one.content for one in found] == [b"%PDF one", b"%PDF two", b"%PDF three"]
    assert [one.name for one in found] == ["one.pdf", "two.pdf", "three.pdf"]
    assert edge.asked() == [f"GET /messages/{ID}"]


async def test_a_file_that_was_left_at_gmail_is_found_at_its_place(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    big = b"%PDF" + b"x" * (3 << 20)
    mail = mail_of(small=b"%PDF small", big=big, last=b"%PDF last")
    kept = lighten(mail)
    assert len(kept) < 10_000
    media = media_of(connector, kept)
    assert [one.name for one in media] == ["small.pdf", "big.pdf", "last.pdf"]
    edge.gives_tokens()
    edge.answers("GET", f"/messages/{ID}", raw(mail))
    found = [await connector.fetch(one, channel) for one in media]
    assert [one.content for one in found] == [b"%PDF small", big, b"%PDF last"]


async def test_only_the_last_few_mails_are_kept(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens()
    for n in range(6):
        edge.answers("GET", f"/messages/m{n}", *[raw(mail_of(one=b"%PDF"), f"m{n}")] * 2)
    for n in (0, 1, 2, 3, 4, 5, 5, 0):
        await connector.fetch(Media(ref=f"m{n} 1", kind="document"), channel)
    assert len(edge.asked()) == 7


async def test_a_fetch_that_failed_is_made_again(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    media = Media(ref=f"{ID} 1", kind="document")
    edge.gives_tokens()
    edge.answers("GET", f"/messages/{ID}", Reply(status=503), raw(mail_of(one=b"%PDF")))
    with pytest.raises(Temporary):
        await connector.fetch(media, channel)
    assert (await connector.fetch(media, channel)).content == b"%PDF"


@pytest.mark.parametrize("ref", ["", ID, f"{ID} 9", f"{ID} x", "../profile 1", "a/b?c=d 1", " 1"])
async def test_what_is_no_file_of_the_mail_is_refused(
    connector: Gmail, channel: Channel, edge: Edge, ref: str
) -> None:
    edge.gives_tokens()
    edge.answers("GET", f"/messages/{ID}", raw(mail_of(one=b"%PDF")))
    with pytest.raises(Permanent):
        await connector.fetch(Media(ref=ref, kind="document"), channel)
    assert set(edge.asked()) <= {f"GET /messages/{ID}"}


async def test_a_mail_that_is_gone_is_said(connector: Gmail, channel: Channel, edge: Edge) -> None:
    edge.gives_tokens()
    edge.answers("GET", f"/messages/{ID}", error(404, "notFound"))
    with pytest.raises(Permanent, match="does not have this any more"):
        await connector.fetch(Media(ref=f"{ID} 1", kind="document"), channel)
