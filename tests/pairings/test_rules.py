"""Rules 1, 2 and 13: first as truth tables, then over HTTP, each naming what was found and who can mend it."""

from datetime import timedelta
from typing import Any

import pytest

from ble.protocol.levels import Bluetooth as RadioBluetooth
from ble.protocol.levels import Encryption as RadioEncryption
from fleet.audit import Event
from fleet.cameras.states import Bluetooth, Encryption, Fault
from fleet.pairings import rules
from fleet.pairings.rules import Baseline, CameraSaid, Clock, TaserSaid
from fleet.tasers.models import TaserModel
from tests.conftest import api_of
from tests.factories import unique
from tests.pairings.conftest import Armoury, Pair

BASE = Baseline(
    switch_on=True,
    encryption=Encryption.AES256,
    bluetooth=Bluetooth.SECURE_CONNECTIONS,
    tolerance=timedelta(seconds=60),
)
CLOCK = Clock(True, 0.5)


def taser(**changed: Any) -> TaserSaid:
    values = {"serial": "T", "model": TaserModel.X2, "sppm": "SP", "bluetooth": Bluetooth.AUTHENTICATED}
    return TaserSaid(**{**values, "clock": CLOCK, **changed})


def camera(**changed: Any) -> CameraSaid:
    values = {"serial": "C", "encryption": Encryption.AES256, "bluetooth": Bluetooth.SECURE_CONNECTIONS}
    return CameraSaid(**{**values, "clock": CLOCK, **changed})


@pytest.mark.parametrize("encryption", [None, *Encryption])
@pytest.mark.parametrize("of_camera", [None, *Bluetooth])
@pytest.mark.parametrize("of_taser", [None, *Bluetooth])
@pytest.mark.parametrize("switch_on", [True, False])
def test_rule_1_wants_the_switch_and_every_level_reported(
    encryption: Encryption | None, of_camera: Bluetooth | None, of_taser: Bluetooth | None, switch_on: bool
) -> None:
    baseline = Baseline(switch_on, BASE.encryption, BASE.bluetooth, BASE.tolerance)
    enough = {Bluetooth.SECURE_CONNECTIONS, Bluetooth.AUTHENTICATED}

    blocks = rules.blocks(taser(bluetooth=of_taser), camera(encryption=encryption, bluetooth=of_camera), baseline)

    wrong = [not switch_on, encryption is not Encryption.AES256, of_camera not in enough, of_taser not in enough]
    assert len(blocks) == sum(wrong)
    assert {block.rule for block in blocks} <= {1}
    assert all(block.what and block.mend for block in blocks)


@pytest.mark.parametrize(
    ("said", "refused"),
    [
        ({"model": TaserModel.X2, "sppm": "SP"}, False),
        ({"model": TaserModel.X2, "sppm": None}, True),
        ({"model": TaserModel.X26, "sppm": None}, True),
    ],
)
def test_rule_2_wants_an_x2_with_a_magazine(said: dict[str, Any], refused: bool) -> None:
    assert [block.rule for block in rules.blocks(taser(**said), camera(), BASE)] == [2] * refused


@pytest.mark.parametrize(
    ("clock", "refused"),
    [
        (Clock(), False),
        (Clock(True, 0.0), False),
        (Clock(True, 60.0), False),
        (Clock(True, -60.0), False),
        (Clock(True, 60.01), True),
        (Clock(None, -61.0), True),
        (Clock(False, None), True),
        (Clock(False, 0.0), True),
    ],
)
def test_rule_13_wants_a_clock_within_the_tolerance_of_both(clock: Clock, refused: bool) -> None:
    assert [block.rule for block in rules.blocks(taser(), camera(clock=clock), BASE)] == [13] * refused
    assert [block.rule for block in rules.blocks(taser(clock=clock), camera(), BASE)] == [13] * refused


def test_what_no_report_can_mend_comes_first() -> None:
    off = Baseline(False, BASE.encryption, BASE.bluetooth, BASE.tolerance)
    found = rules.blocks(taser(model=TaserModel.X26, sppm=None), camera(encryption=None, clock=Clock(False)), off)
    assert [block.rule for block in found] == [2, 1, 1, 13]


def refused(answer: Any, rule: int | None) -> dict[str, Any]:
    problem: dict[str, Any] = answer.json
    assert answer.status_code == 409, problem
    assert problem.get("rule") == rule, problem
    assert problem["detail"]
    assert problem["mend"]
    return problem


