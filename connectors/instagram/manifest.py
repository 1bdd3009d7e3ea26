"""What Instagram's direct messages can do. Data only."""

from __future__ import annotations

from connectors.messaging.signals import REACTIONS
from inbox.domain.channel import Credential, Manifest, MediaLimit, TextLimits
from inbox.domain.rich import ButtonLimits, Rich

_MB = 1024 * 1024

MANIFEST = Manifest(
    kind="instagram",
    label="Instagram",
    provider="Meta",
    needs=(
        Credential(
            name="account_id",
            label="Instagram account ID",
            form="[0-9]{5,32}",
            help="The id of your professional account, 17 digits beginning with 17841; in Meta's"
            " app dashboard under Instagram, API setup. Not the user name.",
        ),
        Credential(
            name="login",
            label="Connected by",
            required=False,
            origin="choice",
            choices=(("instagram", "Instagram log-in"), ("facebook", "A linked Facebook page")),
            help="How the account is connected to your Meta app: by its own Instagram log-in, or"
            " through a Facebook page.",
        ),
        Credential(
            name="access_token",
            label="Access token",
            secret=True,
            help="By Instagram: the token that API setup generates for the account; it runs out"
            " after 60 days. By Facebook: the access token of the linked page.",
        ),
        Credential(
            name="app_secret",
            label="App secret",
            secret=True,
            help="By Instagram: the Instagram app secret under Instagram, API setup. By Facebook:"
            " the app secret under App settings, Basic. If unsure, give both with a comma.",
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
    account_field="account_id",
    signing_field="app_secret",
    # A thousand bytes, so that a text with emoji or in another script is shorter.
    text=TextLimits(max_chars=1000, caption_chars=0, max_bytes=1000),
    media=(
        MediaLimit(kind="image", mimes=("image/jpeg", "image/png"), max_bytes=8 * _MB),
        MediaLimit(
            kind="video",
            mimes=("video/mp4", "video/ogg", "video/webm", "video/quicktime", "video/x-msvideo"),
            max_bytes=25 * _MB,
        ),
        MediaLimit(
            kind="audio",
            mimes=("audio/aac", "audio/mp4", "audio/x-m4a", "audio/wav", "audio/x-wav"),
            max_bytes=25 * _MB,
        ),
        MediaLimit(kind="document", mimes=("application/pdf",), max_bytes=25 * _MB),
    ),
    max_attachments=1,
    reports=("sent", "read", "failed"),
    handshake=True,
    window_hours=24,
    human_agent_days=7,
    reply_basis_days=30,
    words="chat",
    rich=Rich(
        # Quick replies: they stand below the text until something else is written.
        buttons=ButtonLimits(max_count=13, title_chars=20, id_chars=1000, text_chars=1000),
        reactions=tuple(REACTIONS),
        quotes=True,
        signals=True,
    ),
    docs="developers.facebook.com/docs/instagram-platform",
    preparing=(
        "A professional Instagram account, and its password or the right to manage it.",
        "A Meta app with the product Instagram, and the right to open its dashboard.",
        "In the Instagram app, under Messages and story replies, Allow access to messages is on.",
    ),
    console="https://developers.facebook.com/apps/",
    pasting=(
        "In Meta's app dashboard, open Instagram, API setup.",
        "Under Configure webhooks, paste the two texts below, then Verify and save.",
        "Subscribe to messages, messaging_postbacks, message_reactions, messaging_seen,"
        " messaging_referral and message_edit.",
        "Next to your account, switch Webhook Subscription on.",
    ),
    greeting="Write to your account on Instagram, from another account.",
)
