"""The registry: every kind of channel there is. Only `run.py` and tests import it."""

from __future__ import annotations

from connectors.http import Http
from connectors.sms import Sms
from connectors.whatsapp import WhatsApp
from inbox.domain.channel import Connector


def registry(http: Http, *, graph_url: str, twilio_url: str) -> dict[str, Connector]:
    """The connectors by kind.

    graph_url   with its version: https://graph.facebook.com/v26.0
    twilio_url  https://api.twilio.com
    """
    connectors: tuple[Connector, ...] = (WhatsApp(http, graph_url), Sms(http, twilio_url))
    return {connector.manifest.kind: connector for connector in connectors}
