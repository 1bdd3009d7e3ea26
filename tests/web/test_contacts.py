"""Contacts by the API: found by what they are known by, one person on several channels, and only
as much of it as an agent may see."""

from __future__ import annotations

from typing import Any

import pytest

from tests.system.demo import MARK, Agent, Customer, Demo
from tests.system.screen import Json
from tests.system.waiting import wait_for


async def writes_on(
    demo: Demo, *kinds: str, name: str | None = None
) -> tuple[Customer, list[Json]]:
    """Somebody new writes on each of these kinds; with the conversations."""
    first = await demo.customer(kinds[0])
    if name is not None:
        body = {"name": name, "phone": first.phone}
        await demo.simulator("PUT", f"/customers/{first.id}", json=body)
    found = []
    for kind in kinds:
        customer = Customer(demo, kind, first.name, first.phone)
        await customer.writes(f"Hello {MARK}")
        found.append(await demo.agent.finds(customer))
    return first, found


async def searched(agent: Agent, q: str) -> list[str]:
    page = await agent.get("/contacts", params={"q": q, "limit": "100"})
    return [one["id"] for one in page["data"]]


def contact_of(conversation: Json) -> str:
    return str(conversation["contact"]["id"])


async def merged(demo: Demo) -> tuple[str, str, list[Json]]:
    _, (chat, text) = await writes_on(demo, "whatsapp", "sms")
    kept, gone = contact_of(chat), contact_of(text)
    await demo.agent.post(f"/contacts/{kept}/merge", {"contact_id": gone})
    return kept, gone, [chat, text]


# -- finding ---------------------------------------------------------------------------------


async def listed(demo: Demo, limit: int) -> list[str]:
    """All contacts, by pages of so many."""
    found: list[str] = []
    cursor = ""
    while cursor is not None:
        query = {"limit": str(limit), **({"cursor": cursor} if cursor else {})}
        page = await demo.agent.get("/contacts", params=query)
        assert len(page["data"]) <= limit
        found += [one["id"] for one in page["data"]]
        cursor = page["next_cursor"]
    return found


async def test_the_list_goes_by_activity_and_shows_everybody_once(demo: Demo) -> None:
    _, conversations = await writes_on(demo, "whatsapp", "sms")
    found = await listed(demo, 3)
    assert len(found) == len(set(found)) > 6
    assert found[0] == contact_of(conversations[1])
    # Other tests share this demo, which may have more than a hundred.
    assert await listed(demo, 100) == found


async def test_a_contact_is_found_by_name_in_any_spelling(demo: Demo) -> None:
    _, (conversation,) = await writes_on(demo, "whatsapp", name="Zoë Björnsdóttir-Quell")
    wanted = contact_of(conversation)
    for q in ("zoe", "ZOË BJÖRN", "quell zoe", "bjornsdottir", "zo", "zoe b"):
        assert wanted in await searched(demo.agent, q), q
    for q in ("zoe maier", "ornsdottir", "quellen"):
        assert wanted not in await searched(demo.agent, q), q


async def test_a_contact_is_found_by_number_in_any_spelling(demo: Demo) -> None:
    customer, (conversation,) = await writes_on(demo, "sms")
    phone = customer.phone  # +1aaa55501nn
    area, last = phone[2:5], phone[8:]
    for q in (phone, f"+1 ({area}) 555-{last}", f"001{area}555{last}", f"({area}) 555 {last}"):
        assert await searched(demo.agent, q) == [contact_of(conversation)], q
    assert await searched(demo.agent, phone[:-1]) == []


