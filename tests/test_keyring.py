"""Values at rest: sealed under the newest key, opened under any, each in its own place only."""

from __future__ import annotations

import base64

import pytest

from inbox.keyring import Keyring, KeyringError, parse_keys

OLD, NEW = b"1" * 32, b"2" * 32
SECRET = b"a secret of at least 32 bytes, or so"
BOTH = Keyring({"a": OLD, "b": NEW}, SECRET)


@pytest.mark.requirement("K1")
@pytest.mark.parametrize("value", [b"", b"x", "Grüße 🫖".encode(), bytes(range(256)) * 400])
def test_what_is_sealed_opens_to_the_byte(value: bytes) -> None:
    assert BOTH.open(BOTH.seal(value, "place"), "place") == value


@pytest.mark.requirement("K1")
def test_the_same_value_is_never_sealed_alike() -> None:
    sealed = [BOTH.seal(b"STOP", "place") for _ in range(50)]
    assert len(set(sealed)) == 50
    assert not any(b"STOP" in one for one in sealed)


@pytest.mark.requirement("K1")
@pytest.mark.parametrize("place", ["", "places", "messages:2:text", "messages:1:author"])
def test_a_value_opens_in_its_own_place_only(place: str) -> None:
    sealed = BOTH.seal(b"value", "messages:1:text")
    with pytest.raises(KeyringError):
        BOTH.open(sealed, place)


@pytest.mark.requirement("K1")
def test_a_value_with_any_byte_changed_does_not_open() -> None:
    sealed = BOTH.seal(b"value", "place")
    for position in range(2, len(sealed)):
        changed = bytearray(sealed)
        changed[position] ^= 1
        with pytest.raises(KeyringError):
            BOTH.open(bytes(changed), "place")


@pytest.mark.requirement("K2")
def test_the_newest_key_seals_and_every_key_opens() -> None:
    before = Keyring({"a": OLD}, SECRET).seal(b"value", "place")
    assert BOTH.open(before, "place") == b"value"
    after = BOTH.seal(b"value", "place")
    assert Keyring({"b": NEW}, SECRET).open(after, "place") == b"value"
    with pytest.raises(KeyringError, match="INBOX_ENCRYPTION_KEYS lacks"):
        Keyring({"a": OLD}, SECRET).open(after, "place")


@pytest.mark.requirement("K3")
def test_a_tag_is_the_same_for_one_secret_and_another_for_another() -> None:
    again = Keyring({"c": b"3" * 32}, SECRET)
    other = Keyring({"a": OLD}, SECRET + b"!")
    assert BOTH.tag("sms:+15550101") == again.tag("sms:+15550101") != BOTH.tag("sms:+15550102")
    assert other.tag("sms:+15550101") != BOTH.tag("sms:+15550101")
    assert "15550101" not in BOTH.tag("sms:+15550101")


def test_a_signature_fits_what_was_signed_and_nothing_else() -> None:
    signature = BOTH.sign("file.1")
    assert BOTH.signed("file.1", signature)
    for value, given in (("file.2", signature), ("file.1", ""), ("file.1", signature + "ü")):
        assert not BOTH.signed(value, given)
    assert signature != BOTH.tag("file.1")


@pytest.mark.requirement("K5")
@pytest.mark.parametrize(
    ("keys", "secret"),
    [({}, SECRET), ({"a": b"short"}, SECRET), ({"a": OLD}, b""), ({"a": OLD}, b"x" * 31)],
)
def test_missing_and_short_keys_are_refused(keys: dict[str, bytes], secret: bytes) -> None:
    with pytest.raises(KeyringError, match="INBOX_"):
        Keyring(keys, secret)


def encoded(key: bytes) -> str:
    return base64.b64encode(key).decode()


def test_keys_are_read_in_their_order() -> None:
    both = {"2026a": OLD, "2026b": NEW}
    assert parse_keys(f"2026a:{encoded(OLD)},2026b:{encoded(NEW)}") == both
    assert parse_keys(f" 2026a:{encoded(OLD)}\n2026b:{encoded(NEW)} ,\n") == both


@pytest.mark.requirement("K5")
@pytest.mark.parametrize("text", ["a:not base64!", "a:***", f"a:{encoded(OLD)[:-3]}"])
def test_keys_that_are_no_keys_are_refused_without_showing_them(text: str) -> None:
    with pytest.raises(KeyringError) as caught:
        parse_keys(text)
    assert text[2:] not in str(caught.value)


@pytest.mark.requirement("K6")
def test_a_keyring_shows_nothing_of_its_keys() -> None:
    shown = repr(BOTH) + str(BOTH)
    assert not any(secret.decode() in shown for secret in (OLD, NEW, SECRET))
