"""The lists of what is going on: losses, repairs, holds, cameras out of service, departures, exceptions."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session, aliased

from fleet.auth.models import Account
from fleet.cameras.models import Camera
from fleet.cameras.states import Custody
from fleet.clock import local_day
from fleet.custody.models import Allocation, RuleException
from fleet.db import AnySelect, begins, row_dict
from fleet.errors import NotFound
from fleet.lifecycle.models import BreachAssessment, Departure, DepartureKind, Hold, Loss, Repair, Retirement
from fleet.paging import Key, Page, Paging, capped_count
from fleet.people.models import Function, Person, Team
from fleet.sites.models import Site

Condition = sa.ColumnElement[bool]
Narrow = Callable[[Mapping[str, Any], datetime], list[Condition]]


@dataclass(frozen=True)
class CaseList:
    """One list: what its rows say at an instant, its orders (the first is the usual one), what its filters mean."""

    rows: Callable[[datetime], AnySelect]
    sorts: Mapping[str, Sequence[Key]]
    narrow: Narrow
    newest_first: bool = False

    def find(
        self,
        session: Session,
        filters: Mapping[str, Any],
        paging: Paging,
        *,
        now: datetime,
        sort: str | None = None,
        descending: bool | None = None,
    ) -> Page:
        """One page of what the filters find."""
        keys = self.sorts[sort or next(iter(self.sorts))]
        descending = self.newest_first if descending is None else descending
        return paging.page(session, self._found(filters, now), keys, descending=descending)

    def count(self, session: Session, filters: Mapping[str, Any], *, now: datetime) -> int:
        """How many ``find`` has, as far as ``capped_count`` counts."""
        return capped_count(session, self._found(filters, now))

    def waiting(self, filters: Mapping[str, Any], now: datetime) -> sa.ScalarSelect[int]:
        """How many ``find`` has, as a part of a statement."""
        rows = self._found(filters, now).with_only_columns(sa.func.count(), maintain_column_froms=True)
        return rows.scalar_subquery()

    def _found(self, filters: Mapping[str, Any], now: datetime) -> AnySelect:
        return self.rows(now).where(*self.narrow(filters, now))


def _begin(text: str | None, *columns: Any) -> list[Condition]:
    wanted = (text or "").strip().upper()
    return [sa.or_(*(begins(column, wanted) for column in columns))] if wanted else []


def _shown(filters: Mapping[str, Any], choices: Mapping[str, Condition]) -> list[Condition]:
    return [choices[filters["show"]]] if filters.get("show") else []


def _loss_rows(now: datetime) -> AnySelect:
    columns = (
        Loss.id, Camera.serial, Camera.model, Camera.custody, Person.collar, Loss.state, Loss.noticed_at,
        Loss.reported_at, Loss.reported_by, Loss.report_due_at, (Loss.reported_at > Loss.report_due_at).label("late"),
        Loss.assessed, Loss.assess_due_at, sa.and_(~Loss.assessed, Loss.assess_due_at < now).label("assess_late"),
        Loss.last_seen, Loss.last_seen_by, Loss.circumstances, Loss.unoffloaded, Loss.encryption, Loss.device_seen_at,
        Loss.crime_number, Loss.decided_at, Loss.recovered_at, Loss.recovered_where, Loss.recovered_by,
        Loss.recovered_condition,
    )  # fmt: skip
    rows = sa.select(*columns).join(Camera, Camera.id == Loss.camera_id)
    return rows.join(Person, Person.id == Loss.person_id, isouter=True)


def _narrow_losses(filters: Mapping[str, Any], now: datetime) -> list[Condition]:
    unassessed = ~Loss.assessed
    late = sa.or_(Loss.reported_at > Loss.report_due_at, sa.and_(unassessed, Loss.assess_due_at < now))
    choices = {"open": Loss.recovered_at.is_(None), "late": late, "unassessed": unassessed}
    found = _shown(filters, choices) + _begin(filters.get("q"), Camera.serial, Person.collar)
    return found + ([Loss.state == filters["state"]] if filters.get("state") else [])


LOSSES = CaseList(_loss_rows, {"noticed_at": [Loss.noticed_at, Loss.id]}, _narrow_losses, newest_first=True)


def loss(session: Session, number: int, *, now: datetime) -> dict[str, Any]:
    """One loss with every version of its assessment, the newest first.

    Raises:
        NotFound
    """
    row = session.execute(_loss_rows(now).where(Loss.id == number)).one_or_none()
    if row is None:
        raise NotFound(f"There is no loss {number}.", found={"loss": number})
    versions = sa.select(BreachAssessment.__table__).where(BreachAssessment.loss_id == number)
    versions = versions.order_by(BreachAssessment.version.desc())
    return row_dict(row) | {"assessments": [row_dict(one) for one in session.execute(versions)]}


_REPLACEMENT = aliased(Camera, name="replacement")


def _repair_rows(now: datetime) -> AnySelect:
    overdue = sa.and_(Repair.returned_at.is_(None), Repair.expected_back < local_day(now))
    columns = (
        Repair.id, Camera.serial, Camera.model, Repair.fault, Repair.supplier, Repair.rma, Repair.in_warranty,
        Repair.sent_at, Repair.sent_by, Repair.expected_back, sa.func.coalesce(overdue, sa.false()).label("overdue"),
        Repair.returned_at, Repair.result, _REPLACEMENT.serial.label("replacement"), Repair.note,
    )  # fmt: skip
    rows = sa.select(*columns).join(Camera, Camera.id == Repair.camera_id)
    return rows.join(_REPLACEMENT, _REPLACEMENT.id == Repair.replacement_id, isouter=True)


def _narrow_repairs(filters: Mapping[str, Any], now: datetime) -> list[Condition]:
    is_open = Repair.returned_at.is_(None)
    choices = {
        "open": is_open,
        "overdue": sa.and_(is_open, Repair.expected_back < local_day(now)),
        "returned": Repair.returned_at.is_not(None),
    }
    text = (filters.get("q") or "").strip()
    found = [sa.or_(begins(Camera.serial, text.upper()), Repair.rma == text)] if text else []
    return found + _shown(filters, choices)


REPAIRS = CaseList(_repair_rows, {"sent_at": [Repair.sent_at, Repair.id]}, _narrow_repairs, newest_first=True)


def _hold_rows(_now: datetime) -> AnySelect:
    columns = (
        Hold.id, Camera.serial, Hold.authority, Hold.reference, Hold.reason, Hold.placed_at, Hold.placed_by,
        Hold.released_at, Hold.released_by, Hold.release_reason,
    )  # fmt: skip
    return sa.select(*columns).join(Camera, Camera.id == Hold.camera_id)


def _narrow_holds(filters: Mapping[str, Any], _now: datetime) -> list[Condition]:
    choices = {"open": Hold.released_at.is_(None), "released": Hold.released_at.is_not(None)}
    return _shown(filters, choices) + _begin(filters.get("q"), Camera.serial)


HOLDS = CaseList(_hold_rows, {"placed_at": [Hold.id]}, _narrow_holds, newest_first=True)

_OUT_OF_SERVICE = (Custody.RETIRED, Custody.SANITISED, Custody.DISPOSED)


def _retirement_rows(_now: datetime) -> AnySelect:
    columns = (
        Camera.serial, Camera.model, Camera.custody, Camera.custody_at, Retirement.retired_at, Retirement.retired_by,
        Retirement.reason, Retirement.method, Retirement.certificate, Retirement.wiped_by, Retirement.wiped_on,
        Retirement.sanitised_by, Retirement.how, Retirement.waste_note, Retirement.proposed_by, Retirement.proposed_at,
        Retirement.confirmed_by, Retirement.confirmed_at,
    )  # fmt: skip
    rows = sa.select(*columns).join(Retirement, Retirement.camera_id == Camera.id, isouter=True)
    return rows.where(Camera.custody.in_(_OUT_OF_SERVICE))


def _narrow_retirements(filters: Mapping[str, Any], _now: datetime) -> list[Condition]:
    sanitised, is_proposed = Camera.custody == Custody.SANITISED, Retirement.proposed_by.is_not(None)
    choices = {
        "retired": Camera.custody == Custody.RETIRED,
        "sanitised": sa.and_(sanitised, ~is_proposed),
        "waiting": sa.and_(sanitised, is_proposed),
        "disposed": Camera.custody == Custody.DISPOSED,
    }
    return _shown(filters, choices) + _begin(filters.get("q"), Camera.serial)


RETIREMENTS = CaseList(_retirement_rows, {"serial": [Camera.serial.expression]}, _narrow_retirements)


def open_loss_of(session: Session, serial: str) -> int | None:
    """The number of a camera's loss that is not recovered, or None."""
    statement = sa.select(Loss.id).join(Camera).where(Camera.serial == serial, Loss.recovered_at.is_(None))
    return session.scalars(statement).first()


