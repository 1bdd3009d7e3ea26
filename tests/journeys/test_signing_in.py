"""Coming in and going out."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

from playwright.sync_api import expect

from tests.journeys.access import inaccessible
from tests.journeys.conftest import NewPage, OpenInbox, Watcher
from tests.journeys.program import DemoProgram
from tests.system.program import Program


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


def test_an_empty_workspace_leads_its_admin_to_connecting(
    tmp_path: Path, new_page: NewPage, watcher: Watcher, pictures: Path
) -> None:
    watcher.expects("status of 401")
    folder = tmp_path / "data"
    make = [sys.executable, "run.py", "--data-dir", str(folder), "create-admin"]
    who = ["--email", "ada@example.com", "--name", "Ada Lind", "--workspace", "Harbour Kettles"]
    typed = b"help@example.com\nfive small kettles\n"
    root = Path(__file__).parents[2]
    # Without a terminal of its own it reads what is piped to it, the password too.
    subprocess.run([*make, *who], input=typed, check=True, cwd=root, start_new_session=True)
    program = Program(folder, environment={"INBOX_DEV": "1"})
    program.start()
    try:
        page = new_page(bypass_csp=True)
        page.goto(program.url)
        page.get_by_label("E-mail").fill("ada@example.com")
        page.get_by_label("Password").fill("five large kettles")
        page.keyboard.press("Enter")
        expect(page.get_by_text("do not go together")).to_be_visible()
        expect(page.get_by_label("E-mail")).to_have_value("ada@example.com")
        page.keyboard.type("five small kettles")
        page.keyboard.press("Enter")
        expect(page.locator("#roster-empty")).to_contain_text("No channel is connected yet")
        assert inaccessible(page) == []
        page.screenshot(path=pictures / "empty-workspace.png")
        page.get_by_role("link", name="Connect the first channel").click()
        expect(page.get_by_role("button", name="WhatsApp")).to_be_enabled()
    finally:
        program.stop()
