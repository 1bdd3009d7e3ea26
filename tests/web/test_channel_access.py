"""Who may connect channels, and what is never said of them."""

from __future__ import annotations

from typing import Any

import pytest

from inbox.domain.agent import Role
from tests.network import Served
from tests.web.connecting import PLANTED, SMS, WHATSAPP, Person, Workplace, workplace

GIVEN = {"sms": SMS, "whatsapp": WHATSAPP}


@pytest.fixture
def place(served: Served) -> Workplace:
    return workplace(served)


@pytest.fixture
async def ada(place: Workplace) -> Person:
    return await place.person(Role.ADMIN)


def calls_of(channel_id: str) -> list[tuple[str, str, object]]:
    path = f"/api/v1/channels/{channel_id}"
    return [
        ("GET", "/api/v1/kinds", None),
        ("POST", "/api/v1/channels", {"kind": "sms"}),
        ("POST", "/api/v1/channels/check", {"kind": "sms", "credentials": {}}),
        ("GET", path, None),
        ("PATCH", path, {"name": "Mine"}),
        ("DELETE", path, None),
        ("POST", path + "/verify_token", {}),
    ]


@pytest.mark.parametrize("role", [Role.AGENT, Role.MANAGER])
async def test_r2_for_agents_and_managers_there_is_nothing_here(
    ada: Person, place: Workplace, role: Role
) -> None:
    channel = await ada.connects("sms", SMS)
    person = await place.person(role)
    for method, path, body in calls_of(channel["id"]):
        assert (await person.call(method, path, body)).status == 404, (method, path)
    browser = await place.person(role, by_cookie=True)
    for page in ("", "/channels", "/channels/new", f"/channels/{channel['id']}"):
        assert (await browser.call("GET", "/settings" + page)).status == 404, page
    unchanged = await ada.api("GET", f"/channels/{channel['id']}")
    assert (unchanged["name"], unchanged["state"]) == ("SMS", "connected")


async def test_strangers_are_asked_to_sign_in(place: Workplace) -> None:
    stranger = Person(place, {})
    for method, path, body in calls_of("chn_1"):
        assert (await stranger.call(method, path, body)).status == 401, (method, path)
    page = await stranger.call("GET", "/settings/channels")
    assert page.headers["location"] == "/login?next=/settings/channels"


async def test_another_workspace_sees_no_channel_of_ours(ada: Person, place: Workplace) -> None:
    mine = await ada.begins("sms")
    stored = place.context.stores.database.durable("channels")
    await stored.update_one({"_id": mine["id"]}, {"$set": {"workspace_id": "wsp_other"}})
    for method, path, body in calls_of(mine["id"])[3:]:
        assert (await ada.call(method, path, body)).status == 404, (method, path)
    body = {"kind": "sms", "credentials": {}, "channel_id": mine["id"]}
    await ada.api("POST", "/channels/check", body, status=404)


async def test_unsafe_calls_of_a_browser_need_its_token(ada: Person, place: Workplace) -> None:
    channel = await ada.connects("sms", SMS)
    browser = await place.person(Role.ADMIN, by_cookie=True)
    for method, path, body in calls_of(channel["id"]):
        if method == "GET":
            continue
        answer = await browser.call(method, path, body, Origin=browser.url)
        assert (answer.status, answer.json["code"]) == (403, "csrf"), (method, path)
    path = f"/api/v1/channels/{channel['id']}"
    proof = {"X-CSRF-Token": browser.csrf}
    foreign = {**proof, "Origin": "https://example.com"}
    assert (await browser.call("DELETE", path, None, **foreign)).status == 403
    good = {**proof, "Origin": browser.url}
    assert (await browser.call("PATCH", path, {"name": "Orders"}, **good)).status == 200


async def test_r10_secrets_are_in_no_answer_and_in_no_log(
    ada: Person, place: Workplace, caplog: pytest.LogCaptureFixture, capsys: Any
) -> None:
    caplog.set_level("DEBUG")
    browser = await place.person(Role.ADMIN, by_cookie=True)
    said: list[str] = []

    async def calls(method: str, path: str, body: object = None) -> Any:
        answer = await ada.call(method, "/api/v1" + path, body)
        said.append(answer.text)
        return answer.json

    for kind in ("sms", "whatsapp"):
        channel = await calls("POST", "/channels", {"kind": kind})
        path = f"/channels/{channel['id']}"
        await place.opens_account(kind, channel["webhook_url"])
        given = {"kind": kind, "credentials": GIVEN[kind], "channel_id": channel["id"]}
        await calls("POST", "/channels/check", given)
        broken = {name: f"{text}-broken" for name, text in GIVEN[kind].items()}
        await calls("POST", "/channels/check", {**given, "credentials": broken})
        await calls("PATCH", path, {"credentials": broken, "connect": True})
        connected = await calls("PATCH", path, {"credentials": GIVEN[kind], "connect": True})
        assert connected["state"] == "connected"
        await calls("GET", path)
        await calls("GET", "/channels")
        for page in ("/settings/channels", f"/settings{path}", f"/settings{path}/set-up"):
            answer = await browser.call("GET", page)
            assert answer.status == 200, page
            said.append(answer.text)
        await calls("DELETE", path)
    printed = capsys.readouterr()
    told = "".join(said) + caplog.text + printed.out + printed.err
    assert "***" in told
    assert PLANTED not in told
