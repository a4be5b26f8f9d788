"""What the guest is made of: Debian's packages, fetched by apt and unpacked beside this machine's root, not into it."""

import re
import shutil
import subprocess
import time
from pathlib import Path

# The cloud kernel has no Bluetooth.
KERNEL = "linux-image-amd64"
# Its one program is the guest's first process: it needs no libraries, and loads modules and mounts.
SHELL = "busybox-static"
# Laid over the machine's root, with whatever they need and the machine lacks.
DAEMONS = ("bluez", "dbus")

# Debian's root has links into /usr here. What is laid over it needs them too, or its folders hide the machine's.
MERGED = ("bin", "sbin", "lib", "lib64")


class Unavailable(Exception):
    """Something that the guest needs cannot be had here; the text says what to do."""


class Packages:
    """A folder with ``shell``, ``kernel`` and ``over``: the packages unpacked. ``until`` is of ``time.monotonic``."""

    def __init__(self, folder: Path, until: float) -> None:
        self.folder = folder
        self._until = until

    @property
    def kernel(self) -> Path:
        return self.folder / "kernel"

    @property
    def shell(self) -> Path:
        return self.folder / "shell"

    @property
    def over(self) -> Path:
        return self.folder / "over"

    def prepare(self) -> None:
        """Fetch and unpack, unless this was done with the same versions before.

        Raises:
            Unavailable: this is no Debian with package lists, or apt cannot fetch.
        """
        wanted = self._wanted()
        stamp = self.folder / "prepared"
        content = "\n".join(f"{place.name} {package}" for place, package in wanted)
        if stamp.exists() and stamp.read_text() == content:
            return
        shutil.rmtree(self.folder, ignore_errors=True)
        for place, package in wanted:
            self._unpack(package, place)
        stamp.write_text(content)

    def _wanted(self) -> list[tuple[Path, str]]:
        """Where each package goes, and its name; what the machine has already is not among them."""
        # Those that the machine has in an older version have that in brackets before the new one's.
        install = self._run("apt-get", "install", "--simulate", "--no-install-recommends", *DAEMONS)
        missing = re.findall(r"^Inst (\S+) \((\S+)", install, re.MULTILINE)
        # The package of this name has no files: it depends on the newest kernel.
        known = self._run("apt-cache", "show", KERNEL)
        kernel = re.search(r"^Depends: (linux-image-\S+) \(= (\S+)\)", known, re.MULTILINE)
        if kernel is None:
            raise Unavailable(f"apt knows no {KERNEL} that names a kernel; the guest needs Debian on amd64")
        daemons = [(self.over, f"{name}={version}") for name, version in missing]
        return [(self.shell, SHELL), (self.kernel, f"{kernel[1]}={kernel[2]}"), *daemons]

    def _unpack(self, package: str, into: Path) -> None:
        for name in MERGED:
            (into / "usr" / name).mkdir(parents=True, exist_ok=True)
            if not (into / name).is_symlink():
                (into / name).symlink_to(f"usr/{name}")
        fetched = into / "fetched"
        fetched.mkdir()
        # Root's apt would else fetch as a user who may not write here.
        self._run("apt-get", "-o", "APT::Sandbox::User=root", "download", package, cwd=fetched)
        (archive,) = fetched.iterdir()
        files = fetched / "files.tar"
        with files.open("wb") as written:
            subprocess.run(["dpkg-deb", "--fsys-tarfile", archive], stdout=written, check=True)
        self._run("tar", "--extract", "--keep-directory-symlink", "--no-same-owner", f"--file={files}", cwd=into)
        shutil.rmtree(fetched)

    def _run(self, *command: str, cwd: Path | None = None) -> str:
        left = max(1.0, self._until - time.monotonic())
        try:
            ended = subprocess.run(command, cwd=cwd, capture_output=True, text=True, check=False, timeout=left)
        except FileNotFoundError:
            raise Unavailable(f"there is no {command[0]} here; the guest is made of Debian's packages") from None
        except subprocess.TimeoutExpired:
            raise Unavailable(f"`{' '.join(command)}` took more than its time ({left:.0f} s)") from None
        if ended.returncode:
            said = "\n".join(ended.stderr.strip().splitlines()[-5:])
            raise Unavailable(f"`{' '.join(command)}` failed; `apt-get update` as root may help:\n{said}")
        return ended.stdout
