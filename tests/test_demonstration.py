"""The demonstration force: its figures, and that a register somebody has used keeps what they did."""

from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from fleet import demonstration
from fleet.audit.models import AuditEntry
from fleet.cameras import service as cameras
from fleet.cameras.models import Camera, CameraReport
from fleet.cameras.states import Custody, Fault, Model, Use
from fleet.custody import holdings
from fleet.custody import service as custody
from fleet.custody.holdings import Attention
from fleet.custody.models import Allocation, Condition, IssueKind, Reservation
from fleet.demonstration import force
from fleet.demonstration import parts as every_part
from fleet.lifecycle import cases
from fleet.paging import Paging
from fleet.people.models import Person
from fleet.settings import Policy
from fleet.sites.models import Dock
from fleet.stock.models import KitPart, Stocktake
from fleet.stock.states import PartState, StocktakeState
from fleet.visits import terms
from fleet.visits.models import Acknowledgement, Method, Terms, Visit
from fleet.web import Service
from tests.conftest import TESTER
from tests.factories import Factory

NOW = datetime(2026, 3, 4, 9, 30, tzinfo=UTC)
DAY = NOW.date()
OLDER = ("register-1", "sign-ins-1")
NEWER = [name for name in every_part._PARTS if name not in OLDER]


def load(app: Service, now: datetime = NOW) -> list[str]:
    with app.database.transaction() as session:
        return demonstration.load(session, password="not a secret", now=now)


def only(monkeypatch: pytest.MonkeyPatch, *names: str) -> None:
    """Be the version that had these parts."""
    kept = {name: every_part._PARTS[name] for name in names}
    monkeypatch.setattr(every_part, "_PARTS", kept)


def ask(app: Service, statement: sa.Select[Any]) -> list[tuple[Any, ...]]:
    with app.database.transaction() as session:
        return [tuple(row) for row in session.execute(statement)]


def figures(app: Service, *by: Any) -> dict[tuple[Any, ...], int]:
    found = ask(app, sa.select(*by, sa.func.count()).group_by(*by))
    return {row[:-1]: row[-1] for row in found}


def everything(app: Service) -> dict[str, Any]:
    """What the register and the log hold."""
    tables = (Camera, CameraReport, Allocation, Person, Dock, AuditEntry)
    return {
        model.__tablename__: sorted(map(repr, ask(app, sa.select(*model.__table__.columns))))  # type: ignore[attr-defined]
        for model in tables
    }


def test_the_figures_of_the_force(empty: Service) -> None:
    assert load(empty) == [*every_part._PARTS]

    assert figures(empty, Camera.model, Camera.phase) == {
        (Model.BODY_2, 1): 1_617,
        (Model.FLEX_2, 1): 263,
        (Model.BODY_2, 2): 2_400,
        (Model.FLEX_2, 2): 110,
    }
    custodies = figures(empty, Camera.model, Camera.phase, Camera.custody)
    assert custodies[Model.BODY_2, 1, Custody.ISSUED] == 1_250
    assert custodies[Model.FLEX_2, 1, Custody.ISSUED] == 230
    assert custodies[Model.BODY_2, 2, Custody.IN_STOCK] + custodies[Model.FLEX_2, 2, Custody.IN_STOCK] == 2_510
    uses = figures(empty, Camera.model, Camera.phase, Camera.use)
    assert uses == {
        (Model.BODY_2, 1, Use.PERSONAL): 1_250,
        (Model.BODY_2, 1, Use.POOL): 60,
        (Model.BODY_2, 1, Use.RESERVE): 307,
        (Model.FLEX_2, 1, Use.PERSONAL): 230,
        (Model.FLEX_2, 1, Use.RESERVE): 33,
        (Model.BODY_2, 2, Use.RESERVE): 2_400,
        (Model.FLEX_2, 2, Use.RESERVE): 110,
    }
    pool = figures(empty, Camera.use, Camera.custody)
    assert {of: number for of, number in pool.items() if of[0] is Use.POOL} == {
        (Use.POOL, Custody.IN_STOCK): 56,
        (Use.POOL, Custody.RETURNING): 3,
        (Use.POOL, Custody.QUARANTINED): 1,
    }
    assert figures(empty, Allocation.kind, Allocation.returned_at.is_(None)) == {
        (IssueKind.PERSONAL, True): 1_480,
        # The twelve of the pool, and one that was stolen.
        (IssueKind.POOL, False): 13,
    }