def retirement(session: Session, serial: str, *, now: datetime) -> dict[str, Any]:
    """How far one camera is on its way out.

    Raises:
        NotFound: it is in service.
    """
    row = session.execute(_retirement_rows(now).where(Camera.serial == serial)).one_or_none()
    if row is None:
        raise NotFound(f"{serial} is not out of service.", found={"camera": serial})
    return row_dict(row)


def hold_on(session: Session, serial: str, *, now: datetime) -> dict[str, Any] | None:
    """The hold on a camera, or None."""
    row = session.execute(_hold_rows(now).where(Camera.serial == serial, Hold.released_at.is_(None))).one_or_none()
    return row_dict(row) if row else None


def _departure_rows(now: datetime) -> AnySelect:
    held = sa.select(sa.func.string_agg(Camera.serial, sa.literal_column("', '"))).join(Allocation)
    held = held.where(Allocation.person_id == Departure.person_id, Allocation.returned_at.is_(None))
    sign_in = sa.select(sa.func.min(Account.name)).where(Account.collar == Person.collar, Account.closed_at.is_(None))
    columns = (
        Departure.id, Person.collar, Person.name, Departure.kind, Departure.last_day,
        (Departure.last_day < local_day(now)).label("is_over"), Departure.to_team, Site.code.label("to_site"),
        held.correlate(Departure).scalar_subquery().label("holds"),
        sign_in.correlate(Person).scalar_subquery().label("sign_in"),
        Departure.note, Departure.noted_at, Departure.noted_by, Departure.done_at, Departure.withdrawn_at,
        Departure.withdrawn_by,
    )  # fmt: skip
    rows = sa.select(*columns).join(Person, Person.id == Departure.person_id)
    return rows.join(Site, Site.id == Departure.to_site_id, isouter=True)


