"""A contact is there for whoever works on one of its channels, however much is on the others."""

from __future__ import annotations

from dataclasses import replace
from datetime import timedelta

from inbox.domain.agent import Agent, Role
from inbox.domain.ids import AgentId, ConversationId
from inbox.ids import new_id
from inbox.web.api import people
from tests.mailroom import ServedMail
from tests.office import NOW
from tests.post import a_mail


async def test_a_contact_of_many_mails_is_there_for_an_agent_of_another_channel(
    served_mail: ServedMail,
) -> None:
    await served_mail.arrives(a_mail())
    office, stores = served_mail.office, served_mail.context.stores
    mail = await office.conversation()
    identity = await stores.people.get(mail.identity_id)
    other = office.channels["sms"].id
    theirs, long_ago = ConversationId(new_id("cnv")), NOW - timedelta(days=9)
    await stores.conversations.create(theirs, replace(identity, channel_id=other), long_ago)
    for _ in range(50):
        await stores.conversations.create(ConversationId(new_id("cnv")), identity, NOW)
    agent = Agent(
        id=AgentId("agt_sms"),
        workspace_id=office.workspace_id,
        email="lena@example.com",
        name="Lena",
        role=Role.AGENT,
        channel_ids=frozenset({other}),
    )
    seen = await people.get_contact(served_mail.context, agent, identity.contact_id)
    assert [one.id for one in seen.conversations] == [theirs]
