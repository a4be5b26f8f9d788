"""Registers of any size to measure on: one site for every thousand cameras, a dock for every sixteen."""

import csv
import itertools
from collections.abc import Iterator
from pathlib import Path

OFFICERS_PER_CAMERA = 0.25
_FUNCTIONS = ("response", "firearms", "neighbourhood", "traffic")


def serial(number: int) -> str:
    return f"X{number * 7_919 % 100_000_000:08d}"


def collar(number: int) -> str:
    return f"C{number:07d}"


def _site(number: int) -> str:
    return f"S{number:05d}"


def _dock(number: int) -> str:
    return f"D{number:06d}"


def officers(size: int) -> int:
    """How many officers a register of ``size`` cameras has."""
    return max(2_000, int(size * OFFICERS_PER_CAMERA))


def files(size: int, folder: Path) -> dict[str, Path]:
    """Write a register of ``size`` cameras as the files to import, in their order."""
    docks, sites = max(1, size // 16), max(10, size // 1_000)
    rows: dict[str, Iterator[dict[str, object]]] = {
        "sites": ({"code": _site(n), "name": f"Site {n}", "stage": "live"} for n in range(sites)),
        "docks": ({"serial": _dock(n), "site": _site(n % sites), "bays": 16} for n in range(docks)),
        "people": (
            {
                "collar": collar(n),
                "team": f"Team {n % 500}",
                "function": _FUNCTIONS[n % 4],
                "trained_until": "2099-12-31",
            }
            for n in range(officers(size))
        ),
        "cameras": (_camera(n, docks) for n in range(size)),
    }
    return {kind: _written(folder / f"{kind}-{size}.csv", of_kind) for kind, of_kind in rows.items()}


def _camera(number: int, docks: int) -> dict[str, object]:
    return {
        "serial": serial(number),
        "asset_tag": f"T{number:08d}",
        "model": "flex-2" if number % 7 == 0 else "body-2",
        "use": ("pool", "personal", "reserve")[number % 3],
        "home_dock": _dock(number % docks),
        "firmware": f"1.{number % 5}.0",
        "encryption": ("none", "aes128", "aes256")[number % 3],
        "custody": "quarantined" if number % 97 == 0 else "in_stock",
    }


def _written(path: Path, rows: Iterator[dict[str, object]]) -> Path:
    first = next(rows)
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, first)
        writer.writeheader()
        writer.writerows(itertools.chain([first], rows))
    return path
