"""Accounts from their making to their end, and what each step does to who is signed in."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import Result

from fleet.actors import Actor, Role
from fleet.audit import Event
from fleet.audit.models import AuditEntry
from fleet.auth import accounts
from fleet.auth.models import Account
from fleet.errors import Conflict, Invalid, NotFound, Unauthenticated
from fleet.paging import Paging
from fleet.people import sign_ins
from fleet.web import Service
from tests.auth.conftest import NOW, Door
from tests.factories import Factory, unique


def revised(door: Door, name: str, role: Role, collar: str | None = None) -> None:
    door.do(accounts.revise, name, role=role, collar=collar)


def entries(app: Service, name: str) -> list[Event]:
    with app.database.transaction() as session:
        wanted = sa.select(AuditEntry.event).where(AuditEntry.subject_key == name).order_by(AuditEntry.id)
        return list(session.scalars(wanted))


def test_two_accounts_without_an_officer_do_not_collide(door: Door) -> None:
    assert door.new()[0] != door.new()[0]


def test_a_name_is_given_once_in_any_case(door: Door) -> None:
    name, _ = door.new()
    with pytest.raises(Conflict):
        door.do(accounts.create, name=name.upper(), role=Role.STORE)


def test_an_officer_has_one_account(door: Door) -> None:
    collar = unique("C")
    door.do(accounts.create, name=unique("a"), role=Role.STORE, collar=collar)
    with pytest.raises(Conflict):
        door.do(accounts.create, name=unique("a"), role=Role.STORE, collar=collar)


@pytest.mark.parametrize("name", ["", " ", "jo smith", "a/b", "account:jo", "new", "x" * 101, "<b>", "a\nb c"])
def test_what_cannot_be_a_name_is_refused(door: Door, name: str) -> None:
    with pytest.raises(Invalid):
        door.do(accounts.create, name=name, role=Role.STORE)


def test_a_machine_gets_no_sign_in(door: Door) -> None:
    with pytest.raises(Invalid):
        door.do(accounts.create, name=unique("a"), role=Role.DOCK)


def test_an_officers_account_belongs_to_an_officer_of_the_register(door: Door, make: Factory) -> None:
    for collar in (None, unique("C")):
        with pytest.raises(Invalid) as refused:
            door.do(sign_ins.create, name=unique("a"), role=Role.OFFICER, collar=collar)
        assert list(refused.value.fields) == ["collar"]
    name = unique("a")
    collar = make.officer()
    password = door.do(sign_ins.create, name=name, role=Role.OFFICER, collar=collar)
    assert door.recognise(door.token(name, password)).actor.collar == collar


@pytest.mark.parametrize("act", [accounts.lock, accounts.close], ids=["lock", "close"])
def test_locking_or_closing_ends_every_session(door: Door, act: Any) -> None:
    name, password = door.new()
    token = door.token(name, password)
    door.do(act, name, reason="test")
    with pytest.raises(Unauthenticated):
        door.recognise(token)


def test_a_session_does_not_come_back_when_its_account_is_unlocked(door: Door) -> None:
    name, password = door.new()
    token = door.token(name, password)
    door.do(accounts.lock, name, reason="test")
    door.do(accounts.unlock, name, reason="test")
    with pytest.raises(Unauthenticated):
        door.recognise(token)
    assert door.enter(name, password).token is not None


def test_another_role_ends_every_session(door: Door) -> None:
    name, password = door.new()
    token = door.token(name, password)
    revised(door, name, Role.AUDITOR)
    with pytest.raises(Unauthenticated):
        door.recognise(token)
    assert door.recognise(door.token(name, password)).actor.role is Role.AUDITOR


def test_a_change_of_nothing_leaves_no_entry_and_no_one_signed_out(app: Service, door: Door) -> None:
    name, password = door.new(Role.STORE)
    token = door.token(name, password)
    revised(door, name, Role.STORE)
    assert door.recognise(token)
    assert Event.ACCOUNT_CHANGED not in entries(app, name)


def test_an_account_cannot_be_given_another_accounts_officer(door: Door) -> None:
    collar = unique("C")
    door.do(accounts.create, name=unique("a"), role=Role.STORE, collar=collar)
    name, _ = door.new()
    with pytest.raises(Conflict):
        revised(door, name, Role.STORE, collar)


def test_a_reset_ends_every_session_and_the_old_password(door: Door) -> None:
    name, password = door.new()
    token = door.token(name, password)
    fresh = door.do(accounts.reset_password, name)
    with pytest.raises(Unauthenticated):
        door.recognise(token)
    assert door.enter(name, password).token is None
    assert door.enter(name, fresh).must_change


def test_nobody_locks_closes_or_changes_the_account_they_use(door: Door) -> None:
    name, _ = door.new(Role.ADMIN)
    door.actor = Actor(f"account:{name}", Role.ADMIN)
    for act in (accounts.lock, accounts.close):
        with pytest.raises(Conflict):
            door.do(act, name, reason="test")
    with pytest.raises(Conflict):
        revised(door, name, Role.STORE)


def test_a_closed_account_stays_closed(door: Door) -> None:
    name, _ = door.new()
    door.do(accounts.close, name, reason="left")
    for act, values in (
        (accounts.reset_password, {}),
        (accounts.issue_badge, {}),
        (accounts.lock, {"reason": "x"}),
        (accounts.unlock, {"reason": "x"}),
        (accounts.close, {"reason": "x"}),
        (accounts.revise, {"role": Role.ADMIN, "collar": None}),
    ):
        with pytest.raises(Conflict):
            door.do(act, name, **values)


def test_an_officer_who_comes_back_gets_a_new_account(door: Door) -> None:
    collar, name = unique("C"), unique("a")
    door.do(accounts.create, name=name, role=Role.STORE, collar=collar)
    door.do(accounts.close, name, reason="left")
    door.do(accounts.create, name=unique("a"), role=Role.STORE, collar=collar)


def test_every_step_is_in_the_log_with_its_reason(app: Service, door: Door) -> None:
    name, _ = door.new()
    door.do(accounts.lock, name, reason="lost phone")
    door.do(accounts.unlock, name, reason="found")
    door.do(accounts.reset_password, name)
    door.do(accounts.issue_badge, name)
    door.do(accounts.withdraw_badge, name)
    door.do(accounts.close, name, reason="left")
    assert entries(app, name) == [
        Event.ACCOUNT_CREATED,
        Event.ACCOUNT_LOCKED,
        Event.ACCOUNT_UNLOCKED,
        Event.PASSWORD_RESET,
        Event.BADGE_ISSUED,
        Event.ACCOUNT_CHANGED,
        Event.ACCOUNT_CLOSED,
    ]


def test_the_list_finds_by_role_state_and_the_beginning_of_a_name_or_collar_number(app: Service, door: Door) -> None:
    collar, name = unique("C"), unique("a").lower()
    door.do(accounts.create, name=name, role=Role.ESTATES, collar=collar)
    door.do(accounts.lock, name, reason="test")
    for filters in (
        {"q": name.upper()},
        {"q": collar.lower()},
        {"q": name, "state": "locked"},
        {"q": name, "role": "estates"},
    ):
        with app.database.transaction() as session:
            assert [row["name"] for row in accounts.find(session, filters, Paging()).items] == [name], filters
            assert accounts.count(session, filters) == 1
    with app.database.transaction() as session:
        assert accounts.find(session, {"q": name, "state": "open"}, Paging()).items == []


def test_no_secret_is_stored_as_it_is(app: Service, door: Door) -> None:
    name, password = door.new()
    badge = door.do(accounts.issue_badge, name)
    token_name = unique("t")
    token = door.do(accounts.create_token, name=token_name, role=Role.DOCK, lasts=timedelta(days=1))
    session_token = door.token(name, password)
    with app.database.transaction() as session:
        for table in ("account", "api_token", "web_session", "failed_sign_in", "audit_entry"):
            stored = " ".join(session.scalars(sa.text(f"SELECT {table}::text FROM {table}")))
            assert not [secret for secret in (password, badge, token, session_token) if secret in stored]
        assert (
            session.scalars(sa.select(Account.password_hash).where(Account.name == name)).one().startswith("$argon2id$")
        )


def test_an_unknown_account_is_not_found(door: Door) -> None:
    for name in (unique("nobody"), "\x00", "x" * 1_000):
        with pytest.raises(NotFound):
            door.do(accounts.lock, name, reason="test", now=NOW)


def command(app: Service, *words: str) -> Result:
    return app.test_cli_runner().invoke(args=["users", "create", *words])


def test_the_command_prints_a_one_time_password_alone(app: Service, door: Door) -> None:
    name = unique("a")
    done = command(app, name, "--role", "admin")
    assert door.enter(name, done.stdout.strip(), now=datetime.now(UTC)).must_change


def test_the_command_tells_clearly_that_there_is_no_such_officer(app: Service) -> None:
    collar = unique("C")
    for words in ((collar, "--role", "officer"), (unique("a"), "--role", "store", "--collar", collar)):
        done = command(app, *words)
        assert done.exit_code == 1
        assert f"There is no officer {collar} in the register" in done.stderr
        assert done.stdout == ""


def test_the_command_gives_an_officer_an_account_named_after_the_collar_number(
    app: Service, door: Door, make: Factory
) -> None:
    collar = make.officer()
    password = command(app, collar.lower(), "--role", "officer").stdout.strip()
    token = door.enter(collar, password, now=datetime.now(UTC)).token
    assert token is not None
    assert door.recognise(token, now=datetime.now(UTC)).actor.collar == collar
