"""What a message of the inbox may hold on the Messenger Platform: a text, files by address, upload
or id, a template.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Mapping
from typing import ClassVar

from connectors.simulator.fetching import NotFetched, fetch
from connectors.simulator.graph import File, Refused, part, template_text
from connectors.simulator.messaging_events import A, MessagingEvents
from connectors.simulator.meta import Json
from connectors.simulator.world import Media, Message, image_mime

MB = 1024 * 1024
_FILE_LIMIT = 25 * MB
_QUICK_REPLIES = 13
_ATTACHMENTS = 10


class MessagingContent(MessagingEvents[A]):
    """own_types    of attachments that hold no file and that other kinds do not have
    media_rules  by type of attachment: mime types (empty: any) and size in bytes
    """

    own_types: ClassVar[frozenset[str]] = frozenset()
    media_rules: ClassVar[Mapping[str, tuple[frozenset[str], int]]]

    @abstractmethod
    def check_text(self, text: str) -> None:
        """raises Refused"""

    async def fill(self, account: A, message: Message, content: Json, file: File | None) -> None:
        text, several, sticker = (content.get(n) for n in ("text", "attachments", "sticker_id"))
        attachments = several if isinstance(several, list) else []
        if isinstance(content.get("attachment"), dict):
            attachments = [content["attachment"]]
        if (text is not None) + bool(attachments) + (sticker is not None) != 1:
            raise self.invalid("A message holds either a text, attachments or a sticker")
        message.rich = _quick_replies(content)
        if sticker is not None:
            message.text, message.details["type"] = "👍", "sticker"
        elif text is not None:
            if not isinstance(text, str) or not text:
                raise self.invalid("Param message[text] must be a text")
            self.check_text(text)
            message.text = text
        elif len(attachments) > _ATTACHMENTS or (
            len(attachments) > 1 and any(type_of(one) != "image" for one in attachments)
        ):
            raise self.invalid("Only images can go together, ten at most")
        for attachment in attachments:
            await self._attach(account, message, attachment, file)

    def invalid(self, text: str) -> Refused:
        return Refused(100, text)

    async def _attach(
        self, account: A, message: Message, attachment: object, file: File | None
    ) -> None:
        type_, payload = type_of(attachment), part(attachment, "payload")
        message.details["type"] = type_
        match type_:
            case "template":
                message.text = template_text(payload)
            case "like_heart" | "MEDIA_SHARE" if type_ in self.own_types:
                message.text = "❤️" if type_ == "like_heart" else "[post]"
            case _:
                media = await self.file(account, type_, payload, file)
                message.media.append(media)
                if payload.get("is_reusable") is True:
                    message.details["reusable"] = "true"

    async def file(self, account: A, type_: str, payload: Json, file: File | None) -> Media:
        """The file that an attachment names or brings. raises Refused"""
        if type_ not in self.media_rules:
            raise self.invalid("Param attachment[type] is not one that is known")
        known = payload.get("attachment_id")
        if known is not None:
            media = self.exchange.world.media.get(str(known))
            if media is None or (media.kind, media.account) != (self.name, account.account):
                raise Refused(100, "The attachment id is invalid or has expired", 2018074)
            self._check_file(type_, media.mime, media.size_bytes)
            return media
        if file is not None:
            content, mime = file.content, file.mime
        else:
            try:
                content, mime = await fetch(
                    self.exchange.courier.session, str(payload.get("url", "")), _FILE_LIMIT
                )
            except NotFetched as error:
                raise Refused(100, "Failed to fetch the file from the url", 2018008) from error
        if type_ == "image":
            mime = image_mime(content) or "application/octet-stream"
        self._check_file(type_, mime, len(content))
        return self.exchange.world.put_media(self.new_media_id(), account, content, mime)

    def _check_file(self, type_: str, mime: str, size_bytes: int) -> None:
        mimes, limit = self.media_rules[type_]
        if size_bytes > limit:
            raise Refused(100, "Attachment size exceeds allowable limit", 2018109)
        fits = mime in mimes if mimes else type_ in ("file", mime.partition("/")[0])
        if not fits:
            raise Refused(100, "Upload attachment failure: the type does not match", 2018047)


def _quick_replies(content: Json) -> Json:
    """What the phone shows below the text until something else is written. raises Refused"""
    given = content.get("quick_replies") or []
    if not isinstance(given, list) or len(given) > _QUICK_REPLIES:
        raise Refused(100, "A message has at most 13 quick replies")
    buttons = []
    for one in given:
        found = part({"one": one}, "one")
        title, payload = found.get("title"), found.get("payload")
        if found.get("content_type") != "text" or not title or len(str(title)) > 20:
            raise Refused(100, "Param quick_replies[title] must be 1 to 20 characters long")
        if not payload or len(str(payload)) > 1000:
            raise Refused(100, "Param quick_replies[payload] must be 1 to 1000 characters long")
        buttons.append({"kind": "quick_reply", "title": str(title), "id": str(payload)})
    return {"buttons": buttons} if buttons else {}


def type_of(attachment: object) -> str:
    return str(attachment.get("type", "")) if isinstance(attachment, dict) else ""
