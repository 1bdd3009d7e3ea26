"""News of the account itself, in sentences for an admin: what Meta decided about it, and faults
that belong to no message.

Good news is none: `Ignored`.

source  developers.facebook.com/docs/whatsapp/business-management-api/webhooks/components
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from connectors.body import code, items, line, mapping
from connectors.whatsapp.errors import judge
from inbox.domain.report import ChannelNotice, Ignored, Report

_WORD = re.compile(r"[A-Z0-9_]{2,64}", re.ASCII)

_STOPPED = {
    "ACCOUNT_DELETED": "Meta deleted this WhatsApp account. An admin must connect another one.",
    "ACCOUNT_OFFBOARDED": "This WhatsApp account was taken off the platform. An admin must connect"
    " it again at Meta.",
    "PARTNER_REMOVED": "This app no longer has access to the WhatsApp account. An admin must grant"
    " it again at Meta.",
}
_WARNINGS = {
    "ACCOUNT_VIOLATION": "Meta found this WhatsApp account in breach of its rules. An admin should"
    " look at the account at Meta.",
    "FLAGGED": "Meta rates this number's messages as low in quality and may limit it.",
    "DOWNGRADE": "Meta lowered how many people this number may write to in a day.",
}
_GOOD = frozenset(
    {
        "ACCOUNT_RECONNECTED",
        "AD_ACCOUNT_LINKED",
        "AUTH_INTL_PRICE_ELIGIBILITY_UPDATE",
        "BUSINESS_PRIMARY_LOCATION_COUNTRY_UPDATE",
        "MM_LITE_TERMS_SIGNED",
        "ONBOARDING",
        "PARTNER_ADDED",
        "PARTNER_APP_INSTALLED",
        "THROUGHPUT_UPGRADE",
        "UNFLAGGED",
        "UPGRADE",
        "VERIFIED_ACCOUNT",
        "VOLUME_BASED_PRICING_TIER_UPDATE",
    }
)
# Either of these ends what this inbox sends: answers, or the templates that begin a conversation.
_RESTRICTED = ("CUSTOMER_INITIATED", "BIZ_INITIATED", "BUSINESS_INITIATED")
_BANNED = ("DISABLE", "DISABLED")

# Faults that belong to no message; what the table of errors says of them is about a message.
_FAULTS = {
    4: "This business makes more calls than WhatsApp allows.",
    80007: "This business makes more calls than WhatsApp allows.",
    130429: "This number sends faster than WhatsApp allows.",
    131048: "WhatsApp slows this number down because people blocked or reported it.",
    131056: "Too many messages went from this number to one contact in a short time.",
    131057: "WhatsApp is maintaining this number.",
}


# Why a message that stands beside them has no content; nothing is wrong with the number then.
_OF_MESSAGES = (131000, 131051, 131060)


def faults(
    value: Mapping[str, object], account: str, *, of_messages: bool = False
) -> Iterator[Report]:
    """Each of a change's own `errors`; of_messages: there are messages that they may be about."""
    for item in items(value, "errors"):
        number = code(item, "code")
        if number is None:
            yield Ignored(reason="malformed_item", account=account)
            continue
        if of_messages and number in _OF_MESSAGES:
            yield Ignored(reason="message_error", account=account)
            continue
        verdict = judge(number)
        if verdict is not None and verdict.error.action == "account":
            yield _notice(account, str(number), verdict.error.reason, stopped=True)
            continue
        reason = _FAULTS.get(number, f"WhatsApp reports a fault of this number (code {number}).")
        yield _notice(account, str(number), reason)


def account_update(value: Mapping[str, object], account: str) -> Report:
    """What became of the business account."""
    event = _word(value, "event") or "ACCOUNT_UPDATE"
    if event in _GOOD:
        return Ignored(reason="account_news", account=account)
    if event in _STOPPED:
        return _notice(account, event, _STOPPED[event], stopped=True)
    if event == "DISABLED_UPDATE":
        return _banned(value, account)
    if event == "ACCOUNT_RESTRICTION":
        return _restricted(value, account)
    reason = _WARNINGS.get(event, "Meta changed something about this WhatsApp account.")
    return _notice(account, event, reason)


def _banned(value: Mapping[str, object], account: str) -> Report:
    state = _word(mapping(value, "ban_info"), "waba_ban_state") or ""
    if state == "REINSTATE":
        return Ignored(reason="account_news", account=account)
    if state in _BANNED:
        reason = "Meta disabled this WhatsApp account. An admin must appeal at Meta."
        return _notice(account, "DISABLED_UPDATE", reason, stopped=True)
    reason = "Meta is about to disable this WhatsApp account. An admin should look at it at Meta."
    return _notice(account, "DISABLED_UPDATE", reason)


def _restricted(value: Mapping[str, object], account: str) -> Report:
    kinds = [_word(item, "restriction_type") or "" for item in items(value, "restriction_info")]
    if any(part in kind for kind in kinds for part in _RESTRICTED):
        reason = (
            "Meta restricted what this WhatsApp account may send. An admin must appeal at Meta."
        )
        return _notice(account, "ACCOUNT_RESTRICTION", reason, stopped=True)
    reason = "Meta restricted this WhatsApp account. An admin should look at it at Meta."
    return _notice(account, "ACCOUNT_RESTRICTION", reason)


def account_alert(value: Mapping[str, object], account: str) -> Report:
    """An alert of the account; `entity_id` is the number that it is about, or the account."""
    alert = mapping(value, "alert_info")
    word = _word(alert, "alert_type") or "ACCOUNT_ALERT"
    if _word(value, "entity_type") == "PHONE_NUMBER":
        account = line(value, "entity_id", 64) or account
    if _word(alert, "alert_severity") == "INFORMATIONAL":
        return Ignored(reason="account_news", account=account)
    reason = "Meta has an alert for this WhatsApp account. An admin should look at it at Meta."
    return _notice(account, word, reason)


def quality(value: Mapping[str, object], account: str) -> Report:
    """What Meta thinks of the number's messages."""
    event = _word(value, "event") or "PHONE_NUMBER_QUALITY"
    if event in _GOOD:
        return Ignored(reason="account_news", account=account)
    return _notice(
        account, event, _WARNINGS.get(event, "Meta changed its rating of this WhatsApp number.")
    )


def _word(value: object, key: str) -> str | None:
    """One of Meta's constants; None for anything that has not the form of one."""
    found = line(value, key, 64)
    return found if found and _WORD.fullmatch(found) else None


def _notice(account: str, word: str, reason: str, *, stopped: bool = False) -> ChannelNotice:
    return ChannelNotice(
        account=account, level="stopped" if stopped else "warning", code=word, reason=reason
    )
