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
            help="The id of your professional account, 17 digits beginning with 17841; in Meta's"
            " app dashboard under Instagram, API setup. Not the user name.",
        ),
        Credential(
            name="login",
            label="Connected by",
            required=False,
            help="Enter facebook if the account is connected through a Facebook page. Leave it"
            " empty, or enter instagram, if you signed in with Instagram itself.",
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
            " the app secret under App settings, Basic. If unsure, give both, one a line.",
        ),
        Credential(
            name="verify_token",
            label="Verify token",
            secret=True,
            help="Any text of your own; enter the same one where Meta asks for it.",
        ),
        Credential(
            name="human_agent",
            label="Human Agent permission",
            required=False,
            help="Enter yes if Meta has granted your app the feature Human Agent: people can then"
            " reply for seven days instead of 24 hours. Leave it empty otherwise.",
        ),
        Credential(
            name="read_receipts",
            label="Read receipts",
            required=False,
            help="Enter no if contacts should not see that a message was read, nor that somebody"
            " is writing. Leave it empty otherwise.",
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
)
