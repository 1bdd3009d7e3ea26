"""Fetches a file that came by Messenger."""

from __future__ import annotations

from connectors.messaging import media as files
from connectors.meta import Graph
from inbox.domain.channel import Fetched
from inbox.domain.report import Media


async def fetch(graph: Graph, media: Media) -> Fetched:
    """Bring the file. Raises as `Connector.fetch` says."""
    return await files.fetch(graph.http, media, (graph.url,))
