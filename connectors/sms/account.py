"""Asks Twilio whether a channel's credentials work and its account is active, and which credential
is the wrong one."""

from __future__ import annotations

from urllib.parse import urlencode

from connectors.body import items, line
from connectors.sms.client import Twilio
from connectors.sms.sender import refusal
from inbox.domain.channel import Channel
from inbox.domain.errors import AccountTrouble, AssentError, Permanent, Temporary
from inbox.domain.examination import Examination, Finding

_OK = Finding(state="ok")
_LATER = Finding(state="unknown", reason="Checked once the auth token is there.")


async def check(twilio: Twilio, channel: Channel) -> str:
    """The account's name for people. Raises as `Connector.check` says."""
    # Always by the auth token: an ordinary API key may not ask about its account.
    answer = await twilio.call("GET", channel, ".json", by_key=False)
    document = answer.json()
    if answer.status != 200:
        raise refusal(answer, document, sending=False)
    if line(document, "status", 32) != "active":
        raise AccountTrouble(
            "The Twilio account is suspended or closed. An admin must sort it out with Twilio.",
            code="account_inactive",
        )
    name = line(document, "friendly_name")
    return f"{name} ({channel.account})" if name else channel.account


async def examine(twilio: Twilio, channel: Channel) -> Examination:
    """As `Examines.examine` says."""
    if not channel.setting("account_sid") or not channel.setting("auth_token"):
        return Examination(findings={"number": _LATER})
    try:
        name = await check(twilio, channel)
    except AccountTrouble as error:
        if error.code == "account_inactive":
            wrong = Finding(state="wrong", reason=str(error))
            return Examination(findings={"account_sid": wrong, "auth_token": _OK})
        return Examination(findings=_do_not_fit())
    except Permanent:
        return Examination(findings=_do_not_fit())
    findings = {"account_sid": _OK, "auth_token": _OK}
    if channel.setting("number"):
        findings["number"] = await _number(twilio, channel)
    if channel.setting("api_key_sid") and channel.setting("api_key_secret"):
        key = await _key(twilio, channel)
        findings |= {"api_key_sid": key, "api_key_secret": key}
    return Examination(findings=findings, account_name=name)


def _do_not_fit() -> dict[str, Finding]:
    """Twilio does not say which of the two is wrong."""
    reason = "Twilio does not accept this Account SID and auth token together. Copy both again."
    return {
        "account_sid": Finding(state="unknown", reason="Checked together with the auth token."),
        "auth_token": Finding(state="wrong", reason=reason),
        "number": Finding(state="unknown"),
    }


async def _number(twilio: Twilio, channel: Channel) -> Finding:
    """source  www.twilio.com/docs/phone-numbers/api/incomingphonenumber-resource"""
    wanted = channel.setting("number")
    query = urlencode({"PhoneNumber": wanted})
    path = f"/IncomingPhoneNumbers.json?{query}"
    answer = await twilio.call("GET", channel, path, by_key=False)
    document = answer.json()
    if answer.status != 200:
        return _unknown(refusal(answer, document, sending=False))
    found = [
        one
        for one in items(document, "incoming_phone_numbers")
        if line(one, "phone_number", 32) == wanted
    ]
    if not found:
        reason = "This number is not in this Twilio account. Copy it from Active numbers."
        return Finding(state="wrong", reason=reason)
    return _OK


async def _key(twilio: Twilio, channel: Channel) -> Finding:
    answer = await twilio.call("GET", channel, "/Messages.json?PageSize=1")
    if answer.status == 200:
        return _OK
    error = refusal(answer, answer.json(), sending=False)
    if isinstance(error, AccountTrouble):
        reason = "Twilio does not accept this API key and secret together. Copy both again."
        return Finding(state="wrong", reason=reason)
    return _unknown(error)


def _unknown(error: AssentError) -> Finding:
    if isinstance(error, Temporary):
        raise error
    return Finding(state="unknown", reason="Twilio could not be asked about it.")
