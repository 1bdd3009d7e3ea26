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

from tests.journeys.access import SIZES, inaccessible, looked_at
from tests.journeys.conftest import NewPage, OpenInbox
from tests.journeys.program import Customer, DemoProgram, wait_until
from tests.journeys.screens import PICTURE, Inbox

# The checker is injected, which the page's own policy would not allow.
_CHECKED = {"bypass_csp": True, "reduced_motion": "reduce"}
PDF = b"%PDF-1.4\n%%EOF\n"
# A page that scrolls sideways, and text that runs out of its bubble.
_TOO_WIDE = """() => {
  const wide = document.documentElement.scrollWidth > innerWidth ? ["page"] : [];
  const out = [...document.querySelectorAll(".bubble, .contact__section, .same, .card, .panel")]
    .filter((one) => one.scrollWidth > one.clientWidth + 1);
  return [...wide, ...out.map((one) => one.className)].map((one) => `too wide: ${one}`);
}"""


@pytest.fixture(scope="module")
def unlucky(program: DemoProgram) -> Customer:
    """Somebody to whom our answer could not be delivered."""
    customer = program.simulator.customer("Emil Novak")
    program.simulator.write("whatsapp", program.account("whatsapp"), customer, "Is it here?")

    def find() -> dict[str, Any] | None:
        found = _api(program, "GET", "/conversations")["data"]
        return next(
            (c for c in found if c["contact"]["name"] == customer.name and c["last_message"]), None
        )

    conversation = wait_until(find)
    assert conversation is not None
    program.simulator.fail_next_send("whatsapp", 131026)
    body = {"client_id": secrets.token_hex(8), "text": "It is, and waits at the counter for you."}
    path = f"/conversations/{conversation['id']}/messages"
    _api(program, "POST", path, body)
    wait_until(lambda: _api(program, "GET", path)["data"][-1]["status"] == "failed")
    return customer


@pytest.fixture(scope="module")
def twice(program: DemoProgram) -> Customer:
    """Somebody with a long name of both directions who is on two channels, with one number."""
    customer = program.simulator.customer(
        "Wilhelmina-Charlotte van den Heuvel-Østergård · ליאה אבן"
    )
    for kind in ("sms", "whatsapp"):
        program.simulator.write(kind, program.account(kind), customer, f"Hello by {kind}")
    return customer


@pytest.fixture(scope="module")
def correspondent(program: DemoProgram) -> Customer:
    """Somebody whose mail has a form of its own, a copy to others, and a picture from elsewhere."""
    customer = program.simulator.customer("Clara Voss", email="clara.voss@example.com")
    program.simulator.write(
        "gmail",
        program.account("gmail"),
        customer,
        "Your quotation 2251\n\nForty kettles, green.",
        subject="Quotation 2251 for forty green kettles, engraved on the lid, by the 4th",
        html="<h1>Quotation 2251</h1><table><tr><td>Forty kettles</td><td>green</td></tr></table>"
        "<p><img src='https://example.com/seen.png' alt=''>Kind regards, Clara</p>",
        cc=["buying@example.com", "office@example.com"],
    )
    return customer


@pytest.fixture(scope="module")
def begun(program: DemoProgram) -> str:
    """The id of a channel that an admin began to connect."""
    begun = _api(program, "POST", "/channels", {"kind": "whatsapp"}, who="admin")
    return str(begun["id"])


# Any: the API's JSON.
def _api(
    program: DemoProgram, method: str, path: str, body: object = None, *, who: str = "agent"
) -> Any:
    token = program.demo["logins"][who]["api_token"]
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


