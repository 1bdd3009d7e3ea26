"""Sending a mail: what is written, what Gmail's answers mean, and that nothing is sent twice."""

from __future__ import annotations

import json
from dataclasses import replace
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

import pytest

from connectors.gmail import Gmail
from inbox.domain.abilities import MakesReady
from inbox.domain.channel import Channel, OutboundFile, OutboundMessage, Sent
from inbox.domain.errors import AccountTrouble, OutcomeUnknown, Permanent, Temporary
from inbox.domain.ids import AttachmentId, MessageId
from tests.connectors.conftest import Provider, Reply
from tests.connectors.gmail.conftest import ME, Edge, body, error, token
from tests.connectors.people import MESSAGE_ID, gmail_channel, outbound, payload, permit_for

STATUS_URL = "https://inbox.example.com/webhooks/gmail/chn_gmail?message=1"
OUR_ID = f"{MESSAGE_ID}@inbox.example.com"
SENT = {"id": "18c1a0000000a009", "threadId": "18c1a0000000a000", "labelIds": ["SENT"]}


def mail_message(
    text: str = "It is ready.", files: tuple[OutboundFile, ...] = (), **mail: Any
) -> OutboundMessage:
    content = {"mail": mail} if mail else None
    return outbound(gmail_channel(), text, files=files, content=content, status_url=STATUS_URL)


def attached(name: str = "kettle.png", mime: str = "image/png", size: int = 2000) -> OutboundFile:
    return OutboundFile(
        id=AttachmentId("att_1"),
        kind="document",
        mime=mime,
        name=name,
        content=b"\x89PNG" + b"." * size,
        url="https://inbox.example.com/files/att_1",
    )


async def deliver(connector: Gmail, message: OutboundMessage) -> Sent:
    return await connector.send(message, permit_for(message))


async def written(connector: Gmail, edge: Edge, message: OutboundMessage) -> EmailMessage:
    """The mail as a mail program reads it."""
    edge.gives_tokens()
    edge.answers("POST", "/messages/send", body(SENT))
    await deliver(connector, message)
    mail = message_from_bytes(edge.sent()[0]["mail"], policy=policy.default)
    assert isinstance(mail, EmailMessage)
    return mail


async def test_a_first_mail_has_what_a_mail_needs(connector: Gmail, edge: Edge) -> None:
    mail = await written(connector, edge, mail_message("Grüße 👍", subject="Your kettle"))
    assert mail["From"] == "support@example.com"
    assert mail["To"] == "maya@example.com"
    assert mail["Subject"] == "Your kettle"
    assert mail["Message-ID"] == f"<{OUR_ID}>"
    assert mail["X-Inbox-Loop"] == "inbox.example.com"
    assert mail["Date"].datetime.tzinfo is not None
    assert mail["MIME-Version"] == "1.0"
    assert (mail["In-Reply-To"], mail["References"], mail["Auto-Submitted"]) == (None, None, None)
    assert mail.get_content().splitlines() == ["Grüße 👍"]
    assert "threadId" not in edge.sent()[0]


TOKEN = "0123456789abcdef" * 2


@pytest.mark.parametrize(
    ("token", "mail_id"),
    [
        (TOKEN, f"{MESSAGE_ID}.{TOKEN}@inbox.example.com"),
        ("a>\r\nBcc: eve@example.com", OUR_ID),
        (1, OUR_ID),
    ],
)
async def test_our_message_ids_hold_what_nobody_can_guess_w11(
    connector: Gmail, edge: Edge, token: object, mail_id: str
) -> None:
    mail = await written(connector, edge, mail_message(token=token))
    assert (mail["Message-ID"], mail["Bcc"]) == (f"<{mail_id}>", None)


async def test_an_answer_carries_all_three_that_join_a_thread(connector: Gmail, edge: Edge) -> None:
    message = mail_message(
        subject="Re: Order 1042",
        in_reply_to="m02@mail.example.org",
        references=["m01@mail.example.org", "<out-1@inbox.example.com>"],
        thread_id="18c1a0000000a000",
    )
    mail = await written(connector, edge, message)
    assert edge.sent()[0]["threadId"] == "18c1a0000000a000"
    assert mail["Subject"] == "Re: Order 1042"
    assert mail["In-Reply-To"] == "<m02@mail.example.org>"
    assert mail["References"].split() == [
        "<m01@mail.example.org>",
        "<out-1@inbox.example.com>",
        "<m02@mail.example.org>",
    ]


