"""Writing and reading mail by the API: whom it goes to, what it answers, and its HTML made safe."""

from __future__ import annotations

import base64
import hashlib
import re
from datetime import UTC, datetime
from typing import Any

import pytest

from inbox import drafts
from inbox.domain.consent import ConsentType
from inbox.domain.message import Direction, Status
from inbox.domain.report import Sender
from tests.mailroom import ServedMail
from tests.office import sms, until
from tests.post import MAYA, OURS, a_mail
from tests.system.demo import draw

LEO, ZOE = "leo@example.com", "zoe@example.com"


# -- whom it goes to -------------------------------------------------------------------------------


async def test_an_answer_goes_to_all_but_us_and_into_its_thread(served_mail: ServedMail) -> None:
    first = a_mail(
        to=[OURS, LEO, "help+shop@shop.example"],
        cc=[ZOE],
        reply_address="desk@example.com",
        thread_id="t1",
        references=["root@example.com"],
    )
    await served_mail.arrives(first)

    status, message = await served_mail.writes()

    assert status == 202, message
    mail = message["content"]["mail"]
    assert (mail["to"], mail["cc"], mail["bcc"]) == (["desk@example.com", LEO], [ZOE], [])
    assert mail["subject"] == "Re: A kettle"
    sent = (await served_mail.left())["content"]["mail"]
    assert sent["to"] == ["desk@example.com", LEO]
    assert (sent["in_reply_to"], sent["thread_id"]) == (first["message_id"], "t1")
    assert sent["references"] == ["root@example.com", first["message_id"]]


async def test_the_composer_is_told_whom_it_goes_to(served_mail: ServedMail) -> None:
    await served_mail.arrives(a_mail(cc=[ZOE], subject="AW: Re: A kettle"))
    conversation = await served_mail.office.conversation()
    _, gate = await served_mail.call("GET", f"/conversations/{conversation.id}/gate")
    assert gate["mail"] == {"to": [MAYA], "cc": [ZOE], "subject": "Re: A kettle"}


async def test_an_agent_chooses_recipients_and_subject(served_mail: ServedMail) -> None:
    await served_mail.arrives(a_mail(cc=[ZOE], thread_id="t1"))
    status, _ = await served_mail.writes(to=[MAYA], cc=[], bcc=[LEO.upper()], subject="A cup")
    assert status == 202
    sent = (await served_mail.left())["content"]["mail"]
    assert (sent["to"], sent["cc"], sent["bcc"]) == ([MAYA], [], [LEO])
    # Another subject is another thread to the provider; references stay.
    assert (sent["subject"], sent["thread_id"]) == ("A cup", None)
    assert sent["references"]


async def test_the_next_answer_refers_to_our_own_last_mail(served_mail: ServedMail) -> None:
    first = a_mail()
    await served_mail.arrives(first)
    _, message = await served_mail.writes()
    await served_mail.left()
    await until(lambda: has_left(served_mail, message["id"]))
    await served_mail.writes(text="And another thing.")
    second = (await served_mail.left(2))["content"]["mail"]
    assert second["in_reply_to"] == f"{message['id']}@shop.example"
    assert second["references"] == [first["message_id"], second["in_reply_to"]]
    assert second["to"] == [MAYA]


async def has_left(served: ServedMail, message_id: str) -> bool:
    found = await served.office.stores.database["messages"].find_one({"_id": message_id})
    return found is not None and found["status"] == "sent"


async def test_an_answer_to_the_id_that_the_provider_gave_comes_home(
    served_mail: ServedMail,
) -> None:
    await served_mail.arrives(a_mail())
    _, message = await served_mail.writes()
    await served_mail.left()
    await until(lambda: has_left(served_mail, message["id"]))
    await served_mail.arrives(
        a_mail("Thanks", in_reply_to=f"{message['id']}@shop.example", subject="x")
    )
    assert await served_mail.office.texts() == ["Where is it?", "Thanks"]


async def test_other_threads_of_the_mailbox_are_no_way_around_it(served_mail: ServedMail) -> None:
    await served_mail.arrives(*(a_mail(str(number)) for number in range(3)))
    first, *_ = await served_mail.office.conversations()
    _, gate = await served_mail.call("GET", f"/conversations/{first.id}/gate")
    assert gate["alternatives"] == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"to": ["nobody"]}, "to"),
        ({"cc": ["a@example.com, b@example.com"]}, "cc"),
        ({"bcc": ["a@example.com\r\nX: y"]}, "bcc"),
        ({"to": []}, "to"),
        ({"cc": [f"a{n}@example.com" for n in range(50)]}, "to"),
    ],
)
async def test_an_address_that_is_none_is_refused_by_its_field(
    served_mail: ServedMail, body: dict[str, Any], field: str
) -> None:
    await served_mail.arrives(a_mail())
    status, problem = await served_mail.writes(**body)
    assert (status, problem["errors"][0]["field"]) == (422, field)
    assert served_mail.post_office.sent == []


