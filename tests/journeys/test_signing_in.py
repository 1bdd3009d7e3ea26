"""Coming in and going out."""

from __future__ import annotations

import re

from playwright.sync_api import expect

from tests.journeys.conftest import NewPage, OpenInbox, Watcher
from tests.journeys.program import DemoProgram


def test_one_click_signs_in_to_the_demo(program: DemoProgram, new_page: NewPage) -> None:
    page = new_page()
    page.goto(program.url)
    expect(page).to_have_url(re.compile("/login"))
    page.get_by_role("button", name="Malik").click()
    expect(page).to_have_url(f"{program.url}/app")
    expect(page.locator(".row")).not_to_have_count(0)
    expect(page.get_by_role("button", name="Sign out Malik Brown")).to_be_visible()


def test_the_introduction_leaves_a_conversation_on_a_phone_alone(
    program: DemoProgram, new_page: NewPage
) -> None:
    page = new_page(width=390, height=844)
    page.goto(f"{program.url}/login")
    page.get_by_role("button", name="Malik").click()
    expect(page.locator("#tour")).to_be_visible()
    page.locator(".row__link").first.click()
    expect(page.locator("#header-name")).to_be_visible()
    expect(page.locator("#tour")).to_be_hidden()
    page.reload()
    expect(page.locator("#header-name")).to_be_visible()
    expect(page.locator("#tour")).to_be_hidden()
    page.locator("#header-back").click()
    expect(page.locator("#tour")).to_be_in_viewport(ratio=1)


def test_a_wrong_password_is_said_and_the_right_one_leads_on(
    program: DemoProgram, new_page: NewPage, watcher: Watcher
) -> None:
    watcher.expects("status of 40[13]")
    login = program.demo["logins"]["agent"]
    page = new_page()
    page.goto(f"{program.url}/login")

    def sign_in(password: str) -> None:
        if not page.get_by_label("Password").is_visible():
            page.get_by_text("Sign in with a password").click()
        page.get_by_label("E-mail").fill(login["email"])
        page.get_by_label("Password").fill(password)
        page.get_by_role("button", name="Sign in", exact=True).click()

    sign_in("not the password")
    expect(page.get_by_role("alert")).to_contain_text("do not go together")
    sign_in(login["password"])
    expect(page).to_have_url(f"{program.url}/app")
    expect(page.locator(".row")).not_to_have_count(0)


def test_signing_out_closes_every_tab_of_the_browser(
    program: DemoProgram, open_inbox: OpenInbox, watcher: Watcher
) -> None:
    watcher.expects("status of 401", "WebSocket connection .* failed")
    inbox = open_inbox(fresh=True)
    other = open_inbox(beside=inbox.page)
    inbox.page.get_by_role("button", name="Sign out Ana Silva").click()
    expect(inbox.page).to_have_url(re.compile("/login"))
    expect(other.page).to_have_url(re.compile("/login"))
    inbox.page.goto(f"{program.url}/app")
    expect(inbox.page).to_have_url(re.compile("/login"))
