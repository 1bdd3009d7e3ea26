"""Which figures are shown, what they should be, and the table of them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from bench.load import Result

# By program and phase: one result a round.
Results = Mapping[str, Mapping[str, Sequence[Result]]]


@dataclass(frozen=True, kw_only=True, slots=True)
class Figure:
    """phase, field   where the number is
    must, goal      of the ratio ours / floor; None: shown only
    more            more is better
    """

    label: str
    phase: str
    field: str
    must: float | None = None
    goal: float | None = None
    more: bool = False


def _busy(agents: int, must: float) -> list[Figure]:
    label = f"{agents} agent{'s' * (agents > 1)}"
    judged = {
        "sustained/s": "sustained_per_s",
        "acked/s while sending": "acked_per_s",
        "deliveries/s": "deliveries_per_s",
    }
    shown = {
        "ack p50 ms": "ack_p50_ms",
        "ack p99 ms": "ack_p99_ms",
        "last agent p50 ms": "last_agent_p50_ms",
        "server CPU s/1,000": "server_cpu_s",
        "database CPU s/1,000": "database_cpu_s",
    }
    phase = f"busy-{agents}"
    return [
        *(
            Figure(label=f"{label}: {word}", phase=phase, field=field, must=must, goal=1, more=True)
            for word, field in judged.items()
        ),
        *(
            Figure(label=f"{label}: {word}", phase=phase, field=field)
            for word, field in shown.items()
        ),
    ]


def _steady(label: str, field: str, must: float | None, goal: float | None) -> Figure:
    return Figure(label=f"steady: {label}", phase="steady", field=field, must=must, goal=goal)


FIGURES = [
    *_busy(1, 0.4),
    *_busy(50, 0.4),
    *_busy(500, 0.65),
    _steady("ack p50 ms", "ack_p50_ms", 2.0, 1.2),
    _steady("ack p99 ms", "ack_p99_ms", None, None),
    _steady("last agent p50 ms", "last_agent_p50_ms", 2.0, 1.2),
    _steady("last agent p99 ms", "last_agent_p99_ms", 3.0, 1.5),
    _steady("server CPU s/1,000", "server_cpu_s", 3.0, 1.5),
    _steady("database CPU s/1,000", "database_cpu_s", None, None),
    _steady("bytes a delivery", "bytes_per_delivery", 4.0, 2.0),
    Figure(
        label="server MiB, 50 agents", phase="first", field="server_rss_mib", must=2.0, goal=1.5
    ),
    Figure(label="KiB an idle socket", phase="first", field="idle_socket_kib", must=2.0, goal=1.5),
    _steady("generator CPU s/1,000", "generator_cpu_s", None, None),
]


def verdict(figure: Figure, ratio: float) -> str:
    if figure.must is None or figure.goal is None:
        return ""
    if ratio >= figure.goal if figure.more else ratio <= figure.goal:
        return "goal"
    return "must" if (ratio >= figure.must if figure.more else ratio <= figure.must) else "MISSED"


def summary(results: Results) -> list[dict[str, object]]:
    """One row a figure: medians over the rounds, and the ratio of the medians."""
    rows: list[dict[str, object]] = []
    for figure in FIGURES:
        values = {
            name: median(getattr(one, figure.field) for one in phases[figure.phase])
            for name, phases in results.items()
            if phases.get(figure.phase)
        }
        if not values:
            continue
        row: dict[str, object] = {"figure": figure.label, **values}
        if len(values) == 2 and values["floor"]:
            ratio = values["assent"] / values["floor"]
            row |= {"ratio": ratio, "verdict": verdict(figure, ratio)}
            row |= {"must": figure.must, "goal": figure.goal}
        rows.append(row)
    return rows


def table(rows: Sequence[Mapping[str, object]]) -> str:
    lines = [f"{'':38}{'assent':>10}{'floor':>10}{'ratio':>8}{'must':>7}{'goal':>7}"]
    for row in rows:
        cells = [_cell(row.get("assent"), 10), _cell(row.get("floor"), 10)]
        cells += [_cell(row.get("ratio"), 8), _cell(row.get("must"), 7), _cell(row.get("goal"), 7)]
        lines.append(f"{row['figure']:38}{''.join(cells)}  {row.get('verdict', '')}".rstrip())
    return "\n".join(lines)


def _cell(value: object, width: int) -> str:
    if not isinstance(value, float | int):
        return " " * width
    return f"{value:>{width},.0f}" if abs(value) >= 100 else f"{value:>{width}.2f}"
