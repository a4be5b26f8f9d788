"""``python -m ble station`` and its verbs."""

import asyncio
import os
import sys
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final

import click

from ble.protocol.session import SessionError
from ble.station import enrolment, offline
from ble.station.errors import StationError
from ble.station.radio import Radio
from ble.station.scanning import scan as scan_around
from ble.station.service import JobKind, Service, require_protected
from ble.station.station import ACTS, Act, Ended, Station
from ble.station.store import Store
from ble.station.terminal import Terminal
from ble.station.work import require_enrolled

_WAIT_S: Final = 20


def default_folder() -> Path:
    """Where a station keeps what it has, unless told otherwise: the user's folder for data of programs."""
    if sys.platform == "win32":
        return Path(os.environ.get("LOCALAPPDATA", Path.home())) / "camera-fleet" / "station"
    return Path(os.environ.get("XDG_DATA_HOME", Path.home() / ".local/share")) / "camera-fleet" / "station"


as_json = click.option("--json", "as_json", is_flag=True, help="One JSON object a line on standard output.")
within = click.option(
    "--within", "find_s", type=click.FloatRange(1, 600), default=60.0, show_default=True, metavar="SECONDS",
    help="How long to look for the devices.",
)  # fmt: skip
waiting = click.option(
    "--wait", "wait_s", type=click.IntRange(0, 600), default=_WAIT_S, show_default=True, metavar="SECONDS",
    help="How long to wait for the job.",
)  # fmt: skip


@click.group(invoke_without_command=True)
@click.option(
    "--folder", type=click.Path(path_type=Path, file_okay=False), default=default_folder, envvar="BLE_STATION_FOLDER",
    show_default="the user's data folder", help="Where keys, token and what waits to be sent are kept.",
)  # fmt: skip
@click.pass_context
def station(context: click.Context, folder: Path) -> None:
    """Run the station beside this machine's Bluetooth adapter until it is stopped, or one of its verbs.

    Exit codes: 1 failed, 3 refused, 4 no service or not enrolled, 5 no Bluetooth, 6 no device, 7 folder in use.
    """
    context.obj = folder
    if context.invoked_subcommand is None:
        terminal = Terminal(as_json=False)
        with terminal.attending():
            _run(folder, terminal, _serve)


def _run(folder: Path, terminal: Terminal, act: Callable[[Station], Awaitable[Any]], find_s: float = 60.0) -> Any:
    store = Store.open(folder)
    try:
        return asyncio.run(_within(store, terminal, act, find_s))
    except KeyboardInterrupt:
        raise SystemExit(130) from None
    finally:
        store.close()


async def _within(store: Store, terminal: Terminal, act: Callable[[Station], Awaitable[Any]], find_s: float) -> Any:
    own = require_enrolled(store)
    service = Service(own.service, own.token)
    try:
        return await act(Station(store, service, Radio(), time.time, terminal.show, find_s))
    except SessionError as error:
        raise StationError(f"The session with the device ended: {error}.") from error
    finally:
        await service.close()


async def _serve(station: Station) -> None:
    await station.run()


@station.command()
@click.option("--service", "url", required=True, metavar="URL", help="The service's address, https://…")
@click.argument("code")
@as_json
@click.pass_obj
def enrol(folder: Path, url: str, code: str, as_json: bool) -> None:
    """Make this machine a station of the service at URL, by the one-time CODE from IT."""
    terminal = Terminal(as_json)
    with terminal.attending():
        store = Store.open(folder)
        try:
            name = asyncio.run(_enrol(store, require_protected(url), code))
        finally:
            store.close()
        terminal.result({"outcome": "done", "station": name}, f"This is station {name} now.")


async def _enrol(store: Store, url: str, code: str) -> str:
    service = Service(url)
    try:
        return (await enrolment.enrol(store, service, url, code, now=time.time())).station
    finally:
        await service.close()


@station.command()
@click.option("--seconds", type=click.FloatRange(1, 600), default=10.0, show_default=True, help="How long to listen.")
@click.option("--ask", is_flag=True, help="Also connect to each, and say who it is.")
@as_json
@click.pass_obj
def scan(folder: Path, seconds: float, ask: bool, as_json: bool) -> None:
    """List the devices in pairing mode."""
    terminal = Terminal(as_json)

    async def act(station: Station) -> None:
        async with station.radio.ready():
            async for found in scan_around(station.work(None), seconds, ask=ask):
                terminal.result(found.facts(), found.words())

    with terminal.attending():
        _run(folder, terminal, act)


def _job_verb(kind: JobKind, words: str, *, alone: Act | None = None) -> None:
    """A verb that does the service's next job of a kind; ``alone`` is how it is done when there is none."""

    @station.command(kind.value, help=words)
    @waiting
    @within
    @as_json
    @click.pass_obj
    def verb(folder: Path, wait_s: int, find_s: float, as_json: bool) -> None:
        terminal = Terminal(as_json)
        with terminal.attending():
            ended: Ended = _run(folder, terminal, lambda station: _do(station, kind, wait_s, alone), find_s)
            if ended.error is not None:
                terminal.fail(ended.error)
            terminal.result({"outcome": ended.outcome, "detail": ended.detail}, ended.detail)


async def _do(station: Station, kind: JobKind, wait_s: int, alone: Act | None) -> Ended:
    async with station.radio.ready(), station.sending():
        job = await (offline.job_or_none(station, kind) if alone else offline.the_job(station, kind, wait_s))
        if job is not None:
            ended = await station.carry_out(job)
        else:
            ended = await station.attempt(station.work(None), alone or ACTS[kind])
        await station.courier.rest(offline.SEND_S)
        return ended


_job_verb(JobKind.PAIR, "Carry out the service's next job, which is to pair a Taser with a camera.")
_job_verb(JobKind.REKEY, "Carry out the service's next job, which is to make new keys for a pairing.")
_job_verb(JobKind.COMMISSION, "Carry out the service's next job, which is to commission a device.")
_job_verb(JobKind.UNPAIR, "Carry out the service's next job, which is to have devices forget a pairing.")
_job_verb(
    JobKind.TEST,
    "Test a pairing: the job if there is one, else whichever two are in pairing mode. Works without the service.",
    alone=offline.test,
)
_job_verb(
    JobKind.READ_LOG,
    "Read a Taser's log: the job if there is one, else the Taser in pairing mode. Works without the service.",
    alone=ACTS[JobKind.READ_LOG],
)


@station.command()
@as_json
@click.pass_obj
def status(folder: Path, as_json: bool) -> None:
    """Who this station is, what waits to be sent, and what the service would not take. No key or token is shown."""
    terminal = Terminal(as_json)
    with terminal.attending():
        store = Store.open(folder)
        try:
            found = offline.status(store)
        finally:
            store.close()
        terminal.result(found, "\n".join(f"{name}: {value}" for name, value in found.items()))


@station.command()
@as_json
@click.pass_obj
def send(folder: Path, as_json: bool) -> None:
    """Send what waits for the service now."""
    terminal = Terminal(as_json)

    async def act(station: Station) -> int:
        await station.keep_current()
        await station.courier.deliver()
        return station.store.waiting()

    with terminal.attending():
        waiting = _run(folder, terminal, act)
        terminal.result({"outcome": "done", "waiting": waiting}, "The service has everything.")
