"""What happens to messages, people and the account after the fact, as WhatsApp tells it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from inbox.domain.message import Status
from inbox.domain.report import (
    ChannelNotice,
    Edited,
    IdentityChanged,
    Ignored,
    MessageReceived,
    Reacted,
    Report,
    Sender,
    StatusReported,
    Unsent,
)
from tests.connectors.people import MESSAGE_ID, payload
from tests.connectors.whatsapp.bodies import (
    ACCOUNT,
    BUSINESS,
    OWNER,
    TARGET,
    change,
    echo,
    message,
    parse,
    system,
)

SET_ASIDE = Ignored(reason="malformed_item", account=ACCOUNT)


def at(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def example(name: str) -> Report:
    (report,) = parse(payload("whatsapp", name))
    return report


# -- reactions ------------------------------------------------------------------------------------


def test_a_reaction_names_the_message_the_person_and_the_emoji() -> None:
    report = example("reaction_added")
    assert isinstance(report, Reacted)
    assert report.provider_id == "wamid.HBgLMTU1NTAwMDIwMDEVAgARGBIzQTAwMDAwMDAwMDAwMDA5MDUA"
    assert report.sender is not None
    assert report.sender.keys == ("15550002001", "US.10000000000000000001")
    assert (report.emoji, report.at) == ("❤️", at(1794000015))


@pytest.mark.parametrize("part", [{}, {"emoji": ""}, {"emoji": None}])
def test_a_reaction_is_taken_back_without_an_emoji(part: dict[str, Any]) -> None:
    report = message("reaction", {"message_id": TARGET, **part})
    assert isinstance(report, Reacted)
    assert report.emoji is None


@pytest.mark.parametrize(
    "part", [None, {}, {"emoji": "👍"}, {"message_id": TARGET, "emoji": 7}, {"message_id": [1]}]
)
def test_a_reaction_of_no_shape_is_set_aside(part: object) -> None:
    assert message("reaction", part) == SET_ASIDE


def test_a_reaction_of_nobody_is_set_aside_and_ours_needs_no_person() -> None:
    part = {"message_id": TARGET, "emoji": "👍"}
    nobody = message("reaction", part, **{"from": None, "from_user_id": None})
    assert nobody == Ignored(reason="no_sender", account=ACCOUNT)
    ours = echo("reaction", part)
    assert isinstance(ours, Reacted)
    assert (ours.sender, ours.provider_id, ours.emoji) == (None, TARGET, "👍")


# -- edits and unsends ----------------------------------------------------------------------------


def test_an_edit_brings_the_new_text_for_the_original() -> None:
    report = example("message_edit")
    assert report == Edited(
        account=ACCOUNT,
        provider_id="wamid.HBgLMTU1NTAwMDIwMDEVAgASGBQzQTAwMDAwMDAwMDAwMDAwMDEA",
        text="Hi, is the RED kettle in stock?",
        at=at(1794000020),
    )


@pytest.mark.parametrize(
    ("edited", "text"),
    [
        ({"type": "image", "image": {"id": "1", "caption": "new"}}, "new"),
        ({"type": "image", "image": {"id": "1"}}, ""),
        ({"type": "video", "video": {"caption": "new"}}, "new"),
        ({"type": "text", "text": {"body": ""}}, ""),
    ],
)
def test_an_edited_caption_is_the_new_text(edited: object, text: str) -> None:
    report = message("edit", {"original_message_id": TARGET, "message": edited})
    assert isinstance(report, Edited)
    assert (report.provider_id, report.text) == (TARGET, text)


@pytest.mark.parametrize(
    ("part", "reason"),
    [
        (None, "malformed_item"),
        ({"message": {"type": "text", "text": {"body": "x"}}}, "malformed_item"),
        ({"original_message_id": TARGET}, "malformed_item"),
        ({"original_message_id": TARGET, "message": {"type": "text"}}, "unreadable_edit"),
        ({"original_message_id": TARGET, "message": {"type": "hologram"}}, "unreadable_edit"),
    ],
)
def test_an_edit_that_cannot_be_read_takes_nothing_away(part: object, reason: str) -> None:
    assert message("edit", part) == Ignored(reason=reason, account=ACCOUNT)


def test_a_revoked_message_is_unsent() -> None:
    assert example("message_revoke") == Unsent(
        account=ACCOUNT,
        provider_id="wamid.HBgLMTU1NTAwMDIwMDEVAgASGBQzQTAwMDAwMDAwMDAwMDAwMDUA",
        at=at(1794000021),
    )
    assert message("revoke", {}) == SET_ASIDE


@pytest.mark.parametrize("kind", ["reaction", "edit", "revoke", "system", "text"])
def test_what_happens_in_a_group_stays_out(kind: str) -> None:
    part = {"message_id": TARGET, "original_message_id": TARGET, "body": "x"}
    assert message(kind, part, group_id="grp-1") == Ignored(reason="group_message", account=ACCOUNT)


# -- people ---------------------------------------------------------------------------------------


def test_new_ids_belong_to_who_had_the_old_ones() -> None:
    report = example("system_number_and_bsuid_change")
    assert report == IdentityChanged(
        account=ACCOUNT,
        old_keys=("15550002001", "US.10000000000000000001"),
        sender=Sender(
            keys=("15550002099", "US.10000000000000000099"),
            address="+15550002099",
            handle="+15550002099",
            person_id="US.10000000000000000099",
        ),
        at=at(1794000018),
    )


def test_a_change_of_user_id_needs_no_number() -> None:
    told = {
        "type": "user_changed_user_id",
        "user_id": "US.2",
        "parent_user_id": "US.ENT.2",
        "previous_user_id": "US.1",
        "previous_parent_user_id": "US.ENT.1",
    }
    report = system(told, from_user_id="US.2")
    assert isinstance(report, IdentityChanged)
    assert report.old_keys == ("US.1", "US.ENT.1")
    assert report.sender.keys == ("US.2", "US.ENT.2")
    assert report.sender.address == "US.2"


@pytest.mark.parametrize(
    ("told", "beside", "reason"),
    [
        (
            {"type": "customer_identity_changed", "identity": {"hash": "h"}},
            {"from": "15550002001"},
            "identity_check",
        ),
        ({"type": "brand_new", "user_id": "US.2"}, {"from": "15550002001"}, "system"),
        ({}, {}, "system"),
        ({"type": "user_changed_number", "wa_id": "15550002099"}, {}, "no_sender"),
        ({"type": "user_changed_number"}, {"from": "15550002001"}, "no_sender"),
        (
            {"type": "user_changed_number", "wa_id": {"$gt": ""}},
            {"from": "15550002001"},
            "no_sender",
        ),
    ],
)
def test_a_system_message_without_both_sides_changes_nobody(
    told: dict[str, Any], beside: dict[str, str], reason: str
) -> None:
    assert system(told, **beside) == Ignored(reason=reason, account=ACCOUNT)


# -- what our side wrote elsewhere, and what somebody else answers --------------------------------


def test_an_echo_is_an_outbound_message_to_its_reader() -> None:
    report = example("smb_message_echo")
    assert isinstance(report, MessageReceived)
    assert (report.direction, report.text) == (
        "outbound",
        "Sent from the phone app by the shop owner",
    )
    assert report.sender.keys == ("15550002001", "US.10000000000000000001")
    assert (report.sender.address, report.sender.name) == ("+15550002001", "Alex Doe")
    assert (report.message_id, report.sent_at) == (None, at(1794000950))


def test_an_echo_of_our_own_send_carries_our_id() -> None:
    own = echo("text", {"body": "x"}, biz_opaque_callback_data=MESSAGE_ID)
    assert isinstance(own, MessageReceived)
    assert own.message_id == MESSAGE_ID
    other = echo("text", {"body": "x"}, biz_opaque_callback_data="outbox-1")
    assert isinstance(other, MessageReceived)
    assert other.message_id is None


def test_a_customer_cannot_claim_an_id_of_ours() -> None:
    report = message("text", {"body": "x"}, biz_opaque_callback_data=MESSAGE_ID)
    assert isinstance(report, MessageReceived)
    assert report.message_id is None


def test_our_side_edits_and_takes_back_on_the_phone_too() -> None:
    edited = echo(
        "edit",
        {
            "original_message_id": TARGET,
            "message": {"type": "text", "text": {"body": "new"}},
        },
    )
    assert isinstance(edited, Edited)
    assert (edited.provider_id, edited.text) == (TARGET, "new")
    assert isinstance(echo("revoke", {"original_message_id": TARGET}), Unsent)


def test_an_echo_to_a_hidden_number_or_to_nobody() -> None:
    hidden = echo("text", {"body": "x"}, to=None, to_user_id="GB.2", to_parent_user_id="GB.ENT.2")
    assert isinstance(hidden, MessageReceived)
    assert hidden.sender.keys == ("GB.2", "GB.ENT.2")
    assert echo("text", {"body": "x"}, to=None) == Ignored(reason="no_sender", account=ACCOUNT)


def test_what_another_program_answers_is_only_listened_to() -> None:
    value = payload("whatsapp", "text")["entry"][0]["changes"][0]["value"]
    sent = payload("whatsapp", "smb_message_echo")["entry"][0]["changes"][0]["value"]
    told = payload("whatsapp", "statuses_out_of_order")["entry"][0]["changes"][0]["value"]
    inbound, outbound, status = change("standby", **{**sent, **told, **value})
    assert isinstance(inbound, MessageReceived)
    assert isinstance(outbound, MessageReceived)
    assert (inbound.direction, inbound.standby) == ("inbound", True)
    assert (outbound.direction, outbound.standby) == ("outbound", True)
    assert isinstance(status, StatusReported)
    (plain,) = change("messages", **value)
    assert isinstance(plain, MessageReceived)
    assert plain.standby is False


@pytest.mark.parametrize(
    ("field", "reason"),
    [
        ("history", "history"),
        ("smb_app_state_sync", "history"),
        ("messaging_handovers", "handover"),
        ("business_capability_update", "account_news"),
        ("brand_new", "unknown_field"),
    ],
)
def test_a_field_that_holds_no_news_of_a_conversation_is_counted(field: str, reason: str) -> None:
    messages = [{"from": "15550002001", "id": "wamid.OLD", "type": "text", "text": {"body": "old"}}]
    reports = change(field, metadata=OWNER, messages=messages, history=[{"threads": messages}])
    assert reports == [Ignored(reason=reason)]


# -- statuses -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ids", "recipient"),
    [
        ({"recipient_id": "15550002001", "recipient_user_id": "US.1"}, "15550002001"),
        ({"recipient_user_id": "US.1"}, "US.1"),
        ({}, None),
        ({"recipient_id": 7}, None),
    ],
)
def test_a_status_says_whose_it_is_where_it_can(ids: dict[str, Any], recipient: str | None) -> None:
    (report,) = change(
        "messages", metadata=OWNER, statuses=[{"id": "wamid.1", "status": "read", **ids}]
    )
    assert isinstance(report, StatusReported)
    assert (report.status, report.recipient) == (Status.READ, recipient)


# -- the account ----------------------------------------------------------------------------------


def notice(report: Report) -> tuple[str, str, str]:
    assert isinstance(report, ChannelNotice)
    assert report.reason.endswith(".")
    return report.account, report.level, report.code


@pytest.mark.parametrize(
    ("field", "value", "level", "code"),
    [
        ("account_update", {"event": "ACCOUNT_DELETED"}, "stopped", "ACCOUNT_DELETED"),
        ("account_update", {"event": "ACCOUNT_OFFBOARDED"}, "stopped", "ACCOUNT_OFFBOARDED"),
        ("account_update", {"event": "PARTNER_REMOVED"}, "stopped", "PARTNER_REMOVED"),
        ("account_update", {"event": "ACCOUNT_VIOLATION"}, "warning", "ACCOUNT_VIOLATION"),
        (
            "account_update",
            {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "DISABLE"}},
            "stopped",
            "DISABLED_UPDATE",
        ),
        (
            "account_update",
            {
                "event": "DISABLED_UPDATE",
                "ban_info": {"waba_ban_state": "SCHEDULE_FOR_DISABLE"},
            },
            "warning",
            "DISABLED_UPDATE",
        ),
        (
            "account_update",
            {
                "event": "ACCOUNT_RESTRICTION",
                "restriction_info": [{"restriction_type": "RESTRICTED_BIZ_INITIATED_MESSAGING"}],
            },
            "stopped",
            "ACCOUNT_RESTRICTION",
        ),
        (
            "account_update",
            {
                "event": "ACCOUNT_RESTRICTION",
                "restriction_info": [
                    {"restriction_type": "RESTRICTED_ADD_PHONE_NUMBER_ACTION"},
                    None,
                ],
            },
            "warning",
            "ACCOUNT_RESTRICTION",
        ),
        ("account_update", {"event": "BRAND_NEW"}, "warning", "BRAND_NEW"),
        ("account_update", {"event": "<b>x</b>"}, "warning", "ACCOUNT_UPDATE"),
        (
            "account_alerts",
            {"alert_info": {"alert_severity": "CRITICAL", "alert_type": "OBA_APPROVED"}},
            "warning",
            "OBA_APPROVED",
        ),
        ("account_alerts", {}, "warning", "ACCOUNT_ALERT"),
        ("phone_number_quality_update", {"event": "FLAGGED"}, "warning", "FLAGGED"),
        ("phone_number_quality_update", {"event": "DOWNGRADE"}, "warning", "DOWNGRADE"),
    ],
)
def test_bad_news_of_the_account_is_told_in_a_sentence(
    field: str, value: dict[str, Any], level: str, code: str
) -> None:
    (report,) = change(field, **value)
    assert notice(report) == (BUSINESS, level, code)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("account_update", {"event": "ACCOUNT_RECONNECTED"}),
        ("account_update", {"event": "AD_ACCOUNT_LINKED"}),
        ("account_update", {"event": "VOLUME_BASED_PRICING_TIER_UPDATE"}),
        (
            "account_update",
            {"event": "DISABLED_UPDATE", "ban_info": {"waba_ban_state": "REINSTATE"}},
        ),
        ("account_alerts", {"alert_info": {"alert_severity": "INFORMATIONAL"}}),
        ("phone_number_quality_update", {"event": "THROUGHPUT_UPGRADE"}),
        ("phone_number_quality_update", {"event": "UNFLAGGED"}),
    ],
)
def test_good_news_of_the_account_alarms_nobody(field: str, value: dict[str, Any]) -> None:
    assert change(field, **value) == [Ignored(reason="account_news", account=BUSINESS)]


def test_an_alert_may_be_about_one_number() -> None:
    (report,) = change("account_alerts", entity_type="PHONE_NUMBER", entity_id=ACCOUNT)
    assert notice(report)[0] == ACCOUNT


def test_news_of_an_account_without_an_id_is_set_aside() -> None:
    changes = [{"field": "account_update", "value": {"event": "ACCOUNT_DELETED"}}]
    assert parse({"entry": [{"changes": changes}]}) == [Ignored(reason="no_account")]


@pytest.mark.parametrize(
    ("error", "level", "code"),
    [
        ({"code": 130429}, "warning", "130429"),
        ({"code": 131031}, "stopped", "131031"),
        ({"code": "190"}, "stopped", "190"),
        ({"code": 424242}, "warning", "424242"),
    ],
)
def test_a_fault_that_belongs_to_no_message_is_the_accounts(
    error: dict[str, Any], level: str, code: str
) -> None:
    (report,) = change("messages", metadata=OWNER, errors=[error])
    assert notice(report) == (ACCOUNT, level, code)


def test_a_fault_beside_a_message_is_the_messages_and_hides_it_not() -> None:
    value = payload("whatsapp", "text")["entry"][0]["changes"][0]["value"]
    value["messages"][0] |= {"type": "interactive", "interactive": {}}
    first, second, third = change("messages", **value, errors=[{"code": 131000}, None])
    assert isinstance(first, MessageReceived)
    assert (first.type, first.content) == ("unsupported", {"kind": "interactive"})
    assert second == Ignored(reason="message_error", account=ACCOUNT)
    assert third == SET_ASIDE


def test_a_payment_that_failed_is_no_message_that_failed() -> None:
    status = {"id": "wamid.1", "type": "payment", "status": "failed", "recipient_id": "15550002001"}
    (report,) = change("messages", metadata=OWNER, statuses=[status])
    assert report == Ignored(reason="payment", account=ACCOUNT)


def test_echoes_are_read_under_either_name() -> None:
    value = payload("whatsapp", "smb_message_echo")["entry"][0]["changes"][0]["value"]
    for field in ("smb_message_echoes", "message_echoes"):
        (report,) = change(field, **value)
        assert isinstance(report, MessageReceived)
        assert report.direction == "outbound"
