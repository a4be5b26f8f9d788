"""Which act is possible from which custody: a truth table of every act and every custody."""

from collections.abc import Callable

import pytest
import sqlalchemy as sa

from fleet.cameras.models import Camera
from fleet.cameras.states import NEXT_CUSTODY, Custody
from fleet.errors import FleetError
from fleet.lifecycle.models import GONE, LossState, RepairResult, Retirement
from fleet.pages.possible import acts_on
from tests.factories import Factory
from tests.lifecycle.conftest import Office, account

C = Custody
# From where each act leads, and where to, written out by hand.
TABLE: dict[str, dict[Custody, Custody]] = {
    "report missing": {
        **dict.fromkeys([C.REGISTERED, C.COMMISSIONED, C.IN_STOCK, C.RETURNING, C.QUARANTINED, C.ISSUED], C.MISSING),
        # What came into the register as gone has its report made up for.
        C.MISSING: C.MISSING,
        C.LOST: C.LOST,
        C.STOLEN: C.STOLEN,
    },
    "repair": {C.IN_STOCK: C.REPAIR, C.QUARANTINED: C.REPAIR},
    "repaired": {C.REPAIR: C.QUARANTINED},
    "beyond repair": {C.REPAIR: C.RETIRED},
    "hold": dict.fromkeys([C.IN_STOCK, C.ISSUED, C.RETURNING, C.QUARANTINED], C.HELD),
    "release": {C.HELD: C.QUARANTINED},
    "retire": {C.IN_STOCK: C.RETIRED, C.QUARANTINED: C.RETIRED},
    "sanitise": {C.RETIRED: C.SANITISED, C.SANITISED: C.SANITISED},
    "dispose": {C.SANITISED: C.DISPOSED},
}


def acts(office: Office, serial: str) -> dict[str, Callable[[], object]]:
    def dispose() -> None:
        with_certificate(office, serial)
        office.propose(serial, account("one"))
        office.confirm(serial, account("two"))

    return {
        "report missing": lambda: office.lose(serial),
        "repair": lambda: office.send(serial),
        "repaired": lambda: office.back(serial),
        "beyond repair": lambda: office.back(serial, RepairResult.BEYOND_REPAIR),
        "hold": lambda: office.hold(serial),
        "release": lambda: office.release(serial),
        "retire": lambda: office.retire(serial),
        "sanitise": lambda: office.sanitise(serial),
        "dispose": dispose,
    }


def with_certificate(office: Office, serial: str) -> None:
    def add(session: object) -> None:
        camera_id = session.scalars(sa.select(Camera.id).where(Camera.serial == serial)).one()  # type: ignore[attr-defined]
        session.add(  # type: ignore[attr-defined]
            Retirement(camera_id=camera_id, retired_at=office.now, reason="old", certificate="W-1")
        )

    office.do(add)


def at(office: Office, make: Factory, custody: Custody) -> str:
    """A camera in a custody, with no case behind it."""
    if custody is C.ISSUED:
        return make.issued()[0]
    serial = make.camera()
    office.put(serial, custody)
    return serial


@pytest.mark.parametrize("custody", list(Custody))
@pytest.mark.parametrize("act", list(TABLE))
def test_an_act_is_possible_where_the_table_says_and_leaves_no_trace_elsewhere(
    office: Office, make: Factory, act: str, custody: Custody
) -> None:
    serial = at(office, make, custody)
    before = office.events(serial)

    if custody in TABLE[act]:
        acts(office, serial)[act]()
        assert office.custody(serial) is TABLE[act][custody]
        assert len(office.events(serial)) > len(before)
        return
    with pytest.raises(FleetError) as refusal:
        acts(office, serial)[act]()
    assert refusal.value.rule is not None
    assert office.custody(serial) is custody
    assert office.events(serial) == before


def test_the_table_goes_no_way_that_the_life_cycle_has_not() -> None:
    ways = {(start, to) for steps in TABLE.values() for start, to in steps.items() if start is not to}

    assert [(start, to) for start, to in ways if to not in NEXT_CUSTODY[start]] == []


@pytest.mark.parametrize("state", list(LossState))
@pytest.mark.parametrize("act", ["lost", "stolen", "recovered"])
def test_a_loss_goes_on_where_the_life_cycle_says(office: Office, make: Factory, state: LossState, act: str) -> None:
    serial = make.camera()
    number = office.lose(serial)
    if state in {LossState.LOST, LossState.STOLEN}:
        office.decide(number, state, "20/1")
    if state is LossState.RECOVERED:
        office.recover(number)
    possible = (
        LossState(act)
        in {
            LossState.MISSING: {LossState.LOST, LossState.STOLEN, LossState.RECOVERED},
            LossState.LOST: {LossState.RECOVERED},
            LossState.STOLEN: {LossState.RECOVERED},
            LossState.RECOVERED: set(),
        }[state]
    )

    def carry_out() -> None:
        office.recover(number) if act == "recovered" else office.decide(number, LossState(act), "20/1")

    if possible:
        carry_out()
        assert office.loss(number)["state"] == act
        return
    with pytest.raises(FleetError) as refusal:
        carry_out()
    assert refusal.value.rule == 9
    assert office.loss(number)["state"] == str(state)


OFFERED = {
    "missing": "report missing",
    "repair": "repair",
    "return": "repaired",
    "hold": "hold",
    "release": "release",
    "retire": "retire",
}


@pytest.mark.parametrize("custody", list(Custody))
def test_a_cameras_page_offers_what_is_possible_and_no_more(custody: Custody) -> None:
    camera = {"serial": "X1", "custody": custody}

    offered = {one["href"].rpartition("/")[2] for one in acts_on(camera, account(), loss=None)}

    out_of_service = custody in {C.RETIRED, C.SANITISED, C.DISPOSED}
    assert offered - {"X1"} == {word for word, act in OFFERED.items() if custody in TABLE[act]}
    assert ("X1" in offered) is out_of_service
    loss = acts_on(camera, account(), loss=7)
    assert custody not in GONE or loss == [{"text": "Its loss", "href": "/losses/7"}]
