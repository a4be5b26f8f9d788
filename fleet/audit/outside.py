"""The place outside where signed checkpoints go: any that fsspec knows. One object a checkpoint, never overwritten.

What was signed and left the machine cannot be unsaid: a log that is rewritten and signed anew contradicts it.
"""

import hashlib
import re
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from fsspec.core import url_to_fs
from fsspec.implementations.local import LocalFileSystem

from fleet.errors import Unavailable

_NAME = re.compile(r"([0-9]{12,20})-[0-9a-f]{16}\.note")
_LONGEST_REASON = 300


@dataclass(frozen=True)
class Outside:
    """A place, and what is there."""

    url: str

    def keep(self, size: int, note: str) -> None:
        """Put a checkpoint there; one that is there already is left as it is.

        Raises:
            Unavailable: it cannot be put there now, or something else lies under its name.
        """
        name = name_of(size, note)
        with self._opened() as (system, folder):
            path = f"{folder}/{name}"
            if not system.exists(path):
                _write(system, folder, path, note.encode())
            elif system.cat_file(path) != note.encode():
                raise Unavailable(f"Something else lies at the place outside as {name}.")

    def sizes(self) -> list[tuple[int, str]]:
        """The size and the path of every checkpoint there, smallest first. Reads nothing but names.

        Raises:
            Unavailable: the place cannot be read.
        """
        with self._opened() as (system, folder):
            if not system.exists(folder):
                return []
            paths = [str(path) for path in system.ls(folder, detail=False)]
        named = ((_NAME.fullmatch(path.rsplit("/", 1)[-1]), path) for path in paths)
        return sorted((int(found[1]), path) for found, path in named if found)

    def read(self, path: str) -> str:
        """A checkpoint's note.

        Raises:
            Unavailable: it cannot be read.
        """
        with self._opened() as (system, _):
            return bytes(system.cat_file(path)).decode("utf-8", "replace")

    @contextmanager
    def _opened(self) -> Iterator[tuple[Any, str]]:
        """The place's file system and folder; whatever its library raises becomes a sentence without a password."""
        try:
            system, folder = url_to_fs(self.url, use_listings_cache=False)
            yield system, folder.rstrip("/")
        except Unavailable:
            raise
        except Exception as error:
            raise Unavailable(_reason(error, self.url)) from error


def name_of(size: int, note: str) -> str:
    """What a checkpoint is called there: its size, so that names sort, and a digest, so that two never share one."""
    return f"{size:012}-{hashlib.sha256(note.encode()).hexdigest()[:16]}.note"


def _write(system: Any, folder: str, path: str, content: bytes) -> None:
    system.makedirs(folder, exist_ok=True)
    if not isinstance(system, LocalFileSystem):
        system.pipe_file(path, content)  # an object store keeps an object in whole or not at all
        return
    unfinished = f"{folder}/.{secrets.token_hex(8)}.unfinished"
    try:
        system.pipe_file(unfinished, content)
        system.mv(unfinished, path)
    finally:
        with suppress(OSError):
            system.rm_file(unfinished)


def _reason(error: Exception, url: str) -> str:
    said = f"{type(error).__name__}: {error}".replace(url, "its address")
    password = urlsplit(url).password
    if password:
        said = said.replace(password, "…")
    return f"The place outside cannot be used: {' '.join(said.split())[:_LONGEST_REASON]}"
