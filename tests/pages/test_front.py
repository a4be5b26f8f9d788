"""The front page by role, and an officer's own kit."""

import re
from datetime import date, timedelta

import pytest

from fleet.actors import Role
from fleet.cameras.states import Bluetooth, Encryption, Fault
from fleet.custody import service as custody
from fleet.custody.models import Condition, IssueKind
from fleet.pages.front import older_than_newest
from fleet.sites.stages import Stage
from fleet.web import Service
from tests.factories import Factory, now
from tests.pages.conftest import Person, signed_in


@pytest.fixture
def force(empty: Service) -> Service:
    """A small force in which something of everything is the matter."""
    make = Factory(empty.database)
    make.site(code="CAND", nte=True)
    make.site(code="LIVE", stage=Stage.LIVE)
    make.dock(serial="LOOSE")
    make.taser(serial="BARE")
    make.camera(serial="BEHIND", firmware="1.9.1", encryption=Encryption.NONE, bluetooth=Bluetooth.LEGACY)
    make.camera(serial="AHEAD", firmware="1.10.0", encryption=Encryption.AES256, bluetooth=Bluetooth.AUTHENTICATED)
    soon = make.officer(collar="SOON", trained_until=date.today() + timedelta(days=9))  # noqa: DTZ011
    late = custody.Issue(make.camera(serial="LATE"), soon, IssueKind.POOL, due_back=now() - timedelta(hours=1))
    with empty.database.transaction() as session:
        custody.issue(session, make.actor, late, policy=make.policy, now=now() - timedelta(hours=2))
    make.issued(make.camera(serial="DUE"), due_back=now() + timedelta(hours=1))
    make.report("DUE", fault=Fault.ERROR)
    make.issued(make.camera(serial="FAULTY"))
    with empty.database.transaction() as session:
        custody.take_back(session, make.actor, "FAULTY", Condition.FAULTY, policy=make.policy, now=now())
    return empty


EXPECTED = {
    Role.STORE: ["Overdue cameras", "Due back within two hours", "Quarantined cameras", "Open the counter", "LATE"],
    Role.IT: ["Cameras that report a fault", "Cameras without encryption", "legacy Bluetooth", "on firmware 1.9.1"],
    Role.ESTATES: ["Sites at candidate", "Next: surveyed", "Night-time economy first: 1", "Docks without a site"],
    Role.SUPERVISOR: ["training ends within 30 days"],
    Role.ARMOURER: ["X2 without a magazine"],
    Role.AUDITOR: ["Look something up in the log"],
}


@pytest.mark.parametrize("role", EXPECTED)
def test_each_role_sees_what_it_is_for(force: Service, role: Role) -> None:
    page = signed_in(force, role).reads("/")

    for part in EXPECTED[role]:
        assert part in page


@pytest.mark.parametrize("role", EXPECTED)
def test_a_count_is_the_number_of_the_list_it_leads_to(force: Service, role: Role) -> None:
    person = signed_in(force, role)
    matters = re.findall(
        r'govuk-task-list__link"\s+href="([^"]+)".*?govuk-tag--(?:red|blue)">\s*([\d,]+)',
        person.get("/").text,
        re.DOTALL,
    )

    assert matters or role is Role.AUDITOR
    for href, number in matters:
        listed = person.reads(href.replace("&amp;", "&"))
        if href == "/jobs":
            assert "Nobody runs the jobs." in listed
            continue
        assert re.search(rf"\b{number} (cameras?|sites?|docks?|Tasers?|pairings?|stations?|entr)", listed), href


def test_nothing_the_matter_is_said(empty: Service) -> None:
    Factory(empty.database).camera()

    assert "Nothing needs your attention" in signed_in(empty, Role.STORE).reads("/")


def test_an_officer_sees_their_own_kit_alone(app: Service, make: Factory) -> None:
    serial, collar = make.issued()
    other, _ = make.issued()
    officer = signed_in(app, Role.OFFICER, collar)

    for path in ("/", "/me"):
        page = officer.get(path)
        assert serial in page.text
        assert other not in page.text
        assert "/cameras" not in page.text
    assert officer.get(f"/cameras/{serial}").status_code == 403


def test_an_overdue_loan_is_marked_on_the_officers_own_page(force: Service) -> None:
    assert "Overdue" in signed_in(force, Role.OFFICER, "SOON").reads("/me")


def test_a_resting_personal_camera_says_so(app: Service, make: Factory) -> None:
    _, collar = make.issued(kind=IssueKind.PERSONAL)
    make.issued(collar=collar)

    assert "resting while a loan is out" in signed_in(app, Role.OFFICER, collar).reads("/me")


def test_an_account_without_an_officer_is_told_why_it_has_no_kit(admin: Person, app: Service) -> None:
    assert "This account belongs to no officer" in admin.reads("/me")
    assert "is not in the register" in signed_in(app, Role.OFFICER, "NO-SUCH").reads("/me")


def test_the_navigation_leads_only_where_somebody_may_go(app: Service) -> None:
    for role in (Role.STORE, Role.OFFICER, Role.AUDITOR, Role.ADMIN):
        person = signed_in(app, role)
        links = re.findall(r'govuk-service-navigation__link" href="([^"]+)"', person.get("/me").text)
        assert links
        assert [person.get(link).status_code for link in links] == [200] * len(links)


def test_nobody_is_sent_to_sign_in(app: Service) -> None:
    response = app.test_client().get("/cameras?q=x")

    assert response.status_code == 302
    assert response.location == "/sign-in?next=/cameras%3Fq%3Dx"


def test_the_newest_version_is_found_number_by_number() -> None:
    assert older_than_newest(["1.9.18", "1.10.2", "1.10"]) == {"1.9.18", "1.10"}
    assert older_than_newest([]) == set()
