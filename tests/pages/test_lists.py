"""Lists: filters, order, pages, files, and what is said when there is nothing or something is wrong."""

import re

import pytest

from fleet.actors import Role
from fleet.audit import Event
from fleet.cameras.states import Model
from fleet.clock import LOCAL
from fleet.people.models import Function
from fleet.web import Service
from tests.factories import Factory, now, unique
from tests.pages.conftest import Person, signed_in, text_of

LISTS = ["/cameras", "/people", "/sites", "/docks", "/tasers", "/pairings", "/activations", "/stations", "/audit"]


def test_a_filter_narrows_the_list(admin: Person, make: Factory) -> None:
    dock = make.dock(site=make.site())
    body, flex = (make.camera(model=model, home_dock=dock) for model in (Model.BODY_2, Model.FLEX_2))

    page = admin.reads(f"/cameras?model=flex-2&q={dock[:-4]}")
    assert body not in page

    site = re.search(r'href="/sites/([^"]+)"', admin.get(f"/cameras?q={flex}").text)
    assert site is not None
    at_site = admin.reads(f"/cameras?site={site[1]}&model=flex-2")
    assert flex in at_site
    assert body not in at_site
    assert "1 camera" in at_site


def test_a_search_finds_the_last_digits_the_tag_the_collar_and_the_site(admin: Person, make: Factory) -> None:
    site = make.site()
    serial = make.camera(asset_tag=unique("A"), home_dock=make.dock(site=make.site(stage="live")))
    tag = re.search(r"A[0-9A-F]{10}", admin.reads(f"/cameras?q={serial}"))
    assert tag is not None
    _, collar = make.issued(serial)

    for wanted in (serial[-6:], serial.lower(), tag[0], collar):
        assert serial in admin.reads(f"/cameras?q={wanted}")
    assert serial not in admin.reads(f"/cameras?site={site}")


@pytest.mark.parametrize(
    ("path", "says"),
    [
        ("/cameras?phase=x", "Phase must be a whole number."),
        ("/cameras?phase=99999999999999", "Phase: "),
        ("/cameras?model=body-3", "Model: Must be one of"),
        ("/cameras?sort=holder", "Sort: Must be one of"),
        ("/cameras?colour=red", "There is no filter 'colour' here."),
        ("/cameras?q=%00", "This has a character that cannot be printed."),
        ("/cameras?site=" + "x" * 100, "longer than 64"),
        ("/cameras?limit=9999", "Limit: "),
        ("/cameras?cursor=edited", "This cursor does not belong to this list"),
        ("/people?training=some", "Training: "),
        ("/audit?since=yesterday", "Since must be a date, such as 2026-03-31."),
    ],
)
def test_a_filter_that_cannot_be_used_is_said_beside_the_list(admin: Person, path: str, says: str) -> None:
    response = admin.get(path)

    assert response.status_code == 422
    assert says in text_of(response)
    assert "There is a problem" in text_of(response)


def test_what_was_typed_stays_in_a_filter_that_cannot_be_used(admin: Person) -> None:
    assert 'value="<x>"' not in admin.get('/cameras?phase="<x>"').text
    assert "&lt;x&gt;" in admin.get("/cameras?phase=<x>").text


def test_a_script_gets_the_list_alone_and_an_error_it_can_show(admin: Person) -> None:
    part = admin.get("/cameras", HX_Request="true")
    bad = admin.get("/cameras?phase=x", HX_Request="true")
    back = admin.get("/cameras", HX_Request="true", HX_History_Restore_Request="true")

    assert "<html" not in part.text
    assert 'id="results"' in part.text
    assert bad.status_code == 200
    assert "must be a whole number" in bad.text
    assert "<html" in back.text


def test_pages_follow_one_another_without_a_gap(admin: Person, make: Factory) -> None:
    site = make.site()
    docks = sorted(make.dock(site=site) for _ in range(5))

    path, seen = f"/docks?site={site}&limit=2&sort=bays", []
    while path:
        text = admin.get(path).text
        seen += [serial for serial in docks if f'href="/docks/{serial}"' in text]
        onward = re.search(r'href="([^"]+)" rel="next"', text)
        path = onward[1].replace("&amp;", "&") if onward else ""

    assert seen == docks


