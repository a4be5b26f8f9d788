"""Sessions, badges at a shared counter, and machines' tokens."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from fleet.actors import Role
from fleet.auth import accounts
from fleet.auth import service as auth
from fleet.auth.models import Account
from fleet.auth.permissions import BADGE_PERMISSIONS, ROLE_PERMISSIONS, Permission, is_permitted
from fleet.auth.service import SignedIn
from fleet.errors import Forbidden, NotFound, Unauthenticated
from fleet.web import Service
from tests.auth.conftest import LASTS, NOW, Door
from tests.factories import unique


def badge(door: Door, role: Role = Role.STORE) -> tuple[str, str]:
    name, _ = door.new(role)
    return name, door.do(accounts.issue_badge, name)


def shown(door: Door, token: str, text: str) -> SignedIn:
    """The session after a badge was shown to it."""
    before = door.recognise(token)
    with door.app.database.transaction() as session:
        auth.change_clerk(session, before.actor, before.session_id, text, now=NOW)
    return door.recognise(token)


def may(signed_in: SignedIn) -> set[Permission]:
    return {permission for permission in Permission if is_permitted(signed_in.actor, permission)}


def test_a_session_ends_when_its_time_is_up(door: Door) -> None:
    token = door.token(*door.new())
    assert door.recognise(token, now=NOW + LASTS - timedelta(seconds=1))
    with pytest.raises(Unauthenticated):
        door.recognise(token, now=NOW + LASTS)


def test_signing_out_ends_one_session_alone(door: Door) -> None:
    account = door.new()
    here, elsewhere = door.token(*account), door.token(*account)
    with door.app.database.transaction() as session:
        auth.sign_out(session, here, now=NOW)
        auth.sign_out(session, here, now=NOW)
    with pytest.raises(Unauthenticated):
        door.recognise(here)
    assert door.recognise(elsewhere)


@pytest.mark.parametrize("token", ["", "session_x", "\x00", "\ud800", "é" * 100])
def test_what_is_no_session_is_refused(door: Door, token: str) -> None:
    with pytest.raises(Unauthenticated):
        door.recognise(token)


def test_another_clerks_badge_leaves_the_session_the_counters_work_alone(door: Door) -> None:
    name, text = badge(door, Role.SUPERVISOR)
    signed_in = shown(door, door.token(*door.new(Role.ADMIN)), text)
    assert signed_in.actor.name == f"account:{name}"
    assert may(signed_in) == BADGE_PERMISSIONS & ROLE_PERMISSIONS[Role.SUPERVISOR]


def test_an_admins_badge_is_no_administrator(door: Door) -> None:
    _, text = badge(door, Role.ADMIN)
    assert may(shown(door, door.token(*door.new()), text)) == BADGE_PERMISSIONS


def test_whoever_signed_in_by_password_loses_nothing_by_their_own_badge(door: Door) -> None:
    name, password = door.new()
    token = door.token(name, password)
    signed_in = shown(door, token, door.do(accounts.issue_badge, name))
    assert may(signed_in) == ROLE_PERMISSIONS[Role.STORE]


def test_a_session_that_a_badge_took_over_is_not_given_back_by_a_badge(door: Door) -> None:
    name, password = door.new()
    own, (_, other) = door.do(accounts.issue_badge, name), badge(door)
    token = door.token(name, password)
    shown(door, token, other)
    assert may(shown(door, token, own)) == BADGE_PERMISSIONS


def test_a_badge_reads_alike_in_any_case_and_spacing(door: Door) -> None:
    name, text = badge(door)
    assert shown(door, door.token(*door.new()), f" {text.lower()}\r").actor.name == f"account:{name}"


def test_a_badge_of_somebody_who_may_not_use_the_counter_changes_nothing(door: Door) -> None:
    _, text = badge(door, Role.AUDITOR)
    token = door.token(*door.new())
    with pytest.raises(Forbidden) as refused:
        shown(door, token, text)
    assert refused.value.evidence is not None
    assert not door.recognise(token).actor.badge_only


@pytest.mark.parametrize("text", ["CLERK-AAAAAAAAAAAAAAAA", "", "\ud800"])
def test_an_unknown_badge_is_evidence(door: Door, text: str) -> None:
    with pytest.raises(Forbidden) as refused:
        shown(door, door.token(*door.new()), text)
    assert refused.value.evidence is not None


def test_a_new_badge_ends_the_old_one_and_the_counters_it_was_shown_to(door: Door) -> None:
    name, text = badge(door)
    counter, own = door.token(*door.new()), door.token(name, door.do(accounts.reset_password, name))
    shown(door, counter, text)
    door.do(accounts.issue_badge, name)
    with pytest.raises(Unauthenticated):
        door.recognise(counter)
    assert door.recognise(own)
    with pytest.raises(Forbidden):
        shown(door, own, text)


def test_a_withdrawn_badge_is_useless_at_once(door: Door) -> None:
    name, text = badge(door)
    counter = door.token(*door.new())
    shown(door, counter, text)
    door.do(accounts.withdraw_badge, name)
    with pytest.raises(Unauthenticated):
        door.recognise(counter)


def test_a_locked_accounts_badge_is_not_known(door: Door) -> None:
    name, text = badge(door)
    door.do(accounts.lock, name, reason="test")
    with pytest.raises(Forbidden):
        shown(door, door.token(*door.new()), text)


def test_a_badge_may_not_choose_its_accounts_password(door: Door) -> None:
    _, text = badge(door)
    signed_in = shown(door, door.token(*door.new()), text)
    assert not signed_in.must_change
    assert Permission.OWN_ACCOUNT not in may(signed_in)


def test_the_counters_lock_is_released_by_a_badge(door: Door) -> None:
    _, text = badge(door)
    token = door.token(*door.new())
    signed_in = door.recognise(token)
    with door.app.database.transaction() as session:
        auth.lock_counter(session, signed_in.actor, signed_in.session_id, now=NOW)
    assert door.recognise(token).is_locked
    assert not shown(door, token, text).is_locked


def new_token(door: Door, role: Role = Role.DOCK) -> tuple[str, str]:
    name = unique("t").lower()
    return name, door.do(accounts.create_token, name=name, role=role, lasts=timedelta(days=1))


def recognised(app: Service, token: str, now=NOW):
    with app.database.transaction() as session:
        return auth.recognise_token(session, token, now)


def test_a_token_is_its_role_until_it_expires(app: Service, door: Door) -> None:
    name, token = new_token(door)
    actor = recognised(app, token, NOW + timedelta(hours=23))
    assert (actor.name, actor.role) == (f"token:{name}", Role.DOCK)
    with pytest.raises(Unauthenticated):
        recognised(app, token, NOW + timedelta(days=1))


def test_a_revoked_token_is_useless_at_once_and_keeps_its_name(app: Service, door: Door) -> None:
    name, token = new_token(door)
    door.do(accounts.revoke_token, name)
    with pytest.raises(Unauthenticated):
        recognised(app, token)
    with pytest.raises(NotFound):
        door.do(accounts.revoke_token, name)


@pytest.mark.parametrize("token", ["", "fleet_x", "\x00", "\ud800", "x" * 100_000])
def test_what_is_no_token_is_refused(app: Service, token: str) -> None:
    with pytest.raises(Unauthenticated):
        recognised(app, token)


def test_a_token_and_an_account_of_one_name_are_two_callers(app: Service, door: Door) -> None:
    name, token = new_token(door)
    door.do(accounts.create, name=name, role=Role.STORE)
    assert recognised(app, token).name != f"account:{name}"
    with app.database.transaction() as session:
        assert session.scalars(sa.select(Account.role).where(Account.name == name)).one() is Role.STORE
