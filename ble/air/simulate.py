"""``python -m ble simulate``: how many activations are captured, and how soon, on the modelled air."""

import json
import time
from typing import Any, Final

import click
from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn
from rich.table import Table

from ble.air.model import aloha_bound, wait_bound_s
from ble.air.radio import ADVERTISING_DELAY_S, CHANNEL_STEP_S, CHANNELS, LONGEST_PDU_S, Radio, Scan
from ble.air.scene import CAPTURE_DB, STORE_MS, Outcome, Scene, run
from ble.protocol import burst

# The mean time from one packet of a burst to the next while it is fast.
PERIOD_S: Final = (burst.FAST_MS + 1000.0 * ADVERTISING_DELAY_S / 2) / 1000.0
SHARES: Final = {"p50": 0.50, "p95": 0.95, "p99": 0.99, "max": 1.0}


class Decibels(click.ParamType[float | None]):
    """A capture threshold, or ``none``."""

    name = "dB|none"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> float | None:
        """A number of decibels from 0 to 60, or None."""
        if value is None or value == "none":
            return None
        return float(click.FloatRange(0, 60).convert(value, param, ctx))


@click.command()
@click.option("--pairs", type=click.IntRange(1, 10_000), default=1, show_default=True, help="Tasers with a camera.")
@click.option("--events", type=click.IntRange(1), default=1_000, show_default=True, help="Activations to simulate.")
@click.option("--loss", type=click.FloatRange(0, 1), default=0.0, show_default=True, help="Share of packets lost.")
@click.option(
    "--tasers-at-once", type=click.IntRange(1, 1_000), default=1, show_default=True, help="Tasers that fire together."
)
@click.option("--seed", type=int, default=1, show_default=True, help="The same seed gives the same result.")
@click.option("--spread-ms", type=click.FloatRange(0, 10_000), default=0.0, show_default=True, help="How far apart.")
@click.option("--within-s", type=click.FloatRange(0.1, 25), default=3.0, show_default=True, help="Later is missed.")
@click.option("--scan-interval-ms", type=click.FloatRange(2.5, 10_240), default=60.0, show_default=True)
@click.option("--scan-window-ms", type=click.FloatRange(2.5, 10_240), default=60.0, show_default=True)
@click.option("--capture-db", type=Decibels(), default=CAPTURE_DB, show_default=True, help="Or none: no capture.")
@click.option("--exponent", type=click.FloatRange(1.5, 6), default=3.0, show_default=True, help="Path loss.")
@click.option("--json", "as_json", is_flag=True, help="One JSON object instead of a table.")
def simulate(
    *,
    pairs: int,
    events: int,
    loss: float,
    tasers_at_once: int,
    seed: int,
    spread_ms: float,
    within_s: float,
    scan_interval_ms: float,
    scan_window_ms: float,
    capture_db: float | None,
    exponent: float,
    as_json: bool,
) -> None:
    """Fire Tasers on a modelled radio and count what their cameras record.

    The radio is modelled; counters, beacons and decisions are the real ones. Times are modelled milliseconds from the
    event to the camera's decision to record.
    """
    if scan_window_ms > scan_interval_ms:
        raise click.BadParameter("is longer than the interval", param_hint="--scan-window-ms")
    scene = Scene(
        pairs=pairs,
        events=events,
        at_once=tasers_at_once,
        seed=seed,
        radio=Radio(capture_db=capture_db, loss=loss, exponent=exponent),
        scan_interval_s=scan_interval_ms / 1000.0,
        scan_window_s=scan_window_ms / 1000.0,
        spread_s=spread_ms / 1000.0,
        within_s=within_s,
    )
    began = time.perf_counter()
    outcome = _watched(scene)
    found = report(scene, outcome, wall_s=time.perf_counter() - began)
    if as_json:
        click.echo(json.dumps(found))
    else:
        _show(found)


