"""The pages about cases: what each shows, what its forms do, and that nothing typed is lost."""

import csv
import io
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest

from fleet.actors import Role
from fleet.audit import Event
from fleet.cameras.states import Custody
from fleet.people.models import Function
from fleet.web import Service
from tests.factories import Factory, unique
from tests.lifecycle.conftest import Office
from tests.pages.conftest import Person, signed_in, text_of

YESTERDAY = (datetime.now(UTC) - timedelta(days=1)).strftime("%Y-%m-%dT%H:%M")
REPORT = {"noticed_at": YESTERDAY, "last_seen": "Bay 4", "last_seen_by": "The clerk", "circumstances": "Not there"}
ASSESSMENT = {
    "recordings": "One shift", "affected": "Two victims", "risk": "high", "measures": "Searched",
    "decided_by": "The superintendent",
}  # fmt: skip


@pytest.fixture
def office(app: Service, make: Factory) -> Office:
    return Office(app, make)


@pytest.fixture
def supervisor(app: Service) -> Person:
    return signed_in(app, Role.SUPERVISOR)


def lost(person: Person, make: Factory, **typed: str) -> tuple[str, str]:
    """A camera that was reported missing on its page: its serial, and where its loss has its page."""
    serial, _ = make.issued()
    assert person.post(f"/cameras/{serial}/missing", **{**REPORT, **typed}).status_code == 303
    page = person.get(f"/cameras/{serial}").text
    return serial, "/losses/" + page.partition('href="/losses/')[2].partition('"')[0]


def test_a_loss_is_reported_assessed_decided_and_recovered(supervisor: Person, office: Office, make: Factory) -> None:
    serial, loss = lost(supervisor, make)
    assert "nobody has assessed it yet" in supervisor.reads(loss)

    for path, typed in (
        ("assess", {**ASSESSMENT, "after": "0", "ico_told_at": YESTERDAY}),
        ("decide", {"outcome": "stolen", "crime_number": "20/4/26"}),
        ("recover", {"where": "A hedge", "by": "A walker", "condition": "Wet"}),
    ):
        assert supervisor.post(f"{loss}/{path}", **typed).status_code == 303, path

    page = supervisor.reads(loss)
    for said in ("Bay 4", "A high risk to their rights", "crime number 20/4/26", "A hedge, by A walker: Wet"):
        assert said in page
    assert office.custody(serial) is Custody.RECOVERED
    history = supervisor.reads(f"/cameras/{serial}")
    for event in ("Camera missing", "Camera breach assessed", "Camera stolen", "Camera identity revoked"):
        assert event in history


def test_a_refused_assessment_keeps_what_was_typed(supervisor: Person, make: Factory) -> None:
    _, loss = lost(supervisor, make)

    refused = supervisor.post(f"{loss}/assess", **{**ASSESSMENT, "after": "0", "measures": ""})
    unreasoned = supervisor.post(f"{loss}/assess", **{**ASSESSMENT, "after": "0"})

    assert (refused.status_code, unreasoned.status_code) == (422, 422)
    assert "What was done, and is to be done is missing." in text_of(refused)
    assert "or why not." in text_of(unreasoned)
    for typed in ("One shift", "Two victims", "The superintendent"):
        assert typed in refused.text
    assert "None yet." in supervisor.reads(loss)


def test_who_assesses_what_another_has_assessed_is_told_and_may_go_on(supervisor: Person, make: Factory) -> None:
    _, loss = lost(supervisor, make)
    told = {**ASSESSMENT, "ico_told_at": YESTERDAY}
    supervisor.post(f"{loss}/assess", **told, after="0")

    refused = supervisor.post(f"{loss}/assess", **{**told, "measures": "Mine"}, after="0")

    assert refused.status_code == 409
    assert "Somebody recorded version 1 meanwhile." in text_of(refused)
    assert "Mine" in refused.text
    assert 'name="after" value="1"' in refused.text
    assert supervisor.post(f"{loss}/assess", **{**told, "measures": "Mine"}, after="1").status_code == 303


def test_an_assessment_begins_with_the_one_before(supervisor: Person, make: Factory) -> None:
    _, loss = lost(supervisor, make)
    supervisor.post(f"{loss}/assess", **ASSESSMENT, ico_told_at=YESTERDAY, after="0")

    page = supervisor.get(f"{loss}/assess").text

    assert "Two victims" in page
    assert f'value="{YESTERDAY}"' in page
    assert '<option value="high" selected' in page


