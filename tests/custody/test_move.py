"""What a person does to a camera's custody by hand, and that nothing is written over (rules 9, 10)."""

import contextlib
from datetime import datetime
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from fleet.actors import Role
from fleet.audit import Event
from fleet.cameras.models import Camera
from fleet.cameras.states import Custody
from fleet.custody import service
from fleet.custody.service import BY_HAND, CameraNotReady, HistoryStands
from fleet.embedded import Databases
from fleet.web import Service
from tests.conftest import Api, api_of
from tests.custody.conftest import Desk
from tests.factories import Factory


def put(app: Service, serial: str, custody: Custody) -> None:
    """Set a custody that no act leads to yet."""
    with app.database.transaction() as session:
        session.execute(sa.update(Camera).where(Camera.serial == serial).values(custody=custody))


def possible_moves(desk: Desk, serial: str) -> set[Custody]:
    """Where the camera can be moved by hand; none of it is kept."""
    found = set()
    for to in Custody:
        with desk.app.database.transaction() as session, session.begin_nested() as attempt:
            with contextlib.suppress(HistoryStands, CameraNotReady):
                service.move(session, desk.actor, serial, to, now=desk.now)
                found.add(to)
            attempt.rollback()
    return found


@pytest.mark.parametrize("start", [custody for custody in Custody if custody is not Custody.ISSUED])
def test_by_hand_only_what_the_table_says(app: Service, desk: Desk, make: Factory, start: Custody) -> None:
    serial = make.camera()
    put(app, serial, start)

    possible = possible_moves(desk, serial)

    assert possible == {to for begin, to in BY_HAND if begin is start}
    assert desk.events(serial) == []


def test_a_camera_that_is_out_is_not_moved(desk: Desk, make: Factory) -> None:
    serial, holder = make.issued()

    for custody in Custody:
        with pytest.raises(HistoryStands):
            desk.move(serial, custody)

    assert desk.holders(serial) == [holder]


def test_a_refused_move_says_what_is_possible(desk: Desk, make: Factory) -> None:
    serial = make.camera()

    with pytest.raises(HistoryStands) as refusal:
        desk.move(serial, Custody.DISPOSED)

    assert refusal.value.found == {"custody": "in_stock", "possible": ["quarantined"]}


def test_a_move_is_logged_with_its_note(desk: Desk, make: Factory) -> None:
    serial = make.camera()

    desk.move(serial, Custody.QUARANTINED, "rattles")

    (entry,) = desk.log(serial)
    assert (entry.event, entry.facts) == (
        Event.CAMERA_MOVED,
        {"custody": ["in_stock", "quarantined"], "note": "rattles"},
    )


@pytest.mark.parametrize("custody", [Custody.REPAIR, Custody.MISSING, Custody.HELD, Custody.RETIRED, Custody.DISPOSED])
def test_what_has_an_act_of_its_own_is_not_done_by_hand(desk: Desk, make: Factory, custody: Custody) -> None:
    serial = make.camera()

    with pytest.raises(HistoryStands, match="acts of their own"):
        desk.move(serial, custody)

    assert desk.custody(serial) is Custody.IN_STOCK


# Custody and holder are not written down: they change by acts.


@pytest.fixture
def api(app: Service) -> Api:
    return api_of(app, Role.STORE)


@pytest.mark.parametrize("change", [{"custody": "in_stock"}, {"holder": None}, {"holder": "SOMEBODY"}])
def test_rule_9_custody_and_holder_are_not_written(
    api: Api, make: Factory, desk: Desk, change: dict[str, str | None]
) -> None:
    serial, holder = make.issued()
    tag = api("GET", f"/cameras/{serial}").headers["ETag"]

    answer = api("PATCH", f"/cameras/{serial}", change, If_Match=tag)

    assert answer.status_code == 409
    assert answer.json is not None
    assert (answer.json["rule"], list(answer.json["found"])) == (9, list(change))
    assert desk.holders(serial) == [holder]


def test_custody_and_holder_as_they_are_may_be_sent_along(api: Api, make: Factory) -> None:
    serial, holder = make.issued()
    tag = api("GET", f"/cameras/{serial}").headers["ETag"]

    answer = api("PATCH", f"/cameras/{serial}", {"custody": "issued", "holder": holder, "phase": 2}, If_Match=tag)

    assert answer.status_code == 200
    assert (answer.json or {})["phase"] == 2


def test_a_move_over_http_answers_with_the_camera_and_its_tag(api: Api, make: Factory) -> None:
    serial = make.camera()

    answer = api("POST", f"/cameras/{serial}/custody", {"custody": "quarantined", "note": "rattles"})

    assert (answer.status_code, (answer.json or {})["custody"]) == (200, "quarantined")
    assert answer.headers["ETag"] == api("GET", f"/cameras/{serial}").headers["ETag"]


