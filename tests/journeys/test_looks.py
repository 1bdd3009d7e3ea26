"""Every screen, as everybody sees it: checked for access, and pictured for people to look at."""

from __future__ import annotations

import json
import secrets
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

from tests.journeys.conftest import NewPage, OpenInbox
from tests.journeys.program import Customer, DemoProgram, wait_until
from tests.journeys.screens import Inbox

AXE = (Path(__file__).parent / "vendor" / "axe.min.js").read_text()
_ACCESS = (Path(__file__).parent / "access.js").read_text()
SIZES = {1440: 900, 1024: 768, 390: 844}


@pytest.fixture(scope="module")
def unlucky(program: DemoProgram) -> Customer:
    """Somebody to whom our answer could not be delivered."""
    customer = program.simulator.customer("Emil Novak")
    program.simulator.write("whatsapp", program.account("whatsapp"), customer, "Is it here?")

    def find() -> dict[str, Any] | None:
        found = _api(program, "GET", "/conversations")["data"]
        return next((c for c in found if c["contact"]["name"] == customer.name), None)

    conversation = wait_until(find)
    assert conversation is not None
    program.simulator.fail_next_send("whatsapp", 131026)
    body = {"client_id": secrets.token_hex(8), "text": "It is, and waits at the counter for you."}
    path = f"/conversations/{conversation['id']}/messages"
    _api(program, "POST", path, body)
    wait_until(lambda: _api(program, "GET", path)["data"][-1]["status"] == "failed")
    return customer


# Any: the API's JSON.
def _api(program: DemoProgram, method: str, path: str, body: object = None) -> Any:
    token = program.demo["logins"]["agent"]["api_token"]
    request = urllib.request.Request(  # noqa: S310, our own loopback address
        f"{program.url}/api/v1{path}",
        method=method,
        data=None if body is None else json.dumps(body).encode(),
        headers={"Authorization": f"Bearer {token}", "Content-Type": "application/json"},
    )
    with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
        return json.load(response)


def _open(inbox: Inbox, name: str, width: int) -> None:
    if width < 768 and inbox.page.locator("#header-back").is_visible():
        inbox.page.locator("#header-back").click()
    inbox.open(name)
    for image in inbox.page.locator(".message img").all():
        expect(image).not_to_have_js_property("naturalWidth", 0)


def _states(inbox: Inbox, width: int, unlucky: Customer) -> Iterator[str]:
    """Lead the page through its states."""
    yield "inbox"
    _open(inbox, "Priya Raman", width)
    yield "thread"
    if width < 1280:
        inbox.page.locator("#header-contact").click()
        expect(inbox.page.locator("#contact")).to_be_in_viewport(ratio=0.9)
        yield "contact"
        inbox.page.keyboard.press("Escape")
    _open(inbox, "Hannah Cole", width)
    yield "stopped"
    inbox.page.get_by_role("button", name="Why?").click()
    yield "why"
    inbox.page.keyboard.press("Escape")
    _open(inbox, "Tom Whitaker", width)
    yield "closed"
    _open(inbox, unlucky.name, width)
    expect(inbox.page.locator(".tick[data-status=failed]")).to_be_visible()
    yield "failed"
    inbox.page.locator("#rail-inbox" if width >= 768 else "#header-back").click()
    inbox.page.get_by_role("button", name="Resolved").click()
    expect(inbox.page.locator("#roster-empty")).to_be_visible()
    yield "resolved"


def inaccessible(page: Page) -> list[str]:
    page.evaluate(AXE)
    found: list[str] = page.evaluate(_ACCESS)
    return found


def test_the_checker_finds_what_is_wrong(new_page: NewPage) -> None:
    page = new_page()
    page.set_content("<html><body><img src='data:,'><p style='color:#ccc'>Pale</p></body></html>")
    found = " ".join(inaccessible(page))
    assert "image-alt" in found
    assert "color-contrast" in found


def test_the_checker_finds_slight_faults_and_what_lies_under_something(new_page: NewPage) -> None:
    page = new_page()
    page.set_content("""<html lang="en"><title>Under</title><main><h1>Under</h1><h2></h2>
      <p id="pale" style="color: #bbb">Pale</p><p id="dark">Dark</p>
      <section style="position: absolute; inset: 0; background: #eee">Above</section></main>""")
    assert inaccessible(page) == ["empty-heading: h2", "color-contrast: #pale"]


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", SIZES)
def test_every_screen_is_accessible_and_pictured(
    program: DemoProgram,
    open_inbox: OpenInbox,
    new_page: NewPage,
    unlucky: Customer,
    pictures: Path,
    width: int,
    scheme: str,
) -> None:
    # The checker is injected, which the page's own policy would not allow.
    options = {"scheme": scheme, "bypass_csp": True, "reduced_motion": "reduce"}
    page = new_page(width, SIZES[width], **options)
    page.goto(f"{program.url}/login")
    found = {"login": inaccessible(page)}
    page.screenshot(path=pictures / f"login-{width}-{scheme}.png")
    inbox = open_inbox(width=width, height=SIZES[width], **options)
    for state in _states(inbox, width, unlucky):
        found[state] = inaccessible(inbox.page)
        inbox.page.screenshot(path=pictures / f"{state}-{width}-{scheme}.png")
    assert {state: faults for state, faults in found.items() if faults} == {}


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("width", [1440, 390])
def test_the_customers_page_is_accessible_and_pictured(
    program: DemoProgram, new_page: NewPage, pictures: Path, width: int, scheme: str
) -> None:
    page = new_page(width, SIZES[width], scheme=scheme, bypass_csp=True)
    page.goto(program.simulator.url)
    expect(page.locator(".phone--whatsapp .bubble").first).to_be_visible()
    assert inaccessible(page) == []
    page.screenshot(path=pictures / f"customers-{width}-{scheme}.png")


