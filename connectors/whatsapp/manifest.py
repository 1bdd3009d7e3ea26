"""What WhatsApp can do through Meta's Cloud API. Data only."""

from __future__ import annotations

from inbox.domain.channel import Credential, Manifest, MediaLimit, TextLimits

_MB = 1024 * 1024

MANIFEST = Manifest(
    kind="whatsapp",
    label="WhatsApp",
    provider="Meta",
    needs=(
        Credential(
            name="phone_number_id",
            label="Phone number ID",
            help="In Meta's app dashboard under WhatsApp, API Setup. Not the phone number itself.",
        ),
        Credential(
            name="business_account_id",
            label="WhatsApp Business Account ID",
            help="On the same page, below the phone number ID.",
        ),
        Credential(
            name="access_token",
            label="Access token",
            secret=True,
            help="A permanent token of a system user with the permissions"
            " whatsapp_business_messaging and whatsapp_business_management.",
        ),
        Credential(
            name="app_secret",
            label="App secret",
            secret=True,
            help="In Meta's app dashboard under App settings, Basic. While it is being replaced,"
            " give both, one a line.",
        ),
        Credential(
            name="verify_token",
            label="Verify token",
            secret=True,
            help="Any text of your own; enter the same one where Meta asks for it.",
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
    numbers=True,
    docs="developers.facebook.com/docs/whatsapp/cloud-api",
)
