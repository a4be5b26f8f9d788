"""A visit: what belongs to it, and that it is acknowledged once and for good."""

import threading

import psycopg
import pytest
import sqlalchemy as sa

from fleet.audit.models import AuditEntry
from fleet.embedded import Databases
from fleet.errors import Conflict, Forbidden, Invalid, NotFound
from fleet.settings import Acknowledging, Policy
from fleet.visits.models import Method, Visit
from fleet.visits.service import AcknowledgedAlready, Given, NothingToAcknowledge
from fleet.web import Service
from tests.conftest import Api
from tests.factories import Factory, now, unique
from tests.visits.conftest import ATTESTED, PIN, STROKES, AtCounter, key, new_pin

SIGNED = Given(Method.SIGNATURE, strokes=STROKES)


def events(app: Service, subject: str) -> list[str]:
    with app.database.transaction() as session:
        statement = sa.select(AuditEntry.event).where(AuditEntry.subject_key == subject).order_by(AuditEntry.id)
        return [str(event) for event in session.scalars(statement)]


def test_what_is_issued_to_an_officer_in_a_row_is_one_visit(counter: AtCounter, make: Factory) -> None:
    name, collar, serials = counter.visit(make, cameras=2)

    read = counter.read(name)
    assert (read["collar"], read["cameras"], read["clerk"]) == (collar, serials, "account:clerk")
    assert all(isinstance(one["entry"], int) for one in read["issued"])


def test_another_officer_is_another_visit_and_the_same_again_goes_on(counter: AtCounter, make: Factory) -> None:
    name, collar, _ = counter.visit(make)

    again = counter.scan(collar, visit=key())
    other = counter.scan(make.officer(), visit=(second := key()))

    assert again.state.visit == name
    assert other.state.visit == second


def test_an_officer_without_an_issue_leaves_no_visit(counter: AtCounter, make: Factory) -> None:
    counter.scan(make.officer(), visit=(name := key()))

    with pytest.raises(NotFound):
        counter.read(name)


@pytest.mark.parametrize("given", [ATTESTED, SIGNED, Given(Method.PIN, pin=PIN)], ids=lambda given: str(given.method))
def test_a_visit_is_acknowledged_once_and_the_same_again_changes_nothing(
    counter: AtCounter, make: Factory, app: Service, given: Given
) -> None:
    name, collar, serials = counter.visit(make)
    new_pin(app, collar)

    for _ in range(2):
        assert counter.acknowledge(name, given) == collar

    read = counter.read(name)
    assert (read["method"], read["strokes"], read["reason"]) == (given.method, given.strokes, given.reason)
    assert (read["acknowledged_by"], read["cameras"]) == ("account:clerk", serials)
    assert events(app, name) == ["visit.acknowledged"]
    assert isinstance(read["entry_id"], int)


def test_a_different_second_acknowledgement_is_refused_and_the_first_stands(counter: AtCounter, make: Factory) -> None:
    name, _, _ = counter.visit(make)
    counter.acknowledge(name, SIGNED)

    for other in (ATTESTED, Given(Method.PIN, pin=PIN), Given(Method.SIGNATURE, strokes=[*STROKES, [[1, 1]]])):
        with pytest.raises(AcknowledgedAlready) as refused:
            counter.acknowledge(name, other)
        assert refused.value.rule == 9

    assert counter.read(name)["strokes"] == STROKES


def test_an_acknowledged_visit_takes_no_more_issues(counter: AtCounter, make: Factory, app: Service) -> None:
    collar, name = make.officer(), key()
    for text in (collar, "personal", make.camera(), "pool"):
        counter.scan(text, visit=name)
    counter.acknowledge(name, ATTESTED)
    serial = make.camera()

    with pytest.raises(AcknowledgedAlready):
        counter.scan(serial)

    assert events(app, serial) == ["camera.registered"]


def test_a_visit_key_that_is_another_officers_is_refused(counter: AtCounter, make: Factory) -> None:
    name, _, _ = counter.visit(make)
    counter.scan("done")
    counter.scan(make.officer(), visit=name)

    with pytest.raises(Conflict, match="Scan the officer again"):
        counter.scan(make.camera())


