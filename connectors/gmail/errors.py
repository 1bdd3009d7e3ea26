"""What Google's errors mean, in words an agent understands: of the Gmail API by `reason`, of the
token endpoint by `error`.

source  developers.google.com/workspace/gmail/api/guides/handle-errors
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Literal

from connectors.body import items, line, mapping, text
from connectors.http import Answer, Verdict, failure
from inbox.domain.errors import AccountTrouble, Permanent, Temporary
from inbox.domain.report import ProviderError

Action = Literal["retry", "final", "account"]

_MINUTE, _DAY = 60.0, 86_400.0
_RETRY_AFTER = re.compile(r"Retry after (\d{4}-\d{2}-\d{2}T[0-9:.]{8,16}Z?)", re.ASCII)

_ROWS: tuple[tuple[tuple[str, ...], Action, str, float | None], ...] = (
    (
        ("authError",),
        "account",
        "Google no longer accepts this mailbox's sign-in. An admin must connect it again.",
        None,
    ),
    (
        ("insufficientPermissions", "ACCESS_TOKEN_SCOPE_INSUFFICIENT", "PERMISSION_DENIED"),
        "account",
        "Google was not given the permission to read and send mail for this mailbox. An admin must"
        " connect it again and allow it.",
        None,
    ),
    (
        ("domainPolicy",),
        "account",
        "The administrators of this mailbox's organisation have blocked this app. They must allow"
        " it in Google Workspace.",
        None,
    ),
    (
        ("accessNotConfigured",),
        "account",
        "The Gmail API is switched off in the Google Cloud project. An admin must switch it on.",
        None,
    ),
    (
        ("delegationDenied", "accountDisabled"),
        "account",
        "Google does not let this sign-in use the mailbox. An admin must connect it again.",
        None,
    ),
    (
        ("dailyLimitExceeded",),
        "retry",
        "The Google project has used up its calls of the day; it goes on tomorrow.",
        _DAY,
    ),
    (
        ("userRateLimitExceeded", "rateLimitExceeded", "quotaExceeded", "RESOURCE_EXHAUSTED"),
        "retry",
        "Google asks us to slow down for this mailbox; it is tried again.",
        None,
    ),
    (
        ("backendError", "internalError", "UNAVAILABLE", "INTERNAL"),
        "retry",
        "Gmail has a fault at the moment; it is tried again.",
        None,
    ),
    (
        ("invalidArgument", "badRequest", "INVALID_ARGUMENT"),
        "final",
        "Gmail did not take the mail as it was addressed or written. Check the recipients.",
        None,
    ),
    (
        ("failedPrecondition", "FAILED_PRECONDITION"),
        "final",
        "Gmail cannot do this for the mailbox as it is set up.",
        None,
    ),
    (
        ("notFound", "NOT_FOUND"),
        "final",
        "Gmail does not have this any more.",
        None,
    ),
    (
        ("uploadTooLarge", "tooLarge", "messageTooLarge"),
        "final",
        "The mail is larger than Gmail takes. Send fewer or smaller files.",
        None,
    ),
)

_TABLE: dict[str, Verdict] = {
    word: Verdict(error=ProviderError(code=word, action=action, reason=reason), retry_after_s=wait)
    for words, action, reason, wait in _ROWS
    for word in words
}

# What the token endpoint says, where signing in again would mend it or not.
_TOKEN_ERRORS: dict[str, str] = {
    "invalid_grant": "Google ended this mailbox's sign-in (it was revoked, or the password"
    " changed). An admin must connect it again.",
    "invalid_client": "Google does not know this OAuth client ID and secret. An admin must enter"
    " them again.",
    "unauthorized_client": "This OAuth client may not sign in like this. An admin must check it in"
    " Google Cloud's console.",
    "deleted_client": "The OAuth client was deleted in Google Cloud's console. An admin must"
    " enter another one.",
    "redirect_uri_mismatch": "The OAuth client in Google Cloud's console lacks our address among"
    " its authorized redirect URIs.",
}


def reason(answer: Answer) -> str:
    """The word to branch on: the first error's `reason`, else the `status`, else the HTTP one."""
    error = mapping(answer.json(), "error")
    for one in items(error, "errors"):
        found = line(one, "reason", 64)
        if found is not None:
            return found
    return line(error, "status", 64) or f"http_{answer.status}"


def refusal(answer: Answer, now: datetime) -> Temporary | Permanent:
    """The exception for an answer of the Gmail API that is no success.

    now   aware UTC, against which a time named in the message is read
    """
    word = reason(answer)
    wait = answer.retry_after_s
    if wait is None:
        wait = _named_wait(mapping(answer.json(), "error"), now)
    verdict = _TABLE.get(word)
    if verdict is not None:
        return failure(verdict, wait)
    if answer.status == 401:
        return failure(_TABLE["authError"])
    if answer.status == 429 or answer.status >= 500:
        return Temporary("Gmail could not do it now.", code=word, retry_after_s=wait)
    if answer.status == 413:
        return failure(_TABLE["tooLarge"])
    return Permanent("Gmail refused the request.", code=word)


def token_refusal(answer: Answer) -> Temporary | Permanent:
    """The exception for an answer of the token endpoint that is no success."""
    if answer.status == 429 or answer.status >= 500:
        return Temporary(
            "Google's sign-in has a fault at the moment.",
            code=f"http_{answer.status}",
            retry_after_s=answer.retry_after_s,
        )
    word = line(answer.json(), "error", 64) or f"http_{answer.status}"
    sentence = _TOKEN_ERRORS.get(
        word, "Google did not accept the sign-in of this mailbox. An admin must connect it again."
    )
    return AccountTrouble(sentence, code=word)


def _named_wait(error: Mapping[str, object], now: datetime) -> float | None:
    """Seconds until the time in "Retry after <time>", at least a second and at most two days."""
    found = _RETRY_AFTER.search((text(error, "message") or "")[:500])
    if found is None:
        return None
    try:
        until = datetime.fromisoformat(found[1].rstrip("Z")).replace(tzinfo=UTC)
    except ValueError:
        return _MINUTE
    return min(max((until - now).total_seconds(), 1.0), 2 * _DAY)