@pytest.mark.parametrize("kind", ["instagram", "messenger"])
async def test_who_has_only_a_handle_is_listed_found_answered_and_exported(
    demo: Demo, kind: str
) -> None:
    first = await demo.customer(kind)
    name = f"Otto {first.id.replace('-', '')}"
    await demo.simulator("PUT", f"/customers/{first.id}", json={"name": name})
    customer = Customer(demo, kind, first.name, first.phone)
    await customer.writes(f"Hello {MARK}")

    async def listed() -> Json | None:
        page = await demo.agent.get("/contacts", params={"limit": "100"})
        return next((one for one in page["data"] if one["name"] == name), None)

    contact = await wait_for(listed, what="the contact with a profile's name")
    assert contact is not None
    (identity,) = contact["identities"]
    assert identity["kind"] == kind
    assert "+" not in identity["handle"]
    assert contact["id"] in await searched(demo.agent, name)
    if identity["handle"].startswith("@"):
        assert await searched(demo.agent, identity["handle"].upper()) == [contact["id"]]
    whole = await demo.agent.get(f"/contacts/{contact['id']}")
    await demo.agent.replies(whole["conversations"][0]["id"], f"Answer {MARK}")
    await wait_for(customer.received, what="the answer")
    note = {"note": f"Private {MARK}"}
    await demo.agent.call("PATCH", f"/contacts/{contact['id']}", json=note)
    await demo.agent.replies(whole["conversations"][0]["id"], f"Aside {MARK}", note=True)
    exported = await demo.manager.get(f"/contacts/{contact['id']}/export")
    assert "Private" not in str(exported)
    texts = [one["text"] for one in exported["conversations"][0]["messages"]]
    assert texts == [f"Hello {MARK}", f"Answer {MARK}"]


async def test_what_cannot_be_searched_for_finds_nobody(demo: Demo) -> None:
    for q in ("!!!", "x" * 1000, "@", "+", "\0", "🙂"):
        assert await searched(demo.agent, q) == [], q
    for query in ({"limit": "0"}, {"cursor": "x"}, {"name": "x"}, {"limit": "9999"}):
        answer = await demo.agent.call("GET", "/contacts", params=query)
        assert answer.status == 422, query


# -- one person ---------------------------------------------------------------------------------


async def test_a_merge_is_shown_told_and_undone(demo: Demo) -> None:
    _, (chat, text) = await writes_on(demo, "whatsapp", "sms")
    kept, gone = contact_of(chat), contact_of(text)
    screen = await demo.manager.opens_screen()
    answer = await demo.agent.post(f"/contacts/{kept}/merge", {"contact_id": gone})

    assert answer["id"] == kept
    assert sorted(one["kind"] for one in answer["identities"]) == ["sms", "whatsapp"]
    assert {one["id"] for one in answer["conversations"]} == {chat["id"], text["id"]}
    assert {one["contact"]["name"] for one in answer["conversations"]} == {answer["name"]}
    (merge,) = answer["merges"]
    assert (merge["merged_id"], merge["by"]["name"]) == (gone, "Ana Silva")
    assert (await demo.agent.get(f"/contacts/{gone}"))["id"] == kept
    assert (await demo.agent.get(f"/conversations/{text['id']}"))["contact"]["id"] == kept
    told = await screen.gets("contact.merged", merged_id=gone)
    assert told["data"]["id"] == kept
    again = await demo.agent.post(f"/contacts/{kept}/merge", {"contact_id": gone})
    assert len(again["merges"]) == 1

    split = await demo.agent.post(f"/contacts/{kept}/unmerge", {"merge_id": merge["id"]})
    assert [one["kind"] for one in split["identities"]] == ["whatsapp"]
    assert split["merges"] == []
    back = await demo.agent.get(f"/contacts/{gone}")
    assert (back["id"], [one["kind"] for one in back["identities"]]) == (gone, ["sms"])
    await screen.gets("contact.unmerged", id=gone)
    repeated = await demo.agent.post(f"/contacts/{kept}/unmerge", {"merge_id": merge["id"]})
    assert [one["kind"] for one in repeated["identities"]] == ["whatsapp"]


