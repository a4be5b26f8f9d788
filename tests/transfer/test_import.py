"""Import: what is added, changed, left alone; and that a file goes in whole or not at all."""

import pytest
import sqlalchemy as sa

from fleet import transfer
from fleet.actors import Actor, Role
from fleet.cameras.models import Camera
from fleet.errors import Conflict, Forbidden
from fleet.web import Service
from tests.factories import Factory, unique
from tests.transfer import files
from tests.transfer.files import ask, load, log_of, refused


def test_all_five_kinds_go_out_and_come_in_as_the_same_register(empty: Service) -> None:
    files.load_estate(empty)
    for kind, text in files.ESTATE.items():
        with_defaults = text.replace("S3,,,,,", "S3,,,,no,").replace("D3,,", "D3,,6")
        assert files.exported(empty, kind) == with_defaults


def test_the_same_file_twice_changes_nothing(empty: Service) -> None:
    files.load_estate(empty)
    entries = log_of(empty)
    for kind, text in files.ESTATE.items():
        outcome = load(empty, kind, text)
        assert (outcome.added, outcome.changed, outcome.unchanged) == (0, 0, text.count("\n") - 1)
        assert not outcome.notes
        assert not outcome.warnings or "unusual" in outcome.warnings[0]
    assert log_of(empty) == entries
    assert ask(empty, "SELECT max(version) FROM camera") == [(1,)]


def test_every_new_row_and_the_file_are_logged_as_the_pages_log(empty: Service) -> None:
    files.load_estate(empty)
    log = log_of(empty)
    assert ("site.registered", "S1", None, {"stage": "live"}) in log
    assert ("dock.registered", "D1", None, {"site": "S1", "bays": 6}) in log
    assert ("person.registered", "C1", "C1", {"trained_until": "2030-01-31"}) in log
    assert ("camera.registered", "X4", None, {"model": "body-2", "custody": "in_stock"}) in log
    issued = {"model": "body-2", "use": "personal", "custody": "issued"}
    assert ("camera.registered", "X1", "C1", issued) in log
    assert ("taser.registered", "Y1", "C1", {"model": "x2", "sppm": "M1"}) in log
    assert ("register.imported", "cameras", None, {"added": 5, "changed": 0, "unchanged": 0}) in log


def test_only_the_columns_of_the_file_change(empty: Service) -> None:
    files.load_estate(empty)
    before = len(log_of(empty))
    outcome = load(empty, "cameras", "serial,model,firmware,home_dock\nx1,BODY-2,2.0,d2\nX2,flex-2,,D2\n")
    assert (outcome.added, outcome.changed, outcome.unchanged) == (0, 1, 1)
    assert "X1,T1,body-2,personal,1,D2,2.0,aes256" in files.exported(empty, "cameras")
    assert log_of(empty)[before:] == [
        ("camera.changed", "X1", None, {"changed": {"firmware": ["1.0", "2.0"], "home_dock_id": ["D1", "D2"]}}),
        ("register.imported", "cameras", None, {"added": 0, "changed": 1, "unchanged": 1}),
    ]
    assert ask(empty, "SELECT version FROM camera WHERE serial = 'X1'") == [(2,)]


def test_an_empty_cell_empties(empty: Service) -> None:
    files.load_estate(empty)
    load(empty, "people", "collar,team,trained_until\nC1,,\n")
    assert "C1,Ann,,response,S1,\n" in files.exported(empty, "people")
    changed = log_of(empty)[-2][3]["changed"]
    assert changed == {"team_id": ["Blue", None], "trained_until": ["2030-01-31", None]}


def test_what_the_register_cannot_leave_unknown_stays(empty: Service) -> None:
    files.load_estate(empty)
    assert load(empty, "docks", "serial,bays\nD2,\n").unchanged == 1
    assert load(empty, "sites", "code,nte,stage\nS1,,\n").unchanged == 1


