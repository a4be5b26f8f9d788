"""The armoury's pages: scan, scan, and what refuses it; stations for IT; the switch; activations."""

import re

import pytest

from fleet.actors import Role
from tests.factories import unique
from tests.pages.conftest import Person, signed_in, text_of
from tests.pairings.conftest import Armoury, Pair


@pytest.fixture
def armourer(armoury: Armoury) -> Person:
    return signed_in(armoury.app, Role.ARMOURER)


@pytest.fixture
def it(armoury: Armoury) -> Person:
    return signed_in(armoury.app, Role.IT)


def test_two_scans_make_a_pairing_in_either_order(armourer: Person, armoury: Armoury) -> None:
    for first, second in ((0, 1), (1, 0)):
        pair = armoury.commissioned()
        scans = [pair.taser.taser, pair.camera.serial]
        kept = armourer.post("/armoury", scanned=scans[first].lower(), station=armoury.station.name)
        assert scans[first] in armourer.reads(kept.location)
        page = armourer.get(kept.location).text
        hidden = dict(re.findall(r'name="(taser|camera)" value="([^"]*)"', page))

        made = armourer.post("/armoury", scanned=scans[second], station=armoury.station.name, **hidden)

        assert "Waiting for the station" in armourer.reads(made.location)
        job = armoury.station.next()
        assert job is not None
        armoury.station.end(job["id"], "failed")


def test_a_magazine_or_an_asset_tag_names_its_device(armourer: Person, armoury: Armoury, pair: Pair) -> None:
    kept = armourer.post("/armoury", scanned=pair.taser.serial)
    assert f"taser={pair.taser.taser}" in kept.location


def test_an_unknown_scan_is_said_and_asks_again(armourer: Person) -> None:
    answer = armourer.post("/armoury", scanned="NOBODYS-1")

    assert answer.status_code == 422
    assert "is called NOBODYS-1" in text_of(answer)


def test_a_refusal_names_the_rule_what_was_found_and_who_mends_it(armourer: Person, armoury: Armoury) -> None:
    taser, camera = armoury.make.taser(sppm=unique("SP")), armoury.make.camera(encryption="aes256")

    answer = armourer.post("/armoury", scanned=camera, taser=taser)

    said = text_of(answer)
    assert answer.status_code == 409
    assert "has not reported its encryption level itself" in said
    assert "This is rule 1." in said
    assert "Needed: aes256" in said
    assert "Who can mend it: Armourer, by commissioning it." in said


def test_the_live_part_says_nothing_when_nothing_is_new(armourer: Person, armoury: Armoury, pair: Pair) -> None:
    armoury.authorised(pair)
    part = armourer.get(f"/pairings/{pair.pairing}/live")
    asks = re.search(r'hx-get="([^"]+)"', part.text)
    assert asks is not None

    assert armourer.get(asks[1]).status_code == 204
    step = {"number": 1, "step": "connect-taser", "state": "begun", "at": "2026-11-25T08:00:00Z"}
    assert armoury.station("POST", f"/stations/jobs/{pair.job}/steps", step).status_code == 200
    assert "Connect taser" in text_of(armourer.get(asks[1]))


def test_a_pairing_that_has_ended_asks_no_more_and_says_how(armourer: Person, armoury: Armoury) -> None:
    pair = armoury.active()

    page = armourer.get(f"/pairings/{pair.pairing}")

    assert "Paired and tested" in text_of(page)
    assert "every 1s" not in page.text
    assert "Pairing active" in text_of(page)


def test_a_pairing_is_tested_again_and_revoked_from_its_page(armourer: Person, armoury: Armoury) -> None:
    pair = armoury.active()

    assert armourer.post(f"/pairings/{pair.pairing}/test").status_code == 303
    assert "Waiting for the station" in armourer.reads(f"/pairings/{pair.pairing}")
    assert armourer.post(f"/pairings/{pair.pairing}/revoke").status_code == 303
    assert armoury.state(pair) == ("revoked", "by-hand")
    assert "Not paired: by hand" in armourer.reads(f"/pairings/{pair.pairing}")


