"""Believes Twilio's calls, and says what they report: a message that came, or how ours fare."""

from __future__ import annotations

import hmac
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from hashlib import sha256
from typing import Literal
from urllib.parse import parse_qs, urlsplit

from twilio.request_validator import (  # type: ignore[import-untyped]  # has no types
    HMAC_SHA1,
    HMAC_SHA256,
    RequestValidator,
    add_port,
    get_signature_algorithm,
    remove_port,
)

from connectors.body import our_message
from connectors.meta import split_secrets
from connectors.sms import listed
from connectors.sms.address import read_address
from connectors.sms.content import read_content, read_emoji
from connectors.sms.errors import explain
from connectors.sms.form import Form, is_form, read_form
from connectors.sms.people import read_sender
from inbox.domain.channel import Channel, Payload, WebhookRequest
from inbox.domain.errors import MalformedPayload, Untrusted
from inbox.domain.message import AttachmentKind, Status
from inbox.domain.report import (
    Ignored,
    Media,
    MessageReceived,
    Reacted,
    Report,
    StatusReported,
)

_INBOUND = ("received", "receiving")
_STATUS = {
    "sent": Status.SENT,
    "delivered": Status.DELIVERED,
    "read": Status.READ,
    "undelivered": Status.FAILED,
    "failed": Status.FAILED,
    "canceled": Status.FAILED,
}
_NOT_YET = ("queued", "accepted", "sending", "scheduled")
_ID = re.compile(r"[0-9A-Za-z]{2,64}", re.ASCII)
_MOST_MEDIA = 32


def verify(request: WebhookRequest, channels: Sequence[Channel]) -> None:
    """Believe the call or raise `Untrusted`: signed with a token of a channel, and of its account.

    The address that was signed is the configured public one: behind a proxy the request's own
    names another host.
    """
    headers = request.headers
    if "x-twilio-signature" not in headers:
        raise Untrusted("the signature header is missing", code="unsigned")
    settings = headers.get("x-twilio-webhooks-signature-settings", "")
    algorithm = get_signature_algorithm(settings)
    if algorithm not in (HMAC_SHA1, HMAC_SHA256):
        raise Untrusted("the signature is of a kind that is not known", code="unsigned")
    form = _signed_form(request)
    said = form if form and request.method != "GET" else _read(request.query)
    account = said.first("AccountSid")
    for channel in channels:
        # Each secret belongs to one algorithm: a request must not choose how the token is used.
        if algorithm == HMAC_SHA1:
            secrets = split_secrets(channel.setting("auth_token"))
            secrets += split_secrets(channel.setting("auth_token_secondary"))
        else:
            secrets = _shared_keys(channel, settings)
        if not any(signed(request, form, secret, algorithm) for secret in secrets):
            continue
        if account == channel.setting("account_sid") or (form is None and not account):
            return
    raise Untrusted("no token of this channel made the signature, or it is another account's")


def _shared_keys(channel: Channel, settings: str) -> list[str]:
    """Those of this channel that the request names."""
    parts = dict(part.strip().partition("=")[::2] for part in settings.split(","))
    known = [one.partition("=") for one in split_secrets(channel.setting("shared_keys"))]
    return [key.strip() for name, _, key in known if name.strip() == parts.get("key") and name]


def _signed_form(request: WebhookRequest) -> Form | None:
    """The parameters that took part in the signature; None where the body has a hash instead."""
    if request.method == "GET":
        return Form()
    if not is_form(request.headers.get("content-type", "")):
        return None
    return _read(request.body)


def _read(raw: bytes) -> Form:
    try:
        return read_form(raw)
    except ValueError as error:
        raise Untrusted("the form cannot be read") from error


def signed(
    request: WebhookRequest, form: Form | None, token: str, algorithm: str = HMAC_SHA1
) -> bool:
    """True when `token` made the signature over the address, with or without its port (Twilio does
    either), and the form or the hash of the body.

    source  www.twilio.com/docs/usage/security#validating-requests
    """
    given = request.headers.get("x-twilio-signature", "").encode("utf-8", "replace")
    if not token or not given or (form is None and not _hash_fits(request)):
        return False
    validator = RequestValidator(token)
    parts = urlsplit(request.url)
    addresses = {request.url, add_port(parts), remove_port(parts)}
    made = [validator.compute_signature(address, form, algorithm).encode() for address in addresses]
    return any([hmac.compare_digest(signature, given) for signature in made])


def _hash_fits(request: WebhookRequest) -> bool:
    named = parse_qs(urlsplit(request.url).query).get("bodySHA256", [])
    made = sha256(request.body).hexdigest().encode()
    return len(named) == 1 and hmac.compare_digest(made, named[0].lower().encode())


