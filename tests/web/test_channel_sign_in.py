"""Connecting a channel by the provider's own sign-in page: there and back, once, by one browser."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlencode, urlsplit

import pytest

from connectors.http import Http
from inbox.domain.agent import Role
from inbox.domain.ids import ChannelId
from inbox.store.gaps import Gap
from tests.network import Served
from tests.web.connecting import PLANTED, Answer, Person, Workplace, workplace
from tests.web.mailbox import ADDRESS, CLIENT, Post, PostOffice


@pytest.fixture
async def post_office() -> AsyncIterator[PostOffice]:
    office = PostOffice()
    await office.start()
    yield office
    await office.close()


@pytest.fixture
async def place(served: Served, post_office: PostOffice) -> AsyncIterator[Workplace]:
    http = Http(allow=frozenset({("127.0.0.1", post_office.port)}))
    await http.start()
    served.office.connectors["post"] = Post(http, post_office.url)
    yield workplace(served)
    await http.close()


@pytest.fixture
async def ada(place: Workplace) -> Person:
    return await place.person(Role.ADMIN)


@pytest.fixture
async def browser(place: Workplace) -> Person:
    return await place.person(Role.ADMIN, by_cookie=True)


async def begun(ada: Person) -> str:
    """A draft with what is entered by hand."""
    channel = await ada.begins("post")
    await ada.api("PATCH", f"/channels/{channel['id']}", {"credentials": CLIENT})
    return str(channel["id"])


async def leaves(browser: Person, channel_id: str) -> str:
    """To the provider's page; the address there."""
    answer = await browser.call("GET", f"/settings/channels/{channel_id}/sign-in")
    assert answer.status == 303, answer.text
    return answer.headers["location"]


async def allows(browser: Person, address: str) -> str:
    """Somebody says yes there; where the browser is sent back to."""
    async with browser.served.session.get(address, allow_redirects=False) as answer:
        assert answer.status == 302
        back = urlsplit(answer.headers["location"])
    assert f"{back.scheme}://{back.netloc}" == browser.url
    return f"{back.path}?{back.query}"


async def stays_as_it_was(ada: Person, channel_id: str) -> bool:
    channel = await ada.api("GET", f"/channels/{channel_id}")
    return bool(channel["state"] == "draft" and channel["secrets"]["grant"] is None)


def says(answer: Answer, words: str) -> None:
    assert answer.status == 400
    assert words in answer.text
    assert PLANTED not in answer.text


async def test_a12_signing_in_connects_the_channel(ada: Person, browser: Person) -> None:
    channel_id = await begun(ada)
    address = await leaves(browser, channel_id)
    asked = parse_qs(urlsplit(address).query)
    assert len(asked["state"][0]) >= 43
    assert len(asked["code_challenge"][0]) == 43
    assert asked["redirect_uri"] == [browser.url + "/settings/channels/callback"]

    answer = await browser.call("GET", await allows(browser, address))

    assert (answer.status, answer.headers["location"]) == (
        303,
        f"/settings/channels/{channel_id}/set-up",
    )
    channel = await ada.api("GET", f"/channels/{channel_id}")
    assert (channel["state"], channel["account"]) == ("connected", ADDRESS)
    assert channel["secrets"]["grant"]["text"] == "***"
    raw = await ada.served.context.stores.database["channels"].find_one({"_id": channel_id})
    assert raw is not None
    assert b"planted" not in bytes(raw["secrets"]["grant"])


async def test_the_page_of_a_channel_names_what_the_provider_did_not_hand_over(
    ada: Person, browser: Person
) -> None:
    channel_id = await begun(ada)
    await browser.call("GET", await allows(browser, await leaves(browser, channel_id)))
    page = f"/settings/channels/{channel_id}"
    stores, at = ada.served.context.stores, datetime(2026, 11, 22, 9, 30, tzinfo=UTC)
    channel = await stores.channels.find(ChannelId(channel_id))
    assert channel is not None
    assert "did not hand over" not in (await browser.call("GET", page)).text
    gap = Gap(since=at - timedelta(minutes=1), until=at, not_given=True)
    await stores.gaps.record_of(channel, gap)
    shown = (await browser.call("GET", page)).text
    assert "did not hand over" in shown
    assert '<time datetime="2026-11-22T09:30' in shown
    assert 'id="gaps"' not in shown  # this server was not away


async def test_a12_the_verifier_stays_here_sealed(ada: Person, browser: Person) -> None:
    await leaves(browser, await begun(ada))
    docs = await ada.served.context.stores.database["sign_ins"].find({}).to_list(10)
    assert len(docs) == 1
    assert isinstance(docs[0]["verifier"], bytes)
    assert docs[0]["expires_at"] - datetime.now(UTC) <= timedelta(minutes=10)


