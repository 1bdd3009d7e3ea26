"""Files: told by their content, made safe, named plainly, and brought from providers."""

from __future__ import annotations

import io
import struct
import zlib
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from PIL import Image

from connectors.simulator.pictures import draw
from inbox.domain.errors import Invalid
from inbox.domain.ids import AgentId, AttachmentId
from inbox.domain.message import Attachment, Message, Status
from inbox.files import MOST_BYTES, clean_name, make_safe
from inbox.ids import new_id
from inbox.store.files import UPLOAD_KEPT
from tests.network import Served
from tests.office import NOW, Office, a_conversation, until

PLANTED = b"planted by a camera"
SVG = b'<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>'
HTML = b"<!doctype html><html><script>alert(1)</script></html>"
PDF = b"%PDF-1.4\n1 0 obj\n<<>>\nendobj\ntrailer\n<<>>\n%%EOF\n"
PLAIN = "application/octet-stream"


def picture(format_: str, size: tuple[int, int] = (40, 20), **more: Any) -> bytes:
    out = io.BytesIO()
    Image.new("RGB", size, "#3a7").save(out, format_, **more)
    return out.getvalue()


def exif(orientation: int = 1) -> Image.Exif:
    found = Image.Exif()
    found[0x010E] = PLANTED.decode()
    found[0x0112] = orientation
    return found


def animated(format_: str, frames: int = 3, size: tuple[int, int] = (40, 20)) -> bytes:
    images = [Image.new("RGB", size, (10 * number, 90, 90)) for number in range(frames)]
    out = io.BytesIO()
    more: dict[str, Any] = {"comment": PLANTED} if format_ == "GIF" else {"exif": exif()}
    images[0].save(out, format_, save_all=True, append_images=images[1:], duration=50, **more)
    return out.getvalue()


def png_that_claims(width: int, height: int) -> bytes:
    """A PNG of a few bytes that says that it is very large."""
    header = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)

    def chunk(name: bytes, content: bytes) -> bytes:
        return (
            struct.pack(">I", len(content))
            + name
            + content
            + struct.pack(">I", zlib.crc32(name + content))
        )

    data = zlib.compress(b"\0" * 1000)
    return (
        b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")
    )


# -- what a file is --------------------------------------------------------------------------------

PICTURES = {
    "png": (picture("PNG", exif=exif()), "image/png"),
    "jpeg": (picture("JPEG", exif=exif(), comment=PLANTED), "image/jpeg"),
    "gif": (picture("GIF", comment=PLANTED), "image/gif"),
    "webp": (picture("WEBP", exif=exif()), "image/webp"),
    "animated gif": (animated("GIF"), "image/gif"),
    "animated webp": (animated("WEBP"), "image/webp"),
}


@pytest.mark.requirement("F1", "F4")
@pytest.mark.parametrize("claimed", ["image/png", "text/html", None])
@pytest.mark.parametrize(("content", "mime"), PICTURES.values(), ids=PICTURES)
def test_a_picture_is_made_anew_without_what_it_carried(
    content: bytes, mime: str, claimed: str | None
) -> None:
    assert PLANTED in content
    safe = make_safe(content + b"<script>" + PLANTED, claimed)
    assert PLANTED not in safe.content
    assert (safe.kind, safe.mime, safe.width, safe.height) == ("image", mime, 40, 20)
    with Image.open(io.BytesIO(safe.content)) as again:
        assert Image.MIME[again.format or ""] == mime
        assert not again.getexif()


@pytest.mark.parametrize("format_", ["GIF", "WEBP"])
def test_an_animation_keeps_its_frames(format_: str) -> None:
    with Image.open(io.BytesIO(make_safe(animated(format_), None).content)) as again:
        assert getattr(again, "n_frames", 1) == 3


def test_a_picture_taken_sideways_is_shown_upright() -> None:
    safe = make_safe(picture("JPEG", exif=exif(orientation=6)), "image/jpeg")
    assert (safe.width, safe.height) == (20, 40)


