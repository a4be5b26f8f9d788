"""``make bench``: measure, write ``bench/results.json``, print the same as a table. ``python -m bench log``: one part.

Every figure is the median of several runs that alternate with runs of its reference, since a machine's speed drifts.
"""

import logging
import os
import shutil
import sys
import time
from pathlib import Path

from bench.figures import Figure, write
from bench.files import measure_files
from bench.log import measure_log, measure_sealing
from bench.measures import counter, get_camera, issue_and_return, list_cameras, list_ratio
from bench.radio import measure_radio
from bench.served import served
from bench.stock import measure_stock
from fleet import embedded

SIZES = (10_000, 1_000_000)


def measure_register(server: embedded.Databases, folder: Path) -> list[Figure]:
    """Import and export, and the service over registers of each size."""
    figures = measure_files(server, folder)
    for size in SIZES:
        with served(server, size, folder) as bench:
            figures += [get_camera(bench), list_cameras(bench), issue_and_return(bench), counter(bench)]
    return [*figures, list_ratio(figures)]


PARTS = {
    "register": measure_register,
    "sealing": measure_sealing,
    "log": measure_log,
    "stock": measure_stock,
    "radio": measure_radio,
}


def main() -> int:
    logging.getLogger("httpx").setLevel(logging.WARNING)
    began = time.monotonic()
    folder = Path(os.environ.get("FLEET_VAR", "var")).absolute() / "bench"
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    figures: list[Figure] = []
    with embedded.running(folder) as server:
        for name in sys.argv[1:] or PARTS:
            figures += PARTS[name](server, folder)
    shutil.rmtree(folder, ignore_errors=True)
    write(figures, time.monotonic() - began)
    return 0


if __name__ == "__main__":
    sys.exit(main())
