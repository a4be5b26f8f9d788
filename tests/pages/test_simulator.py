"""The simulator's page: what is going on, what can be done, and orders that go to the simulation."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from fleet.actors import Role
from fleet.clock import iso, utc_now
from fleet.demonstration import simulator
from fleet.pairings import stations
from fleet.web import Service
from tests.pages.conftest import Person, signed_in, text_of

PAIR: dict[str, Any] = {
    "number": 0, "taser": "X2-1", "sppm": "SP-1", "safety": "safe", "taser_battery": 90, "camera": "CAM-1",
    "mode": "ready", "camera_battery": 80, "docked": False, "away": False, "swapped": False, "paired": True,
    "recordings": 2, "last": {"kind": "arc", "latency_ms": 10.2},
}  # fmt: skip


@pytest.fixture
def folder(app: Service) -> Iterator[Path]:
    """The simulation's folder, as it is before it began."""
    made = app.fleet_settings.var / simulator.FOLDER
    simulator.write(made, {"service": "http://127.0.0.1", "code": "code", "pairs": []})
    yield made
    for path in made.rglob("*.json"):
        path.unlink()


@pytest.fixture
def armourer(app: Service) -> Person:
    return signed_in(app, Role.ARMOURER)


def says(folder: Path, **about: Any) -> None:
    state = {"at": iso(utc_now()), "station": "ARMOURY-1", "error": "", "pairs": [PAIR | about], "news": []}
    (folder / "state.json").write_text(json.dumps(state))


def orders(folder: Path) -> list[dict[str, Any]]:
    return [json.loads(path.read_text()) for path in sorted((folder / "orders").glob("*.json"))]


def test_it_shows_what_is_going_on(folder: Path, armourer: Person) -> None:
    says(folder)
    read = armourer.reads("/simulator")
    assert "X2-1 and CAM-1" in read
    assert "arc, 10.2 ms after it happened" in read


def test_a_simulation_that_does_not_run_is_said_not_to(folder: Path, armourer: Person) -> None:
    assert "does not run" in armourer.reads("/simulator")
    says(folder)
    stale = json.loads((folder / "state.json").read_text()) | {"at": "2018-06-01T12:00:00Z"}
    (folder / "state.json").write_text(json.dumps(stale))
    assert "does not run" in armourer.reads("/simulator/state")
    assert armourer.post("/simulator/0/fire").status_code == 409
    assert orders(folder) == []


def test_an_act_is_an_order_to_the_simulation(folder: Path, armourer: Person) -> None:
    says(folder)
    for act in ("fire", "camera-off", "walk-off", "swap"):
        assert armourer.post(f"/simulator/0/{act}").status_code == 303
    assert orders(folder) == [{"act": act, "pair": 0} for act in ("fire", "camera-off", "walk-off", "swap")]


def test_only_what_makes_sense_now_is_offered(folder: Path, armourer: Person) -> None:
    says(folder, mode="off")
    assert "Switch camera on" in armourer.reads("/simulator")
    says(folder, mode="recording", safety="armed")
    read = armourer.reads("/simulator")
    assert "Stop recording" in read
    assert "Make safe" in read
    assert "Switch camera on" not in read


def test_what_nobody_can_do_is_not_found(folder: Path, armourer: Person) -> None:
    says(folder)
    assert armourer.post("/simulator/0/melt").status_code == 404


def test_it_is_the_demonstrations_alone(
    app: Service, folder: Path, armourer: Person, monkeypatch: pytest.MonkeyPatch
) -> None:
    says(folder)
    monkeypatch.setattr(app, "fleet_settings", replace(app.fleet_settings, demonstration=False))
    response = armourer.get("/simulator")
    assert response.status_code == 404
    assert "X2-1" not in text_of(response)


def test_a_plan_enrols_the_station_with_a_fresh_code_and_stays_private(empty: Service, folder: Path) -> None:
    for _ in range(2):
        now = utc_now()
        with empty.database.transaction() as session:
            simulator.prepare(session, now=now)
            found = simulator.plan(session, folder, url="http://127.0.0.1:8000", now=now)
        simulator.write(folder, found)
    with empty.database.reading() as session:
        assert stations.get(session, simulator.STATION, now=utc_now())["state"] == "waiting"
    assert (folder / "plan.json").stat().st_mode & 0o777 == 0o600
    assert json.loads((folder / "plan.json").read_text())["code"]
