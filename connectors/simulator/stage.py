"""Sets the simulator's stage for a demo, over its control API: accounts, customers, threads."""

from __future__ import annotations

import base64
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import aiohttp

from connectors.simulator.handles import igsid, psid
from connectors.simulator.pictures import draw
from connectors.simulator.scenes import (
    MAIL_SCENES,
    MORE_SCENES,
    SCENES,
    Line,
    Person,
    Scene,
)

ALL_SCENES = SCENES + MORE_SCENES


@dataclass(frozen=True, kw_only=True, slots=True)
class Played:
    """One message of a past thread: `network` is the provider's own, which the inbox never saw."""

    at: datetime
    direction: str
    text: str
    provider_id: str
    status: str | None
    picture: bytes | None
    reaction: str | None
    edited: bool
    story: str | None


class Stage:
    """raises   aiohttp.ClientError, when the simulator is not there or refuses"""

    def __init__(self, simulator_url: str, session: aiohttp.ClientSession) -> None:
        self._api = f"{simulator_url}/simulator/api"
        self._session = session

    async def open_line(self, kind: str, account: str, body: Mapping[str, object]) -> None:
        """Register our side of an account; from then on its webhooks come."""
        await self._call("PUT", f"/accounts/{kind}/{account}", body)

    async def cast(self) -> None:
        """Everybody who writes in the scenes."""
        scenes = (*ALL_SCENES, *MAIL_SCENES)
        for person in {scene.customer.id: scene.customer for scene in scenes}.values():
            await self._call(
                "PUT",
                f"/customers/{person.id}",
                {
                    "name": person.name,
                    "phone": person.phone,
                    "email": person.email,
                    "username": person.username,
                    "bsuid": bsuid(person),
                    "behaviour": {
                        "auto_reply": list(person.auto_reply),
                        "auto_reply_delay_s": person.answers_after_s,
                    },
                },
            )

    async def play(self, scene: Scene, account: str, now: datetime) -> list[Played]:
        """Put a scene into the customer's phone; no webhook leaves."""
        lines = [
            (line, now - timedelta(minutes=line.minutes_ago), line.image and draw(line.image))
            for line in scene.lines
        ]
        messages = [
            {
                "direction": line.direction,
                "text": line.text,
                "at": at.isoformat(),
                "status": line.status,
                "image": picture and base64.b64encode(picture).decode(),
                "reactions": _reactions(line),
                "edits": int(line.edited),
                "story": line.story,
                "subject": line.subject,
            }
            for line, at, picture in lines
        ]
        body = {
            "kind": scene.kind,
            "account": account,
            "customer_id": scene.customer.id,
            "messages": messages,
        }
        answer = await self._call("POST", "/history", body)
        return [
            Played(
                at=at,
                direction=line.direction,
                text=line.text,
                provider_id=provider_id,
                status=line.status,
                picture=picture or None,
                reaction=line.reaction,
                edited=line.edited,
                story=line.story,
            )
            for (line, at, picture), provider_id in zip(lines, answer["provider_ids"], strict=True)
        ]

    async def fill_mailbox(self, account: str, now: datetime) -> None:
        """Mails that are there when the mailbox is connected, once: the inbox fetches them."""
        for scene in MAIL_SCENES:
            path = f"/accounts/gmail/{account}/threads/{scene.customer.id}"
            if not (await self._call("GET", path))["messages"]:
                await self.play(scene, account, now)

    # Any: the control API's JSON.
    async def _call(self, method: str, path: str, body: Mapping[str, object] | None = None) -> Any:
        async with self._session.request(method, self._api + path, json=body) as response:
            response.raise_for_status()
            return await response.json()


def _reactions(line: Line) -> dict[str, str]:
    """By who put it there: the other side than the line's own."""
    if line.reaction is None:
        return {}
    return {"shop" if line.direction == "inbound" else "customer": line.reaction}


def bsuid(person: Person) -> str:
    """A business-scoped user id of WhatsApp's form, the same at every start."""
    digits = int(sha256(person.id.encode()).hexdigest(), 16) % 10**17
    return f"US.{digits:017d}"


def keys(kind: str, person: Person) -> tuple[str, ...]:
    """The ids by which the provider of a kind will name this customer."""
    if kind == "whatsapp":
        return (person.phone.lstrip("+"), bsuid(person))
    if kind == "sms":
        return (person.phone,)
    return (psid(person.id) if kind == "messenger" else igsid(person.id),)


def credentials() -> dict[str, dict[str, str]]:
    """What a demo's channels sign in and sign with, by kind; the secrets are new at each call."""

    def meta() -> dict[str, str]:
        names = ("access_token", "app_secret", "verify_token")
        return {name: secrets.token_urlsafe(32) for name in names}

    return {
        "whatsapp": {
            "phone_number_id": "200000000000001",
            "business_account_id": "100000000000001",
            "display_phone_number": "15550199",
            **meta(),
        },
        "messenger": {"page_id": "300000000000001", "human_agent": "yes", **meta()},
        "instagram": {
            "account_id": "17841400000000001",
            "login": "instagram",
            "username": "harbourkettles",
            "human_agent": "yes",
            **meta(),
        },
        "sms": {
            "account_sid": "AC" + secrets.token_hex(16),
            "auth_token": secrets.token_hex(16),
            "number": "+15550198",
        },
        "gmail": {
            "client_id": "simulated.apps.googleusercontent.com",
            "client_secret": secrets.token_urlsafe(24),
            "refresh_token": "1//" + secrets.token_urlsafe(48),
            "address": "hello@harbour.example",
            "topic": "projects/harbour/topics/gmail",
            "service_account": "gmail-push@harbour.iam.gserviceaccount.com",
        },
    }