def _narrow_departures(filters: Mapping[str, Any], now: datetime) -> list[Condition]:
    holding = sa.exists().where(Allocation.person_id == Departure.person_id, Allocation.returned_at.is_(None))
    stands, over = Departure.withdrawn_at.is_(None), Departure.last_day < local_day(now)
    choices = {
        "ahead": sa.and_(stands, ~over),
        "holding": sa.and_(stands, holding),
        "overdue": sa.and_(stands, over, holding),
        "withdrawn": ~stands,
    }
    found = _shown(filters, choices) + _begin(filters.get("q"), Person.collar)
    if filters.get("kind"):
        found.append(Departure.kind == filters["kind"])
    # What was entered wrongly is shown to whoever asks for it.
    return found if filters.get("show") else [*found, stands]


DEPARTURES = CaseList(
    _departure_rows, {"last_day": [Departure.last_day, Departure.id]}, _narrow_departures, newest_first=True
)


def departure_of(session: Session, collar: str, *, now: datetime) -> dict[str, Any] | None:
    """The entry by which an officer is a leaver or mover, or None."""
    is_open = sa.or_(Departure.kind == DepartureKind.LEAVER, Departure.done_at.is_(None))
    rows = _departure_rows(now).where(Person.collar == collar, Departure.withdrawn_at.is_(None), is_open)
    row = session.execute(rows).one_or_none()
    return row_dict(row) if row else None


