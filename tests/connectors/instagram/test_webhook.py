"""Instagram's webhooks: whom we believe, and what each documented body reports. What is shared
is tested at Messenger."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.http import Http
from connectors.instagram import Instagram
from inbox.domain.channel import Channel, Connector, Payload, WebhookRequest
from inbox.domain.errors import Untrusted
from inbox.domain.message import Status
from inbox.domain.report import (
    Edited,
    Ignored,
    MessageReceived,
    Reacted,
    Unsent,
    WatermarkReported,
)
from tests.connectors.contract import API, Contract
from tests.connectors.messaging import (
    ACCOUNT,
    IGSID,
    Reader,
    channel,
    handshake,
    signed,
    wire,
    word,
)
from tests.connectors.people import APP_SECRET, PAYLOADS, payload

read = Reader(Instagram(Http(), API, API))


class TestContract(Contract):
    signature_header = "x-hub-signature-256"
    content_type = "application/json"
    unknown_change = Payload(
        method="POST",
        query=b"",
        content_type="application/json",
        body=b'{"object": "instagram", "entry": [{"id": "17841400000000001",'
        b' "changes": [{"field": "brand_new", "value": {"a": 1}}]}]}',
    )

    def connector(self, http: Http | None = None, url: str = API) -> Connector:
        return Instagram(http or Http(), url, url)

    def channel(self, secret: str | None = None) -> Channel:
        return channel("instagram", APP_SECRET if secret is None else secret)

    def signed(self, secret: str | None = None) -> WebhookRequest:
        body = wire(payload("instagram", "text"))
        return signed("instagram", body, APP_SECRET if secret is None else secret)


def test_the_instagram_secret_and_the_meta_secret_are_both_believed() -> None:
    shop = channel("instagram", "instagram-secret\nmeta-secret")
    for secret in ("instagram-secret", "meta-secret"):
        Instagram(Http(), API, API).verify(signed("instagram", b"{}", secret), [shop])


def test_the_handshake_is_answered_and_another_token_refused() -> None:
    query = b"hub.mode=subscribe&hub.verify_token=%s&hub.challenge=1158201444"
    instagram = Instagram(Http(), API, API)
    call = handshake("instagram", query % b"verify-1")
    assert instagram.challenge(call, channel("instagram")) == "1158201444"
    with pytest.raises(Untrusted):
        instagram.challenge(handshake("instagram", query % b"wrong"), channel("instagram"))


# What each documented body reports; what is ignored stands in brackets, with its reason.
REPORTED = {
    "comment_changes": ["(comment)"],
    "duplicate_delivery_and_batch": ["text", "text", "text", "text"],
    "echo": ["echo text"],
    "ephemeral_and_unsupported": ["unsupported", "unsupported"],
    "hostile_shapes": [
        "(empty_entry)",
        "(empty_entry)",
        "(malformed_item)",
        "unsupported",
        "(test)",
    ],
    "icebreaker_postback": ["postback"],
    "ig_post_share": ["share"],
    "ig_reel_share": ["share"],
    "image_and_audio": ["image"],
    "message_edit": ["edited"],
    "message_unsent": ["unsent"],
    "message_with_ad_referral": ["text"],
    "quick_reply": ["text"],
    "reaction": ["reacted ❤️"],
    "referral_igme_link": ["(referral)"],
    "seen": ["all read"],
    "self_test_message": ["(self)"],
    "standby_message": ["text in standby"],
    "story_mention": ["story"],
    "story_reply": ["text"],
    "text": ["text"],
    "text_inline_reply": ["text"],
    "unreact": ["reacted None"],
}


def test_every_documented_body_is_in_the_table() -> None:
    assert {path.stem for path in (PAYLOADS / "instagram").glob("*.json")} == set(REPORTED)


@pytest.mark.parametrize("name", REPORTED)
def test_a_documented_body_reports_what_the_table_says(name: str) -> None:
    assert [word(report) for report in read.example(name)] == REPORTED[name]


@pytest.mark.parametrize("name", REPORTED)
def test_a_body_in_a_list_of_one_is_read_as_well(name: str) -> None:
    assert read.parse([payload("instagram", name)]) == read.example(name)


def test_a_text_has_all_that_is_known_of_it() -> None:
    message = read.one_message("text")
    assert message.account == ACCOUNT
    assert message.text == "Hi! Is this in size M? 😍"
    assert message.sent_at == datetime.fromtimestamp(1794000001, UTC)
    assert (message.sender.keys, message.sender.address) == ((IGSID,), IGSID)
    assert message.sender.handle == "Instagram user …0001"


def test_a_user_name_is_shown_where_one_comes_along() -> None:
    (report,) = read.event(sender={"id": IGSID, "username": "alex.doe"})
    assert isinstance(report, MessageReceived)
    assert report.sender.handle == "@alex.doe"
    assert report.sender.keys == (IGSID,)


def test_a_repeat_has_the_same_id_and_another_account_its_own() -> None:
    reports = read.example("duplicate_delivery_and_batch")
    messages = [report for report in reports if isinstance(report, MessageReceived)]
    assert messages[0] == messages[2]
    assert [m.account for m in messages] == [ACCOUNT] * 3 + ["17841400000000002"]


def test_a_story_is_linked_and_never_copied() -> None:
    reply, mention = read.one_message("story_reply"), read.one_message("story_mention")
    assert (reply.text, reply.reply_to, reply.media) == ("Love it", None, ())
    assert reply.content is not None
    assert reply.content["story"] == {
        "id": "18000000000000001",
        "url": "https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id=18000000000000001"
        "&signature=Ab",
    }
    assert (mention.text, mention.media) == ("Mentioned you in their story", ())
    assert mention.content is not None
    assert "url" in str(mention.content["story"])


def test_two_files_are_two_files() -> None:
    media = read.one_message("image_and_audio").media
    assert [one.kind for one in media] == ["image", "audio"]
    assert all(one.name is None for one in media)


def test_a_share_is_named_and_linked() -> None:
    post, reel = read.one_message("ig_post_share"), read.one_message("ig_reel_share")
    assert (post.text, reel.text) == ("Post: Our new range", "Reel: How it works")
    assert post.content is not None
    assert list(post.content) == ["share"]


POST = "18139494541428835"


@pytest.mark.parametrize(
    "legacy",
    [
        {"ig_post_media_id": POST, "url": "https://lookaside.fbsbx.com/other"},
        {"url": f"https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id={POST}&signature=Zz"},
    ],
)
def test_a_post_that_comes_in_its_old_and_its_new_form_is_shown_once(legacy: Any) -> None:
    url = f"https://lookaside.fbsbx.com/ig_messaging_cdn/?asset_id={POST}&signature=Ij"
    new = {"ig_post_media_id": POST, "title": "Our new range", "url": url}
    message = read.holding(
        {"type": "share", "payload": legacy}, {"type": "ig_post", "payload": new}
    )
    assert message.content is not None
    assert "shares" not in message.content
    assert message.text.count("Post:") == 1


def test_a_heart_is_a_text_and_what_vanishes_is_named() -> None:
    heart = read.holding({"type": "like_heart"})
    assert (heart.type, heart.text) == ("text", "❤️")
    ephemeral, unsupported = read.example("ephemeral_and_unsupported")
    assert isinstance(ephemeral, MessageReceived)
    assert isinstance(unsupported, MessageReceived)
    assert ephemeral.content == {"kind": "ephemeral"}
    assert unsupported.content is None


def test_no_link_with_a_script_comes_through() -> None:
    assert "javascript" not in repr(read.example("hostile_shapes"))


def test_a_time_in_words_is_read_with_its_zone_only() -> None:
    for given, expected in [
        ("2026-11-06T12:00:00+0000", datetime(2026, 11, 6, 12, tzinfo=UTC)),
        ("2026-11-06T14:00:00+02:00", datetime(2026, 11, 6, 12, tzinfo=UTC)),
        ("2026-11-06T12:00:00", None),
        ("2036-11-06T12:00:00+0000", None),
    ]:
        (report,) = read.event(timestamp=given)
        assert isinstance(report, MessageReceived)
        assert report.sent_at == expected


def test_seen_reaches_up_to_a_message() -> None:
    (report,) = read.example("seen")
    assert isinstance(report, WatermarkReported)
    assert (report.status, report.through) == (Status.READ, None)
    assert report.provider_id is not None
    assert report.sender.keys == (IGSID,)


def test_an_echo_belongs_to_who_got_it() -> None:
    echo = read.one_message("echo")
    assert (echo.direction, echo.sender.keys, echo.account) == ("outbound", (IGSID,), ACCOUNT)
    assert echo.message_id is None


def test_an_unsent_an_edited_and_a_reacted_message_are_named() -> None:
    (unsent,), (edited,), (unreact,) = (
        read.example(name) for name in ("message_unsent", "message_edit", "unreact")
    )
    assert isinstance(unsent, Unsent)
    assert unsent.provider_id == read.one_message("text").provider_id
    assert isinstance(edited, Edited)
    assert edited.provider_id == read.one_message("text_inline_reply").provider_id
    assert isinstance(unreact, Reacted)
    assert unreact.emoji is None


def test_an_ice_breaker_is_a_choice() -> None:
    assert read.one_message("icebreaker_postback").content == {
        "choice": {"id": "ICE_WHERE", "title": "Where are you based?"}
    }


def test_a_link_of_instagrams_own_says_where_they_came_from() -> None:
    link = "https://ig.me/m/example_shop?ref=poster-3"
    (report,) = read.message(referral={"ref": "poster-3", "source": link, "type": "OPEN_THREAD"})
    assert isinstance(report, MessageReceived)
    assert report.content == {"referral": {"source": "link", "url": link, "ref": "poster-3"}}


def test_a_product_that_was_asked_about_is_named() -> None:
    (report,) = read.message(referral={"product": {"id": "7700"}})
    assert isinstance(report, MessageReceived)
    assert report.content == {"referral": {"source": "product", "ref": "7700"}}


def test_a_comment_directly_in_its_entry_is_no_message() -> None:
    entry = {"id": ACCOUNT, "time": 1, "field": "comments", "value": {"id": "1", "text": "price?"}}
    assert read.parse({"object": "instagram", "entry": [entry]}) == [
        Ignored(reason="comment", account=ACCOUNT)
    ]


def test_a_test_of_the_dashboard_is_no_message() -> None:
    document = payload("instagram", "text")
    document["entry"][0]["id"] = "0"
    assert [word(report) for report in read.parse(document)] == ["(test)"]


def test_the_words_below_a_post_are_its_title_on_one_line() -> None:
    message = read.holding({"type": "ig_reel", "payload": {"title": "No toll\n.\n.\n#notoll"}})
    assert message.text == "Reel: No toll . . #notoll"


def test_a_story_that_was_shared_is_a_share_by_either_name_of_its_address() -> None:
    for name in ("url", "story_media_url"):
        url = "https://media.example.com/story"
        message = read.holding({"type": "ig_story", "payload": {name: url}})
        assert (message.type, message.content) == (
            "share",
            {"share": {"kind": "story", "url": url}},
        )
