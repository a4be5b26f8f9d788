"""Adding one thing to the register and changing what is written about it."""

import re

import pytest

from fleet.actors import Role
from fleet.web import Service
from tests.factories import Factory, unique
from tests.pages.conftest import Person, signed_in, text_of

NEW = [
    ("/cameras", "serial", {"model": "body-2", "use": "pool", "phase": "2", "asset_tag": ""}),
    ("/people", "collar", {"name": "Jo", "function": "traffic", "trained_until": "2031-05-01"}),
    ("/sites", "code", {"name": "North", "nte": "true"}),
    ("/docks", "serial", {"bays": "1"}),
    ("/tasers", "serial", {"model": "x2", "bluetooth": "legacy"}),
]


def version_in(text: str) -> str:
    found = re.search(r'name="version" value="(\d+)"', text)
    assert found is not None
    return found[1]


@pytest.mark.parametrize(("path", "key", "typed"), NEW)
def test_a_new_one_is_shown_after_it_was_added(admin: Person, path: str, key: str, typed: dict[str, str]) -> None:
    identifier = unique("n")
    response = admin.post(f"{path}/new", **typed, **{key: identifier.lower()})

    assert response.status_code == 303
    assert response.location == f"{path}/{identifier.upper()}"
    assert "was added" in admin.reads(response.location)


@pytest.mark.parametrize(("path", "key", "typed"), NEW)
def test_one_that_is_there_already_is_refused_and_what_was_typed_is_kept(
    admin: Person, path: str, key: str, typed: dict[str, str]
) -> None:
    identifier = unique("N")
    admin.post(f"{path}/new", **typed, **{key: identifier})

    response = admin.post(f"{path}/new", **typed, **{key: identifier})

    assert response.status_code == 409
    assert f'value="{identifier}"' in response.text
    assert f"has this {key}" in text_of(response)


@pytest.mark.parametrize(("path", "key"), [(path, key) for path, key, _ in NEW])
def test_a_form_without_its_identifier_says_so_by_its_label(admin: Person, path: str, key: str) -> None:
    response = admin.post(f"{path}/new", **{key: " "})

    assert response.status_code == 422
    assert "is missing." in text_of(response)
    assert f'href="#{key}"' in response.text


def test_every_wrong_field_is_named_at_once(admin: Person) -> None:
    response = admin.post("/cameras/new", serial="x" * 70, model="body-9", phase="two", home_dock=unique("NO"))

    said = text_of(response)
    assert response.status_code == 422
    for part in ("longer than 64", "Model: Must be one of", "Phase must be a whole number."):
        assert part in said
    assert 'value="two"' in response.text


def test_a_dock_that_is_not_in_the_register_is_named_at_its_field(admin: Person) -> None:
    response = admin.post("/cameras/new", serial=unique("X"), model="body-2", home_dock="NO-SUCH")

    assert response.status_code == 422
    assert "There is no dock NO-SUCH in the register." in text_of(response)
    assert 'href="#home_dock"' in response.text


def test_a_change_is_saved_and_an_emptied_field_is_unknown(admin: Person, make: Factory) -> None:
    serial = make.camera(asset_tag=unique("A"))
    form = admin.get(f"/cameras/{serial}/edit").text

    response = admin.post(
        f"/cameras/{serial}/edit", version=version_in(form), asset_tag="", use="personal", firmware="1.12.0"
    )

    assert response.status_code == 303
    page = admin.reads(f"/cameras/{serial}")
    assert "Asset tag –" in page
    assert "Firmware 1.12.0" in page


def test_a_stale_form_shows_both_values_and_loses_nothing(admin: Person, make: Factory) -> None:
    collar = make.officer(name="Was", team="Alpha")
    version = version_in(admin.get(f"/people/{collar}/edit").text)
    admin.post(f"/people/{collar}/edit", version=version, name="Theirs", team="Alpha")

    stale = admin.post(f"/people/{collar}/edit", version=version, name="Mine", team="Alpha")

    assert stale.status_code == 409
    assert "Name is “Theirs” now. You have “Mine”." in text_of(stale)
    assert 'value="Mine"' in stale.text
    assert "Team is" not in text_of(stale)
    assert "Theirs" in admin.reads(f"/people/{collar}")

    again = admin.post(f"/people/{collar}/edit", version=version_in(stale.text), name="Mine", team="Alpha")
    assert again.status_code == 303
    assert "Mine" in admin.reads(f"/people/{collar}")


