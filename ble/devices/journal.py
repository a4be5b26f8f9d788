"""A device's signed and chained log of statements, in its flash: what a station and a dock are given."""

import hashlib
from collections.abc import Callable, Iterator
from typing import Final

from ble.devices.flash import Flash
from ble.protocol import statements
from ble.protocol.cose import PrivateKey
from ble.protocol.messages import Answer, Entries, LogRequest, Refused
from ble.protocol.statements import BEGINNING, Head, Statement
from ble.protocol.steps import Refusal

NAME: Final = "journal"
# What fits into one message of 16 kB beside its frame.
PAGE_ENTRIES: Final = 32


class Journal:
    """The journal of one device; ``key`` is its signing key, asked for anew as memory may be restored."""

    def __init__(self, flash: Flash, key: Callable[[], PrivateKey]) -> None:
        self._flash = flash
        self._key = key

    def __iter__(self) -> Iterator[bytes]:
        return iter(self._flash.log(NAME))

    @property
    def head(self) -> Head:
        """Where the chain stands."""
        log = self._flash.log(NAME)
        last = log.last()
        return BEGINNING if last is None else Head(log.next_number, hashlib.sha256(last).digest())

    def keep(self, statement: Statement) -> None:
        """Sign a statement and add it. Raises: WriteLost, PowerCut."""
        self._flash.append(NAME, statement.sign(self._key(), self.head))

    def last(self) -> Statement | None:
        signed = self._flash.log(NAME).last()
        return None if signed is None else self._read(signed)

    def page(self, request: LogRequest) -> Answer:
        """What a station asked for, or as much of it as fits into a message."""
        found, following = self._flash.log(NAME).page(request.start, min(request.most, PAGE_ENTRIES))
        return Entries(tuple(found), following)

    def latest(self, wanted: Callable[[Statement], bool]) -> Answer:
        """The latest statement of a kind, or the refusal that there is none."""
        for signed in reversed(list(self)):
            if wanted(self._read(signed)):
                return Entries((signed,), 0)
        return Refused(Refusal.NOT_PAIRED.value, "no function test since this pairing")

    def _read(self, signed: bytes) -> Statement:
        return statements.read(signed, [self._key().public]).statement
