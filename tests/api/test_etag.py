"""Nobody's change is lost: a PATCH says which version it changes (RFC 9110, 13.1.1)."""

from typing import Any

import pytest

from tests.conftest import Api
from tests.factories import Factory, unique

KINDS: dict[str, dict[str, Any]] = {
    "camera": {"path": "/cameras", "change": {"asset_tag": None, "phase": 2}},
    "officer": {"path": "/people", "change": {"name": "Someone else"}},
    "site": {"path": "/sites", "change": {"name": "Elsewhere"}},
    "dock": {"path": "/docks", "change": {"bays": 1}},
    "taser": {"path": "/tasers", "change": {"firmware": "2.1"}},
}
EVERY_KIND = pytest.mark.parametrize("kind", list(KINDS))


def place(make: Factory, kind: str) -> str:
    return f"{KINDS[kind]['path']}/{getattr(make, kind)()}"


@EVERY_KIND
def test_a_patch_without_if_match_is_refused(api: Api, make: Factory, kind: str) -> None:
    answer = api("PATCH", place(make, kind), KINDS[kind]["change"])

    assert (answer.status_code, answer.content_type) == (428, "application/problem+json")


@EVERY_KIND
def test_a_patch_of_what_was_read_succeeds_once(api: Api, make: Factory, kind: str) -> None:
    path = place(make, kind)
    tag = api("GET", path).headers["ETag"]

    first = api("PATCH", path, KINDS[kind]["change"], If_Match=tag)
    stale = api("PATCH", path, KINDS[kind]["change"], If_Match=tag)

    assert (first.status_code, stale.status_code) == (200, 412)
    assert first.headers["ETag"] != tag
    assert first.headers["ETag"] == api("GET", path).headers["ETag"]
    assert {**(first.json or {}), **KINDS[kind]["change"]} == first.json


def test_of_two_who_read_the_same_the_second_is_told(api: Api, make: Factory) -> None:
    path = place(make, "officer")
    tag = api("GET", path).headers["ETag"]
    api("PATCH", path, {"name": "First"}, If_Match=tag)

    second = api("PATCH", path, {"name": "Second"}, If_Match=tag)

    assert (second.status_code, (second.json or {})["title"]) == (412, "Changed in the meantime")
    assert (api("GET", path).json or {})["name"] == "First"


@pytest.mark.parametrize("tag", ['"0"', '"99"', '"x"', '""', '"-1"', '"1.0"', 'W/"1"', '"' + "9" * 5_000 + '"', '"²"'])
def test_a_tag_that_is_not_the_present_one_is_stale(api: Api, make: Factory, tag: str) -> None:
    assert api("PATCH", place(make, "camera"), {"phase": 2}, If_Match=tag).status_code == 412


def test_of_several_tags_the_present_one_counts(api: Api, make: Factory) -> None:
    path = place(make, "camera")
    first = api("GET", path).headers["ETag"]
    second = api("PATCH", path, {"phase": 2}, If_Match=first).headers["ETag"]

    assert api("PATCH", path, {"phase": 3}, If_Match=f"{first}, {second}").status_code == 200


def test_a_star_is_any_version(api: Api, make: Factory) -> None:
    assert api("PATCH", place(make, "camera"), {"phase": 2}, If_Match="*").status_code == 200
    assert api("PATCH", f"/cameras/{unique('NONE')}", {"phase": 2}, If_Match="*").status_code == 404


def test_a_patch_that_changes_nothing_keeps_the_version_and_logs_nothing(api: Api, make: Factory) -> None:
    serial = make.camera(phase=2)
    tag = api("GET", f"/cameras/{serial}").headers["ETag"]

    answer = api("PATCH", f"/cameras/{serial}", {"phase": 2}, If_Match=tag)

    assert (answer.status_code, answer.headers["ETag"]) == (200, tag)
    log = api("GET", f"/audit?subject_kind=camera&subject_key={serial}").json
    assert [entry["event"] for entry in (log or {})["items"]] == ["camera.registered"]


def test_an_issue_changes_the_tag(api: Api, make: Factory) -> None:
    serial = make.camera()
    before = api("GET", f"/cameras/{serial}").headers["ETag"]

    make.issued(serial)

    assert api("GET", f"/cameras/{serial}").headers["ETag"] != before


def test_a_docks_report_does_not_change_the_tag(api: Api, make: Factory) -> None:
    serial = make.camera()
    before = api("GET", f"/cameras/{serial}")

    make.report(serial, battery_percent=55, unoffloaded=0, clock_offset_s=0.25)

    after = api("GET", f"/cameras/{serial}")
    assert (after.json or {})["battery_percent"] == 55
    assert after.headers["ETag"] == before.headers["ETag"]
    assert api("PATCH", f"/cameras/{serial}", {"phase": 2}, If_Match=before.headers["ETag"]).status_code == 200


def test_a_replay_by_its_key_is_answered_before_the_tag_is_looked_at(api: Api, make: Factory) -> None:
    path, key = place(make, "camera"), unique("k")
    tag = api("GET", path).headers["ETag"]
    first = api("PATCH", path, {"phase": 2}, If_Match=tag, Idempotency_Key=key)

    again = api("PATCH", path, {"phase": 2}, If_Match=tag, Idempotency_Key=key)
    without = api("PATCH", path, {"phase": 2}, Idempotency_Key=key)

    assert [answer.status_code for answer in (first, again, without)] == [200, 200, 200]
    assert first.data == again.data == without.data
    assert first.headers["ETag"] == again.headers["ETag"]


def test_what_is_registered_comes_with_its_tag(api: Api) -> None:
    answer = api("POST", "/cameras", {"serial": unique("X"), "model": "body-2"})

    assert answer.status_code == 201
    assert answer.headers["ETag"] == api("GET", f"/cameras/{(answer.json or {})['serial']}").headers["ETag"]
