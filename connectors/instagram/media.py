"""Fetches a file that came by Instagram."""

from __future__ import annotations

from connectors.instagram.account import Graphs
from connectors.messaging import media as files
from inbox.domain.channel import Fetched
from inbox.domain.report import Media


async def fetch(graphs: Graphs, media: Media) -> Fetched:
    """Bring the file. Raises as `Connector.fetch` says."""
    return await files.fetch(
        graphs.instagram.http, media, (graphs.instagram.url, graphs.facebook.url)
    )
