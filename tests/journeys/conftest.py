"""A browser, the demo, and somebody who looks at the console all the time."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import (
    Browser,
    BrowserContext,
    ConsoleMessage,
    Dialog,
    Page,
    StorageState,
    expect,
    sync_playwright,
)

from tests.browser import ARGUMENTS, chromium
from tests.journeys.program import Customer, DemoProgram, Network
from tests.journeys.screens import SOON_MS, Inbox, Phone
from tests.system.program import Leaving

_TELL_VIOLATIONS = """addEventListener("securitypolicyviolation", (event) =>
  console.error(`policy violated: ${event.violatedDirective} ${event.blockedURI}`));"""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--screenshots",
        type=Path,
        help="write the pictures of the documentation into this folder (tests/journeys only)",
    )


@pytest.fixture(scope="session")
def pictures() -> Path:
    """Where screenshots go; not kept in git."""
    folder = Path(__file__).parents[2] / "test-results" / "screenshots"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    program = chromium()
    expect.set_options(timeout=SOON_MS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=ARGUMENTS)
        yield browser
        browser.close()


@pytest.fixture(scope="module")
def program(tmp_path_factory: pytest.TempPathFactory, leaving: Leaving) -> Iterator[DemoProgram]:
    program = DemoProgram(tmp_path_factory.mktemp("journey") / "data")
    program.start()
    yield program
    leaving.add(program)


@pytest.fixture(scope="module")
def network(program: DemoProgram, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Network]:
    network = Network(program, tmp_path_factory.mktemp("network"))
    yield network
    network.stop()


class Watcher:
    """Notes what no page of ours may do: errors in the console, violations of the content security
    policy, errors nobody caught, dialogs. A journey names the noise of the network it expects:
    browsers write every refused or failed request to the console."""

    def __init__(self) -> None:
        self.problems: list[str] = []
        self._expected: list[re.Pattern[str]] = []

    def expects(self, *patterns: str) -> None:
        self._expected += [re.compile(pattern) for pattern in patterns]

    def watch(self, context: BrowserContext) -> None:
        context.add_init_script(_TELL_VIOLATIONS)
        context.on("console", self._heard)
        context.on("weberror", lambda error: self.problems.append(f"uncaught: {error.error}"))
        context.on("dialog", self._asked)

    def _heard(self, message: ConsoleMessage) -> None:
        if message.type in ("error", "warning"):
            self.problems.append(f"console: {message.text}")

    def _asked(self, dialog: Dialog) -> None:
        self.problems.append(f"dialog: {dialog.type} {dialog.message}")
        dialog.dismiss()

    @property
    def unexpected(self) -> list[str]:
        return [p for p in self.problems if not any(e.search(p) for e in self._expected)]


@pytest.fixture
def watcher() -> Iterator[Watcher]:
    watcher = Watcher()
    yield watcher
    assert watcher.unexpected == []


NewPage = Callable[..., Page]


@pytest.fixture
def new_page(
    browser: Browser, watcher: Watcher, request: pytest.FixtureRequest, pictures: Path
) -> Iterator[NewPage]:
    """`new_page(width=390, beside=page)`: a tab, of a browser profile of its own or of another
    tab's. What a failed journey saw is in test-results/."""
    contexts: list[BrowserContext] = []

    def make(
        width: int = 1440,
        height: int = 900,
        *,
        scheme: str = "light",
        beside: Page | None = None,
        **options: Any,
    ) -> Page:
        if beside is not None:
            return beside.context.new_page()
        context = browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            locale="en-GB",
            **options,
        )
        context.set_default_timeout(SOON_MS)
        watcher.watch(context)
        contexts.append(context)
        return context.new_page()

    failed_before = request.session.testsfailed
    yield make
    for number, page in enumerate(page for context in contexts for page in context.pages):
        if request.session.testsfailed > failed_before:
            name = re.sub(r"\W+", "-", request.node.name)
            page.screenshot(path=pictures / f"failed-{name}-{number}.png")
    for context in contexts:
        context.close()


OpenInbox = Callable[..., Inbox]


@pytest.fixture(scope="module")
def signed_in() -> dict[str, StorageState]:
    """What browsers kept of the first time somebody signed in: the next one begins with it."""
    return {}


@pytest.fixture
def open_inbox(
    program: DemoProgram, new_page: NewPage, signed_in: dict[str, StorageState]
) -> OpenInbox:
    """`open_inbox("Malik Brown")`: sign in by one click and put the introduction away. Options are
    those of `new_page`; a tab beside another is signed in already. With `fresh` nobody else has
    the session, so that it can be ended."""

    def enter(who: str = "Ana Silva", *, fresh: bool = False, **options: Any) -> Inbox:
        known = None if fresh else signed_in.get(who)
        beside = options.get("beside") is not None
        page = new_page(**options, **({"storage_state": known} if known and not beside else {}))
        if beside or known:
            page.goto(f"{program.url}/app")
        else:
            page.goto(f"{program.url}/login")
            page.get_by_role("button", name=who).click()
            page.get_by_role("button", name="No, thanks").click()
            if not fresh:
                signed_in[who] = page.context.storage_state()
        expect(page.locator(".row").first).to_be_visible()
        return Inbox(page)

    return enter


TakePhone = Callable[..., Phone]


@pytest.fixture
def take_phone(program: DemoProgram, new_page: NewPage) -> TakePhone:
    """`take_phone("sms", customer, beside=inbox.page)`: the simulator's page in a tab."""

    def take(kind: str, customer: Customer, url: str | None = None, **options: Any) -> Phone:
        page = new_page(**options)
        page.goto(url or program.simulator.url)
        return Phone(page, kind, customer)

    return take
