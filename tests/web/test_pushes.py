"""Google's pushes at the server's door: a token that it signed, and nothing else, is believed."""

from __future__ import annotations

import json

import pytest

from tests.system.demo import Demo


async def counted(demo: Demo, outcome: str) -> float:
    return await demo.metric("assent_webhooks_total", kind="gmail", outcome=outcome)


async def test_a_push_is_stored_and_answered_with_nothing(demo: Demo) -> None:
    before = await counted(demo, "stored")
    path = f"/gmail/{demo.channels['gmail']['account']}/push"
    told = await demo.simulator("POST", path, json={"history_id": 5})
    assert told == {"status": 204}
    assert await counted(demo, "stored") == before + 1


def test_the_demo_names_no_secret_where_googles_own_keys_sign(demo: Demo) -> None:
    shown = demo.channels["gmail"]
    assert (shown["secret"], shown["verify_token"]) == (None, None)
    assert demo.channels["sms"]["secret"]


TOKENS = {
    "none": None,
    "nonsense": "Bearer x",
    "unsigned": "Bearer eyJhbGciOiJub25lIn0.eyJhdWQiOiJ4In0.",
    "another scheme": "Basic eDp5",
}


@pytest.mark.parametrize("why", TOKENS)
async def test_a_push_is_refused_with_a_token_that_is(demo: Demo, why: str) -> None:
    before = await counted(demo, "untrusted")
    token = TOKENS[why]
    headers = {"Content-Type": "application/json"} | ({"Authorization": token} if token else {})
    body = json.dumps({"message": {"data": "e30=", "messageId": "1"}, "subscription": "s"})
    url = demo.channels["gmail"]["webhook_url"]
    async with demo.session.post(url, data=body, headers=headers) as answer:
        assert answer.status == 403
    assert await counted(demo, "untrusted") == before + 1