OTHERS = [
    # content, what it is called, what it is kept as
    (SVG, "image/svg+xml", PLAIN),
    (SVG, None, PLAIN),
    (SVG, "application/pdf", PLAIN),
    (HTML, "text/html", PLAIN),
    (HTML, None, PLAIN),
    (HTML, "application/pdf", PLAIN),
    (b"MZ" + b"\0" * 200, "application/x-msdownload", PLAIN),
    (b"PK\x03\x04" + b"\0" * 60, "application/zip", PLAIN),
    (PDF, "application/pdf", "application/pdf"),
    (PDF, None, "application/pdf"),
    (PDF, "text/html", "application/pdf"),
    (b"plain words", "text/plain; charset=utf-8", "text/plain"),
    (b"a,b\n1,2\n", "text/csv", "text/csv"),
    (b"plain words", None, PLAIN),
    (bytes(range(256)), "x/y", PLAIN),
]


@pytest.mark.requirement("F1")
@pytest.mark.parametrize(("content", "claimed", "mime"), OTHERS)
def test_what_a_browser_might_act_on_is_kept_as_a_plain_download(
    content: bytes, claimed: str | None, mime: str
) -> None:
    safe = make_safe(content, claimed)
    assert (safe.content, safe.kind, safe.mime) == (content, "document", mime)
    assert (safe.width, safe.height) == (None, None)


