"""Where the browser of the tests comes from."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser import NAMES, chromium


@pytest.mark.parametrize("name", NAMES)
def test_a_browser_is_found_by_any_of_its_names(tmp_path: Path, name: str) -> None:
    program = tmp_path / name
    program.touch(mode=0o755)
    assert chromium(str(tmp_path)) == str(program)


def test_without_a_browser_a_test_fails_and_says_what_to_install(tmp_path: Path) -> None:
    with pytest.raises(AssertionError, match=r"^No Chromium .* run tests/system_packages\.sh\."):
        chromium(str(tmp_path))