def test_unique_values_may_be_swapped(empty: Service) -> None:
    load(empty, "cameras", "serial,asset_tag,model\nX1,T1,body-2\nX2,T2,body-2\nX3,T3,body-2\n")
    assert load(empty, "cameras", "serial,asset_tag,model\nX1,T2,body-2\nX2,T1,body-2\nX3,,body-2\n").changed == 3
    assert ask(empty, "SELECT serial, asset_tag, version FROM camera ORDER BY 1") == [
        ("X1", "T2", 2),
        ("X2", "T1", 2),
        ("X3", None, 2),
    ]


def test_a_dry_run_counts_and_writes_nothing(empty: Service) -> None:
    outcome = load(empty, "people", files.PEOPLE.replace("S1", "").replace("S2", ""), dry_run=True)
    assert outcome.added == 3
    assert files.exported(empty, "people").count("\n") == 1
    assert ask(empty, "SELECT * FROM team") == []
    assert log_of(empty) == []


def test_one_bad_row_keeps_all_others_out(empty: Service) -> None:
    assert refused(empty, "cameras", "serial,model\nX1,body-2\nX2,body-3\n") == [
        "line 3, column model: 'body-3' is not one of body-2, flex-2"
    ]
    assert ask(empty, "SELECT * FROM camera") == []
    assert log_of(empty) == []


def test_holders_get_allocations_and_a_loan_makes_the_personal_camera_rest(empty: Service) -> None:
    files.load_estate(empty)
    found = "SELECT c.serial, a.kind, a.active FROM allocation a JOIN camera c ON c.id = a.camera_id ORDER BY 1"
    assert ask(empty, found) == [("X1", "personal", False), ("X2", "pool", True), ("X5", "pool", True)]
    load(empty, "cameras", "serial,model,use,holder\nX6,body-2,personal,C2\nX7,body-2,personal,C3\n")
    load(empty, "cameras", "serial,model,use,holder\nX8,body-2,pool,C3\n")
    assert ask(empty, found)[3:] == [("X6", "personal", False), ("X7", "personal", False), ("X8", "pool", True)]


@pytest.mark.parametrize("use", ["", "personal"])
def test_of_two_cameras_alike_the_one_that_is_due_back_is_the_loan(empty: Service, use: str) -> None:
    load(empty, "people", "collar\nC1\n")
    load(empty, "cameras", f"serial,model,use,holder,due_back\nX1,body-2,{use},C1,2030-01-01\nX2,body-2,{use},C1,\n")
    assert ask(empty, "SELECT kind FROM allocation ORDER BY camera_id") == [("pool",), ("personal",)]


def test_custody_of_a_known_camera_is_left_and_noted(empty: Service) -> None:
    files.load_estate(empty)
    lines = "X1,body-2,in_stock,,\nX3,body-2,,C3,\nX4,body-2,,,\nX2,flex-2,,C1,2030-01-01T11:00+01:00\n"
    outcome = load(empty, "cameras", "serial,model,custody,holder,due_back\n" + lines)
    assert (outcome.changed, outcome.unchanged) == (0, 4)
    assert outcome.notes[0].startswith("2 cameras have another custody")
    assert outcome.notes[0].endswith(": X1, X3")


def test_a_level_from_a_file_is_no_longer_a_reported_one(empty: Service) -> None:
    load(empty, "cameras", "serial,model,firmware\nX1,body-2,1\nX2,body-2,1\n")
    with empty.database.engine.begin() as connection:
        connection.exec_driver_sql("UPDATE camera SET levels_reported_at = now()")
    load(empty, "cameras", "serial,model,firmware,phase\nX1,body-2,2,\nX2,body-2,1,2\n")
    assert ask(empty, "SELECT serial FROM camera WHERE levels_reported_at IS NULL") == [("X1",)]


