"""Lists: pages by cursor that neither lose nor double, and every filter of the contract."""

from collections.abc import Iterator
from datetime import date, timedelta
from typing import Any

import pytest

from fleet.actors import Role
from fleet.cameras.states import Bluetooth, Custody, Encryption, Fault, Model, Use
from fleet.custody import holdings
from fleet.custody.models import IssueKind
from fleet.paging import Paging
from fleet.people.models import Function
from fleet.sites.stages import Stage
from fleet.tasers.models import TaserModel
from fleet.web import Service
from tests.conftest import Api, api_of
from tests.custody.conftest import Desk
from tests.factories import Factory, unique

TODAY = date.today()  # noqa: DTZ011


def pages(api: Api, path: str, limit: int) -> Iterator[list[dict[str, Any]]]:
    """Every page of a list, read one after the other."""
    cursor = ""
    while cursor is not None:
        joint = "&" if "?" in path else "?"
        answer = api("GET", f"{path}{joint}limit={limit}" + (f"&cursor={cursor}" if cursor else "")).json
        assert answer is not None
        yield answer["items"]
        cursor = answer["next"]


def found(api: Api, path: str, key: str = "serial") -> list[str]:
    return [item[key] for page in pages(api, path, 200) for item in page]


@pytest.fixture
def prefix() -> str:
    """How the identifiers of one test begin, and no others."""
    return unique("L") + "-"


def test_a_list_has_fifty_unless_asked_and_two_hundred_at_most(empty: Service) -> None:
    make, api = Factory(empty.database), api_of(empty)
    for _ in range(201):
        make.camera()

    usual, most = api("GET", "/cameras").json, api("GET", "/cameras?limit=200").json

    assert usual is not None
    assert most is not None
    assert (len(usual["items"]), len(most["items"])) == (50, 200)
    assert usual["next"]
    assert most["next"]


@pytest.mark.parametrize("limit", [1, 2, 3, 7, 8, 200])
def test_pages_together_are_the_whole_list_in_order(api: Api, make: Factory, prefix: str, limit: int) -> None:
    serials = sorted(make.camera(serial=f"{prefix}{number}") for number in range(7))

    read = list(pages(api, f"/cameras?q={prefix}", limit))

    assert [item["serial"] for page in read for item in page] == serials
    assert all(0 < len(page) <= limit for page in read)


def test_rows_that_come_and_change_while_paging_are_neither_lost_nor_doubled(
    api: Api, make: Factory, prefix: str
) -> None:
    before = [make.camera(serial=f"{prefix}{number:03}") for number in range(0, 40, 2)]
    read: list[str] = []

    for number, page in enumerate(pages(api, f"/cameras?q={prefix}", 3)):
        read += [item["serial"] for item in page]
        make.camera(serial=f"{prefix}{number * 2 + 1:03}")
        make.issued(before[number])

    assert [serial for serial in read if serial in before] == before
    assert len(read) == len(set(read))
    assert read == sorted(read)


def test_an_empty_list_is_an_empty_list(api: Api, prefix: str) -> None:
    assert api("GET", f"/cameras?q={prefix}").json == {"items": [], "next": None}


def test_a_cursor_is_good_for_another_limit(api: Api, make: Factory, prefix: str) -> None:
    serials = sorted(make.camera(serial=f"{prefix}{number}") for number in range(4))
    first = api("GET", f"/cameras?q={prefix}&limit=1").json
    assert first is not None

    rest = api("GET", f"/cameras?q={prefix}&limit=100&cursor={first['next']}").json

    assert rest is not None
    assert [item["serial"] for item in rest["items"]] == serials[1:]


@pytest.fixture
def cursor(api: Api, make: Factory, prefix: str) -> str:
    """A cursor of ``/cameras?q=PREFIX``."""
    for number in range(2):
        make.camera(serial=f"{prefix}{number}")
    answer = api("GET", f"/cameras?q={prefix}&limit=1").json
    assert answer is not None
    value: str = answer["next"]
    return value


def refused(api: Api, path: str) -> None:
    answer = api("GET", path)
    assert (answer.status_code, answer.content_type) == (422, "application/problem+json")
    assert list((answer.json or {})["errors"]) == ["cursor"]


