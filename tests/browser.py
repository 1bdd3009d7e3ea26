"""The browser of this machine, for tests that look at pages."""

from __future__ import annotations

import shutil

NAMES = ("chromium", "chromium-browser", "google-chrome")
ARGUMENTS = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)


def chromium(path: str | None = None) -> str:
    """The program to start, looked for on PATH, or on this one; a test without it fails: a page
    that nobody looked at is not tested."""
    program = next((found for name in NAMES if (found := shutil.which(name, path=path))), None)
    assert program is not None, "No Chromium is installed here: run tests/system_packages.sh."
    return program
