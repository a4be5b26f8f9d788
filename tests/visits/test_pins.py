"""PINs: what can be chosen, and what guessing comes to."""

import logging
import threading
from datetime import datetime, timedelta
from itertools import pairwise

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from fleet.actors import Role
from fleet.audit.models import AuditEntry
from fleet.auth import secret
from fleet.auth.models import Account
from fleet.errors import Conflict, FleetError, Forbidden, Invalid, TooMany
from fleet.idempotency import IdempotencyKey
from fleet.people import pins
from fleet.people.models import OfficerPin, Person
from fleet.web import Service
from tests.conftest import Api, api_of
from tests.factories import Factory, now
from tests.pages.conftest import signed_in
from tests.visits.conftest import PIN, AtCounter, new_pin

WRONG = "739164"


def attempt(app: Service, collar: str, pin: str, at: datetime | None = None) -> type[FleetError] | None:
    try:
        pins.prove(app.database, collar, pin, now=at or now())
    except FleetError as error:
        return type(error)
    return None


@pytest.mark.parametrize(
    "pin",
    ["", "12345", "1234567890123", "000000", "111111", "121212", "123123", "123456", "654321", "890123", "012345",
     "987654", "abcdef", "48291a", "４８２９１５", "481216", "00481216", " 482915"],
)  # fmt: skip
def test_a_pin_that_is_easily_guessed_is_refused(pin: str) -> None:
    assert pins.weakness(pin, collar="WM481216") is not None


@pytest.mark.parametrize("pin", ["482915", "907315", "4829157", "482915736401"])
def test_an_ordinary_pin_can_be_chosen(pin: str) -> None:
    assert pins.weakness(pin, collar="WM481216") is None


@given(st.from_regex(r"[0-9]{6,12}", fullmatch=True))
def test_what_can_be_chosen_has_three_digits_at_least_and_is_no_run(pin: str) -> None:
    if pins.weakness(pin, collar="C1") is None:
        steps = {(int(after) - int(before)) % 10 for before, after in pairwise(pin)}
        assert len(set(pin)) >= 3
        assert steps not in ({1}, {9})


def test_a_pin_is_kept_as_a_hash_and_the_right_one_passes(app: Service, make: Factory) -> None:
    collar = make.officer()
    new_pin(app, collar)

    with app.database.transaction() as session:
        row = session.scalars(sa.select(OfficerPin).join(Person).where(Person.collar == collar)).one()
    assert row.pin_hash.startswith("$argon2id$")
    assert attempt(app, collar, PIN) is None
    assert attempt(app, collar, WRONG) is Forbidden


def test_an_officer_without_a_pin_is_told_to_sign(app: Service, make: Factory) -> None:
    with pytest.raises(Conflict, match="Sign instead"):
        pins.prove(app.database, make.officer(), PIN, now=now())


def test_five_wrong_pins_make_wait_and_ten_lock(app: Service, make: Factory) -> None:
    collar, start = make.officer(), now()
    new_pin(app, collar)

    assert [attempt(app, collar, WRONG, start) for _ in range(7)] == [Forbidden] * 5 + [TooMany] * 2
    assert attempt(app, collar, PIN, start + timedelta(minutes=14)) is TooMany
    later = start + timedelta(minutes=16)
    assert [attempt(app, collar, WRONG, later) for _ in range(6)] == [Forbidden] * 5 + [Conflict]
    assert attempt(app, collar, PIN, later + timedelta(days=365)) is Conflict


def test_a_right_pin_forgives_the_wrong_ones_before(app: Service, make: Factory) -> None:
    collar = make.officer()
    new_pin(app, collar)

    for _ in range(4):
        tried = [attempt(app, collar, WRONG) for _ in range(4)]
        assert (tried, attempt(app, collar, PIN)) == ([Forbidden] * 4, None)


def test_a_clock_that_went_back_makes_nobody_wait_longer(app: Service, make: Factory) -> None:
    collar, start = make.officer(), now()
    new_pin(app, collar)
    for _ in range(5):
        attempt(app, collar, WRONG, start)

    assert attempt(app, collar, PIN, start - timedelta(hours=1)) is None


