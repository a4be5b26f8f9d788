"""``python -m ble monitor``."""

import asyncio
import json
import time
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path

import click

from ble.monitor.monitor import Alert, Monitor
from ble.station.command import default_folder
from ble.station.errors import StationError
from ble.station.radio import Radio
from ble.station.service import Service
from ble.station.station import Station
from ble.station.store import Store
from ble.station.terminal import Terminal
from ble.station.wording import instant
from ble.station.work import require_enrolled


@click.command()
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=lambda: default_folder().parent / "monitor",
    envvar="BLE_MONITOR_FOLDER", show_default="the user's data folder",
    help="Where keys, token and what waits to be sent are kept; python -m ble station --folder … enrol makes it.",
)  # fmt: skip
@click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output.")
def monitor(folder: Path, as_json: bool) -> None:
    """Hear activations, start the companion cameras and alert the service, until stopped.

    Enrol it first like a station: python -m ble station --folder FOLDER enrol --service URL CODE. Exit codes as there.
    """
    terminal = Terminal(as_json)

    def alert(heard: Alert) -> None:
        if as_json:
            click.echo(json.dumps(asdict(heard)))
        else:
            terminal.say(f"{instant(heard.heard_ms / 1000)}  {heard.sppm}  {heard.kind}  counter {heard.counter}")

    with terminal.attending():
        store = Store.open(folder)
        try:
            asyncio.run(_run(store, terminal, alert))
        except KeyboardInterrupt:
            raise SystemExit(130) from None
        finally:
            store.close()


async def _run(store: Store, terminal: Terminal, alert: Callable[[Alert], None]) -> None:
    own = require_enrolled(store)
    service = Service(own.service, own.token)
    station = Station(store, service, Radio(), time.time, terminal.show)
    try:
        await Monitor(station, own.station, alert).run()
    except* StationError as group:
        raise _first(group) from None
    finally:
        await service.close()


def _first(group: BaseException) -> StationError:
    while isinstance(group, BaseExceptionGroup):
        group = group.exceptions[0]
    assert isinstance(group, StationError)  # noqa: S101 - the clause takes no others
    return group
