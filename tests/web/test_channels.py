"""Connecting, mending and ending channels over the API, with the simulator as their provider."""

from __future__ import annotations

import hashlib
import hmac
from typing import Any

import pytest

from inbox.domain.agent import Role
from inbox.domain.message import Status
from tests.network import Served
from tests.office import until
from tests.web.connecting import ACCOUNT, SMS, WHATSAPP, Person, Workplace, workplace

GIVEN = {"sms": SMS, "whatsapp": WHATSAPP}


@pytest.fixture
def place(served: Served) -> Workplace:
    return workplace(served)


@pytest.fixture
async def ada(place: Workplace) -> Person:
    return await place.person(Role.ADMIN)


async def checks(ada: Person, kind: str, **credentials: str) -> Any:
    body = {"kind": kind, "credentials": {**GIVEN[kind], **credentials}}
    return await ada.api("POST", "/channels/check", body)


# -- what can be connected -------------------------------------------------------------------------


async def test_kinds_say_what_each_needs_and_where_it_is_found(ada: Person) -> None:
    kinds = {one["kind"]: one for one in (await ada.api("GET", "/kinds"))["data"]}

    assert set(kinds) == set(ada.served.context.connectors)
    for kind in kinds.values():
        assert kind["preparing"]
        assert kind["pasting"] or kind["sign_in"]
        assert kind["greeting"]
        assert all(need["label"] and need["help"] for need in kind["needs"])
    needs = {need["name"]: need for need in kinds["whatsapp"]["needs"]}
    assert needs["access_token"]["secret"]
    assert needs["verify_token"]["origin"] == "ours"
    assert kinds["whatsapp"]["handshake"]
    assert not kinds["sms"]["handshake"]


# -- checking while entering -----------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["sms", "whatsapp"])
async def test_right_credentials_are_each_found_right(
    ada: Person, place: Workplace, kind: str
) -> None:
    await place.opens_account(kind, "http://127.0.0.1:1/")
    answer = await checks(ada, kind)
    states = {name: one["state"] for name, one in answer["fields"].items()}
    assert {states[name] for name in GIVEN[kind]} == {"ok"}
    assert "Harbour Kettles" in answer["account_name"]


@pytest.mark.parametrize(
    ("kind", "field", "text"),
    [
        ("whatsapp", "access_token", "another token"),
        ("whatsapp", "phone_number_id", "200000000000099"),
        ("whatsapp", "phone_number_id", "+1 555 0177"),
        ("whatsapp", "business_account_id", "100000000000099"),
        ("whatsapp", "app_secret", "another secret"),
        ("sms", "auth_token", "another token"),
        ("sms", "number", "+15550188"),
        ("sms", "number", "0177"),
        ("sms", "account_sid", "SK" + "0" * 32),
    ],
)
async def test_the_one_that_is_wrong_is_named_in_a_sentence(
    ada: Person, place: Workplace, kind: str, field: str, text: str
) -> None:
    await place.opens_account(kind, "http://127.0.0.1:1/")
    fields = (await checks(ada, kind, **{field: text}))["fields"]
    assert fields[field]["state"] == "wrong"
    assert fields[field]["reason"].endswith(".")
    others = {name for name, one in fields.items() if one["state"] == "wrong"} - {field}
    assert others == set()


async def test_a_token_without_a_permission_is_wrong(ada: Person, place: Workplace) -> None:
    few = ["whatsapp_business_messaging"]
    await place.opens_account("whatsapp", "http://127.0.0.1:1/", token_permissions=few)
    fields = (await checks(ada, "whatsapp"))["fields"]
    assert fields["access_token"]["state"] == "wrong"
    assert "whatsapp_business_management" in fields["access_token"]["reason"]


async def test_half_of_it_is_checked_as_far_as_it_goes(ada: Person, place: Workplace) -> None:
    await place.opens_account("whatsapp", "http://127.0.0.1:1/")
    given = {"access_token": WHATSAPP["access_token"], "phone_number_id": "", "app_secret": ""}
    body = {"kind": "whatsapp", "credentials": given}
    fields = (await ada.api("POST", "/channels/check", body))["fields"]
    assert fields["access_token"]["state"] == "ok"
    assert not {"phone_number_id", "app_secret"} & set(fields)


async def test_a_provider_that_is_away_finds_nothing_wrong(ada: Person, place: Workplace) -> None:
    await place.opens_account("sms", "http://127.0.0.1:1/")
    await place.fault("lookup", times=5, status=503)
    answer = await checks(ada, "sms")
    assert not answer["asked"]
    assert {one["state"] for one in answer["fields"].values()} <= {"ok", "unknown"}


