"""Which camera an officer is given first: the one of last time, else the fullest at their site."""

from typing import Any

import pytest
import sqlalchemy as sa

from fleet.cameras.models import Camera
from fleet.cameras.states import Custody, Model, Use
from fleet.custody import choice
from fleet.custody.choice import Suggestion
from fleet.settings import Policy
from fleet.sites.models import Dock
from fleet.sites.stages import Stage
from fleet.web import Service
from tests.conftest import Api
from tests.counter.desk import AtCounter
from tests.custody.conftest import Desk
from tests.factories import Factory, now, unique


@pytest.fixture
def counter(app: Service) -> AtCounter:
    return AtCounter(app)


@pytest.fixture
def site(make: Factory) -> str:
    return make.site(stage=Stage.DOCKS_FITTED)


@pytest.fixture
def dock(make: Factory, site: str) -> str:
    return make.dock(site=site)


@pytest.fixture
def collar(make: Factory, site: str) -> str:
    return make.officer(site=site)


def charged(make: Factory, dock: str, percent: int | None, **values: Any) -> str:
    serial = make.camera(home_dock=dock, **values)
    if percent is not None:
        make.report(serial, battery_percent=percent, unoffloaded=0, clock_offset_s=0.0)
    return serial


def suggested(app: Service, collar: str, **more: Any) -> list[Suggestion]:
    with app.database.transaction() as session:
        return choice.suggestions(session, collar, policy=Policy(), **more)


def serials(app: Service, collar: str, **more: Any) -> list[str]:
    return [one.serial for one in suggested(app, collar, **more)]


def test_the_fullest_come_first_and_what_never_reported_last(
    app: Service, make: Factory, dock: str, collar: str
) -> None:
    silent, half, full = charged(make, dock, None), charged(make, dock, 85), charged(make, dock, 100)

    assert serials(app, collar) == [full, half, silent]


def test_of_equally_full_ones_what_was_longest_in_stock_so_that_wear_spreads(
    desk: Desk, app: Service, make: Factory, dock: str, collar: str
) -> None:
    used, rested = charged(make, dock, 100), charged(make, dock, 100)
    desk.issue(used, make.officer())
    desk.take_back(used)
    desk.later(minutes=1)
    desk.report(used, battery_percent=100)

    assert serials(app, collar) == [rested, used]


def test_the_one_of_last_time_comes_first_wherever_it_is_at_home(
    desk: Desk, app: Service, make: Factory, dock: str, collar: str
) -> None:
    elsewhere = charged(make, make.dock(site=make.site()), None)
    full = charged(make, dock, 100)
    mine = charged(make, dock, None)
    desk.issue(mine, collar)
    desk.take_back(mine)

    found = suggested(app, collar)

    assert [(one.serial, one.last_time) for one in found] == [(mine, True), (full, False)]
    assert elsewhere not in {one.serial for one in found}


@pytest.mark.parametrize(
    "said", [{"battery_percent": 10}, {"unoffloaded": 3}, {"clock_offset_s": 900.0}, {"fault": "error"}]
)
def test_what_a_rule_would_refuse_is_not_suggested(
    desk: Desk, app: Service, make: Factory, dock: str, collar: str, said: dict[str, Any]
) -> None:
    mine, full = charged(make, dock, None), charged(make, dock, 90)
    desk.issue(mine, collar)
    desk.take_back(mine)
    desk.later(minutes=1)
    desk.report(mine, **said)

    assert serials(app, collar) == [full]


def test_what_is_out_in_another_use_or_elsewhere_is_not_suggested(
    app: Service, make: Factory, dock: str, collar: str
) -> None:
    make.issued(make.camera(home_dock=dock))
    make.camera(home_dock=dock, use=Use.RESERVE)
    make.camera(home_dock=dock, use=Use.PERSONAL)
    make.camera()

    assert serials(app, collar) == []


def test_the_dock_at_hand_says_where_and_the_model_which(app: Service, make: Factory, dock: str) -> None:
    flex, body = charged(make, dock, 90, model=Model.FLEX_2), charged(make, dock, 100)
    stranger = make.officer()

    assert serials(app, stranger) == []
    assert serials(app, stranger, dock=dock) == [body, flex]
    assert serials(app, stranger, dock=dock, model=Model.FLEX_2) == [flex]


def test_whoever_has_a_loan_is_given_no_other(app: Service, make: Factory, dock: str, collar: str) -> None:
    charged(make, dock, 100)
    make.issued(charged(make, dock, 100), collar)

    assert serials(app, collar) == []


def test_the_counter_says_which_to_give(counter: AtCounter, make: Factory, dock: str, collar: str, desk: Desk) -> None:
    mine, half, full = charged(make, dock, None), charged(make, dock, 85), charged(make, dock, 100)
    desk.issue(mine, collar)
    desk.take_back(mine)
    counter.now = desk.later(minutes=2)

    assert counter.scan(collar).detail == f"Give {mine} (last time), or {full}, {half}."
    assert counter.scan(full, collar).detail == "Scan a camera."


def test_the_api_suggests(api: Api, make: Factory, dock: str, collar: str) -> None:
    full = charged(make, dock, 100)

    (one,) = api("GET", f"/people/{collar}/suggestions").json["items"]

    assert (one["serial"], one["battery_percent"], one["home_dock"], one["last_time"]) == (full, 100, dock, False)
    assert api("GET", "/people/NOBODY/suggestions").status_code == 404


def test_a_large_store_is_asked_by_its_index(app: Service, make: Factory, dock: str, collar: str) -> None:
    """Of 30,000 cameras those of one site are found without reading the others."""
    with app.database.transaction() as session:
        home = session.scalars(sa.select(Dock.id).where(Dock.serial == make.dock(site=make.site()))).one()
        new = {"model": Model.BODY_2, "use": Use.POOL, "custody": Custody.IN_STOCK, "custody_at": now()}
        prefix = unique("L")
        rows = [new | {"serial": f"{prefix}-{number}", "home_dock_id": home} for number in range(30_000)]
        session.execute(sa.insert(Camera), rows)
    charged(make, dock, 100)
    with app.database.transaction() as session:
        session.execute(sa.text("ANALYZE camera"))
        plan = choice.BY_CHOICE.explained(session, collar=collar, dock=None, model=None)

    assert "Seq Scan on camera " not in plan
