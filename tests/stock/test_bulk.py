"""Bulk acts: what is previewed is what is done, by the rules and in the words of the single acts."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from fleet.actors import Role
from fleet.audit.models import AuditEntry
from fleet.cameras.models import Camera
from fleet.cameras.states import Custody, Model, Use
from fleet.clock import iso
from fleet.custody.models import Allocation, IssueKind
from fleet.people.models import Person
from fleet.sites.stages import Stage
from fleet.stock import bulk
from fleet.stock.models import BulkAct
from fleet.web import Service
from tests.conftest import Api, api_of
from tests.factories import Factory, now, unique
from tests.live import LiveServer

MANY = 1_000
TOMORROW = iso(datetime.now(UTC) + timedelta(days=1))


def previewed(api: Api, verb: str, wanted: dict[str, Any] | None = None, **cameras: Any) -> int:
    answer = api("POST", "/bulk", {"verb": verb, "wanted": wanted or {}, **cameras})
    assert answer.status_code == 201, answer.text
    number: int = answer.json["id"]
    return number


def carried_out(api: Api, number: int) -> dict[str, int]:
    answer = api("POST", f"/bulk/{number}/carry-out")
    assert answer.status_code == 200, answer.text
    return {name: count for name, count in answer.json["counts"].items() if count}


def items(api: Api, number: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = api("GET", f"/bulk/{number}/items").json["items"]
    return found


def outcomes(api: Api, number: int) -> list[tuple[str, Any]]:
    return [(item["outcome"], item["rule"]) for item in items(api, number)]


def log(app: Service, serial: str) -> list[tuple[str, str | None, dict[str, Any]]]:
    """A camera's entries, without what differs between any two: allocation, instants."""
    said = sa.select(AuditEntry).where(AuditEntry.subject_key == serial).order_by(AuditEntry.id)
    with app.database.transaction() as session:
        entries = session.scalars(said).all()
    kept = [{name: fact for name, fact in entry.facts.items() if name != "allocation"} for entry in entries]
    return [(str(entry.event), entry.officer, facts) for entry, facts in zip(entries, kept, strict=True)]


# A verb with what is wanted of all, how to make a camera for it, and the single act's request.
Single = tuple[str, str, dict[str, Any]]


def out(make: Factory) -> str:
    return make.issued()[0]


def personal(make: Factory) -> str:
    return make.issued(make.camera(use=Use.PERSONAL), kind=IssueKind.PERSONAL)[0]


def docked(make: Factory) -> str:
    serial = make.camera()
    make.report(serial, battery_percent=90)
    return make.issued(serial)[0]


def in_stock(make: Factory) -> str:
    return make.camera()


RETURN = ("return", {"condition": "good"})
FAULTY = ("return", {"condition": "faulty", "note": "The lens is cracked"})
QUARANTINE = ("move", {"custody": "quarantined", "note": "Recall"})
INTO_STOCK = ("move", {"custody": "in_stock"})
PARITY = [
    (*act, made, path)
    for act, path in ((RETURN, "return"), (FAULTY, "return"), (QUARANTINE, "custody"), (INTO_STOCK, "custody"))
    for made in (out, personal, docked, in_stock)
]


@pytest.mark.parametrize(("verb", "wanted", "made", "path"), PARITY)
def test_many_are_refused_and_done_as_one_is(
    api: Api, app: Service, make: Factory, verb: str, wanted: dict[str, Any], made: Any, path: str
) -> None:
    one, among_many = made(make), made(make)
    single = api("POST", f"/cameras/{one}/{path}", wanted)

    number = previewed(api, verb, wanted, cameras=[among_many])
    (item,) = items(api, number)
    carried_out(api, number)

    assert (item["outcome"] == "ready") is (single.status_code == 200)
    assert item["rule"] == single.json.get("rule")
    assert (item["what"] or "").replace(among_many, one) == single.json.get("detail", "")
    names = [api("GET", f"/cameras/{serial}").json for serial in (one, among_many)]
    assert names[0]["custody"] == names[1]["custody"]
    without_officer = [[(event, facts) for event, _, facts in log(app, serial)] for serial in (one, among_many)]
    for story in without_officer:
        for _, facts in story:
            facts.pop("due_back", None)
    assert without_officer[0] == without_officer[1]


