"""The demo, as a stranger has it: demo.json, HTTP, websockets, and the customers' phones."""

from __future__ import annotations

import base64
import io
import itertools
import json
import secrets
from collections.abc import Mapping
from contextlib import AsyncExitStack
from typing import Any

import aiohttp
from PIL import Image

from tests.system.program import Program
from tests.system.screen import Json, Screen
from tests.system.signing import (
    Call,
    signed_form,
    signed_json,
    sms_fields,
    whatsapp_body,
    whatsapp_text,
)
from tests.system.waiting import wait_for

# Fictional numbers: 555-0100 to 555-0199 of any area. The demo's own people have no area.
_NUMBERS = (f"+1{area}55501{last:02}" for area in range(201, 989) for last in range(100))
# Every text that tests write has this in it, so that logs can be searched for it.
MARK = "harbour-seal-" + secrets.token_hex(4)


class Answer:
    """A whole answer; `json` of an empty or other body raises."""

    def __init__(self, response: aiohttp.ClientResponse, body: bytes) -> None:
        self.status = response.status
        self.headers = response.headers
        self.cookies = response.cookies
        self.body = body
        self._response = response

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()

    def __repr__(self) -> str:
        return f"<{self.status} {self.body[:300]!r}>"


class Agent:
    """Somebody with an API token."""

    def __init__(self, demo: Demo, token: str) -> None:
        self._demo = demo
        self.token = token
        self.headers = {"Authorization": f"Bearer {token}"}

    async def call(self, method: str, path: str, **options: Any) -> Answer:
        headers = {**self.headers, **options.pop("headers", {})}
        return await self._demo.call(method, "/api/v1" + path, headers=headers, **options)

    async def get(self, path: str, **options: Any) -> Any:
        """The JSON of a good answer."""
        answer = await self.call("GET", path, **options)
        assert answer.status == 200, answer
        return answer.json

    async def post(self, path: str, body: Any = None, status: int = 200) -> Any:
        answer = await self.call("POST", path, json={} if body is None else body)
        assert answer.status == status, answer
        return answer.json

    async def replies(self, conversation_id: str, text: str, **more: Any) -> Json:
        """A message that is accepted."""
        body = {"client_id": secrets.token_hex(8), "text": text, **more}
        message: Json = await self.post(f"/conversations/{conversation_id}/messages", body, 202)
        return message

    async def uploads(self, content: bytes, name: str = "photo.png") -> Json:
        form = aiohttp.FormData()
        form.add_field("file", content, filename=name, content_type="image/png")
        answer = await self.call("POST", "/attachments", data=form)
        assert answer.status == 201, answer
        attachment: Json = answer.json
        return attachment

    async def thread(self, conversation_id: str) -> list[Json]:
        """The whole of it, oldest first."""
        messages: list[Json] = []
        path = f"/conversations/{conversation_id}/messages"
        page = await self.get(path)
        messages = page["data"]
        while page["has_more"]:
            page = await self.get(path, params={"cursor": page["next_cursor"]})
            messages = page["data"] + messages
        return messages

    async def finds(self, customer: Customer) -> Json:
        """The conversation with this customer, as soon as there is one."""

        async def find() -> Json | None:
            page = await self.get("/conversations", params={"limit": "100"})
            hits = [c for c in page["data"] if customer.has(c["contact"]["handle"])]
            mine = [c for c in hits if c["channel"]["kind"] == customer.kind]
            assert len(mine) <= 1, "one person has two conversations"
            # It is in the list a moment before its first message shows in it.
            return mine[0] if mine and mine[0]["last_message"] else None

        found = await wait_for(find, what="the conversation")
        assert found is not None
        return found

    async def opens_screen(self, cursor: str | None = None, *, greet: bool = True) -> Screen:
        screen = await Screen.open(self._demo.url, self.headers)
        self._demo.stack.push_async_callback(screen.close)
        if greet:
            await screen.hello(cursor)
        return screen