@pytest.mark.requirement("F4")
@pytest.mark.parametrize(
    ("content", "claimed", "code"),
    [
        (b"", "image/png", "empty_file"),
        (b"x" * (MOST_BYTES + 1), "text/plain", "file_too_large"),
        (png_that_claims(8000, 6000), "image/png", "image_too_large"),
        (png_that_claims(30_000, 30_000), "image/png", "image_too_large"),
        (animated("GIF", frames=30, size=(2000, 2000)), "image/gif", "image_too_large"),
        (picture("PNG", (400, 400))[:-60], "image/png", "unreadable_image"),
        (picture("JPEG", (400, 400))[:300], "image/jpeg", "unreadable_image"),
        (b"no picture at all", "image/png", "unreadable_image"),
        (SVG, "image/png", "unreadable_image"),
        (HTML, "image/jpeg", "unreadable_image"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_cannot_be_kept_is_refused_in_words(content: bytes, claimed: str, code: str) -> None:
    with pytest.raises(Invalid) as caught:
        make_safe(content, claimed)
    assert caught.value.code == code
    assert str(caught.value).endswith(".")


@pytest.mark.requirement("F4")
@pytest.mark.parametrize(
    "content",
    [
        animated("GIF"),
        animated("WEBP"),
        picture("JPEG", exif=exif()),
        picture("WEBP", exif=exif()),
        picture("PNG", exif=exif()),
    ],
    ids=["animated gif", "animated webp", "jpeg", "webp", "png"],
)
def test_a_picture_with_any_byte_changed_is_kept_or_refused(content: bytes) -> None:
    refused = 0
    for position in range(min(len(content), 700)):
        for value in (0, 1, 255):
            changed = bytearray(content)
            changed[position] = value
            try:
                make_safe(bytes(changed), None)
            except Invalid:
                refused += 1
    assert refused


NAMES = [
    ("invoice.pdf", "invoice.pdf"),
    ("../../etc/passwd", "passwd"),
    ("C:\\Users\\maya\\kettle.png", "kettle.png"),
    ("/absolute/", None),
    ("..", None),
    (" . ", None),
    ("", None),
    (None, None),
    ("a\x00b\r\nc.txt", "abc.txt"),
    ("photo\u202egnp.exe", "photognp.exe"),
    ("zero\u200bwidth.txt", "zerowidth.txt"),
    ("many   spaces\u00a0here.txt", "many spaces here.txt"),
    ("Gru\u0308ße.pdf", "Grüße.pdf"),
    ("x" * 500, "x" * 120),
    ("lone\ud800.txt", "lone.txt"),
    ("line\u2028end.txt", "line end.txt"),
]


@pytest.mark.requirement("I13", "F2")
@pytest.mark.parametrize(("given", "kept"), NAMES, ids=lambda name: ascii(name)[:20])
def test_a_name_is_a_name_and_nothing_else(given: str | None, kept: str | None) -> None:
    assert clean_name(given) == kept


# -- in and out ------------------------------------------------------------------------------------


async def with_file(line: Served) -> Message:
    """The message with the customer's file, once it is settled."""

    async def settled() -> Message | None:
        found = [one for one in await line.office.thread() if one.attachments]
        return next((one for one in found if one.attachments[0].state != "pending"), None)

    return await until(settled)


@pytest.mark.parametrize("kind", ["whatsapp", "sms"])
async def test_a_customers_picture_is_brought_and_kept_sealed(served: Served, kind: str) -> None:
    await served.writes(kind, "Look", picture=draw("kettle"))
    message = await with_file(served)
    (attachment,) = message.attachments
    assert (attachment.state, attachment.kind, attachment.mime) == ("ready", "image", "image/png")
    assert (attachment.width, attachment.height) == (640, 480)
    content = await served.office.stores.files.content(attachment.id)
    assert content is not None
    with Image.open(io.BytesIO(content)) as shown:
        assert shown.size == (640, 480)
    chunks = await served.office.stores.database["files.chunks"].find({}).to_list(None)
    assert chunks
    assert not any(b"PNG" in chunk["data"] for chunk in chunks)

    async def done() -> bool:
        return await served.office.stores.database["fetches"].count_documents({}) == 0

    assert await until(done)
    assert "message.attachment_ready" in served.office.events


@pytest.mark.parametrize(("kind", "status"), [("sms", 404), ("whatsapp", 500), ("sms", 503)])
async def test_a_file_that_is_not_there_yet_is_asked_for_again(
    served: Served, kind: str, status: int
) -> None:
    await served.fault("media", status=status)
    await served.writes(kind, "Look", picture=draw("kettle"))
    message = await with_file(served)
    assert message.attachments[0].state == "ready"


async def test_a_file_that_the_provider_has_no_more_is_failed_with_a_reason(
    served: Served,
) -> None:
    await served.fault("media", times=9, status=410)
    await served.writes("sms", "Look", picture=draw("kettle"))
    (attachment,) = (await with_file(served)).attachments
    assert attachment.state == "failed"
    assert attachment.reason is not None
    assert attachment.reason.endswith(".")
    assert await served.office.stores.files.content(attachment.id) is None


async def sends_a_picture(served: Served) -> tuple[Message, int]:
    """An agent's picture on its way, and its size in bytes."""
    office = served.office
    safe = make_safe(draw("parcel"), "image/png")
    attachment = Attachment(
        id=AttachmentId(new_id("att")),
        kind=safe.kind,
        state="ready",
        mime=safe.mime,
        name="parcel.png",
        size_bytes=len(safe.content),
    )
    await office.stores.files.put(
        office.workspace_id,
        attachment,
        safe.content,
        conversation_id=(await office.conversation()).id,
        now=datetime.now(UTC),
    )
    message = await office.accepts("Your parcel", attachments=(attachment,), type="image")
    served.context.delivery.wake([message])
    return message, len(safe.content)


@pytest.mark.parametrize("kind", ["whatsapp", "sms"])
async def test_a_picture_goes_out_to_the_customer(served: Served, kind: str) -> None:
    """By upload, or fetched from a signed address of ours: as the provider wants it."""
    await served.writes(kind, "Hello")
    message, size_bytes = await sends_a_picture(served)
    await served.office.reaches(message, Status.DELIVERED, Status.READ)
    (received,) = [one for one in await served.phone(kind) if one["direction"] == "outbound"]
    assert received["text"] == "Your parcel"
    (media,) = received["media"]
    assert (media["mime"], media["size_bytes"]) == ("image/png", size_bytes)


async def test_a_stop_that_comes_during_an_upload_is_heeded(served: Served) -> None:
    await served.writes("whatsapp", "Hello")
    await served.fault("media", delay_s=1.5)
    message, _ = await sends_a_picture(served)

    async def uploading() -> bool:
        delivery = (await served.office.again(message)).delivery
        return delivery is not None and delivery.state == "sending"

    await until(uploading)
    await served.writes("whatsapp", "STOP")
    failed = await served.office.reaches(message, Status.FAILED)
    assert failed.failure is not None
    assert failed.failure.code == "DENY_OPTED_OUT"
    assert "Your parcel" not in [one["text"] for one in await served.phone("whatsapp")]


# -- kept ------------------------------------------------------------------------------------------


def a_document(content: bytes = PDF) -> Attachment:
    return Attachment(
        id=AttachmentId(new_id("att")),
        kind="document",
        state="ready",
        mime="application/pdf",
        size_bytes=len(content),
    )


async def test_what_is_left_of_an_upload_that_was_cut_off_does_not_keep_the_file_out(
    office: Office,
) -> None:
    files, content = office.stores.files, PDF * 10_000
    attachment, before = a_document(content), a_document()
    await files.put(office.workspace_id, before, PDF, now=datetime.now(UTC))
    chunks = office.stores.database["files.chunks"]
    await chunks.insert_one({"files_id": attachment.id, "n": 0, "data": b"the first half"})

    await files.put(office.workspace_id, attachment, content, now=datetime.now(UTC))

    assert await files.content(attachment.id) == content
    await files.put(office.workspace_id, attachment, content, now=datetime.now(UTC))
    assert await files.content(attachment.id) == content
    assert await files.content(before.id) == PDF


# -- uploads that are never sent -------------------------------------------------------------------


async def test_an_upload_that_is_never_sent_is_taken_away_with_its_content(office: Office) -> None:
    files, us = office.stores.files, office.workspace_id
    long_ago = NOW - timedelta(days=2)
    conversation = await a_conversation(office.stores, workspace_id=us)
    unsent, sent, new = a_document(), a_document(), a_document()
    await files.put(us, unsent, PDF, uploaded_by=AgentId("agt_1"), now=long_ago)
    await files.put(us, sent, PDF, uploaded_by=AgentId("agt_1"), now=long_ago)
    await files.attach(us, [sent.id], conversation.id)
    await files.put(us, new, PDF, uploaded_by=AgentId("agt_1"), now=NOW)
    assert await files.find(us, unsent.id) is None
    assert await files.content(unsent.id) == PDF
    at_work = office.a_fetching()
    await at_work.start()

    async def gone() -> bool:
        return await files.content(unsent.id) is None

    assert await until(gone)
    await at_work.close()
    assert await office.stores.database["attachments"].find_one({"_id": unsent.id}) is None
    for kept in (sent, new):
        assert await files.find(us, kept.id) is not None
        assert await files.content(kept.id) == PDF


async def test_an_upload_that_was_found_just_before_it_ran_out_may_still_be_sent(
    office: Office,
) -> None:
    files, us = office.stores.files, office.workspace_id
    file = a_document()
    await files.put(us, file, PDF, now=NOW - UPLOAD_KEPT - timedelta(minutes=30))
    assert await files.remove_unsent(datetime.now(UTC)) == 0
    assert await files.content(file.id) == PDF


async def test_a_database_of_an_earlier_version_forgets_no_record_by_itself(
    office: Office,
) -> None:
    database = office.stores.database
    attachments = database["attachments"]
    await attachments.drop_index("expires")
    await attachments.create_index("expires_at", name="ttl", expireAfterSeconds=0, sparse=True)

    await database.prepare()

    indexes = await attachments.index_information()
    assert "expireAfterSeconds" not in indexes["expires"]
    assert "ttl" not in indexes
