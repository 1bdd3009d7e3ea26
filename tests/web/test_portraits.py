"""Profile pictures: fetched once from the platform, small, ours, seen by who sees the person."""

from __future__ import annotations

import io

import pytest
from PIL import Image

from connectors.simulator.pictures import draw
from inbox.domain.errors import Invalid
from inbox.portraits import MOST_BYTES, SIDE_PIXELS, portrait
from tests.system.demo import MARK, Agent, Customer, Demo
from tests.system.screen import Json
from tests.system.waiting import wait_for


async def writes(demo: Demo, kind: str, *, picture: bool) -> Json:
    """Somebody new; their contact as soon as the platform has told who they are."""
    first = await demo.customer(kind)
    name = f"Portia {first.id.replace('-', '')}"
    body = {"name": name, "picture": picture}
    await demo.simulator("PUT", f"/customers/{first.id}", json=body)
    await Customer(demo, kind, first.name, first.phone).writes(f"Hello {MARK}")

    async def told() -> Json | None:
        page = await demo.agent.get("/contacts", params={"q": name})
        found: Json | None = next(iter(page["data"]), None)
        return None if found is None or (picture and found["picture"] is None) else found

    contact = await wait_for(told, what="the profile")
    assert contact is not None
    return contact


@pytest.mark.parametrize("kind", ["messenger", "instagram"])
async def test_a_profile_picture_becomes_ours(demo: Demo, lena: Agent, kind: str) -> None:
    contact = await writes(demo, kind, picture=True)
    answer = await demo.agent.call("GET", f"/attachments/{contact['picture']}")
    assert (answer.status, answer.headers["content-type"]) == (200, "image/jpeg")
    with Image.open(io.BytesIO(answer.body)) as image:
        assert image.size == (SIDE_PIXELS, SIDE_PIXELS)
    shown = await demo.agent.get(f"/conversations/{contact['last_conversation_id']}")
    assert shown["contact"]["picture"] == contact["picture"]
    # She works on SMS only.
    hidden = await lena.call("GET", f"/attachments/{contact['picture']}")
    assert hidden.status == 404


async def test_who_has_no_picture_has_none(demo: Demo) -> None:
    contact = await writes(demo, "messenger", picture=False)
    assert contact["picture"] is None


def test_a_portrait_is_square_and_small() -> None:
    with Image.open(io.BytesIO(portrait(draw("parcel")).content)) as image:
        assert (image.format, image.size) == ("JPEG", (SIDE_PIXELS, SIDE_PIXELS))


@pytest.mark.parametrize(
    "content",
    [b"", b"<html>no</html>", b"%PDF-1.7 no", draw("kettle")[:400], b"\0" * (MOST_BYTES + 1)],
    ids=["empty", "html", "pdf", "cut off", "huge"],
)
def test_what_is_no_picture_is_none(content: bytes) -> None:
    with pytest.raises(Invalid):
        portrait(content)