def _writing_states(inbox: Inbox, width: int, twice: Customer, mail: Customer) -> Iterator[str]:
    """What stands beside the words: templates, files, recipients, mails, a second contact."""
    page = inbox.page
    _open(inbox, "Tom Whitaker", width)
    page.get_by_role("button", name="Use a template").click()
    picker = page.get_by_role("dialog", name="Send a template to Tom")
    expect(picker.locator(".pick").first).to_be_visible()
    yield "templates"
    picker.locator(".pick").first.click()
    expect(picker.get_by_label("Blank 1")).to_be_visible()
    yield "template"
    page.keyboard.press("Escape")
    _open(inbox, "Maya Ortiz", width)
    page.get_by_role("button", name="Send something else").click()
    yield "more"
    page.keyboard.press("Escape")
    inbox.chooses_files(PICTURE, {"name": "a.pdf", "mimeType": "application/pdf", "buffer": PDF})
    expect(page.locator(".upload")).to_have_count(2)
    yield "files"
    _open(inbox, mail.name, width)
    page.get_by_role("button", name="Show formatted").click()
    expect(page.frame_locator(".mail__frame").get_by_text("Forty kettles")).to_be_visible()
    yield "mail"
    page.locator(".composer__mail").get_by_role("button", name="Change").click()
    yield "recipients"
    _open(inbox, twice.name, width)
    if width < 1280:
        page.locator("#header-contact").click()
    expect(page.get_by_role("region", name="Also on SMS?")).to_be_visible()
    yield "suggestion"


def _contacts_states(program: DemoProgram, page: Page, twice: Customer) -> Iterator[str]:
    page.goto(f"{program.url}/contacts")
    expect(page.locator(".listed").first).to_be_visible()
    yield "contacts"
    page.locator(".listed").filter(has_text=twice.name).first.click()
    expect(page.locator("#detail .contact__note")).to_be_visible()
    yield "contact-page"


def _channels_states(program: DemoProgram, page: Page, begun: str) -> Iterator[str]:
    channels = f"{program.url}/settings/channels"
    page.goto(channels)
    expect(page.locator(".card").first).to_be_visible()
    yield "channels"
    page.goto(f"{channels}/new")
    expect(page.locator(".tile").first).to_be_enabled()
    yield "channel-new"
    page.goto(f"{channels}/{begun}/set-up")
    page.get_by_role("button", name="I have these").click()
    expect(page.locator("#field-phone_number_id")).to_be_visible()
    yield "channel-set-up"
    page.goto(f"{channels}/{program.demo['channels']['whatsapp']['id']}")
    expect(page.get_by_role("button", name="Check and save")).to_be_enabled()
    yield "channel"


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


@pytest.mark.parametrize("width", SIZES)
def test_every_screen_is_accessible_and_pictured(
    program: DemoProgram,
    open_inbox: OpenInbox,
    new_page: NewPage,
    unlucky: Customer,
    pictures: Path,
    width: int,
) -> None:
    page = new_page(width, SIZES[width], **_CHECKED)
    page.goto(f"{program.url}/login")
    found = {"login": looked_at(page, pictures, f"login-{width}")}
    inbox = open_inbox(width=width, height=SIZES[width], **_CHECKED)
    for state in _states(inbox, width, unlucky):
        found[state] = looked_at(inbox.page, pictures, f"{state}-{width}")
    assert {state: faults for state, faults in found.items() if faults} == {}


@pytest.mark.timeout(120)
@pytest.mark.parametrize("width", SIZES)
def test_what_stands_beside_the_words_is_accessible_and_pictured(
    program: DemoProgram,
    open_inbox: OpenInbox,
    twice: Customer,
    correspondent: Customer,
    begun: str,
    pictures: Path,
    width: int,
) -> None:
    inbox = open_inbox(width=width, height=SIZES[width], **_CHECKED)
    admin = open_inbox("Ada Lind", width=width, height=SIZES[width], **_CHECKED).page
    states = (
        (inbox.page, _writing_states(inbox, width, twice, correspondent)),
        (inbox.page, _contacts_states(program, inbox.page, twice)),
        (admin, _channels_states(program, admin, begun)),
    )
    found = {}
    for page, name in ((page, name) for page, names in states for name in names):
        found[name] = looked_at(page, pictures, f"{name}-{width}") + page.evaluate(_TOO_WIDE)
    assert {state: faults for state, faults in found.items() if faults} == {}


@pytest.mark.parametrize("width", SIZES)
def test_the_customers_page_is_accessible_and_pictured(
    program: DemoProgram, new_page: NewPage, pictures: Path, width: int
) -> None:
    page = new_page(width, SIZES[width], **_CHECKED)
    page.goto(program.simulator.url)
    expect(page.locator(".phone--whatsapp .bubble").first).to_be_visible()
    assert looked_at(page, pictures, f"customers-{width}") == []
    page.get_by_text("Make something go wrong").click()
    assert looked_at(page, pictures, f"faults-{width}") == []


