"""The account that PostgreSQL runs under, and the least access it needs.

PostgreSQL refuses to run as root. Started by root it gets an account without rights of its own: that owns its data, may
walk through the folders above without listing them, and may read the programs. Started by anyone else it runs as them.
"""

import logging
import os
import pwd
import stat
import subprocess
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TypedDict

logger = logging.getLogger(__name__)

_NAMES = ("pgserver", "postgres")
_EVERYONE_READS = stat.S_IRUSR | stat.S_IRGRP | stat.S_IROTH
_EVERYONE_EXECUTES = stat.S_IXUSR | stat.S_IXGRP | stat.S_IXOTH


class EmbeddedError(Exception):
    """The embedded PostgreSQL cannot be used; the message says why and ends with the log where there is one."""


class As(TypedDict, total=False):
    """Arguments for ``subprocess`` that start a program under an account."""

    user: int
    group: int
    extra_groups: list[int]


@dataclass(frozen=True)
class Account:
    """A user of the machine. ``is_other`` is false for the user that this process already runs as."""

    uid: int
    gid: int
    is_other: bool

    def options(self) -> As:
        """What ``subprocess`` needs to start a program as this account."""
        return {"user": self.uid, "group": self.gid, "extra_groups": []} if self.is_other else {}

    def give(self, path: Path) -> None:
        """Make it the account's own."""
        if self.is_other:
            os.chown(path, self.uid, self.gid, follow_symlinks=False)

    def own_folder(self, path: Path) -> Path:
        """Make a folder that only this account can open, or take one over.

        Raises:
            EmbeddedError: somebody else made it first, as anyone may in a shared temporary folder.
        """
        path.mkdir(mode=0o700, exist_ok=True)
        found = path.lstat()
        if not stat.S_ISDIR(found.st_mode) or found.st_uid not in {os.geteuid(), self.uid}:
            raise EmbeddedError(f"{path} belongs to somebody else; remove it.")
        path.chmod(0o700)
        self.give(path)
        return path

    def let_into(self, folder: Path) -> None:
        """Let the account walk to a folder of this service's and through it. ``folder`` is a real path."""
        if not self.is_other:
            return
        mode = folder.stat().st_mode
        if not mode & (stat.S_IRWXG | stat.S_IRWXO):
            os.chown(folder, -1, self.gid)
            folder.chmod(stat.S_IMODE(mode) | stat.S_IXGRP)
        self._let_through([folder, *folder.parents])

    def let_read(self, *trees: Path) -> None:
        """Let everyone read these folders of programs, which hold no secret. A strict umask at install closed them."""
        if not self.is_other:
            return
        for tree in trees:
            self._let_through(tree.resolve().parents)
            for entry in (tree, *tree.rglob("*")):
                _open_to_readers(entry)

    def _let_through(self, folders: Iterable[Path]) -> None:
        for folder in folders:
            found = folder.stat()
            if not self._passes(found):
                logger.warning("%s is opened for others to pass through (not to list), for PostgreSQL's sake", folder)
                folder.chmod(stat.S_IMODE(found.st_mode) | stat.S_IXOTH)

    def _passes(self, found: os.stat_result) -> bool:
        if found.st_uid == self.uid:
            return bool(found.st_mode & stat.S_IXUSR)
        if found.st_gid == self.gid:
            return bool(found.st_mode & stat.S_IXGRP)
        return bool(found.st_mode & stat.S_IXOTH)


def _open_to_readers(entry: Path) -> None:
    if entry.is_symlink():
        return
    mode = stat.S_IMODE(entry.stat().st_mode)
    wanted = mode | _EVERYONE_READS
    if mode & stat.S_IXUSR:
        wanted |= _EVERYONE_EXECUTES
    if wanted != mode:
        entry.chmod(wanted)


def account_for(data: Path) -> Account:
    """The account that runs the server on the folder ``data``, which may be missing still.

    Raises:
        EmbeddedError: this is root, and no account can be found or made.
    """
    if os.geteuid() != 0:
        return Account(os.geteuid(), os.getegid(), is_other=False)
    owner = data.stat().st_uid if data.exists() else 0
    entry = pwd.getpwuid(owner) if owner != 0 else _serving_account()
    return Account(entry.pw_uid, entry.pw_gid, is_other=True)


def _serving_account() -> pwd.struct_passwd:
    for name in _NAMES:
        with suppress(KeyError):
            return pwd.getpwnam(name)
    return _made_account(_NAMES[0])


def _made_account(name: str) -> pwd.struct_passwd:
    # A second try, because another checkout may be making it at the same time and have the password file locked.
    command = [
        "useradd",
        "--system",
        "--no-create-home",
        "--home-dir",
        "/nonexistent",
        "--shell",
        "/usr/sbin/nologin",
        name,
    ]
    problem = ""
    for _ in range(5):
        try:
            problem = subprocess.run(command, capture_output=True, text=True, check=False).stderr  # noqa: S603
        except OSError as error:
            problem = str(error)
        try:
            return pwd.getpwnam(name)
        except KeyError:
            time.sleep(0.5)
    raise EmbeddedError(
        f"PostgreSQL does not run as root, and there is no account for it: {problem.strip()}. "
        f"Make a user named {name}, or run this as an ordinary user."
    )
