"""QEMU: a machine for the guest, for a limited time."""

import os
import selectors
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

QEMU = "qemu-system-x86_64"
# More processors than the guest has busy processes would only wait for one another.
PROCESSORS = 4


class TimeUp(Exception):
    """The guest was not done within its limit."""


def accelerator() -> str:
    """KVM where the processor's own is there, else QEMU's translator.

    That ``/dev/kvm`` exists does not say that it works: in some virtual machines it is there without either module.
    """
    own = any(Path(f"/sys/module/{name}").exists() for name in ("kvm_intel", "kvm_amd"))
    return "kvm" if own and os.access("/dev/kvm", os.R_OK | os.W_OK) else "tcg"


def command(kernel: Path, initial: Path, over: Path, log: Path) -> list[str]:
    """The machine: its first serial line is the kernel's and goes to ``log``, its second is this process's to read."""
    return [
        QEMU,
        # The translator is slow at the newest processors' wide registers, so it shows one without them.
        *("-accel", accelerator(), "-cpu", "host" if accelerator() == "kvm" else "Nehalem"),
        *("-smp", str(min(os.cpu_count() or 1, PROCESSORS)), "-m", "1024"),
        *("-nodefaults", "-display", "none", "-no-reboot"),
        *("-kernel", str(kernel), "-initrd", str(initial)),
        # A panic reboots at once, and a reboot ends QEMU.
        *("-append", "console=ttyS0 quiet loglevel=4 panic=-1 mitigations=off"),
        *("-serial", f"file:{log}", "-serial", "stdio", "-device", "virtio-rng-pci"),
        *_shared("host", Path("/")),
        *_shared("over", over),
    ]


def _shared(tag: str, folder: Path) -> list[str]:
    return [
        *("-fsdev", f"local,id={tag},path={folder},security_model=none,readonly=on,multidevs=remap"),
        *("-device", f"virtio-9p-pci,fsdev={tag},mount_tag={tag}"),
    ]


@contextmanager
def running(arguments: list[str], until: float) -> Iterator[Iterator[str]]:
    """The lines that the guest says, until it ends or ``time.monotonic`` is ``until``; it is gone when the block is.

    Raises:
        TimeUp: from the lines.
    """
    with subprocess.Popen(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE) as machine:
        try:
            yield _lines(machine, until)
        finally:
            machine.kill()


def _lines(machine: "subprocess.Popen[bytes]", until: float) -> Iterator[str]:
    assert machine.stdout is not None
    pending = b""
    with selectors.DefaultSelector() as selector:
        selector.register(machine.stdout, selectors.EVENT_READ)
        while True:
            if not selector.select(max(0.0, until - time.monotonic())):
                raise TimeUp
            if not (chunk := os.read(machine.stdout.fileno(), 65536)):
                return
            *lines, pending = (pending + chunk).split(b"\n")
            yield from (line.decode(errors="replace").rstrip() for line in lines)