async def test_checks_are_limited(ada: Person, place: Workplace) -> None:
    body = {"kind": "sms", "credentials": {}}
    statuses = []
    for _ in range(61):
        answer = await ada.call("POST", "/api/v1/channels/check", body)
        statuses.append(answer.status)
    assert statuses == [200] * 60 + [429]
    assert int(answer.headers["retry-after"]) >= 1


# -- connecting ------------------------------------------------------------------------------------


async def test_a_draft_answers_the_handshake_and_nothing_else(
    ada: Person, place: Workplace
) -> None:
    channel = await ada.begins("whatsapp")
    url, token = channel["webhook_url"], channel["verify_token"]
    assert len(token) >= 32
    ask = {"hub.mode": "subscribe", "hub.challenge": "42", "hub.verify_token": token}
    async with place.session.get(url, params=ask) as answer:
        assert (answer.status, await answer.text()) == (200, "42")
    async with place.session.get(url, params={**ask, "hub.verify_token": "guess"}) as answer:
        assert answer.status == 403
    async with place.session.post(url, data=b"{}") as answer:
        assert answer.status == 404
    seen = await ada.sees(channel["id"], "last_handshake_at")
    assert seen["health"]["bad_signatures"] == 0


async def test_a_draft_is_no_channel_of_the_inbox(ada: Person, place: Workplace) -> None:
    channel = await ada.begins("sms")
    listed = {one["id"] for one in (await ada.api("GET", "/channels"))["data"]}
    assert listed
    assert channel["id"] not in listed


@pytest.mark.parametrize("kind", ["sms", "whatsapp"])
async def test_wrong_then_right_then_a_customer_writes_and_is_answered(
    ada: Person, place: Workplace, kind: str
) -> None:
    channel = await ada.begins(kind)
    path = f"/channels/{channel['id']}"
    verify = {"verify_token": channel["verify_token"]} if channel["verify_token"] else {}
    await place.opens_account(kind, channel["webhook_url"], **verify)
    secret = "auth_token" if kind == "sms" else "access_token"
    wrong = {"credentials": {**GIVEN[kind], secret: "wrong"}, "connect": True}
    refused = await ada.api("PATCH", path, wrong, status=422)
    assert refused["code"] == "wrong_credentials"
    assert [one["field"] for one in refused["errors"]] == [f"credentials.{secret}"]
    assert (await ada.api("GET", path))["state"] == "draft"

    right = {"credentials": GIVEN[kind], "connect": True}
    connected = await ada.api("PATCH", path, right)
    assert connected["state"] == "connected"
    assert connected["account"] == ACCOUNT[kind]
    assert connected["verify_token"] is None
    assert connected["health"]["title"] == "Connected"
    assert (await place.customer_writes(kind, "Hello there"))["status"] == "delivered"
    seen = await ada.sees(channel["id"], "last_webhook_at")
    assert (seen["health"]["tone"], seen["health"]["title"]) == ("ok", "Works")

    async def arrived() -> Any:
        query = f"/conversations?channel={channel['id']}"
        found = (await ada.api("GET", query))["data"]
        return found[0] if found and found[0]["last_message"] else None

    conversation = await until(arrived)
    assert conversation["last_message"]["text"] == "Hello there"
    body = {"client_id": "1", "text": "It works."}
    answer_path = f"/conversations/{conversation['id']}/messages"
    await ada.api("POST", answer_path, body, status=202)
    sent = await ada.sees(channel["id"], "last_sent_at")
    assert sent["state"] == "connected"


async def test_with_credentials_it_is_connected_at_once_or_nothing_is_left(
    ada: Person, place: Workplace
) -> None:
    await place.opens_account("sms", "http://127.0.0.1:1/")
    before = await place.context.stores.channels.of_workspace(place.office.workspace_id)
    wrong = {"kind": "sms", "credentials": {**SMS, "auth_token": "wrong"}}
    await ada.api("POST", "/channels", wrong, status=422)
    after = await place.context.stores.channels.of_workspace(place.office.workspace_id)
    assert [one.id for one in after] == [one.id for one in before]

    made = await ada.api("POST", "/channels", {"kind": "sms", "credentials": SMS}, status=201)
    assert made["state"] == "connected"


async def test_an_account_is_connected_once(ada: Person, place: Workplace) -> None:
    await ada.connects("sms", SMS)
    second = await ada.begins("sms")
    body = {"credentials": SMS, "connect": True}
    refused = await ada.api("PATCH", f"/channels/{second['id']}", body, status=409)
    assert refused["code"] == "channel_exists"
    assert (await ada.api("GET", f"/channels/{second['id']}"))["state"] == "draft"