def test_a_store_reports_and_does_not_assess(app: Service, make: Factory) -> None:
    store = signed_in(app, Role.STORE)
    _, loss = lost(store, make)

    assert "Assess the breach" not in store.reads(loss)
    assert store.get(f"{loss}/assess").status_code == 403
    assert store.post(f"{loss}/assess", **ASSESSMENT).status_code == 403


def test_an_auditor_reads_and_acts_nowhere(app: Service, supervisor: Person, make: Factory) -> None:
    auditor = signed_in(app, Role.AUDITOR)
    serial, loss = lost(supervisor, make)

    assert "/assess" not in auditor.get(loss).text
    for path in ("missing", "repair", "hold", "retire"):
        assert auditor.get(f"/cameras/{serial}/{path}").status_code == 403, path
    for path in ("/losses", "/repairs", "/holds", "/retirements", "/departures", "/exceptions"):
        assert auditor.get(path).status_code == 200, path


def test_a_repair_begins_and_ends_on_its_pages(supervisor: Person, office: Office, make: Factory) -> None:
    serial, new = make.camera(), unique("NEW")
    sent = {"fault": "No sound", "supplier": "Maker", "rma": "R-77", "expected_back": date.today().isoformat()}  # noqa: DTZ011

    assert supervisor.post(f"/cameras/{serial}/repair", **sent).status_code == 303
    assert "R-77" in supervisor.reads(f"/repairs?q={serial}")
    refused = supervisor.post(f"/cameras/{serial}/repair/return", result="replaced", note="Quick")
    assert refused.status_code == 422
    assert "Quick" in refused.text
    done = supervisor.post(f"/cameras/{serial}/repair/return", result="replaced", replacement=new)

    assert done.status_code == 303
    assert f"{new} is registered, and {serial} retired." in supervisor.reads(f"/cameras/{serial}")
    assert office.custody(new) is Custody.IN_STOCK


def test_a_hold_is_placed_seen_and_released(supervisor: Person, app: Service, make: Factory) -> None:
    serial = make.camera()
    placed = {"authority": "The coroner", "reference": "C/9", "reason": "An inquest"}
    assert supervisor.post(f"/cameras/{serial}/hold", **placed).status_code == 303
    assert "C/9" in supervisor.reads(f"/cameras/{serial}/release")

    other = signed_in(app, Role.SUPERVISOR).post(f"/cameras/{serial}/release", reason="Mine now")

    assert other.status_code == 403
    assert "This is rule 10." in text_of(other)
    assert "Mine now" in other.text
    assert supervisor.post(f"/cameras/{serial}/release", reason="Agreed").status_code == 303
    assert "Agreed" in supervisor.reads(f"/cameras/{serial}")


def test_two_people_dispose_of_a_camera_on_its_page(
    supervisor: Person, app: Service, office: Office, make: Factory
) -> None:
    serial, other = make.camera(), signed_in(app, Role.SUPERVISOR)
    wiped = {"method": "Reset", "certificate": "W-5", "wiped_by": "Us", "wiped_on": date.today().isoformat()}  # noqa: DTZ011
    supervisor.post(f"/cameras/{serial}/retire", reason="Old")
    supervisor.post(f"/cameras/{serial}/sanitise", **wiped)
    page = f"/retirements/{serial}"
    assert supervisor.post(f"{page}/propose", how="recycled", waste_note="N-5").status_code == 303

    assert "somebody else confirms it" in supervisor.reads(page)
    alone = supervisor.post(f"{page}/confirm")
    assert (alone.status_code, office.custody(serial)) == (409, Custody.SANITISED)
    assert serial in supervisor.reads("/retirements?show=waiting&q=" + serial)
    assert "Why it is taken back is missing." in text_of(other.post(f"{page}/decline", reason=""))
    assert other.post(f"{page}/confirm").status_code == 303

    assert office.custody(serial) is Custody.DISPOSED
    assert f"by {other.name}" in supervisor.reads(page)


