"""What a stolen dump of the database tells: nothing of a text, a number, a name or a credential."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest

from inbox.domain.channel import Secret
from inbox.domain.errors import StoreUnavailable
from inbox.domain.ids import AttachmentId
from inbox.domain.message import Attachment
from inbox.keyring import Keyring, KeyringError
from inbox.store.database import Database
from inbox.stores import stores
from tests.office import KEYS, NOW, SECRET, Office, a_channel, sms, whatsapp, whatsapp_item

OTHER = {"k2": b"2" * 32}


def values(document: Any) -> Iterator[bytes]:
    """Every piece of text and bytes in a document, keys too."""
    if isinstance(document, dict):
        for key, value in document.items():
            yield key.encode()
            yield from values(value)
    elif isinstance(document, list):
        for value in document:
            yield from values(value)
    elif isinstance(document, bytes):
        yield document
    else:
        yield str(document).encode()


async def dump(database: Database) -> dict[str, list[bytes]]:
    found = {}
    for name in await database.raw.list_collection_names():
        docs = await database[name].find({}).to_list(None)
        found[name] = [value for doc in docs for value in values(doc)]
    return found


@pytest.mark.requirement("K1", "K3")
async def test_no_collection_holds_a_readable_text_number_name_or_credential(
    office: Office,
) -> None:
    text, name, number = "a planted sentence", "Plantagenet", "15550177"
    item = whatsapp_item(text, phone=number, bsuid="US.PLANTED")
    await office.takes("whatsapp", whatsapp(item, name=name))
    # Of this one no name is known: the number stands for it.
    await office.takes("sms", sms(text, phone=f"+{number}"))
    # The words by which somebody stopped are evidence, and are quoted to agents.
    await office.takes("sms", sms("leave me planted", phone="+15550178", OptOutType="STOP"))
    for conversation in await office.conversations():
        message = await office.accepts(text, conversation)
        delivery = office.a_delivery()
        delivery.wake([message])
        await delivery.drained()
        refusal = (await office.again(message)).decision
        if conversation.handle == "+15550178":
            assert refusal is not None
            assert "leave me planted" in str(refusal["reason"])
            await office.stores.decisions.record(conversation, "agt_1", dict(refusal), NOW)  # type: ignore[arg-type]
    attachment = Attachment(id=AttachmentId("att_1"), kind="image", state="ready")
    await office.stores.files.put(office.workspace_id, attachment, text.encode(), now=NOW)
    token = "a-planted-token"
    secret = {"auth_token": Secret(token)}
    channel = a_channel(office.workspace_id, "sms", account="+15550192", secrets=secret)
    await office.stores.channels.add(channel)

    stored = await dump(office.stores.database)
    assert {"messages", "conversations", "identities", "contacts", "journal", "ledger"} <= set(
        stored
    )
    assert {"decisions", "channels", "attachments", "files.chunks"} <= set(stored)
    planted = [text, "planted", name, number, "US.PLANTED", token]
    planted += [base64.b64encode(word.encode()).decode().rstrip("=")[:-1] for word in planted]
    leaks = {
        (collection, word)
        for collection, found in stored.items()
        for word in planted
        if any(word.encode() in value for value in found)
    }
    assert leaks == set()


async def test_what_is_sealed_comes_back_as_it_was(office: Office) -> None:
    await office.takes("whatsapp", whatsapp(whatsapp_item("Where is it?"), name="Maya Ortiz"))
    (message,) = await office.thread()
    assert (message.text, message.author.name) == ("Where is it?", "Maya Ortiz")
    conversation = await office.conversation()
    assert (conversation.contact_name, conversation.handle) == ("Maya Ortiz", "+15550101")
    assert conversation.last_message is not None
    assert conversation.last_message.author_name == "Maya Ortiz"
    identity = await office.identity()
    assert identity.keys == ("15550101", "US.101")


@pytest.mark.requirement("K1")
async def test_a_sealed_value_cannot_be_put_in_the_place_of_another(office: Office) -> None:
    await office.takes("whatsapp", whatsapp(whatsapp_item("one"), whatsapp_item("two")))
    one, two = await office.thread()
    messages = office.stores.database["messages"]
    doc = await messages.find_one({"_id": one.id})
    assert doc is not None
    await messages.update_one({"_id": two.id}, {"$set": {"text": doc["text"]}})
    with pytest.raises(KeyringError):
        await office.again(two)


@pytest.mark.requirement("K2")
async def test_after_a_rotation_both_keys_read_and_the_newer_one_writes(office: Office) -> None:
    await office.takes("whatsapp", whatsapp(whatsapp_item("under the first")))
    (first,) = await office.thread()
    rotated = Keyring({**KEYS, **OTHER}, SECRET)
    database = office.stores.database
    database.keyring = rotated
    await database.prepare()
    after = replace(office, stores=stores(database))
    await after.stores.journal.start()
    await after.takes("whatsapp", whatsapp(whatsapp_item("under the second")))
    await after.stores.journal.close()
    assert [one.text for one in await after.thread()] == ["under the first", "under the second"]
    doc = await database["messages"].find_one({"_id": (await after.thread())[1].id})
    assert doc is not None
    assert bytes(doc["text"]).startswith(b"\x02k2")
    # Without the first key what it sealed is refused, and nothing is guessed.
    database.keyring = Keyring(OTHER, SECRET)
    with pytest.raises(KeyringError):
        await stores(database).messages.find(first.workspace_id, first.id)


@pytest.mark.requirement("K5")
@pytest.mark.parametrize(
    "keyring",
    [
        Keyring({"k1": b"x" * 32}, SECRET),
        Keyring({"k9": KEYS["k1"]}, SECRET),
        Keyring(KEYS, b"another secret, as long as the first"),
    ],
    ids=["another key", "a key of another name", "another secret"],
)
async def test_keys_that_are_not_the_datas_are_refused_at_the_start(
    database: Database, keyring: Keyring
) -> None:
    database.keyring = keyring
    with pytest.raises(KeyringError):
        await database.prepare()


async def test_preparing_again_with_the_same_keys_is_no_trouble(database: Database) -> None:
    await database.prepare()
    assert await database.takes_a_write()
    assert await database.answers()


async def test_a_database_that_is_away_is_unavailable_and_says_nothing(
    database: Database,
) -> None:
    gone = Database(
        "mongodb://127.0.0.1:1/?directConnection=true&serverSelectionTimeoutMS=50",
        database.keyring,
    )
    with pytest.raises(StoreUnavailable, match=r"^the database does not answer$"):
        await gone.prepare()
    gone.close()