def test_a_form_with_another_fault_does_not_hide_that_it_is_stale(admin: Person, make: Factory) -> None:
    collar = make.officer(name="Was")
    version = version_in(admin.get(f"/people/{collar}/edit").text)
    admin.post(f"/people/{collar}/edit", version=version, name="Theirs")

    bad = admin.post(f"/people/{collar}/edit", version=version, name="Mine", trained_until="soon")
    mended = admin.post(f"/people/{collar}/edit", version=version_in(bad.text), name="Mine", trained_until="")

    assert bad.status_code == 422
    assert mended.status_code == 409
    assert "Theirs" in admin.reads(f"/people/{collar}")


def test_a_choice_is_told_in_its_words(admin: Person, make: Factory) -> None:
    serial = make.camera()
    version = version_in(admin.get(f"/cameras/{serial}/edit").text)
    admin.post(f"/cameras/{serial}/edit", version=version, use="reserve", bluetooth="secure-connections")

    stale = text_of(admin.post(f"/cameras/{serial}/edit", version=version, use="pool", bluetooth=""))

    assert "Use is “Reserve” now. You have “Pool”." in stale
    assert "Bluetooth is “Secure connections” now. You have empty." in stale


@pytest.mark.parametrize("version", ["", "x", "-1"])
def test_a_form_that_does_not_say_what_it_was_made_from_is_stale(admin: Person, make: Factory, version: str) -> None:
    site = make.site()

    assert admin.post(f"/sites/{site}/edit", version=version, name="New").status_code == 409


def test_rule_2_an_x26_takes_no_sppm(admin: Person) -> None:
    response = admin.post("/tasers/new", serial=unique("T"), model="x26", sppm=unique("P"))

    assert response.status_code == 409
    assert "This is rule 2." in text_of(response)


def test_whoever_may_not_edit_finds_no_way_in(app: Service, make: Factory) -> None:
    auditor, serial = signed_in(app, Role.AUDITOR), make.camera()

    page = auditor.get(f"/cameras/{serial}")
    assert "/edit" not in page.text
    assert '<form method="post" action="/cameras' not in page.text
    assert auditor.get(f"/cameras/{serial}/edit").status_code == 403
    assert auditor.post(f"/cameras/{serial}/move", **{"move-custody": "quarantined"}).status_code == 403


def test_rule_3_a_site_reaches_its_next_stage_with_a_note(admin: Person, make: Factory) -> None:
    site = make.site()

    done = admin.post(f"/sites/{site}/stage", stage="surveyed", note="two sockets")
    skipped = admin.post(f"/sites/{site}/stage", stage="live", note="in a hurry")

    assert done.status_code == 303
    assert "Surveyed" in admin.reads(f"/sites/{site}")
    assert skipped.status_code == 409
    assert "This is rule 3." in text_of(skipped)
    assert "Who can mend it: Estates." in text_of(skipped)
    assert "in a hurry" in skipped.text
    assert "two sockets" in skipped.text


def test_a_form_without_its_token_is_refused(app: Service, admin: Person, make: Factory) -> None:
    serial = make.camera()
    app.config["WTF_CSRF_ENABLED"] = True
    try:
        refused = admin.post(f"/cameras/{serial}/move", **{"move-custody": "quarantined"})
        page = admin.get(f"/cameras/{serial}").text
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token is not None
        done = admin.post(f"/cameras/{serial}/move", **{"move-custody": "quarantined", "csrf_token": token[1]})
    finally:
        app.config["WTF_CSRF_ENABLED"] = False

    assert refused.status_code == 400
    assert done.status_code == 303