async def test_many_references_are_cut_in_the_middle(connector: Gmail, edge: Edge) -> None:
    references = [f"{'x' * 180}{n}@mail.example.org" for n in range(60)]
    message = mail_message(references=references, in_reply_to=references[-1])
    mail = await written(connector, edge, message)
    kept = [one.strip("<>") for one in mail["References"].split()]
    assert kept == [references[0], *references[-19:]]
    lines = edge.sent()[0]["mail"].split(b"\r\n")
    assert max(map(len, lines)) <= 998


HOSTILE = "Hello\r\nBcc: eve@example.com\r\n\r\nnot the body\u2028\0"


async def test_no_line_of_a_strangers_text_becomes_a_header(connector: Gmail, edge: Edge) -> None:
    message = mail_message(
        subject=HOSTILE,
        in_reply_to="a@b>\r\nBcc: eve@example.com",
        references=["x\r\nBcc: eve@example.com", "good@mail.example.org", "a b"],
        unsubscribe_url="https://x.example.com/\r\nBcc: eve@example.com",
        **{"from": "eve@example.com\r\nBcc: eve@example.com"},
        files=(attached(name=HOSTILE + ".png"),),
    )
    mail = await written(connector, edge, message)
    assert mail["Bcc"] is None
    assert mail["Subject"] == "Hello Bcc: eve@example.com not the body"
    assert (mail["In-Reply-To"], mail["References"]) == (None, "<good@mail.example.org>")
    assert mail["List-Unsubscribe"] is None
    assert mail["From"] == "support@example.com"
    head = edge.sent()[0]["mail"].partition(b"\r\n\r\n")[0]
    assert b"\nBcc" not in head


ADDRESSES = [
    "maya@example.com\r\nBcc: eve@example.com",
    "Maya <maya@example.com>",
    "maya@example.com, eve@example.com",
    "maya",
    "@example.com",
    "maya@",
    "a b@example.com",
    "",
    "maya@" + "x" * 300,
    # In ASCII these would be two addresses, and another one.
    "maya@example.com\uff0ceve\uff20example.net",
    "maya@\uff45xample.com",
]


@pytest.mark.parametrize("field", ["to", "cc", "bcc"])
@pytest.mark.parametrize("address", ADDRESSES)
async def test_what_is_no_address_is_refused(
    connector: Gmail, edge: Edge, field: str, address: str
) -> None:
    edge.gives_tokens()
    with pytest.raises(Permanent, match="no mail address"):
        await deliver(connector, mail_message(**{field: [address]}))
    assert edge.sent() == []


async def test_each_recipient_is_named_once_and_the_contact_always(
    connector: Gmail, edge: Edge
) -> None:
    message = mail_message(
        to=["tom@example.com", "Tom@Example.com"],
        cc=["lea@example.com", "tom@example.com"],
        bcc=["ben@example.com"],
    )
    mail = await written(connector, edge, message)
    assert mail["To"] == "maya@example.com, tom@example.com"
    assert (mail["Cc"], mail["Bcc"]) == ("lea@example.com", "ben@example.com")


async def test_a_domain_of_other_scripts_travels_in_ascii(connector: Gmail, edge: Edge) -> None:
    mail = await written(connector, edge, mail_message(cc=["lea@bücher.example"]))
    assert mail["Cc"] == "lea@xn--bcher-kva.example"


async def test_more_people_than_gmail_takes_are_refused(connector: Gmail, edge: Edge) -> None:
    edge.gives_tokens()
    with pytest.raises(Permanent, match="500"):
        await deliver(connector, mail_message(to=[f"p{n}@example.com" for n in range(500)]))


async def test_files_travel_with_their_names(connector: Gmail, edge: Edge) -> None:
    files = (attached("Kessel grün.png"), attached("a.eml", "message/rfc822"))
    mail = await written(connector, edge, mail_message("See both.", files))
    found = list(mail.iter_attachments())
    assert [part.get_filename() for part in found] == ["Kessel grün.png", "a.eml"]
    assert [part.get_content_type() for part in found] == ["image/png", "application/octet-stream"]
    assert found[0].get_content() == files[0].content
    text = mail.get_body(("plain",))
    assert text is not None
    assert text.get_content().splitlines() == ["See both."]


async def test_files_beyond_gmails_limit_are_refused(connector: Gmail, edge: Edge) -> None:
    edge.gives_tokens()
    half = 9 * 1024 * 1024
    with pytest.raises(Permanent, match="18 MB"):
        await deliver(connector, mail_message(files=(attached(size=half), attached(size=half))))
    assert edge.sent() == []


