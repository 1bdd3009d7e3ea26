"""Mail as people see it: a conversation of ten mails watched live, formatted mail that can do
nothing, answers to all, files both ways, and what comes back when nobody is there."""

from __future__ import annotations

import base64
import re
import secrets
from email.message import EmailMessage
from email.policy import SMTP
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, Route, expect

from connectors.simulator.pictures import draw
from tests.journeys.access import SIZES, looked_at
from tests.journeys.conftest import OpenInbox, TakePhone
from tests.journeys.program import Customer, DemoProgram, wait_until
from tests.journeys.screens import Inbox

HOSTILE = """<html><head><style>body{background:url(https://tracker.example.net/style.png)}</style>
<script>parent.document.title = "taken"; alert(1)</script>
<meta http-equiv="refresh" content="0;url=https://tracker.example.net/away">
<base href="https://tracker.example.net/"><link rel="stylesheet" href="https://tracker.example.net/a.css">
</head><body onload="alert(2)"><h1>Two: spring offers</h1>
<p>Dear friend, <b>see</b> <a href="https://shop.example.com/x">our shop</a> or
<a href="javascript:alert(3)">nothing</a>.</p>
<img src="https://tracker.example.net/pixel.png" alt="A green kettle">
<img src="x" onerror="alert(4)"><svg onload="alert(5)"></svg>
<iframe src="https://tracker.example.net/frame"></iframe>
<form action="https://tracker.example.net/form"><input name="password"><button>Go</button></form>
<table><tr><th>Kettle</th><th>Price</th></tr><tr><td>Pilot</td><td>49</td></tr></table>
</body></html>"""


class Mailbox:
    """The shop's mailbox at the provider, and one person who writes to it."""

    def __init__(self, program: DemoProgram, name: str) -> None:
        self._simulator = program.simulator
        self.address = program.account("gmail")
        self.who = f"cu_{secrets.token_hex(4)}"
        self.name = name
        self.writer = f"{name.lower().replace(' ', '.')}@example.com"
        self._simulator.call("PUT", f"/customers/{self.who}", {"name": name, "email": self.writer})

    @property
    def customer(self) -> Customer:
        return Customer(id=self.who, name=self.name, phone="")

    def writes(self, text: str, **more: Any) -> str:
        body = {"customer_id": self.who, "text": text, **more}
        path = f"/accounts/gmail/{self.address}/messages"
        written = self._simulator.call("POST", path, body)
        # Google tells of a mailbox once a second; what comes between is found all the same.
        assert written["status"] in ("delivered", "waiting"), written
        provider_id: str = written["provider_id"]
        return provider_id

    def thread(self) -> list[dict[str, Any]]:
        path = f"/accounts/gmail/{self.address}/threads/{self.who}"
        messages: list[dict[str, Any]] = self._simulator.call("GET", path)["messages"]
        return messages

    def arrived(self, text: str) -> dict[str, Any]:
        """The answer of ours with this text, once the customer has it."""
        return (
            wait_until(
                lambda: next((one for one in self.thread() if one["text"].startswith(text)), None)
            )
            or {}
        )

    def mail_id(self, provider_id: str) -> str:
        (found,) = [one for one in self.thread() if one["id"] == provider_id]
        mail_id: str = found["details"]["mail_id"]
        return mail_id

    def gets(self, sender: str, text: str, **headers: str) -> None:
        """A mail as it is, of anybody."""
        letter = EmailMessage(policy=SMTP)
        letter["From"], letter["To"] = sender, self.address
        letter["Message-ID"] = f"<{secrets.token_hex(8)}@mail.example.com>"
        for name, value in headers.items():
            letter[name.replace("_", "-")] = value
        letter.set_content(text)
        mail = {"raw": base64.b64encode(letter.as_bytes()).decode()}
        self._simulator.call("POST", f"/gmail/{self.address}/mails", {"mails": [mail]})


def answers(inbox: Inbox, text: str) -> None:
    """Type it and send it: in a mail the Enter key begins a line."""
    inbox.types(text)
    expect(inbox.page.locator("#composer-send")).to_be_enabled()
    inbox.page.keyboard.press("Control+Enter")


def a_file(name: str, mime: str, content: bytes) -> dict[str, str]:
    return {"name": name, "mime": mime, "content": base64.b64encode(content).decode()}


def counting(page: Page) -> list[str]:
    """What is asked for at a stranger's address, which exists for this browser alone."""
    asked: list[str] = []

    def answer(route: Route) -> None:
        asked.append(route.request.url)
        route.fulfill(status=200, content_type="image/png", body=draw("kettle"))

    page.context.route("https://*.example.net/**", answer)
    return asked