_OFFICERS = sa.select(Person.collar, Person.name, Team.name.label("team"))
_ABOUT = (RuleException.reason, RuleException.until, RuleException.by, RuleException.at)


def _exceptions(now: datetime) -> sa.Subquery:
    """Firearms officers without a camera, excepted from rule 5 or not, and every other exception that stands."""
    today = local_day(now)
    holds = sa.exists().where(Allocation.person_id == Person.id, Allocation.returned_at.is_(None))
    serves = sa.or_(Person.leaves_on.is_(None), Person.leaves_on >= today)
    bare = sa.and_(Person.function == Function.FIREARMS, ~holds, serves)
    stands = RuleException.ended_at.is_(None)
    state = sa.case(
        (RuleException.until >= today, "excepted"), (RuleException.until.is_not(None), "over"), else_="open"
    )
    of_five = sa.and_(RuleException.person_id == Person.id, RuleException.rule == _FIREARMS, stands)
    without = _OFFICERS.add_columns(sa.literal(_FIREARMS).label("rule"), state.label("state"), *_ABOUT)
    without = without.join(Team, Team.id == Person.team_id, isouter=True).join(RuleException, of_five, isouter=True)
    others = _OFFICERS.add_columns(RuleException.rule, state.label("state"), *_ABOUT)
    others = others.join(Team, Team.id == Person.team_id, isouter=True)
    others = others.join(RuleException, RuleException.person_id == Person.id)
    others = others.where(stands, sa.not_(sa.and_(RuleException.rule == _FIREARMS, bare)))
    return sa.union_all(without.where(bare), others).subquery("excepted")


# The rule that every firearms officer holds a camera.
_FIREARMS = 5
_collar = sa.literal_column("excepted.collar", Person.collar.type)
_rule = sa.literal_column("excepted.rule", sa.SmallInteger())
_state = sa.literal_column("excepted.state", sa.Text())


def _exception_rows(now: datetime) -> AnySelect:
    return sa.select(_exceptions(now))


def _narrow_exceptions(filters: Mapping[str, Any], _now: datetime) -> list[Condition]:
    found = _begin(filters.get("q"), _collar)
    if filters.get("rule"):
        found.append(_rule == int(filters["rule"]))
    return found + ([_state == filters["state"]] if filters.get("state") else [])


EXCEPTIONS = CaseList(_exception_rows, {"collar": [_collar, _rule]}, _narrow_exceptions)


def exceptions_of(session: Session, collar: str, *, now: datetime) -> list[dict[str, Any]]:
    """The exceptions that an officer has, and rule 5 where it is not kept."""
    rows = session.execute(_exception_rows(now).where(_collar == collar).order_by(_rule))
    return [row_dict(row) for row in rows]


# What waits for somebody: the list that has it, and the filter under which it stands there.
WAITING: dict[str, tuple[CaseList, dict[str, str]]] = {
    "losses": (LOSSES, {"show": "unassessed"}),
    "repairs": (REPAIRS, {"show": "overdue"}),
    "retirements": (RETIREMENTS, {"show": "waiting"}),
    "departures": (DEPARTURES, {"show": "overdue"}),
    "exceptions": (EXCEPTIONS, {"rule": "5", "state": "open"}),
}


def waiting(session: Session, names: Sequence[str], *, now: datetime) -> dict[str, int]:
    """How many cases of each name in ``WAITING`` wait, in one statement: the front page."""
    counted = [WAITING[name][0].waiting(WAITING[name][1], now).label(name) for name in names]
    row = session.execute(sa.select(*counted)).one()
    return dict(zip(names, row, strict=True))
