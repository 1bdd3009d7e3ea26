"""An office with an admin, an agent and a manager in it, for tests of connecting channels."""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from inbox.domain.agent import Agent, Role
from inbox.domain.ids import AgentId
from inbox.ids import new_id
from tests.network import Served
from tests.office import until

SMS = {
    "account_sid": "AC" + "0" * 31 + "7",
    "auth_token": "planted-auth-token-7",
    "number": "+15550177",
}
WHATSAPP = {
    "phone_number_id": "200000000000077",
    "business_account_id": "100000000000077",
    "access_token": "planted-graph-token-77",
    "app_secret": "planted-app-secret-77",
}
ACCOUNT = {"sms": SMS["number"], "whatsapp": WHATSAPP["phone_number_id"]}
PLANTED = "planted-"


@dataclass
class Answer:
    status: int
    text: str
    headers: dict[str, str]
    # Any: JSON.
    json: Any


@dataclass
class Person:
    """Somebody with an API token, or with a login session (`csrf` is its token)."""

    served: Workplace
    headers: dict[str, str]
    csrf: str = ""

    @property
    def url(self) -> str:
        return self.served.context.settings.public_url

    async def call(self, method: str, path: str, body: object = None, **headers: str) -> Answer:
        options: dict[str, Any] = {} if body is None else {"json": body}
        async with self.served.session.request(
            method,
            self.url + path,
            headers={**self.headers, **headers},
            allow_redirects=False,
            **options,
        ) as response:
            text = await response.text()
            is_json = "json" in response.headers.get("content-type", "")
            return Answer(
                status=response.status,
                text=text,
                headers={name.lower(): value for name, value in response.headers.items()},
                json=await response.json(content_type=None) if is_json and text else None,
            )

    async def api(self, method: str, path: str, body: object = None, status: int = 200) -> Any:
        answer = await self.call(method, "/api/v1" + path, body)
        assert answer.status == status, answer.text
        return answer.json

    async def begins(self, kind: str) -> Any:
        return await self.api("POST", "/channels", {"kind": kind}, status=201)

    async def connects(self, kind: str, credentials: dict[str, str]) -> Any:
        """A channel whose account the provider has."""
        channel = await self.begins(kind)
        await self.served.opens_account(kind, channel["webhook_url"])
        return await self.api(
            "PATCH", f"/channels/{channel['id']}", {"credentials": credentials, "connect": True}
        )

    async def sees(self, channel_id: str, what: str) -> Any:
        """The channel, once its health says that this has happened."""

        async def happened() -> Any:
            channel = await self.api("GET", f"/channels/{channel_id}")
            return channel if channel["health"][what] else None

        return await until(happened)


@dataclass
class Workplace(Served):
    """A served office whose admin connects more lines."""

    async def person(self, role: Role, *, by_cookie: bool = False) -> Person:
        id_ = new_id("agt")
        workspace_id = self.office.workspace_id
        agent = Agent(
            id=AgentId(id_),
            workspace_id=workspace_id,
            email=f"{id_}@example.com",
            name="Ada Lind",
            role=role,
        )
        now = datetime.now(UTC)
        accounts = self.context.stores.accounts
        await accounts.add_agent(agent, "", now)
        token = secrets.token_urlsafe(32)
        if not by_cookie:
            await accounts.add_token(agent, token, now + timedelta(hours=1), now)
            return Person(self, {"Authorization": f"Bearer {token}"})
        session = await accounts.open_session(agent, token, secrets.token_urlsafe(32), now)
        return Person(self, {"Cookie": f"session={token}"}, csrf=session.csrf_token)

    async def opens_account(self, kind: str, webhook_url: str, **changes: Any) -> None:
        """Our side of an account at the provider, whose webhooks come to this address."""
        body: dict[str, Any] = {
            "name": "Harbour Kettles",
            "webhook_url": webhook_url,
            "status_delay_s": 0.02,
            "retry_first_s": 0.05,
        }
        body |= SMS if kind == "sms" else WHATSAPP
        if kind == "whatsapp":
            body |= {"display_phone_number": "+1 555 0177", "verify_token": "not yet"}
        for name in ("number", "phone_number_id"):
            body.pop(name, None)
        await self.control("PUT", f"/accounts/{kind}/{ACCOUNT[kind]}", {**body, **changes})

    async def customer_writes(self, kind: str, text: str) -> Any:
        body = {"customer_id": "maya", "text": text}
        return await self.control("POST", f"/accounts/{kind}/{ACCOUNT[kind]}/messages", body)


def workplace(served: Served) -> Workplace:
    return Workplace(served.office, served.context, served.simulator_url, served.session)
