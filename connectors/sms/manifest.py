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
            help="On the first page of Twilio's console, under Account Info. Begins with AC.",
            form="AC[0-9a-f]{32}",
        ),
        Credential(
            name="auth_token",
            label="Auth token",
            secret=True,
            help="Below the Account SID: Show. It also signs what Twilio reports to us.",
        ),
        Credential(
            name="number",
            label="Phone number",
            help="In Twilio's console under Phone Numbers, Manage, Active numbers. With + and the"
            " country code, such as +15550100.",
            form=r"\+[1-9][0-9]{6,14}",
        ),
        Credential(
            name="messaging_service_sid",
            label="Messaging Service SID",
            required=False,
            help="Under Messaging, Services. Begins with MG. When given, Twilio chooses the sender"
            " from this service.",
            form="MG[0-9a-f]{32}",
        ),
        Credential(
            name="api_key_sid",
            label="API key SID",
            required=False,
            help="Under Account, API keys & tokens. Begins with SK. When given with its secret, it"
            " is used for sending instead of the auth token.",
            form="SK[0-9a-f]{32}",
        ),
        Credential(
            name="api_key_secret",
            label="API key secret",
            secret=True,
            required=False,
            help="Twilio shows it once, when the API key is made.",
        ),
        Credential(
            name="auth_token_secondary",
            label="Secondary auth token",
            secret=True,
            required=False,
            help="Under Account, API keys & tokens, while the auth token is being replaced.",
        ),
        Credential(
            name="shared_keys",
            label="Shared keys",
            secret=True,
            required=False,
            help="Only if Twilio signs webhooks with a shared key: its id, then = and the key. One"
            " a line.",
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
    preparing=(
        "A Twilio account, and the right to open its console.",
        "A phone number in it that can send and receive text messages.",
    ),
    console="https://console.twilio.com/",
    pasting=(
        "In Twilio's console, open Phone Numbers, Manage, Active numbers, and choose your number.",
        "Under Messaging Configuration, next to A message comes in, choose Webhook and HTTP POST.",
        "Paste the address below, then Save configuration. A Messaging Service has the same under"
        " Integration: Send a webhook.",
    ),
    greeting="Send a text message to this number from your own phone.",
)