def parse(payload: Payload, received_at: datetime) -> list[Report]:
    """Say what one call reports, which is always one thing, or what was listed.

    received_at  not used: Twilio's calls give no time, and ours is when they came
    raises       MalformedPayload: not a form, or no listing
    source       www.twilio.com/docs/messaging/guides/webhook-request
    """
    if payload.method == listed.PULLED:
        return [report for one in listed.messages(payload) for report in _listed(one)]
    try:
        query = read_form(payload.query)
        form = query if payload.method == "GET" else read_form(payload.body)
    except ValueError as error:
        raise MalformedPayload("the call is not a form") from error
    if payload.method != "GET" and not is_form(payload.content_type):
        return [Ignored(reason="json_event")]
    word = (form.first("MessageStatus") or form.first("SmsStatus")).lower()
    if word in _INBOUND or ("Body" in form and not word):
        return [_message(form)]
    return [_status(form, word, query)]


def _listed(message: Mapping[str, object] | None) -> Iterator[Report]:
    """A message that was listed, and how it fares where it is ours."""
    if message is None:
        yield Ignored(reason="malformed_item")
    elif listed.is_inbound(message):
        yield listed.dated(_message(listed.form_of(message)), message)
    else:
        form = listed.form_of(message)
        status = _status(form, form.first("MessageStatus").lower(), Form())
        if isinstance(status, StatusReported):
            echo = _message(listed.form_of(listed.exchanged(message)))
            if isinstance(echo, MessageReceived):
                echo = replace(echo, direction="outbound")
            yield listed.dated(echo, message)
        yield listed.dated(status, message)


def _message_id(form: Form) -> str | None:
    for name in ("MessageSid", "SmsMessageSid", "SmsSid"):
        if _ID.fullmatch(form.first(name)):
            return form.first(name)
    return None


def _account(form: Form, field: str) -> str:
    """Our side: the number, which is the same one whatever service it is used with; else as it
    stands, which is no channel's, and then the pool says whose it is."""
    address = read_address(form.first(field))
    return address.bare if address.is_number else form.first(field).strip()


def _message(form: Form) -> Report:
    account, provider_id = _account(form, "To"), _message_id(form)
    if provider_id is None or not account:
        return Ignored(reason="malformed_item")
    sender = read_sender(form)
    if sender is None:
        return Ignored(reason="no_sender", account=account)
    service = read_address(form.first("From")).service
    target = form.first("OriginalRepliedMessageSid").strip() or None
    emoji = read_emoji(form) if service else None
    if target is not None and emoji is not None:
        return Reacted(account=account, provider_id=target, sender=sender, emoji=emoji or None)
    content = read_content(form, _media(form, provider_id), typed=bool(service))
    return MessageReceived(
        account=account,
        provider_id=provider_id,
        sender=sender,
        type=content.type,
        text=content.text,
        media=content.media,
        reply_to=target,
        opt_out_type=_OPT_OUT_TYPES.get(form.first("OptOutType").strip().upper()),
        content=content.more or None,
        # Only SMS is ours to send: nothing automatic could leave there.
        standby=bool(service),
        pool=form.first("MessagingServiceSid") or None,
    )


_OPT_OUT_TYPES: dict[str, Literal["STOP", "START", "HELP"]] = {
    "STOP": "STOP",
    "START": "START",
    "HELP": "HELP",
}


def _media(form: Form, provider_id: str) -> tuple[Media, ...]:
    """Those that are there, whatever `NumMedia` says of them."""
    found = []
    for position in range(_MOST_MEDIA):
        if f"MediaUrl{position}" not in form:
            break
        url = form.first(f"MediaUrl{position}")
        mime = form.first(f"MediaContentType{position}")[:128] or None
        if url:
            # `fetch` must know whose file it may be; see media.py.
            ref = f"{provider_id} {url}"
            found.append(Media(ref=ref, kind=_kind(mime), mime=mime))
    return tuple(found)


def _kind(mime: str | None) -> AttachmentKind:
    match (mime or "").split("/")[0].lower():
        case "image":
            return "image"
        case "video":
            return "video"
        case "audio":
            return "audio"
        case _:
            return "document"


def _status(form: Form, word: str, query: Form) -> Report:
    account, provider_id = _account(form, "From"), _message_id(form)
    if provider_id is None:
        return Ignored(reason="malformed_item")
    if not word:
        return Ignored(reason="empty_status", account=account)
    if word in _NOT_YET:
        return Ignored(reason="not_sent_yet", account=account)
    status = _STATUS.get(word)
    if form.first("EventType").strip().upper() == "READ" and status is not Status.FAILED:
        status = Status.READ
    if status is None:
        return Ignored(reason="unknown_status", account=account)
    digits = form.first("ErrorCode").strip()
    number = int(digits) if re.fullmatch(r"[1-9][0-9]{0,8}", digits, re.ASCII) else None
    return StatusReported(
        account=account,
        status=status,
        provider_id=provider_id,
        message_id=our_message(query.first("message")),
        recipient=form.first("To").strip() or None,
        error=explain(number, word) if status is Status.FAILED else None,
        pool=form.first("MessagingServiceSid") or None,
    )
