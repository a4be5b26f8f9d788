"""``python -m tlog``."""

from tlog.command import run

run()