def test_what_was_undone_is_not_acknowledged(counter: AtCounter, make: Factory) -> None:
    name, _, serials = counter.visit(make, cameras=2)
    counter.scan("undo")

    counter.acknowledge(name, ATTESTED)

    read = counter.read(name)
    assert read["cameras"] == serials[:1]
    assert [one["undone"] for one in read["issued"]] == [False, True]


def test_a_visit_in_which_all_was_undone_needs_none(counter: AtCounter, make: Factory, api: Api) -> None:
    name, collar, _ = counter.visit(make)
    counter.scan("undo")

    with pytest.raises(NothingToAcknowledge):
        counter.acknowledge(name, ATTESTED)
    assert api("GET", f"/visits?officer={collar}&acknowledged=false").json["items"] == []


def test_attest_is_one_scan_which_ends_the_visit(counter: AtCounter, make: Factory) -> None:
    name, collar, _ = counter.visit(make)

    answer = counter.scan("*attest*")

    assert (answer.title, answer.state.officer, answer.state.visit) == ("Acknowledged", None, None)
    assert f"{collar} has 1 camera, by the clerk" in answer.detail
    assert counter.read(name)["reason"] == "Others were waiting at the counter."


def test_attest_without_an_issue_says_so(counter: AtCounter, make: Factory) -> None:
    counter.scan(make.officer(), visit=key())

    with pytest.raises(NothingToAcknowledge):
        counter.scan("attest")


@pytest.mark.parametrize("goes_on", ["done", "another officer"])
@pytest.mark.parametrize("policy", list(Acknowledging))
def test_the_counter_goes_on_without_one_unless_it_is_required(
    app: Service, make: Factory, policy: Acknowledging, goes_on: str
) -> None:
    counter = AtCounter(app, Policy(acknowledgement=policy))
    _, collar, _ = counter.visit(make)
    text = "done" if goes_on == "done" else make.officer()

    if policy is Acknowledging.REQUIRED:
        with pytest.raises(Conflict, match="has not acknowledged"):
            counter.scan(text)
        assert counter.state.officer == collar
        counter.scan("attest")
    counter.scan(text)

    assert counter.state.officer != collar


def test_a_wrong_pin_leaves_the_visit_open(counter: AtCounter, make: Factory, app: Service) -> None:
    name, collar, _ = counter.visit(make)
    new_pin(app, collar)

    with pytest.raises(Forbidden):
        counter.acknowledge(name, Given(Method.PIN, pin="739164"))

    assert counter.read(name)["method"] is None


def test_a_dispute_is_an_entry_beside_what_stands(counter: AtCounter, make: Factory, app: Service, api: Api) -> None:
    name, _, _ = counter.visit(make)
    counter.acknowledge(name, ATTESTED)

    answer = api("POST", f"/visits/{name}/disputes", {"note": "That was not me."})

    assert answer.status_code == 201
    assert [one["note"] for one in answer.json["disputes"]] == ["That was not me."]
    assert answer.json["method"] == "attestation"
    assert events(app, name) == ["visit.acknowledged", "visit.disputed"]
    assert api("POST", f"/visits/{name}/disputes", {"note": "  "}).status_code == 422


def test_of_many_acknowledgements_at_once_one_is_written(counter: AtCounter, make: Factory, app: Service) -> None:
    name, _, _ = counter.visit(make)
    outcomes: list[str] = []

    def give(number: int) -> None:
        try:
            counter.acknowledge(name, Given(Method.ATTESTATION, reason=f"Reason {number % 2}"))
            outcomes.append("done")
        except AcknowledgedAlready:
            outcomes.append("refused")

    threads = [threading.Thread(target=give, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(outcomes) == ["done"] * 4 + ["refused"] * 4
    assert events(app, name) == ["visit.acknowledged"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE acknowledgement SET reason = 'x'",
        "DELETE FROM acknowledgement",
        "TRUNCATE acknowledgement",
        "UPDATE visit_allocation SET visit_id = visit_id",
        "DELETE FROM visit",
        "UPDATE visit SET acknowledged_at = now()",
        "UPDATE visit SET clerk = 'somebody'",
        "UPDATE terms SET text = text",
        "DELETE FROM terms",
    ],
)
def test_the_database_keeps_visits_even_from_its_owner(
    counter: AtCounter, make: Factory, postgres: Databases, statement: str
) -> None:
    name, _, _ = counter.visit(make)
    counter.acknowledge(name, ATTESTED)
    url = sa.make_url(postgres.owner).set(drivername="postgresql").render_as_string(False)

    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.RaiseException):
        connection.execute(statement)


