"""Stocktakes over the API: what is expected, how scans are judged, how one is closed into the log."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlalchemy.exc import DBAPIError

from fleet.audit import Event
from fleet.audit.models import AuditEntry
from fleet.cameras.states import Model
from fleet.lifecycle import losses
from fleet.sites.stages import Stage
from fleet.stock.models import Stocktake, StocktakeScan
from fleet.web import Service
from tests.conftest import Api
from tests.factories import Factory, now, unique


@pytest.fixture
def place(make: Factory) -> tuple[str, str]:
    """A site and a dock in it."""
    site = make.site(stage=Stage.DOCKS_FITTED)
    return site, make.dock(site=site)


def opened(api: Api, **wanted: Any) -> int:
    answer = api("POST", "/stocktakes", wanted)
    assert answer.status_code == 201, answer.text
    number: int = answer.json["id"]
    return number


def scanned(api: Api, number: int, *texts: str) -> list[dict[str, Any]]:
    answer = api("POST", f"/stocktakes/{number}/scans", {"scans": texts})
    assert answer.status_code == 200, answer.text
    outcomes: list[dict[str, Any]] = answer.json["scans"]
    return outcomes


def judgments(api: Api, number: int, *texts: str) -> list[str]:
    return [outcome["judgment"] for outcome in scanned(api, number, *texts)]


def counts(api: Api, number: int) -> dict[str, int]:
    found: dict[str, int] = api("GET", f"/stocktakes/{number}").json["counts"]
    return {name: value for name, value in found.items() if value}


def entries(app: Service, number: int) -> list[tuple[str, str, str | None]]:
    """What the log says of a stocktake: event, subject and finding."""
    said = sa.select(AuditEntry).where(
        sa.and_(AuditEntry.subject_kind == "stocktake", AuditEntry.subject_key == str(number))
        | (AuditEntry.facts["stocktake"].as_integer() == number)
    )
    with app.database.transaction() as session:
        rows = session.scalars(said.order_by(AuditEntry.id)).all()
    return [(str(row.event), row.subject_key, row.facts.get("finding")) for row in rows]


def test_what_lies_at_the_site_is_expected_and_what_is_out_is_not(
    api: Api, make: Factory, place: tuple[str, str]
) -> None:
    site, dock = place
    make.camera(home_dock=dock)
    make.issued(make.camera(home_dock=dock))
    make.camera()

    assert counts(api, opened(api, site=site)) == {"expected": 1, "missing": 1, "unsettled": 1}


def test_filters_narrow_what_is_expected(api: Api, make: Factory, place: tuple[str, str]) -> None:
    site, dock = place
    make.camera(home_dock=dock)
    flex = make.camera(home_dock=dock, model=Model.FLEX_2)

    number = opened(api, site=site, model="flex-2")

    assert [row["serial"] for row in api("GET", f"/stocktakes/{number}/missing").json["items"]] == [flex]


def test_each_scan_is_judged(api: Api, make: Factory, place: tuple[str, str]) -> None:
    site, dock = place
    expected, tagged = make.camera(home_dock=dock), unique("TAG")
    make.camera(home_dock=dock, asset_tag=tagged)
    out, _ = make.issued(make.camera(home_dock=dock))
    homeless, elsewhere = make.camera(), make.camera(home_dock=make.dock(site=make.site()))
    number = opened(api, site=site)

    found = judgments(api, number, expected, tagged, out, homeless, elsewhere, "NO-SUCH")

    assert found == ["expected", "expected", "unexpected", "unexpected", "misplaced", "unknown"]


def test_a_dock_has_neighbours_that_are_misplaced_in_it(api: Api, make: Factory, place: tuple[str, str]) -> None:
    site, dock = place
    neighbour = make.camera(home_dock=make.dock(site=site))

    assert judgments(api, opened(api, dock=dock), neighbour) == ["misplaced"]


def test_a_camera_counts_once_by_serial_and_by_tag(api: Api, make: Factory, place: tuple[str, str]) -> None:
    site, dock = place
    tag = unique("TAG")
    serial = make.camera(home_dock=dock, asset_tag=tag)
    number = opened(api, site=site)

    first = scanned(api, number, serial, tag)
    again = scanned(api, number, serial.lower())

    assert [outcome["is_first"] for outcome in first + again] == [True, False, False]
    assert counts(api, number) == {"expected": 1, "seen": 1, "doubled": 2}


def test_the_first_scan_wins_whoever_comes_second(api: Api, app: Service, make: Factory) -> None:
    serial = make.camera()
    number = opened(api, site=make.site())
    scanned(api, number, serial)
    with app.database.transaction() as session:
        first = session.scalars(sa.select(StocktakeScan).where(StocktakeScan.stocktake_id == number)).one()

    (outcome,) = scanned(api, number, serial)

    assert outcome["by"] == first.scanned_by
    assert not outcome["is_first"]


def test_one_that_came_back_meanwhile_is_no_discrepancy(
    api: Api, app: Service, make: Factory, place: tuple[str, str]
) -> None:
    site, dock = place
    serial, _ = make.issued(make.camera(home_dock=dock))
    number = opened(api, site=site)
    api("POST", f"/cameras/{serial}/return", {"condition": "good"})

    assert judgments(api, number, serial) == ["returned"]
    assert api("POST", f"/stocktakes/{number}/close", {}).status_code == 200
    assert [event for event, *_ in entries(app, number)] == [Event.STOCKTAKE_OPENED, Event.STOCKTAKE_CLOSED]


def test_custody_explains_what_was_issued_or_lost_meanwhile(
    api: Api, app: Service, make: Factory, place: tuple[str, str]
) -> None:
    site, dock = place
    issued, gone = make.camera(home_dock=dock), make.camera(home_dock=dock)
    number = opened(api, site=site)
    _, collar = make.issued(issued)
    said = losses.Report(now(), "The van", "C1", "Left on the roof")
    with app.database.transaction() as session:
        losses.report(session, make.actor, gone, said, policy=make.policy, now=now())

    missing = api("GET", f"/stocktakes/{number}/missing").json["items"]

    assert {row["serial"]: (row["settled"], row["note"]) for row in missing} == {
        issued: ("explained", f"issued to {collar}"),
        gone: ("explained", "recorded as missing"),
    }
    assert api("POST", f"/stocktakes/{number}/close", {}).status_code == 200


def test_it_is_not_closed_while_something_missing_is_not_settled(
    api: Api, make: Factory, place: tuple[str, str]
) -> None:
    site, dock = place
    serial = make.camera(home_dock=dock)
    number = opened(api, site=site)

    answer = api("POST", f"/stocktakes/{number}/close", {})

    assert answer.status_code == 409
    assert answer.json["detail"] == f"{serial} is missing and not settled."
    assert api("GET", f"/stocktakes/{number}").json["state"] == "open"


def test_closed_it_is_in_the_log_with_an_entry_for_each_discrepancy(
    api: Api, app: Service, make: Factory, place: tuple[str, str]
) -> None:
    site, dock = place
    seen, gone, safe = (make.camera(home_dock=dock) for _ in range(3))
    elsewhere = make.camera(home_dock=make.dock(site=make.site()))
    number = opened(api, site=site)
    scanned(api, number, seen, seen, elsewhere, "NO-SUCH")
    settle = f"/stocktakes/{number}/settlements"
    api("POST", settle, {"cameras": [safe], "settled": "found", "note": "in the safe"})
    assert api("POST", settle, {"settled": "unable-to-locate"}).json["settled"] == 1

    answer = api("POST", f"/stocktakes/{number}/close", {})

    assert answer.json["state"] == "closed"
    assert {name: value for name, value in answer.json["counts"].items() if value} == {
        "expected": 3, "seen": 1, "missing": 2, "found": 1, "unable_to_locate": 1, "misplaced": 1, "unknown": 1,
        "doubled": 1,
    }  # fmt: skip
    assert entries(app, number) == [
        (Event.STOCKTAKE_OPENED, str(number), None),
        (Event.STOCKTAKE_CLOSED, str(number), None),
        *[
            (Event.STOCKTAKE_DISCREPANCY, serial, finding)
            for serial, finding in sorted({gone: "unable-to-locate", safe: "found"}.items())
        ],
        (Event.STOCKTAKE_DISCREPANCY, elsewhere, "misplaced"),
        (Event.STOCKTAKE_DISCREPANCY, str(number), "unknown"),
    ]


def test_what_cannot_be_located_is_reported_missing(api: Api, make: Factory, place: tuple[str, str]) -> None:
    site, dock = place
    gone, held = make.camera(home_dock=dock), make.camera(home_dock=dock)
    number = opened(api, site=site)
    settle = {"cameras": [gone], "settled": "unable-to-locate", "note": "Every locker was searched"}
    api("POST", f"/stocktakes/{number}/settlements", settle)
    api("POST", f"/stocktakes/{number}/settlements", {"cameras": [held], "settled": "found"})

    assert api("POST", f"/stocktakes/{number}/close", {}).status_code == 200

    assert [api("GET", f"/cameras/{serial}").json["custody"] for serial in (gone, held)] == ["missing", "in_stock"]
    (missing, _) = api("GET", f"/cameras/{gone}/history").json["items"][:2]
    assert missing["facts"]["circumstances"] == f"Unable to locate in stocktake {number}: Every locker was searched"


def test_abandoned_it_says_why_and_has_no_discrepancies(api: Api, app: Service, place: tuple[str, str]) -> None:
    number = opened(api, site=place[0])

    assert api("POST", f"/stocktakes/{number}/abandon", {"reason": " "}).status_code == 422
    answer = api("POST", f"/stocktakes/{number}/abandon", {"reason": "Fire alarm"})

    assert (answer.json["state"], answer.json["reason"]) == ("abandoned", "Fire alarm")
    assert [event for event, *_ in entries(app, number)] == [Event.STOCKTAKE_OPENED, Event.STOCKTAKE_ABANDONED]


ACTS: dict[str, dict[str, Any]] = {
    "scans": {"scans": ["X"]},
    "settlements": {"settled": "found"},
    "close": {},
    "abandon": {"reason": "Again"},
}


@pytest.mark.parametrize("end", ["close", "abandon"])
@pytest.mark.parametrize("act", ACTS)
def test_one_that_has_ended_never_changes(api: Api, place: tuple[str, str], end: str, act: str) -> None:
    number = opened(api, site=place[0])
    api("POST", f"/stocktakes/{number}/{end}", ACTS[end])
    before = api("GET", f"/stocktakes/{number}").json

    assert api("POST", f"/stocktakes/{number}/{act}", ACTS[act]).status_code == 409
    assert api("GET", f"/stocktakes/{number}").json == before


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE stocktake SET name = 'Another' WHERE id = :number",
        "UPDATE stocktake_scan SET times = 9 WHERE stocktake_id = :number",
        "UPDATE stocktake_expected SET note = 'Other' WHERE stocktake_id = :number",
    ],
)
def test_the_database_keeps_an_ended_stocktake(
    api: Api, app: Service, make: Factory, place: tuple[str, str], statement: str
) -> None:
    site, dock = place
    serial = make.camera(home_dock=dock)
    number = opened(api, site=site)
    scanned(api, number, serial)
    api("POST", f"/stocktakes/{number}/close", {})

    with pytest.raises(DBAPIError, match="never changes"), app.database.transaction() as session:
        session.execute(sa.text(statement), {"number": number})


def test_what_is_not_missing_cannot_be_settled_and_nothing_else_is(
    api: Api, make: Factory, place: tuple[str, str]
) -> None:
    site, dock = place
    missing, seen = make.camera(home_dock=dock), make.camera(home_dock=dock)
    number = opened(api, site=site)
    scanned(api, number, seen)

    answer = api("POST", f"/stocktakes/{number}/settlements", {"cameras": [missing, seen], "settled": "found"})

    assert answer.status_code == 422
    assert seen in answer.json["detail"]
    assert counts(api, number)["unsettled"] == 1


@pytest.mark.parametrize("texts", [[""], ["X" * 65], ["A\u0000B"], []])
def test_what_cannot_be_a_scan_is_refused_whole(
    api: Api, app: Service, place: tuple[str, str], texts: list[str]
) -> None:
    number = opened(api, site=place[0])

    answer = api("POST", f"/stocktakes/{number}/scans", {"scans": ["GOOD", *texts] if texts else []})

    assert answer.status_code == 422
    assert counts(api, number) == {}


def test_nothing_is_expected_at_an_unknown_place(api: Api, app: Service) -> None:
    assert api("POST", "/stocktakes", {"site": "NO-SUCH"}).status_code == 422
    assert api("GET", "/stocktakes/1152921504606846976").status_code == 404
    assert api("GET", "/stocktakes?state=open").status_code == 200
    with app.database.transaction() as session:
        assert session.scalars(sa.select(Stocktake.id).where(Stocktake.name == "NO-SUCH")).all() == []