def test_a_cursor_that_someone_edited_is_refused(api: Api, cursor: str, prefix: str) -> None:
    for place in (0, len(cursor) // 2, len(cursor) - 1):
        other = "A" if cursor[place] != "A" else "B"
        refused(api, f"/cameras?q={prefix}&cursor={cursor[:place]}{other}{cursor[place + 1 :]}")
    for edited in (cursor[:-1], cursor + "A", cursor[1:], "x", ".", "..", "%00", "%FF", "null", "[]", "x" * 2_001):
        refused(api, f"/cameras?q={prefix}&cursor={edited}")


def test_a_cursor_of_another_list_is_refused(api: Api, cursor: str, prefix: str) -> None:
    for path in ("/people", "/sites", "/docks", "/tasers"):
        refused(api, f"{path}?q={prefix}&cursor={cursor}")


def test_a_cursor_of_other_filters_is_refused(api: Api, cursor: str, prefix: str) -> None:
    for query in ("", f"q={prefix}x&", f"q={prefix}&model=body-2&"):
        refused(api, f"/cameras?{query}cursor={cursor}")


def test_a_cursor_of_another_cameras_history_is_refused(api: Api, make: Factory) -> None:
    one, other = make.issued()[0], make.issued()[0]
    first = api("GET", f"/cameras/{one}/history?limit=1").json
    assert first is not None

    refused(api, f"/cameras/{other}/history?limit=1&cursor={first['next']}")


# Cameras: every filter of the contract, alone and together.

LIKE = {
    "model": (Model.FLEX_2, Model.BODY_2),
    "use": (Use.RESERVE, Use.POOL),
    "firmware": ("9.1", "9.2"),
    "encryption": (Encryption.AES256, Encryption.NONE),
    "bluetooth": (Bluetooth.AUTHENTICATED, Bluetooth.LEGACY),
    "phase": (2, 1),
}


@pytest.mark.parametrize("name", list(LIKE))
def test_cameras_are_found_by_what_they_are(api: Api, make: Factory, prefix: str, name: str) -> None:
    wanted, other = LIKE[name]
    serial = make.camera(serial=f"{prefix}1", **{name: wanted})
    make.camera(serial=f"{prefix}2", **{name: other})
    if name not in {"model", "use"}:
        make.camera(serial=f"{prefix}3")

    assert found(api, f"/cameras?q={prefix}&{name}={wanted}") == [serial]


def test_cameras_are_found_by_custody(api: Api, make: Factory, prefix: str) -> None:
    stocked, (out, _) = make.camera(serial=f"{prefix}1"), make.issued(make.camera(serial=f"{prefix}2"))

    assert found(api, f"/cameras?q={prefix}&custody=in_stock") == [stocked]
    assert found(api, f"/cameras?q={prefix}&custody=issued") == [out]
    assert found(api, f"/cameras?q={prefix}&custody=lost") == []


def test_cameras_are_found_by_site_whatever_the_case(api: Api, make: Factory) -> None:
    code = make.site()
    serial = make.camera(home_dock=make.dock(site=code))
    make.camera(home_dock=make.dock(site=make.site()))

    assert found(api, f"/cameras?site={code.lower()}") == [serial]
    assert found(api, f"/cameras?site={unique('S')}") == []


def test_cameras_are_found_by_holder_while_they_are_held(api: Api, make: Factory, app: Service) -> None:
    desk = Desk(app, make)
    serial, collar = make.issued()

    assert found(api, f"/cameras?holder={collar.lower()}") == [serial]
    desk.take_back(serial)
    assert found(api, f"/cameras?holder={collar}") == []


def test_filters_together_narrow_each_other(api: Api, make: Factory, prefix: str) -> None:
    site = make.site()
    dock = make.dock(site=site)
    wanted = make.camera(serial=f"{prefix}1", home_dock=dock, model=Model.FLEX_2)
    make.camera(serial=f"{prefix}2", home_dock=dock, model=Model.BODY_2)
    make.camera(serial=f"{prefix}3", model=Model.FLEX_2)

    assert found(api, f"/cameras?site={site}&model=flex-2&custody=in_stock&q={prefix}") == [wanted]


def test_a_search_finds_by_serial_tag_holder_and_site(api: Api, make: Factory) -> None:
    tag, code = unique("TAG"), make.site(stage=Stage.LIVE, name=f"Little {unique('Hamlet')}")
    serial = make.camera(asset_tag=tag, home_dock=make.dock(site=code))
    _, collar = make.issued(serial)
    name = str((api("GET", f"/sites/{code}").json or {})["name"])

    for text in (
        serial,
        serial[:-1],
        serial.lower(),
        serial[-9:],
        tag,
        tag.lower(),
        collar,
        code,
        name,
        name.split()[1],
    ):
        assert serial in found(api, f"/cameras?q={text}"), text
    for text in (serial + "0", tag + "0", "0" + serial):
        assert serial not in found(api, f"/cameras?q={text}"), text


def test_attention_finds_what_somebody_should_look_at(api: Api, make: Factory, app: Service, prefix: str) -> None:
    desk = Desk(app, make)
    made = {name: make.camera(serial=f"{prefix}{name}") for name in ("A", "B", "C", "D", "E", "F", "G", "Z")}
    desk.move(made["A"], Custody.QUARANTINED)
    desk.report(made["B"], fault=Fault.ERROR)
    desk.report(made["C"], battery_percent=100)
    desk.issue(made["C"], make.officer())
    desk.take_back(made["C"])
    desk.now -= timedelta(hours=13)
    desk.issue(made["D"], make.officer())
    desk.now += timedelta(hours=13)
    desk.issue(made["E"], make.officer(), due_back=desk.now + timedelta(hours=1))
    desk.actor = Desk(app, make).actor
    desk.issue(made["F"], make.officer(trained_until=None), IssueKind.PERSONAL, override_reason="agreed")
    desk.issue(made["G"], make.officer(trained_until=TODAY + timedelta(days=10)), IssueKind.PERSONAL)

    expected = {
        "quarantined": ["A"],
        "fault": ["B"],
        "unchecked": ["C"],
        "overdue": ["D"],
        "missing": [],
        "any": ["A", "B", "C", "D"],
        "due-soon": ["E"],
        "untrained": ["F"],
        "training-ends": ["G"],
    }
    for why, names in expected.items():
        assert found(api, f"/cameras?q={prefix}&attention={why}") == [made[name] for name in names], why


def test_officers_are_found_by_each_filter(api: Api, make: Factory, prefix: str) -> None:
    team, site = unique("Team"), make.site()
    one = make.officer(collar=f"{prefix}1", team=team, function=Function.FIREARMS, site=site, name="Jo Ní Riain")
    two = make.officer(collar=f"{prefix}2", trained_until=TODAY - timedelta(days=1))
    three = make.officer(collar=f"{prefix}3", trained_until=None)
    four = make.officer(collar=f"{prefix}4", trained_until=TODAY)

    assert found(api, f"/people?team={team}", "collar") == [one]
    assert found(api, f"/people?site={site.lower()}", "collar") == [one]
    assert found(api, f"/people?q={prefix}&function=firearms", "collar") == [one]
    assert found(api, f"/people?q={prefix}&training=lapsed", "collar") == [two, three]
    assert found(api, f"/people?q={prefix}&training=current", "collar") == [one, four]
    assert one in found(api, "/people?q=ní", "collar")


def test_sites_docks_and_tasers_are_found_by_each_filter(api: Api, make: Factory, prefix: str) -> None:
    kind = unique("custody suite ")
    one = make.site(code=f"{prefix}1", nte=True, kind=kind, stage=Stage.LIVE)
    two = make.site(code=f"{prefix}2")
    placed, loose = make.dock(serial=f"{prefix}1", site=one), make.dock(serial=f"{prefix}2")
    holder = make.officer()
    x2 = make.taser(serial=f"{prefix}1", sppm=unique("P"), home_site=one, holder=holder)
    bare = make.taser(serial=f"{prefix}2")
    x26 = make.taser(serial=f"{prefix}3", model=TaserModel.X26)

    assert found(api, f"/sites?q={prefix}&stage=live", "code") == [one]
    assert found(api, f"/sites?q={prefix}&nte=false", "code") == [two]
    assert found(api, f"/sites?kind={kind}", "code") == [one]
    assert found(api, f"/docks?site={one}") == [placed]
    assert found(api, f"/docks?q={prefix}&placed=false") == [loose]
    assert found(api, f"/tasers?q={prefix}&model=x26") == [x26]
    assert found(api, f"/tasers?q={prefix}&sppm=fitted") == [x2]
    assert found(api, f"/tasers?q={prefix}&sppm=missing") == [bare]
    assert found(api, f"/tasers?site={one}") == [x2]
    assert found(api, f"/tasers?holder={holder}") == [x2]


def test_the_log_is_found_by_each_filter(app: Service, make: Factory) -> None:
    auditor, desk = api_of(app, Role.AUDITOR), Desk(app, make)
    serial, collar = make.issued()
    desk.take_back(serial)

    of_camera = f"subject_kind=camera&subject_key={serial}"
    events = [entry["event"] for page in pages(auditor, f"/audit?{of_camera}", 2) for entry in page]
    returned = auditor("GET", f"/audit?{of_camera}&event=camera.returned&officer={collar}&actor=command:clerk").json

    assert events == ["camera.returned", "camera.issued", "camera.registered"]
    assert returned is not None
    assert [entry["facts"]["condition"] for entry in returned["items"]] == ["good"]
    at = returned["items"][0]["at"]
    assert found(auditor, f"/audit?{of_camera}&since={at}", "event") == ["camera.returned"]
    assert found(auditor, f"/audit?{of_camera}&until={at}", "event") == ["camera.issued", "camera.registered"]


@pytest.mark.parametrize("sort", list(holdings.SORTS))
@pytest.mark.parametrize("descending", [False, True])
def test_every_order_of_the_cameras_has_them_all(
    app: Service, make: Factory, prefix: str, sort: str, descending: bool
) -> None:
    uses = [Use.POOL, None, Use.PERSONAL, None, Use.RESERVE]
    made = {make.camera(serial=f"{prefix}{number}", use=use) for number, use in enumerate(uses)}
    paging, read = Paging(2), []

    while True:
        with app.database.reading() as session:
            page = holdings.find(
                session, {"q": prefix}, paging, now=Desk(app, make).now, sort=sort, descending=descending
            )
        read += [item["serial"] for item in page.items]
        if page.after is None:
            break
        paging = Paging(2, page.after)

    assert len(read) == len(made)
    assert set(read) == made