SHORT = {
    "a line": ("Thank you!", "<div>Thank you!</div>"),
    "a greeting": (
        "Hello,\n\nis it here yet?\n\nMaya",
        "<p>Hello,</p><p>is it <b>here</b> yet?</p><p>Maya</p>",
    ),
    "some lines": (
        "The lid is loose and the handle turns, which it did not do when it came. " * 6,
        f"<p>{'The lid is loose and the handle turns, which it did not do when it came. ' * 6}</p>",
    ),
    "one with a pixel": (
        "Seen.\n\nClara",
        "<p>Seen.</p><p>Clara<img src='https://tracker.example.net/p.png' alt=''></p>",
    ),
}


@pytest.mark.parametrize(("width", "scheme"), [(1440, "light"), (390, "dark")])
def test_a_short_formatted_mail_fills_its_frame(
    program: DemoProgram, open_inbox: OpenInbox, pictures: Path, width: int, scheme: str
) -> None:
    names = [f"Short {number} {width}" for number in range(len(SHORT))]
    for name, (subject, (text, html)) in zip(names, SHORT.items(), strict=True):
        Mailbox(program, name).writes(text, subject=subject, html=html)
    inbox = open_inbox(width=width, height=SIZES[width], scheme=scheme)
    for name, subject in zip(names, SHORT, strict=True):
        if width < 768 and inbox.page.locator("#header-back").is_visible():
            inbox.page.locator("#header-back").click()
        inbox.open(name)
        inbox.page.get_by_role("button", name="Show formatted").click()
        body = inbox.page.frame_locator(".mail__frame").locator("body")
        expect(body).to_be_visible()
        inbox.page.screenshot(path=pictures / f"short_mail_{subject}_{width}_{scheme}.png")
        words, frame = body.bounding_box(), inbox.page.locator(".mail__frame").bounding_box()
        assert words is not None
        assert frame is not None
        assert words["height"] <= frame["height"] + 1, subject
        assert frame["height"] - words["height"] <= 48, subject
    inbox.page.get_by_role("button", name="Make it taller").click()
    taller = inbox.page.locator(".mail__frame").bounding_box()
    assert taller is not None
    assert taller["height"] > SIZES[width] * 0.7
    inbox.page.get_by_role("button", name="Make it smaller").click()
    smaller = inbox.page.locator(".mail__frame").bounding_box()
    assert smaller is not None
    assert smaller["height"] < 400


