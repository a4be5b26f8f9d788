"""A made-up force with the real one's figures: 4,390 cameras, the officers who have them, sites, docks, Tasers.

Everything is computed from the figures and an index, so every installation shows the same force; only dates are
relative to the day of loading, so that training and loans are as current as on the first day. It is loaded in parts,
each once: a later version adds its new parts to a register that somebody has been using.

Source of the figures: ¶5 (1,617 Body 2 of which 1,250 issued; 263 Flex 2 of which 230) and ¶7 (2,400 and 110 more).
"""

import csv
from collections.abc import Callable, Iterator, Mapping
from datetime import UTC, date, datetime, time, timedelta
from functools import partial
from io import BytesIO, StringIO

import sqlalchemy as sa
from sqlalchemy.orm import Mapped, Session, mapped_column

from fleet import audit, transfer
from fleet.actors import Actor, Role
from fleet.audit import Event, Subject
from fleet.auth import secret
from fleet.auth.models import Account
from fleet.cameras import service as camera_register
from fleet.cameras.models import Camera, CameraReport
from fleet.cameras.states import Custody, Fault, Use
from fleet.custody import service as custody
from fleet.custody.models import Allocation, Condition, IssueKind
from fleet.custody.service import Issue
from fleet.db import Base
from fleet.errors import FleetError
from fleet.people.models import Person
from fleet.settings import Policy
from fleet.sites.models import Site
from fleet.sites.stages import Stage

Row = dict[str, str]
ACTOR = Actor("demonstration", trusted=True)
_POLICY = Policy()

BODY_2_BOUGHT, BODY_2_ISSUED = 1_617, 1_250
FLEX_2_BOUGHT, FLEX_2_ISSUED = 263, 230
PHASE_2_BODY_2, PHASE_2_FLEX_2 = 2_400, 110

# Officers beside the holders: those whom the second phase is for, by function.
_PHASE_2_OFFICERS = {"neighbourhood": 1_420, "traffic": 310, "force-support": 390, "other": 280}
_FIRST_OF_PHASE_2 = 20_000
_BAYS = 6
_X2, _X26 = 300, 160

# Code, name, kind, stage, night-time economy. Phase 1 is live; phase 2 is on its way.
_SITES = [
    ("ASH", "Ashcombe Street", "police station", "live", True),
    ("BEL", "Belgrave Wharf", "police station", "live", True),
    ("CAS", "Castle Gate", "police station", "live", True),
    ("DRA", "Drayton Road", "police station", "live", False),
    ("ELM", "Elmhurst", "police station", "live", False),
    ("FOR", "Forge Lane", "firearms base", "live", False),
    ("GRE", "Greenhill", "police station", "live", False),
    ("HOL", "Hollin Bank", "police station", "live", False),
    ("KIN", "Kingsford Park", "headquarters", "live", False),
    ("LOC", "Lockside", "police station", "live", True),
    ("MIL", "Millgate", "police station", "live", False),
    ("NOR", "Northfold", "police station", "live", False),
    ("OAK", "Oakley Cross", "neighbourhood office", "accepted", False),
    ("PEN", "Pennine House", "traffic base", "accepted", False),
    ("QUA", "Quarry Hill", "neighbourhood office", "docks_fitted", True),
    ("RIV", "Riverside", "neighbourhood office", "docks_fitted", True),
    ("SAL", "Salter Row", "neighbourhood office", "space_confirmed", False),
    ("TAN", "Tannery Yard", "force support base", "space_confirmed", False),
    ("UPT", "Upton Green", "neighbourhood office", "network_ready", False),
    ("VIC", "Victoria Square", "neighbourhood office", "network_ready", True),
    ("WHA", "Wharfedale", "neighbourhood office", "network_upgrade", False),
    ("YAR", "Yarrow Street", "neighbourhood office", "network_upgrade", False),
    ("ALD", "Aldergate", "neighbourhood office", "surveyed", True),
    ("BRO", "Brook End", "neighbourhood office", "surveyed", False),
    ("COP", "Copse Lane", "neighbourhood office", "candidate", False),
    ("DEN", "Denholme", "neighbourhood office", "candidate", False),
]
_LIVE = [code for code, _, _, stage, _ in _SITES if stage == "live"]
_FIREARMS_BASE = "FOR"


