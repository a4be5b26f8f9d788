"""A page asks the database a fixed number of questions, however many rows it shows."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import date, timedelta

import psycopg
import pytest

from fleet.actors import Role
from fleet.cameras.states import Fault
from fleet.clock import iso
from fleet.custody import service as custody
from fleet.custody.models import Condition, IssueKind
from fleet.people.models import Function
from fleet.sites import service as sites
from fleet.sites.stages import Stage
from fleet.web import Service
from tests.conftest import api_of
from tests.factories import Factory, now
from tests.lifecycle.conftest import Office
from tests.pages.conftest import Person, signed_in
from tests.pairings.conftest import armoury_of

# The most statements that a page may send; one of them is who is signed in.
PAGES = {
    "/counter": 4,
    "/counter/exceptions": 3,
    "/": 27,
    "/cameras": 3,
    "/cameras?q=X&site=S1&attention=any": 9,
    "/cameras/X1": 8,
    "/cameras/X1/edit": 2,
    "/cameras/new": 1,
    "/people": 3,
    "/people/C1": 9,
    "/people/C1/edit": 2,
    "/sites": 3,
    "/sites/S1": 9,
    "/sites/S1/edit": 2,
    "/docks": 3,
    "/docks/D1": 4,
    "/docks/D1/edit": 2,
    "/tasers": 3,
    "/tasers/T1": 3,
    "/tasers/T1/custody": 2,
    "/tasers?log=nearly-full": 3,
    "/armoury": 8,
    "/armoury/queue": 2,
    "/pairings": 4,
    "/pairings?q=T&state=active": 8,
    "/pairings/1": 5,
    "/pairings/1/live": 4,
    "/pairings/switch/OFF": 2,
    "/station-jobs": 3,
    "/stations": 3,
    "/stations/ST1": 2,
    "/stations/new": 1,
    "/activations": 3,
    "/activations/1": 3,
    "/tasers/T1/edit": 2,
    "/audit": 8,
    "/audit/1": 4,
    "/losses": 3,
    "/losses?q=Z&show=late&state=missing": 3,
    "/losses/1": 3,
    "/losses/1/assess": 5,
    "/cameras/Z1": 9,
    "/cameras/Z1/missing": 2,
    "/repairs": 3,
    "/repairs?q=A&show=open": 3,
    "/holds": 3,
    "/retirements": 3,
    "/retirements/O1": 2,
    "/departures": 3,
    "/departures?show=holding": 3,
    "/people/C1/departure": 3,
    "/exceptions": 3,
    "/exceptions?rule=5&state=open": 3,
    "/jobs": 3,
    "/webhooks": 3,
    "/webhooks/new": 1,
    "/deliveries": 3,
    "/statistics": 3,
    "/jobs/tidy": 3,
    "/me": 8,
    "/me/pin": 3,
    "/visits": 3,
    "/terms": 3,
    "/terms/new": 3,
    "/stores": 2,
    "/stocktakes": 3,
    "/stocktakes/1": 5,
    "/stocktakes/new": 1,
    "/reservations": 3,
    "/reservations/OP1": 3,
    "/reservations/new": 1,
    "/kits": 3,
    "/kits/KIT1": 3,
    "/kits/new": 1,
    "/bulk/new": 1,
    "/bulk/1": 4,
    "/labels": 1,
    "/counter/commands": 1,
    "/accounts": 3,
    "/accounts/new": 1,
    "/tokens": 2,
    "/people/new": 1,
    "/sites/new": 1,
    "/docks/new": 1,
    "/tasers/new": 1,
}
# What shows nothing of the register, and what is no page.
NOT_COUNTED = {"/problems", "/password", "/sign-in", "/counter/shell", "/counter/session", "/counter/block-list"}
NOT_COUNTED |= {"/healthz", "/readyz", "/metrics", "/simulator", "/simulator/state"}


@contextmanager
def counted(monkeypatch: pytest.MonkeyPatch) -> Iterator[list[str]]:
    """The statements that are sent meanwhile, by whichever way."""
    sent: list[str] = []
    execute = psycopg.Cursor.execute

    def note(self: object, query: object, *rest: object, **options: object) -> object:
        sent.append(str(query))
        return execute(self, query, *rest, **options)  # type: ignore[arg-type]

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.Cursor, "execute", note)
        yield sent


def fill(app: Service, first: int, last: int) -> None:
    """Put things with the numbers from ``first`` to ``last`` into the register, each with a history."""
    make = Factory(app.database)
    for number in range(first, last + 1):
        site = make.site(code=f"S{number}", stage=Stage.DOCKS_FITTED)
        for stage in (Stage.ACCEPTED, Stage.LIVE):
            with app.database.transaction() as session:
                sites.advance(session, make.actor, site, stage, now=now())
        dock = make.dock(serial=f"D{number}", site="S1")
        make.officer(collar=f"C{number}", team=f"Team {number}", trained_until=date.today() + timedelta(days=5))  # noqa: DTZ011
        make.camera(serial=f"X{number}", home_dock="D1", firmware=f"1.{number}")
        make.camera(serial=f"Y{number}", home_dock=dock)
        make.taser(serial=f"T{number}", holder="C1", home_site="S1")
        if number == 1:
            make.issued("Y1", "C1", kind=IssueKind.PERSONAL)
        make.issued(f"X{number}", f"C{number}")
        make.report(f"Y{number}", fault=Fault.ERROR, battery_percent=50)
        fill_cases(app, make, number)
        fill_stock(app, make, number)
        # Few enough that the counter is not left alone for so long that it notes that it was used.
        if number <= _ARMOURIES:
            fill_armoury(app, make, number)
    go_round(app, make, last)


_ARMOURIES = 5


def fill_armoury(app: Service, make: Factory, number: int) -> None:
    """A station with an active, a suspended and a waiting pairing, a full log, and activations."""
    armoury = armoury_of(app, station=f"ST{number}")
    pair = armoury.active()
    for counter in (1, 2):
        said = {"sppm": pair.taser.serial, "counter": counter, "kind": "test", "at": now().isoformat()}
        told = {**said, "source": "monitor", "evidence": ""}
        assert armoury.station("POST", "/activations", {"items": [told]}).status_code == 200
    stopped = armoury.active()
    make.report(stopped.camera.serial, clock_offset_s=900.0)
    waiting = armoury.authorised(armoury.commissioned())
    step = {"number": number, "step": "log", "state": "begun", "at": now().isoformat(), "facts": {"log_entries": 15000}}
    assert armoury.station("POST", f"/stations/jobs/{waiting.job}/steps", step).status_code == 200


def fill_cases(app: Service, make: Factory, number: int) -> None:
    """A case of each kind with the number ``number``; the first loss is assessed as often as there are cases."""
    office = Office(app, make)
    office.lose(make.camera(serial=f"Z{number}"))
    office.assess(1)
    office.send(make.camera(serial=f"A{number}"))
    office.hold(make.camera(serial=f"H{number}"))
    office.retire(make.camera(serial=f"O{number}"))
    collar = make.officer(collar=f"F{number}", function=Function.FIREARMS)
    office.depart(collar, 3)
    office.exempt(collar, 5)


def fill_stock(app: Service, make: Factory, number: int) -> None:
    """A stocktake, a reservation and a kit with the number ``number``, and a bulk act of as many cameras."""
    api = api_of(app)
    dock = make.dock(serial=f"E{number}", site="S1")
    cameras = [make.camera(serial=f"E{number}-{n}", home_dock=dock) for n in range(number)]
    kit = make.camera(serial=f"K{number}")
    when = {"begins_at": iso(now() + timedelta(days=1)), "ends_at": iso(now() + timedelta(days=2))}
    for path, body in (
        ("/stocktakes", {"dock": dock}),
        ("/stocktakes/1/scans", {"scans": cameras}),
        ("/reservations", {"code": f"OP{number}", "name": "Op Shaw", "count": 1, "dock": dock, **when}),
        ("/kits", {"code": f"KIT{number}", "camera": kit, "parts": [{"kind": "mount"}]}),
        ("/bulk", {"verb": "move", "wanted": {"custody": "quarantined"}, "cameras": cameras}),
    ):
        assert api("POST", path, body).status_code < 300, path


def go_round(app: Service, make: Factory, times: int) -> None:
    """Return X1 and issue it again, so that camera and officer have a history of their own."""
    for _ in range(times):
        with app.database.transaction() as session:
            custody.take_back(session, make.actor, "X1", Condition.GOOD, policy=make.policy, now=now())
        make.issued("X1", "C1")


def measured(person: Person, monkeypatch: pytest.MonkeyPatch) -> dict[str, int]:
    numbers = {}
    for path in PAGES:
        with counted(monkeypatch) as sent:
            assert person.get(path).status_code == 200, path
        numbers[path] = len(sent)
    return numbers


def test_pages_ask_as_much_for_many_rows_as_for_few(empty: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    fill(empty, 1, 1)
    person = signed_in(empty, Role.ADMIN, "C1")
    # The first statement of a connection asks the server what it is.
    person.get("/")
    few = measured(person, monkeypatch)
    fill(empty, 2, 25)

    many = measured(person, monkeypatch)

    assert many == few
    assert {path: number for path, number in many.items() if number > PAGES[path]} == {}


def test_every_page_is_counted(app: Service) -> None:
    rules = [rule.rule for rule in app.url_map.iter_rules() if "GET" in (rule.methods or ()) and not rule.arguments]
    pages = {rule for rule in rules if not rule.startswith("/api/") and "." not in rule}

    assert pages - NOT_COUNTED - PAGES.keys() == set()
