"""What a customer does to a message that is there already: reacts, edits it, takes it back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

from connectors.simulator.world import Message

EDIT_LIMIT = 5


@dataclass(frozen=True, kw_only=True, slots=True)
class Change:
    """id      of the happening itself, where the provider gives it one (WhatsApp)
    emoji   the reaction, or the one that is taken away
    text    as edited
    """

    event: Literal["react", "unreact", "edit", "unsend"]
    id: str
    emoji: str = ""
    text: str = ""


def apply(message: Message, change: Change) -> None:
    match change.event:
        case "react":
            message.reactions["customer"] = change.emoji
        case "unreact":
            message.reactions.pop("customer", None)
        case "edit":
            message.text = change.text
            message.edits += 1
        case "unsend":
            message.unsent = True
            message.text = ""
            message.media = []
            message.reactions = {}
