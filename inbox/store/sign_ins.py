"""Sign-ins under way at a provider's own page: what has to be remembered until the browser is back.

Kept under a hash of the `state` that travels with the browser; the PKCE verifier is sealed.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import sha256

from inbox.domain.ids import ChannelId, WorkspaceId
from inbox.store.database import Database, reachable

GOOD_FOR = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True, slots=True)
class SignIn:
    """`login` is the login session that began it: nobody else may end it."""

    workspace_id: WorkspaceId
    channel_id: ChannelId
    login: str
    code_verifier: str = field(repr=False)


class SignInStore:
    def __init__(self, database: Database) -> None:
        self._sign_ins = database.durable("sign_ins")
        self._keyring = database.keyring

    async def begin(self, state: str, sign_in: SignIn, now: datetime) -> None:
        key = _key(state)
        sealed = self._keyring.seal_text(sign_in.code_verifier, f"sign_ins:{key}:verifier")
        async with reachable():
            await self._sign_ins.insert_one(
                {
                    "_id": key,
                    "workspace_id": sign_in.workspace_id,
                    "channel_id": sign_in.channel_id,
                    "login": sign_in.login,
                    "verifier": sealed,
                    "expires_at": now + GOOD_FOR,
                }
            )

    async def take(self, state: str, login: str, now: datetime) -> SignIn | None:
        """The sign-in of this state, once; None: it is over, used, or somebody else's."""
        key = _key(state)
        async with reachable():
            doc = await self._sign_ins.find_one({"_id": key})
            if doc is None or doc["login"] != login or now >= doc["expires_at"]:
                return None
            # Of two who found it, one deletes it.
            deleted = await self._sign_ins.delete_one({"_id": key})
        if not deleted.deleted_count:
            return None
        return SignIn(
            workspace_id=WorkspaceId(doc["workspace_id"]),
            channel_id=ChannelId(doc["channel_id"]),
            login=doc["login"],
            code_verifier=self._keyring.open_text(
                bytes(doc["verifier"]), f"sign_ins:{key}:verifier"
            ),
        )


def _key(state: str) -> str:
    return sha256(state.encode()).hexdigest()
