"""What is brought from a mailbox: the last days at first, then what the history names."""

from __future__ import annotations

import json
from datetime import datetime
from typing import Any
from urllib.parse import parse_qsl

import pytest

from connectors.gmail import Gmail
from connectors.gmail.history import read_cursor
from inbox.domain.abilities import Pulled, Pulls
from inbox.domain.channel import Channel, Payload
from inbox.domain.errors import AccountTrouble, Temporary
from inbox.domain.report import Ignored, MessageReceived
from tests.connectors.conftest import Reply
from tests.connectors.gmail.conftest import ME, NOW, PLACE, Edge, added, body, error, letter, raw
from tests.connectors.people import gmail_channel, payload

FIRST = "18c1a0000000a001"


def documented(name: str) -> Any:
    return payload("gmail/api", f"api_history_{name}")


def about(one: Payload) -> dict[str, str]:
    return dict(parse_qsl(one.query.decode(), keep_blank_values=True))


def ids(pulled: Pulled) -> list[str]:
    return [about(one)["id"] for one in pulled.payloads]


def listed(*found: str, following: str | None = None) -> Reply:
    document: dict[str, Any] = {"messages": [{"id": one, "threadId": one} for one in found]}
    if following is not None:
        document["nextPageToken"] = following
    return body(document)


async def through(
    connector: Gmail, channel: Channel, cursor: str | None, now: datetime = NOW
) -> tuple[list[Pulled], str]:
    """Every step until there is no more."""
    steps: list[Pulled] = []
    while not steps or steps[-1].more:
        assert len(steps) < 50
        steps.append(await connector.pull(channel, cursor, now))
        cursor = steps[-1].cursor
    return steps, steps[-1].cursor