def test_an_issue_among_many_is_refused_as_one_alone_is(api: Api, app: Service, make: Factory) -> None:
    candidate = make.dock(site=make.site(stage=Stage.CANDIDATE))
    cameras = {"ready": make.camera(), "site": make.camera(home_dock=candidate)}
    cameras |= {"out": make.issued()[0], "held": make.camera()}
    make.report(cameras["held"], unoffloaded=2)
    untrained, has_one = make.officer(trained_until=None), make.issued()[1]
    lines = [
        (cameras["ready"], make.officer()), (cameras["site"], make.officer()), (cameras["out"], make.officer()),
        (cameras["held"], make.officer()), (make.camera(), untrained), (make.camera(), has_one),
    ]  # fmt: skip

    number = previewed(api, "issue", issues=[{"serial": serial, "collar": collar} for serial, collar in lines])

    found = items(api, number)
    assert [item["rule"] for item in found] == [None, 3, 7, 8, 4, 7]
    for (serial, collar), item in list(zip(lines, found, strict=True))[1:]:
        single = api("POST", f"/cameras/{serial}/issue", {"collar": collar, "kind": "pool"})
        assert (single.json["detail"], single.json["mend"]) == (item["what"], item["mend"])
    assert carried_out(api, number) == {"done": 1, "refused": 5}


def test_issued_among_many_it_is_as_issued_alone(api: Api, app: Service, make: Factory) -> None:
    one, many = make.camera(), make.camera()
    jo, sam = make.officer(), make.officer()
    api("POST", f"/cameras/{one}/issue", {"collar": jo, "kind": "pool", "due_back": TOMORROW})

    line = {"serial": many, "collar": sam, "due_back": TOMORROW}
    carried_out(api, previewed(api, "issue", issues=[line]))

    assert [(event, facts) for event, _, facts in log(app, one)] == [(e, facts) for e, _, facts in log(app, many)]
    assert api("GET", f"/cameras/{many}").json["holder"] == sam


def test_a_loan_among_many_lets_the_personal_camera_rest_and_its_return_wakes_it(
    api: Api, app: Service, make: Factory
) -> None:
    own, collar = make.issued(make.camera(use=Use.PERSONAL), kind=IssueKind.PERSONAL)
    loan = make.camera()
    active = sa.select(Camera.serial).join(Allocation).join(Person).where(Person.collar == collar, Allocation.active)

    def worn() -> list[str]:
        with app.database.transaction() as session:
            return list(session.scalars(active))

    carried_out(api, previewed(api, "issue", issues=[{"serial": loan, "collar": collar}]))
    assert worn() == [loan]
    carried_out(api, previewed(api, "return", cameras=[loan]))
    assert worn() == [own]


def test_an_officer_who_is_named_twice_gets_one(api: Api, make: Factory) -> None:
    collar = make.officer()

    number = previewed(api, "issue", issues=[{"serial": make.camera(), "collar": collar} for _ in range(2)])

    assert outcomes(api, number) == [("ready", None), ("refused", 7)]


def test_what_is_named_twice_or_unknown_is_refused(api: Api, make: Factory) -> None:
    serial = make.camera()

    number = previewed(api, "use", {"use": "reserve"}, cameras=[serial, serial, "NO-SUCH"])

    assert [item["what"] for item in items(api, number)] == [
        None, f"{serial} is also on line 1.", "There is no camera NO-SUCH.",
    ]  # fmt: skip


def test_a_preview_changes_nothing(api: Api, app: Service, make: Factory) -> None:
    serial, _ = make.issued()
    before = log(app, serial), api("GET", f"/cameras/{serial}").json

    previewed(api, "return", cameras=[serial])

    assert (log(app, serial), api("GET", f"/cameras/{serial}").json) == before


def test_a_preview_that_nobody_carries_out_is_forgotten_and_what_was_carried_out_is_not(
    api: Api, app: Service, make: Factory
) -> None:
    kept, left = (previewed(api, "return", cameras=[make.issued()[0]]) for _ in range(2))
    carried_out(api, kept)
    young = previewed(api, "return", cameras=[make.issued()[0]])

    with app.database.transaction() as session:
        aged = sa.update(BulkAct).values(asked_at=now() - timedelta(days=8))
        session.execute(aged.where(BulkAct.id.in_([kept, left])))
        bulk.forget_previews(session, now=now(), at_once=1_000)

    assert [api("GET", f"/bulk/{number}").status_code for number in (kept, left, young)] == [200, 404, 200]
    with pytest.raises(sa.exc.DBAPIError, match="only appended"), app.database.transaction() as session:
        session.execute(sa.delete(BulkAct).where(BulkAct.id == kept))