def test_a_hundred_guesses_at_once_get_five_answers(app: Service, make: Factory) -> None:
    collar = make.officer()
    new_pin(app, collar)
    answers: list[type[FleetError] | None] = []

    def guess(number: int) -> None:
        answers.extend(attempt(app, collar, f"{700_000 + number * 7 + step}") for step in range(10))

    threads = [threading.Thread(target=guess, args=(number,)) for number in range(10)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    # A guess that this process had no place for is no answer, and is not counted.
    assert answers.count(Forbidden) <= 5
    assert answers.count(TooMany) >= 80
    assert None not in answers


def test_a_wrong_pin_is_in_the_log_and_the_pin_is_nowhere(
    app: Service, make: Factory, caplog: pytest.LogCaptureFixture
) -> None:
    counter = AtCounter(app)
    name, collar, _ = counter.visit(make)
    new_pin(app, collar)
    caplog.set_level(logging.DEBUG)
    api = api_of(app, Role.STORE)

    wrong = api("POST", f"/visits/{name}/acknowledgement", {"method": "pin", "pin": WRONG}, Idempotency_Key=name)
    right = api("POST", f"/visits/{name}/acknowledgement", {"method": "pin", "pin": PIN}, Idempotency_Key=name + "2")

    assert (wrong.status_code, right.status_code) == (403, 200)
    assert "pin" not in right.json
    with app.database.transaction() as session:
        entries = session.scalars(sa.select(AuditEntry).where(AuditEntry.officer == collar)).all()
        assert "pin.refused" in [str(entry.event) for entry in entries]
        kept = session.scalars(sa.select(IdempotencyKey).where(IdempotencyKey.key.startswith(name))).all()
        told = [str(vars(entry)) for entry in [*entries, *kept]]
    for pin in (PIN, WRONG):
        assert not any(pin in text for text in [*told, caplog.text])


def test_a_pin_is_set_with_the_accounts_own_password(app: Service, make: Factory) -> None:
    collar = make.officer()
    officer = signed_in(app, Role.OFFICER, collar)
    typed = {"pin": PIN, "again": PIN}

    assert "This is not your password" in officer.post("/me/pin", password="not that", **typed).text
    assert attempt(app, collar, PIN) is Conflict
    with app.database.transaction() as session:
        hashed = secret.hash_password("a password of my own")
        session.execute(sa.update(Account).where(Account.name == officer.name).values(password_hash=hashed))
    assert "The two PINs differ" in officer.post("/me/pin", password="a password of my own", pin=PIN, again="1").text
    assert officer.post("/me/pin", password="a password of my own", **typed).status_code == 303
    assert attempt(app, collar, PIN) is None


def test_an_account_of_no_officer_sets_none(app: Service) -> None:
    store = signed_in(app, Role.STORE)

    assert "This account belongs to no officer" in store.reads("/me/pin")
    assert store.post("/me/pin", password="x", pin=PIN, again=PIN).status_code == 422


def test_a_supervisor_takes_a_locked_pin_away_and_the_officer_chooses_another(app: Service, make: Factory) -> None:
    collar = make.officer()
    new_pin(app, collar)
    supervisor = signed_in(app, Role.SUPERVISOR)

    assert "Take the PIN away" in supervisor.reads(f"/people/{collar}")
    assert supervisor.post(f"/people/{collar}/pin/reset").status_code == 303
    assert supervisor.post(f"/people/{collar}/pin/reset").status_code == 409
    assert signed_in(app, Role.STORE).post(f"/people/{collar}/pin/reset").status_code == 403
    assert attempt(app, collar, PIN) is Conflict
    new_pin(app, collar, "907315")
    assert attempt(app, collar, "907315") is None


def test_a_weak_pin_is_refused_by_the_service_too(app: Service, make: Factory, api: Api) -> None:
    with pytest.raises(Invalid):
        new_pin(app, make.officer(), "000000")
