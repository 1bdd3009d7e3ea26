"""Meta's side: what it signs and sends, what it takes, and how it reports."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta
from typing import Any

import aiohttp
from aiohttp import web

from connectors.simulator.meta import encode
from connectors.simulator.pictures import draw

from .conftest import APP_SECRET, BEARER, WHATSAPP, Inbox, Received, Simulator, until


def value_of(call: Received) -> dict[str, Any]:
    value: dict[str, Any] = json.loads(call.body)["entry"][0]["changes"][0]["value"]
    return value


def statuses(inbox: Inbox) -> list[dict[str, Any]]:
    values = [value_of(call) for call in inbox.at("/whatsapp")]
    return [item for value in values for item in value.get("statuses", [])]


def names(inbox: Inbox) -> list[str]:
    return [item["status"] for item in statuses(inbox)]


async def test_a_text_arrives_signed_over_the_bytes_that_travel(
    simulator: Simulator, inbox: Inbox
) -> None:
    answer = await simulator.texts("whatsapp", "Grüße https://example.com 😀")
    call = inbox.at("/whatsapp")[0]
    expected = hmac.new(APP_SECRET.encode(), call.body, hashlib.sha256).hexdigest()
    assert call.headers["X-Hub-Signature-256"] == f"sha256={expected}"
    assert rb"Gr\u00fc\u00dfe https:\/\/example.com \ud83d\ude00" in call.body
    message = value_of(call)["messages"][0]
    assert message["id"] == answer["provider_id"]
    assert message["from"] == "15550100"
    assert message["text"]["body"] == "Grüße https://example.com 😀"
    assert value_of(call)["contacts"][0]["user_id"] == message["from_user_id"]
    assert answer["deliveries"][0]["status"] == 200


async def test_a_customer_with_a_user_name_has_no_number_anywhere(
    simulator: Simulator, inbox: Inbox
) -> None:
    await simulator.texts("whatsapp", "Do you ship to Leeds?", customer="robin")
    value = value_of(inbox.at("/whatsapp")[0])
    assert "from" not in value["messages"][0]
    assert "wa_id" not in value["contacts"][0]
    status, answer = await simulator.graph_send(to=None, recipient="GB.1000")
    assert status == 200
    assert answer["contacts"] == [{"input": "GB.1000", "user_id": "GB.1000"}]


def test_keys_come_in_changing_order() -> None:
    value = {name: 1 for name in "abcdefgh"}
    assert len({encode(value) for _ in range(20)}) > 1


async def test_the_handshake_must_return_the_challenge(simulator: Simulator, inbox: Inbox) -> None:
    account = {
        "webhook_url": inbox.url + "/whatsapp",
        "business_account_id": "1",
        "display_phone_number": "+1 555 0192",
        "access_token": "t",
        "secret": "s",
        "verify_token": "verify-me",
        "handshake": True,
    }
    await simulator.control("PUT", "/accounts/whatsapp/2", account)
    assert inbox.challenges == 1
    wrong = account | {"verify_token": "somebody else's"}
    await simulator.control("PUT", "/accounts/whatsapp/3", wrong, status=409)
    shown = await simulator.control("GET", "/accounts")
    assert {known["account"] for known in shown if known["kind"] == "whatsapp"} == {WHATSAPP, "2"}


async def test_a_picture_is_fetched_by_id_with_the_token(
    simulator: Simulator, inbox: Inbox, session: aiohttp.ClientSession
) -> None:
    picture = draw("parcel")
    await simulator.texts("whatsapp", "Like this", image=base64.b64encode(picture).decode())
    image = value_of(inbox.at("/whatsapp")[0])["messages"][0]["image"]
    assert image["caption"] == "Like this"
    async with session.get(f"{simulator.base}/v26.0/{image['id']}", headers=BEARER) as response:
        described = await response.json()
    digest = base64.b64encode(hashlib.sha256(picture).digest()).decode()
    assert described["sha256"] == image["sha256"] == digest
    async with session.get(described["url"]) as response:
        assert response.status == 401
    async with session.get(described["url"], headers=BEARER) as response:
        assert await response.read() == picture


async def test_a_sent_message_is_sent_delivered_and_read(
    simulator: Simulator, inbox: Inbox
) -> None:
    await simulator.texts("whatsapp", "Where is my order?")
    status, answer = await simulator.graph_send()
    assert status == 200
    assert answer["contacts"][0]["wa_id"] == "15550100"
    await until(lambda: names(inbox) == ["sent", "delivered", "read"])
    first = statuses(inbox)[0]
    assert first["id"] == answer["messages"][0]["id"]
    assert first["biz_opaque_callback_data"] == "outbox-1"
    assert first["pricing"]["category"] == "service"
    assert (await simulator.phone("whatsapp"))[-1]["text"] == "On its way."


async def test_outside_the_window_it_is_taken_and_then_fails(
    simulator: Simulator, inbox: Inbox
) -> None:
    long_ago = (datetime.now(UTC) - timedelta(hours=25)).isoformat()
    await simulator.texts("whatsapp", "Hello?", at=long_ago)
    status, _ = await simulator.graph_send()
    assert status == 200
    failed = (await until(lambda: statuses(inbox)))[0]
    assert failed["status"] == "failed"
    assert failed["errors"][0]["code"] == 131047


async def test_an_uploaded_picture_is_shown_on_the_phone(
    simulator: Simulator, session: aiohttp.ClientSession
) -> None:
    await simulator.texts("whatsapp", "Which one is it?")
    form = aiohttp.FormData({"messaging_product": "whatsapp", "type": "image/png"})
    form.add_field("file", draw("kettle"), filename="kettle.png", content_type="image/png")
    url = f"{simulator.base}/v26.0/{WHATSAPP}/media"
    async with session.post(url, data=form, headers=BEARER) as response:
        media_id = (await response.json())["id"]
    await simulator.graph_send(type="image", image={"id": media_id, "caption": "This one"})
    shown = (await simulator.phone("whatsapp"))[-1]
    assert (shown["text"], shown["media"][0]["mime"]) == ("This one", "image/png")
    async with session.get(f"{simulator.base}/simulator/media/{media_id}") as response:
        assert await response.read() == draw("kettle")


async def test_reading_and_typing_are_taken(simulator: Simulator) -> None:
    answer = await simulator.texts("whatsapp", "Anybody there?")
    receipt = {"status": "read", "message_id": answer["provider_id"]}
    assert await simulator.graph_send(**receipt, typing_indicator={"type": "text"}) == (
        200,
        {"success": True},
    )
    assert (await simulator.phone("whatsapp"))[0]["seen"] is True


async def test_a_wrong_token_is_an_oauth_error(
    simulator: Simulator, session: aiohttp.ClientSession
) -> None:
    url = f"{simulator.base}/v26.0/{WHATSAPP}?fields=verified_name"
    async with session.get(url, headers=BEARER) as response:
        assert await response.json() == {"verified_name": "Harbour Kettles", "id": WHATSAPP}
    async with session.get(url, headers={"Authorization": "Bearer stolen"}) as response:
        assert response.status == 401
        assert (await response.json())["error"]["code"] == 190


async def test_a_refused_webhook_comes_again_until_it_is_taken(
    simulator: Simulator, inbox: Inbox
) -> None:
    inbox.answers = [web.Response(status=503), web.Response(status=500)]
    answer = await simulator.texts("whatsapp", "Hello")
    assert (answer["status"], answer["deliveries"][0]["status"]) == ("refused", 503)
    await until(lambda: len(inbox.at("/whatsapp")) == 3)
    ids = {value_of(call)["messages"][0]["id"] for call in inbox.at("/whatsapp")}
    assert ids == {answer["provider_id"]}


async def test_an_open_phone_reads_at_once_and_only_says_read(
    simulator: Simulator, inbox: Inbox, session: aiohttp.ClientSession
) -> None:
    await simulator.texts("whatsapp", "Hello")
    events = simulator.base + "/simulator/api/events?page=p1"
    async with session.get(events) as stream:
        await stream.content.readuntil(b"\n\n")
        await simulator.control("PUT", "/pages/p1", {"open": [["whatsapp", WHATSAPP, "maya"]]})
        await simulator.graph_send()
        await until(lambda: names(inbox) == ["sent", "read"])


async def test_a_customer_may_answer_by_themselves_once_per_text(
    simulator: Simulator, inbox: Inbox
) -> None:
    behaviour = {"auto_reply": ["Thanks!"], "auto_reply_delay_s": 0}
    leo = {"name": "Leo Park", "phone": "+15550101", "behaviour": behaviour}
    await simulator.control("PUT", "/customers/leo", leo)
    await simulator.texts("whatsapp", "Hello", customer="leo")
    for _ in range(2):
        await simulator.graph_send(to="+15550101")
    await until(lambda: names(inbox).count("delivered") == 2)
    said = [value_of(call).get("messages") for call in inbox.at("/whatsapp")]
    assert [item[0]["text"]["body"] for item in said if item] == ["Hello", "Thanks!"]


async def test_a_reply_a_reaction_and_a_place_are_told(simulator: Simulator, inbox: Inbox) -> None:
    first = (await simulator.texts("whatsapp", "Hello"))["provider_id"]
    _, sent = await simulator.graph_send()
    wamid = sent["messages"][0]["id"]
    await until(lambda: "delivered" in names(inbox))
    await simulator.texts("whatsapp", "Yes, that one", reply_to=wamid)
    await simulator.texts("whatsapp", reaction={"to": wamid, "emoji": "👍"})
    await simulator.texts("whatsapp", reaction={"to": wamid, "emoji": None})
    place = {"latitude": 0.0, "longitude": -0.1195, "name": "Riverside Kiosk"}
    await simulator.texts("whatsapp", location=place)
    await simulator.texts("whatsapp", edit={"of": first, "text": "Hi"}, status=409)
    values = [value_of(call) for call in inbox.at("/whatsapp")]
    said = [item for value in values for item in value.get("messages", [])][1:]
    assert said[0]["context"] == {"from": "15550190", "id": wamid}
    assert said[1]["reaction"] == {"message_id": wamid, "emoji": "👍"}
    assert said[2]["reaction"] == {"message_id": wamid}
    assert len({item["id"] for item in said}) == 4
    assert (said[3]["type"], said[3]["location"]) == ("location", place)


async def test_a_reaction_of_the_inbox_stands_on_its_message(
    simulator: Simulator, inbox: Inbox
) -> None:
    wamid = (await simulator.texts("whatsapp", "Hello"))["provider_id"]
    status, _ = await simulator.graph_send(
        type="reaction", reaction={"message_id": wamid, "emoji": "🎉"}
    )
    assert status == 200
    await until(lambda: names(inbox) == ["sent"])
    assert (await simulator.phone("whatsapp"))[0]["reactions"] == {"shop": "🎉"}


async def test_what_is_written_in_the_phone_app_is_echoed(
    simulator: Simulator, inbox: Inbox
) -> None:
    path = f"/accounts/whatsapp/{WHATSAPP}/echo"
    await simulator.control("POST", path, {"customer_id": "maya", "text": "From the counter"})
    echo = value_of(inbox.at("/whatsapp")[0])["message_echoes"][0]
    assert (echo["from"], echo["to"]) == ("15550190", "15550100")
    assert echo["text"]["body"] == "From the counter"


async def test_a_token_tells_of_itself_and_of_its_business(simulator: Simulator) -> None:
    async def asks(path: str, **query: str) -> tuple[int, dict[str, Any]]:
        url = f"{simulator.base}/v26.0/{path}"
        async with simulator.session.get(url, params=query, headers=BEARER) as answer:
            return answer.status, await answer.json()

    token = BEARER["Authorization"].removeprefix("Bearer ")
    status, told = await asks("debug_token", input_token=token)
    assert (status, told["data"]["is_valid"], told["data"]["expires_at"]) == (200, True, 0)
    assert "whatsapp_business_messaging" in told["data"]["scopes"]
    assert (await asks("debug_token", input_token="another"))[0] == 400
    proof = hmac.new(APP_SECRET.encode(), token.encode(), hashlib.sha256).hexdigest()
    assert (await asks("me", appsecret_proof=proof))[0] == 200
    status, told = await asks("me", appsecret_proof="0" * 64)
    assert (status, told["error"]["code"]) == (400, 100)
    assert (await asks("999/phone_numbers"))[0] == 400
    status, told = await asks("100000000000001/phone_numbers")
    assert (status, told["data"]) == (200, [{"id": WHATSAPP}])