def test_what_has_changed_since_the_preview_is_skipped_and_said(api: Api, make: Factory) -> None:
    moved_on, still_out = make.issued()[0], make.issued()[0]
    number = previewed(api, "return", cameras=[moved_on, still_out])
    api("POST", f"/cameras/{moved_on}/return", {"condition": "good"})
    make.issued(moved_on)

    assert carried_out(api, number) == {"changed": 1, "done": 1}
    (first, _) = items(api, number)
    assert first["what"] == f"{moved_on} has changed since the preview; nothing was done with it."
    assert api("GET", f"/cameras/{moved_on}").json["custody"] == "issued"


def test_an_officer_who_got_one_meanwhile_is_skipped_by_the_rule(api: Api, make: Factory) -> None:
    serial, collar = make.camera(), make.officer()
    number = previewed(api, "issue", issues=[{"serial": serial, "collar": collar}])
    make.issued(None, collar)

    assert carried_out(api, number) == {"changed": 1}
    assert outcomes(api, number) == [("changed", 7)]


def test_sent_again_it_answers_the_same_and_does_nothing(api: Api, app: Service, make: Factory) -> None:
    serial, _ = make.issued()
    number = previewed(api, "return", cameras=[serial])
    first = api("POST", f"/bulk/{number}/carry-out").json
    before = log(app, serial)

    assert api("POST", f"/bulk/{number}/carry-out").json == first
    assert log(app, serial) == before


def test_home_dock_use_and_due_back_are_written_and_logged(api: Api, app: Service, make: Factory) -> None:
    serial, dock = make.camera(), make.dock()
    loan, collar = make.issued()

    carried_out(api, previewed(api, "home-dock", {"home_dock": dock}, cameras=[serial]))
    carried_out(api, previewed(api, "use", {"use": "reserve"}, cameras=[serial]))
    carried_out(api, previewed(api, "due-back", {"due_back": TOMORROW}, cameras=[loan]))

    camera = api("GET", f"/cameras/{serial}").json
    assert (camera["home_dock"], camera["use"]) == (dock, "reserve")
    assert [facts["changed"] for _, _, facts in log(app, serial)[1:]] == [
        {"home_dock_id": [None, dock]}, {"use": ["pool", "reserve"]},
    ]  # fmt: skip
    assert api("GET", f"/cameras/{loan}").json["due_back"] == TOMORROW
    event, officer, facts = log(app, loan)[-1]
    assert (event, officer, facts["changed"]["due_back"][1]) == ("camera.due-changed", collar, TOMORROW)


def test_filters_choose_what_the_camera_list_would_show(api: Api, make: Factory) -> None:
    site = make.site(stage=Stage.DOCKS_FITTED)
    dock = make.dock(site=site)
    here = sorted(make.camera(home_dock=dock) for _ in range(3))
    make.camera(home_dock=dock, model=Model.FLEX_2)

    number = previewed(api, "move", {"custody": "quarantined"}, filters={"site": site, "model": "body-2"})

    assert [item["serial"] for item in items(api, number)] == here


BAD: list[dict[str, Any]] = [
    {"verb": "return"},
    {"verb": "return", "filters": {}},
    {"verb": "return", "cameras": []},
    {"verb": "return", "cameras": ["X"], "filters": {"site": "S"}},
    {"verb": "return", "cameras": ["X"], "wanted": {"condition": "lost"}},
    {"verb": "move", "cameras": ["X"]},
    {"verb": "move", "cameras": ["X"], "wanted": {"custody": "issued"}},
    {"verb": "issue", "cameras": ["X"]},
    {"verb": "issue", "issues": [{"serial": "X"}]},
    {"verb": "due-back", "cameras": ["X"], "wanted": {"due_back": "tomorrow"}},
    {"verb": "burn", "cameras": ["X"]},
]


@pytest.mark.parametrize("body", BAD)
def test_what_cannot_be_understood_is_refused_whole(api: Api, body: dict[str, Any]) -> None:
    assert api("POST", "/bulk", body).status_code == 422


def test_a_role_may_do_to_many_what_it_may_do_to_one(app: Service, make: Factory) -> None:
    serial = make.camera()
    body = {"verb": "use", "wanted": {"use": "reserve"}, "cameras": [serial]}

    assert api_of(app, Role.STORE)("POST", "/bulk", body).status_code == 201
    # A supervisor manages stock and does not edit what is written about cameras.
    assert api_of(app, Role.SUPERVISOR)("POST", "/bulk", body).status_code == 403


