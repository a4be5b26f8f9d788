"""A camera that comes back over the counter counts in the open stocktake there."""

from fleet.sites.stages import Stage
from tests.conftest import Api
from tests.counter.desk import AtCounter
from tests.factories import Factory


def test_a_return_is_counted_where_the_camera_is_at_home(counter: AtCounter, api: Api, make: Factory) -> None:
    site = make.site(stage=Stage.DOCKS_FITTED)
    serial, _ = make.issued(make.camera(home_dock=make.dock(site=site)))
    number = api("POST", "/stocktakes", {"site": site, "name": "The store"}).json["id"]

    answer = counter.scan(serial)

    assert answer.detail.endswith("; counted in the stocktake of The store")
    (scan,) = api("GET", f"/stocktakes/{number}/scans").json["items"]
    assert (scan["serial"], scan["judgment"], scan["scanned_by"]) == (serial, "returned", "account:clerk")


def test_a_return_into_another_sites_dock_is_counted_there_as_misplaced(
    counter: AtCounter, api: Api, make: Factory
) -> None:
    home, here = make.site(stage=Stage.DOCKS_FITTED), make.site(stage=Stage.DOCKS_FITTED)
    serial, _ = make.issued(make.camera(home_dock=make.dock(site=home)))
    dock = make.dock(site=here)
    at_home, at_hand = (api("POST", "/stocktakes", {"site": site}).json["id"] for site in (home, here))

    counter.scan("return", dock, serial)

    assert api("GET", f"/stocktakes/{at_home}/scans").json["items"] == []
    assert [scan["judgment"] for scan in api("GET", f"/stocktakes/{at_hand}/scans").json["items"]] == ["misplaced"]


def test_a_closed_stocktake_counts_no_return(counter: AtCounter, api: Api, make: Factory) -> None:
    site = make.site(stage=Stage.DOCKS_FITTED)
    serial, _ = make.issued(make.camera(home_dock=make.dock(site=site)))
    number = api("POST", "/stocktakes", {"site": site}).json["id"]
    api("POST", f"/stocktakes/{number}/close", {})

    answer = counter.scan(serial)

    assert answer.title == "Returned"
    assert "counted" not in answer.detail