def test_a_leaver_is_noted_listed_and_withdrawn(supervisor: Person, office: Office, make: Factory) -> None:
    serial, collar = make.issued()
    last_day = (date.today() + timedelta(days=5)).isoformat()  # noqa: DTZ011

    refused = supervisor.post(f"/people/{collar}/departure", kind="mover", last_day=last_day, note="To be found")
    assert refused.status_code == 422
    assert "To be found" in refused.text
    assert supervisor.post(f"/people/{collar}/departure", kind="leaver", last_day=last_day).status_code == 303

    assert serial in supervisor.reads(f"/departures?q={collar}&show=holding")
    assert f"Still holds {serial}" in supervisor.reads(f"/people/{collar}")
    assert supervisor.post(f"/people/{collar}/departure/withdraw", reason="Wrong").status_code == 303
    assert "Leaver" not in supervisor.reads(f"/people/{collar}")
    assert Event.DEPARTURE_WITHDRAWN in office.events(collar)


def test_exceptions_are_recorded_listed_and_ended(supervisor: Person, make: Factory) -> None:
    collar = make.officer(function=Function.FIREARMS)
    assert "Open" in supervisor.reads(f"/exceptions?q={collar}")
    assert "this one has none and no exception" in supervisor.reads(f"/people/{collar}")
    typed = {"rule": "5", "reason": "On desk duty", "until": date.today().isoformat()}  # noqa: DTZ011

    assert supervisor.post(f"/people/{collar}/exception", **typed).status_code == 303
    assert supervisor.post(f"/people/{collar}/exception", **typed).status_code == 409

    assert "On desk duty" in supervisor.reads(f"/exceptions?q={collar}&state=excepted")
    assert supervisor.post(f"/people/{collar}/exception/5/end").status_code == 303
    assert "On desk duty" not in supervisor.reads(f"/exceptions?q={collar}")


LISTS = ["losses", "repairs", "holds", "retirements", "departures", "exceptions"]


@pytest.mark.parametrize("name", LISTS)
def test_a_list_without_anything_says_so_and_takes_bad_filters_calmly(supervisor: Person, name: str) -> None:
    assert "No " in supervisor.reads(f"/{name}?q=NOSUCHTHING")
    assert supervisor.get(f"/{name}?show=nonsense&q=%25").status_code == 422
    assert supervisor.get(f"/{name}?colour=red").status_code == 422


def test_a_list_is_exported_as_it_was_filtered(supervisor: Person, make: Factory) -> None:
    serial, _ = lost(supervisor, make, circumstances="=1+1")

    answer = supervisor.get(f"/losses.csv?q={serial}")

    (row,) = csv.DictReader(io.StringIO(answer.text))
    found: dict[str, Any] = dict(row)
    assert (found["serial"], found["state"], found["assessed"]) == (serial, "missing", "no")
    assert not found["circumstances"].startswith("=")


@pytest.mark.parametrize(
    "path",
    ["/losses/1099511627776", "/losses/1099511627776/assess", "/cameras/NOSUCH/missing", "/retirements/NOSUCH",
     "/people/NOSUCH/departure", "/people/NOSUCH/exception", "/cameras/NOSUCH/release"],
)  # fmt: skip
def test_a_page_about_nothing_is_not_found(supervisor: Person, path: str) -> None:
    assert supervisor.get(path).status_code == 404


def test_hostile_words_are_shown_as_words(supervisor: Person, make: Factory) -> None:
    _, loss = lost(supervisor, make, circumstances="<script>alert(1)</script>", last_seen="{{ 7*7 }}")

    page = supervisor.get(loss).text

    assert "<script>alert(1)" not in page
    assert "&lt;script&gt;alert(1)" in page
    assert "{{ 7*7 }}" in page


def test_the_front_page_counts_what_waits_and_leads_to_it(empty: Service) -> None:
    make = Factory(empty.database)
    office, supervisor = Office(empty, make), signed_in(empty, Role.SUPERVISOR)
    office.now -= timedelta(days=2)
    for _ in range(2):
        office.lose(make.camera())
    serial = make.camera()
    office.retire(serial)
    office.sanitise(serial)
    office.propose(serial, office.actor)
    make.officer(function=Function.FIREARMS)

    page = supervisor.get("/").text

    for path, number in (
        ("/losses?show=unassessed", "2 losses"),
        ("/retirements?show=waiting", "1 camera"),
        ("/exceptions?rule=5&state=open", "1 officer"),
    ):
        assert path.replace("&", "&amp;") in page
        assert number in supervisor.reads(path)
    store = signed_in(empty, Role.STORE)
    office.send(make.camera(), expected_back=office.today)
    _, collar = make.issued()
    office.depart(collar, -1)
    assert "Repairs that are not back in time" in store.reads("/")
    assert "Leavers and movers who still hold kit after their last day" in store.reads("/")