async def test_the_first_steps_bring_the_last_days_and_then_the_history(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    assert isinstance(connector, Pulls)
    edge.gives_tokens()
    edge.answers("GET", "/profile", body({"emailAddress": "x", "historyId": "500"}))
    edge.answers("GET", "/messages", listed("m1", "m2", following="p2"), listed("m3"))
    for one in ("m1", "m2", "m3", "m4"):
        edge.answers("GET", f"/messages/{one}", raw(letter(), one))
    edge.answers("GET", "/history", body({"history": added("m4", at=501), "historyId": "510"}))
    steps, cursor = await through(connector, channel, None)
    assert [ids(step) for step in steps] == [[], ["m2", "m1"], ["m3"], ["m4"]]
    assert edge.asked()[:2] == ["GET /profile", "GET /messages"]
    queries = [c.query for c in edge.provider.calls if c.path == ME + "/messages"]
    assert queries[0]["q"] == "newer_than:14d in:anywhere -in:drafts -in:spam -in:trash"
    assert [query.get("pageToken") for query in queries] == [None, "p2"]
    # The place in the history is from before the list: nothing falls between the two.
    starts = [c.query["startHistoryId"] for c in edge.provider.calls if c.path == ME + "/history"]
    assert starts == ["500"]
    assert read_cursor(cursor).history == "510"
    marks = [about(one).get("backfill") for step in steps for one in step.payloads]
    assert marks == ["1", "1", "1", None]


async def test_a_payload_is_the_whole_mail_and_what_gmail_knows_of_it(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens()
    edge.answers("GET", "/history", body(documented("page1")["response"] | {"nextPageToken": None}))
    edge.answers("GET", f"/messages/{FIRST}", raw(letter(), FIRST, "UNREAD", "INBOX"))
    steps, _ = await through(connector, channel, PLACE)
    found = steps[0].payloads[0]
    assert (found.method, found.content_type, found.body) == ("PULL", "message/rfc822", letter())
    assert about(found) == {
        "id": FIRST,
        "thread_id": "18c1a0000000a000",
        "labels": "INBOX,UNREAD",
        "internal_ms": "1793804400000",
        "account": "support@example.com",
    }


async def test_the_documented_pages_bring_what_is_expected_of_them(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    expected = documented("page2")["expect"]
    edge.gives_tokens()
    pages = [body(documented(name)["response"]) for name in ("page1", "page2")]
    edge.answers("GET", "/history", *pages)
    wanted = expected["import_ids"] + expected["sent_elsewhere_ids"]
    for one in wanted:
        edge.answers("GET", f"/messages/{one}", raw(letter(), one))
    steps, cursor = await through(connector, channel, PLACE)
    assert ids(steps[0]) == wanted
    assert read_cursor(cursor).history == expected["new_cursor"]
    assert not [call for call in edge.asked() if expected["skip_ids"][0] in call]


async def test_nothing_new_is_no_error(connector: Gmail, channel: Channel, edge: Edge) -> None:
    edge.gives_tokens()
    edge.answers("GET", "/history", body(documented("empty")["response"]))
    steps, cursor = await through(connector, channel, PLACE)
    assert (len(steps), steps[0].payloads) == (1, ())
    assert read_cursor(cursor).history == "9876543"


async def test_many_mails_come_in_steps_and_the_cursor_keeps_the_rest(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    many = [f"m{n}" for n in range(60)]
    edge.gives_tokens()
    edge.answers("GET", "/history", body({"history": added(*many), "historyId": "9876999"}))
    edge.answers("GET", "/history", body({"historyId": "9876999"}))
    for one in many:
        edge.answers("GET", f"/messages/{one}", raw(letter(), one))
    steps, _ = await through(connector, channel, PLACE)
    assert [len(step.payloads) for step in steps] == [25, 25, 10]
    assert [one for step in steps for one in ids(step)] == many
    kept = read_cursor(steps[0].cursor)
    assert (kept.history, list(kept.todo)) == ("9876999", many[25:])


async def test_a_step_that_fails_leaves_the_cursor_where_it_was(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens()
    page = {"history": added("m1", "m2"), "historyId": "9876999"}
    edge.answers("GET", "/history", body(page), body(page))
    edge.answers("GET", "/messages/m1", raw(letter(), "m1"), raw(letter(), "m1"))
    edge.answers("GET", "/messages/m2", Reply(status=503), raw(letter(), "m2"))
    with pytest.raises(Temporary):
        await connector.pull(channel, PLACE, NOW)
    assert ids(await connector.pull(channel, PLACE, NOW)) == ["m1", "m2"]


async def test_more_pages_than_a_step_takes_lose_nothing(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens()
    for n in range(10):
        page = {"history": added(f"m{n}", at=9876100 + n), "historyId": "9999999"}
        edge.answers("GET", "/history", body({**page, "nextPageToken": str(n)}))
    edge.answers("GET", "/history", body({"history": added("m10", at=9876200), "historyId": "9"}))
    for n in range(11):
        edge.answers("GET", f"/messages/m{n}", raw(letter(), f"m{n}"))
    steps, _ = await through(connector, channel, PLACE)
    assert [one for step in steps for one in ids(step)] == [f"m{n}" for n in range(11)]
    starts = [c.query["startHistoryId"] for c in edge.provider.calls if c.path == ME + "/history"]
    assert (starts[0], starts[-1]) == ("9876000", "9876109")


LABELS = {
    "a draft": (["DRAFT"], False),
    "spam": (["SPAM"], False),
    "in the bin": (["TRASH", "INBOX"], False),
    "a chat": (["CHAT"], False),
    "sent elsewhere": (["SENT"], True),
    "archived by a filter": (["CATEGORY_PERSONAL"], True),
}


@pytest.mark.parametrize("what", LABELS)
async def test_labels_decide_what_is_brought(
    connector: Gmail, channel: Channel, edge: Edge, what: str
) -> None:
    labels, brought = LABELS[what]
    message = {"id": "m1", "threadId": "t1", "labelIds": labels}
    record = {"id": "9876100", "messagesAdded": [{"message": message}]}
    edge.gives_tokens()
    edge.answers("GET", "/history", body({"history": [record], "historyId": "9876200"}))
    edge.answers("GET", "/messages/m1", raw(letter(), "m1", *labels))
    assert ids(await connector.pull(channel, PLACE, NOW)) == (["m1"] if brought else [])


async def test_a_mail_that_became_spam_meanwhile_is_left(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens()
    edge.answers("GET", "/history", body({"history": added("m1"), "historyId": "9876200"}))
    edge.answers("GET", "/messages/m1", raw(letter(), "m1", "SPAM"))
    assert ids(await connector.pull(channel, PLACE, NOW)) == []


async def test_out_of_the_spam_folder_a_mail_is_brought_a_star_is_none(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    def change(id_: str, label: str) -> dict[str, Any]:
        message = {"id": id_, "threadId": "t1", "labelIds": ["INBOX", label]}
        return {"id": "9876100", "labelsAdded": [{"message": message, "labelIds": [label]}]}

    records = [change("rescued", "INBOX"), change("starred", "STARRED")]
    edge.gives_tokens()
    edge.answers("GET", "/history", body({"history": records, "historyId": "9876200"}))
    edge.answers("GET", "/messages/rescued", raw(letter(), "rescued"))
    assert ids(await connector.pull(channel, PLACE, NOW)) == ["rescued"]


async def test_a_mail_that_is_gone_holds_up_nobody(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens()
    edge.answers("GET", "/history", body({"history": added("m1", "m2"), "historyId": "9876200"}))
    edge.answers("GET", "/messages/m1", error(404, "notFound"))
    edge.answers("GET", "/messages/m2", raw(letter(), "m2"))
    assert ids(await connector.pull(channel, PLACE, NOW)) == ["m2"]


def metadata(id_: str, *labels: str, **headers: str) -> Reply:
    """What `format=metadata` answers."""
    found = [{"name": name.replace("_", "-"), "value": value} for name, value in headers.items()]
    document = {"id": id_, "threadId": "t1", "labelIds": list(labels or ("INBOX",))}
    return body(
        {**document, "internalDate": "1793804400000", "payload": {"headers": found}},
    )


UNREADABLE = {
    "refused for a reason that nobody knows": error(400, "somethingNew"),
    "refused as a whole": error(400, "failedPrecondition"),
    "larger than an answer may be": error(413, "tooLarge"),
    "no base64": body({"id": "m1", "raw": "%%%"}),
    "nothing in it": body({"id": "m1"}),
}


@pytest.mark.parametrize("why", UNREADABLE)
async def test_a_mail_that_gmail_does_not_give_stops_nobody_and_is_told_of(
    connector: Gmail, channel: Channel, edge: Edge, why: str
) -> None:
    edge.gives_tokens()
    edge.answers("GET", "/history", body({"history": added("m1", "m2"), "historyId": "9876200"}))
    head = metadata(
        "m1", From="Maya Ortiz <maya@example.com>", Subject="Kettle\r\nBcc: x@y.example"
    )
    edge.answers("GET", "/messages/m1", UNREADABLE[why], head)
    edge.answers("GET", "/messages/m2", raw(letter(), "m2"))
    pulled = await connector.pull(channel, PLACE, NOW)
    assert ids(pulled) == ["m1", "m2"]
    first = pulled.payloads[0]
    assert first.content_type == "application/x-unreadable-mail"
    assert set(about(first)) == set(about(pulled.payloads[1]))
    [report] = connector.parse(first, NOW)
    assert isinstance(report, MessageReceived)
    assert report.mail is not None
    assert (report.type, report.text, report.provider_id) == ("unsupported", "", "m1")
    assert (report.sender.address, report.sender.name) == ("maya@example.com", "Maya Ortiz")
    assert (report.mail.subject, report.mail.thread_id) == ("Kettle Bcc: x@y.example", "t1")
    assert report.sent_at is not None


@pytest.mark.parametrize(
    "told",
    [
        error(400, "somethingNew"),
        metadata("m1"),
        metadata(
            "m1",
            From="Mail Delivery System <mailer-daemon@example.com>",
            Return_Path="<>",
            Subject="Undelivered Mail Returned to Sender",
        ),
        body({"payload": {"headers": [5, {"name": 1, "value": []}, {"name": "From"}]}}),
    ],
)
async def test_of_an_unreadable_mail_of_nobody_the_journal_keeps_that_it_was_there(
    connector: Gmail, channel: Channel, edge: Edge, told: Reply
) -> None:
    edge.gives_tokens()
    edge.answers("GET", "/history", body({"history": added("m1"), "historyId": "9876200"}))
    edge.answers("GET", "/messages/m1", error(400, "somethingNew"), told)
    pulled = await connector.pull(channel, PLACE, NOW)
    [payload] = pulled.payloads
    assert about(payload)["id"] == "m1"
    assert connector.parse(payload, NOW) == [
        Ignored(reason="unreadable_mail", account=channel.account)
    ]


async def test_an_unreadable_mail_that_is_gone_or_spam_is_left(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens()
    edge.answers("GET", "/history", body({"history": added("m1", "m2"), "historyId": "9876200"}))
    edge.answers("GET", "/messages/m1", error(400, "x"), error(404, "notFound"))
    edge.answers("GET", "/messages/m2", error(400, "x"), metadata("m2", "SPAM"))
    assert ids(await connector.pull(channel, PLACE, NOW)) == []


async def test_a_mailbox_in_trouble_is_not_a_mail_that_cannot_be_read(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens()
    edge.answers("GET", "/history", body({"history": added("m1"), "historyId": "9876200"}))
    edge.answers("GET", "/messages/m1", error(403, "domainPolicy"))
    with pytest.raises(AccountTrouble):
        await connector.pull(channel, PLACE, NOW)


async def test_what_came_and_went_in_one_page_is_not_asked_for(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    gone = {"id": "9876150", "messagesDeleted": [{"message": {"id": "m1", "threadId": "t1"}}]}
    edge.gives_tokens()
    page = {"history": [*added("m1", "m2"), gone], "historyId": "9876200"}
    edge.answers("GET", "/history", body(page))
    edge.answers("GET", "/messages/m2", raw(letter(), "m2"))
    assert ids(await connector.pull(channel, PLACE, NOW)) == ["m2"]
    assert edge.asked("/messages") == ["GET /messages/m2"]


async def test_a_forgotten_place_brings_the_last_days_again_as_recovered(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens()
    edge.answers("GET", "/history", error(404, "notFound"), body({"historyId": "700"}))
    edge.answers("GET", "/profile", body({"emailAddress": "x", "historyId": "700"}))
    edge.answers("GET", "/messages", listed("m1"))
    edge.answers("GET", "/messages/m1", raw(letter(), "m1"))
    steps, cursor = await through(connector, channel, PLACE)
    found = about(next(one for step in steps for one in step.payloads))
    assert (found.get("recovered"), found.get("backfill")) == ("1", None)
    assert read_cursor(cursor).history == "700"


@pytest.mark.parametrize(
    ("given", "days"), [("30", 30), ("0", 1), ("", 14), ("many", 14), ("999999", 14), ("-3", 14)]
)
async def test_how_far_to_look_back_is_configured(
    connector: Gmail, edge: Edge, given: str, days: int
) -> None:
    channel = gmail_channel(look_back_days=given)
    edge.gives_tokens()
    edge.answers("GET", "/messages", listed())
    cursor = json.dumps({"history": "5", "fill": {"page": None, "again": False}})
    await connector.pull(channel, cursor, NOW)
    assert edge.provider.calls[-1].query["q"].startswith(f"newer_than:{days}d ")


@pytest.mark.parametrize(
    "stored", ["", "x", "[]", "{}", '{"history": 5}', '{"history": "x"}', "[" * 5000]
)
async def test_a_cursor_that_cannot_be_read_begins_anew(
    connector: Gmail, channel: Channel, edge: Edge, stored: str
) -> None:
    edge.gives_tokens()
    edge.answers("GET", "/profile", body({"emailAddress": "x", "historyId": 500}))
    step = await connector.pull(channel, stored, NOW)
    assert (read_cursor(step.cursor).history, step.more) == ("500", True)


ODD: list[Any] = [
    {},
    {"history": None, "historyId": None},
    {"history": "x", "historyId": {}},
    {"history": [None, 1, {"id": None, "messagesAdded": [None, {"message": []}]}]},
    {"history": [{"messagesAdded": [{"message": {"id": ["x"], "labelIds": 5}}]}]},
    {"history": [{"id": "9" * 400}], "historyId": "x" * 400},
]


@pytest.mark.parametrize("document", ODD)
async def test_an_odd_history_breaks_nothing_and_never_goes_back(
    connector: Gmail, channel: Channel, edge: Edge, document: Any
) -> None:
    edge.gives_tokens()
    edge.answers("GET", "/history", body(document))
    step = await connector.pull(channel, PLACE, NOW)
    assert (step.payloads, read_cursor(step.cursor).history) == ((), "9876000")


async def test_trouble_with_the_account_is_told(
    connector: Gmail, channel: Channel, edge: Edge
) -> None:
    edge.gives_tokens()
    edge.answers("GET", "/history", error(403, "insufficientPermissions"), error(429, "x"))
    with pytest.raises(AccountTrouble):
        await connector.pull(channel, PLACE, NOW)
    with pytest.raises(Temporary):
        await connector.pull(channel, PLACE, NOW)
