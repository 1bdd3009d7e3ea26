"""Sends one SMS or MMS. `build` and `read` are pure; `send` talks to Twilio."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime

from connectors.body import code, line
from connectors.http import Answer, Verdict, failure
from connectors.sms.address import e164, read_address
from connectors.sms.client import Twilio
from connectors.sms.errors import judge, unlisted
from inbox.domain.channel import OutboundMessage, Sent
from inbox.domain.errors import (
    AccountTrouble,
    AssentError,
    OutcomeUnknown,
    Permanent,
    Temporary,
)
from inbox.domain.gate import Permit


async def send(twilio: Twilio, message: OutboundMessage, permit: Permit) -> Sent:
    """Hand it to Twilio, once: there is no key that would make a second try harmless. Raises as
    `Connector.send` says."""
    permit.spend(message.subject(), datetime.now(UTC))
    form = build(message)
    return read(await twilio.call("POST", message.channel, "/Messages.json", form))


def build(message: OutboundMessage) -> dict[str, object]:
    """The form of the call.

    raises   Permanent for an address that takes no answer, or with nothing to send
    source   www.twilio.com/docs/messaging/api/message-resource#create-a-message-resource
    """
    if e164(message.to) is None:
        raise _not_repliable(message.to)
    if not message.text.strip() and not message.files:
        raise Permanent("There is nothing to send.", code="empty")
    form: dict[str, object] = {"To": e164(message.to)}
    service = message.channel.setting("messaging_service_sid")
    if service:
        form["MessagingServiceSid"] = service
    else:
        form["From"] = message.channel.account
    if message.text:
        form["Body"] = message.text
    if message.files:
        form["MediaUrl"] = [file.url for file in message.files]
    if message.status_url:
        form["StatusCallback"] = message.status_url
    return form


def _not_repliable(address: str) -> Permanent:
    label = read_address(address).label
    reason = "This sender's address takes no answers."
    if label:
        reason = (
            f"They wrote over {label} at Twilio, and this channel sends SMS alone. Answer them from"
            f" a channel for {label}."
        )
    return Permanent(reason, code="not_repliable")


def read(answer: Answer) -> Sent:
    """What the answer to a send says, or the exception that it means."""
    document = answer.json()
    if 200 <= answer.status < 300:
        provider_id = line(document, "sid", 64)
        if provider_id is None:
            raise _unclear()
        return Sent(provider_id=provider_id)
    raise refusal(answer, document, sending=True)


def refusal(answer: Answer, document: object, *, sending: bool) -> AssentError:
    """The exception for an answer that is no success.

    sending   a fault on Twilio's side leaves open whether the message was taken, unless it says
              that it is out of service
    """
    number = code(document, "code") if isinstance(document, Mapping) else None
    verdict = judge(number) if number is not None else None
    if verdict is not None:
        return failure(verdict, answer.retry_after_s)
    if answer.status == 429:
        wait = answer.retry_after_s
        return Temporary("Twilio asks us to slow down.", code="http_429", retry_after_s=wait)
    if answer.status >= 500:
        return _unclear() if sending else Temporary("Twilio has a fault.", code="bad_answer")
    if answer.status == 401:
        return AccountTrouble("Twilio does not accept the credentials.", code="http_401")
    if number is not None:
        return failure(Verdict(error=unlisted(number)))
    return Permanent("Twilio refused the request.", code=f"http_{answer.status}")


def _unclear() -> OutcomeUnknown:
    return OutcomeUnknown(
        "Twilio gave no clear answer, so it is not known whether the message was sent.",
        code="bad_answer",
    )
