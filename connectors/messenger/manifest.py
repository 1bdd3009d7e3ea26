"""What Messenger can do. Data only."""

from __future__ import annotations

from connectors.messaging.signals import REACTIONS
from inbox.domain.channel import Credential, Manifest, MediaLimit, TextLimits
from inbox.domain.rich import ButtonLimits, Rich

_MB = 1024 * 1024

MANIFEST = Manifest(
    kind="messenger",
    label="Messenger",
    provider="Meta",
    needs=(
        Credential(
            name="page_id",
            label="Page ID",
            form="[0-9]{5,32}",
            help="On your Facebook page under About, Page transparency. Digits only.",
        ),
        Credential(
            name="access_token",
            label="Page access token",
            secret=True,
            help="In Meta's app dashboard under Messenger, Settings: choose the page, then Generate"
            " token. It needs the permissions pages_messaging and pages_manage_metadata.",
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
            name="human_agent",
            label="Human Agent permission",
            required=False,
            origin="choice",
            choices=(("", "No"), ("yes", "Yes, Meta has granted it")),
            help="Only if Meta has granted your app the feature Human Agent: people can then reply"
            " for seven days instead of 24 hours.",
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
    account_field="page_id",
    signing_field="app_secret",
    text=TextLimits(max_chars=2000, caption_chars=0),
    media=(
        MediaLimit(
            kind="image",
            mimes=("image/jpeg", "image/png", "image/gif"),
            max_bytes=8 * _MB,
        ),
        MediaLimit(kind="video", mimes=("video/mp4", "video/3gpp"), max_bytes=25 * _MB),
        MediaLimit(
            kind="audio",
            mimes=("audio/aac", "audio/mpeg", "audio/mp4", "audio/amr"),
            max_bytes=25 * _MB,
        ),
        MediaLimit(
            kind="document",
            mimes=(
                "text/plain",
                "text/csv",
                "application/pdf",
                "application/msword",
                "application/vnd.ms-excel",
                "application/vnd.ms-powerpoint",
                "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
                "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
                "application/vnd.openxmlformats-officedocument.presentationml.presentation",
            ),
            max_bytes=25 * _MB,
        ),
    ),
    max_attachments=1,
    reports=("sent", "delivered", "read", "failed"),
    handshake=True,
    window_hours=24,
    human_agent_days=7,
    reply_basis_days=30,
    words="chat",
    rich=Rich(
        # Quick replies: they stand below the text until something else is written.
        buttons=ButtonLimits(max_count=13, title_chars=20, id_chars=1000, text_chars=2000),
        reactions=tuple(REACTIONS),
        quotes=True,
        signals=True,
    ),
    docs="developers.facebook.com/docs/messenger-platform",
    preparing=(
        "A Meta app with the product Messenger, and the right to open its dashboard.",
        "Your Facebook page, and the right to manage its messages.",
    ),
    console="https://developers.facebook.com/apps/",
    pasting=(
        "In Meta's app dashboard, open Messenger, Messenger API Settings.",
        "Under Configure webhooks, paste the two texts below, then Verify and save.",
        "Under Generate access tokens, next to your page choose Add subscriptions. Tick messages,"
        " messaging_postbacks, message_deliveries, message_reads, message_reactions,"
        " message_edits, message_echoes and messaging_optins.",
    ),
    greeting="Write to your page in Messenger, from an account that does not manage it.",
)
