"""Scripted trouble: for the next N matching happenings, what goes wrong.

Operations of the provider's API: `send`, `media` (upload, metadata, content), of mail also `token`
(Google's sign-in), `history` and `fetch` (a whole mail), and `lookup` (all else that is asked).
Operations of webhooks: `message` (a customer wrote), `status` (all that is reported about one
message of the inbox).
"""

from __future__ import annotations

from typing import Literal

import msgspec

Operation = Literal["send", "media", "lookup", "token", "history", "fetch", "message", "status"]


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

    Of webhooks:
    duplicate       send it so many times more
    lost            it never comes
    delay_s         before the first
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
    duplicate: int = 0
    lost: bool = False
    reorder_statuses: bool = False
    statuses_before_answer: bool = False
    fail_code: int | None = None


class Script(msgspec.Struct, kw_only=True, forbid_unknown_fields=True):
    match: Match
    fault: Fault
    times: int = 1


NO_FAULT = Fault()


class Faults:
    def __init__(self) -> None:
        self.scripts: list[Script] = []

    def take(self, kind: str, account: str | None, operation: str) -> Fault:
        """The oldest script that matches, one time of it used up."""
        for script in self.scripts:
            match = script.match
            if (
                match.operation == operation
                and match.kind in (None, kind)
                and match.account in (None, account)
            ):
                script.times -= 1
                if script.times <= 0:
                    self.scripts.remove(script)
                return script.fault
        return NO_FAULT
