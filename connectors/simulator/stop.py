"""STOP, START and HELP on an ordinary number: the carrier's words and its answers."""

from __future__ import annotations

STOP_WORDS = frozenset(
    ("stop", "stopall", "unsubscribe", "end", "quit", "cancel", "revoke", "optout")
)
START_WORDS = frozenset(("start", "yes", "unstop"))
HELP_WORDS = frozenset(("help", "info"))
STOPPED = (
    "You have successfully been unsubscribed. You will not receive any more messages from this "
    "number. Reply START to resubscribe."
)
STARTED = (
    "You have successfully been re-subscribed to messages from this number. Reply HELP for help. "
    "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
)
HELPED = "Reply STOP to unsubscribe. Msg&Data Rates May Apply."