def test_reserved_stock_is_honoured_line_by_line(api: Api, make: Factory) -> None:
    dock = make.dock(site=make.site(stage=Stage.DOCKS_FITTED))
    cameras = [make.camera(home_dock=dock) for _ in range(5)]
    when = {"begins_at": iso(now() - timedelta(hours=1)), "ends_at": iso(now() + timedelta(days=2))}
    api("POST", "/reservations", {"code": unique("OP"), "name": "Op Shaw", "count": 3, "dock": dock, **when})
    lines = [{"serial": serial, "collar": make.officer()} for serial in cameras]

    number = previewed(api, "issue", issues=lines)

    assert [item["outcome"] for item in items(api, number)] == ["ready", "ready", "refused", "refused", "refused"]
    assert api("GET", f"/cameras/{cameras[0]}").json["custody"] == "in_stock"
    assert carried_out(api, number) == {"done": 2, "refused": 3}
    assert [api("GET", f"/cameras/{serial}").json["holder"] for serial in cameras[:2]] == [
        line["collar"] for line in lines[:2]
    ]


@pytest.fixture
def thousand(app: Service, make: Factory) -> list[tuple[str, str]]:
    """A thousand cameras and as many officers."""
    prefix, trained = unique("B"), datetime.now(UTC).date() + timedelta(days=100)
    pairs = [(f"{prefix}-{number:04}", f"{prefix}C{number:04}") for number in range(MANY)]
    new = {"model": Model.BODY_2, "use": Use.POOL, "custody": Custody.IN_STOCK, "custody_at": now()}
    with app.database.transaction() as session:
        session.execute(sa.insert(Camera), [new | {"serial": serial} for serial, _ in pairs])
        session.execute(sa.insert(Person), [{"collar": collar, "trained_until": trained} for _, collar in pairs])
        session.execute(sa.text("ANALYZE camera, person"))
    return pairs


def test_a_thousand_are_issued_and_returned_in_one_slice_each(
    api: Api, app: Service, thousand: list[tuple[str, str]]
) -> None:
    took = {}
    issues = [{"serial": serial, "collar": collar} for serial, collar in thousand]
    for verb, cameras in (("issue", {"issues": issues}), ("return", {"cameras": [serial for serial, _ in thousand]})):
        number = previewed(api, verb, **cameras)
        began = time.monotonic()
        assert carried_out(api, number) == {"done": MANY}
        took[verb] = time.monotonic() - began

    assert max(took.values()) < 3, took
    with app.database.transaction() as session:
        entries = session.execute(
            sa.select(AuditEntry.event, sa.func.count())
            .where(AuditEntry.subject_key.in_([serial for serial, _ in thousand]))
            .group_by(AuditEntry.event)
        ).all()
    assert {str(event): number for event, number in entries} == {"camera.issued": MANY, "camera.returned": MANY}


def test_a_long_act_goes_on_where_it_was_cut_off(
    api: Api, thousand: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(bulk, "SLICE", 400)
    number = previewed(api, "move", {"custody": "quarantined"}, cameras=[serial for serial, _ in thousand])

    stands = [carried_out(api, number) for _ in range(4)]

    assert stands == [{"ready": 600, "done": 400}, {"ready": 200, "done": 800}, {"done": MANY}, {"done": MANY}]


def test_a_slice_that_fails_leaves_nothing_half_done(
    api: Api, app: Service, thousand: list[tuple[str, str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    serials = [serial for serial, _ in thousand[:50]]
    number = previewed(api, "move", {"custody": "quarantined"}, cameras=serials)
    with monkeypatch.context() as broken:
        broken.setattr(bulk, "_keep", lambda *_: (_ for _ in ()).throw(OSError("gone")))
        app.config["PROPAGATE_EXCEPTIONS"] = False
        assert api("POST", f"/bulk/{number}/carry-out").status_code == 500

    with app.database.transaction() as session:
        custodies = session.scalars(sa.select(Camera.custody).where(Camera.serial.in_(serials))).all()
    assert set(custodies) == {Custody.IN_STOCK}
    assert carried_out(api, number) == {"done": 50}


def test_two_who_carry_out_one_act_at_once_do_it_once(
    live: LiveServer, api: Api, app: Service, thousand: list[tuple[str, str]]
) -> None:
    serials = [serial for serial, _ in thousand[:200]]
    number = previewed(api, "move", {"custody": "quarantined"}, cameras=serials)
    start = threading.Barrier(4)

    def send(_: int) -> httpx.Response:
        with httpx.Client(headers={"Authorization": f"Bearer {api.token}"}, timeout=60) as client:
            start.wait(60)
            return client.post(f"{live.url}/api/v1/bulk/{number}/carry-out")

    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(send, range(4)))

    assert {answer.status_code for answer in answers} == {200}
    assert len({answer.content for answer in answers}) == 1
    assert [event for event, *_ in log(app, serials[0])] == ["camera.moved"]
