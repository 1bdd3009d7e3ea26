"""Who may be the same person: found by what two contacts have in common, said in words, and never
acted upon. A number or a mail address that providers have verified is a strong sign; a name is not.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from inbox import shapes, terms
from inbox.domain.channel import Connector
from inbox.domain.contact import Contact, Identity
from inbox.domain.ids import ContactId, IdentityId
from inbox.stores import Stores

MOST = 10
# Of contacts with one sign: a name that hundreds have is no sign.
_MOST_WITH_A_SIGN = 20


@dataclass(frozen=True, kw_only=True, slots=True)
class Suggestion:
    contact: Contact
    identities: tuple[Identity, ...]
    strength: Literal["strong", "weak"]
    reasons: tuple[str, ...]


class Suggestions:
    def __init__(self, stores: Stores, connectors: Mapping[str, Connector]) -> None:
        self._stores = stores
        self._connectors = connectors

    async def of(
        self,
        contact: Contact,
        identities: Sequence[Identity],
        may_see: Callable[[Identity], bool],
    ) -> list[Suggestion]:
        """Contacts that may be the same person, strong signs first, at most ten. Only what
        `may_see` allows is looked at: a reason would tell of the rest."""
        mine = [one for one in identities if may_see(one)]
        pairs = await self._stores.merges.pairs_of(contact.workspace_id, [one.id for one in mine])
        found: list[Suggestion] = []
        for other in await self._candidates(contact, mine, pairs):
            family = await self._stores.people.of_contact(contact.workspace_id, other.id)
            theirs = [one for one, _ in family if may_see(one)]
            suggestion = self._compared(other, mine, theirs, pairs)
            if suggestion is not None:
                found.append(suggestion)
        found.sort(key=lambda one: (one.strength, one.contact.id))
        return found[:MOST]

    async def _candidates(
        self,
        contact: Contact,
        mine: Sequence[Identity],
        pairs: Mapping[frozenset[IdentityId], bool],
    ) -> list[Contact]:
        found: dict[ContactId, Contact] = {}
        for pair, one_person in pairs.items():
            for identity_id in pair - {one.id for one in mine} if one_person else ():
                told = await self._stores.people.get(identity_id)
                person = await self._stores.people.find_contact(
                    contact.workspace_id, told.contact_id
                )
                if person is not None:
                    found[person.id] = person
        signs = {sign for one in mine for sign in self._signs(one)}
        for sign in sorted(signs):
            some = await self._stores.contacts.with_term(
                contact.workspace_id, sign, limit=_MOST_WITH_A_SIGN
            )
            if len(some) < _MOST_WITH_A_SIGN:
                found |= {one.id: one for one in some}
        found.pop(contact.id, None)
        return [one for one in found.values() if one.merged_into is None]

    def _signs(self, identity: Identity) -> set[str]:
        verified = self._connectors[identity.kind].manifest.numbers
        return terms.signs(identity, verified=verified)

    def _compared(
        self,
        other: Contact,
        mine: Sequence[Identity],
        theirs: Sequence[Identity],
        pairs: Mapping[frozenset[IdentityId], bool],
    ) -> Suggestion | None:
        strong: list[str] = []
        weak: list[str] = []
        for one in mine:
            for another in theirs:
                known = pairs.get(frozenset((one.id, another.id)))
                if known is False:
                    return None  # somebody has said that they are two
                if known:
                    label = self._label(one)
                    strong.append(f"{label} says that one of them goes by the other's id now.")
                for sign in sorted(self._signs(one) & self._signs(another)):
                    (strong if sign[0] in "nm" else weak).append(self._reason(sign, one, another))
        if not strong and not weak:
            return None
        return Suggestion(
            contact=other,
            identities=tuple(theirs),
            strength="strong" if strong else "weak",
            reasons=tuple(dict.fromkeys(strong + weak)),
        )

    def _label(self, identity: Identity) -> str:
        return self._connectors[identity.kind].manifest.label

    def _reason(self, sign: str, one: Identity, another: Identity) -> str:
        labels = sorted({self._label(one), self._label(another)})
        where = f"on {' and '.join(labels)}" if len(labels) > 1 else f"twice on {labels[0]}"
        what = sign[2:]
        match sign[0]:
            case "n":
                return f"The same number {where}: {shapes.readable(what)}"
            case "m":
                return f"The same mail address {where}: {what}"
            case "u":
                return f"The same user name {where}: @{what}. Two people may have it."
            case _:
                return f"The same name {where}. Two people may have it."
