"""The only reader of the environment. README.md has the table of settings."""

from __future__ import annotations

import base64
import os
import secrets
from collections.abc import Mapping
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from urllib.parse import urlsplit

from inbox.domain.errors import AssentError
from inbox.keyring import Keyring, parse_keys

Network = IPv4Network | IPv6Network

_LOOPBACK = {"127.0.0.1", "localhost", "::1"}


class SettingsError(AssentError):
    """A setting is missing or wrong; the message names it and says what to do."""

    code = "settings"


@dataclass(frozen=True, kw_only=True, slots=True)
class Settings:
    """mongodb_url     None: the embedded database is started
    redis_url       None: one process, the hub in memory
    public_url      how providers and browsers reach us; no slash at the end
    dev             plain HTTP on loopback and a simulator on loopback are allowed
    *_url           where the providers are
    trusted_proxies whose word in X-Forwarded-For is taken; empty: nobody's
    """

    data_dir: Path
    public_url: str
    mongodb_url: str | None
    redis_url: str | None
    dev: bool
    graph_url: str
    instagram_url: str
    twilio_url: str
    gmail_url: str
    google_accounts_url: str
    google_token_url: str
    google_certs_url: str
    sockets_per_login: int
    trusted_proxies: tuple[Network, ...]

    @property
    def secure(self) -> bool:
        return self.public_url.startswith("https://")

    @property
    def public_host(self) -> str:
        return urlsplit(self.public_url).netloc


def read(
    environment: Mapping[str, str],
    *,
    host: str,
    port: int,
    data_dir: Path | None = None,
    demo: bool = False,
) -> Settings:
    """Settings for a server on this address; raises SettingsError."""
    dev = demo or environment.get("INBOX_DEV", "") in ("1", "true", "yes")
    if dev and host not in _LOOPBACK:
        raise SettingsError("INBOX_DEV serves loopback only: use --host 127.0.0.1, or unset it")
    local = f"http://{'[::1]' if host == '::1' else host}:{port}"
    # In lower case, as browsers write a Host and an Origin.
    public_url = environment.get("INBOX_PUBLIC_URL", "").rstrip("/").lower() or local
    parts = urlsplit(public_url)
    if parts.scheme not in ("http", "https") or not parts.netloc or parts.path or parts.query:
        raise SettingsError("INBOX_PUBLIC_URL must look like https://inbox.example.com")
    if parts.scheme == "http" and not (dev or parts.hostname in _LOOPBACK):
        raise SettingsError("INBOX_PUBLIC_URL must be https outside of INBOX_DEV")
    return Settings(
        data_dir=data_dir or Path(environment.get("INBOX_DATA_DIR", "data")),
        public_url=public_url,
        mongodb_url=environment.get("INBOX_MONGODB_URL") or None,
        redis_url=environment.get("INBOX_REDIS_URL") or None,
        dev=dev,
        graph_url=environment.get("INBOX_GRAPH_URL", "https://graph.facebook.com/v26.0").rstrip(
            "/"
        ),
        instagram_url=environment.get(
            "INBOX_INSTAGRAM_URL", "https://graph.instagram.com/v26.0"
        ).rstrip("/"),
        twilio_url=environment.get("INBOX_TWILIO_URL", "https://api.twilio.com").rstrip("/"),
        gmail_url=environment.get("INBOX_GMAIL_URL", "https://gmail.googleapis.com").rstrip("/"),
        google_accounts_url=environment.get(
            "INBOX_GOOGLE_ACCOUNTS_URL", "https://accounts.google.com"
        ).rstrip("/"),
        google_token_url=environment.get(
            "INBOX_GOOGLE_TOKEN_URL", "https://oauth2.googleapis.com/token"
        ),
        google_certs_url=environment.get(
            "INBOX_GOOGLE_CERTS_URL", "https://www.googleapis.com/oauth2/v3/certs"
        ),
        # Load runs of the demo open thousands of sockets with one login.
        sockets_per_login=20_000 if demo else int(environment.get("INBOX_SOCKETS_PER_LOGIN", "20")),
        trusted_proxies=_networks(environment.get("INBOX_TRUSTED_PROXIES", "")),
    )


def check_role(settings: Settings, role: str) -> None:
    """Processes that share the work share all they know; raises SettingsError where they could not.

    role   all, web or worker
    """
    if role == "all":
        return
    needed = {"INBOX_MONGODB_URL": settings.mongodb_url, "INBOX_REDIS_URL": settings.redis_url}
    missing = [name for name, value in needed.items() if value is None]
    if missing:
        raise SettingsError(
            f"--role {role} shares the work with other processes: set {' and '.join(missing)},"
            " or leave --role out"
        )


def _networks(text: str) -> tuple[Network, ...]:
    try:
        return tuple(ip_network(part.strip()) for part in text.split(",") if part.strip())
    except ValueError as error:
        raise SettingsError(
            "INBOX_TRUSTED_PROXIES must be addresses or networks with commas in between,"
            " like 127.0.0.1, 10.0.0.0/8"
        ) from error


def keyring(environment: Mapping[str, str], settings: Settings) -> Keyring:
    """The keys of the environment; else those of DATA_DIR/keys, made on first use.

    raises   SettingsError: a database of one's own needs keys of one's own, since they would be
             lost with this machine's disk
    """
    keys_text = environment.get("INBOX_ENCRYPTION_KEYS", "")
    secret = environment.get("INBOX_SECRET_KEY", "")
    if keys_text and secret:
        return Keyring(parse_keys(keys_text), secret.encode())
    if keys_text or secret:
        raise SettingsError("INBOX_ENCRYPTION_KEYS and INBOX_SECRET_KEY go together: give both")
    if settings.mongodb_url is not None and not settings.dev:
        raise SettingsError(
            "INBOX_MONGODB_URL needs INBOX_ENCRYPTION_KEYS and INBOX_SECRET_KEY as well:"
            " `python run.py make-keys` prints a pair"
        )
    path = settings.data_dir / "keys"
    if not path.exists():
        settings.data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w") as file:
            file.write(new_keys())
    if path.stat().st_mode & 0o077:
        raise SettingsError(f"{path} must be readable by its owner only: chmod 600 {path}")
    lines = dict(line.split("=", 1) for line in path.read_text().splitlines() if "=" in line)
    return Keyring(
        parse_keys(lines.get("INBOX_ENCRYPTION_KEYS", "")),
        lines.get("INBOX_SECRET_KEY", "").encode(),
    )


def new_keys() -> str:
    """Two lines for an environment file."""
    key = base64.b64encode(secrets.token_bytes(32)).decode()
    return f"INBOX_ENCRYPTION_KEYS=k1:{key}\nINBOX_SECRET_KEY={secrets.token_urlsafe(48)}\n"
