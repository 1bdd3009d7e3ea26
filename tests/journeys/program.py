"""The programs that a journey needs: the demo, and a network of customers that outlives it."""

from __future__ import annotations

import itertools
import json
import secrets
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from tests.system.program import Program

_ROOT = Path(__file__).parents[2]
# Fictional numbers: 555-0100 to 555-0199 of any area. The demo's own people have no area.
_NUMBERS = (f"+1{area}55501{last:02}" for area in itertools.count(201) for last in range(100))


T = TypeVar("T")


def wait_until(condition: Callable[[], T], limit_s: float = 10.0) -> T:
    """Ask until the answer is true, and return it; fail after `limit_s`."""
    deadline = time.monotonic() + limit_s
    while not (answer := condition()):
        assert time.monotonic() < deadline, f"it did not come true within {limit_s} s"
        time.sleep(0.02)
    return answer


@dataclass(frozen=True, kw_only=True)
class Customer:
    id: str
    name: str
    phone: str

    @property
    def number(self) -> str:
        """As the inbox writes it where nothing tells it a name: an SMS does not."""
        return f"+1 {self.phone[2:5]}-{self.phone[5:8]}-{self.phone[8:]}"


class Simulator:
    """The control API of a simulator."""

    def __init__(self, url: str) -> None:
        self.url = url

    # Any: the control API's JSON.
    def call(self, method: str, path: str, body: object = None) -> Any:
        request = urllib.request.Request(  # noqa: S310, our own loopback address
            f"{self.url}/simulator/api{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=10) as response:  # noqa: S310
            content = response.read()
        return json.loads(content) if content else None

    def customer(self, name: str, read_delay_s: float = 0.3, **more: object) -> Customer:
        """Somebody new, with a number of their own; `more` as the control API takes it."""
        id_ = f"cu_{secrets.token_hex(4)}"
        behaviour = {"read_delay_s": read_delay_s}
        phone = next(_NUMBERS)
        body = {"name": name, "phone": phone, "behaviour": behaviour, **more}
        self.call("PUT", f"/customers/{id_}", body)
        return Customer(id=id_, name=name, phone=phone)

    def write(self, kind: str, account: str, customer: Customer, text: str, **more: object) -> None:
        """What nobody could type on a phone; `more` as the control API takes it."""
        body = {"customer_id": customer.id, "text": text, **more}
        self.call("POST", f"/accounts/{kind}/{account}/messages", body)

    def fail_next_send(self, kind: str, code: int) -> None:
        """The provider takes the next message and reports later that it could not deliver it."""
        script = {"match": {"kind": kind, "operation": "status"}, "fault": {"fail_code": code}}
        self.call("POST", "/faults", script)


class DemoProgram(Program):
    """The demo; started again it has the address that it had."""

    def __init__(self, data_dir: Path) -> None:
        super().__init__(data_dir, "--demo")

    def start(self, within_s: float = 30) -> float:
        took = super().start(within_s)
        self._arguments += ["--port", self.url.rsplit(":", 1)[1]]
        return took

    @property
    def simulator(self) -> Simulator:
        return Simulator(self.demo["simulator_url"])

    def account(self, kind: str) -> str:
        account: str = self.demo["channels"][kind]["account"]
        return account

    @property
    def database_pid(self) -> int:
        return int((self.data_dir / "db.process").read_text().split()[0])


class Network:
    """A simulator of its own process with the demo's WhatsApp account: the provider's side, which
    stays and repeats its webhooks while the inbox is away. The demo's own ends with the demo."""

    def __init__(self, program: DemoProgram, folder: Path) -> None:
        self._log = folder / "network.log"
        with self._log.open("wb") as output:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "connectors.simulator", "--port", "0"],
                cwd=_ROOT,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        wait_until(lambda: self._log.read_text().startswith("ready "))
        said = self._log.read_text()
        self.simulator = Simulator(f"http://127.0.0.1:{int(said.split()[1])}")
        channel = program.demo["channels"]["whatsapp"]
        registered = {
            "name": "Harbour Kettles",
            "retry_first_s": 0.3,
            "business_account_id": "100000000000001",
            "display_phone_number": "15550199",
            "access_token": secrets.token_hex(8),
        }
        registered |= {key: channel[key] for key in ("webhook_url", "secret", "verify_token")}
        self.simulator.call("PUT", f"/accounts/whatsapp/{channel['account']}", registered)

    def stop(self) -> None:
        self._process.terminate()
        self._process.wait(10)
