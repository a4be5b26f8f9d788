"""What a store keeps beside its cameras: operations (¶5a names the two), stocktakes, some kits."""

from datetime import datetime, timedelta

from sqlalchemy.orm import Session

from fleet.custody import planning
from fleet.demonstration.force import BAYS, BODY_2_ISSUED, response_collar, serial_of
from fleet.demonstration.pool import ACTOR, if_possible
from fleet.settings import Policy
from fleet.stock import closing, counting, kits, stocktakes
from fleet.stock.states import PartKind, Settlement

_DAY = timedelta(days=1)
# A dock whose cameras are all of the pool, and the one after it.
_COUNTED = BODY_2_ISSUED // BAYS + 2
_KITS = 3


def load_stock(session: Session, _password: str, now: datetime) -> None:
    """Reservations, stocktakes and kits; each is left out where the register's user has made it impossible."""
    for code, name, count, begins_at, ends_at in _operations(now):
        values = {"code": code, "name": name, "count": count, "begins_at": begins_at, "ends_at": ends_at}
        officers = [response_collar(number) for number in range(100, 104)]
        wanted = {**values, "contact": "Operations room", "officers": officers}
        if_possible(session, lambda wanted=wanted: planning.make(session, ACTOR, wanted, now=now))  # type: ignore[misc]
    if_possible(session, lambda: _count(session, _COUNTED, now - _DAY, close=True))
    if_possible(session, lambda: _count(session, _COUNTED + 1, now, close=False))
    for number in range(_KITS):
        if_possible(session, lambda number=number: _kit(session, number, now))  # type: ignore[misc]


def _operations(now: datetime) -> list[tuple[str, str, int, datetime, datetime]]:
    """Op Shaw runs now; Op Pelkin is from next Friday's evening until Sunday night."""
    friday = now + ((4 - now.weekday()) % 7 or 7) * _DAY
    friday = friday.replace(hour=18, minute=0, second=0, microsecond=0)
    return [
        ("OP-SHAW", "Op Shaw", 12, now - _DAY, now + 5 * _DAY),
        ("OP-PELKIN", "Op Pelkin", 40, friday, friday + timedelta(days=2, hours=6)),
    ]


def _count(session: Session, dock: int, now: datetime, *, close: bool) -> None:
    number = stocktakes.open_(session, ACTOR, {"dock": f"DK6{dock:05d}"}, now=now)
    expected = sorted(counting.missing_now(session, number, unsettled=True))
    seen = expected[:-1] if close else expected[: len(expected) // 2]
    scans = [*seen, *seen[:1], *([serial_of("X81", 0)] if close else [])]
    if scans:
        stocktakes.scan(session, ACTOR, number, scans, now=now)
    if close:
        how, note = Settlement.FOUND, "In the workshop’s drawer"
        closing.settle(session, ACTOR, number, None, how, note, now=now)
        closing.close(session, ACTOR, number, policy=Policy(), now=now)


def _kit(session: Session, number: int, now: datetime) -> None:
    parts = [{"kind": PartKind.MOUNT}, {"kind": PartKind.CABLE, "barcode": f"CABLE-{number + 1:02d}"}]
    camera = serial_of("X81", BODY_2_ISSUED + BAYS * 6 + number)
    values = {"code": f"KIT-{number + 1:02d}", "name": "Custody van", "camera": camera, "parts": parts}
    kits.make(session, ACTOR, values, now=now)
