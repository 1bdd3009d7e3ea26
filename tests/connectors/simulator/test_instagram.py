"""Instagram's side, where it is not Messenger's: see test_messenger.py for what they share."""

from __future__ import annotations

import base64
import json

import aiohttp

from connectors.simulator import handles
from connectors.simulator.pictures import draw

from .conftest import INSTAGRAM, Inbox, Simulator, until
from .events import events
from .test_messenger import PICTURE, fault

IGSID = handles.igsid("maya")


async def test_a_text_comes_from_the_scoped_id_to_the_professional_account(
    simulator: Simulator, inbox: Inbox
) -> None:
    await simulator.texts("instagram", "Is this in size M? 😍")
    body = json.loads(inbox.at("/instagram")[0].body)
    assert (body["object"], body["entry"][0]["id"]) == ("instagram", INSTAGRAM)
    event = events(inbox, "instagram")[0]
    assert (event["sender"]["id"], event["recipient"]["id"]) == (IGSID, INSTAGRAM)
    assert event["message"]["text"] == "Is this in size M? 😍"


async def test_it_says_read_by_message_and_nothing_about_delivery(
    simulator: Simulator, inbox: Inbox
) -> None:
    await simulator.texts("instagram", "Hello")
    _, answer = await simulator.platform_send("instagram")
    read = (await until(lambda: events(inbox, "instagram", "read")))[0]
    assert read["read"] == {"mid": answer["message_id"]}
    assert events(inbox, "instagram", "delivery") == []


async def test_an_unsent_message_is_deleted_with_its_files(
    simulator: Simulator, inbox: Inbox, session: aiohttp.ClientSession
) -> None:
    mid = (await simulator.texts("instagram", image=PICTURE))["provider_id"]
    await simulator.texts("instagram", unsend=mid)
    told = events(inbox, "instagram")
    assert told[1]["message"] == {"mid": mid, "is_deleted": True}
    async with session.get(told[0]["message"]["attachments"][0]["payload"]["url"]) as response:
        assert response.status == 403
    shown = (await simulator.phone("instagram"))[0]
    assert (shown["unsent"], shown["media"]) == (True, [])
    await simulator.texts("instagram", reaction={"to": mid, "emoji": "👍"}, status=409)


async def test_messenger_lets_nobody_unsend(simulator: Simulator) -> None:
    mid = (await simulator.texts("messenger", "Hello"))["provider_id"]
    await simulator.texts("messenger", unsend=mid, status=409)


async def test_a_reply_to_a_story_shows_the_story_and_not_an_attachment(
    simulator: Simulator, inbox: Inbox, session: aiohttp.ClientSession
) -> None:
    await simulator.texts("instagram", "Love it", story="reply", image=PICTURE)
    message = events(inbox, "instagram")[0]["message"]
    assert message["text"] == "Love it"
    assert "attachments" not in message
    async with session.get(message["reply_to"]["story"]["url"]) as response:
        assert await response.read() == draw("parcel")


async def test_a_story_mention_is_a_picture_alone(simulator: Simulator, inbox: Inbox) -> None:
    await simulator.texts("instagram", story="mention", image=PICTURE)
    message = events(inbox, "instagram")[0]["message"]
    assert [attachment["type"] for attachment in message["attachments"]] == ["story_mention"]
    assert "text" not in message
    await simulator.texts("instagram", "With words", story="mention", status=400)
    await simulator.texts("messenger", story="mention", image=PICTURE, status=409)


async def test_a_heart_has_no_content(simulator: Simulator, inbox: Inbox) -> None:
    await simulator.texts("instagram", sticker=True)
    message = events(inbox, "instagram")[0]["message"]
    assert message["attachments"] == [{"type": "like_heart"}]


async def test_me_names_the_account_beside_an_id_of_the_apps(simulator: Simulator) -> None:
    _, me = await simulator.platform("instagram", "GET", "me?fields=user_id,username,name")
    assert (me["user_id"], me["username"]) == (INSTAGRAM, "harbour.kettles")
    assert me["id"] != INSTAGRAM


async def test_a_profile_is_told_once_the_person_has_written(simulator: Simulator) -> None:
    path = f"{IGSID}?fields=name,username,profile_pic"
    assert fault(await simulator.platform("instagram", "GET", path)) == (400, 230, None)
    await simulator.texts("instagram", "Hello")
    assert await simulator.platform("instagram", "GET", path) == (
        200,
        {"name": "Maya Ortiz", "username": "maya.ortiz", "profile_pic": None, "id": IGSID},
    )


async def test_a_webp_picture_is_not_taken(simulator: Simulator, inbox: Inbox) -> None:
    await simulator.texts("instagram", "Hello")
    inbox.file = b"RIFF\x00\x00\x00\x00WEBPVP8 "
    by_url = {"type": "image", "payload": {"url": inbox.url + "/files/picture"}}
    refused = await simulator.platform_send("instagram", message={"attachment": by_url})
    assert fault(refused) == (400, 100, 2018047)


def test_the_sticker_is_a_small_picture() -> None:
    assert len(base64.b64encode(draw("sticker"))) < 60_000
