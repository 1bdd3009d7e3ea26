"""Makes a mail's HTML safe without being held up by it.

A few kilobytes can be written so that a parser, doing all that the standard wants, needs minutes
and gigabytes for them: tags a hundred thousand deep, bold words begun anew in every paragraph. No
count that can be made beforehand tells those from a large newsletter. So what is not plainly small
is made safe in a process of its own, with an end to its time and its memory.
"""

from __future__ import annotations

import json
import re
import resource
import subprocess
import sys
from pathlib import Path

from inbox import log
from inbox.mail_html import CleanHtml, clean_here, without_pictures

MOST_BYTES = 2 * 1024 * 1024
# What is kept is made safe once more whenever it is read, so it has to be easy.
MOST_KEPT = 4 * 1024 * 1024
MOST_DEEP = 600
_CPU_S = 3
_WALL_S = 20
_MEMORY_BYTES = 1024 * 1024 * 1024
# Below these everything takes well under a second: tags by tags, and by those of them that a parser
# begins anew where they were not ended.
_FEW = 300_000_000
_FEW_BEGUN_ANEW = 2_000
_FEW_ANEW = 600_000

_OPENS = re.compile(r"<[a-z]", re.IGNORECASE)
_BEGUN_ANEW = re.compile(
    r"<(?:a|b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)\b", re.IGNORECASE
)
_QUOTED = re.compile(r'"[^"]*"')
_TAG = re.compile(r"<(/?)([a-z][a-z0-9]*)")
_EMPTY = frozenset(("br", "col", "hr", "img"))

_log = log.get("mail")


def clean(raw: str) -> CleanHtml | None:
    """What is stored of a mail's HTML. CPU-bound: large ones belong in a thread. None where it is
    too large, or too much work, or nothing is left."""
    if len(raw) > MOST_BYTES or len(raw.encode(errors="replace")) > MOST_BYTES:
        return None
    if _is_small(raw):
        return clean_here(raw)
    kept = _clean_apart(raw)
    if kept is None or len(kept.html) > MOST_KEPT or _depth(kept.html) > MOST_DEEP:
        return None
    return kept


def at_first(raw: str) -> str:
    """What is shown of a mail's HTML before anybody asks for pictures; empty where `clean` keeps
    nothing."""
    kept = clean(raw)
    return "" if kept is None else without_pictures(kept)


def _is_small(raw: str) -> bool:
    opening = sum(1 for _ in _OPENS.finditer(raw))
    anew = sum(1 for _ in _BEGUN_ANEW.finditer(raw))
    return (
        opening * (opening + raw.count("</")) < _FEW
        and anew < _FEW_BEGUN_ANEW
        and anew * opening < _FEW_ANEW
    )


def _depth(kept: str) -> int:
    """How deep tags lie in each other in what has been made safe: there every tag is ended, and
    every attribute in double quotes."""
    deep = most = 0
    for found in _TAG.finditer(_QUOTED.sub("", kept)):
        if found[2] in _EMPTY:
            continue
        deep += -1 if found[1] else 1
        most = max(most, deep)
    return most


def _clean_apart(raw: str) -> CleanHtml | None:
    try:
        done = subprocess.run(
            [sys.executable, "-m", "inbox.mail_cleaning"],
            input=raw.encode(errors="replace"),
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            cwd=Path(__file__).parents[1],
            # Hostile input, and the server's environment holds its keys.
            env={},
            timeout=_WALL_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        _log.warning("a mail's html took too long, its text is shown")
        return None
    if done.returncode != 0:
        # Below zero the signal that ended it: the limits do. Anything else would be our own fault.
        _log.warning("a mail's html was given up, its text is shown", exit=done.returncode)
        return None
    told = json.loads(done.stdout)
    return None if told is None else CleanHtml(html=told["html"], remote=told["remote"])


def main() -> None:
    """The other process: HTML in, JSON out."""
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_S, _CPU_S))
    resource.setrlimit(resource.RLIMIT_AS, (_MEMORY_BYTES, _MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    kept = clean_here(sys.stdin.buffer.read().decode())
    told = None if kept is None else {"html": kept.html, "remote": kept.remote}
    sys.stdout.write(json.dumps(told))


if __name__ == "__main__":
    main()
