"""``python -m ble simulate``, and the reaches of the radio in sizes that a test can afford."""

import json
from typing import Any

import pytest
from click.testing import CliRunner

from ble.__main__ import main
from ble.air.radio import Radio
from ble.air.scene import CAPTURE_DB, Outcome, Scene, run
from ble.air.simulate import PERIOD_S, report


def _simulated(*arguments: str) -> dict[str, Any]:
    result = CliRunner().invoke(main, ["simulate", "--json", *arguments])
    assert result.exit_code == 0, result.output
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def _run(scene: Scene) -> Outcome:
    return list(run(scene))[-1]


def test_the_json_has_what_others_rely_on() -> None:
    found = _simulated("--pairs", "3", "--events", "20", "--loss", "0.1", "--tasers-at-once", "2", "--seed", "4")

    assert found["events"] == found["captured"] + sum(found["missed"].values()) == 20
    assert found["false_accepts"] == 0
    assert found["latency_ms"].keys() == {"p50", "p95", "p99", "max"}
    assert found["parameters"].keys() >= {"scan", "burst", "radio"}
    assert found["packets"] > 20
    assert found["wall_s"] >= 0


def test_the_same_seed_gives_the_same_result_and_another_seed_another() -> None:
    arguments = ("--pairs", "5", "--events", "50", "--loss", "0.5", "--tasers-at-once", "5")
    first, again, other = (_simulated(*arguments, "--seed", seed) for seed in ("9", "9", "10"))

    assert {**first, "wall_s": 0} == {**again, "wall_s": 0}
    assert first["latency_ms"] != other["latency_ms"]


def test_without_json_it_is_a_table() -> None:
    result = CliRunner().invoke(main, ["simulate", "--events", "5"])

    assert result.exit_code == 0
    assert "false accepts" in result.stdout
    assert "latency p99" in result.stdout


@pytest.mark.parametrize(
    "arguments",
    [
        ("--pairs", "0"),
        ("--events", "0"),
        ("--loss", "1.5"),
        ("--tasers-at-once", "-1"),
        ("--capture-db", "loud"),
        ("--scan-window-ms", "61"),
    ],
)
def test_what_cannot_be_simulated_is_refused(arguments: tuple[str, str]) -> None:
    result = CliRunner().invoke(main, ["simulate", *arguments])

    assert result.exit_code == 2
    assert arguments[0] in result.output


@pytest.mark.parametrize(
    ("scene", "reason"),
    [
        (Scene(events=3, camera_m=11.0), "out of range"),
        (Scene(events=3, radio=Radio(loss=1.0)), "packets lost"),
        (Scene(events=3, scan_window_s=0.0003), "not listening"),
        (Scene(events=3, pairs=1, at_once=200, radio=Radio(capture_db=None), within_s=0.02), "collided"),
    ],
)
def test_a_missed_event_has_its_reason(scene: Scene, reason: str) -> None:
    outcome = _run(scene)

    assert outcome.missed == {reason: 3}
    assert outcome.percentile(0.5) is None
    assert report(scene, outcome, wall_s=0)["captured"] == 0


def test_pairs_beyond_those_that_fire_take_turns() -> None:
    assert _run(Scene(pairs=10, events=40, at_once=4)).captured == 40


def test_tasers_beyond_the_pairs_have_no_camera_there() -> None:
    outcome = _run(Scene(pairs=2, events=10, at_once=30))

    assert outcome.events == 10
    assert outcome.verdicts["foreign"] > 0


@pytest.mark.parametrize("window_s", [0.06, 0.03])
def test_one_pair_records_within_30_ms_at_the_median_and_100_at_the_99th_percentile(window_s: float) -> None:
    outcome = _run(Scene(events=3_000, scan_window_s=window_s))

    assert outcome.captured == 3_000
    assert (outcome.percentile(0.5) or 999) <= 30
    assert (outcome.percentile(0.99) or 999) <= 100


def test_an_event_is_backdated_to_within_what_one_refresh_leaves_open() -> None:
    outcome = _run(Scene(events=500, pairs=50, at_once=50, radio=Radio(capture_db=CAPTURE_DB, loss=0.5)))

    assert outcome.backdated_ms <= 101


def test_among_a_hundred_at_once_with_half_the_packets_lost_nearly_all_are_recorded_within_a_second() -> None:
    outcome = _run(Scene(pairs=100, at_once=100, events=2_000, radio=Radio(capture_db=CAPTURE_DB, loss=0.5)))

    assert outcome.within(1.0) >= 0.999
    assert outcome.within(3.0) == 1.0
    assert outcome.false_accepts == 0


def test_without_capture_a_hundred_at_once_come_to_95_percent_of_the_aloha_bound() -> None:
    radio = Radio(capture_db=None, loss=0.5)
    scene = Scene(pairs=100, at_once=100, events=400, radio=radio)

    found = report(scene, _run(scene), wall_s=0)

    bound = found["bounds"]["aloha_within"]["3s"]
    assert found["captured_within"]["3s"] >= 0.95 * bound
    assert bound == pytest.approx(1 - (1 - 0.5 * 0.0508) ** (3 / PERIOD_S), abs=0.01)
