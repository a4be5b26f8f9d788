"""``python -m tests.bluez``: make the guest, boot it, show its steps; exits with 1 when any of them failed."""

import os
import shlex
import shutil
import signal
import sys
import time
from pathlib import Path

from tests.bluez import guest
from tests.bluez.image import initial_files, kernel_of
from tests.bluez.machine import QEMU, TimeUp, accelerator, command, running
from tests.bluez.packages import Packages, Unavailable

ROOT = Path(__file__).resolve().parents[2]
# For everything; with QEMU's translator on two busy cores it takes a fifth of it.
LIMIT_S = 350.0
LINES_SHOWN = 200


def main() -> int:
    began = time.monotonic()
    # Told to end, it takes the guest with it.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(1))
    try:
        passed = _run(Path(os.environ.get("FLEET_VAR", ROOT / "var")).absolute() / "bluez", began + LIMIT_S)
    except Unavailable as error:
        print(f"test-bluez: {error}", file=sys.stderr)
        return 1
    print(f"{'Passed' if passed else 'FAILED'} after {time.monotonic() - began:.0f} s")
    return 0 if passed else 1


def _run(folder: Path, until: float) -> bool:
    if shutil.which(QEMU) is None:
        raise Unavailable(f"{QEMU} is not installed. On Debian, as root:\n  apt-get install qemu-system-x86")
    print("Fetching and unpacking the guest's packages, unless they are there", flush=True)
    packages = Packages(folder / "packages", until)
    packages.prepare()
    initial, log = folder / "initial", folder / "guest.log"
    script = ROOT / "tests" / "bluez" / "init"
    initial.write_bytes(initial_files(packages.kernel, packages.shell, script, _command()))
    log.unlink(missing_ok=True)
    print(f"Booting the guest ({accelerator()})", flush=True)
    passed = _watch(command(kernel_of(packages.kernel), initial, packages.over, log), until)
    if not passed:
        print(f"\nThe end of the guest's log ({log}):", *_end_of(log), sep="\n")
    return passed


def _command() -> str:
    """What the guest starts, under the same names as here, since its root is this machine's."""
    environ = f"PYTHONPATH={shlex.quote(str(ROOT))} PYTHONDONTWRITEBYTECODE=1 PATH=/usr/sbin:/usr/bin:/sbin:/bin"
    python = f"{shlex.quote(sys.executable)} -m tests.bluez.guest"
    return f"exec $b env -i {environ} {guest.SHELL} switch_root /system {python}\n"


def _watch(arguments: list[str], until: float) -> bool:
    began = time.monotonic()
    last = ""
    try:
        with running(arguments, until) as lines:
            for line in lines:
                last = line
                print(f"{time.monotonic() - began:6.1f} s  {line}", flush=True)
    except TimeUp:
        print("The guest was not done within the target's time", file=sys.stderr)
        return False
    return last == guest.PASSED


def _end_of(log: Path) -> list[str]:
    return log.read_text(errors="replace").splitlines()[-LINES_SHOWN:] if log.exists() else ["there is none"]


if __name__ == "__main__":
    sys.exit(main())
