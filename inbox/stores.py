"""Every store over one database, made once in run.py and passed as one argument."""

from __future__ import annotations

from dataclasses import dataclass

from inbox.store.accounts import AccountStore
from inbox.store.changes import ChangeStore
from inbox.store.channels import ChannelStore
from inbox.store.contacts import ContactStore
from inbox.store.conversations import ConversationStore
from inbox.store.database import Database
from inbox.store.decisions import DecisionStore
from inbox.store.files import FileStore
from inbox.store.gaps import GapStore
from inbox.store.health import HealthStore
from inbox.store.journal import JournalStore
from inbox.store.ledger import LedgerStore
from inbox.store.mail_bodies import MailBodyStore
from inbox.store.merges import MergeStore
from inbox.store.messages import MessageStore
from inbox.store.outbox import OutboxStore
from inbox.store.people import PeopleStore
from inbox.store.pulls import PullStore
from inbox.store.reads import ReadStore
from inbox.store.sign_ins import SignInStore
from inbox.store.statuses import StatusStore
from inbox.store.templates import TemplateStore
from inbox.store.threads import ThreadStore


@dataclass(frozen=True, slots=True)
class Stores:
    database: Database
    accounts: AccountStore
    changes: ChangeStore
    channels: ChannelStore
    contacts: ContactStore
    conversations: ConversationStore
    decisions: DecisionStore
    files: FileStore
    gaps: GapStore
    health: HealthStore
    journal: JournalStore
    ledger: LedgerStore
    mail_bodies: MailBodyStore
    merges: MergeStore
    messages: MessageStore
    outbox: OutboxStore
    people: PeopleStore
    pulls: PullStore
    reads: ReadStore
    sign_ins: SignInStore
    statuses: StatusStore
    templates: TemplateStore
    threads: ThreadStore


def stores(database: Database) -> Stores:
    messages = MessageStore(database)
    return Stores(
        database=database,
        accounts=AccountStore(database),
        changes=ChangeStore(database, messages),
        channels=ChannelStore(database),
        contacts=ContactStore(database),
        conversations=ConversationStore(database),
        decisions=DecisionStore(database),
        files=FileStore(database),
        gaps=GapStore(database),
        health=HealthStore(database),
        journal=JournalStore(database),
        ledger=LedgerStore(database),
        mail_bodies=MailBodyStore(database),
        merges=MergeStore(database),
        messages=messages,
        outbox=OutboxStore(database, messages),
        people=PeopleStore(database),
        pulls=PullStore(database),
        reads=ReadStore(database),
        sign_ins=SignInStore(database),
        statuses=StatusStore(database),
        templates=TemplateStore(database),
        threads=ThreadStore(database),
    )
