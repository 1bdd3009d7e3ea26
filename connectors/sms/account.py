"""Asks Twilio whether a channel's credentials work, and whether its account is active."""

from __future__ import annotations

from connectors.body import line
from connectors.sms.client import Twilio
from connectors.sms.sender import refusal
from inbox.domain.channel import Channel
from inbox.domain.errors import AccountTrouble


async def check(twilio: Twilio, channel: Channel) -> str:
    """The account's name for people. Raises as `Connector.check` says."""
    answer = await twilio.call("GET", channel, ".json")
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
