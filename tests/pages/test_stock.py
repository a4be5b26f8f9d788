"""The stores' pages of stock: stocktakes, reservations, bulk acts, as somebody who types into them."""

import io
from typing import Any

import pytest
from werkzeug.test import TestResponse

from fleet.actors import Role
from fleet.sites.stages import Stage
from fleet.web import Service
from tests.conftest import Api
from tests.factories import Factory, unique
from tests.pages.conftest import Person, signed_in, text_of


@pytest.fixture
def clerk(app: Service) -> Person:
    return signed_in(app, Role.STORE)


@pytest.fixture
def dock(make: Factory) -> str:
    return make.dock(site=make.site(stage=Stage.DOCKS_FITTED))


def followed(person: Person, path: str, **typed: Any) -> TestResponse:
    """Send a form and follow where it leads."""
    answer = person.post(path, **typed)
    assert answer.status_code == 303, text_of(answer)
    return person.get(answer.headers["Location"])


def test_a_stocktake_is_begun_scanned_settled_and_closed(clerk: Person, make: Factory, dock: str) -> None:
    seen, gone = make.camera(home_dock=dock), make.camera(home_dock=dock)
    begun = clerk.post("/stocktakes/new", dock=dock, name="The cage")
    path = begun.headers["Location"]
    answer = clerk.client.post(f"{path}/scans", json={"scans": [seen]})

    assert answer.json == {"tone": "good", "title": "Seen", "detail": f"{seen}."}
    assert "1 scans were taken in: 0 new, 1 scanned before." in text_of(followed(clerk, f"{path}/paste", paste=seen))
    refused = clerk.post(f"{path}/close")
    assert (refused.status_code, f"{gone} is missing and not settled" in text_of(refused)) == (409, True)
    settled = followed(clerk, f"{path}/settle", cameras=gone, settled="found", note="behind the safe")
    assert "1 camera was settled as found." in text_of(settled)
    closed = text_of(followed(clerk, f"{path}/close"))
    assert "It never changes again" in closed
    assert "Scan or type" not in closed


def test_a_file_of_serials_is_taken_in(clerk: Person, make: Factory, dock: str) -> None:
    serials = [make.camera(home_dock=dock) for _ in range(3)]
    path = clerk.post("/stocktakes/new", dock=dock).headers["Location"]
    file = io.BytesIO(("\ufeffserial\r\n" + "\r\n".join(serials)).encode())

    shown = followed(clerk, f"{path}/paste", file=(file, "scans.csv"), paste="")

    assert "3 scans were taken in: 3 new" in text_of(shown)
    listed = clerk.get(f"{path}.csv?list=expected").text
    assert all(serial in listed for serial in serials)


def test_what_is_no_text_is_refused_and_said(clerk: Person, dock: str) -> None:
    path = clerk.post("/stocktakes/new", dock=dock).headers["Location"]

    refused = clerk.post(f"{path}/paste", file=(io.BytesIO(b"\xff\xfe\x00"), "scans.bin"), paste="")

    assert refused.status_code == 422
    assert "This file is not text in UTF-8" in text_of(refused)


@pytest.mark.parametrize("which", ["missing", "misplaced", "unexpected", "unknown", "returned", "expected", "nonsense"])
def test_every_list_of_a_stocktake_is_shown_and_exported(clerk: Person, make: Factory, dock: str, which: str) -> None:
    make.camera(home_dock=dock)
    path = clerk.post("/stocktakes/new", dock=dock).headers["Location"]

    assert clerk.get(f"{path}?list={which}").status_code == 200
    assert clerk.get(f"{path}/live?list={which}").status_code == 200
    assert clerk.get(f"{path}.csv?list={which}").status_code == 200


def test_an_auditor_reads_a_stocktake_and_has_nothing_to_press(app: Service, clerk: Person, dock: str) -> None:
    path = clerk.post("/stocktakes/new", dock=dock).headers["Location"]

    assert "Close it" not in signed_in(app, Role.AUDITOR).reads(path)
    assert signed_in(app, Role.AUDITOR).post(f"{path}/close").status_code == 403


RESERVED = {"name": "Op Pelkin", "count": "1", "begins_at": "2027-03-05T18:00", "ends_at": "2027-03-07T06:00"}


def test_a_reservation_is_made_changed_and_called_off(clerk: Person, make: Factory, dock: str) -> None:
    make.camera(home_dock=dock)
    code, collar = unique("OP"), make.officer()

    made = text_of(followed(clerk, "/reservations/new", code=code, dock=dock, **RESERVED))
    assert "5 March 2027, 6:00pm" in made
    version = clerk.get(f"/reservations/{code}/edit").text.split('name="version" value="')[1].split('"')[0]
    typed = {**RESERVED, "dock": dock, "officers": f"{collar}, {collar}", "version": version}
    assert collar in text_of(followed(clerk, f"/reservations/{code}/edit", **typed))
    over = text_of(followed(clerk, f"/reservations/{code}/cancel", reason="Rain"))
    assert "Cancelled" in over
    assert code in clerk.reads("/reservations?state=cancelled")


def test_too_many_are_refused_with_what_is_free(clerk: Person, dock: str) -> None:
    refused = clerk.post("/reservations/new", code=unique("OP"), dock=dock, **RESERVED)

    assert refused.status_code == 409
    said = text_of(refused)
    assert "1 are not free all the time. Free: 0 from 5 March 2027, 6:00pm until" in said
    assert "Free: from 5 March 2027, 6:00pm until" in said


def test_a_bulk_act_is_previewed_and_then_done(clerk: Person, api: Api, make: Factory) -> None:
    out, lying = make.issued()[0], make.camera()

    shown = clerk.post("/bulk/new", verb="return", paste=f"{out}\n{lying}", **{"return-condition": "good"})
    path = shown.headers["Location"]

    told = clerk.reads(path)
    assert f"{lying} is not out; it is in stock. (rule 7) Store." in told
    assert "Do it with 1" in told
    assert api("GET", f"/cameras/{out}").json["custody"] == "issued"
    assert "1 done, 0 skipped, 1 refused." in text_of(followed(clerk, f"{path}/carry-out"))
    assert api("GET", f"/cameras/{out}").json["custody"] == "in_stock"


def test_the_camera_lists_filters_come_along(clerk: Person, api: Api, make: Factory, dock: str) -> None:
    serial = make.camera(home_dock=dock)
    site = api("GET", f"/cameras/{serial}").json["site"]

    assert f"/bulk/new?site={site}" in clerk.get(f"/cameras?site={site}").text
    assert site in clerk.reads(f"/bulk/new?site={site}")
    shown = followed(clerk, "/bulk/new", verb="use", filters=f"site={site}", **{"use-use": "reserve"})
    assert serial in text_of(shown)


def test_issues_come_as_lines_and_a_bad_one_is_named(clerk: Person, make: Factory) -> None:
    serial, collar = make.camera(), make.officer()

    assert serial in text_of(followed(clerk, "/bulk/new", verb="issue", paste=f"serial,collar\n{serial},{collar}"))
    refused = clerk.post("/bulk/new", verb="issue", paste=f"{serial},{collar}\nX9")
    assert (refused.status_code, "line 2" in text_of(refused)) == (422, True)


@pytest.mark.parametrize("typed", [{}, {"verb": "return"}, {"verb": "burn"}, {"verb": "move", "paste": "X1"}])
def test_a_form_with_something_missing_is_shown_again(clerk: Person, typed: dict[str, str]) -> None:
    refused = clerk.post("/bulk/new", **typed)

    assert refused.status_code == 422
    assert "There is a problem" in text_of(refused)
