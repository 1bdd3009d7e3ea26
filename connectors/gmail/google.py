"""Where Google is."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True, slots=True)
class Google:
    """Addresses without a slash at the end; others than Google's own are a simulator's.

    gmail_url      the Gmail API, without /gmail/v1
    accounts_url   the sign-in page, which the admin's browser opens
    token_url      where codes and refresh tokens become access tokens; they end next to it
    certs_url      the keys (JWKS) that Google signs pushes with
    """

    gmail_url: str = "https://gmail.googleapis.com"
    accounts_url: str = "https://accounts.google.com"
    token_url: str = "https://oauth2.googleapis.com/token"  # noqa: S105, an address
    certs_url: str = "https://www.googleapis.com/oauth2/v3/certs"

    @property
    def revoke_url(self) -> str:
        return self.token_url.rpartition("/")[0] + "/revoke"