async def test_other_kinds_have_no_recipients_and_no_subject(served_mail: ServedMail) -> None:
    office = served_mail.office
    entry = await office.journal("sms", sms("Hello"))
    served_mail.context.intake.hand_over(entry)
    await until(office.conversations)
    for body in ({"to": [MAYA]}, {"cc": []}, {"subject": "A cup"}):
        status, problem = await served_mail.writes(**body)
        assert (status, problem["errors"][0]["field"]) == (422, next(iter(body)))


# -- who has opted out -----------------------------------------------------------------------------


async def opts_out(served: ServedMail, address: str) -> None:
    """Somebody whom the ledger knows."""
    office, now = served.office, datetime.now(UTC)
    channel = office.channels["post"]
    sender = Sender(keys=(address,), address=address, handle=address)
    identity, _ = await office.stores.people.create(
        office.workspace_id, channel.id, "post", sender, now
    )
    event = drafts.consent(
        office.stores,
        identity,
        ConsentType.OPT_OUT,
        method="keyword",
        actor="contact",
        at=now,
        recorded_at=now,
        text="STOP",
    )
    await office.stores.ledger.record(event)


async def test_a_further_recipient_who_has_opted_out_gets_nothing(served_mail: ServedMail) -> None:
    await served_mail.arrives(a_mail())
    await opts_out(served_mail, LEO)
    status, problem = await served_mail.writes(cc=[ZOE, LEO])
    assert (status, problem["code"]) == (403, "opted_out")
    assert problem["detail"] == "Address 2 in Cc stopped Post messages. Take it out."
    assert LEO not in str(problem)
    assert (await served_mail.writes(cc=[ZOE]))[0] == 202


@pytest.mark.parametrize(
    ("stopped", "written"),
    [
        ("leo@bücher.example", "leo@xn--bcher-kva.example"),
        ("leo@xn--bcher-kva.example", "Leo@Bücher.example"),
    ],
)
async def test_an_opt_out_holds_however_the_address_is_written(
    served_mail: ServedMail, stopped: str, written: str
) -> None:
    await served_mail.arrives(a_mail())
    await opts_out(served_mail, stopped)
    status, problem = await served_mail.writes(cc=[ZOE, written])
    assert (status, problem["code"]) == (403, "opted_out")
    assert (await served_mail.writes(cc=["leo@other.example", "leo@OTHER.example"]))[0] == 202


async def test_a_further_recipient_who_is_blocked_gets_nothing(served_mail: ServedMail) -> None:
    await served_mail.arrives(a_mail(who=LEO, subject="A cup"))
    (blocked,) = await served_mail.office.conversations()
    stores = served_mail.office.stores
    contact = await stores.people.find_contact(blocked.workspace_id, blocked.contact_id)
    assert contact is not None
    assert await stores.contacts.set_blocked(contact, True, datetime.now(UTC))
    await served_mail.arrives(a_mail())
    to_maya = [one.id for one in await served_mail.office.conversations() if one.id != blocked.id]
    path = f"/conversations/{to_maya[0]}/messages"
    body = {"client_id": "one", "text": "Both of you", "cc": [ZOE, LEO]}
    status, problem = await served_mail.call("POST", path, json=body)
    assert (status, problem["code"]) == (403, "not_allowed")
    assert problem["detail"] == "Address 2 in Cc is blocked. Take it out."
    assert (await served_mail.call("POST", path, json={**body, "cc": [ZOE]}))[0] == 202


async def test_the_gate_is_asked_again_for_a_further_recipient_when_it_is_sent(
    served_mail: ServedMail,
) -> None:
    """Accepted, and then they opted out before it left."""
    await served_mail.arrives(a_mail())
    office = served_mail.office
    await opts_out(served_mail, LEO)
    mail = {"subject": "A cup", "from": OURS, "to": [MAYA], "cc": [LEO], "bcc": []}
    message = await office.accepts("Too late", content={"mail": mail})
    served_mail.context.delivery.wake([message])

    async def failed() -> bool:
        return (await office.again(message)).status == "failed"

    await until(failed)
    found = await office.again(message)
    assert found.failure is not None
    assert found.failure.code == "DENY_OPTED_OUT"
    assert served_mail.post_office.sent == []


# -- unsubscribing ---------------------------------------------------------------------------------


async def unsubscribe_url(served: ServedMail) -> str:
    office = served.office
    return served.context.links.unsubscribe(
        await office.identity(), (await office.conversation()).id
    )