async def test_what_is_missing_is_named(ada: Person) -> None:
    channel = await ada.begins("sms")
    path = f"/channels/{channel['id']}"
    body = {"credentials": {"account_sid": SMS["account_sid"]}, "connect": True}
    refused = await ada.api("PATCH", path, body, status=422)
    assert [one["field"] for one in refused["errors"]] == [
        "credentials.auth_token",
        "credentials.number",
    ]


@pytest.mark.parametrize(
    "body",
    [
        {"state": "connected"},
        {"workspace_id": "wsp_other"},
        {"credentials": {"nonsense": "x"}},
        {"credentials": {"verify_token": "chosen by somebody"}},
        {"credentials": {"auth_token": {"$gt": ""}}},
        {"credentials": {"auth_token": "x" * 5000}},
        {"name": "   "},
        {"name": "x" * 81},
    ],
)
async def test_i1_what_is_not_asked_for_is_refused(ada: Person, body: Any) -> None:
    channel = await ada.begins("whatsapp")
    answer = await ada.call("PATCH", f"/api/v1/channels/{channel['id']}", body)
    assert answer.status == 422, answer.text


# -- in use ----------------------------------------------------------------------------------------


async def test_a_secret_is_replaced_only_by_one_that_works(ada: Person, place: Workplace) -> None:
    channel = await ada.connects("sms", SMS)
    path = f"/channels/{channel['id']}"
    await ada.api("PATCH", path, {"credentials": {"auth_token": "wrong"}}, status=422)
    assert (await place.customer_writes("sms", "Still there?"))["status"] == "delivered"

    await place.opens_account("sms", channel["webhook_url"], auth_token="planted-new")
    changed = await ada.api("PATCH", path, {"credentials": {"auth_token": "planted-new"}})
    assert changed["secrets"]["auth_token"]["text"] == "***"
    before = channel["secrets"]["auth_token"]["changed_at"]
    assert changed["secrets"]["auth_token"]["changed_at"] > before
    assert (await place.customer_writes("sms", "And now?"))["status"] == "delivered"


async def test_a_channel_never_becomes_another_account(ada: Person, place: Workplace) -> None:
    channel = await ada.connects("sms", SMS)
    path = f"/channels/{channel['id']}"
    body = {"credentials": {"number": "+15550188"}}
    assert (await ada.api("PATCH", path, body, status=409))["code"] == "other_account"


async def test_while_the_provider_is_away_nothing_is_changed(ada: Person, place: Workplace) -> None:
    channel = await ada.connects("sms", SMS)
    await place.fault("lookup", times=5, status=503)
    body = {"credentials": {"auth_token": "planted-new"}}
    refused = await ada.api("PATCH", f"/channels/{channel['id']}", body, status=409)
    assert refused["code"] == "provider_unavailable"
    stored = await place.context.stores.channels.find(channel["id"])
    assert stored is not None
    assert stored.setting("auth_token") == SMS["auth_token"]


async def test_settings_are_changed_without_asking_the_provider(
    ada: Person, place: Workplace
) -> None:
    channel = await ada.connects("sms", SMS)
    await place.fault("lookup", times=5, status=503)
    body = {"name": "Orders", "provider_stop": False}
    changed = await ada.api("PATCH", f"/channels/{channel['id']}", body)
    assert (changed["name"], changed["provider_stop"]) == ("Orders", False)
    stored = await place.context.stores.channels.find(channel["id"])
    assert stored is not None
    assert not stored.provider_stop
    assert stored.setting("auth_token") == SMS["auth_token"]


async def test_calls_with_a_wrong_signature_are_counted_and_explained(
    ada: Person, place: Workplace
) -> None:
    channel = await ada.connects("whatsapp", WHATSAPP)
    body = b'{"object": "whatsapp_business_account", "entry": []}'

    async def posts(**headers: str) -> int:
        async with place.session.post(channel["webhook_url"], data=body, headers=headers) as answer:
            return answer.status

    assert await posts() == 403
    wrong = hmac.new(b"another secret", body, hashlib.sha256).hexdigest()
    assert [await posts(**{"X-Hub-Signature-256": f"sha256={wrong}"}) for _ in range(3)] == [
        403
    ] * 3
    seen = await ada.sees(channel["id"], "last_bad_signature_at")
    assert seen["health"]["tone"] == "stop"
    assert "the app secret is not the right one" in seen["health"]["text"]
    await place.context.stores.health.close()  # what is kept back for ten seconds, now
    seen = await ada.api("GET", f"/channels/{channel['id']}")
    assert seen["health"]["bad_signatures"] == 3

    right = hmac.new(WHATSAPP["app_secret"].encode(), body, hashlib.sha256).hexdigest()
    assert await posts(**{"X-Hub-Signature-256": f"sha256={right}"}) == 200
    mended = await ada.sees(channel["id"], "last_webhook_at")
    assert mended["health"]["tone"] == "ok"


