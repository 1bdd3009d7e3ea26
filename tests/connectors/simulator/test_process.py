"""The simulator as a process: scripted faults, what it remembers, when it ends, what it refuses."""

from __future__ import annotations

import asyncio
import sys
from datetime import UTC, datetime, timedelta

import aiohttp
import pytest

from connectors.simulator.scenes import MAIL_SCENES, MORE_SCENES, SCENES

from .conftest import ACCOUNTS, NUMBER, ROOT, Inbox, Process, Simulator, until
from .test_whatsapp import names, value_of


async def test_a_scripted_refusal_is_worded_by_the_provider_and_happens_as_often_as_told(
    simulator: Simulator, inbox: Inbox
) -> None:
    await simulator.texts("whatsapp", "Hello")
    await simulator.fault("send", times=2, status=429, retry_after=7)
    status, refused = await simulator.graph_send()
    assert (status, refused["error"]["code"]) == (429, 130429)
    status, refused = await simulator.twilio_send(inbox)
    assert (status, refused["code"]) == (429, 20429)
    assert (await simulator.graph_send())[0] == 200
    log = await simulator.control("GET", "/log")
    assert log["counts"] == {
        "whatsapp.send.429": 1,
        "sms.send.429": 1,
        "whatsapp.send.200": 1,
    }


async def test_an_answer_may_be_lost_after_the_message_was_taken(
    simulator: Simulator, inbox: Inbox
) -> None:
    await simulator.texts("whatsapp", "Hello")
    await simulator.fault("send", drop_answer_after_accepting=True)
    with pytest.raises(aiohttp.ClientError):
        await simulator.graph_send()
    await until(lambda: "delivered" in names(inbox))
    log = await simulator.control("GET", "/log?operation=send")
    assert log["calls"][0]["status"] is None
    assert log["calls"][0]["message_id"] == (await simulator.phone("whatsapp"))[-1]["id"]


async def test_a_reset_takes_nothing(simulator: Simulator, inbox: Inbox) -> None:
    await simulator.fault("send", reset=True)
    with pytest.raises(aiohttp.ClientError):
        await simulator.twilio_send(inbox)
    assert await simulator.phone("sms") == []


async def test_a_call_may_hang_or_get_nonsense(simulator: Simulator, inbox: Inbox) -> None:
    await simulator.fault("send", hang=True)
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(simulator.twilio_send(inbox), 0.2)
    await simulator.fault("send", garbage=True)
    with pytest.raises(aiohttp.ContentTypeError):
        await simulator.twilio_send(inbox)


async def test_statuses_may_come_in_the_wrong_order_and_twice(
    simulator: Simulator, inbox: Inbox
) -> None:
    await simulator.fault("status", reorder_statuses=True, duplicate=1)
    await simulator.twilio_send(inbox)
    await until(lambda: inbox.statuses() == ["delivered", "delivered", "sent", "sent"])


async def test_statuses_may_come_before_the_answer(simulator: Simulator, inbox: Inbox) -> None:
    await simulator.fault("status", statuses_before_answer=True)
    await simulator.twilio_send(inbox)
    assert inbox.statuses() == ["sent", "delivered"]


async def test_a_message_may_be_scripted_to_fail(simulator: Simulator, inbox: Inbox) -> None:
    await simulator.fault("status", fail_code=30007)
    await simulator.twilio_send(inbox)
    await until(lambda: inbox.statuses() == ["sent", "undelivered"])


async def test_a_webhook_may_come_twice(simulator: Simulator, inbox: Inbox) -> None:
    await simulator.fault("message", duplicate=1)
    answer = await simulator.texts("whatsapp", "Hello")
    calls = inbox.at("/whatsapp")
    assert len(calls) == len(answer["deliveries"]) == 2
    assert value_of(calls[0]) == value_of(calls[1])


async def test_a_past_thread_is_put_into_a_phone_without_a_webhook(
    simulator: Simulator, inbox: Inbox
) -> None:
    def ago(minutes: int) -> str:
        return (datetime.now(UTC) - timedelta(minutes=minutes)).isoformat()

    past = [
        {"direction": "inbound", "text": "STOP", "at": ago(9)},
        {"direction": "outbound", "text": "Sale!", "at": ago(10), "provider_id": "SM1"},
    ]
    history = {"kind": "sms", "account": NUMBER, "customer_id": "maya", "messages": past}
    answer = await simulator.control("POST", "/history", history)
    assert answer["provider_ids"][0] == "SM1"
    assert [message["text"] for message in await simulator.phone("sms")] == ["Sale!", "STOP"]
    assert inbox.received == []
    assert (await simulator.twilio_send(inbox))[1]["code"] == 21610