def test_the_pools_loans_are_over_and_three_wait_for_their_check(empty: Service) -> None:
    load(empty)

    loans = ask(
        empty,
        sa.select(Allocation.issued_at, Allocation.returned_at, Allocation.condition, Person.collar)
        .join(Person)
        .where(Allocation.kind == IssueKind.POOL)
        .order_by(Allocation.id),
    )
    assert all(NOW - timedelta(days=5) < issued < returned < NOW for issued, returned, _, _ in loans)
    assert Counter(condition for _, _, condition, _ in loans) == {
        Condition.GOOD: 11,
        Condition.FAULTY: 1,
        Condition.MISSING: 1,
    }
    assert len({collar for *_, collar in loans}) == 13
    waiting = ask(
        empty,
        sa.select(Camera.custody_at, CameraReport.last_seen_at)
        .join(CameraReport, CameraReport.camera_id == Camera.id)
        .where(Camera.custody == Custody.RETURNING),
    )
    assert [seen < since for since, seen in waiting] == [True] * 3


def test_the_pages_have_something_to_show(empty: Service) -> None:
    load(empty)

    with empty.database.transaction() as session:
        counted = holdings.counts(session, (Attention.UNCHECKED, Attention.FAULT), now=NOW)
    assert counted == {Attention.UNCHECKED: 3, Attention.FAULT: 2}
    said = ask(
        empty,
        sa.select(CameraReport.fault, CameraReport.dock_id)
        .join(Camera, Camera.id == CameraReport.camera_id)
        .where(Camera.custody == Custody.ISSUED),
    )
    assert len(said) == 12
    assert {fault for fault, _ in said} == {None, Fault.MEMORY_FULL, Fault.CLOCK_NOT_SET}
    assert sum(dock is not None for _, dock in said) == 4


def test_the_stores_have_operations_stocktakes_and_kits(empty: Service) -> None:
    load(empty)

    assert ask(empty, sa.select(Reservation.name, Reservation.count).order_by(Reservation.name)) == [
        ("Op Pelkin", 40),
        ("Op Shaw", 12),
    ]
    states = figures(empty, Stocktake.state)
    assert states == {(StocktakeState.CLOSED,): 1, (StocktakeState.OPEN,): 1}
    (closed,) = ask(empty, sa.select(Stocktake.counts).where(Stocktake.state == StocktakeState.CLOSED))
    assert (closed[0]["found"], closed[0]["misplaced"], closed[0]["doubled"]) == (1, 1, 1)
    assert figures(empty, KitPart.state) == {(PartState.IN_KIT,): 6}


def test_all_that_it_does_is_logged_as_the_demonstrations(empty: Service) -> None:
    load(empty)

    assert ask(empty, sa.select(AuditEntry.actor).distinct()) == [("demonstration",)]
    # A refused loan would mean that the force does not fit together.
    assert ask(empty, sa.select(AuditEntry.id).where(AuditEntry.event == "camera.issue-refused")) == []


def test_loading_twice_changes_nothing(empty: Service) -> None:
    load(empty)
    before = everything(empty)

    assert load(empty, NOW + timedelta(days=3)) == []

    assert everything(empty) == before