async def test_a12_a_way_back_works_once(ada: Person, browser: Person) -> None:
    channel_id = await begun(ada)
    back = await allows(browser, await leaves(browser, channel_id))
    assert (await browser.call("GET", back)).status == 303
    says(await browser.call("GET", back), "Nothing was changed. Begin again.")


async def test_a12_another_browser_cannot_finish_it(
    ada: Person, browser: Person, place: Workplace
) -> None:
    channel_id = await begun(ada)
    back = await allows(browser, await leaves(browser, channel_id))
    other = await place.person(Role.ADMIN, by_cookie=True)
    says(await other.call("GET", back), "begun in another browser")
    assert await stays_as_it_was(ada, channel_id)
    assert (await browser.call("GET", back)).status == 303  # and did not spoil it


async def test_a12_after_ten_minutes_it_is_over(ada: Person, browser: Person) -> None:
    channel_id = await begun(ada)
    back = await allows(browser, await leaves(browser, channel_id))
    sign_ins = ada.served.context.stores.database["sign_ins"]
    past = datetime.now(UTC) - timedelta(seconds=1)
    await sign_ins.update_many({}, {"$set": {"expires_at": past}})
    says(await browser.call("GET", back), "longer than ten minutes")
    assert await stays_as_it_was(ada, channel_id)


@pytest.mark.parametrize("state", ["", "guess", "x" * 5000])
async def test_a12_a_made_up_state_is_refused(ada: Person, browser: Person, state: str) -> None:
    channel_id = await begun(ada)
    await leaves(browser, channel_id)
    query = urlencode({"code": "x", "state": state})
    says(await browser.call("GET", f"/settings/channels/callback?{query}"), "Begin again")
    assert await stays_as_it_was(ada, channel_id)


@pytest.mark.parametrize(
    ("query", "words"),
    [
        ({"error": "access_denied"}, "chose not to allow it"),
        ({"error": "server_error", "error_description": "<b>planted-words</b>"}, "with an error"),
        ({}, "with an error"),
        ({"code": "x" * 4097}, "no sign-in"),
        ({"code": "never given"}, "Sign in again"),
    ],
)
async def test_what_goes_wrong_there_is_said_here(
    ada: Person, browser: Person, query: dict[str, str], words: str
) -> None:
    channel_id = await begun(ada)
    asked = parse_qs(urlsplit(await leaves(browser, channel_id)).query)
    back = urlencode({"state": asked["state"][0], **query})
    says(await browser.call("GET", f"/settings/channels/callback?{back}"), words)
    assert await stays_as_it_was(ada, channel_id)


async def test_signing_in_again_mends_the_channel(
    ada: Person, browser: Person, place: Workplace, post_office: PostOffice
) -> None:
    channel_id = await begun(ada)
    await browser.call("GET", await allows(browser, await leaves(browser, channel_id)))
    stores = place.context.stores
    channel = await stores.channels.find(ChannelId(channel_id))
    assert channel is not None
    await stores.channels.set_state(channel, "reauthorization_required", "Sign in again.")
    page = await browser.call("GET", f"/settings/channels/{channel_id}")
    assert "Sign in again" in page.text

    post_office.granted.clear()
    address = await leaves(browser, channel_id)
    assert parse_qs(urlsplit(address).query)["hint"] == [ADDRESS]
    await browser.call("GET", await allows(browser, address))

    mended = await ada.api("GET", f"/channels/{channel_id}")
    assert (mended["state"], mended["trouble"]) == ("connected", None)


async def test_another_mailbox_is_another_channel(
    ada: Person, browser: Person, post_office: PostOffice
) -> None:
    channel_id = await begun(ada)
    await browser.call("GET", await allows(browser, await leaves(browser, channel_id)))
    post_office.mailbox = "sales@example.com"
    back = await allows(browser, await leaves(browser, channel_id))
    says(await browser.call("GET", back), "another account")
    assert (await ada.api("GET", f"/channels/{channel_id}"))["account"] == ADDRESS


async def test_without_what_is_entered_by_hand_one_is_led_there(
    ada: Person, browser: Person
) -> None:
    channel = await ada.begins("post")
    there = await leaves(browser, channel["id"])
    assert there == f"/settings/channels/{channel['id']}/set-up"


async def test_r2_signing_in_is_for_admins_with_a_browser(
    ada: Person, browser: Person, place: Workplace
) -> None:
    channel_id = await begun(ada)
    path = f"/settings/channels/{channel_id}/sign-in"
    for role in (Role.AGENT, Role.MANAGER):
        other = await place.person(role, by_cookie=True)
        assert (await other.call("GET", path)).status == 404
        assert (await other.call("GET", "/settings/channels/callback?state=x")).status == 404
    assert (await ada.call("GET", path)).headers["location"].startswith("/login")
    sms = await ada.begins("sms")
    assert (await browser.call("GET", f"/settings/channels/{sms['id']}/sign-in")).status == 404
