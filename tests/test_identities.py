"""Ids of people change: the new ones are bound to who had the old ones, and nobody is merged."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from inbox.consent import standing_of
from inbox.domain.contact import Contact
from inbox.domain.conversation import Conversation
from inbox.domain.ids import ContactId
from inbox.suggestions import Suggestion, Suggestions
from tests.office import NOW, Office, whatsapp, whatsapp_item

PAYLOADS = Path(__file__).parent / "connectors" / "payloads" / "whatsapp"
OLD, NEW = "15550002001", "15550002099"
OLD_ID, NEW_ID = "US.10000000000000000001", "US.10000000000000000099"


def changed() -> bytes:
    """Somebody has a new number, and with it a new user id."""
    return (PAYLOADS / "system_number_and_bsuid_change.json").read_bytes()


def writes(phone: str | None, bsuid: str | None, text: str = "Hello", name: str = "Alex") -> bytes:
    return whatsapp(whatsapp_item(text, phone=phone, bsuid=bsuid), name=name)


async def people(office: Office) -> dict[str, Conversation]:
    return {one.handle: one for one in await office.conversations()}


async def contact(office: Office, one: Conversation) -> Contact:
    found = await office.stores.people.find_contact(office.workspace_id, one.contact_id)
    assert found is not None
    return found


async def suggested(office: Office, one: Conversation) -> dict[ContactId, Suggestion]:
    family = await office.stores.people.of_contact(office.workspace_id, one.contact_id)
    found = await Suggestions(office.stores, office.connectors).of(
        await contact(office, one), [identity for identity, _ in family], lambda _: True
    )
    return {suggestion.contact.id: suggestion for suggestion in found}


def test_the_payload_is_what_these_tests_say_of_it() -> None:
    value: Any = json.loads(changed())["entry"][0]["changes"][0]["value"]
    (message,) = value["messages"]
    told = message["system"]
    assert (message["from"], told["wa_id"]) == (OLD, NEW)
    assert (told["previous_user_id"], told["user_id"]) == (OLD_ID, NEW_ID)


async def test_new_ids_are_bound_and_what_comes_by_them_is_in_the_same_conversation(
    office: Office,
) -> None:
    await office.takes("whatsapp", writes(OLD, OLD_ID))
    before = await office.conversation()
    await office.takes("whatsapp", changed())
    for phone, bsuid in ((NEW, NEW_ID), (NEW, None), (None, NEW_ID)):
        await office.takes("whatsapp", writes(phone, bsuid, f"From {phone} {bsuid}"))
    after = await office.conversation()
    assert (after.id, after.contact_id) == (before.id, before.contact_id)
    assert len(await office.thread()) == 4
    identity = await office.identity()
    assert {OLD, OLD_ID, NEW, NEW_ID} <= set(identity.keys)
    assert "identity.aliased" in office.events


async def test_a_stop_from_the_old_number_holds_for_the_new_one(office: Office) -> None:
    await office.takes("whatsapp", writes(OLD, OLD_ID, "STOP"))
    await office.takes("whatsapp", changed())
    identity = await office.identity()
    assert identity.address == f"+{NEW}"
    assert (await standing_of(office.stores, identity, NOW)).opt_out is not None


async def test_who_is_found_by_the_new_number_is_found_by_the_old_one_too(office: Office) -> None:
    await office.takes("whatsapp", writes(OLD, OLD_ID))
    await office.takes("whatsapp", changed())
    here = (await office.conversation()).contact_id
    for number in (OLD, NEW):
        found = await office.stores.contacts.with_term(office.workspace_id, f"n:+{number}", limit=5)
        assert [one.id for one in found] == [here]


async def test_ids_that_are_somebody_elses_are_suggested_and_never_merged(office: Office) -> None:
    await office.takes("whatsapp", writes(OLD, OLD_ID, name="Alex"))
    await office.takes("whatsapp", writes(NEW, NEW_ID, name="Robin"))
    entry = await office.journal("whatsapp", changed())
    await office.an_intake().process([entry])
    assert "identity_conflict" in await office.verdict(entry)
    found = await people(office)
    alex, robin = found[f"+{OLD}"], found[f"+{NEW}"]
    assert alex.contact_id != robin.contact_id
    suggestion = (await suggested(office, alex))[robin.contact_id]
    assert suggestion.strength == "strong"
    assert suggestion.reasons == ("WhatsApp says that one of them goes by the other's id now.",)
    assert set(await suggested(office, robin)) == {alex.contact_id}
    await office.takes("whatsapp", writes(NEW, NEW_ID, "Still Robin", name="Robin"))
    assert [one.text for one in await office.thread(robin)][-1] == "Still Robin"


async def test_of_new_ids_the_free_one_is_bound_though_the_other_is_taken(office: Office) -> None:
    await office.takes("whatsapp", writes(OLD, OLD_ID, name="Alex"))
    await office.takes("whatsapp", writes(NEW, None, name="Robin"))
    await office.takes("whatsapp", changed())
    alex = (await people(office))[f"+{OLD}"]
    await office.takes("whatsapp", writes(None, NEW_ID, "By the new id", name="Alex"))
    assert [one.text for one in await office.thread(alex)][-1] == "By the new id"


async def test_what_an_agent_denies_is_not_suggested_again(office: Office) -> None:
    await office.takes("whatsapp", writes(OLD, OLD_ID, name="Alex"))
    await office.takes("whatsapp", writes(NEW, NEW_ID, name="Robin"))
    await office.takes("whatsapp", changed())
    found = await people(office)
    alex, robin = found[f"+{OLD}"], found[f"+{NEW}"]
    one, other = [await office.stores.people.get(each.identity_id) for each in (alex, robin)]
    await office.stores.merges.pair(one, other, told=False, now=NOW)
    await office.takes("whatsapp", changed())
    assert await suggested(office, alex) == {}
    assert await suggested(office, robin) == {}


async def test_who_has_only_a_user_name_is_found_by_it(office: Office) -> None:
    body = json.loads(writes(None, OLD_ID, name="Alex"))
    person = body["entry"][0]["changes"][0]["value"]["contacts"][0]
    person["profile"]["username"] = "@Alex.Shops"
    await office.takes("whatsapp", json.dumps(body).encode())
    one = await office.conversation()
    assert one.handle == "@Alex.Shops"
    found = await office.stores.contacts.with_term(office.workspace_id, "u:alex.shops", limit=5)
    assert [each.id for each in found] == [one.contact_id]
