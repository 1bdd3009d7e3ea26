"""The direction of imports and the size of files. An import against an arrow fails here.

run.py ▶ inbox.web ▶ what the inbox does ▶ inbox.store, inbox.hub ▶ inbox.domain
run.py ▶ connectors ▶ inbox.domain        inbox never imports connectors
"""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted([*ROOT.glob("inbox/**/*.py"), *ROOT.glob("connectors/**/*.py"), ROOT / "run.py"])
MAX_LINES = 500

# Who may say a library's name: path prefixes. A further one is a design question.
ONLY_IN = {
    "motor": ("inbox/store/",),
    "bson": ("inbox/store/",),
    "gridfs": ("inbox/store/",),
    "pymongo": ("inbox/store/",),
    "redis": ("inbox/hub/streams.py",),
    "starlette": ("inbox/web/", "connectors/simulator/", "run.py"),
    "uvicorn": ("inbox/web/", "connectors/simulator/", "run.py"),
    "twilio": ("connectors/sms/",),
}

# What a part of inbox/ may never import, being below it.
BELOW = {
    "inbox/store/": ("inbox.hub", "inbox.web", "inbox.intake", "inbox.delivery", "connectors"),
    "inbox/hub/": ("inbox.store", "inbox.web", "inbox.intake", "inbox.delivery", "connectors"),
    "inbox/": ("connectors",),
}


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, also those inside of functions, in full."""
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.level == 0:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_in(module: str, package: str) -> bool:
    return module == package or module.startswith(f"{package}.")


def texts() -> list[Path]:
    """Files that people write, of every sort."""
    kinds = {".py", ".md", ".toml", ".txt", ".js", ".css", ".html", ".sh", ".yml", ".json", ".cfg"}
    places = ("inbox", "connectors", "static", "templates", "tests", "docs", "bench", ".ci")
    found = [p for place in places for p in (ROOT / place).rglob("*")]
    found += [p for p in ROOT.iterdir() if p.is_file()]
    return [
        p
        for p in found
        if (p.suffix in kinds or p.name in {"Makefile", "run"})
        and p.is_file()
        and "vendor" not in p.parts
        and not p.name.startswith(".")
    ]


def test_there_is_something_to_check() -> None:
    assert len(SOURCES) > 50
    assert len(texts()) > len(SOURCES)


@pytest.mark.parametrize("path", [p for p in SOURCES if "domain" in p.parts], ids=name_of)
def test_the_domain_imports_only_itself_and_the_standard_library(path: Path) -> None:
    strangers = [
        module
        for module in imports(path)
        if module.partition(".")[0] not in sys.stdlib_module_names
        and not is_in(module, "inbox.domain")
    ]
    assert strangers == []


def test_imports_are_written_in_full() -> None:
    relative = [
        name_of(path)
        for path in SOURCES
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.ImportFrom) and node.level > 0
    ]
    assert relative == []


@pytest.mark.parametrize("library", ONLY_IN)
def test_a_library_is_known_in_its_own_place_only(library: str) -> None:
    users = [name_of(p) for p in SOURCES if any(is_in(m, library) for m in imports(p))]
    assert users, f"nobody imports {library}: take its row away"
    assert [user for user in users if not user.startswith(ONLY_IN[library])] == []


@pytest.mark.parametrize("part", BELOW)
def test_no_import_goes_upwards(part: str) -> None:
    wrong = [
        (name_of(path), module)
        for path in SOURCES
        if name_of(path).startswith(part)
        for module in imports(path)
        if any(is_in(module, above) for above in BELOW[part])
    ]
    assert wrong == []


def test_nothing_below_the_web_imports_it() -> None:
    wrong = [
        name_of(path)
        for path in SOURCES
        if not name_of(path).startswith(("inbox/web/", "run.py"))
        and any(is_in(module, "inbox.web") for module in imports(path))
    ]
    assert wrong == []


def test_connectors_know_nothing_of_the_inbox_but_its_domain() -> None:
    wrong = [
        (name_of(path), module)
        for path in SOURCES
        if name_of(path).startswith("connectors/")
        for module in imports(path)
        if is_in(module, "inbox") and not is_in(module, "inbox.domain")
    ]
    assert wrong == []


def test_the_embedded_database_is_never_imported() -> None:
    files = [*SOURCES, *ROOT.glob("tests/**/*.py"), *ROOT.glob("bench/**/*.py")]
    users = [name_of(p) for p in files if any(is_in(m, "secantus") for m in imports(p))]
    assert users == []


def test_no_file_is_longer_than_a_reader_bears() -> None:
    code = [p for p in texts() if p.suffix in {".py", ".js", ".css", ".html"}]
    lengths = {
        name_of(p): len(p.read_text().splitlines()) for p in code if "payloads" not in p.parts
    }
    assert {name: lines for name, lines in lengths.items() if lines > MAX_LINES} == {}


def test_no_file_names_a_package_registry_or_how_to_reach_one() -> None:
    # In pieces, so that this file does not find itself.
    hosts = [
        "pypi" + r"\.org",
        "python" + r"hosted\.org",
        "registry" + r"\.npmjs",
        "npm" + r"js\.com",
    ]
    options = ["--(extra-)?index" + "-url", "--find" + "-links"]
    pattern = re.compile("|".join(hosts + options))
    assert [name_of(p) for p in texts() if pattern.search(p.read_text(errors="replace"))] == []
