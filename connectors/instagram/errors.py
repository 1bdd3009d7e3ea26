"""What only Instagram's errors mean; the others are those of Messenger.

source  developers.facebook.com/docs/messenger-platform/error-codes
"""

from __future__ import annotations

from connectors.messaging.errors import Row

ROWS: tuple[Row, ...] = (
    (
        (2534077,),
        "account",
        "The account's link to its page is broken, or it lacks two-factor authentication. An admin"
        " must mend it at Meta.",
        None,
    ),
    (
        (2534013,),
        "account",
        "The Facebook page is not linked to this Instagram account. An admin must link them.",
        None,
    ),
    (
        (2534029,),
        "account",
        "Instagram blocked this account from sending messages. An admin must appeal at Meta.",
        None,
    ),
    (
        (2534041,),
        "account",
        "The account does not let programs read its messages. Switch on “Allow access to messages”"
        " in the Instagram app, under Settings, Messages.",
        None,
    ),
    (
        (36103,),
        "account",
        "This Instagram account is not of a kind that may send messages. An admin must look at it"
        " at Meta.",
        None,
    ),
    (
        (2534025,),
        "final",
        "This comment takes no private reply any more.",
        None,
    ),
)
