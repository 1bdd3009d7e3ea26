"""A mailbox of the shop at the simulated Google."""

from __future__ import annotations

from connectors.simulator.world import Account


class GmailAccount(Account, frozen=True, kw_only=True):
    """`account` is the address, `webhook_url` where Pub/Sub pushes to, empty for nowhere.

    refresh_token    one that was granted already; others come from the sign-in page
    topic            the one that Gmail may publish to; a watch on another one is refused
    audience         of the pushes' tokens; empty: the webhook's address
    aliases          further addresses that the mailbox may send as
    token_s          how long an access token holds
    push_every_s     a mailbox is told of once in this time; what would be told between is dropped
    """

    client_id: str = "simulated.apps.googleusercontent.com"
    client_secret: str = "simulated-secret"  # noqa: S105, nobody's
    refresh_token: str = ""
    topic: str = ""
    audience: str = ""
    service_account: str = "gmail-push@demo-project.iam.gserviceaccount.com"
    aliases: tuple[str, ...] = ()
    token_s: int = 3599
    push_every_s: float = 1.0
