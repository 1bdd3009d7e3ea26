"""The registry: every kind of channel there is. Only `run.py` and tests import it."""

from __future__ import annotations

from connectors.gmail import Gmail
from connectors.gmail.google import Google
from connectors.http import Http
from connectors.instagram import Instagram
from connectors.messenger import Messenger
from connectors.sms import Sms
from connectors.whatsapp import WhatsApp
from inbox.domain.channel import Connector


def registry(
    http: Http,
    *,
    graph_url: str,
    twilio_url: str,
    instagram_url: str = "https://graph.instagram.com/v26.0",
    google: Google | None = None,
) -> dict[str, Connector]:
    """The connectors by kind.

    graph_url      with its version: https://graph.facebook.com/v26.0
    twilio_url     https://api.twilio.com
    instagram_url  with its version, for accounts that signed in with Instagram itself
    google         where Gmail and Google's sign-in are; None: at Google
    """
    connectors: tuple[Connector, ...] = (
        WhatsApp(http, graph_url),
        Sms(http, twilio_url),
        Messenger(http, graph_url),
        Instagram(http, graph_url, instagram_url),
        Gmail(http, google),
    )
    return {connector.manifest.kind: connector for connector in connectors}
