"""Terms of use: versions that are only added, and which one was shown."""

import hashlib
import threading
from datetime import timedelta

import psycopg
import pytest
import sqlalchemy as sa

from fleet.actors import Role
from fleet.clock import iso
from fleet.errors import Invalid
from fleet.visits.models import Method
from fleet.visits.service import Given
from fleet.web import Service
from tests.conftest import Api, api_of
from tests.factories import Factory, now
from tests.pages.conftest import Person, signed_in
from tests.visits.conftest import STROKES, AtCounter


@pytest.fixture
def supervisor(empty: Service) -> Api:
    """A register of its own: the terms of one force are everybody's."""
    return api_of(empty, Role.SUPERVISOR)


def publish(api: Api, text: str, after: int, **more: str) -> int:
    return api("POST", "/terms", {"text": text, "after": after, **more}).status_code


def test_versions_count_from_one_and_have_their_texts_hash(supervisor: Api) -> None:
    assert [publish(supervisor, "First.", 0), publish(supervisor, "  Second.\n", 1)] == [201, 201]

    listed = supervisor("GET", "/terms").json["items"]

    assert [(one["version"], one["text"]) for one in listed] == [(2, "Second."), (1, "First.")]
    assert listed[1]["sha256"] == hashlib.sha256(b"First.").hexdigest()
    assert supervisor("GET", "/terms/1").json == listed[1]
    assert supervisor("GET", "/terms/3").status_code == supervisor("GET", f"/terms/{2**40}").status_code == 404


def test_who_has_not_read_the_newest_publishes_nothing(supervisor: Api) -> None:
    publish(supervisor, "First.", 0)

    assert publish(supervisor, "Another first.", 0) == 412
    assert publish(supervisor, "Third?", 2) == 412
    assert len(supervisor("GET", "/terms").json["items"]) == 1


def test_of_two_who_publish_at_once_one_does(empty: Service) -> None:
    apis = [api_of(empty, Role.SUPERVISOR) for _ in range(6)]
    answers: list[int] = []
    threads = [
        threading.Thread(target=lambda api=api, n=n: answers.append(publish(api, f"Text {n}.", 0)))
        for n, api in enumerate(apis)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(answers) == [201] + [412] * 5
    assert len(apis[0]("GET", "/terms").json["items"]) == 1


@pytest.mark.parametrize("text", ["", "  \n ", "x" * 20_001, "bell\a"])
def test_terms_that_say_nothing_or_too_much_are_refused(supervisor: Api, text: str) -> None:
    assert publish(supervisor, text, 0) == 422


def test_a_version_is_in_force_from_its_day_and_never_from_the_past(empty: Service, supervisor: Api) -> None:
    assert publish(supervisor, "First.", 0, valid_from=iso(now() - timedelta(days=1))) == 422
    publish(supervisor, "First.", 0)
    assert publish(supervisor, "Second.", 1, valid_from=iso(now() + timedelta(days=7))) == 201
    assert publish(supervisor, "Third.", 2) == 422

    page = signed_in(empty, Role.OFFICER).reads("/terms")

    assert "Version 1, in force since" in page
    assert "not yet" in page


def test_only_who_may_edit_terms_publishes(empty: Service) -> None:
    for role in (Role.STORE, Role.AUDITOR, Role.OFFICER):
        assert publish(api_of(empty, role), "Mine.", 0) == 403
    assert publish(api_of(empty, Role.ADMIN), "Ours.", 0) == 201


def test_an_acknowledgement_keeps_the_version_that_was_shown(empty: Service, supervisor: Api) -> None:
    counter, make = AtCounter(empty), Factory(empty.database)
    publish(supervisor, "First.", 0)
    first, _, _ = counter.visit(make)
    second, _, _ = counter.visit(make)
    publish(supervisor, "Second.", 1)

    # Shown before the second version came, sent after it.
    counter.acknowledge(first, Given(Method.SIGNATURE, strokes=STROKES, terms=1))
    counter.acknowledge(second, Given(Method.ATTESTATION, reason="The screen is broken."))

    shown = [(read["terms_version"], read["terms_sha256"]) for read in map(counter.read, (first, second))]
    assert shown == [(1, hashlib.sha256(b"First.").hexdigest()), (2, hashlib.sha256(b"Second.").hexdigest())]


def test_where_there_are_terms_an_officer_must_have_been_shown_some(empty: Service, supervisor: Api) -> None:
    counter = AtCounter(empty)
    name, _, _ = counter.visit(Factory(empty.database))
    publish(supervisor, "First.", 0)
    publish(supervisor, "Second.", 1, valid_from=iso(now() + timedelta(days=7)))

    for version in (None, 2, 3):
        with pytest.raises(Invalid, match="version"):
            counter.acknowledge(name, Given(Method.SIGNATURE, strokes=STROKES, terms=version))


def test_the_database_knows_a_text_that_is_not_its_hash(empty: Service) -> None:
    url = empty.database.engine.url.set(drivername="postgresql").render_as_string(False)

    with psycopg.connect(url) as connection, pytest.raises(psycopg.errors.CheckViolation):
        connection.execute("INSERT INTO terms VALUES (1, 'Some text', sha256('another'), now(), now(), 'somebody')")


def test_the_form_keeps_what_was_typed_when_somebody_was_faster(empty: Service, supervisor: Api) -> None:
    person: Person = signed_in(empty, Role.SUPERVISOR)
    assert 'name="after" value="0"' in person.get("/terms/new").text
    publish(supervisor, "Theirs.", 0)

    answer = person.post("/terms/new", text="Mine, on\r\ntwo lines.", after="0", valid_from="")

    assert answer.status_code == 412
    assert "Mine, on\ntwo lines." in answer.text
    assert person.post("/terms/new", text="Mine, on\r\ntwo lines.", after="1", valid_from="").status_code == 303
    with empty.database.transaction() as session:
        text = session.execute(sa.text("SELECT text FROM terms WHERE version = 2")).scalar_one()
    assert text == "Mine, on\ntwo lines."


def test_a_text_is_shown_as_text(empty: Service, supervisor: Api) -> None:
    publish(supervisor, "<script>alert(1)</script>", 0)

    assert "<script>alert" not in signed_in(empty, Role.OFFICER).get("/terms").text
