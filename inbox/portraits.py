"""Profile pictures: a small copy of our own, since a platform's address of one runs out in days.

Fetched once, through the connector like any file of its platform, decoded and encoded anew, and
stored with the conversation, so that who may see that may see it. Without one there are initials.
"""

from __future__ import annotations

import asyncio
import io
from collections.abc import Mapping
from dataclasses import replace
from datetime import UTC, datetime

from PIL import Image

from inbox import events
from inbox.domain.channel import Channel, Connector
from inbox.domain.contact import Identity
from inbox.domain.errors import AccountTrouble, Invalid, Permanent, Temporary
from inbox.domain.ids import ConversationId
from inbox.domain.report import Media
from inbox.files import Safe, make_safe
from inbox.hub import Hub
from inbox.stores import Stores

MOST_BYTES = 5 * 1024 * 1024
SIDE_PIXELS = 192
LONGEST_S = 30.0


class Portraits:
    def __init__(self, stores: Stores, hub: Hub, connectors: Mapping[str, Connector]) -> None:
        self._stores = stores
        self._hub = hub
        self._connectors = connectors

    async def keep(
        self, identity: Identity, conversation_id: ConversationId, channel: Channel, url: str
    ) -> None:
        """Fetch and show a person's picture, if there is none yet. One that cannot be had is none:
        a picture is not worth a message.

        raises   StoreUnavailable
        """
        known = await self._stores.people.get(identity.id)
        conversation = await self._stores.conversations.find(identity.workspace_id, conversation_id)
        if known.picture is not None or conversation is None:
            return
        small = await self._fetched(channel, url)
        if small is None:
            return
        attachment = small.attachment()
        await self._stores.files.put(
            identity.workspace_id,
            attachment,
            small.content,
            conversation_id=conversation_id,
            now=datetime.now(UTC),
        )
        await self._stores.conversations.set_picture(conversation.id, attachment.id)
        await self._stores.people.set_picture(known, attachment.id)
        name, handle = conversation.contact_name, conversation.handle
        shown = replace(conversation, picture=attachment.id)
        await self._hub.publish([events.contact_updated(shown, name, handle)])

    async def _fetched(self, channel: Channel, url: str) -> Safe | None:
        try:
            async with asyncio.timeout(LONGEST_S):
                media = Media(ref=url, kind="image")
                fetched = await self._connectors[channel.kind].fetch(media, channel)
            return await asyncio.to_thread(portrait, fetched.content)
        except (Temporary, AccountTrouble, Permanent, Invalid, TimeoutError):
            return None


def portrait(content: bytes) -> Safe:
    """The picture, square from its middle and small. CPU-bound: run it in a thread.

    raises   Invalid: too large, or no picture that we read
    """
    if len(content) > MOST_BYTES:
        raise Invalid("The picture is larger than 5 MB.", code="file_too_large")
    safe = make_safe(content, "image/jpeg")
    if safe.kind != "image":
        raise Invalid("The picture cannot be read.", code="unreadable_image")
    with Image.open(io.BytesIO(safe.content)) as image:
        side = min(image.size)
        left, top = (image.width - side) // 2, (image.height - side) // 2
        square = image.convert("RGB").crop((left, top, left + side, top + side))
        square.thumbnail((SIDE_PIXELS, SIDE_PIXELS))
    out = io.BytesIO()
    square.save(out, "JPEG", quality=88)
    return Safe(
        content=out.getvalue(),
        kind="image",
        mime="image/jpeg",
        width=square.width,
        height=square.height,
    )
