"""Who is acting: an account, a machine's token, or the service itself."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum


class Role(StrEnum):
    """What an account or a token is for; ``auth.permissions`` says what each may do."""

    STORE = "store"
    ARMOURER = "armourer"
    IT = "it"
    ESTATES = "estates"
    SUPERVISOR = "supervisor"
    AUDITOR = "auditor"
    OFFICER = "officer"
    ADMIN = "admin"
    DOCK = "dock"
    STATION = "station"


@dataclass(frozen=True)
class Late:
    """How an act came that was made where there was no line: its id, when it arrived, and who brought it if another."""

    act: str
    received_at: datetime
    sent_by: str | None = None


@dataclass(frozen=True)
class Actor:
    """``name`` is unique and goes into the log: ``account:jo``, ``token:dock-4``, ``command:root``.

    ``collar`` is the officer whom an account belongs to. ``role`` is None for nobody and for the machine's own
    command line, whose right is that it can read the service's secrets; ``trusted`` tells the two apart.
    ``badge_only`` marks a clerk who showed a badge, not a password. ``late`` is set while an act of theirs is carried
    out that was made earlier; the log then keeps both instants.
    """

    name: str
    role: Role | None = None
    collar: str | None = None
    trusted: bool = False
    badge_only: bool = False
    late: Late | None = None


NOBODY = Actor("nobody")


def command_line(user: str) -> Actor:
    """The person at the terminal, who has the service's database passwords and so needs no permission."""
    return Actor(f"command:{user}", trusted=True)