def test_levels_that_were_typed_do_not_count(armoury: Armoury) -> None:
    sppm = unique("SP")
    serial = armoury.make.camera(encryption="aes256", bluetooth="authenticated")
    x2 = armoury.make.taser(sppm=sppm, bluetooth="authenticated")

    problem = refused(armoury.armourer("POST", "/pairings", {"taser": x2, "camera": serial}), 1)

    assert problem["found"]["device"] == serial
    assert problem["found"]["needed"] == "aes256"
    assert "commissioning" in problem["mend"]


def test_levels_typed_over_reported_ones_count_no_longer(armoury: Armoury, pair: Pair) -> None:
    armoury.it("PATCH", f"/cameras/{pair.camera.serial}", {"encryption": "aes256"}, If_Match="*")
    refused(armoury.ask(pair), 1)


def test_an_x26_and_a_bare_x2_are_refused(armoury: Armoury) -> None:
    serial = armoury.make.camera()
    for x26 in (armoury.make.taser(model=TaserModel.X26), armoury.make.taser()):
        problem = refused(armoury.armourer("POST", "/pairings", {"taser": x26, "camera": serial}), 2)
        assert problem["found"]["taser"] == x26


def test_the_switch_refuses_everybody_until_it_is_on(armoury: Armoury, pair: Pair) -> None:
    assert armoury.it("POST", "/pairings/switch", {"on": False, "reason": "a recall"}).status_code == 200
    try:
        problem = refused(armoury.ask(pair), 1)
        assert (problem["found"]["switch"], problem["mend"]) == ("off", "it")
    finally:
        armoury.it("POST", "/pairings/switch", {"on": True, "reason": "the recall is over"})
    assert armoury.ask(pair).status_code == 201


@pytest.mark.parametrize("said", [{"clock_offset_s": -75.5}, {"fault": Fault.CLOCK_NOT_SET}])
def test_a_cameras_bad_clock_is_refused(armoury: Armoury, pair: Pair, said: dict[str, Any]) -> None:
    armoury.make.report(pair.camera.serial, **said)
    assert refused(armoury.ask(pair), 13)["found"]["device"] == pair.camera.serial


def test_a_refusal_is_kept_in_the_log(armoury: Armoury) -> None:
    x26, serial = armoury.make.taser(model=TaserModel.X26), armoury.make.camera()
    armoury.armourer("POST", "/pairings", {"taser": x26, "camera": serial})

    from_log = api_of(armoury.app)("GET", f"/audit?subject_kind=taser&subject_key={x26}").json

    assert from_log is not None
    entry = from_log["items"][0]
    assert (entry["event"], entry["facts"]["rule"]) == (Event.PAIRING_REFUSED, 2)


@pytest.mark.parametrize(
    ("changed", "rule", "because"),
    [
        ({"camera_encryption": RadioEncryption.AES128}, 1, "level-below-baseline"),
        ({"camera_bluetooth": RadioBluetooth.LEGACY}, 1, "level-below-baseline"),
        ({"taser_bluetooth": RadioBluetooth.LEGACY}, 1, "level-below-baseline"),
        ({"camera_clock_off_s": 90}, 13, "clock-error"),
        ({"taser_clock_off_s": -90}, 13, "clock-error"),
        ({"taser_clock_off_s": None}, 13, "clock-error"),
    ],
)
def test_a_permit_hangs_on_what_is_reported_now_which_suspends_what_is_below_it(
    armoury: Armoury, changed: dict[str, Any], rule: int, because: str
) -> None:
    """The devices' other pairings are suspended too, although nobody looked at them."""
    pair = armoury.active()
    name, value = next(iter(changed.items()))
    device, _, what = name.partition("_")
    other = armoury.commissioned()
    tried = Pair(pair.taser if device == "taser" else other.taser, pair.camera if device == "camera" else other.camera)
    armoury.authorised(tried)
    setattr(getattr(tried, device), what, value)

    answer = armoury.station.permit(tried.job, tried.taser, tried.camera)

    refused(answer, rule)
    assert armoury.state(pair) == ("suspended", because)
    assert armoury.station.end(tried.job, "refused").status_code == 200
    assert armoury.state(tried) == ("revoked", "not-agreed")
    job = (armoury.armourer("GET", f"/pairings/{tried.pairing}").json or {})["job"]
    assert f"This is rule {rule}." in job["detail"]


def test_the_switch_turned_off_in_between_refuses_the_permit(armoury: Armoury, pair: Pair) -> None:
    armoury.authorised(pair)
    armoury.it("POST", "/pairings/switch", {"on": False, "reason": "stop"})
    try:
        refused(armoury.station.permit(pair.job, pair.taser, pair.camera), 1)
    finally:
        armoury.it("POST", "/pairings/switch", {"on": True, "reason": "go on"})