def test_the_database_lets_no_issue_into_a_visit_that_is_complete(
    counter: AtCounter, make: Factory, postgres: Databases
) -> None:
    name, _, _ = counter.visit(make)
    counter.acknowledge(name, ATTESTED)
    make.issued()
    url = sa.make_url(postgres.application).set(drivername="postgresql").render_as_string(False)

    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.RaiseException, match="no more issues"):
        connection.execute(
            "INSERT INTO visit_allocation SELECT (SELECT max(id) FROM allocation), id FROM visit WHERE key = %s", [name]
        )


def test_a_program_puts_its_issues_into_a_visit(api: Api, make: Factory) -> None:
    collar, name = make.officer(), key()
    issued = api("POST", f"/cameras/{make.camera()}/issue", {"collar": collar, "kind": "pool"}).json
    body = {"id": name, "collar": collar, "allocations": [issued["id"]]}

    assert api("POST", "/visits", body).status_code == 201
    assert api("POST", "/visits", body).json["cameras"] == [issued["serial"]]
    assert api("POST", "/visits", body | {"id": key()}).status_code == 409
    assert api("POST", "/visits", body | {"collar": make.officer(), "id": key()}).status_code == 422
    done = api("POST", f"/visits/{name}/acknowledgement", {"method": "attestation", "reason": "By a locker."})
    assert (done.status_code, done.json["reason"]) == (200, "By a locker.")


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"method": "pin"},
        {"method": "pin", "pin": "1" * 13},
        {"method": "pin", "pin": PIN, "reason": "and more"},
        {"method": "signature"},
        {"method": "signature", "strokes": "M0 0"},
        {"method": "attestation"},
        {"method": "attestation", "reason": " "},
        {"method": "attestation", "reason": "x" * 201},
        {"method": "thumb"},
        {"method": "attestation", "reason": "fine", "terms": 10**12},
    ],
)
def test_an_acknowledgement_of_another_shape_is_refused(
    api: Api, counter: AtCounter, make: Factory, body: object
) -> None:
    name, _, _ = counter.visit(make)

    answer = api("POST", f"/visits/{name}/acknowledgement", body)

    assert answer.status_code == 422
    assert answer.json["errors"]
    assert counter.read(name)["method"] is None


def test_lists_find_by_officer_method_and_what_is_due(counter: AtCounter, make: Factory, api: Api) -> None:
    first, collar, _ = counter.visit(make)
    counter.scan("attest")

    def found(filters: str) -> list[str]:
        return [visit["id"] for visit in api("GET", f"/visits?officer={collar}{filters}").json["items"]]

    assert found("") == found("&acknowledged=true") == found("&method=attestation") == [first]
    assert found("&acknowledged=false") == found("&method=pin") == []
    assert api("GET", "/visits?clerk=x").status_code == 422


def test_no_such_visit_is_not_found(api: Api) -> None:
    for name in (key(), unique("V"), "x" * 500):
        assert api("GET", f"/visits/{name}").status_code == 404


def test_visits_of_a_scan_without_a_name_are_named_by_the_service(app: Service, make: Factory) -> None:
    counter = AtCounter(app)
    counter.scan(make.officer())
    counter.scan(make.camera())

    with app.database.transaction() as session:
        assert session.scalars(sa.select(Visit.begun_at).where(Visit.key == counter.state.visit)).one() <= now()


def test_invalid_terms_leave_the_visit_open(counter: AtCounter, make: Factory) -> None:
    name, _, _ = counter.visit(make)

    with pytest.raises(Invalid):
        counter.acknowledge(name, Given(Method.SIGNATURE, strokes=STROKES, terms=2_000_000))

    assert counter.read(name)["method"] is None