# The database has the last word.

OTHER = "UPDATE allocation SET {} WHERE id = %s"
REWRITES = [
    OTHER.format("returned_at = NULL, condition = NULL"),
    OTHER.format("returned_at = now()"),
    OTHER.format("note = 'never happened'"),
    OTHER.format("condition = 'faulty'"),
    OTHER.format("due_back = NULL"),
    OTHER.format("person_id = person_id"),
    OTHER.format("issued_at = now()"),
    "DELETE FROM allocation WHERE id = %s",
]
REFUSED = (psycopg.errors.RaiseException, psycopg.errors.InsufficientPrivilege)


def run(url: str, *statements: tuple[str, tuple[Any, ...]]) -> None:
    """Run statements as the login role of ``url``, outside the service."""
    plain = sa.make_url(url).set(drivername="postgresql").render_as_string(False)
    with psycopg.connect(plain) as connection:
        for statement, values in statements:
            connection.execute(statement.encode(), values)


@pytest.mark.parametrize("statement", REWRITES)
@pytest.mark.parametrize("role", ["application", "owner"])
def test_rule_9_the_database_rewrites_no_closed_allocation_for_anybody(
    postgres: Databases, desk: Desk, make: Factory, statement: str, role: str
) -> None:
    serial, _ = make.issued()
    closed = desk.take_back(serial)
    before = vars_of(desk, closed)

    with pytest.raises(REFUSED):
        run(getattr(postgres, role), (statement, (closed,)))

    assert vars_of(desk, closed) == before


def vars_of(desk: Desk, number: int) -> dict[str, Any]:
    """An allocation as the database has it."""
    allocation = desk.allocation(number)
    return {column.key: getattr(allocation, column.key) for column in sa.inspect(type(allocation)).columns}


@pytest.mark.parametrize("what", ["camera_id = camera_id + 1", "person_id = person_id + 1", "kind = 'personal'"])
@pytest.mark.parametrize("role", ["application", "owner"])
def test_rule_9_an_open_allocation_keeps_its_parties(
    postgres: Databases, desk: Desk, make: Factory, what: str, role: str
) -> None:
    serial, holder = make.camera(), make.officer()
    number = desk.issue(serial, holder)

    with pytest.raises(REFUSED):
        run(getattr(postgres, role), (OTHER.format(what), (number,)))

    assert desk.holders(serial) == [holder]


@pytest.mark.parametrize(
    "statement",
    ["UPDATE audit_entry SET actor = 'nobody'", "DELETE FROM audit_entry", "TRUNCATE audit_entry CASCADE"],
)
@pytest.mark.parametrize("role", ["application", "owner"])
def test_the_database_only_appends_to_the_log(
    postgres: Databases, make: Factory, desk: Desk, statement: str, role: str
) -> None:
    serial = make.camera()
    desk.move(serial, Custody.QUARANTINED)

    with pytest.raises(REFUSED):
        run(getattr(postgres, role), (statement, ()))

    assert desk.events(serial) == [Event.CAMERA_MOVED]


EMPTYING = [
    f"{verb} {table}" for verb in ("TRUNCATE", "DELETE FROM") for table in ("allocation", "site_step", "camera")
]


@pytest.mark.parametrize("statement", EMPTYING)
def test_the_applications_role_empties_no_table(postgres: Databases, statement: str) -> None:
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        run(postgres.application, (statement, ()))


SECOND = "INSERT INTO allocation (camera_id, person_id, kind, issued_at, active) VALUES (%s, %s, %s, %s, %s)"


@pytest.mark.parametrize(
    ("same", "kind", "active"),
    [("camera", "personal", False), ("person", "pool", False), ("person", "personal", True)],
)
def test_rule_7_the_database_refuses_two_places_itself(
    postgres: Databases, desk: Desk, make: Factory, same: str, kind: str, active: bool
) -> None:
    held = desk.allocation(desk.issue(make.camera(), make.officer()))
    other = desk.allocation(desk.issue(make.camera(), make.officer()))
    free = desk.allocation(desk.take_back(desk_serial(desk, other.camera_id)))
    camera, person = (held.camera_id, free.person_id) if same == "camera" else (free.camera_id, held.person_id)
    values = (camera, person, kind, datetime.now(desk.now.tzinfo), active)

    with pytest.raises(psycopg.errors.UniqueViolation):
        run(postgres.application, (SECOND, values))


def desk_serial(desk: Desk, camera_id: int) -> str:
    with desk.app.database.transaction() as session:
        return session.scalars(sa.select(Camera.serial).where(Camera.id == camera_id)).one()
