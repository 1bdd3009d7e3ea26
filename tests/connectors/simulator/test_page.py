"""The page where a person is the customer, in a real browser."""

from __future__ import annotations

import shutil
from collections.abc import AsyncIterator

import pytest
from aiohttp import web
from playwright.async_api import Page, async_playwright, expect

from .conftest import Inbox, Simulator, until
from .test_whatsapp import names, value_of

CHROMIUM = shutil.which("chromium")
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="there is no chromium on this machine")


@pytest.fixture
async def page(simulator: Simulator) -> AsyncIterator[Page]:
    """Fails the test when the page logs an error, a broken policy included."""
    errors: list[str] = []
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(
            executable_path=CHROMIUM, args=["--no-sandbox", "--disable-gpu", "--no-first-run"]
        )
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