class Customer:
    """A person with a phone. What is signed goes straight to the webhook; what is written goes
    through the simulated provider."""

    def __init__(self, demo: Demo, kind: str, name: str, phone: str) -> None:
        self.kind = kind
        self.name = name
        self.phone = phone
        self.id = name.lower().replace(" ", "-")
        self.visits(demo)

    def visits(self, demo: Demo) -> None:
        """Go on with this demo: the same one, started again on other ports."""
        self._demo = demo
        self._channel = demo.channels[self.kind]
        self._path = f"/accounts/{self.kind}/{self._channel['account']}"

    def has(self, handle: str) -> bool:
        """Whether this is their number, however it is written."""
        return "".join(c for c in handle if c.isdigit()) == self.phone.lstrip("+")

    def signed(self, text: str, provider_id: str = "") -> Call:
        """The webhook that the provider would send for this text."""
        if self.kind == "sms":
            return signed_form(
                self._channel, sms_fields(self._channel, self.phone, text, provider_id)
            )
        message = whatsapp_text(self.phone, self.name, text, provider_id)
        return signed_json(self._channel, whatsapp_body(self._channel, message))

    async def writes(self, text: str = "", *, image: bytes | None = None, **more: Any) -> Json:
        """`more`: what else the control API takes, such as `at` or `press`."""
        body = {"customer_id": self.id, "text": text, **more}
        if image is not None:
            body["image"] = base64.b64encode(image).decode()
        written = await self._demo.simulator("POST", self._path + "/messages", json=body)
        assert [d["status"] for d in written["deliveries"]][-1:] == [200], written
        return written  # type: ignore[no-any-return]

    async def phone_shows(self) -> list[Json]:
        """The messages on the phone, oldest first."""
        thread = await self._demo.simulator("GET", f"{self._path}/threads/{self.id}")
        return thread["messages"]  # type: ignore[no-any-return]

    async def received(self) -> list[str]:
        """The texts that came from our side or from the network."""
        return [m["text"] for m in await self.phone_shows() if m["direction"] != "inbound"]

    async def picture(self, message: Mapping[str, Any]) -> bytes:
        url = f"{self._demo.simulator_url}/simulator/media/{message['media'][0]['id']}"
        async with self._demo.session.get(url) as response:
            assert response.status == 200
            return await response.read()


class Demo:
    """A running demo, for one test."""

    def __init__(self, program: Program, session: aiohttp.ClientSession, stack: AsyncExitStack):
        self.program = program
        self.session = session
        self.stack = stack
        self.read()

    def read(self) -> None:
        """Read demo.json: once more after each start."""
        self.file = self.program.demo
        self.url: str = self.file["base_url"]
        self.simulator_url: str = self.file["simulator_url"]
        self.channels: dict[str, Any] = self.file["channels"]
        self.logins: dict[str, dict[str, str]] = self.file["logins"]
        self.agent, self.manager, self.admin = (
            Agent(self, self.logins[key]["api_token"]) for key in ("agent", "manager", "admin")
        )

    async def call(self, method: str, path: str, **options: Any) -> Answer:
        """Redirects are answers."""
        url = path if path.startswith("http") else self.url + path
        options.setdefault("allow_redirects", False)
        async with self.session.request(method, url, **options) as response:
            return Answer(response, await response.read())

    async def takes(self, call: Call) -> Answer:
        """A provider's call."""
        # aiohttp warns of a large body that is bytes.
        return await self.call("POST", call.url, data=io.BytesIO(call.body), headers=call.headers)

    async def simulator(self, method: str, path: str, **options: Any) -> Any:
        url = f"{self.simulator_url}/simulator/api{path}"
        async with self.session.request(method, url, **options) as response:
            assert response.status < 300, await response.text()
            return await response.json() if response.status != 204 else None

    async def customer(self, kind: str = "whatsapp", **behaviour: Any) -> Customer:
        """Somebody who has never written before."""
        number = next(_NUMBERS)
        customer = Customer(self, kind, f"Visitor {number[2:5]} {number[-2:]}", number)
        behaviour = {"reads": True, "read_delay_s": 0.05, **behaviour}
        body = {"name": customer.name, "phone": number, "behaviour": behaviour}
        await self.simulator("PUT", f"/customers/{customer.id}", json=body)
        return customer

    async def metric(self, name: str, **labels: str) -> float:
        """One number of /metrics; 0 while it is not there."""
        wanted = [f'{key}="{value}"' for key, value in labels.items()]
        for line in (await self.call("GET", "/metrics")).text.splitlines():
            if line.startswith(name) and all(label in line for label in wanted):
                return float(line.rpartition(" ")[2])
        return 0.0


_shades = itertools.count(1)


def draw(size: tuple[int, int] = (64, 48)) -> bytes:
    """A picture that no other test has."""
    shade = next(_shades)
    image = Image.new("RGB", size, (shade % 256, shade // 256, 99))
    image.putpixel((1, 2), (250, 20, 20))
    output = io.BytesIO()
    image.save(output, "PNG")
    return output.getvalue()


def same_picture(one: bytes, other: bytes) -> bool:
    """Whether two files show the same, however they are encoded."""
    first, second = (Image.open(io.BytesIO(content)).convert("RGB") for content in (one, other))
    return first.size == second.size and first.tobytes() == second.tobytes()
