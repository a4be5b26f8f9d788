"""One camera's page: what is known, what stands in its way, and the acts."""

from datetime import date, timedelta

from fleet.actors import Role
from fleet.cameras.states import Fault, Use
from fleet.custody.models import IssueKind
from fleet.sites.service import DOCKS
from fleet.web import Service
from tests.factories import Factory
from tests.pages.conftest import Person, signed_in, text_of


def lapsed(make: Factory) -> str:
    return make.officer(trained_until=date.today() - timedelta(days=1))  # noqa: DTZ011


def test_a_page_says_all_that_stands_in_the_way_and_who_can_mend_it(admin: Person, make: Factory) -> None:
    serial, collar = make.issued()
    make.report(serial, fault=Fault.MEMORY_FULL, battery_percent=40, clock_offset_s=900.0, unoffloaded=2)

    page = admin.reads(f"/cameras/{serial}")

    for part in (
        f"Out to {collar}; return it first to issue it again.",
        "memory-full",
        "40%",
        "off by 900 s",
        "2 recordings",
        "Store.",
        "IT.",
        "(rule 13)",
    ):
        assert part in page
    assert "Camera issued" in page
    assert "(rule 7)" not in page


def test_that_a_camera_is_out_is_no_alarm(admin: Person, make: Factory) -> None:
    serial, collar = make.issued()

    page = admin.reads(f"/cameras/{serial}")

    assert f"Out to {collar}; return it first to issue it again." in page
    assert "What stops it now" not in page
    assert "Nothing stops it" not in page


def test_a_camera_in_stock_is_ready_and_out_to_nobody(admin: Person, make: Factory) -> None:
    page = admin.reads(f"/cameras/{make.camera()}")

    assert "Nothing stops it from being issued now." in page
    assert "Out to" not in page


def test_what_stops_a_camera_that_nobody_has_stays_an_alarm(admin: Person, make: Factory) -> None:
    serial = make.camera()
    make.report(serial, battery_percent=40)

    page = admin.reads(f"/cameras/{serial}")

    assert "What stops it now, and who can mend it" in page
    assert "40%" in page


def test_recorded_levels_are_not_taken_for_reported_ones(admin: Person, make: Factory) -> None:
    serial = make.camera(firmware="1.9.18")

    assert "The camera has not reported them" in admin.reads(f"/cameras/{serial}")


def test_a_camera_is_issued_and_returned_on_its_page(admin: Person, make: Factory) -> None:
    serial, collar = make.camera(), make.officer()

    issued = admin.post(f"/cameras/{serial}/issue", **{"issue-collar": collar.lower(), "issue-kind": "pool"})
    assert issued.status_code == 303
    assert f"was issued to {collar}" in admin.reads(f"/cameras/{serial}")

    back = admin.post(f"/cameras/{serial}/return", **{"return-condition": "faulty", "return-note": "lens"})
    assert back.status_code == 303
    page = admin.reads(f"/cameras/{serial}")
    assert "Quarantined" in page
    assert "Note: lens" in page


def test_a_due_time_is_typed_in_local_time(admin: Person, make: Factory) -> None:
    serial, collar = make.camera(), make.officer()

    admin.post(
        f"/cameras/{serial}/issue",
        **{"issue-collar": collar, "issue-kind": "pool", "issue-due_back": "2099-07-01T14:05"},
    )

    assert "1 July 2099, 2:05pm" in admin.reads(f"/cameras/{serial}")


def test_a_refused_issue_says_rule_facts_and_mender_and_keeps_what_was_typed(app: Service, make: Factory) -> None:
    store, serial, collar = signed_in(app, Role.STORE), make.camera(), lapsed(make)

    response = store.post(f"/cameras/{serial}/issue", **{"issue-collar": collar, "issue-kind": "pool"})

    said = text_of(response)
    assert response.status_code == 409
    for part in ("This is rule 4.", "Trained until: ", "Who can mend it: Supervisor.", "There is a problem"):
        assert part in said
    assert f'value="{collar}"' in response.text
    assert "In stock" in store.reads(f"/cameras/{serial}")


def test_a_refusal_that_is_evidence_is_in_the_log_although_the_page_is_shown(
    app: Service, admin: Person, make: Factory
) -> None:
    store, serial, collar = signed_in(app, Role.STORE), make.camera(), lapsed(make)

    store.post(f"/cameras/{serial}/issue", **{"issue-collar": collar, "issue-kind": "pool"})

    entry = admin.reads(f"/audit?event=camera.issue-refused&officer={collar}")
    assert serial in entry
    assert "Rule: 4" in entry


def test_a_supervisor_overrides_with_a_reason_and_a_clerk_is_not_asked_for_one(app: Service, make: Factory) -> None:
    serial, collar = make.camera(), lapsed(make)
    store, supervisor = signed_in(app, Role.STORE), signed_in(app, Role.SUPERVISOR)
    typed = {"issue-collar": collar, "issue-kind": "pool", "issue-override_reason": "major incident"}

    assert "override" not in store.reads(f"/cameras/{serial}")
    assert store.post(f"/cameras/{serial}/issue", **typed).status_code == 403
    assert supervisor.post(f"/cameras/{serial}/issue", **typed).status_code == 303
    assert "major incident" in supervisor.reads(f"/audit?event=rule.overridden&officer={collar}")
    page = supervisor.reads(f"/cameras/{serial}")
    assert "Rule overridden" in page
    assert "Reason: major incident" in page


def test_only_the_steps_that_are_possible_by_hand_are_offered(admin: Person, make: Factory) -> None:
    serial = make.camera()

    page = admin.get(f"/cameras/{serial}").text
    assert '<option value="quarantined"' in page
    assert '<option value="disposed"' not in page

    assert admin.post(f"/cameras/{serial}/move", **{"move-custody": "quarantined"}).status_code == 303
    assert '<option value="in_stock"' in admin.get(f"/cameras/{serial}").text
    refused = admin.post(f"/cameras/{serial}/move", **{"move-custody": "disposed"})
    assert refused.status_code == 409
    assert "This is rule 9." in text_of(refused)


def test_a_condition_must_be_chosen(admin: Person, make: Factory) -> None:
    serial, _ = make.issued()

    response = admin.post(f"/cameras/{serial}/return", **{"return-condition": ""})

    assert response.status_code == 422
    assert "Condition is missing." in text_of(response)
    assert 'href="#return-condition"' in response.text


def test_what_a_personal_camera_needs_is_judged_as_a_personal_issue(admin: Person, make: Factory) -> None:
    serial = make.camera(use=Use.PERSONAL)
    make.issued(serial, kind=IssueKind.PERSONAL)
    make.report(serial, unoffloaded=1)

    assert "(rule 10)" in admin.reads(f"/cameras/{serial}")


def test_a_page_of_an_officer_shows_kit_training_and_history(admin: Person, make: Factory) -> None:
    serial, collar = make.issued(collar=make.officer(name="Jo Example"))
    taser = make.taser(holder=collar)

    page = admin.reads(f"/people/{collar}")

    for part in ("Jo Example", serial, taser, "Until ", "Not yet"):
        assert part in page


def test_a_dock_shows_what_sits_in_it_and_what_belongs_there(admin: Person, make: Factory) -> None:
    dock = make.dock()
    homed, sitting = make.camera(home_dock=dock), make.camera()
    with make.database.transaction() as session:
        number = DOCKS.get(session, dock).id
    make.report(sitting, dock_id=number, bay=3, battery_percent=88)

    page = admin.reads(f"/docks/{dock}")

    assert homed in page
    assert f"3 {sitting}" in page
    assert "88%" in page