async def test_opening_the_link_changes_nothing(served_mail: ServedMail) -> None:
    await served_mail.arrives(a_mail())
    async with served_mail.session.get(await unsubscribe_url(served_mail)) as answer:
        page = await answer.text()
    assert answer.status == 200
    assert page.count("<button") == 1
    assert "Unsubscribe" in page
    assert await served_mail.office.ledger() == []


@pytest.mark.parametrize("times", [1, 3])
async def test_one_click_ends_promotions_at_once(served_mail: ServedMail, times: int) -> None:
    await served_mail.arrives(a_mail())
    url = await unsubscribe_url(served_mail)
    for _ in range(times):
        async with served_mail.session.post(url, data={"List-Unsubscribe": "One-Click"}) as answer:
            assert answer.status == 200
            assert "set-cookie" not in answer.headers
    assert await served_mail.office.ledger() == ["opt_out"]
    conversation = await served_mail.office.conversation()
    _, gate = await served_mail.call("GET", f"/conversations/{conversation.id}/gate")
    allowed = {name: one["allow"] for name, one in gate["decisions"].items()}
    assert (allowed["reply"], allowed["promotional"]) == (True, False)
    assert gate["decisions"]["promotional"]["code"] == "DENY_OPTED_OUT_PURPOSE"


@pytest.mark.parametrize("body", [{}, {"List-Unsubscribe": "No"}, {"a": "x" * 5000}])
async def test_anything_else_that_is_posted_there_changes_nothing(
    served_mail: ServedMail, body: dict[str, str]
) -> None:
    await served_mail.arrives(a_mail())
    async with served_mail.session.post(await unsubscribe_url(served_mail), data=body) as answer:
        assert answer.status == 422
    assert await served_mail.office.ledger() == []


async def test_a_forged_link_is_nobodys(served_mail: ServedMail) -> None:
    await served_mail.arrives(a_mail())
    url = await unsubscribe_url(served_mail)
    flipped = url[:-6] + ("A" if url[-6] != "A" else "B") + url[-5:]
    for forged in (flipped, url[:-10], f"{served_mail.url}/u/x", f"{served_mail.url}/u/%F0%9F"):
        async with served_mail.session.post(
            forged, data={"List-Unsubscribe": "One-Click"}
        ) as answer:
            assert answer.status == 404
    assert await served_mail.office.ledger() == []


async def test_the_link_says_nothing_of_whom_it_is_of(served_mail: ServedMail) -> None:
    await served_mail.arrives(a_mail())
    token = (await unsubscribe_url(served_mail)).rpartition("/")[2]
    opened = base64.urlsafe_b64decode(token + "=" * (-len(token) % 4))
    assert MAYA.encode() not in opened
    assert (await served_mail.office.conversation()).id.encode() not in opened


# -- the HTML --------------------------------------------------------------------------------------

HOSTILE = """<html><head><style>p{color:red}</style><base href="https://evil.example/"></head>
<body onload="a()"><p style="color:red" class="x" id="y" onclick="b()">Hello <b>Maya</b></p>
<script>alert(1)</script><iframe src="https://evil.example"></iframe><object data=x></object>
<form action="https://evil.example"><input name="password"><button>Go</button></form>
<a href="javascript:alert(1)">one</a><a href="https://example.com/a?b=1">two</a>
<a href="data:text/html,x">three</a><a href="JaVaScRiPt:alert(1)">four</a><a href="/local">five</a>
<svg><script>alert(1)</script></svg><math><mi></mi></math><meta http-equiv="refresh" content="0">
<img src="https://t.example/pixel.gif" onerror="c()"><img src="http://t.example/a.png">
<img src="data:image/svg+xml,<svg onload=alert(1)>">
<img src="cid:kettle@example.com" alt="A kettle">
<img src="cid:unknown@example.com"><table background="https://t.example/b.gif"><tr>
<td bgcolor="red" colspan="2" style="background:url(https://t.example/c.gif)">Cell</td></tr></table>
<!-- <script> --><noscript><p title="</noscript><img src=x onerror=alert(1)>"></noscript></body>
</html>"""


async def page_of(served: ServedMail, query: str = "", **more: Any) -> tuple[str, str]:
    """(body, content-security-policy) of the mail's page."""
    picture = {
        "ref": base64.b64encode(draw()).decode(),
        "kind": "image",
        "mime": "image/png",
        "name": "kettle.png",
        "content_id": "kettle@example.com",
    }
    await served.arrives(a_mail(html=HOSTILE, media=[picture], **more))
    (message,) = await served.office.thread()

    async def fetched() -> bool:
        return (await served.office.again(message)).attachments[0].state == "ready"

    await until(fetched)
    answer = await served.gets(f"/messages/{message.id}/html{query}")
    assert answer.status == 200
    return await answer.text(), answer.headers["content-security-policy"]