def sites(_today: date) -> Iterator[Row]:
    """The force's sites."""
    for number, (code, name, kind, stage, nte) in enumerate(_SITES, 1):
        address = f"{number * 7 % 90 + 1} {name.split()[0]} Way"
        nights = "yes" if nte else "no"
        yield {"code": code, "name": name, "kind": kind, "address": address, "nte": nights, "stage": stage}


def docks(_today: date) -> Iterator[Row]:
    """Six-bay docks, enough for every camera of phase 1, spread over the live sites; one-bay docks elsewhere."""
    for number in range(_docks_needed()):
        yield {"serial": _dock(number), "site": _LIVE[number % len(_LIVE)], "bays": str(_BAYS)}
    fitted = [code for code, _, _, stage, _ in _SITES if stage in {"accepted", "docks_fitted"}]
    for number, code in enumerate(fitted):
        yield {"serial": f"DK1{number:05d}", "site": code, "bays": "1"}


def _docks_needed() -> int:
    return -(-(BODY_2_BOUGHT + FLEX_2_BOUGHT) // _BAYS)


def _dock(number: int) -> str:
    return f"DK6{number:05d}"


def people(today: date) -> Iterator[Row]:
    """Officers, by collar number alone: who holds a camera first, then those whom phase 2 is for."""
    for number in range(BODY_2_ISSUED):
        # The same arithmetic as the cameras' home docks, so that an officer's camera docks where they work.
        site = _LIVE[number // _BAYS % len(_LIVE)]
        yield _officer(
            _response(number),
            f"Response {site} {'ABCDE'[number % 5]}",
            "response",
            site=site,
            number=number,
            today=today,
        )
    for number in range(FLEX_2_ISSUED + 30):
        team = f"Firearms {number % 6 + 1}"
        yield _officer(_firearms(number), team, "firearms", site=_FIREARMS_BASE, number=number, today=today)
    start = _FIRST_OF_PHASE_2
    for function, many in _PHASE_2_OFFICERS.items():
        for number in range(many):
            site = _SITES[number % len(_SITES)][0]
            team = f"{function.replace('-', ' ').capitalize()} {site}"
            yield _officer(str(start + number), team, function, site=site, number=number, today=today)
        start += 2_000


def _response(number: int) -> str:
    return str(10_000 + number)


def _firearms(number: int) -> str:
    return str(15_000 + number)


def _officer(collar: str, team: str, function: str, *, site: str, number: int, today: date) -> Row:
    # Two in a hundred have let their training lapse; the rest run out over two years.
    has_lapsed = number % 50 == 1
    days = -(number % 60) - 1 if has_lapsed else 20 + number * 37 % 700
    until = (today + timedelta(days=days)).isoformat()
    return {
        "collar": collar, "name": "", "team": team, "function": function, "site": site, "trained_until": until
    }  # fmt: skip


def cameras(_today: date) -> Iterator[Row]:
    """The fleet: phase 1 with its holders, phase 2 in reserve."""
    for number in range(BODY_2_BOUGHT):
        holder = _response(number) if number < BODY_2_ISSUED else ""
        yield _camera("X81", number, "body-2", phase="1", dock=number // _BAYS, holder=holder)
    for number in range(FLEX_2_BOUGHT):
        holder = _firearms(number) if number < FLEX_2_ISSUED else ""
        yield _camera("X78", number, "flex-2", phase="1", dock=(BODY_2_BOUGHT + number) // _BAYS, holder=holder)
    for number in range(PHASE_2_BODY_2):
        yield _camera("X83", number, "body-2", phase="2")
    for number in range(PHASE_2_FLEX_2):
        yield _camera("X79", number, "flex-2", phase="2")


def _camera(prefix: str, number: int, model: str, *, phase: str, dock: int | None = None, holder: str = "") -> Row:
    upgraded = phase == "2" or number % 5 == 0
    return {
        "serial": _serial(prefix, number),
        "asset_tag": f"BWV{prefix[1:]}{number + 1:04d}",
        "model": model,
        "use": "personal" if holder else "reserve",
        "phase": phase,
        "home_dock": "" if dock is None else _dock(dock),
        "firmware": "1.11.4" if upgraded else "1.9.18",
        "encryption": "aes256" if phase == "2" else "aes128" if upgraded else "none",
        "bluetooth": "secure-connections" if phase == "2" else "legacy",
        "custody": "issued" if holder else _unissued(number) if phase == "1" else "in_stock",
        "holder": holder,
        "due_back": "",
    }


def _serial(prefix: str, number: int) -> str:
    # A serial is opaque: the digits are scattered so that neighbours on a shelf do not look alike.
    return f"{prefix}{(number * 7_919 + 104_729) % 1_000_000:06d}"


def _unissued(number: int) -> str:
    return {1: "quarantined", 2: "repair"}.get(number % 90, "in_stock")


def tasers(_today: date) -> Iterator[Row]:
    """X2s of the firearms and response officers, and the X26s that they replace."""
    for number in range(_X2):
        holder = _firearms(number) if number < FLEX_2_ISSUED else _response(number * 3)
        site = _FIREARMS_BASE if number < FLEX_2_ISSUED else _LIVE[number * 3 // _BAYS % len(_LIVE)]
        yield _taser(f"X29{number * 6_007 % 100_000:05d}", "x2", f"SP{number * 3_001 % 100_000:05d}", site, holder)
    for number in range(_X26):
        yield _taser(f"X00{number * 4_001 % 100_000:05d}", "x26", "", _LIVE[number % len(_LIVE)], "")


def _taser(serial: str, model: str, sppm: str, site: str, holder: str) -> Row:
    bluetooth = "legacy" if sppm else ""
    return {
        "serial": serial, "model": model, "sppm": sppm, "firmware": "4.028" if sppm else "",
        "bluetooth": bluetooth, "home_site": site, "holder": holder,
    }  # fmt: skip


class DemonstrationPart(Base):
    """A part of the demonstration that was loaded; it is never loaded again."""

    __tablename__ = "demonstration_part"

    name: Mapped[str] = mapped_column(sa.Text, primary_key=True)
    loaded_at: Mapped[datetime] = mapped_column(sa.DateTime(timezone=True))


_FILES = {"sites": sites, "docks": docks, "people": people, "cameras": cameras, "tasers": tasers}


def _load_register(session: Session, _password: str, now: datetime) -> None:
    for kind, rows in _FILES.items():
        transfer.load(session, ACTOR, kind, _as_csv(rows(now.date())), now=now)


def _as_csv(rows: Iterator[Row]) -> BytesIO:
    """Rows as a file to import: the demonstration comes in by the way that a force's own register does."""
    text = StringIO()
    first = next(rows)
    writer = csv.DictWriter(text, first)
    writer.writeheader()
    writer.writerow(first)
    writer.writerows(rows)
    return BytesIO(text.getvalue().encode())


OFFICER = _response(0)
SIGN_INS: dict[str, tuple[Role, str | None]] = {
    "store": (Role.STORE, None),
    "armourer": (Role.ARMOURER, None),
    "it": (Role.IT, None),
    "estates": (Role.ESTATES, None),
    "supervisor": (Role.SUPERVISOR, None),
    "auditor": (Role.AUDITOR, None),
    "officer": (Role.OFFICER, OFFICER),
    "admin": (Role.ADMIN, None),
}


def _load_sign_ins(session: Session, password: str, now: datetime) -> None:
    hashed = secret.hash_password(password)
    for name, (role, collar) in SIGN_INS.items():
        if session.scalars(sa.select(Account.id).where(Account.name == name)).first() is None:
            session.add(Account(name=name, role=role, collar=collar, password_hash=hashed, created_at=now))
            subject = (Subject.ACCOUNT, name)
            audit.record(session, ACTOR, Event.ACCOUNT_CREATED, subject, at=now, officer=collar, role=role)


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


def _load_pool(session: Session, _password: str, now: datetime) -> None:
    """A pool with a history, and what some personal cameras said. What its user has touched is left alone."""
    pool = _untouched_reserve(session)[:_POOL]
    first_day = datetime.combine(now.astimezone(UTC).date(), time(), UTC) - timedelta(days=_POOL_DAYS)
    for serial in pool:
        revise = partial(camera_register.revise, session, ACTOR, serial, {"use": Use.POOL}, at_version=1, now=first_day)
        _if_possible(session, revise)
    borrowers = _free_officers(session, now.date())
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


def _untouched_reserve(session: Session) -> list[str]:
    """Body 2 of phase 1 that lie in stock as they were loaded, in the order in which they were bought."""
    bought = [_serial("X81", number) for number in range(BODY_2_ISSUED, BODY_2_BOUGHT)]
    statement = sa.select(Camera.serial).where(
        Camera.serial.in_(bought),
        Camera.use == Use.RESERVE,
        Camera.custody == Custody.IN_STOCK,
        # Every change and every act makes another version.
        Camera.version == 1,
        ~sa.exists().where(CameraReport.camera_id == Camera.id),
    )
    return sorted(session.scalars(statement), key=bought.index)


def _free_officers(session: Session, today: date) -> list[str]:
    """Officers of phase 2 at live sites, with current training, who never had a camera."""
    last = _FIRST_OF_PHASE_2 + _PHASE_2_OFFICERS["neighbourhood"]
    collars = [str(number) for number in range(_FIRST_OF_PHASE_2, last)]
    statement = sa.select(Person.collar).join(Site, Site.id == Person.site_id)
    statement = statement.where(
        Person.collar.in_(collars),
        Person.trained_until >= today,
        Site.stage == Stage.LIVE,
        ~sa.exists().where(Allocation.person_id == Person.id),
    )
    return list(session.scalars(statement.order_by(Person.collar).limit(_POOL_DAYS * _LOANS_A_DAY)))


def _if_possible(session: Session, act: Callable[[], object]) -> bool:
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
        custody.take_report(session, ACTOR, loan.serial, charged, policy=_POLICY, now=at - timedelta(hours=1))
        custody.issue(session, ACTOR, loan, policy=_POLICY, now=at + timedelta(minutes=number))

    return _if_possible(session, act)


def _bring_back(session: Session, serial: str, at: datetime, *, is_faulty: bool) -> None:
    condition, note = (Condition.FAULTY, "The lens is cracked.") if is_faulty else (Condition.GOOD, None)
    _if_possible(
        session, lambda: custody.take_back(session, ACTOR, serial, condition, note=note, policy=_POLICY, now=at)
    )


def _report(session: Session, serial: str, said: Mapping[str, object], at: datetime) -> None:
    _if_possible(session, lambda: custody.take_report(session, ACTOR, serial, dict(said), policy=_POLICY, now=at))


def _load_reports(session: Session, now: datetime) -> None:
    numbers = range(0, len(_SAID) * _REPORTS_EVERY, _REPORTS_EVERY)
    for number, (battery, offset, unoffloaded, fault, is_docked) in zip(numbers, _SAID, strict=True):
        serial = _serial("X81", number)
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
            said |= {"dock_id": row.home_dock_id, "bay": number % _BAYS + 1}
        _report(session, serial, said, now)


# In order; a name, once released, keeps its meaning.
_PARTS: dict[str, Callable[[Session, str, datetime], None]] = {
    "register-1": _load_register,
    "sign-ins-1": _load_sign_ins,
    "pool-1": _load_pool,
}


def load(session: Session, *, password: str, now: datetime) -> list[str]:
    """Load the parts that this register does not have yet, and answer their names."""
    session.execute(sa.text("LOCK TABLE demonstration_part IN EXCLUSIVE MODE"))
    loaded = set(session.scalars(sa.select(DemonstrationPart.name)))
    missing = [name for name in _PARTS if name not in loaded]
    for name in missing:
        _PARTS[name](session, password, now)
        session.add(DemonstrationPart(name=name, loaded_at=now))
        audit.record(session, ACTOR, Event.DEMONSTRATION_LOADED, (Subject.REGISTER, name), at=now)
    return missing


def use_password(session: Session, password: str) -> None:
    """Give the demonstration's sign-ins this password; for when the file that kept the last one is gone."""
    hashed = secret.hash_password(password)
    statement = sa.update(Account).where(Account.name.in_(SIGN_INS), Account.closed_at.is_(None))
    session.execute(statement.values(password_hash=hashed, one_time_until=None))