def _maya_writes_a_text_message(program: DemoProgram) -> None:
    body = {"customer_id": "maya", "text": "Maya here. Did you find my door number?"}
    program.simulator.call("POST", f"/accounts/sms/{program.account('sms')}/messages", body)

    def known() -> bool:
        found = _api(program, "GET", "/contacts?q=maya")["data"]
        return any(_api(program, "GET", f"/contacts/{c['id']}/suggestions")["data"] for c in found)

    wait_until(known)


def _begins_to_connect(program: DemoProgram, page: Page) -> None:
    """A WhatsApp number whose credentials the provider finds right, but for the last."""
    number, business, secret = "200000000000081", "100000000000081", secrets.token_hex(16)
    account = {
        "name": "Harbour Outlet",
        "display_phone_number": "+1 555 0181",
        "business_account_id": business,
        "access_token": secrets.token_hex(24),
        "app_secret": secret,
        "webhook_url": "http://127.0.0.1:1/",
        "verify_token": "none",
    }
    program.simulator.call("PUT", f"/accounts/whatsapp/{number}", account)
    page.goto(f"{program.url}/settings/channels/new")
    page.get_by_role("button", name="WhatsApp").click()
    page.get_by_role("button", name="I have these").click()
    page.locator("#field-phone_number_id").fill(number)
    page.locator("#field-business_account_id").fill(business)
    page.locator("#field-access_token").fill(account["access_token"])
    for name in ("phone_number_id", "business_account_id", "access_token"):
        place = page.locator(f".credential[data-name={name}]")
        expect(place).to_have_attribute("data-state", "ok")


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

    _open(inbox, "Ingrid Solberg", 1440)
    inbox.page.locator(".composer__mail").get_by_role("button", name="Change").click()
    inbox.page.get_by_label("Add to Cc").fill("orders@harbour.example")
    inbox.page.keyboard.press("Enter")
    inbox.types("Dear Ingrid, of course: thirty days it is. The offer is attached. ")
    shoot(inbox.page, "mail.png")

    _open(inbox, "Tom Whitaker", 1440)
    inbox.page.get_by_role("button", name="Use a template").click()
    picker = inbox.page.get_by_role("dialog", name="Send a template to Tom")
    picker.locator(".pick", has_text="Repair ready").click()
    for blank, words in (("Product", "Harbour No. 4"), ("Day", "Saturday")):
        picker.get_by_label(blank).fill(words)
    picker.locator("input[type=file]").set_input_files(PICTURE)
    expect(picker.get_by_role("button", name="Send this template")).to_be_enabled()
    shoot(inbox.page, "templates.png")

    _maya_writes_a_text_message(program)
    inbox.page.goto(f"{program.url}/contacts")
    inbox.page.locator(".listed", has_text="Maya Ortiz").click()
    expect(inbox.page.get_by_role("region", name="Also on SMS?")).to_be_visible()
    shoot(inbox.page, "contacts.png")

    # Hannah's past is from earlier in the day than now: further east that is no longer the night.
    dark = open_inbox(scheme="dark", timezone_id="Asia/Tokyo")
    dark.page.get_by_role("button", name="Hide this line").click()
    _open(dark, "Hannah Cole", 1440)
    dark.page.get_by_role("button", name="Why?").click()
    shoot(dark.page, "dark.png")

    phone = open_inbox(width=390, height=844, device_scale_factor=2, has_touch=True)
    _open(phone, "Maya Ortiz", 390)
    shoot(phone.page, "phone.png")

    customers = new_page(1440, 720)
    customers.goto(program.simulator.url)
    for kind, name in (("whatsapp", "Priya Raman"), ("sms", "Hannah Cole")):
        phone_of = customers.locator(f".phone--{kind}")
        phone_of.locator("select").select_option(label=name)
        expect(phone_of.locator(".screen__name")).to_have_text(name)
    expect(customers.locator(".bubble__image").first).not_to_have_js_property("naturalWidth", 0)
    shoot(customers, "customers.png")

    admin = open_inbox("Ada Lind").page
    _begins_to_connect(program, admin)
    shoot(admin, "connecting.png")


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