async def test_a_long_line_is_wrapped_on_its_way_and_whole_again(
    connector: Gmail, edge: Edge
) -> None:
    text = "ü" * 5000 + " end"
    mail = await written(connector, edge, mail_message(text, subject="ä" * 300))
    assert mail.get_content().splitlines() == [text]
    assert mail["Subject"] == "ä" * 300
    assert max(map(len, edge.sent()[0]["mail"].split(b"\r\n"))) <= 998


async def test_nothing_at_all_is_not_sent(connector: Gmail, edge: Edge) -> None:
    edge.gives_tokens()
    with pytest.raises(Permanent, match="nothing to send"):
        await deliver(connector, mail_message(" \n"))


async def test_an_automatic_answer_says_so_and_a_promotion_can_be_ended(
    connector: Gmail, edge: Edge
) -> None:
    url = "https://inbox.example.com/u/token"
    mail = await written(connector, edge, mail_message(auto_reply=True, unsubscribe_url=url))
    assert mail["Auto-Submitted"] == "auto-replied"
    assert mail["List-Unsubscribe"] == f"<{url}>"
    assert mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"


async def test_an_alias_is_the_sender_only_where_gmail_accepts_it(
    connector: Gmail, edge: Edge
) -> None:
    aliases = [
        {"sendAsEmail": "support@example.com", "isPrimary": True, "displayName": "Härbour, Inc"},
        {"sendAsEmail": "Sales@Example.com", "verificationStatus": "accepted", "displayName": ""},
        {"sendAsEmail": "new@example.com", "verificationStatus": "pending"},
    ]
    edge.gives_tokens()
    edge.answers("GET", "/settings/sendAs", body({"sendAs": aliases}))
    edge.answers("POST", "/messages/send", *[body(SENT)] * 3)
    for alias in ("sales@example.com", "new@example.com", "eve@example.com"):
        await deliver(connector, mail_message(**{"from": alias}))
    senders = [
        message_from_bytes(one["mail"], policy=policy.default)["From"] for one in edge.sent()
    ]
    own = '"Härbour, Inc" <support@example.com>'
    assert [str(sender) for sender in senders] == ["Sales@Example.com".lower(), own, own]
    assert edge.asked("/settings") == ["GET /settings/sendAs"]


# -- answers ---------------------------------------------------------------------------------------


async def test_the_id_that_gmail_gave_is_learnt_with_the_real_message_id(
    connector: Gmail, edge: Edge
) -> None:
    headers = [{"name": "Message-Id", "value": "<CAF=other@mail.gmail.com>"}]
    edge.gives_tokens()
    edge.answers("POST", "/messages/send", body(SENT))
    edge.answers("GET", f"/messages/{SENT['id']}", body({"payload": {"headers": headers}}))
    sent = await deliver(connector, mail_message())
    assert sent == Sent(provider_id="18c1a0000000a009", mail_id="CAF=other@mail.gmail.com")


async def test_a_message_id_that_cannot_be_learnt_is_ours(connector: Gmail, edge: Edge) -> None:
    edge.gives_tokens()
    edge.answers("POST", "/messages/send", body(SENT))
    sent = await deliver(connector, mail_message())
    assert sent == Sent(provider_id="18c1a0000000a009", mail_id=OUR_ID)


ACTIONS = {
    "backoff": Temporary,
    "defer_until_time_in_message": Temporary,
    "refresh_once_then_reauth": AccountTrouble,
    "reauth_with_scopes": AccountTrouble,
    "stop_and_alert": Permanent,
    "final_fail": Permanent,
    "full_resync": Permanent,
}
ERRORS = [one for one in payload("gmail/api", "api_errors") if one["http"] < 500]


@pytest.mark.parametrize("one", ERRORS, ids=lambda one: one["when"])
async def test_a_documented_error_means_what_is_expected(
    connector: Gmail, edge: Edge, one: Any
) -> None:
    edge.gives_tokens(token(), token("ya29.two"))
    edge.answers("POST", "/messages/send", *[body(one["body"], one["http"])] * 2)
    with pytest.raises(ACTIONS[one["action"]]) as raised:
        await deliver(connector, mail_message())
    assert raised.value.code == one["body"]["error"]["errors"][0]["reason"]
    assert str(raised.value).endswith(".")


async def test_a_wait_that_google_names_is_kept(connector: Gmail, edge: Edge) -> None:
    named = "User-rate limit exceeded.  Retry after 2099-11-04T16:00:00.000Z"
    edge.gives_tokens()
    edge.answers(
        "POST",
        "/messages/send",
        error(429, "rateLimitExceeded", named),
        error(429, "rateLimitExceeded", **{"Retry-After": "7"}),
        error(403, "dailyLimitExceeded"),
        error(429, "rateLimitExceeded", "Retry after 2026-99-99T99:99:99.000Z"),
    )
    waits = []
    for _ in range(4):
        with pytest.raises(Temporary) as raised:
            await deliver(connector, mail_message())
        waits.append(raised.value.retry_after_s)
    assert waits == [2 * 86_400.0, 7.0, 86_400.0, 60.0]