def test_the_armoury_lists_suspended_untested_full_logs_and_spares(armourer: Person, armoury: Armoury) -> None:
    pair = armoury.active()
    other = armoury.agreed(armoury.commissioned())
    armoury.armourer("PATCH", f"/tasers/{pair.taser.taser}", {"sppm": unique("SP")}, If_Match="*")
    step = {"number": 1, "step": "log", "state": "done", "at": "2026-11-25T08:00:00Z", "facts": {"log_entries": 15999}}
    armoury.station("POST", f"/stations/jobs/{other.job}/steps", step)

    said = armourer.reads("/armoury")

    assert "Battery swap" in said
    assert other.taser.taser in said
    assert "15,999 of about 16,000" in said
    assert "Agreed, not tested" in said


def test_a_device_is_commissioned_and_a_log_read_by_a_scan(armourer: Person, armoury: Armoury) -> None:
    taser = armoury.make.taser(sppm=unique("SP"))
    for act in ("commission", "read-log"):
        done = armourer.post("/armoury", scanned=taser, act=act, station=armoury.station.name)
        assert "It is queued." in armourer.reads(done.location)
        job = armoury.station.next()
        assert job is not None
        assert (job["kind"], job["taser"]) == (act, taser)
        armoury.station.end(job["id"])


def test_it_adds_a_station_shows_its_code_once_and_revokes_it(it: Person, armoury: Armoury) -> None:
    name = unique("ST")
    shown = it.post("/stations/new", name=name)
    code = re.search(r'<code id="secret">([^<]+)</code>', shown.text)
    assert code is not None
    assert code[1] not in it.get(f"/stations/{name}").text
    assert "Waiting" in it.reads(f"/stations/{name}")
    assert code[1] != re.findall(r'<code id="secret">([^<]+)</code>', it.post(f"/stations/{name}/code").text)[0]

    assert "Reason is missing." in text_of(it.post(f"/stations/{name}/revoke", reason=""))
    assert it.post(f"/stations/{name}/revoke", reason="stolen from the van").status_code == 303

    assert "stolen from the van" in it.reads(f"/stations/{name}")
    assert it.post(f"/stations/{name}/code").status_code == 409


def test_an_armourer_does_not_manage_stations_and_it_does_not_pair(armourer: Person, it: Person) -> None:
    assert armourer.get("/stations").status_code == 403
    assert it.post("/armoury", scanned="X").status_code == 403
    assert armourer.post("/pairings/switch/ON", reason="why not").status_code == 403


def test_the_switch_needs_a_reason_and_tells_who_turned_it(it: Person, armourer: Person) -> None:
    assert it.post("/pairings/switch/OFF", reason=" ").status_code == 422
    assert it.post("/pairings/switch/OFF", reason="a doubt about the cipher").status_code == 303
    try:
        assert "a doubt about the cipher" in it.reads("/pairings")
        assert "Pairing is switched off for the whole force (rule 1)" in armourer.reads("/armoury")
    finally:
        it.post("/pairings/switch/ON", reason="the doubt is gone")
    assert "switched off" not in armourer.reads("/armoury")


def test_a_tasers_and_a_cameras_page_show_what_they_are_paired_with(armourer: Person, armoury: Armoury) -> None:
    pair = armoury.active()

    assert pair.camera.serial in armourer.reads(f"/tasers/{pair.taser.taser}")
    assert pair.taser.taser in armourer.reads(f"/cameras/{pair.camera.serial}")


def test_a_taser_is_moved_by_hand_and_a_step_that_there_is_not_is_refused(armourer: Person, armoury: Armoury) -> None:
    taser = armoury.make.taser()

    assert armourer.post(f"/tasers/{taser}/custody", custody="in_armoury").status_code == 303
    refused = armourer.post(f"/tasers/{taser}/custody", custody="sanitised")

    assert refused.status_code == 409
    assert "This is rule 9." in text_of(refused)
