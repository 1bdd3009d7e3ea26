"""Every exception of ours, branched by what the catcher does with it.

AssentError
├── Temporary          try again, after `retry_after_s` where the other side said so
│   ├── StoreUnavailable   the database did not take it: 503 to whoever waits
│   └── Busy               a bounded queue of ours is full: 503, come back soon
├── Permanent          never again: mark it failed and tell the agent
│   └── AccountTrouble     the channel's credentials or standing: hold its queue, tell an admin
├── OutcomeUnknown     the provider may have taken it: never send it again by itself
├── Untrusted          bad or missing signature: 401/403, counted, nothing stored
├── MalformedPayload   a signed body that is not what its provider sends: journaled, counted
├── NotFound           no such thing in this workspace, or not for this agent
├── NotAllowed         it may be seen, but this agent may not do that with it
├── Invalid            a request of ours that breaks a rule, with the fields at fault
└── Conflict           the thing changed in between, or exists already

A refusal of the gate is a value (`gate.Decision`), not an exception.
"""

from __future__ import annotations


class AssentError(Exception):
    """Base of all. `code` is stable and snake_case; the message is one sentence without secrets."""

    code = "error"

    def __init__(self, message: str, *, code: str | None = None) -> None:
        super().__init__(message)
        if code is not None:
            self.code = code


class Temporary(AssentError):
    code = "temporary"

    def __init__(
        self, message: str, *, code: str | None = None, retry_after_s: float | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.retry_after_s = retry_after_s


class StoreUnavailable(Temporary):
    code = "store_unavailable"


class Busy(Temporary):
    code = "busy"


class Permanent(AssentError):
    """`code` is the provider's where there is one; `consent` is what the ledger learns from it."""

    code = "permanent"

    def __init__(
        self, message: str, *, code: str | None = None, consent: str | None = None
    ) -> None:
        super().__init__(message, code=code)
        self.consent = consent


class AccountTrouble(Permanent):
    code = "account_trouble"


class OutcomeUnknown(AssentError):
    code = "outcome_unknown"


class Untrusted(AssentError):
    code = "untrusted"


class MalformedPayload(AssentError):
    code = "malformed_payload"


class NotFound(AssentError):
    code = "not_found"


class NotAllowed(AssentError):
    code = "not_allowed"


class Invalid(AssentError):
    code = "invalid"

    def __init__(
        self,
        message: str,
        *,
        code: str | None = None,
        errors: tuple[tuple[str, str], ...] = (),
    ) -> None:
        super().__init__(message, code=code)
        self.errors = errors


class Conflict(AssentError):
    code = "conflict"
