"""The one client for calls out: bounded, guarded, and honest about what may have been taken."""

from __future__ import annotations

import gzip

import pytest

from connectors.http import Http, _Resolver
from inbox.domain.errors import AccountTrouble, OutcomeUnknown, Permanent, Temporary
from tests.connectors.conftest import Provider, Reply
from tests.servers import free_port


async def test_an_answer_comes_whole(http: Http, provider: Provider) -> None:
    provider.answers("GET", "/a", Reply(body=b'{"a": 1}', headers={"X-Odd": "1"}))
    answer = await http.call("GET", f"{provider.url}/a")
    assert (answer.status, answer.json(), answer.headers["x-odd"]) == (200, {"a": 1}, "1")


async def test_a_connection_never_made_has_taken_nothing() -> None:
    port = free_port()
    http = Http(allow=frozenset({("127.0.0.1", port)}))
    await http.start()
    for method in ("GET", "POST"):
        with pytest.raises(Temporary) as failure:
            await http.call(method, f"http://127.0.0.1:{port}/")
        assert failure.value.code == "unreachable"
    await http.close()


@pytest.mark.parametrize(
    ("method", "repeatable", "error"),
    [
        ("POST", None, OutcomeUnknown),
        ("POST", True, Temporary),
        ("GET", None, Temporary),
    ],
)
@pytest.mark.parametrize("reply", [Reply(hang=True), Reply(reset=True)])
async def test_a_lost_answer_leaves_the_outcome_open_but_for_a_repeatable_call(
    http: Http,
    provider: Provider,
    reply: Reply,
    method: str,
    repeatable: bool | None,
    error: type[Exception],
) -> None:
    provider.answers(method, "/a", reply, reply)
    with pytest.raises(error):
        await http.call(method, f"{provider.url}/a", repeatable=repeatable, total_s=0.2)
    if method == "POST":
        assert len(provider.calls) == 1


async def test_a_redirect_is_an_answer_and_not_followed(http: Http, provider: Provider) -> None:
    provider.answers("GET", "/a", Reply(status=302, headers={"Location": "/b"}))
    answer = await http.call("GET", f"{provider.url}/a")
    assert answer.status == 302
    assert [call.path for call in provider.calls] == ["/a"]


async def test_an_answer_above_the_limit_is_cut_off(http: Http, provider: Provider) -> None:
    provider.answers("GET", "/a", Reply(body=b"x" * 2000), Reply(body=b"x" * 1000))
    with pytest.raises(Permanent) as refusal:
        await http.call("GET", f"{provider.url}/a", max_bytes=1000)
    assert refusal.value.code == "too_large"
    assert len((await http.call("GET", f"{provider.url}/a", max_bytes=1000)).body) == 1000


async def test_the_limit_counts_what_was_unpacked(http: Http, provider: Provider) -> None:
    packed = gzip.compress(b"\0" * (64 << 20))
    provider.answers("GET", "/a", Reply(body=packed, headers={"Content-Encoding": "gzip"}))
    with pytest.raises(Permanent) as refusal:
        await http.call("GET", f"{provider.url}/a")
    assert refusal.value.code == "too_large"


async def test_an_endless_answer_to_a_send_leaves_its_outcome_open(
    http: Http, provider: Provider
) -> None:
    provider.answers("POST", "/a", Reply(body=b"x" * 2000))
    with pytest.raises(OutcomeUnknown):
        await http.call("POST", f"{provider.url}/a", max_bytes=1000)


async def test_this_machine_is_called_only_where_allowed(provider: Provider) -> None:
    http = Http()
    await http.start()
    for url in (provider.url, f"https://127.0.0.1:{provider.port}", "https://localhost"):
        with pytest.raises(Permanent) as refusal:
            await http.call("GET", url)
        assert refusal.value.code == "address_refused"
    await http.close()
    assert provider.calls == []


async def test_a_name_that_leads_to_this_machine_is_refused_when_it_is_resolved() -> None:
    with pytest.raises(Permanent):
        await _Resolver(frozenset()).resolve("localhost", 443)
    found = await _Resolver(frozenset({("localhost", 9000)})).resolve("localhost", 9000)
    assert {entry["host"] for entry in found} <= {"127.0.0.1", "::1"}


async def test_an_allowed_name_is_called(provider: Provider) -> None:
    http = Http(allow=frozenset({("localhost", provider.port)}))
    await http.start()
    provider.answers("GET", "/a", Reply())
    assert (await http.call("GET", f"http://localhost:{provider.port}/a")).status == 200
    await http.close()


async def test_a_credential_with_a_line_break_writes_no_header(
    http: Http, provider: Provider
) -> None:
    with pytest.raises(AccountTrouble):
        await http.call("GET", f"{provider.url}/a", headers={"Authorization": "a\r\nX: 1"})
    assert provider.calls == []


async def test_proxies_of_the_environment_are_not_used(
    http: Http, provider: Provider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    provider.answers("GET", "/a", Reply())
    assert (await http.call("GET", f"{provider.url}/a")).status == 200
