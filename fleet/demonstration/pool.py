"""A pool with a past, and what some cameras said of themselves; what the register's user has touched stays as it is."""

from collections.abc import Callable, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.actors import Actor
from fleet.cameras import service as camera_register
from fleet.cameras.models import Camera, CameraReport
from fleet.cameras.states import Custody, Fault, Use
from fleet.custody import service as custody
from fleet.custody.models import Allocation, Condition, IssueKind
from fleet.custody.service import Issue
from fleet.demonstration.force import BAYS, BODY_2_BOUGHT, BODY_2_ISSUED, FIRST_OF_PHASE_2, PHASE_2_OFFICERS, serial_of
from fleet.errors import FleetError
from fleet.people.models import Person
from fleet.settings import Policy
from fleet.sites.models import Site
from fleet.sites.stages import Stage

ACTOR = Actor("demonstration", trusted=True)
POLICY = Policy()

# Cameras that the pool gets out of the reserve; on each of its last days it lent some, for a shift.
_POOL = 60
_POOL_DAYS = 4
_LOANS_A_DAY = 3
_SHIFT_BEGINS, _SHIFT = timedelta(hours=6), timedelta(hours=8, minutes=30)
# The loan, counted from the first, that came back faulty. Those of the last day still wait for their check.
_FAULTY_LOAN = 8

# Battery, clock offset, recordings that are not offloaded, fault, and whether the camera sits in its home dock.
_SAID: list[tuple[int, float | None, int, Fault | None, bool]] = [
    (100, 0.4, 0, None, True),
    (96, -0.8, 0, None, True),
    (88, 1.2, 0, None, True),
    (73, 2.1, 4, None, True),
    (64, -3.5, 2, None, False),
    (41, 0.9, 7, None, False),
    (18, 5.0, 11, None, False),
    (92, 74.0, 0, None, False),
    (55, -130.5, 3, None, False),
    (12, 0.2, 46, Fault.MEMORY_FULL, False),
    (80, None, 1, Fault.CLOCK_NOT_SET, False),
    (99, 0.1, 0, None, False),
]
# How far apart on the list of holders those are whose cameras report: they are at different sites then.
_REPORTS_EVERY = 97


def load_pool(session: Session, _password: str, now: datetime) -> None:
    """A pool with a history, and what some personal cameras said. What its user has touched is left alone."""
    pool = untouched_reserve(session)[:_POOL]
    first_day = datetime.combine(now.astimezone(UTC).date(), time(), UTC) - timedelta(days=_POOL_DAYS)
    for serial in pool:
        revise = partial(camera_register.revise, session, ACTOR, serial, {"use": Use.POOL}, at_version=1, now=first_day)
        if_possible(session, revise)
    borrowers = free_officers(session, now.date())
    loans = [Issue(serial, collar, IssueKind.POOL) for serial, collar in zip(pool, borrowers, strict=False)]
    for day in range(_POOL_DAYS):
        begins = first_day + timedelta(days=day) + _SHIFT_BEGINS
        todays = list(enumerate(loans))[day * _LOANS_A_DAY : (day + 1) * _LOANS_A_DAY]
        lent = [(number, loan.serial) for number, loan in todays if _lend(session, loan, begins, number)]
        for number, serial in lent:
            _bring_back(session, serial, begins + _SHIFT, is_faulty=number == _FAULTY_LOAN)
        if day < _POOL_DAYS - 1:
            for number, serial in lent:
                checked = {"battery_percent": 100 - number % 5, "clock_offset_s": 0.1 * (number + 1), "unoffloaded": 0}
                _report(session, serial, checked, begins + _SHIFT + timedelta(hours=2))
    _load_reports(session, now)


def untouched_reserve(session: Session) -> list[str]:
    """Body 2 of phase 1 that lie in stock as they were loaded, in the order in which they were bought."""
    bought = [serial_of("X81", number) for number in range(BODY_2_ISSUED, BODY_2_BOUGHT)]
    statement = sa.select(Camera.serial).where(
        Camera.serial.in_(bought),
        Camera.use == Use.RESERVE,
        Camera.custody == Custody.IN_STOCK,
        # Every change and every act makes another version.
        Camera.version == 1,
        ~sa.exists().where(CameraReport.camera_id == Camera.id),
    )
    return sorted(session.scalars(statement), key=bought.index)


def free_officers(session: Session, today: date) -> list[str]:
    """Officers of phase 2 at live sites, with current training, who never had a camera."""
    last = FIRST_OF_PHASE_2 + PHASE_2_OFFICERS["neighbourhood"]
    collars = [str(number) for number in range(FIRST_OF_PHASE_2, last)]
    statement = sa.select(Person.collar).join(Site, Site.id == Person.site_id)
    statement = statement.where(
        Person.collar.in_(collars),
        Person.trained_until >= today,
        Site.stage == Stage.LIVE,
        ~sa.exists().where(Allocation.person_id == Person.id),
    )
    return list(session.scalars(statement.order_by(Person.collar).limit(_POOL_DAYS * _LOANS_A_DAY)))


def if_possible(session: Session, act: Callable[[], object]) -> bool:
    """Do it, unless the register refuses: its user may have changed whatever this builds on."""
    try:
        with session.begin_nested():
            act()
    except FleetError:
        return False
    return True


def _lend(session: Session, loan: Issue, at: datetime, number: int) -> bool:
    # Having reported once, a camera waits for its check when it comes back (rule 8).
    def act() -> None:
        charged = {"battery_percent": 100, "clock_offset_s": 0.1 * (number + 1), "unoffloaded": 0}
        custody.take_report(session, ACTOR, loan.serial, charged, policy=POLICY, now=at - timedelta(hours=1))
        custody.issue(session, ACTOR, loan, policy=POLICY, now=at + timedelta(minutes=number))

    return if_possible(session, act)


def _bring_back(session: Session, serial: str, at: datetime, *, is_faulty: bool) -> None:
    condition, note = (Condition.FAULTY, "The lens is cracked.") if is_faulty else (Condition.GOOD, None)
    if_possible(session, lambda: custody.take_back(session, ACTOR, serial, condition, note=note, policy=POLICY, now=at))


def _report(session: Session, serial: str, said: Mapping[str, object], at: datetime) -> None:
    if_possible(session, lambda: custody.take_report(session, ACTOR, serial, dict(said), policy=POLICY, now=at))


def _load_reports(session: Session, now: datetime) -> None:
    numbers = range(0, len(_SAID) * _REPORTS_EVERY, _REPORTS_EVERY)
    for number, (battery, offset, unoffloaded, fault, is_docked) in zip(numbers, _SAID, strict=True):
        serial = serial_of("X81", number)
        statement = sa.select(Camera.home_dock_id).where(
            Camera.serial == serial,
            Camera.custody == Custody.ISSUED,
            ~sa.exists().where(CameraReport.camera_id == Camera.id),
        )
        row = session.execute(statement).one_or_none()
        if row is None:
            continue
        said: dict[str, object] = {"battery_percent": battery, "clock_offset_s": offset, "unoffloaded": unoffloaded}
        said["fault"] = fault
        if is_docked and row.home_dock_id is not None:
            said |= {"dock_id": row.home_dock_id, "bay": number % BAYS + 1}
        _report(session, serial, said, now)
