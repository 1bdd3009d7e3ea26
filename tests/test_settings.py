"""What the environment may say, what it means, and what is refused with the setting's name."""

from __future__ import annotations

from pathlib import Path

import pytest

from inbox import settings
from inbox.keyring import KeyringError
from inbox.settings import Settings, SettingsError, new_keys

LOCAL = "127.0.0.1"


def read(environment: dict[str, str] | None = None, host: str = LOCAL, **more: object) -> Settings:
    values = {"port": 8000, **more}
    return settings.read(environment or {}, host=host, **values)  # type: ignore[arg-type]


def keys() -> dict[str, str]:
    return dict(line.split("=", 1) for line in new_keys().splitlines())


def test_without_any_setting_it_serves_its_own_address_with_its_own_database() -> None:
    found = read()
    assert found.public_url == "http://127.0.0.1:8000"
    assert (found.mongodb_url, found.redis_url, found.dev, found.secure) == (
        None,
        None,
        False,
        False,
    )
    assert found.data_dir == Path("data")
    assert found.graph_url.startswith("https://graph.facebook.com/v")
    assert found.twilio_url == "https://api.twilio.com"


PUBLIC_URLS = [
    # what is given, whether development, what is meant (None: refused)
    ("https://inbox.example.com", False, "https://inbox.example.com"),
    ("https://inbox.example.com/", False, "https://inbox.example.com"),
    ("https://inbox.example.com:8443", False, "https://inbox.example.com:8443"),
    ("https://Inbox.Example.com:8443", False, "https://inbox.example.com:8443"),
    ("http://localhost:9000", False, "http://localhost:9000"),
    ("http://inbox.example.com", True, "http://inbox.example.com"),
    ("http://inbox.example.com", False, None),
    ("https://inbox.example.com/app", False, None),
    ("https://inbox.example.com?a=1", False, None),
    ("inbox.example.com", False, None),
    ("ftp://inbox.example.com", False, None),
    ("https://", False, None),
]


@pytest.mark.parametrize(("given", "dev", "meant"), PUBLIC_URLS)
def test_the_public_address_is_https_and_nothing_but_an_address(
    given: str, dev: bool, meant: str | None
) -> None:
    environment = {"INBOX_PUBLIC_URL": given, "INBOX_DEV": "1" if dev else ""}
    if meant is None:
        with pytest.raises(SettingsError, match="INBOX_PUBLIC_URL"):
            read(environment)
    else:
        assert read(environment).public_url == meant


def test_no_proxy_is_trusted_that_is_not_named() -> None:
    assert read().trusted_proxies == ()
    named = read({"INBOX_TRUSTED_PROXIES": "127.0.0.1, 10.0.0.0/8,2001:db8::/32"}).trusted_proxies
    assert [str(one) for one in named] == ["127.0.0.1/32", "10.0.0.0/8", "2001:db8::/32"]


@pytest.mark.parametrize("given", ["proxy.example.com", "10.0.0.1/8", "*", "10.0.0.0/8;10.1.0.0"])
def test_what_is_no_proxys_address_is_refused(given: str) -> None:
    with pytest.raises(SettingsError, match="INBOX_TRUSTED_PROXIES"):
        read({"INBOX_TRUSTED_PROXIES": given})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "inbox.example.com"])  # noqa: S104
def test_development_and_demo_serve_loopback_only(host: str) -> None:
    for more in ({"environment": {"INBOX_DEV": "1"}}, {"demo": True}):
        with pytest.raises(SettingsError, match="INBOX_DEV"):
            read(host=host, **more)  # type: ignore[arg-type]
    assert not read({"INBOX_PUBLIC_URL": "https://inbox.example.com"}, host=host).dev


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost", "::1"])
def test_a_loopback_address_may_be_developed_on(host: str) -> None:
    assert read({"INBOX_DEV": "true"}, host=host).dev
    assert read(host="::1").public_url == "http://[::1]:8000"


def test_the_command_line_goes_before_the_environment() -> None:
    environment = {"INBOX_DATA_DIR": "/var/lib/one"}
    assert read(environment).data_dir == Path("/var/lib/one")
    assert read(environment, data_dir=Path("two")).data_dir == Path("two")


@pytest.mark.requirement("K5")
def test_a_database_of_ones_own_needs_keys_of_ones_own(tmp_path: Path) -> None:
    found = read({"INBOX_MONGODB_URL": "mongodb://db.example.com"}, data_dir=tmp_path)
    with pytest.raises(SettingsError, match="INBOX_ENCRYPTION_KEYS and INBOX_SECRET_KEY"):
        settings.keyring({}, found)
    assert list(tmp_path.iterdir()) == []
    assert settings.keyring(keys(), found).tag("a")


def test_keys_are_made_once_and_kept_for_their_owner_only(tmp_path: Path) -> None:
    found = read(data_dir=tmp_path / "data")
    first = settings.keyring({}, found)
    assert (tmp_path / "data" / "keys").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "data").stat().st_mode & 0o777 == 0o700
    again = settings.keyring({}, found)
    assert again.open(first.seal(b"value", "place"), "place") == b"value"
    assert again.tag("a") == first.tag("a")


@pytest.mark.requirement("K5")
def test_keys_that_others_may_read_are_refused(tmp_path: Path) -> None:
    found = read(data_dir=tmp_path)
    settings.keyring({}, found)
    (tmp_path / "keys").chmod(0o640)
    with pytest.raises(SettingsError, match="chmod 600"):
        settings.keyring({}, found)


@pytest.mark.requirement("K5")
@pytest.mark.parametrize("content", ["", "INBOX_SECRET_KEY=short\n", "nonsense"])
def test_a_key_file_that_holds_no_keys_is_refused(tmp_path: Path, content: str) -> None:
    (tmp_path / "keys").write_text(content)
    (tmp_path / "keys").chmod(0o600)
    with pytest.raises(KeyringError):
        settings.keyring({}, read(data_dir=tmp_path))


@pytest.mark.requirement("K5")
@pytest.mark.parametrize("name", ["INBOX_ENCRYPTION_KEYS", "INBOX_SECRET_KEY"])
def test_one_of_two_keys_is_not_filled_up_with_a_made_one(tmp_path: Path, name: str) -> None:
    """Half a pair is a mistake: data sealed with a made key would be lost with the disk."""
    with pytest.raises(SettingsError, match="INBOX_ENCRYPTION_KEYS and INBOX_SECRET_KEY"):
        settings.keyring({name: keys()[name]}, read(data_dir=tmp_path))


def test_every_pair_of_new_keys_is_another() -> None:
    assert len({new_keys() for _ in range(10)}) == 10


URLS = {"INBOX_MONGODB_URL": "mongodb://db.example.com", "INBOX_REDIS_URL": "redis://example.com"}


@pytest.mark.parametrize("role", ["web", "worker"])
@pytest.mark.parametrize("missing", [[*URLS], *([name] for name in URLS)], ids=" and ".join)
def test_a_part_of_the_work_needs_what_processes_share(role: str, missing: list[str]) -> None:
    found = read({name: url for name, url in URLS.items() if name not in missing})
    with pytest.raises(SettingsError, match=f"--role {role} .*{' and '.join(missing)}"):
        settings.check_role(found, role)


def test_all_of_the_work_needs_nothing_and_parts_of_it_no_more_than_that() -> None:
    settings.check_role(read(), "all")
    for role in ("web", "worker"):
        settings.check_role(read(URLS), role)