async def test_of_a_hostile_mail_words_and_structure_are_left(served_mail: ServedMail) -> None:
    page, policy = await page_of(served_mail)
    body = page.partition("<body")[2]
    assert "Hello <b>Maya</b>" in body
    assert "Cell</td>" in body
    for bad in (
        *("script", "onclick", "onload", "onerror", "style=", "class=", "id=", "<form", "<input"),
        *("iframe", "<object", "<svg", "<math", "<meta", "<base", "javascript", "alert", "bgcolor"),
        *("t.example", "evil.example", "/local", "data:text", "svg+xml", "<!--", "refresh"),
    ):
        assert bad not in body.lower().replace('target="_blank" rel="noopener', ""), bad
    assert "script-src" not in policy
    assert "unsafe" not in policy
    assert policy.startswith(
        "sandbox allow-popups allow-popups-to-escape-sandbox; default-src 'none'"
    )
    assert "allow-scripts" not in policy
    assert "allow-same-origin" not in policy


async def test_links_open_elsewhere_and_know_nothing_of_us(served_mail: ServedMail) -> None:
    page, _ = await page_of(served_mail)
    links = re.findall(r"<a [^>]*>", page)
    hrefs = [link for link in links if "href" in link]
    assert len(hrefs) == 1
    assert 'href="https://example.com/a?b=1"' in hrefs[0]
    assert 'rel="noopener noreferrer nofollow"' in hrefs[0]
    assert 'target="_blank"' in hrefs[0]


async def test_a_picture_inside_of_the_mail_is_shown(served_mail: ServedMail) -> None:
    page, policy = await page_of(served_mail)
    assert re.search(r'<img src="data:image/png;base64,[A-Za-z0-9+/=]+" alt="A kettle">', page)
    assert page.count("data:image") == 1
    assert "img-src data:;" in policy


async def test_pictures_from_elsewhere_are_shown_when_asked_for(served_mail: ServedMail) -> None:
    page, policy = await page_of(served_mail, "?images=1")
    assert '<img src="https://t.example/pixel.gif">' in page
    assert "http://t.example" not in page
    assert "img-src data: https:;" in policy


async def test_the_style_of_the_page_is_the_one_that_its_policy_names(
    served_mail: ServedMail,
) -> None:
    page, policy = await page_of(served_mail, "?theme=dark")
    style = page.partition("<style>")[2].partition("</style>")[0]
    digest = base64.b64encode(hashlib.sha256(style.encode()).digest()).decode()
    assert f"style-src 'sha256-{digest}'" in policy
    assert '<meta name="color-scheme" content="dark">' in page


async def test_a_message_without_html_has_no_page(served_mail: ServedMail) -> None:
    await served_mail.arrives(a_mail())
    (message,) = await served_mail.office.thread()
    assert (await served_mail.gets(f"/messages/{message.id}/html")).status == 404
    assert (await served_mail.gets("/messages/msg_nobody/html")).status == 404


async def test_nobody_sees_the_page_without_signing_in(served_mail: ServedMail) -> None:
    await page_of(served_mail)
    (message,) = await served_mail.office.thread()
    url = f"{served_mail.url}/api/v1/messages/{message.id}/html"
    async with served_mail.session.get(url) as answer:
        assert answer.status == 401


async def test_a_conversation_has_the_subject_of_its_first_mail(served_mail: ServedMail) -> None:
    await served_mail.arrives(a_mail(subject="A kettle"))
    _, found = await served_mail.call("GET", "/conversations")
    assert [one["subject"] for one in found["data"]] == ["A kettle"]
    (message,) = await served_mail.office.thread()
    assert message.direction is Direction.INBOUND
    _, page = await served_mail.call("GET", f"/conversations/{message.conversation_id}/messages")
    shown = page["data"][0]["content"]["mail"]
    assert "references" not in shown
    assert (shown["subject"], shown["from"], shown["has_html"]) == ("A kettle", MAYA, False)


async def test_a_stop_that_comes_while_a_mail_is_made_ready_is_heeded(
    served_mail: ServedMail,
) -> None:
    post_office = served_mail.post_office
    await served_mail.arrives(a_mail())
    post_office.opened.clear()
    status, sent = await served_mail.writes()
    assert status == 202

    async def waits() -> bool:
        return post_office.readied == 1

    await until(waits)
    await opts_out(served_mail, MAYA)
    post_office.opened.set()
    queued = await served_mail.context.stores.messages.find(
        served_mail.office.workspace_id, sent["id"]
    )
    assert queued is not None
    failed = await served_mail.office.reaches(queued, Status.FAILED)
    assert failed.failure is not None
    assert failed.failure.code == "DENY_OPTED_OUT"
    assert not [one for one in post_office.sent if one["id"] == sent["id"]]