def report(scene: Scene, outcome: Outcome, *, wall_s: float) -> dict[str, Any]:
    """What ``--json`` prints."""
    latency = {name: outcome.percentile(share) for name, share in SHARES.items()}
    return {
        "events": outcome.events,
        "captured": outcome.captured,
        "missed": dict(outcome.missed),
        "false_accepts": outcome.false_accepts,
        "latency_ms": {name: None if value is None else round(value, 3) for name, value in latency.items()},
        "captured_within": {"1s": outcome.within(1.0), "3s": outcome.within(3.0)},
        "bounds": _bounds(scene),
        "packets": outcome.packets * CHANNELS,
        "heard": outcome.heard,
        "verdicts": dict(outcome.verdicts),
        "backdated_off_ms_max": outcome.backdated_ms,
        "parameters": _parameters(scene),
        "wall_s": round(wall_s, 3),
    }


def _bounds(scene: Scene) -> dict[str, Any]:
    """What the model allows at best: the wait for a window, and captures where no packet survives a collision."""
    scanner = Scan(scene.scan_interval_s, scene.scan_window_s, 0.0)
    # A scanner that listens half of the time has half of the chances.
    period_s = PERIOD_S * scene.scan_interval_s / scene.scan_window_s
    return {
        "latency_ms": {
            name: round(STORE_MS + 1000.0 * wait_bound_s(scanner, share), 3) for name, share in SHARES.items()
        },
        "aloha_within": {
            f"{seconds}s": aloha_bound(
                scene.radio, at_once=scene.at_once, period_s=PERIOD_S, chances=seconds / period_s
            )
            for seconds in (1, 3)
        },
    }


def _parameters(scene: Scene) -> dict[str, Any]:
    radio = scene.radio
    return {
        "pairs": scene.pairs,
        "tasers_at_once": scene.at_once,
        "seed": scene.seed,
        "spread_ms": scene.spread_s * 1000.0,
        "within_s": scene.within_s,
        "scan": {"interval_ms": scene.scan_interval_s * 1000.0, "window_ms": scene.scan_window_s * 1000.0},
        "burst": {
            "fast_ms": burst.FAST_MS,
            "fast_for_ms": burst.FAST_FOR_MS,
            "slow_ms": burst.SLOW_MS,
            "random_delay_ms": ADVERTISING_DELAY_S * 1000.0,
            "store_ms": STORE_MS,
        },
        "radio": {
            "loss": radio.loss,
            "capture_db": radio.capture_db,
            "path_loss_exponent": radio.exponent,
            "loss_at_1m_db": radio.loss_at_1m_db,
            "transmit_dbm": radio.transmit_dbm,
            "sensitivity_dbm": radio.sensitivity_dbm,
            "packet_us": round(LONGEST_PDU_S * 1e6),
            "channel_step_us": round(CHANNEL_STEP_S * 1e6),
            "camera_m": scene.camera_m,
            "side_m": scene.side_m,
        },
    }


def _watched(scene: Scene) -> Outcome:
    console = Console(stderr=True)
    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    outcome = Outcome()
    with Progress(*columns, console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("Activations", total=scene.events)
        for outcome in run(scene):
            progress.update(task, completed=outcome.events)
    return outcome


def _show(found: dict[str, Any]) -> None:
    table = Table("measure", "value")
    table.add_row("events", f"{found['events']:,}")
    table.add_row("captured", f"{found['captured']:,}")
    for reason, count in found["missed"].items():
        table.add_row(f"missed: {reason}", f"{count:,}")
    table.add_row("false accepts", f"{found['false_accepts']:,}")
    for name, value in found["latency_ms"].items():
        bound = found["bounds"]["latency_ms"][name]
        table.add_row(f"latency {name}", "none" if value is None else f"{value:,.1f} ms (at best {bound:,.1f} ms)")
    for name, value in found["captured_within"].items():
        bound = found["bounds"]["aloha_within"][name]
        table.add_row(f"captured within {name}", f"{value:.3%} (without capture at best {bound:.3%})")
    table.add_row("packets", f"{found['packets']:,}")
    table.add_row("seconds of work", f"{found['wall_s']:,.1f}")
    Console().print(table)