def test_an_order_is_turned_round_by_its_own_link(admin: Person, make: Factory) -> None:
    site = make.site()
    first, second = make.officer(site=site, team="Alpha"), make.officer(site=site, team="Bravo")

    upwards = admin.get(f"/people?site={site}&sort=team")
    downwards = admin.get(f"/people?site={site}&sort=team&order=descending").text

    assert upwards.text.index(f"/people/{first}") < upwards.text.index(f"/people/{second}")
    assert downwards.index(f"/people/{second}") < downwards.index(f"/people/{first}")
    assert f"/people?site={site}&amp;sort=team&amp;order=descending" in upwards.text


def test_a_file_has_what_the_filters_find_as_an_import_takes_it(admin: Person, make: Factory, app: Service) -> None:
    site = make.site()
    collar = make.officer(site=site, name="=1+1", team="Night", function=Function.FIREARMS)
    make.officer()

    response = admin.get(f"/people.csv?site={site}&sort=name")

    assert response.content_type == "text/csv; charset=utf-8"
    header, row = response.text.splitlines()
    assert header == "collar,name,team,function,site,trained_until"
    assert row.startswith(f"{collar},'=1+1,Night,firearms,{site},")
    assert f"Site: {site}" in admin.reads(f"/audit?event={Event.REGISTER_EXPORTED}&actor=account:{admin.name}")


def test_a_file_is_longer_than_what_is_read_at_once(
    admin: Person, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("fleet.pages.listing._ROWS_AT_ONCE", 2)
    site = make.site()
    docks = sorted(make.dock(site=site) for _ in range(5))

    lines = admin.get(f"/docks.csv?site={site}").text.splitlines()

    assert lines == ["serial,site,bays", *(f"{serial},{site},6" for serial in docks)]


@pytest.mark.parametrize("path", LISTS)
def test_every_list_can_be_taken_away_as_a_file(admin: Person, path: str) -> None:
    response = admin.get(f"{path}.csv")

    assert response.status_code == 200
    assert response.headers["Content-Disposition"].startswith("attachment;")


def test_an_empty_register_says_how_to_begin(empty: Service) -> None:
    person = signed_in(empty, Role.ADMIN)

    for path in ["/cameras", "/people", "/sites", "/docks", "/tasers"]:
        assert f"flask --app wsgi import {path.strip('/')} FILE.csv" in person.reads(path)
    assert "The register is empty" in person.reads("/")


def test_no_match_is_not_an_empty_register(admin: Person) -> None:
    page = admin.reads("/cameras?q=NO-SUCH-THING")

    assert "No camera matches" in page
    assert "import" not in page


def test_a_name_is_text_and_never_mark_up(admin: Person, make: Factory) -> None:
    evil = "<script>alert(1)</script>"
    collar, site = make.officer(name=evil, team=evil), make.site(name=evil, address=evil)

    for path in (f"/people?q={collar}", f"/people/{collar}", f"/people/{collar}/edit", f"/sites/{site}", "/audit"):
        assert "<script>alert" not in admin.get(path).text


def test_a_serial_with_a_slash_and_a_question_mark_has_a_page(admin: Person, make: Factory) -> None:
    serial = make.camera(serial=f"{unique('S')}/A?B#C%")

    link = re.search(
        r'<th scope="row"[^>]*><a[^>]*href="([^"]+)"', admin.get(f"/cameras?q={serial.partition('/')[0]}").text
    )

    assert link is not None
    assert serial in admin.reads(link[1])


def test_the_log_is_searched_by_what_a_person_knows(admin: Person, make: Factory) -> None:
    serial, collar = make.issued()
    other, _ = make.issued()

    page = admin.reads(f"/audit?officer={collar}&event=camera.issued")
    today = admin.reads("/audit?until=2020-01-01")

    assert f"Camera {serial}" in page
    assert other not in page
    assert "Kind: pool" in page
    assert "No entry matches" in today


def test_a_day_in_the_log_ends_with_the_day(admin: Person, make: Factory) -> None:
    serial = make.camera()
    page = admin.get(f"/audit?subject_key={serial}").text
    assert "Camera registered" in page

    for until in ("2999-12-31", "9999-12-31"):
        assert "Camera registered Camera" in admin.reads(f"/audit?subject_key={serial}&since=0001-01-01&until={until}")
    today = now().astimezone(LOCAL).date()
    assert "Camera registered Camera" in admin.reads(f"/audit?subject_key={serial}&since={today}&until={today}")


def test_a_page_that_is_not_there_is_a_page(admin: Person) -> None:
    for path in ("/nowhere", "/cameras/NO-SUCH", "/people/NO-SUCH", "/sites/NO-SUCH", "/docks/NO", "/tasers/NO"):
        response = admin.get(path)
        assert response.status_code == 404
        assert "There is nothing here" in text_of(response)
