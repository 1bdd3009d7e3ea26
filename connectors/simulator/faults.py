"""Scripted trouble: for the next N matching happenings, what goes wrong.

Operations of the provider's API: `send`, `media` (upload, metadata, content), of mail also `token`
(Google's sign-in), `history` and `fetch` (a whole mail), `lookup` (all else that is asked), and
`any` (each of these). Operations of webhooks: `message` (a customer wrote), `status` (all that is
reported about one message of the inbox).
"""

from __future__ import annotations

from typing import Literal

import msgspec

Operation = Literal[
    "send", "media", "lookup", "token", "history", "fetch", "any", "message", "status"
]
CALLS = ("send", "media", "lookup", "token", "history", "fetch")


class Match(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """`kind` or `account` None: any."""

    operation: Operation
    kind: str | None = None
    account: str | None = None


class Fault(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """Of an API call (nothing is done unless it says so):
    status, code    answer with this error, in the provider's shape; code None: the usual one
    reason          the same, where the provider has words in place of numbers
    retry_after     seconds, as a `Retry-After` header of that answer
    delay_s         before anything else
    hang            take the request and never answer
    reset           reset the connection
    garbage         answer 200 with something that is no JSON
    drop_answer_after_accepting   do it, then close the connection without a word
    drip_s          do it, and answer in small pieces over so many seconds
    expired         of a file: its address has run out
    revoked         the credentials are no longer good

    Of webhooks:
    duplicate       send it so many times more
    delay_s         before the first
    late_s          it leaves so much later by itself, and others overtake it
    reorder         of a message: it leaves when the account's next one has been brought
    lost            it never leaves and never comes again; the provider can still list it
    reorder_statuses         the last one first
    statuses_before_answer   before the send is answered
    fail_code       the message fails with this code, reported by a status
    """

    status: int | None = None
    code: int | None = None
    reason: str | None = None
    retry_after: float | None = None
    delay_s: float = 0.0
    hang: bool = False
    reset: bool = False
    garbage: bool = False
    drop_answer_after_accepting: bool = False
    drip_s: float = 0.0
    expired: bool = False
    revoked: bool = False
    duplicate: int = 0
    late_s: float = 0.0
    reorder: bool = False
    lost: bool = False
    reorder_statuses: bool = False
    statuses_before_answer: bool = False
    fail_code: int | None = None


class Script(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    """`times` None: until somebody ends it."""

    match: Match
    fault: Fault
    times: int | None = 1

    def fits(self, kind: str, account: str | None, operation: str, *, content: bool) -> bool:
        match = self.match
        operations = CALLS if match.operation == "any" else (match.operation,)
        return (
            operation in operations
            and match.kind in (None, kind)
            and match.account in (None, account)
            and (content or not self.fault.expired)
        )


NO_FAULT = Fault()


class Faults:
    def __init__(self) -> None:
        self.scripts: list[Script] = []

    def take(
        self, kind: str, account: str | None, operation: str, *, content: bool = False
    ) -> Fault:
        """The oldest script that fits, one time of it used up.

        content  it is the bytes of a file that are asked for
        """
        for script in self.scripts:
            if script.fits(kind, account, operation, content=content):
                if script.times is not None:
                    script.times -= 1
                    if script.times <= 0:
                        self.scripts.remove(script)
                return script.fault
        return NO_FAULT
