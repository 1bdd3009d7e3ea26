"""What people see and touch: the inbox and the customers' phones, in the words of both."""

from __future__ import annotations

import re
from pathlib import Path

from playwright.sync_api import FilePayload, Locator, Page, expect

from tests.journeys.program import Customer

SOON_MS = 15_000
PICTURE = Path(__file__).with_name("lid.png")


class Inbox:
    """One tab with the inbox in it."""

    def __init__(self, page: Page) -> None:
        self.page = page
        self.gate = page.locator("#gate-bar")
        self.text = page.locator("#composer-text")
        self.banner = page.locator("#connection")
        self.messages = page.locator(".message")
        self.resolve = page.locator("#header-resolve")

    def row(self, name: str) -> Locator:
        return self.page.locator(".row", has=self.page.get_by_text(name, exact=True))

    def unread(self, name: str) -> Locator:
        return self.row(name).locator("[data-part=unread-text]")

    def open(self, name: str) -> None:
        self.row(name).locator("a").click()
        expect(self.page.locator("#header-name")).to_have_text(name)
        expect(self.gate).not_to_contain_text("Checking")

    def message(self, text: str) -> Locator:
        return self.messages.filter(has_text=text)

    def tick(self, text: str) -> Locator:
        return self.message(text).locator(".tick")

    def types(self, text: str) -> None:
        self.text.click()
        self.page.keyboard.type(text)

    def says(self, text: str) -> None:
        """Type it and send it."""
        self.types(text)
        expect(self.page.locator("#composer-send")).to_be_enabled()
        self.page.keyboard.press("Enter")

    def chooses_file(self, path: Path | FilePayload) -> None:
        self.page.locator("#composer-file").set_input_files(path)

    def chooses_files(self, picture: Path, other: FilePayload) -> None:
        content = {"name": picture.name, "mimeType": "image/png", "buffer": picture.read_bytes()}
        self.page.locator("#composer-file").set_input_files([content, other])

    def watches_ticks(self, text: str) -> None:
        """From now on, note every tick that a message with this text shows."""
        self.page.evaluate(
            """(text) => {
              window.ticks = [];
              const look = () => {
                const all = [...document.querySelectorAll(".message")];
                const message = all.find((one) => one.textContent.includes(text));
                const status = message?.querySelector(".tick")?.dataset.status;
                if (status && window.ticks.at(-1) !== status) window.ticks.push(status);
              };
              new MutationObserver(look).observe(document.querySelector("#thread-list"),
                { subtree: true, childList: true, attributes: true });
            }""",
            text,
        )

    def ticks(self) -> list[str]:
        ticks: list[str] = self.page.evaluate("window.ticks")
        return ticks

    def marks_this_document(self) -> None:
        self.page.evaluate("window.neverReloaded = true")

    def was_never_reloaded(self) -> bool:
        return bool(self.page.evaluate("window.neverReloaded === true"))


class Phone:
    """One phone of the simulator's page, in the hand of one customer."""

    def __init__(self, page: Page, kind: str, customer: Customer) -> None:
        self.page = page
        self.root = page.locator(f".phone--{kind}")
        self.bubbles = self.root.locator(".bubble")
        self.text = self.root.locator(".composer__text")
        self.takes_over(customer)

    def takes_over(self, customer: Customer) -> None:
        """Put the phone into this customer's hand."""
        self.root.locator("select").select_option(customer.id, timeout=SOON_MS)
        expect(self.root.locator(".screen__name")).to_have_text(customer.name)
        expect(self.text).to_have_attribute("placeholder", re.compile("^Write as"))

    def bubble(self, text: str) -> Locator:
        return self.bubbles.filter(has_text=text)

    def types(self, text: str) -> None:
        """Type it and send it."""
        self.text.click()
        self.page.keyboard.type(text)
        self.page.keyboard.press("Enter")

    def chooses_file(self, path: Path) -> None:
        self.root.locator(".composer__file").set_input_files(path)
        expect(self.root.locator(".preview")).to_be_visible()
