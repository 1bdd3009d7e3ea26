"""The page where a person is the customer, in a real browser."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from playwright.async_api import Page, Route, async_playwright, expect

from inbox.domain.channel import Payload
from tests.browser import ARGUMENTS, chromium

from .conftest import Inbox, Simulator, until
from .events import events
from .mailbox import Puller, read
from .test_whatsapp import names, value_of


@pytest.fixture
async def page(simulator: Simulator) -> AsyncIterator[Page]:
    """Fails the test when the page logs an error, a broken policy included."""
    errors: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium(), args=ARGUMENTS)
        page = await browser.new_page(viewport={"width": 1440, "height": 900})
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on(
            "console",
            lambda message: errors.append(message.text) if message.type == "error" else None,
        )
        await page.goto(simulator.base)
        yield page
        await browser.close()
    assert errors == []


async def test_what_is_written_on_the_page_arrives_and_the_answer_is_shown_and_read(
    simulator: Simulator, inbox: Inbox, page: Page
) -> None:
    phone = page.get_by_role("region", name="WhatsApp phone")
    await phone.get_by_role("textbox", name="Write as Maya").fill("<b>Hello</b>")
    await page.keyboard.press("Enter")
    await expect(phone.get_by_text("<b>Hello</b>")).to_be_visible()
    await expect(phone.get_by_text("✓ Arrived")).to_be_visible()
    assert value_of(inbox.at("/whatsapp")[0])["messages"][0]["text"]["body"] == "<b>Hello</b>"
    await simulator.graph_send()
    await expect(phone.get_by_text("On its way.")).to_be_visible()
    await until(lambda: names(inbox) == ["sent", "read"])


async def test_a_refused_webhook_is_said_aloud(inbox: Inbox, page: Page) -> None:
    inbox.answers = [web.Response(status=503)]
    phone = page.get_by_role("region", name="SMS phone")
    await phone.get_by_role("textbox", name="Write as Maya").fill("Hello")
    await phone.get_by_role("button", name="Send").click()
    await expect(phone.get_by_text("✕ Refused with 503")).to_be_visible()


async def test_stop_is_one_button_and_shows_what_it_did(page: Page) -> None:
    phone = page.get_by_role("region", name="SMS phone")
    await phone.get_by_role("button", name="STOP").click()
    await expect(phone.get_by_text("from the carrier")).to_be_visible()
    await expect(phone.get_by_text("Stopped", exact=True)).to_be_visible()
    await phone.get_by_role("button", name="START").click()
    await expect(phone.get_by_text("Stopped", exact=True)).to_be_hidden()


async def test_five_phones_stand_side_by_side(page: Page) -> None:
    for label in ("WhatsApp", "SMS", "Messenger", "Instagram", "Gmail"):
        box = await page.get_by_role("region", name=f"{label} phone").bounding_box()
        assert box is not None
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= 1440


async def test_a_message_can_be_reacted_to_and_answered(
    simulator: Simulator, inbox: Inbox, page: Page
) -> None:
    await simulator.texts("messenger", "Hello")
    await simulator.platform_send("messenger")
    phone = page.get_by_role("region", name="Messenger phone")
    theirs = phone.get_by_role("article").filter(has_text="On its way.")
    await theirs.hover()
    await theirs.get_by_role("button", name="React, reply and more").click()
    await phone.get_by_role("button", name="React with 👍").click()
    await expect(phone.get_by_role("img", name="You reacted with 👍")).to_be_visible()
    reaction = (await until(lambda: events(inbox, "messenger", "reaction")))[0]
    assert reaction["reaction"]["reaction"] == "like"
    await theirs.get_by_role("button", name="React, reply and more").click()
    await expect(phone.get_by_role("button", name="Edit", exact=True)).to_be_hidden()
    await phone.get_by_role("button", name="Reply", exact=True).click()
    await page.keyboard.type("Great")
    await page.keyboard.press("Enter")
    await expect(phone.get_by_text("↩ On its way.")).to_be_visible()
    said = events(inbox, "messenger", "message")[-1]["message"]
    assert (said["text"], said["reply_to"]["is_self_reply"]) == ("Great", False)


async def test_an_own_message_can_be_edited_and_unsent(
    simulator: Simulator, inbox: Inbox, page: Page
) -> None:
    await simulator.texts("instagram", "Sumday?")
    phone = page.get_by_role("region", name="Instagram phone")
    own = phone.get_by_role("article").first
    await own.hover()
    await own.get_by_role("button", name="React, reply and more").click()
    await phone.get_by_role("button", name="Edit", exact=True).click()
    await phone.get_by_role("textbox", name="Write as Maya").fill("Sunday?")
    await page.keyboard.press("Enter")
    await expect(phone.get_by_text("Sunday?")).to_be_visible()
    await expect(phone.get_by_text("Edited", exact=True)).to_be_visible()
    assert events(inbox, "instagram", "message_edit")[0]["message_edit"]["num_edit"] == 1
    await own.get_by_role("button", name="React, reply and more").click()
    await phone.get_by_role("button", name="Unsend", exact=True).click()
    await expect(phone.get_by_text("You unsent this message")).to_be_visible()
    await expect(phone.get_by_role("button", name="React, reply and more")).to_be_hidden()
    assert events(inbox, "instagram")[-1]["message"]["is_deleted"] is True


async def test_a_message_that_comes_while_its_thread_is_fetched_is_shown(
    simulator: Simulator, page: Page
) -> None:
    fetched, told = asyncio.Event(), asyncio.Event()

    async def hold(route: Route) -> None:
        response = await route.fetch()
        fetched.set()
        await told.wait()
        await route.fulfill(response=response)

    await page.route("**/accounts/messenger/*/threads/maya", hold)
    await page.reload()
    await asyncio.wait_for(fetched.wait(), 20)
    await simulator.texts("messenger", "Meanwhile")
    # The page hears of everything in order: once it shows this, it has heard of the other.
    await simulator.texts("sms", "Afterwards")
    await expect(
        page.get_by_role("region", name="SMS phone").get_by_text("Afterwards")
    ).to_be_visible()
    told.set()
    phone = page.get_by_role("region", name="Messenger phone")
    await expect(phone.get_by_text("Meanwhile")).to_be_visible()


async def test_a_mail_is_written_with_a_subject_and_its_answer_is_shown(
    simulator: Simulator, page: Page, puller: Puller
) -> None:
    phone = page.get_by_role("region", name="Gmail phone")
    await phone.get_by_label("Subject").fill("Kettle")
    await phone.get_by_label("Cc").fill("tom@example.com, lea@example.com")
    await phone.get_by_text("What I write is HTML").click()
    await phone.get_by_role("textbox", name="Write as Maya").fill("<p>Is it <b>blue</b>?</p>")
    await phone.locator(".composer__file").set_input_files(
        {"name": "order.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4"}
    )
    await expect(phone.get_by_text("order.pdf")).to_be_visible()
    await phone.get_by_role("button", name="Send").click()
    await expect(phone.get_by_role("heading", name="Kettle")).to_be_visible()
    await expect(phone.get_by_text("Is it blue?")).to_be_visible()
    await expect(phone.get_by_text("Waiting to be fetched")).to_be_visible()
    mail = read((await puller.pull())[0])
    assert (mail["Subject"], mail["Cc"]) == ("Kettle", "tom@example.com, lea@example.com")
    assert [part.get_filename() for part in mail.iter_attachments()] == ["order.pdf"]
    await expect(phone.get_by_text("✓ Arrived")).to_be_visible()
    await puller.send("It is.", subject="Re: Kettle")
    await expect(phone.get_by_role("heading", name="Re: Kettle")).to_be_visible()
    await phone.get_by_text("What I write is HTML").click()
    await phone.get_by_role("textbox", name="Write as Maya").fill("Thank you")
    await page.keyboard.press("Control+Enter")
    answer = read((await until_pulled(puller, "Maya"))[0])
    assert answer["In-Reply-To"] is not None
    assert answer["Subject"] == "Re: Kettle"


async def until_pulled(puller: Puller, sender: str) -> list[Payload]:
    """What that person wrote, once it is there."""
    async with asyncio.timeout(5):
        while True:
            found = [one for one in await puller.pull() if sender in read(one)["From"]]
            if found:
                return found