def test_a_conversation_of_ten_mails_comes_live(
    program: DemoProgram, open_inbox: OpenInbox, take_phone: TakePhone
) -> None:
    mailbox = Mailbox(program, "Tess Mailer")
    inbox = open_inbox()
    page = inbox.page
    asked = counting(page)
    inbox.marks_this_document()

    mailbox.writes("One: do you engrave?", subject="A kettle for our office")
    inbox.open("Tess Mailer")
    expect(page.locator("#header-subject")).to_have_text("A kettle for our office")
    expect(inbox.gate).to_contain_text("You may reply")

    mailbox.writes("Two: spring offers", html=HOSTILE)
    two = inbox.message("Two: spring offers")
    expect(two).to_have_count(1)
    two.get_by_role("button", name="Show formatted").click()
    frame = two.frame_locator("iframe")
    expect(frame.get_by_role("heading")).to_have_text("Two: spring offers")
    expect(frame.locator("script, iframe, form, input, svg, style + style")).to_have_count(0)
    expect(frame.get_by_role("link")).to_have_count(1)
    assert "allow-scripts" not in (two.locator("iframe").get_attribute("sandbox") or "")
    assert asked == []
    with page.expect_response("https://tracker.example.net/pixel.png"):
        two.get_by_role("button", name="Show pictures").click()
    expect(two.get_by_role("button", name="Show pictures")).to_have_count(0)
    assert asked == ["https://tracker.example.net/pixel.png"]
    two.get_by_role("button", name="Show as text").click()
    expect(two.locator("iframe")).to_have_count(0)

    note = a_file("engraving.txt", "text/plain", b"Harbour No. 4")
    mailbox.writes("Three: see the file", cc=["colleague@example.org"], files=[note])
    three = inbox.message("Three: see the file")
    expect(three).to_contain_text("engraving.txt")
    expect(three).to_contain_text("Cc colleague@example.org")

    expect(page.locator("#composer-mail-line")).to_contain_text("colleague@example.org")
    answers(inbox, "Four: we do.")
    answer = mailbox.arrived("Four: we do.")
    assert answer["details"]["subject"] == "Re: A kettle for our office"
    assert answer["details"]["cc"] == "colleague@example.org"
    expect(inbox.message("Four: we do.").locator(".tick")).to_have_attribute("data-status", "sent")

    mailbox.writes("Five: in gold?", reply_to=answer["id"])
    five = inbox.message("Five: in gold?")
    expect(five).not_to_contain_text("> Four: we do.")
    five.get_by_role("button", name="Show what is quoted").click()
    expect(five).to_contain_text("> Four: we do.")
    five.get_by_role("button", name="Hide what is quoted").click()
    expect(five).not_to_contain_text("> Four: we do.")

    known = mailbox.mail_id(answer["id"])
    away = {"Subject": "Automatic reply: A kettle", "Auto_Submitted": "auto-replied"}
    mailbox.gets(f"Tess Mailer <{mailbox.writer}>", "Six: I am away.", In_Reply_To=known, **away)
    expect(inbox.message("Six: I am away.")).to_contain_text("Sent automatically")

    mailbox.gets(
        "Jon Colleague <colleague@example.org>",
        "Seven: I would like one, too.",
        In_Reply_To=known,
        Subject="Re: A kettle for our office",
        Cc=mailbox.writer,
    )
    expect(inbox.message("Seven: I would like one, too.")).to_contain_text("colleague@example.org")
    expect(page.locator("#thread-list")).to_contain_text("Jon Colleague")
    expect(page.locator("#thread-list")).to_contain_text("joined this conversation")

    inbox.chooses_file(
        {"name": "offer.pdf", "mimeType": "application/pdf", "buffer": b"%PDF-1.4\n"}
    )
    expect(page.locator("#composer-mail-line")).to_contain_text(
        f"To colleague@example.org · Cc {mailbox.writer}"
    )
    answers(inbox, "Eight: the offer.")
    offer = mailbox.arrived("Eight: the offer.")
    names = [one["name"] for one in offer["media"]]
    assert "offer.pdf" in names

    mailbox.writes("Nine: <b>not bold</b> 👍 مرحبا")
    expect(inbox.message("Nine: <b>not bold</b> 👍 مرحبا")).to_have_count(1)

    match = {"kind": "gmail", "operation": "status"}
    program.simulator.call("POST", "/faults", {"match": match, "fault": {"fail_code": 550}})
    answers(inbox, "Ten: and it comes back.")
    ten = inbox.message("Ten: and it comes back.")
    expect(ten).to_contain_text("Not sent")

    words = ["One", "Two", "Three", "Four", "Five", "Six", "Seven", "Eight", "Nine", "Ten"]
    numbers = re.compile(rf"\b({'|'.join(words)}):")
    assert numbers.findall("\n".join(inbox.messages.all_inner_texts())) == words
    assert inbox.was_never_reloaded()
    before = inbox.messages.count()
    page.reload()
    expect(inbox.messages).to_have_count(before)

    mailbox.writes("Eleven: about lids.", subject="Lids")
    rows = page.locator(".row", has=page.get_by_text("Tess Mailer", exact=True))
    expect(rows).to_have_count(2)
    expect(rows.filter(has_text="Lids")).to_have_count(1)


@pytest.mark.parametrize("width", SIZES)
def test_mail_is_accessible_at_every_size(
    program: DemoProgram, open_inbox: OpenInbox, pictures: Path, width: int
) -> None:
    mailbox = Mailbox(program, f"Ida Lund {width}")
    mailbox.writes("Hello", subject="A long subject " * 8, cc=["a@example.org", "b@example.org"])
    mailbox.writes("Two: spring offers", html=HOSTILE)
    # The checker is injected, which the page's own policy would not allow.
    options = {"width": width, "height": SIZES[width], "bypass_csp": True}
    inbox: Inbox = open_inbox(**options, reduced_motion="reduce")
    page = inbox.page
    counting(page)
    inbox.open(mailbox.name)
    two = inbox.message("Two: spring offers")
    two.get_by_role("button", name="Show formatted").click()
    expect(two.frame_locator("iframe").get_by_role("heading")).to_be_visible()
    expect(two.get_by_role("button", name="Show as text")).to_be_focused()
    # Past its only link a keyboard is on the mail itself, which it can scroll.
    for _ in range(3):
        page.keyboard.press("Shift+Tab")
    expect(two.locator("iframe")).to_be_focused()
    page.keyboard.press("ArrowDown")
    page.get_by_role("button", name="Change").click()
    expect(page.get_by_label("Subject")).to_be_visible()
    # The checker looks into a frame by running in it, and in this one nothing runs.
    assert looked_at(page, pictures, f"mail-{width}") == []
    assert not page.evaluate("document.documentElement.scrollWidth > innerWidth")
    page.get_by_role("button", name=f"Remove {mailbox.writer}").press("Enter")
    expect(page.get_by_label("Add to To")).to_be_focused()
    page.keyboard.press("Escape")
    expect(page.get_by_role("button", name="Change")).to_be_focused()
    expect(page.get_by_label("Subject")).to_be_hidden()
