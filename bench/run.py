"""The conductor: both programs up, phases in turns over several rounds, a table at the end."""

from __future__ import annotations

import argparse
import asyncio
import json
import os
import secrets
import signal
import sys
import tempfile
from collections import Counter, defaultdict
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path

import msgspec

from bench.figures import summary, table
from bench.load import Plan, Result
from bench.programs import HERE, BenchError, Program, assent, floor, load, stored_ids


@dataclass(frozen=True, kw_only=True, slots=True)
class Phase:
    """in_flight   0: `rate` a second"""

    name: str
    agents: int
    in_flight: int = 0
    rate: float = 0.0
    seconds: float = 0.0
    messages: int = 0
    extra_sockets: int = 0


def phases(options: argparse.Namespace) -> list[Phase]:
    """What one round holds. The cap on messages is for the generator's memory; it is not reached
    below 4,000 a second."""
    seconds = options.seconds
    busy = [
        Phase(
            name=f"busy-{agents}",
            agents=agents,
            in_flight=options.in_flight,
            seconds=seconds,
            messages=int(seconds * 4000),
        )
        for agents in (1, 50, 500)
    ]
    steady = Phase(
        name="steady",
        agents=50,
        rate=options.rate,
        seconds=seconds * 2,
        messages=int(options.rate * seconds * 2),
    )
    return [
        phase
        for phase in (steady, *busy)
        if phase.name in options.only or phase.name.partition("-")[0] in options.only
    ]


def first(options: argparse.Namespace) -> Phase:
    """Before the rounds: every customer writes once, and memory is looked at."""
    return Phase(
        name="first",
        agents=50,
        in_flight=4,
        seconds=60,
        messages=options.customers,
        extra_sockets=500,
    )


class Bench:
    def __init__(self, options: argparse.Namespace, folder: Path) -> None:
        self._options = options
        self._folder = folder
        self._run = secrets.token_hex(3)
        self._count = 0
        self.results: dict[str, dict[str, list[Result]]] = defaultdict(lambda: defaultdict(list))
        self._expected: dict[str, Counter[str]] = defaultdict(Counter)

    async def measure(self) -> None:
        """Run everything.

        raises   BenchError, OSError, TimeoutError: a program or the generator failed
        """
        options = self._options
        async with AsyncExitStack() as stack:
            programs: list[Program] = []
            if "floor" in options.programs:
                programs.append(await stack.enter_async_context(floor(self._folder / "floor")))
            if "assent" in options.programs:
                ours = assent(self._folder / "assent", options.tree)
                programs.append(await stack.enter_async_context(ours))
            for program in programs:
                await self._phase(program, first(options))
            for number in range(options.rounds):
                for phase in phases(options):
                    # Who goes first changes: the machine may get slower or faster in between.
                    for program in programs if number % 2 == 0 else reversed(programs):
                        await self._phase(program, phase)
            for program in programs:
                await self._check(program)

    async def _phase(self, program: Program, phase: Phase) -> None:
        self._count += 1
        plan: Plan = program.plan(
            phase=f"{self._run}.{self._count:03d}",
            agents=phase.agents,
            customers=self._options.customers,
            in_flight=phase.in_flight,
            rate=phase.rate,
            seconds=phase.seconds,
            messages=phase.messages,
            extra_sockets=phase.extra_sockets,
        )
        result = await load(plan, self._folder)
        self.results[program.name][phase.name].append(result)
        refused = set(result.refused)
        self._expected[program.name].update(
            f"wamid.bench.{plan.phase}.{number:07d}"
            for number in range(result.sent)
            if number not in refused
        )
        print(
            f"{program.name:7}{phase.name:9}{result.sent:7} sent{result.sustained_per_s:7.0f}/s"
            f"  ack p50 {result.ack_p50_ms:6.1f}  last agent p50 {result.last_agent_p50_ms:7.1f} ms"
            f"  refused {len(refused)}  missing {result.missing}  doubled {result.doubled}",
            flush=True,
        )

    async def _check(self, program: Program) -> None:
        """Compare what is stored with what was acknowledged. A list that still moves while it is
        read page by page hides some: then it is read again once it has come to rest."""
        expected = self._expected[program.name]
        for wait_s in (1, 5, 10):
            await asyncio.sleep(wait_s)
            ids = await stored_ids(program)
            stored = Counter(one for one in ids if one.startswith("wamid.bench."))
            missing = sum((expected - stored).values())
            if not missing:
                break
            print(f"{program.name:7}{missing} not seen yet", flush=True)
        doubled = sum(count - 1 for count in stored.values() if count > 1)
        print(
            f"{program.name:7}stored: {len(stored)} of {len(expected)} acknowledged,"
            f" missing {missing}, doubled {doubled}",
            flush=True,
        )
        if missing or doubled:
            raise BenchError(f"{program.name} lost {missing} and doubled {doubled} messages")

    def whole(self) -> bool:
        """Whether every agent got every acknowledged message once."""
        every = [r for phases in self.results.values() for rs in phases.values() for r in rs]
        return not any(r.missing or r.doubled or r.refused for r in every)


def parser() -> argparse.ArgumentParser:
    found = argparse.ArgumentParser(
        prog="python -m bench", description="Assent beside the floor of the same libraries."
    )
    found.add_argument("--rounds", type=int, default=2)
    found.add_argument("--seconds", type=float, default=2.5, help="of a phase; twice when steady")
    found.add_argument("--in-flight", type=int, default=16, help="webhooks under way when busy")
    found.add_argument("--rate", type=float, default=100.0, help="webhooks a second when steady")
    found.add_argument("--customers", type=int, default=500)
    found.add_argument("--only", nargs="+", default=["busy", "steady"], help="phases")
    found.add_argument("--programs", nargs="+", default=["floor", "assent"])
    found.add_argument("--tree", type=Path, default=HERE, help="the checkout that is measured")
    found.add_argument("--out", type=Path, help="write the table and every result as JSON")
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    options = parser().parse_args(arguments)
    # Settings of the caller's own server must not reach the one that is measured.
    for name in [name for name in os.environ if name.startswith("INBOX_")]:
        del os.environ[name]
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # end what was started, then go
    with tempfile.TemporaryDirectory(prefix="assent-bench-") as folder:
        bench = Bench(options, Path(folder))
        try:
            asyncio.run(bench.measure())
        except (BenchError, OSError, TimeoutError) as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
            return 1
        except KeyboardInterrupt:
            return 130
    rows = summary(bench.results)
    print("\n" + table(rows))
    if options.out is not None:
        results = msgspec.to_builtins(bench.results)
        options.out.write_text(json.dumps({"figures": rows, "results": results}, indent=1))
    return 0 if bench.whole() else 1


if __name__ == "__main__":
    sys.exit(main())
