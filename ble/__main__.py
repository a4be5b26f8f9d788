"""``python -m ble``: every verb is one line here and lives in the module of its part."""

import click

from ble.air.simulate import simulate
from ble.demo.command import demo
from ble.monitor.command import monitor
from ble.station.command import station


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def main() -> None:
    """Pair Tasers with cameras, prove it, read logs, and simulate both with their radio."""


main.add_command(simulate)
main.add_command(station)
main.add_command(monitor)
main.add_command(demo)

if __name__ == "__main__":
    main(prog_name="python -m ble")
