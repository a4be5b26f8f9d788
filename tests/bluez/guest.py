"""The guest's first program: starts D-Bus, BlueZ's daemon and the checks, and ends the guest with their verdict.

What it prints goes to the guest's log; its steps go to the second serial line, which the machine outside shows.
"""

import ctypes
import os
import subprocess
import sys
from pathlib import Path

SHELL = "/bin/busybox"
PASSED = "every check passed"
STEPS = Path("/dev/ttyS1")
BUS = Path("/run/dbus/system_bus_socket")
DAEMON = "/usr/libexec/bluetooth/bluetoothd"
RESTART = 0x01234567  # LINUX_REBOOT_CMD_RESTART: QEMU ends at a reboot, and needs no ACPI for it


def say(step: str) -> None:
    """Show a step outside, and in the log, among what led to it."""
    print(f"STEP {step}", flush=True)
    with STEPS.open("w") as line:
        line.write(f"{step}\n")


def start_bus() -> None:
    BUS.parent.mkdir()
    config = Path(__file__).with_name("bus.conf")
    subprocess.run(["dbus-daemon", f"--config-file={config}", "--fork"], check=True)


def start_bluetooth() -> None:
    """BlueZ's daemon, with its log in the guest's; experimental, since passive scanning is."""
    config = Path(__file__).with_name("main.conf")
    subprocess.Popen([DAEMON, "--nodetach", "--debug", "--experimental", f"--configfile={config}"])


def main() -> None:
    """Run everything, say how it ended, and end the guest: a first process that just ends is a panic."""
    try:
        start_bus()
        start_bluetooth()
        say("the kernel, D-Bus and BlueZ run")
        ended = subprocess.run([sys.executable, "-m", "tests.bluez.story"], check=False)
        say(PASSED if ended.returncode == 0 else "FAILED: see the traceback in the guest's log")
    finally:
        os.sync()
        ctypes.CDLL(None).reboot(RESTART)


if __name__ == "__main__":
    main()