async def test_phones_still_show_their_threads_after_a_restart(
    simulator: Simulator, inbox: Inbox, process: Process
) -> None:
    await simulator.texts("whatsapp", "Hello")
    await simulator.texts("sms", "STOP")
    before = [await simulator.phone("whatsapp"), await simulator.phone("sms")]
    process.stop()
    with process.data.open("ab") as file:
        file.write(b'["message",{"id":"torn')
    process.start()
    simulator.base = process.base
    assert [await simulator.phone("whatsapp"), await simulator.phone("sms")] == before
    assert (await simulator.twilio_send(inbox))[1]["code"] == 21610
    assert process.data.stat().st_mode & 0o777 == 0o600


async def test_it_ends_with_its_parent() -> None:
    parent = (
        "import os, subprocess, sys\n"
        "child = subprocess.Popen([sys.executable, '-m', 'connectors.simulator', '--port', '0',"
        " '--parent-pid', str(os.getpid())], stdout=subprocess.PIPE)\n"
        "print(child.stdout.readline().decode().split()[1], flush=True)\n"
        "sys.stdin.read()\n"
    )
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-c", parent),
        cwd=ROOT,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
    )
    assert process.stdout is not None
    port = int(await asyncio.wait_for(process.stdout.readline(), 10))
    _, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.close()
    process.kill()
    await process.wait()

    async def gone() -> None:
        while True:
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", port)
            except ConnectionError:  # refused, or reset by one that is just ending
                return
            writer.close()
            await asyncio.sleep(0.02)

    await asyncio.wait_for(gone(), 5)


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({}, 200),
        ({"Origin": "http://evil.example.com"}, 403),
        ({"Host": "evil.example.com"}, 421),
    ],
)
async def test_other_pages_of_the_browser_are_kept_out(
    simulator: Simulator, session: aiohttp.ClientSession, headers: dict[str, str], status: int
) -> None:
    url = simulator.base + "/simulator/api/customers"
    async with session.get(url, headers=headers) as response:
        assert response.status == status


async def test_the_page_may_run_nothing_but_its_own_files(
    simulator: Simulator, session: aiohttp.ClientSession
) -> None:
    async with session.get(simulator.base + "/") as response:
        assert "script-src 'self';" in response.headers["Content-Security-Policy"]
        page = await response.text()
    assert "<style" not in page
    assert " style=" not in page
    accounts = await simulator.control("GET", "/accounts")
    assert set(ACCOUNTS.values()) == {account["account"] for account in accounts}
    assert not any("secret" in key or "token" in key for account in accounts for key in account)


def test_the_scenes_of_the_demo_are_whole() -> None:
    assert len(SCENES) == 9
    for scene in SCENES:
        times = [line.minutes_ago for line in scene.lines]
        assert times == sorted(times, reverse=True)
        assert 2 <= len(scene.lines) <= 8
    assert {scene.kind for scene in SCENES} == {"whatsapp", "sms"}
    assert any(scene.customer.auto_reply for scene in SCENES)


def test_the_scenes_of_the_social_channels_are_whole() -> None:
    assert {scene.kind for scene in MORE_SCENES} == {"messenger", "instagram"}
    lines = [line for scene in MORE_SCENES for line in scene.lines]
    for scene in MORE_SCENES:
        times = [line.minutes_ago for line in scene.lines]
        assert times == sorted(times, reverse=True)
    assert any(line.story and line.image for line in lines)
    assert any(line.image and not line.story for line in lines)
    assert any(line.reaction for line in lines)
    assert any(line.edited and line.direction == "inbound" for line in lines)
    known = {scene.customer.id for scene in SCENES}
    assert not known & {scene.customer.id for scene in MORE_SCENES}


def test_the_mails_of_the_demo_are_whole() -> None:
    assert {scene.kind for scene in MAIL_SCENES} == {"gmail"}
    for scene in MAIL_SCENES:
        times = [line.minutes_ago for line in scene.lines]
        assert times == sorted(times, reverse=True)
        # The first begins a thread; one that the mailbox forgets before it is read would be lost.
        assert scene.lines[0].subject
        assert times[0] < 14 * 24 * 60
        assert scene.customer.email.rpartition("@")[2].startswith("example.")


async def test_a_past_thread_keeps_reactions_edits_and_stories(simulator: Simulator) -> None:
    at = datetime.now(UTC).isoformat()
    past = [
        {"direction": "inbound", "at": at, "text": "Nice", "edits": 1, "story": "reply"},
        {"direction": "outbound", "at": at, "text": "Thanks", "reactions": {"customer": "❤️"}},
    ]
    account = ACCOUNTS["instagram"]
    history = {"kind": "instagram", "account": account, "customer_id": "maya", "messages": past}
    await simulator.control("POST", "/history", history)
    said, answered = await simulator.phone("instagram")
    assert (said["edits"], said["details"]["story"]) == (1, "reply")
    assert answered["reactions"] == {"customer": "❤️"}


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "inbox.example.com", ""])  # noqa: S104
async def test_it_listens_to_this_machine_only(host: str) -> None:
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "connectors.simulator", "--host", host, "--port", "0"),
        cwd=ROOT,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    try:
        _, told = await asyncio.wait_for(process.communicate(), 20)
    finally:
        if process.returncode is None:
            process.kill()
    assert process.returncode == 2
    assert b"loopback" in told