def test_the_pictures_of_the_documentation(
    program: DemoProgram,
    open_inbox: OpenInbox,
    new_page: NewPage,
    pictures: Path,
    request: pytest.FixtureRequest,
) -> None:
    folder: Path = request.config.getoption("--screenshots", None) or pictures / "docs"
    folder.mkdir(parents=True, exist_ok=True)

    def shoot(page: Page, name: str) -> None:
        page.mouse.move(0, 0)
        page.screenshot(path=folder / name, animations="disabled", caret="hide")

    inbox = open_inbox()
    inbox.page.get_by_role("button", name="Hide this line").click()
    _open(inbox, "Priya Raman", 1440)
    inbox.types("A new lid leaves us today with the evening courier, at no cost of course. ")
    shoot(inbox.page, "inbox.png")

    # Hannah's past is from earlier in the day than now: further east that is no longer the night.
    dark = open_inbox(scheme="dark", timezone_id="Asia/Tokyo")
    dark.page.get_by_role("button", name="Hide this line").click()
    _open(dark, "Hannah Cole", 1440)
    dark.page.get_by_role("button", name="Why?").click()
    shoot(dark.page, "dark.png")

    phone = open_inbox(width=390, height=844, device_scale_factor=2, has_touch=True)
    _open(phone, "Maya Ortiz", 390)
    shoot(phone.page, "phone.png")

    customers = new_page()
    customers.goto(program.simulator.url)
    for kind, name in (("whatsapp", "Priya Raman"), ("sms", "Hannah Cole")):
        phone_of = customers.locator(f".phone--{kind}")
        phone_of.locator("select").select_option(label=name)
        expect(phone_of.locator(".screen__name")).to_have_text(name)
    expect(customers.locator(".bubble__image").first).not_to_have_js_property("naturalWidth", 0)
    shoot(customers, "customers.png")


_HALF_SHOWN = """() => {
  const fades = (style) => {
    const names = style.transitionProperty.split(", ");
    const times = style.transitionDuration.split(", ").map(parseFloat);
    const lasts = (at) => times[at % times.length] > 0;
    return names.some((name, at) => ["opacity", "all"].includes(name) && lasts(at));
  };
  const told = (one) => one.id || one.className || one.localName;
  const found = [...document.querySelectorAll("body *")]
    .filter((one) => one.textContent.trim() && fades(getComputedStyle(one)))
    .map((one) => `fades: ${told(one)}`);
  const rules = [...document.styleSheets].flatMap((sheet) => [...sheet.cssRules]);
  for (const moving of rules.filter((rule) => rule instanceof CSSKeyframesRule)) {
    const fades = [...moving.cssRules].some((step) => step.style.opacity);
    if (fades) found.push(`fades: ${moving.name}`);
  }
  return found;
}"""
_MOVING = """() => [...document.querySelectorAll("*")].filter((one) => {
  const { transitionDuration, animationName } = getComputedStyle(one);
  return animationName !== "none" || transitionDuration.split(", ").some((time) => time !== "0s");
}).map((one) => one.id || one.className || one.localName)"""


def _pages(
    program: DemoProgram, open_inbox: OpenInbox, new_page: NewPage, **options: Any
) -> list[Page]:
    """The inbox with a thread open, and the customers' phones."""
    inbox, customers = open_inbox(**options), new_page(**options)
    _open(inbox, "Priya Raman", 1440)
    customers.goto(program.simulator.url)
    expect(customers.locator(".phone--whatsapp .bubble").first).to_be_visible()
    return [inbox.page, customers]


def test_no_text_is_ever_half_transparent(
    program: DemoProgram, open_inbox: OpenInbox, new_page: NewPage
) -> None:
    """Text that fades in is too pale to read on its way, and for whoever looks just then."""
    for page in _pages(program, open_inbox, new_page):
        assert page.evaluate(_HALF_SHOWN) == []


def test_nothing_moves_for_who_asked_for_no_motion(
    program: DemoProgram, open_inbox: OpenInbox, new_page: NewPage
) -> None:
    for page in _pages(program, open_inbox, new_page, reduced_motion="reduce"):
        assert page.evaluate(_MOVING) == []
