"""Which files a kind takes, by its manifest."""

from __future__ import annotations

import pytest

from inbox.domain.channel import MediaLimit

PICTURES = MediaLimit(kind="image", mimes=("image/png", "image/jpeg"), max_bytes=1)
ANYTHING = MediaLimit(kind="document", mimes=("*/*",), max_bytes=1)


@pytest.mark.parametrize("mime", ["image/png", "image/jpeg"])
def test_a_named_type_is_taken(mime: str) -> None:
    assert PICTURES.takes(mime)


@pytest.mark.parametrize("mime", ["image/gif", "image/*", "*/*", "", None])
def test_another_type_is_not(mime: str | None) -> None:
    assert not PICTURES.takes(mime)


@pytest.mark.parametrize("mime", ["image/png", "application/octet-stream", None])
def test_every_type_is_taken_where_the_kind_says_so(mime: str | None) -> None:
    assert ANYTHING.takes(mime)