async def test_a_thread_that_is_gone_is_no_reason_not_to_send(connector: Gmail, edge: Edge) -> None:
    edge.gives_tokens()
    edge.answers("POST", "/messages/send", error(404, "notFound"), body(SENT))
    message = mail_message(thread_id="18c1a0000000dead")
    # A permit is good for one post: the gate is asked again before the next.
    with pytest.raises(Temporary):
        await deliver(connector, message)
    await deliver(connector, message)
    assert [one.get("threadId") for one in edge.sent()] == ["18c1a0000000dead", None]


UNCLEAR = {
    "no answer": Reply(reset=True),
    "a fault": Reply(status=500, body=b"{}"),
    "out of service": error(503, "backendError"),
    "nonsense": Reply(body=b"<html>"),
    "an answer without an id": body({}),
}


@pytest.mark.parametrize("why", UNCLEAR)
async def test_an_unclear_answer_is_looked_up_and_the_mail_found(
    connector: Gmail, edge: Edge, why: str
) -> None:
    edge.gives_tokens()
    edge.answers("POST", "/messages/send", UNCLEAR[why])
    edge.answers(
        "GET", "/messages", body({}), body({"messages": [{"id": "18c1", "threadId": "1"}]})
    )
    sent = await deliver(connector, mail_message())
    assert sent == Sent(provider_id="18c1", mail_id=OUR_ID)
    searches = [call.query["q"] for call in edge.provider.calls if call.path == ME + "/messages"]
    assert searches == [f"rfc822msgid:{OUR_ID}"] * 2
    assert len(edge.sent()) == 1


@pytest.mark.parametrize("why", UNCLEAR)
async def test_a_mail_that_is_not_found_is_not_sent_again(
    connector: Gmail, edge: Edge, why: str
) -> None:
    edge.gives_tokens()
    edge.answers("POST", "/messages/send", UNCLEAR[why])
    edge.answers("GET", "/messages", body({}), Reply(status=503))
    with pytest.raises(OutcomeUnknown):
        await deliver(connector, mail_message())
    assert len(edge.sent()) == 1


async def test_a_provider_that_is_not_there_took_nothing(
    connector: Gmail, provider: Provider
) -> None:
    await provider.close()
    with pytest.raises(Temporary):
        await deliver(connector, mail_message())


def test_the_channel_of_a_mail_shows_no_secret(channel: Channel) -> None:
    assert "refresh-1" not in repr(channel)
    assert "client-secret" not in json.dumps(dict(channel.config))


# -- what comes before -----------------------------------------------------------------------------


async def test_once_made_ready_a_mail_is_only_posted(connector: Gmail, edge: Edge) -> None:
    assert isinstance(connector, MakesReady)
    message = mail_message()
    edge.gives_tokens()
    edge.answers("GET", "/settings/sendAs", error(503, "backendError"))
    edge.answers("POST", "/messages/send", body(SENT))
    await connector.make_ready(message)
    before = len(edge.provider.calls)
    assert edge.refreshed() == 1
    assert edge.asked() == ["GET /settings/sendAs"]
    await deliver(connector, message)
    assert edge.provider.calls[before].path == ME + "/messages/send"


async def test_what_waits_for_quota_waits_before_the_permit(connector: Gmail, edge: Edge) -> None:
    """Of 200 units a minute a first send leaves 100, and a second one none; the third waits."""
    channel = gmail_channel(units_per_minute="200")
    messages = [replace(mail_message(), id=MessageId(f"m{n}"), channel=channel) for n in range(3)]
    edge.gives_tokens()
    edge.answers("GET", "/settings/sendAs", body({"sendAs": []}))
    edge.answers("POST", "/messages/send", *[body(SENT)] * 2)
    for message in messages[:2]:
        await connector.make_ready(message)
    with pytest.raises(Temporary, match="used up"):
        await connector.make_ready(messages[2])
    assert edge.sent() == []
    # What was paid for is not paid for again.
    await connector.make_ready(messages[0])
    await deliver(connector, messages[0])
    assert len(edge.sent()) == 1


async def test_a_mailbox_that_has_to_be_signed_in_again_is_told_before_the_permit(
    connector: Gmail, edge: Edge
) -> None:
    edge.gives_tokens(body({"error": "invalid_grant"}, 400))
    with pytest.raises(AccountTrouble):
        await connector.make_ready(mail_message())
