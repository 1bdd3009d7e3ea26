"""What mail through Gmail can do. Data only."""

from __future__ import annotations

from inbox.domain.channel import Ack, Credential, Manifest, MediaLimit, TextLimits

# Gmail refuses a mail of more than 25 MB as it travels, where files take a third more.
MOST_FILE_BYTES = 18 * 1024 * 1024
LOOK_BACK_DAYS = 14
UNITS_A_MINUTE = 6_000

MANIFEST = Manifest(
    kind="gmail",
    label="Gmail",
    provider="Google",
    needs=(
        Credential(
            name="client_id",
            label="OAuth client ID",
            help="In Google Cloud's console under APIs & Services, Credentials; ends with"
            " .apps.googleusercontent.com.",
        ),
        Credential(
            name="client_secret",
            label="OAuth client secret",
            secret=True,
            help="Next to the client ID.",
        ),
        Credential(
            name="refresh_token",
            label="Refresh token",
            secret=True,
            by_sign_in=True,
            help="Google gives it when you sign in.",
        ),
        Credential(
            name="address",
            label="Mail address",
            by_sign_in=True,
            help="The mailbox, such as support@example.com; Google says it when you sign in.",
        ),
        Credential(
            name="topic",
            label="Pub/Sub topic",
            required=False,
            help="Such as projects/P/topics/T. With it Google tells us of new mail at once;"
            " without it we look every minute.",
        ),
        Credential(
            name="service_account",
            label="Push service account",
            required=False,
            help="The mail address of the service account that signs the pushes of the topic's"
            " subscription.",
        ),
        Credential(
            name="audience",
            label="Push audience",
            required=False,
            help="What the subscription names as audience; leave it empty for the webhook address.",
        ),
        Credential(
            name="look_back_days",
            label="Days to look back",
            required=False,
            help=f"How far back mail is brought in when the mailbox is connected:"
            f" {LOOK_BACK_DAYS} days unless said otherwise.",
        ),
        Credential(
            name="units_per_minute",
            label="Quota units a minute",
            required=False,
            help=f"What Google allows for each mailbox: {UNITS_A_MINUTE} for a new project, 15000"
            " for one from before May 2026.",
        ),
    ),
    account_field="address",
    signing_field="service_account",
    text=TextLimits(max_chars=65_000, caption_chars=65_000),
    media=(MediaLimit(kind="document", mimes=("*/*",), max_bytes=MOST_FILE_BYTES),),
    max_attachments=20,
    max_media_bytes=MOST_FILE_BYTES,
    reports=("sent", "failed"),
    # Anything but a success comes again for days.
    ack=Ack(status=204),
    # A correspondence takes longer than a chat does.
    reply_basis_days=180,
    words="email",
    mail=True,
    docs="developers.google.com/workspace/gmail/api",
    preparing=(
        "A project in Google Cloud's console with the Gmail API enabled.",
        "In it, under APIs & Services, Credentials, an OAuth client of the type Web application,"
        " with this inbox's address followed by /settings/channels/callback among its Authorised"
        " redirect URIs.",
        "The mailbox's own Google sign-in: you are asked for it in a moment.",
    ),
    console="https://console.cloud.google.com/apis/credentials",
    greeting="Write a mail to this mailbox from another address.",
)
