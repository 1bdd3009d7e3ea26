"""Nothing that people wrote, and nothing secret, is ever printed (L5)."""

from __future__ import annotations

import asyncio
import json
import os
import signal

import pytest

from tests.system.conftest import Start, Visit
from tests.system.demo import MARK, draw
from tests.system.signing import signed_json
from tests.system.waiting import wait_for
from tests.web.test_signin import Browser

pytestmark = pytest.mark.timeout(180)
_MAIL = "planted.person@example.com"


async def test_l5_no_text_address_or_secret_is_in_the_log(start: Start, visit: Visit) -> None:
    program = start("--demo", INBOX_LOG_LEVEL="DEBUG")
    first_line = program.log
    demo = await visit(program)
    browser = Browser(demo)
    phones = []
    for kind in ("whatsapp", "sms"):
        maya = await demo.customer(kind)
        phones.append(maya.phone.lstrip("+"))
        await maya.writes(f"{MARK} {_MAIL}", image=draw())
        conversation_id = (await demo.agent.finds(maya))["id"]
        for fault in ({"status": 500}, {"garbage": True}, {"reset": True}, {"fail_code": 131026}):
            operation = "status" if "fail_code" in fault else "send"
            script = {"match": {"operation": operation, "kind": kind}, "fault": fault}
            await demo.simulator("POST", "/faults", json=script)
            await demo.agent.replies(conversation_id, f"{MARK} {_MAIL}")
        await demo.takes(maya.signed(MARK).with_header("Content-Type", "text/plain"))
        await demo.takes(maya.signed("STOP"))
        await demo.takes(signed_json(demo.channels["whatsapp"], f"{MARK} {_MAIL}".encode()))
    await browser.signs_in(password=f"wrong {MARK}")
    await browser.signs_in(email=_MAIL, password=f"wrong {MARK}")
    await browser.signs_in()
    await browser.session.close()
    screen = await demo.agent.opens_screen()
    await screen.connection.send(f'{{"type": "{MARK}"}}')
    await screen.gets_closed()
    await demo.call("GET", f"/app/c/{MARK}?mail={_MAIL}")
    os.kill(program.relative("secantusd"), signal.SIGKILL)
    await asyncio.gather(*(demo.takes(maya.signed(f"{MARK} {n}")) for n in range(10)))

    async def ready() -> bool:
        return (await demo.call("GET", "/readyz")).status == 200

    await wait_for(ready, limit_s=20)
    program.interrupt()

    log = program.log.removeprefix(first_line)  # the demo says its own log-ins once, on purpose
    for login in demo.logins.values():
        assert login["password"] not in log
        assert login["api_token"] not in program.log
        assert login["email"] not in log
    secrets = [one["secret"] for one in demo.channels.values() if one["secret"] is not None]
    assert len(secrets) == 4, "all but mail are signed with one"
    for secret in secrets:
        assert secret not in program.log
    assert browser.cookies["session"] not in log
    for planted in (MARK, _MAIL, *phones):
        assert planted not in log
    assert log, "an outage leaves a line"


async def test_i14_every_line_of_the_log_is_json(start: Start, visit: Visit) -> None:
    program = start("--demo")
    first_line = program.log
    demo = await visit(program)
    os.kill(program.relative("secantusd"), signal.SIGKILL)
    maya = await demo.customer()
    await demo.takes(maya.signed(f"x {MARK}"))
    program.interrupt()

    for line in program.log.removeprefix(first_line).splitlines():
        assert json.loads(line)["event"]
