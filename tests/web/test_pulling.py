"""Asking a provider for what was missed, on an admin's word."""

from __future__ import annotations

from tests.system.demo import Agent, Demo
from tests.system.waiting import wait_for


def path_of(demo: Demo, kind: str) -> str:
    return f"/channels/{demo.channels[kind]['id']}/pull"


async def test_an_admin_has_a_channel_pulled_and_sees_when_it_was(demo: Demo) -> None:
    channel = f"/channels/{demo.channels['messenger']['id']}"
    before = (await demo.admin.post(channel + "/pull", status=202))["health"]["last_pull_at"]

    async def pulled() -> bool:
        shown = await demo.admin.get(channel)
        return bool(shown["health"]["last_pull_at"] not in (None, before))

    await wait_for(pulled, limit_s=25)  # the time is noted every ten seconds


async def test_who_is_no_admin_finds_nothing_there(demo: Demo, lena: Agent) -> None:
    for person in (demo.agent, demo.manager, lena):
        assert (await person.call("POST", path_of(demo, "sms"), json={})).status == 404
    assert (await demo.call("POST", "/api/v1" + path_of(demo, "sms"))).status == 401


async def test_a_kind_that_cannot_be_asked_says_so(demo: Demo) -> None:
    refused = await demo.admin.call("POST", path_of(demo, "whatsapp"), json={})
    assert (refused.status, refused.json["code"]) == (409, "conflict")
    assert "WhatsApp" in refused.json["detail"]
    kinds = {one["kind"]: one["lists"] for one in (await demo.admin.get("/kinds"))["data"]}
    assert not kinds["whatsapp"]
    assert kinds["sms"]


async def test_many_wishes_are_put_off(demo: Demo) -> None:
    answers = [await demo.admin.call("POST", path_of(demo, "instagram")) for _ in range(7)]
    assert [one.status for one in answers] == [202] * 6 + [429]
    assert answers[-1].json["code"] == "too_many_pulls"
    assert 0 < int(answers[-1].headers["Retry-After"]) <= 60
    assert (await demo.admin.call("POST", path_of(demo, "sms"))).status == 202
