"""Messenger's webhooks: whom we believe, and what each documented body reports."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.http import Http
from connectors.messenger import Messenger
from inbox.domain.channel import Channel, Connector, Payload, WebhookRequest
from inbox.domain.errors import Untrusted
from inbox.domain.message import Status
from inbox.domain.report import (
    ChannelNotice,
    Edited,
    Ignored,
    MessageReceived,
    PreferenceReported,
    Reacted,
    StatusReported,
    Unsent,
    WatermarkReported,
)
from tests.connectors.contract import API, Contract
from tests.connectors.messaging import PAGE, PSID, Reader, channel, handshake, signed, wire, word
from tests.connectors.people import APP_SECRET, PAYLOADS, payload

read = Reader(Messenger(Http(), "https://graph.example.com/v26.0"))


class TestContract(Contract):
    signature_header = "x-hub-signature-256"
    content_type = "application/json"
    unknown_change = Payload(
        method="POST",
        query=b"",
        content_type="application/json",
        body=b'{"object": "page", "entry": [{"id": "300000000000001",'
        b' "changes": [{"field": "brand_new", "value": {"a": 1}}]}]}',
    )

    def connector(self, http: Http | None = None, url: str = API) -> Connector:
        return Messenger(http or Http(), url)

    def channel(self, secret: str | None = None) -> Channel:
        return channel("messenger", APP_SECRET if secret is None else secret)

    def signed(self, secret: str | None = None) -> WebhookRequest:
        body = wire(payload("messenger", "text"))
        return signed("messenger", body, APP_SECRET if secret is None else secret)


def test_the_handshake_is_answered_and_another_token_refused() -> None:
    query = b"hub.mode=subscribe&hub.verify_token=%s&hub.challenge=1158201444"
    messenger = Messenger(Http(), API)
    call = handshake("messenger", query % b"verify-1")
    assert messenger.challenge(call, channel("messenger")) == "1158201444"
    with pytest.raises(Untrusted):
        messenger.challenge(handshake("messenger", query % b"wrong"), channel("messenger"))


# What each documented body reports; what is ignored stands in brackets, with its reason.
REPORTED = {
    "account_linking": ["(account_linking)"],
    "attachments_image_and_file": ["image"],
    "batch_two_pages": ["text", "text", "text"],
    "delivery_watermark_only": ["all delivered"],
    "delivery_with_mids_then_read": ["delivered", "all delivered", "all read"],
    "duplicate_delivery": ["text", "text"],
    "echo_own_app_and_page_inbox": ["echo text", "echo text"],
    "fallback_no_payload": ["text"],
    "feed_comment_changes": ["(comment)"],
    "handover_pass_and_take": ["(handover)", "(handover)"],
    "hostile_shapes": [
        *["(empty_entry)"] * 2,
        "(malformed_item)",
        "(no_sender)",
        "unsupported",
        "(unknown_event)",
        "(no_sender)",
    ],
    "ig_reel_and_post_share": ["share"],
    "message_edit": ["edited"],
    "message_unsent_and_unsupported": ["unsent", "unsupported"],
    "message_with_ad_referral": ["text"],
    "optin_marketing_granted": ["resume"],
    "optin_marketing_stopped": ["stop"],
    "policy_enforcement_no_sender": ["warning"],
    "postback_get_started_referral": ["postback"],
    "quick_reply": ["text"],
    "reaction_and_unreact": ["reacted ❤️", "reacted None"],
    "referral_existing_thread_seconds": ["(referral)"],
    "reply_to": ["text"],
    "standby_message": ["text in standby", "postback in standby"],
    "sticker_transition_two_attachments": ["sticker"],
    "text": ["text"],
}


def test_every_documented_body_is_in_the_table() -> None:
    assert {path.stem for path in (PAYLOADS / "messenger").glob("*.json")} == set(REPORTED)


@pytest.mark.parametrize("name", REPORTED)
def test_a_documented_body_reports_what_the_table_says(name: str) -> None:
    assert [word(report) for report in read.example(name)] == REPORTED[name]


def test_a_text_has_all_that_is_known_of_it() -> None:
    message = read.one_message("text")
    assert message.account == PAGE
    assert message.provider_id.startswith("m_")
    assert message.text == "Hello, are you open today? café 😀"
    assert message.sent_at == datetime.fromtimestamp(1794000001, UTC)
    assert (message.sender.keys, message.sender.address) == ((PSID,), PSID)
    assert message.sender.handle == "Messenger user …0001"
    assert message.sender.name is None
    assert message.content is None


def test_each_item_says_which_page_it_belongs_to() -> None:
    accounts = [
        r.account for r in read.example("batch_two_pages") if isinstance(r, MessageReceived)
    ]
    assert accounts == [PAGE, PAGE, "300000000000002"]


def test_a_repeat_has_the_same_id() -> None:
    first, second = read.example("duplicate_delivery")
    assert first == second


def test_two_files_are_two_files() -> None:
    image, document = read.one_message("attachments_image_and_file").media
    assert (image.kind, image.ref) == ("image", "https://scontent.example.com/v/t1/img.jpg?oe=1")
    assert (document.kind, document.name) == ("document", "receipt.pdf")


def test_a_sticker_that_also_comes_as_an_image_is_one_sticker() -> None:
    (sticker,) = read.one_message("sticker_transition_two_attachments").media
    assert sticker.kind == "sticker"


def test_a_preview_adds_its_link_to_the_text() -> None:
    message = read.one_message("fallback_no_payload")
    assert message.text == "look https://example.com/a"
    share = {"kind": "link", "title": "Example page", "url": "https://l.facebook.com/l.php?u=x"}
    assert message.content == {"share": share}


def test_two_shares_are_both_named() -> None:
    message = read.one_message("ig_reel_and_post_share")
    reel = {"kind": "reel", "title": "A reel", "url": "https://www.example.com/reel/1"}
    post = {"kind": "post", "title": "A post", "url": "https://www.example.com/posts/2"}
    assert message.text == "Reel: A reel\nPost: A post"
    assert message.content == {"share": reel, "shares": [reel, post]}
    assert message.media == ()


def test_an_ad_and_a_link_say_where_they_came_from() -> None:
    assert read.one_message("message_with_ad_referral").content == {
        "referral": {
            "source": "ad",
            "headline": "Spring offer",
            "ad_id": "900000000000002",
            "ref": "spring",
        }
    }
    assert read.one_message("postback_get_started_referral").content == {
        "choice": {"id": "GET_STARTED", "title": "Get started"},
        "referral": {"source": "link", "ref": "leaflet-7"},
    }


def test_a_pressed_button_is_a_choice_with_its_words() -> None:
    quick = read.one_message("quick_reply")
    assert (quick.text, quick.content) == (
        "Delivery",
        {"choice": {"id": "TOPIC_DELIVERY", "title": "Delivery"}},
    )
    assert read.one_message("postback_get_started_referral").text == "Get started"


def test_a_postback_without_an_id_has_the_same_one_each_time() -> None:
    def pressed(timestamp: object = 1794000019500, **part: str) -> str:
        postback = {"title": "Order status", "payload": "ORDER", **part}
        (report,) = read.event(message=None, postback=postback, timestamp=timestamp)
        assert isinstance(report, MessageReceived)
        return report.provider_id

    assert pressed() == pressed()
    assert pressed() == pressed(title="Bestellstatus")
    assert len({pressed(), pressed(1794000019501), pressed(payload="OTHER")}) == 3


@pytest.mark.parametrize("timestamp", ["\ud800", "\0", 1.5, None, "9" * 5000])
def test_a_postback_at_no_time_of_ours_has_an_id_all_the_same(timestamp: object) -> None:
    (report,) = read.event(message=None, postback={"payload": "ORDER"}, timestamp=timestamp)
    assert isinstance(report, MessageReceived)
    assert (report.text, report.sent_at) == ("ORDER", None)


def test_a_reply_names_the_quoted_message() -> None:
    assert (read.one_message("reply_to").reply_to or "").startswith("m_bWVzc2VuZ2VyLWV4YW1wbGUt")


def test_an_edit_has_its_count() -> None:
    (edit,) = read.example("message_edit")
    assert isinstance(edit, Edited)
    assert (edit.text, edit.edition) == ("Hello, are you open on Sunday?", 1)
    assert edit.provider_id == read.one_message("text").provider_id
    part = {"mid": "m_1", "text": "again", "num_edit": "2"}
    (written,) = read.event(message=None, message_edit=part)
    assert isinstance(written, Edited)
    assert written.edition == 2


def test_an_unsent_message_is_named_and_nothing_else() -> None:
    unsent, unsupported = read.example("message_unsent_and_unsupported")
    assert isinstance(unsent, Unsent)
    assert isinstance(unsupported, MessageReceived)
    assert (unsupported.text, unsupported.media) == ("", ())


def test_a_reaction_is_set_and_taken_back_by_the_person() -> None:
    react, unreact = read.example("reaction_and_unreact")
    assert isinstance(react, Reacted)
    assert isinstance(unreact, Reacted)
    assert react.provider_id == unreact.provider_id
    assert react.sender is not None
    assert react.sender.keys == (PSID,)


@pytest.mark.parametrize(
    ("part", "expected"),
    [
        ({"action": "react", "reaction": "like"}, "reacted 👍"),
        ({"action": "react", "reaction": "other", "emoji": "🦊"}, "reacted 🦊"),
        ({"action": "react", "reaction": "other"}, "(unknown_reaction)"),
        ({"action": "shout", "emoji": "🦊"}, "(malformed_item)"),
    ],
)
def test_a_reaction_without_an_emoji_goes_by_its_name(part: Any, expected: str) -> None:
    (report,) = read.event(message=None, reaction={"mid": "m_1", **part})
    assert word(report) == expected


def test_our_own_reaction_elsewhere_is_nobodys_of_theirs() -> None:
    (report,) = read.event(
        message=None,
        sender={"id": PAGE},
        recipient={"id": PSID},
        reaction={"mid": "m_1", "action": "react", "emoji": "👍"},
    )
    assert isinstance(report, Reacted)
    assert report.sender is None


def test_receipts_reach_up_to_an_instant() -> None:
    delivered, all_delivered, all_read = read.example("delivery_with_mids_then_read")
    assert isinstance(delivered, StatusReported)
    assert delivered.at is None
    assert isinstance(all_delivered, WatermarkReported)
    assert all_delivered.through == datetime.fromtimestamp(1794000016, UTC)
    assert isinstance(all_read, WatermarkReported)
    assert (all_read.status, all_read.sender.keys) == (Status.READ, (PSID,))
    assert all_read.through == datetime.fromtimestamp(1794000016.5, UTC)


def test_an_echo_belongs_to_who_got_it() -> None:
    own, colleague = read.example("echo_own_app_and_page_inbox")
    assert isinstance(own, MessageReceived)
    assert isinstance(colleague, MessageReceived)
    assert (own.account, own.sender.keys, own.message_id) == (PAGE, (PSID,), None)
    assert colleague.text == "Typed by a colleague in the Page inbox"


def echo(**changes: Any) -> list[Any]:
    document = payload("messenger", "echo_own_app_and_page_inbox")
    event = document["entry"][0]["messaging"].pop(0)
    document["entry"][0]["messaging"] = [{**event, **changes}]
    return read.parse(document)


def test_an_echo_of_our_own_carries_our_id_and_an_inbound_message_never_does() -> None:
    ours = {"is_echo": True, "metadata": "msg_01JD0000000000000000000001", "mid": "m_1"}
    (report,) = echo(message={**ours, "text": "hi"})
    assert report.message_id == "msg_01JD0000000000000000000001"
    (claimed,) = read.message(metadata="msg_01JD0000000000000000000001")
    assert isinstance(claimed, MessageReceived)
    assert claimed.message_id is None


def test_an_echo_without_our_page_as_its_sender_is_not_read_as_theirs() -> None:
    assert read.message(is_echo=True) == [Ignored(reason="account_differs", account=PAGE)]


def test_what_our_own_side_read_says_nothing_of_what_they_read() -> None:
    (report,) = read.event(
        message=None,
        sender={"id": PAGE},
        recipient={"id": PSID},
        read={"watermark": 1794000016500},
    )
    assert word(report) == "(echo)"


def test_the_template_that_we_sent_elsewhere_is_shown_by_its_words() -> None:
    template = {
        "type": "template",
        "title": "Pick one",
        "payload": {"template_type": "button", "text": "Which one?"},
    }
    (report,) = echo(message={"is_echo": True, "mid": "m_1", "attachments": [template]})
    assert (report.type, report.text) == ("text", "Which one?")


def test_an_event_of_another_account_is_not_filed_under_the_entrys() -> None:
    (report,) = read.event(recipient={"id": "300000000000009"})
    assert isinstance(report, MessageReceived)
    assert report.account == "300000000000009"
    assert read.event(recipient={"id": ["x"]}) == [Ignored(reason="account_differs", account=PAGE)]


def test_an_opt_in_and_a_stop_of_promotions_are_told_apart() -> None:
    (granted,) = read.example("optin_marketing_granted")
    (stopped,) = read.example("optin_marketing_stopped")
    assert isinstance(granted, PreferenceReported)
    assert isinstance(stopped, PreferenceReported)
    assert (granted.act, stopped.act) == ("resume", "stop")
    assert stopped.sender.keys == (PSID,)
    assert stopped.at == datetime.fromtimestamp(1794000014, UTC)


@pytest.mark.parametrize(
    ("optin", "expected"),
    [
        ({"ref": "shop", "user_ref": "ref-1"}, "(optin)"),
        ({"type": "one_time_notif_req", "payload": "X"}, "(optin)"),
        ({"notification_messages_status": "STOP_NOTIFICATIONS"}, "stop"),
        ({"notification_messages_status": "RESUME NOTIFICATIONS"}, "resume"),
        ({"notification_messages_status": "PAUSED"}, "(unknown_preference)"),
    ],
)
def test_another_opt_in_is_no_consent_to_promotions(optin: Any, expected: str) -> None:
    if "notification_messages_status" in optin:
        optin = {"type": "notification_messages", **optin}
    (report,) = read.event(message=None, optin=optin)
    assert word(report) == expected


@pytest.mark.parametrize(
    ("action", "expected"),
    [("warning", "warning"), ("block", "stopped"), ("unblock", "warning"), ("x", None)],
)
def test_a_policy_notice_is_news_of_the_account(action: str, expected: str | None) -> None:
    (report,) = read.event(message=None, sender=None, policy_enforcement={"action": action})
    if expected is None:
        assert word(report) == "(unknown_notice)"
        return
    assert isinstance(report, ChannelNotice)
    assert (report.level, report.code) == (expected, f"policy_{action}")


@pytest.mark.parametrize(
    ("key", "reason"),
    [
        ("request_thread_control", "handover"),
        ("app_roles", "handover"),
        ("order", "order"),
        ("response_feedback", "feedback"),
        ("messaging_feedback", "feedback"),
        ("brand_new", "unknown_event"),
    ],
)
def test_what_changes_nothing_here_is_set_aside(key: str, reason: str) -> None:
    assert read.event(message=None, **{key: {"a": 1}}) == [Ignored(reason=reason, account=PAGE)]


def test_the_dashboards_test_is_no_message() -> None:
    value = {"sender": {"id": "12334"}, "recipient": {"id": "23245"}, "message": {"mid": "t"}}
    change = {"field": "messages", "value": value}
    document = {"object": "page", "entry": [{"id": PAGE, "changes": [change]}]}
    assert [word(report) for report in read.parse(document)] == ["(test)"]
    assert [word(report) for report in read.event(sender={"id": "12334"})] == ["(test)"]


def test_a_body_about_another_object_is_not_read() -> None:
    document = {**payload("messenger", "text"), "object": "instagram"}
    assert [word(report) for report in read.parse(document)] == ["(other_kind)"]


def test_ids_are_opaque() -> None:
    document = payload("messenger", "text")
    (entry,) = document["entry"]
    entry["id"] = entry["messaging"][0]["recipient"]["id"] = "<PAGE_ID>"
    entry["messaging"][0]["sender"]["id"] = "<PSID>"
    (report,) = read.parse(document)
    assert isinstance(report, MessageReceived)
    assert (report.account, report.sender.keys) == ("<PAGE_ID>", ("<PSID>",))


@pytest.mark.parametrize("odd", ["../x", "a b", "", "é", "x" * 129, True, 1.5])
def test_what_can_be_no_id_is_nobody(odd: object) -> None:
    assert [word(report) for report in read.event(sender={"id": odd})] == ["(no_sender)"]


def test_an_event_that_names_no_account_is_the_entrys() -> None:
    (report,) = read.event(recipient=None)
    assert isinstance(report, MessageReceived)
    assert report.account == PAGE


def test_a_message_among_the_changes_is_one_and_the_dashboards_test_is_none() -> None:
    document = payload("messenger", "text")
    (entry,) = document["entry"]
    event = entry.pop("messaging")[0]
    change = {"field": "messages", "value": event}
    (direct,) = read.parse({**document, "entry": [{**entry, **change}]})
    entry["changes"] = [change]
    (report,) = read.parse(document)
    assert direct == report
    assert isinstance(report, MessageReceived)
    assert report.sender.keys == (event["sender"]["id"],)
    event["sender"]["id"] = "12334"
    assert [word(report) for report in read.parse(document)] == ["(test)"]


def test_a_reaction_that_does_not_say_what_it_does_is_one() -> None:
    (report,) = read.event(message=None, reaction={"mid": "m_1", "emoji": "🦊"})
    assert isinstance(report, Reacted)
    assert report.emoji == "🦊"


def test_an_envelope_that_does_not_say_whose_it_is_is_read_and_anothers_is_not() -> None:
    document = payload("messenger", "text")
    del document["object"]
    assert [word(report) for report in read.parse(document)] == ["text"]
    assert [word(r) for r in read.parse({**document, "object": "instagram"})] == ["(other_kind)"]
