"""The Messenger Platform's side, most of which Instagram shares: what is signed and sent, what is
taken and what refused, and how it reports."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from connectors.simulator import handles
from connectors.simulator.pictures import draw

from .conftest import APP_SECRET, PAGE, Inbox, Simulator, until
from .events import echoes, event_of, events

PSID = handles.psid("maya")
PICTURE = base64.b64encode(draw("parcel")).decode()
KINDS = pytest.mark.parametrize("kind", ["messenger", "instagram"])


def ago(**span: float) -> str:
    return (datetime.now(UTC) - timedelta(**span)).isoformat()


def fault(answer: tuple[int, Any]) -> tuple[int, int, int | None]:
    status, body = answer
    return status, body["error"]["code"], body["error"].get("error_subcode")


async def test_a_text_arrives_signed_over_the_bytes_that_travel(
    simulator: Simulator, inbox: Inbox
) -> None:
    answer = await simulator.texts("messenger", "Grüße https://example.com 😀")
    call = inbox.at("/messenger")[0]
    expected = hmac.new(APP_SECRET.encode(), call.body, hashlib.sha256).hexdigest()
    assert call.headers["X-Hub-Signature-256"] == f"sha256={expected}"
    assert rb"Gr\u00fc\u00dfe https:\/\/example.com \ud83d\ude00" in call.body
    body = json.loads(call.body)
    assert (body["object"], body["entry"][0]["id"]) == ("page", PAGE)
    event = event_of(call)
    assert (event["sender"]["id"], event["recipient"]["id"]) == (PSID, PAGE)
    assert event["message"] == {
        "mid": answer["provider_id"],
        "text": "Grüße https://example.com 😀",
    }
    assert abs(event["timestamp"] / 1000 - datetime.now(UTC).timestamp()) < 10


async def test_a_refused_webhook_comes_at_once_again_and_then_until_it_is_taken(
    simulator: Simulator, inbox: Inbox
) -> None:
    inbox.answers = [web.Response(status=503) for _ in range(4)]
    answer = await simulator.texts("messenger", "Hello")
    assert [delivery["status"] for delivery in answer["deliveries"]] == [503, 503, 503]
    await until(lambda: len(inbox.at("/messenger")) == 5)
    mids = {event["message"]["mid"] for event in events(inbox, "messenger")}
    assert mids == {answer["provider_id"]}


@KINDS
async def test_a_sent_message_comes_back_as_an_echo_and_is_read(
    simulator: Simulator, inbox: Inbox, kind: str
) -> None:
    await simulator.texts(kind, "Where is my order?")
    content = {"text": "On its way.", "metadata": "outbox-1"}
    status, answer = await simulator.platform_send(kind, message=content)
    assert status == 200
    echo = (await until(lambda: echoes(inbox, kind)))[0]
    assert echo["recipient"]["id"] == answer["recipient_id"]
    assert echo["message"]["mid"] == answer["message_id"]
    assert echo["message"]["metadata"] == "outbox-1"
    await until(lambda: events(inbox, kind, "read"))
    assert (await simulator.phone(kind))[-1]["status"] == "read"


async def test_delivery_and_reading_are_told_by_a_watermark(
    simulator: Simulator, inbox: Inbox
) -> None:
    await simulator.texts("messenger", "Hello")
    _, answer = await simulator.platform_send("messenger")
    delivery = (await until(lambda: events(inbox, "messenger", "delivery")))[0]
    echo = echoes(inbox, "messenger")[0]
    assert delivery["delivery"]["mids"] == [answer["message_id"]]
    assert delivery["delivery"]["watermark"] >= echo["timestamp"]
    assert "timestamp" not in delivery
    read = (await until(lambda: events(inbox, "messenger", "read")))[0]
    assert read["read"]["watermark"] == read["timestamp"]


async def test_a_delivery_may_leave_out_whose_it_is(simulator: Simulator, inbox: Inbox) -> None:
    await simulator.connect_messaging(inbox, "messenger", delivery_mids=False)
    await simulator.texts("messenger", "Hello")
    await simulator.platform_send("messenger")
    delivery = (await until(lambda: events(inbox, "messenger", "delivery")))[0]
    assert list(delivery["delivery"]) == ["watermark"]


@KINDS
async def test_what_a_colleague_writes_in_the_own_app_is_only_echoed(
    simulator: Simulator, inbox: Inbox, kind: str
) -> None:
    path = f"/accounts/{kind}/{simulator.account(kind)}/echo"
    said = {"customer_id": "maya", "text": "Typed at the counter"}
    answer = await simulator.control("POST", path, said)
    echo = echoes(inbox, kind)[0]["message"]
    assert (echo["mid"], echo["text"]) == (answer["provider_id"], "Typed at the counter")
    assert "metadata" not in echo
    assert echo.get("app_id") == (26390203743090 if kind == "messenger" else None)
    await until(lambda: events(inbox, kind, "read"))
    assert len(echoes(inbox, kind)) == 1


@KINDS
async def test_a_reaction_is_told_and_taken_back(
    simulator: Simulator, inbox: Inbox, kind: str
) -> None:
    await simulator.texts(kind, "Hello")
    _, answer = await simulator.platform_send(kind)
    mid = answer["message_id"]
    await simulator.texts(kind, reaction={"to": mid, "emoji": "❤️"})
    assert (await simulator.phone(kind))[-1]["reactions"] == {"customer": "❤️"}
    await simulator.texts(kind, reaction={"to": mid, "emoji": None})
    told = [event["reaction"] for event in events(inbox, kind, "reaction")]
    assert told[0] == {"mid": mid, "action": "react", "reaction": "love", "emoji": "❤️"}
    assert (told[1]["mid"], told[1]["action"]) == (mid, "unreact")
    # Instagram does not say what was taken back.
    assert ("emoji" in told[1]) == (kind == "messenger")
    assert (await simulator.phone(kind))[-1]["reactions"] == {}


@KINDS
async def test_an_edited_message_keeps_its_id_and_counts_up_to_five(
    simulator: Simulator, inbox: Inbox, kind: str
) -> None:
    mid = (await simulator.texts(kind, "Are you open on Sumday?"))["provider_id"]
    for number in range(1, 6):
        await simulator.texts(kind, edit={"of": mid, "text": f"Sunday {number}"})
    edits = [event["message_edit"] for event in events(inbox, kind, "message_edit")]
    assert edits[-1] == {"mid": mid, "text": "Sunday 5", "num_edit": 5}
    await simulator.texts(kind, edit={"of": mid, "text": "again"}, status=409)
    shown = (await simulator.phone(kind))[-1]
    assert (shown["text"], shown["edits"]) == ("Sunday 5", 5)


async def test_only_what_is_there_and_ones_own_can_be_changed(simulator: Simulator) -> None:
    await simulator.texts("messenger", "Hello")
    _, answer = await simulator.platform_send("messenger")
    mid = answer["message_id"]
    await simulator.texts("messenger", edit={"of": mid, "text": "mine now"}, status=409)
    await simulator.texts("messenger", edit={"of": "m_none", "text": "mine"}, status=404)
    await simulator.texts("instagram", reaction={"to": mid, "emoji": "👍"}, status=404)
    await simulator.texts("messenger", unsend=mid, status=409)


@KINDS
async def test_pressing_buttons_is_told_with_their_payload(
    simulator: Simulator, inbox: Inbox, kind: str
) -> None:
    answer = await simulator.texts(kind, postback={"title": "Get started", "payload": "START"})
    postback = events(inbox, kind)[0]["postback"]
    assert postback == {"mid": answer["provider_id"], "title": "Get started", "payload": "START"}
    await simulator.texts(kind, "Delivery", quick_reply="TOPIC_DELIVERY")
    message = events(inbox, kind)[1]["message"]
    assert (message["text"], message["quick_reply"]) == ("Delivery", {"payload": "TOPIC_DELIVERY"})


async def test_a_reply_names_the_message_and_whose_it_is(
    simulator: Simulator, inbox: Inbox
) -> None:
    mid = (await simulator.texts("messenger", "Hello"))["provider_id"]
    await simulator.texts("messenger", "about this", reply_to=mid)
    quoted = events(inbox, "messenger")[1]["message"]["reply_to"]
    assert quoted == {"mid": mid, "is_self_reply": True}


async def test_an_opt_in_to_marketing_and_its_end_are_told(
    simulator: Simulator, inbox: Inbox
) -> None:
    topic = {"title": "Kettle news", "payload": "KETTLES"}
    await simulator.texts("messenger", optin=topic)
    await simulator.texts("messenger", optin=topic | {"stopped": True})
    optins = [event["optin"] for event in events(inbox, "messenger")]
    assert "notification_messages_status" not in optins[0]
    assert optins[1]["notification_messages_status"] == "STOP NOTIFICATIONS"
    assert optins[1]["payload"] == "KETTLES"
    assert await simulator.phone("messenger") == []
    await simulator.texts("instagram", optin=topic, status=409)


async def test_a_sticker_is_an_attachment_without_text(simulator: Simulator, inbox: Inbox) -> None:
    await simulator.texts("messenger", sticker=True)
    message = events(inbox, "messenger")[0]["message"]
    assert message["attachments"][0]["type"] == "sticker"
    assert message["attachments"][0]["payload"]["sticker_id"] == 369239263222822
    assert "text" not in message


@KINDS
async def test_a_picture_lies_at_a_signed_address_that_wants_no_token(
    simulator: Simulator, inbox: Inbox, session: aiohttp.ClientSession, kind: str
) -> None:
    await simulator.texts(kind, image=PICTURE)
    attachment = events(inbox, kind)[0]["message"]["attachments"][0]
    assert attachment["type"] == "image"
    url = attachment["payload"]["url"]
    async with session.get(url) as response:
        assert await response.read() == draw("parcel")
    given_away = {"Authorization": f"Bearer {kind}-token"}
    async with session.get(url, headers=given_away) as response:
        assert response.status == 400
    async with session.get(url.replace("oh=", "oh=0")) as response:
        assert response.status == 403


@KINDS
async def test_outside_the_window_it_is_refused_but_for_a_person_within_seven_days(
    simulator: Simulator, inbox: Inbox, kind: str
) -> None:
    subcode = 2018278 if kind == "messenger" else 2534022
    assert fault(await simulator.platform_send(kind)) == (400, 10, subcode)
    await simulator.texts(kind, "Hello?", at=ago(days=2))
    assert fault(await simulator.platform_send(kind)) == (400, 10, subcode)
    by_person = {"messaging_type": "MESSAGE_TAG", "tag": "HUMAN_AGENT"}
    assert fault(await simulator.platform_send(kind, **by_person)) == (400, 10, None)
    await simulator.connect_messaging(inbox, kind, human_agent="yes")
    assert (await simulator.platform_send(kind, **by_person))[0] == 200
    await simulator.control("DELETE", "/world")
    await simulator.connect(inbox)
    await simulator.connect_messaging(inbox, kind, human_agent=True)
    await simulator.texts(kind, "Hello?", at=ago(days=8))
    assert fault(await simulator.platform_send(kind, **by_person)) == (400, 10, subcode)


async def test_a_reaction_opens_the_window_and_an_edit_does_not(simulator: Simulator) -> None:
    mid = (await simulator.texts("messenger", "Hello?", at=ago(days=2)))["provider_id"]
    await simulator.texts("messenger", edit={"of": mid, "text": "Hello!"})
    assert (await simulator.platform_send("messenger"))[0] == 400
    await simulator.texts("messenger", reaction={"to": mid, "emoji": "👍"})
    assert (await simulator.platform_send("messenger"))[0] == 200


@pytest.mark.parametrize(
    ("kind", "body", "code", "subcode"),
    [
        ("messenger", {"text": "x" * 2001}, 100, None),
        ("instagram", {"text": "😀" * 251}, 100, 2534015),
        ("messenger", {"recipient": {"id": "4999"}}, 100, 2018001),
        ("instagram", {"recipient": {"id": PSID}}, 100, 2534014),
        ("messenger", {"recipient": {}}, 100, None),
        ("messenger", {"messaging_type": "LATER"}, 100, None),
        ("messenger", {"messaging_type": "MESSAGE_TAG", "tag": "ACCOUNT_UPDATE"}, 100, None),
        ("messenger", {"message": {"text": "a", "sticker_id": 1}}, 100, None),
        ("messenger", {"message": {"text": "a", "metadata": "m" * 1001}}, 100, None),
        ("messenger", {"sender_action": "typing_on", "message": {"text": "a"}}, 100, 2018014),
        ("messenger", {"sender_action": "dance"}, 100, None),
        ("messenger", {"reply_to": {"mid": "m_none"}}, 100, None),
        (
            "messenger",
            {"message": {"attachment": {"type": "image", "payload": {"attachment_id": "1"}}}},
            100,
            2018074,
        ),
        (
            "instagram",
            {"message": {"attachment": {"type": "image", "payload": {"url": "http://[::1]:9/"}}}},
            100,
            2018008,
        ),
    ],
)
async def test_what_the_platform_does_not_take(
    simulator: Simulator, kind: str, body: dict[str, Any], code: int, subcode: int | None
) -> None:
    await simulator.texts(kind, "Hello")
    assert fault(await simulator.platform_send(kind, **body)) == (400, code, subcode)


async def test_a_scripted_error_may_be_named_by_its_subcode(simulator: Simulator) -> None:
    await simulator.texts("messenger", "Hello")
    await simulator.fault("send", status=400, code=551)
    assert fault(await simulator.platform_send("messenger")) == (400, 551, 1545041)
    await simulator.fault("send", status=400, code=2018278)
    assert fault(await simulator.platform_send("messenger")) == (400, 10, 2018278)
    log = await simulator.control("GET", "/log")
    assert log["counts"] == {"messenger.send.400": 2}


@KINDS
async def test_files_are_sent_by_address_or_after_an_upload(
    simulator: Simulator, inbox: Inbox, session: aiohttp.ClientSession, kind: str
) -> None:
    await simulator.texts(kind, "Which one is it?")
    by_url = {"type": "image", "payload": {"url": inbox.url + "/files/kettle"}}
    status, _ = await simulator.platform_send(kind, message={"attachment": by_url})
    assert status == 200
    form = aiohttp.FormData()
    wanted = {"attachment": {"type": "image", "payload": {"is_reusable": True}}}
    form.add_field("message", json.dumps(wanted))
    form.add_field("filedata", draw("parcel"), filename="p.png", content_type="image/png")
    url = f"{simulator.base}/v26.0/me/message_attachments?access_token={kind}-token"
    async with session.post(url, data=form) as response:
        attachment_id = (await response.json())["attachment_id"]
    uploaded = {"type": "image", "payload": {"attachment_id": attachment_id}}
    await simulator.platform_send(kind, message={"attachments": [uploaded, by_url]})
    sizes = [[m["size_bytes"] for m in one["media"]] for one in await simulator.phone(kind)]
    assert sizes[1:] == [[len(inbox.file)], [len(draw("parcel")), len(inbox.file)]]
    wrong = {"type": "video", "payload": {"attachment_id": attachment_id}}
    refused = await simulator.platform_send(kind, message={"attachment": wrong})
    assert fault(refused) == (400, 100, 2018047)


@KINDS
async def test_reading_reacting_and_typing_are_taken(
    simulator: Simulator, inbox: Inbox, kind: str
) -> None:
    mid = (await simulator.texts(kind, "Anybody there?"))["provider_id"]
    for action in ("typing_on", "typing_off", "mark_seen"):
        status, answer = await simulator.platform_send(kind, sender_action=action)
        assert (status, list(answer)) == (200, ["recipient_id"])
    love = {"message_id": mid, "reaction": "love"}
    await simulator.platform_send(kind, sender_action="react", payload=love)
    shown = (await simulator.phone(kind))[0]
    assert (shown["seen"], shown["reactions"]) == (True, {"shop": "❤️"})
    taken_back = {"message_id": mid}
    await simulator.platform_send(kind, sender_action="unreact", payload=taken_back)
    assert (await simulator.phone(kind))[0]["reactions"] == {}
    assert len(inbox.received) == 1  # nothing of this is echoed


async def test_a_page_answers_for_itself_and_its_people(simulator: Simulator) -> None:
    assert await simulator.platform("messenger", "GET", f"{PAGE}?fields=name") == (
        200,
        {"name": "Harbour Kettles", "id": PAGE},
    )
    _, me = await simulator.platform("messenger", "GET", "me?fields=id,name")
    assert me["id"] == PAGE
    _, maya = await simulator.platform("messenger", "GET", f"{PSID}?fields=first_name,last_name")
    assert maya == {"first_name": "Maya", "last_name": "Ortiz", "id": PSID}
    assert fault(await simulator.platform("messenger", "GET", "4999?fields=name")) == (400, 100, 33)


async def test_calls_are_told_apart_by_token_and_account(simulator: Simulator) -> None:
    for kind in ("messenger", "instagram"):
        path = f"{simulator.account(kind)}?fields=name"
        refused = await simulator.platform(kind, "GET", path, token="stolen")
        assert fault(refused) == (400, 190, None)
    crossed = await simulator.platform(
        "messenger", "GET", f"{PAGE}?fields=name", token="graph-token"
    )
    assert fault(crossed) == (400, 190, None)
    nobody = await simulator.platform("messenger", "GET", "me?fields=name", token="stolen")
    assert nobody[1]["error"]["code"] == 190


async def test_an_address_says_whose_call_it_is_before_a_shared_token_does(
    simulator: Simulator, inbox: Inbox
) -> None:
    await simulator.connect_messaging(inbox, "messenger", access_token="graph-token")
    await simulator.texts("whatsapp", "Like this", image=PICTURE)
    media_id = (await simulator.phone("whatsapp"))[0]["media"][0]["id"]
    assert (await simulator.graph_send())[0] == 200
    found = await simulator.platform("messenger", "GET", media_id, token="graph-token")
    assert found[1]["id"] == media_id
    path = f"/accounts/instagram/{simulator.account('instagram')}"
    same = {"webhook_url": inbox.url, "access_token": "graph-token"}
    same |= {"secret": "s", "verify_token": "v"}
    await simulator.control("PUT", path, same, status=409)


@KINDS
async def test_what_is_not_subscribed_to_does_not_come(
    simulator: Simulator, inbox: Inbox, kind: str
) -> None:
    path = f"{simulator.account(kind)}/subscribed_apps"
    _, before = await simulator.platform(kind, "GET", path)
    assert "messages" in before["data"][0]["subscribed_fields"]
    wanted = f"{path}?subscribed_fields=messages"
    assert await simulator.platform(kind, "POST", wanted) == (200, {"success": True})
    mid = (await simulator.texts(kind, "Hello"))["provider_id"]
    await simulator.texts(kind, reaction={"to": mid, "emoji": "👍"})
    assert [list(event["message"]) for event in events(inbox, kind)] != []
    assert events(inbox, kind, "reaction") == []
    await simulator.platform(kind, "DELETE", path)
    assert (await simulator.texts(kind, "Hello?"))["deliveries"] == []
    assert (await simulator.platform(kind, "GET", path))[1] == {"data": []}


async def test_the_handshake_must_return_the_challenge(simulator: Simulator, inbox: Inbox) -> None:
    await simulator.connect_messaging(inbox, "messenger", handshake=True)
    await simulator.connect_messaging(inbox, "instagram", handshake=True)
    assert inbox.challenges == 2


@pytest.mark.parametrize("kind", ["messenger", "instagram"])
async def test_a_token_tells_of_itself(simulator: Simulator, inbox: Inbox, kind: str) -> None:
    path = f"debug_token?input_token={kind}-token"
    status, told = await simulator.platform(kind, "GET", path)
    assert (status, told["data"]["is_valid"]) == (200, True)
    assert len(told["data"]["scopes"]) == 2
    assert (await simulator.platform(kind, "GET", "debug_token?input_token=x"))[0] == 400
    wrong = f"me?fields=id&appsecret_proof={'0' * 64}"
    status, told = await simulator.platform(kind, "GET", wrong)
    assert (status, told["error"]["code"]) == (400, 100)
