"""What SMS and MMS can do through Twilio. Data only."""

from __future__ import annotations

from inbox.domain.channel import Ack, Credential, Manifest, MediaLimit, TextLimits

_KB = 1024

MANIFEST = Manifest(
    kind="sms",
    label="SMS",
    provider="Twilio",
    needs=(
        Credential(
            name="account_sid",
            label="Account SID",
            help="Begins with AC; on the first page of Twilio's console.",
        ),
        Credential(
            name="auth_token",
            label="Auth token",
            secret=True,
            help="Next to the Account SID. It also signs what Twilio reports to us.",
        ),
        Credential(
            name="number",
            label="Phone number",
            help="Your Twilio number with + and country code, such as +15550100.",
        ),
        Credential(
            name="messaging_service_sid",
            label="Messaging Service SID",
            required=False,
            help="Begins with MG. When given, Twilio chooses the sender from this service.",
        ),
        Credential(
            name="api_key_sid",
            label="API key SID",
            required=False,
            help="Begins with SK. When given with its secret, it is used for sending instead of"
            " the auth token.",
        ),
        Credential(name="api_key_secret", label="API key secret", secret=True, required=False),
        Credential(
            name="auth_token_secondary",
            label="Secondary auth token",
            secret=True,
            required=False,
            help="While the auth token is being replaced.",
        ),
    ),
    account_field="number",
    signing_field="auth_token",
    text=TextLimits(max_chars=1600, caption_chars=1600, segments=True),
    media=(
        MediaLimit(
            kind="image",
            mimes=("image/jpeg", "image/png", "image/gif"),
            max_bytes=5 * 1024 * _KB,
        ),
        MediaLimit(kind="video", mimes=("video/mp4", "video/3gpp"), max_bytes=500 * _KB),
        MediaLimit(
            kind="audio",
            mimes=("audio/mpeg", "audio/mp4", "audio/ogg", "audio/amr"),
            max_bytes=500 * _KB,
        ),
        MediaLimit(
            kind="document",
            mimes=("application/pdf", "text/vcard", "text/plain"),
            max_bytes=500 * _KB,
        ),
    ),
    max_attachments=10,
    reports=("sent", "delivered", "failed"),
    # A text body would be sent on to the customer as an answer.
    ack=Ack(content_type="text/xml", body='<?xml version="1.0" encoding="UTF-8"?><Response/>'),
    window_hours=None,
    reply_basis_days=30,
    provider_stop=True,
    words="sms",
    numbers=True,
    hard_stop=True,
    docs="www.twilio.com/docs/messaging",
)