async def test_one_identity_is_taken_out(demo: Demo) -> None:
    kept, _, _ = await merged(demo)
    whole = await demo.agent.get(f"/contacts/{kept}")
    by_kind = {one["kind"]: one["id"] for one in whole["identities"]}
    path = f"/contacts/{kept}/unmerge"
    left = await demo.agent.post(path, {"identity_id": by_kind["whatsapp"]})
    assert [one["kind"] for one in left["identities"]] == ["sms"]
    last = await demo.agent.post(path, {"identity_id": by_kind["sms"]}, 409)
    assert last["code"] == "only_identity"
    for body in ({}, {"merge_id": "mrg_1", "identity_id": "idn_1"}):
        assert (await demo.agent.call("POST", path, json=body)).status == 422
    await demo.agent.post(path, {"identity_id": "idn_1"}, 404)
    await demo.agent.post(path, {"merge_id": "mrg_1"}, 404)


async def suggested(agent: Agent, contact_id: str) -> dict[str, Json]:
    page = await agent.get(f"/contacts/{contact_id}/suggestions")
    return {one["contact_id"]: one for one in page["data"]}


async def test_the_same_number_on_two_channels_is_suggested_until_somebody_says_no(
    demo: Demo,
) -> None:
    _, (chat, text) = await writes_on(demo, "whatsapp", "sms")
    one, other = contact_of(chat), contact_of(text)
    assert one != other
    found = (await suggested(demo.agent, one))[other]
    assert found["strength"] == "strong"
    (reason,) = found["reasons"]
    assert reason.startswith("The same number on SMS and WhatsApp: +1 ")
    assert one in await suggested(demo.agent, other)

    await demo.agent.call("POST", f"/contacts/{one}/not_same", json={"contact_id": other})
    assert await suggested(demo.agent, one) == {}
    assert await suggested(demo.agent, other) == {}
    assert (await demo.agent.get(f"/contacts/{one}"))["id"] == one


async def test_the_same_name_is_a_weak_sign_and_one_word_of_it_is_none(demo: Demo) -> None:
    name = "Wilhelmina Ostermann"
    _, (one,) = await writes_on(demo, "whatsapp", name=name)
    _, (other,) = await writes_on(demo, "whatsapp", name="Ostermann Wilhelmina")
    _, (single,) = await writes_on(demo, "whatsapp", name="Wilhelmina")
    found = await suggested(demo.agent, contact_of(one))
    assert set(found) == {contact_of(other)}
    weak = found[contact_of(other)]
    assert weak["strength"] == "weak"
    assert weak["reasons"] == ["The same name twice on WhatsApp. Two people may have it."]
    assert await suggested(demo.agent, contact_of(single)) == {}


async def test_a_name_and_a_note_are_kept_and_the_name_is_told(demo: Demo) -> None:
    kept, _, conversations = await merged(demo)
    screen = await demo.agent.opens_screen()
    answer = await demo.agent.call(
        "PATCH", f"/contacts/{kept}", json={"name": " Quirina  Vale ", "note": "Pays late."}
    )
    assert answer.status == 200
    assert (answer.json["name"], answer.json["note"]) == ("Quirina Vale", "Pays late.")
    await screen.gets("contact.updated", id=kept, name="Quirina Vale")
    for one in conversations:
        shown = await demo.agent.get(f"/conversations/{one['id']}")
        assert shown["contact"]["name"] == "Quirina Vale"
        assert shown["contact"]["handle"] == one["contact"]["handle"]
    assert await searched(demo.agent, "quirina") == [kept]
    back = await demo.agent.call("PATCH", f"/contacts/{kept}", json={"name": None})
    assert back.json["name"] != "Quirina Vale"
    assert await searched(demo.agent, "quirina") == []
    for body in ({"name": 1}, {"blocked": True}, {"note": "x" * 4001}, {"name": "x" * 201}):
        refused = await demo.agent.call("PATCH", f"/contacts/{kept}", json=body)
        assert refused.status == 422, body


# -- who may ---------------------------------------------------------------------------------


