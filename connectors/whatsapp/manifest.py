"""What WhatsApp can do through Meta's Cloud API. Data only."""

from __future__ import annotations

from inbox.domain.channel import Credential, Manifest, MediaLimit, TextLimits
from inbox.domain.rich import ButtonLimits, LinkLimits, ListLimits, Rich

_MB = 1024 * 1024

MANIFEST = Manifest(
    kind="whatsapp",
    label="WhatsApp",
    provider="Meta",
    needs=(
        Credential(
            name="phone_number_id",
            label="Phone number ID",
            help="In Meta's app dashboard under WhatsApp, API Setup, next to your number. A long"
            " number of Meta's own, not the phone number itself.",
            form="[0-9]{5,32}",
        ),
        Credential(
            name="business_account_id",
            label="WhatsApp Business Account ID",
            help="On the same page, below the phone number ID.",
            form="[0-9]{5,32}",
        ),
        Credential(
            name="access_token",
            label="Access token",
            secret=True,
            help="In Meta Business Suite under Settings, Users, System users: choose the user, then"
            " Generate token, with the permissions whatsapp_business_messaging and"
            " whatsapp_business_management and the expiry Never.",
        ),
        Credential(
            name="app_secret",
            label="App secret",
            secret=True,
            help="In Meta's app dashboard under App settings, Basic: Show. While it is being"
            " replaced, give both with a comma between them.",
        ),
        Credential(
            name="verify_token",
            label="Verify token",
            secret=True,
            origin="ours",
            help="A random text that Meta asks for together with the webhook address.",
        ),
        Credential(
            name="read_receipts",
            label="Read receipts",
            required=False,
            origin="choice",
            choices=(("", "Show them"), ("no", "Do not show them")),
            help="Whether contacts see that a message was read, and that somebody is writing.",
        ),
    ),
    account_field="phone_number_id",
    signing_field="app_secret",
    text=TextLimits(max_chars=4096, caption_chars=1024),
    media=(
        MediaLimit(kind="image", mimes=("image/jpeg", "image/png"), max_bytes=5 * _MB),
        MediaLimit(kind="video", mimes=("video/mp4", "video/3gpp"), max_bytes=16 * _MB),
        MediaLimit(
            kind="audio",
            mimes=("audio/aac", "audio/amr", "audio/mpeg", "audio/mp4", "audio/ogg"),
            max_bytes=16 * _MB,
        ),
        MediaLimit(
            kind="document",
            mimes=(
                "text/plain",
                "application/pdf",
                "application/msword",
                "application/vnd.ms-excel",
                "application/vnd.ms-powerpoint",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            ),
            max_bytes=100 * _MB,
        ),
        MediaLimit(kind="sticker", mimes=("image/webp",), max_bytes=500 * 1024),
    ),
    max_attachments=1,
    reports=("sent", "delivered", "read", "failed"),
    handshake=True,
    window_hours=24,
    reply_basis_days=30,
    words="chat",
    rich=Rich(
        templates=True,
        buttons=ButtonLimits(
            max_count=3, title_chars=20, id_chars=256, text_chars=1024, footer_chars=60
        ),
        lists=ListLimits(
            max_rows=10,
            max_sections=10,
            button_chars=20,
            section_chars=24,
            title_chars=24,
            description_chars=72,
            id_chars=200,
            text_chars=4096,
            footer_chars=60,
        ),
        links=LinkLimits(title_chars=20, url_chars=2000, text_chars=1024, footer_chars=60),
        location=True,
        request_chars=1024,
        contacts=10,
        reactions=("👍", "❤️", "😂", "😮", "😢", "🙏"),
        any_reaction=True,
        quotes=True,
        signals=True,
    ),
    numbers=True,
    docs="developers.facebook.com/docs/whatsapp/cloud-api",
    preparing=(
        "A Meta app with the product WhatsApp, and the right to open its dashboard.",
        "Your phone number, added there under WhatsApp, API Setup.",
        "A system user of your business who may use this app and this WhatsApp account.",
    ),
    console="https://developers.facebook.com/apps/",
    pasting=(
        "In Meta's app dashboard, open WhatsApp, Configuration.",
        "Next to Webhook choose Edit, paste the two texts below, then Verify and save.",
        "Under Webhook fields, subscribe to messages, user_preferences, account_update,"
        " account_alerts and phone_number_quality_update; to smb_message_echoes, too, if you also"
        " write in the WhatsApp Business app.",
    ),
    greeting="Write to this number on WhatsApp from your own phone.",
)