def test_a_stage_is_a_step_of_the_site(empty: Service) -> None:
    files.load_estate(empty)
    before = len(log_of(empty))
    load(empty, "sites", "code,stage\nS2,network_ready\nS3,live\n")
    assert log_of(empty)[before:-1] == [
        ("site.stage-reached", "S2", None, {"stage": "network_ready", "was": "surveyed"}),
        ("site.stage-reached", "S3", None, {"stage": "live", "was": "candidate"}),
    ]
    steps = "SELECT code, site_step.stage FROM site_step JOIN site ON site.id = site_id ORDER BY 1"
    assert ask(empty, steps) == [("S2", "network_ready"), ("S3", "live")]


def test_unusual_serials_are_counted_and_let_in(empty: Service) -> None:
    outcome = load(empty, "cameras", "serial,model\nX81234567,body-2\n" + "".join(f"N{n},body-2\n" for n in range(7)))
    assert outcome.warnings == ["7 unusual serials, not like the maker's: N0, N1, N2, N3, N4, …"]


@pytest.mark.parametrize(
    ("kind", "text", "warnings"),
    [
        ("cameras", "serial,model\nN0,body-2\n", ["1 unusual serial, not like the maker's: N0"]),
        ("tasers", "serial,model\nN0,x2\n", ["1 unusual serial, not like the maker's: N0"]),
        ("docks", "serial\nN0\n", []),
    ],
)
def test_only_what_has_a_makers_serial_is_warned_of(empty: Service, kind: str, text: str, warnings: list[str]) -> None:
    assert load(empty, kind, text).warnings == warnings


def test_several_files_fit_into_one_transaction(empty: Service) -> None:
    with empty.database.transaction() as session:
        add = transfer.loader(session, files.TESTER, now=files.utc_now())
        add("sites", iter([{"code": "S1", "name": "=1"}, {"code": "S2", "name": ""}]))
        add("docks", [{"serial": "D1", "site": "S2"}])
    assert files.exported(empty, "docks") == "serial,site,bays\nD1,S2,6\n"


def test_recording_an_estate_takes_the_right_to(empty: Service) -> None:
    clerk = Actor("account:clerk", Role.STORE)
    with empty.database.transaction() as session, pytest.raises(Forbidden):
        transfer.load(session, clerk, "cameras", open_nothing(), now=files.utc_now())


def open_nothing() -> files.io.BytesIO:
    return files.io.BytesIO(b"serial,model\n")


def test_it_fits_beside_what_the_counter_did(app: Service, make: Factory) -> None:
    serial, collar = make.issued()
    text = files.exported(app, "cameras")
    line = next(line for line in text.splitlines() if line.startswith(serial))
    assert f",issued,{collar},20" in line
    outcome = load(app, "cameras", text)
    assert outcome.added == outcome.changed == 0
    assert not outcome.notes


def test_the_counter_goes_on_with_what_does_not_change(app: Service, make: Factory) -> None:
    busy, changed, collar = make.camera(), make.camera(), make.officer()
    text = f"serial,model,firmware\n{busy},body-2,\n{changed},body-2,9.9\n".encode()
    with app.database.transaction() as session:
        transfer.load(session, files.TESTER, "cameras", files.io.BytesIO(text), now=files.utc_now())
        # Not committed yet: the row that changes is locked, the other is not.
        make.issued(busy, collar)
        with app.database.transaction() as other:
            locked = (
                sa.select(Camera.serial).where(Camera.serial.in_([busy, changed])).with_for_update(skip_locked=True)
            )
            assert other.scalars(locked).all() == [busy]


def test_a_register_that_changed_meanwhile_is_a_refusal_in_words(app: Service, make: Factory) -> None:
    serial = unique("X")

    def somebody_else(doing: str, _read: int) -> None:
        if doing == "Writing":
            make.camera(serial=serial)

    with pytest.raises(Conflict, match="run it again"):
        load(app, "cameras", f"serial,model\n{serial},body-2\n", watch=somebody_else)
    assert load(app, "cameras", f"serial,model\n{serial},body-2\n").unchanged == 1