async def test_a_manager_blocks_on_all_channels_and_an_agent_does_not(demo: Demo) -> None:
    kept, _, conversations = await merged(demo)
    refused = await demo.agent.post(f"/contacts/{kept}/block", status=403)
    assert refused["code"] == "not_allowed"
    assert (await demo.agent.call("GET", f"/contacts/{kept}/export")).status == 403

    blocked = await demo.manager.post(f"/contacts/{kept}/block")
    assert blocked["blocked"] is True
    for one in conversations:
        gate = await demo.agent.get(f"/conversations/{one['id']}/gate")
        assert gate["decisions"]["reply"]["code"] == "DENY_BLOCKED"
    await demo.manager.post(f"/contacts/{kept}/unblock")
    gate = await demo.agent.get(f"/conversations/{conversations[0]['id']}/gate")
    assert gate["decisions"]["reply"]["allow"] is True


async def test_a_contact_of_another_channel_looks_like_none(demo: Demo, lena: Agent) -> None:
    customer, (hidden,) = await writes_on(demo, "whatsapp")
    _, (hers,) = await writes_on(demo, "sms")
    contact = contact_of(hidden)
    calls: list[tuple[str, str, dict[str, Any]]] = [
        ("GET", "", {}),
        ("PATCH", "", {"json": {"note": "x"}}),
        ("GET", "/suggestions", {}),
        ("GET", "/export", {}),
        ("POST", "/block", {"json": {}}),
        ("POST", "/merge", {"json": {"contact_id": contact_of(hers)}}),
        ("POST", "/unmerge", {"json": {"merge_id": "mrg_1"}}),
        ("POST", "/not_same", {"json": {"contact_id": contact_of(hers)}}),
    ]
    for method, path, options in calls:
        there = await lena.call(method, f"/contacts/{contact}{path}", **options)
        nobody = await lena.call(method, f"/contacts/con_1{path}", **options)
        assert (there.status, nobody.status) == (404, 404), path
        assert {**there.json, "request_id": ""} == {**nobody.json, "request_id": ""}
    body = {"contact_id": contact}
    await lena.post(f"/contacts/{contact_of(hers)}/merge", body, 404)
    assert await searched(demo.agent, customer.phone) == [contact]
    assert await searched(lena, customer.phone) == []
    listed = await lena.get("/contacts", params={"limit": "100"})
    shown = [one["id"] for one in listed["data"]]
    assert contact_of(hers) in shown
    assert contact not in shown


async def test_of_a_merged_contact_an_agent_sees_their_channels_alone(
    demo: Demo, lena: Agent
) -> None:
    kept, _, (chat, text) = await merged(demo)
    seen = await lena.get(f"/contacts/{kept}")
    assert [one["kind"] for one in seen["identities"]] == ["sms"]
    assert [one["id"] for one in seen["conversations"]] == [text["id"]]
    assert seen["may"] == {"merge": False, "block": False, "export": False}
    whole = await demo.agent.get(f"/contacts/{kept}")
    assert len(whole["identities"]) == 2
    (merge,) = whole["merges"]
    hers = await lena.post(f"/contacts/{kept}/unmerge", {"merge_id": merge["id"]}, 403)
    assert hers["code"] == "not_allowed"
    _, (own,) = await writes_on(demo, "sms")
    for path, body in (
        (f"/contacts/{kept}/merge", {"contact_id": contact_of(own)}),
        (f"/contacts/{contact_of(own)}/merge", {"contact_id": kept}),
        (f"/contacts/{contact_of(own)}/not_same", {"contact_id": kept}),
    ):
        assert (await lena.post(path, body, 403))["code"] == "not_allowed"
    # The WhatsApp identity has the name: she is shown nobody she could not see.
    assert chat["id"] not in str(seen)


async def test_a_suggestion_is_not_told_of_a_channel_that_is_hidden(
    demo: Demo, lena: Agent
) -> None:
    _, (chat, text) = await writes_on(demo, "whatsapp", "sms")
    assert contact_of(chat) in await suggested(demo.agent, contact_of(text))
    assert await suggested(lena, contact_of(text)) == {}