def test_a_register_in_use_gets_the_new_part_and_keeps_what_its_user_did(
    empty: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        only(older, *OLDER)
        assert load(empty) == list(OLDER)
    make = Factory(empty.database)
    own, collar = make.issued(make.camera(serial="OWN"), make.officer(collar="MINE"))
    # Cameras and an officer that the new part would otherwise take: one out, one changed, one quarantined.
    free = force.serial_of("X81", 1_250), force.serial_of("X81", 1_252), force.serial_of("X81", 1_253)
    with empty.database.transaction() as session:
        lent = custody.Issue(free[0], "20000", IssueKind.POOL)
        custody.issue(session, make.actor, lent, policy=Policy(), now=NOW)
        cameras.revise(session, make.actor, free[1], {"asset_tag": "TAG-OF-MINE"}, at_version=None, now=NOW)
        custody.move(session, make.actor, free[2], Custody.QUARANTINED, now=NOW)
        reported = force.serial_of("X81", 0)
        custody.take_report(session, make.actor, reported, {"battery_percent": 7}, policy=Policy(), now=NOW)
    mine = sa.select(*Camera.__table__.columns).where(Camera.serial.in_([own, *free])).order_by(Camera.serial)
    before = ask(empty, mine)

    assert load(empty, NOW + timedelta(days=2)) == NEWER

    assert ask(empty, mine) == before
    held = sa.select(Camera.serial).join(Allocation).join(Person).where(Allocation.returned_at.is_(None))
    assert ask(empty, held.where(Person.collar == collar)) == [(own,)]
    assert ask(empty, held.where(Person.collar == "20000")) == [(free[0],)]
    seven = sa.select(CameraReport.battery_percent).join(Camera).where(Camera.serial == reported)
    assert ask(empty, seven) == [(7,)]
    pool = sa.select(Camera.serial).where(Camera.use == Use.POOL, Camera.serial != own)
    assert len(ask(empty, pool)) == 60


def test_a_register_that_its_user_has_emptied_of_all_it_needs_still_gets_it(
    empty: Service, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as older:
        only(older, *OLDER)
        load(empty)
    with empty.database.engine.begin() as connection:
        connection.execute(sa.update(Camera).values(use=Use.PERSONAL))
        connection.execute(sa.update(Person).values(trained_until=None))

    assert load(empty) == NEWER

    assert figures(empty, Allocation.kind) == {(IssueKind.PERSONAL,): 1_480}


def test_a_loan_that_a_rule_refuses_is_left_out(empty: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as older:
        only(older, *OLDER)
        load(empty)
    # Without a site that has its docks, no camera of its is lent (rule 3).
    with empty.database.engine.begin() as connection:
        docks = [force._dock(number) for number in range(1_250 // 6, 1_617 // 6 + 1)]
        candidate = sa.text("SELECT id FROM site WHERE code = 'COP'")
        site = connection.scalar(candidate)
        connection.execute(sa.update(Dock).where(Dock.serial.in_(docks)).values(site_id=site))

    assert load(empty) == NEWER

    assert (IssueKind.POOL,) not in figures(empty, Allocation.kind)
    assert figures(empty, Camera.use)[Use.POOL,] == 60


Rows = Callable[[date], Iterator[force.Row]]


@pytest.mark.parametrize(
    ("rows", "names"),
    [
        (force.sites, ["code", "name"]),
        (force.docks, ["serial"]),
        (force.people, ["collar"]),
        (force.cameras, ["serial", "asset_tag"]),
        (force.tasers, ["serial", "sppm"]),
    ],
)
def test_every_identifier_is_there_once_and_the_same_on_every_installation(rows: Rows, names: list[str]) -> None:
    made = list(rows(DAY))

    assert list(rows(DAY)) == made
    for name in names:
        values = [row[name] for row in made if row[name]]
        assert len(values) == len(set(values))


def test_the_pool_is_the_same_on_every_installation(empty: Service) -> None:
    load(empty)

    pool = ask(empty, sa.select(Camera.serial).where(Camera.use == Use.POOL).order_by(Camera.serial))
    in_stock = [number for number in range(1_250, 1_617) if force._unissued(number) == "in_stock"]
    assert [serial for (serial,) in pool] == sorted(force.serial_of("X81", number) for number in in_stock[:60])


def test_every_story_of_a_case_is_told(empty: Service) -> None:
    load(empty)

    with empty.database.transaction() as session:
        every = Paging(200)
        losses = cases.LOSSES.find(session, {}, every, now=NOW).items
        repairs = cases.REPAIRS.find(session, {}, every, now=NOW).items
        ends = cases.RETIREMENTS.find(session, {}, every, now=NOW).items
        leaving = cases.DEPARTURES.find(session, {}, every, now=NOW).items
        excepted = cases.EXCEPTIONS.find(session, {}, every, now=NOW).items
    assert {str(one["state"]): one["late"] for one in losses} == {
        "stolen": True, "missing": False, "lost": False, "recovered": False
    }  # fmt: skip
    assert [one["assess_late"] for one in losses] == [False, False, True, False]
    assert Counter(one["overdue"] for one in repairs) == {True: 1, False: 3}
    assert [one["proposed_by"] for one in ends if one["certificate"]] == ["demonstration"]
    assert Counter(str(one["kind"]) for one in leaving) == {"leaver": 3, "mover": 1}
    assert all(one["holds"] for one in leaving)
    assert Counter((one["rule"], one["state"]) for one in excepted) == {
        (5, "open"): 28, (5, "excepted"): 2, (6, "excepted"): 1
    }  # fmt: skip


def test_the_last_loans_are_visits_signed_for_attested_or_open(empty: Service) -> None:
    load(empty)

    methods = sa.select(Acknowledgement.method, sa.func.count()).group_by(Acknowledgement.method)
    assert dict(ask(empty, methods)) == {Method.SIGNATURE: 4, Method.ATTESTATION: 3}
    assert ask(empty, sa.select(sa.func.count()).where(Visit.acknowledged_at.is_(None))) == [(1,)]
    shown = sa.select(Acknowledgement.terms_version).distinct()
    assert ask(empty, shown) == [(1,)]


def test_terms_that_a_force_has_published_already_stay_its_own(empty: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as older:
        only(older, "register-1", "sign-ins-1", "pool-1")
        load(empty)
    with empty.database.transaction() as session:
        terms.publish(session, TESTER, {"text": "Ours.", "after": 0}, now=NOW)

    load(empty)

    assert ask(empty, sa.select(Terms.text)) == [("Ours.",)]