async def test_a_token_that_meta_no_longer_takes_needs_the_admin_and_is_replaced(
    ada: Person, place: Workplace
) -> None:
    channel = await ada.connects("whatsapp", WHATSAPP)
    await place.customer_writes("whatsapp", "Hello")
    conversation = await until(place.office.conversations)
    newest = next(one for one in conversation if one.channel_id == channel["id"])
    await place.opens_account(
        "whatsapp", channel["webhook_url"], access_token="planted-newer-token"
    )
    body = {"client_id": "1", "text": "On its way."}
    sent = await ada.api("POST", f"/conversations/{newest.id}/messages", body, status=202)
    seen = await ada.sees(channel["id"], "last_error")
    assert seen["state"] == "reauthorization_required"
    assert (seen["health"]["tone"], seen["health"]["fix"]) == ("stop", "credentials")

    fixed = {"credentials": {"access_token": "planted-newer-token"}}
    mended = await ada.api("PATCH", f"/channels/{channel['id']}", fixed)
    assert (mended["state"], mended["health"]["last_error"]) == ("connected", None)
    assert sent["status"] == "queued"


async def test_a_token_that_runs_out_soon_is_said(ada: Person, place: Workplace) -> None:
    channel = await ada.begins("whatsapp")
    # Long ago: the provider still takes it, and its own word says that it is over.
    await place.opens_account("whatsapp", channel["webhook_url"], token_expires_at=1_900_000_000)
    body = {"credentials": WHATSAPP, "connect": True}
    connected = await ada.api("PATCH", f"/channels/{channel['id']}", body)
    assert connected["health"]["token_expires_at"] == "2030-03-17T17:46:40.000Z"


async def test_a_new_verify_token_is_shown_once(ada: Person, place: Workplace) -> None:
    channel = await ada.connects("whatsapp", WHATSAPP)
    path = f"/channels/{channel['id']}"
    token = (await ada.api("POST", path + "/verify_token", {}))["verify_token"]
    ask = {"hub.mode": "subscribe", "hub.challenge": "7", "hub.verify_token": token}
    async with place.session.get(channel["webhook_url"], params=ask) as answer:
        assert answer.status == 200
    assert token not in (await ada.call("GET", "/api/v1" + path)).text


# -- ending ----------------------------------------------------------------------------------------


async def test_disconnecting_keeps_the_conversations_and_fails_what_waits(
    ada: Person, place: Workplace
) -> None:
    channel = await ada.connects("sms", SMS)
    path = f"/channels/{channel['id']}"
    await place.customer_writes("sms", "Hello")
    conversation = await until(place.office.conversations)
    newest = next(one for one in conversation if one.channel_id == channel["id"])
    await place.fault("send", times=1, status=503, retry_after=1)
    body = {"client_id": "1", "text": "On its way."}
    sent = await ada.api("POST", f"/conversations/{newest.id}/messages", body, status=202)
    ended = await ada.api("DELETE", path)
    assert ended["state"] == "disconnected"
    assert set(ended["secrets"].values()) == {None}

    message = await place.context.stores.messages.find(place.office.workspace_id, sent["id"])
    assert message is not None
    failed = await place.office.reaches(message, Status.FAILED)
    assert failed.failure is not None
    assert failed.failure.reason == "The channel is no longer connected."
    body = {"client_id": "2", "text": "And this?"}
    refused = await ada.api("POST", f"/conversations/{newest.id}/messages", body, status=409)
    assert refused["code"] == "channel_gone"
    thread = await ada.api("GET", f"/conversations/{newest.id}/messages")
    assert "Hello" in [one["text"] for one in thread["data"]]
    written = await place.customer_writes("sms", "Anybody?")
    assert written["status"] != "delivered"

    again = {"credentials": SMS, "connect": True}
    assert (await ada.api("PATCH", path, again))["state"] == "connected"
    assert (await place.customer_writes("sms", "Back again?"))["status"] == "delivered"


async def test_a_draft_that_is_discarded_is_gone(ada: Person) -> None:
    channel = await ada.begins("sms")
    path = f"/channels/{channel['id']}"
    await ada.api("DELETE", path, status=204)
    await ada.api("GET", path, status=404)
