"""Names, passwords, and the limit on guessing them."""

import threading
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
import sqlalchemy as sa

from fleet.actors import command_line
from fleet.audit import Event
from fleet.audit.models import AuditEntry
from fleet.auth import accounts, secret, sign_in
from fleet.auth.models import FailedSignIn, WebSession
from fleet.auth.names import spelled
from fleet.errors import Invalid, TooMany, Unauthenticated, Unavailable
from fleet.web import Service
from tests.auth.conftest import LASTS, NOW, Door
from tests.factories import unique

OWN = "correct horse battery staple"


def refusals(app: Service, name: str) -> list[AuditEntry]:
    wanted = sa.select(AuditEntry).where(AuditEntry.event == Event.SIGN_IN_REFUSED, AuditEntry.subject_key == name)
    with app.database.transaction() as session:
        return list(session.scalars(wanted.order_by(AuditEntry.id)))


def chosen(door: Door, name: str, one_time: str) -> str:
    """Replace a one-time password by ``OWN`` and answer the new session's token."""
    actor = door.recognise(door.token(name, one_time)).actor
    token = sign_in.choose_password(door.app.database, actor, new=OWN, lasts=LASTS, now=NOW).token
    assert token is not None
    return token


def change(door: Door, token: str, current: str, new: str, address: str = "") -> sign_in.Outcome:
    actor = door.recognise(token).actor
    return sign_in.change_password(
        door.app.database, actor, current=current, new=new, address=address or unique("host"), lasts=LASTS, now=NOW
    )


def test_the_right_password_opens_a_session_of_that_account(door: Door) -> None:
    name, password = door.new()
    signed_in = door.recognise(door.token(name, password))
    assert signed_in.actor.name == f"account:{name}"
    assert signed_in.must_change


def test_a_name_is_the_same_in_any_case_spacing_and_width(door: Door) -> None:
    name, password = door.new()
    wide = "".join(chr(ord(character) + 0xFEE0) for character in name)
    for typed in (name.upper(), f"  {name}\t", wide, f"{name[0]}\x00{name[1:]}"):
        assert door.enter(typed, password).token is not None


def test_a_wrong_password_is_an_outcome_that_is_kept_as_evidence(app: Service, door: Door) -> None:
    name, _ = door.new()
    assert door.enter(name, "not it", address="203.0.113.9").token is None
    [entry] = refusals(app, name)
    assert entry.facts == {"address": "203.0.113.9", "cause": "wrong password"}


def test_what_is_typed_for_a_name_that_there_is_none_of_is_stored_nowhere(app: Service, door: Door) -> None:
    typed = f"my-password-{unique('p')}".lower()
    assert door.enter(typed, "x").token is None
    assert refusals(app, typed) == []
    with app.database.transaction() as session:
        assert session.scalars(sa.select(FailedSignIn.id).where(FailedSignIn.name.contains(typed))).first() is None


def test_the_fifth_failure_of_a_name_from_an_address_is_the_last(door: Door) -> None:
    name, password = door.new()
    for _ in range(5):
        assert door.enter(name, "not it", address="192.0.2.1").token is None
    with pytest.raises(TooMany) as refused:
        door.enter(name, password, address="192.0.2.1")
    assert refused.value.retry_after > 0


def test_a_name_that_there_is_none_of_is_limited_alike(door: Door) -> None:
    name = unique("nobody")
    for _ in range(5):
        assert door.enter(name, "not it", address="192.0.2.2").token is None
    with pytest.raises(TooMany):
        door.enter(name, "not it", address="192.0.2.2")


def test_the_limit_counts_every_spelling_of_a_name_as_one(door: Door) -> None:
    name, _ = door.new()
    for typed in (name, name.upper(), f" {name}", f"{name}\x00", f"{name}\u200b"):
        door.enter(typed, "not it", address="192.0.2.3")
    with pytest.raises(TooMany):
        door.enter(name, "not it", address="192.0.2.3")


def test_one_subscriber_of_ipv6_is_one_address(door: Door) -> None:
    name, _ = door.new()
    for number in range(5):
        door.enter(name, "not it", address=f"2001:db8:1:2::{number}")
    with pytest.raises(TooMany):
        door.enter(name, "not it", address="2001:db8:1:2:ffff::1")
    assert door.enter(name, "not it", address="2001:db8:1:3::1").token is None


def test_another_address_is_not_kept_out_by_five_failures(door: Door) -> None:
    name, password = door.new()
    for _ in range(5):
        door.enter(name, "not it", address="192.0.2.4")
    assert door.enter(name, password, address="192.0.2.5").token is not None


def test_failures_are_forgotten_after_a_quarter_of_an_hour(door: Door) -> None:
    name, password = door.new()
    for _ in range(5):
        door.enter(name, "not it", address="192.0.2.6")
    later = NOW + timedelta(minutes=15, seconds=1)
    assert door.enter(name, password, address="192.0.2.6", now=later).token is not None


def test_a_success_is_not_counted_against_anybody(door: Door) -> None:
    name, password = door.new()
    for _ in range(8):
        assert door.enter(name, password, address="192.0.2.7").token is not None


def test_an_administrators_reset_lets_its_owner_in_at_once(door: Door) -> None:
    name, _ = door.new()
    for _ in range(5):
        door.enter(name, "not it", address="192.0.2.8")
    password = door.do(accounts.reset_password, name)
    assert door.enter(name, password, address="192.0.2.8").token is not None


def test_many_guesses_at_once_are_counted_before_any_is_verified(door: Door) -> None:
    name, _ = door.new()
    guesses = 24
    ready = threading.Barrier(guesses)

    def guess(_number: int) -> str:
        ready.wait()
        try:
            return str(door.enter(name, "not it", address="192.0.2.10").token)
        except (TooMany, Unavailable) as error:
            return type(error).__name__

    with ThreadPoolExecutor(guesses) as threads:
        found = Counter(threads.map(guess, range(guesses)))
    assert found == {"None": 5, "TooMany": guesses - 5}


def test_no_connection_is_held_while_a_password_is_verified(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    name, password = door.new()
    verify, held = secret.password_matches, []

    def watched(password_hash: str | None, typed: str) -> bool:
        held.append(door.app.database.engine.pool.checkedout())  # type: ignore[attr-defined]
        return verify(password_hash, typed)

    monkeypatch.setattr(secret, "password_matches", watched)
    door.token(name, password)
    assert held == [0]


def test_a_process_verifies_few_passwords_at_once_and_turns_the_rest_away() -> None:
    bound = secret.Bound(at_once=1, waiting=1, patience_s=0.05)
    with bound.place(), pytest.raises(Unavailable), bound.place():
        pass
    with bound.place():
        pass


def test_who_is_turned_away_by_a_flood_is_not_counted(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    name, password = door.new()
    full = secret.Bound(at_once=1, waiting=0, patience_s=0.01)
    with monkeypatch.context() as patched, full.place():
        patched.setattr(secret, "_HASHING", full)
        for _ in range(6):
            with pytest.raises(Unavailable):
                door.enter(name, password, address="192.0.2.11")
    assert door.enter(name, password, address="192.0.2.11").token is not None


def test_an_unknown_name_costs_a_verification_too(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    verified: list[object] = []
    hasher = secret._HASHER

    class Watched:
        def verify(self, password_hash: str, typed: bytes) -> bool:
            verified.append(password_hash)
            return hasher.verify(password_hash, typed)

    monkeypatch.setattr(secret, "_HASHER", Watched())
    door.enter(unique("nobody"), "not it")
    assert verified == [secret._NO_PASSWORD]


@pytest.mark.parametrize(
    ("act", "cause"), [(accounts.lock, "locked"), (accounts.close, "closed")], ids=["locked", "closed"]
)
def test_an_account_that_may_not_be_used_looks_like_a_wrong_password(app, door: Door, act, cause: str) -> None:
    name, password = door.new()
    door.do(act, name, reason="test")
    assert door.enter(name, password) == sign_in.Outcome(None)
    assert refusals(app, name)[-1].facts["cause"] == cause


def test_a_one_time_password_lapses(app: Service, door: Door) -> None:
    name, password = door.new()
    assert door.enter(name, password, now=NOW + timedelta(days=7, seconds=1)).token is None
    assert refusals(app, name)[-1].facts["cause"] == "one-time password lapsed"


def test_a_reset_during_a_sign_in_wins(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    name, password = door.new()
    verify = secret.password_matches

    def reset_meanwhile(password_hash: str | None, typed: str) -> bool:
        door.do(accounts.reset_password, name)
        return verify(password_hash, typed)

    monkeypatch.setattr(secret, "password_matches", reset_meanwhile)
    assert door.enter(name, password).token is None


def test_choosing_a_password_ends_every_session_but_the_new_one(door: Door) -> None:
    name, password = door.new()
    elsewhere = door.token(name, password)
    token = chosen(door, name, password)
    assert not door.recognise(token).must_change
    with pytest.raises(Unauthenticated):
        door.recognise(elsewhere)
    assert door.enter(name, password).token is None
    assert door.enter(name, OWN).token is not None


def test_only_a_one_time_password_is_replaced_without_being_typed_again(door: Door) -> None:
    name, password = door.new()
    actor = door.recognise(chosen(door, name, password)).actor
    outcome = sign_in.choose_password(door.app.database, actor, new="another good one", lasts=LASTS, now=NOW)
    assert outcome.token is None
    assert door.enter(name, OWN).token is not None


def test_passwords_cannot_be_guessed_at_a_browser_that_is_signed_in(door: Door) -> None:
    name, password = door.new()
    token = chosen(door, name, password)
    for _ in range(5):
        assert change(door, token, "not it", "another good one", "192.0.2.12").token is None
    with pytest.raises(TooMany):
        change(door, token, OWN, "another good one", "192.0.2.12")


def test_a_changed_password_opens_a_new_session(door: Door) -> None:
    name, password = door.new()
    token = chosen(door, name, password)
    fresh = change(door, token, OWN, "another good one").token
    assert fresh is not None
    assert door.recognise(fresh).actor.name == f"account:{name}"
    with pytest.raises(Unauthenticated):
        door.recognise(token)


@pytest.mark.parametrize("new", ["short", OWN, "aaaaaaaaaaaaaaaa", "x" * 1_001])
def test_a_bad_new_password_is_refused_by_its_field(door: Door, new: str) -> None:
    name, password = door.new()
    token = chosen(door, name, password)
    with pytest.raises(Invalid) as refused:
        change(door, token, OWN, new)
    assert list(refused.value.fields) == ["new_password"]


def test_a_password_that_holds_the_name_is_refused() -> None:
    assert secret.weakness("hello jo.bloggs hello", name="jo.bloggs") is not None


def test_a_password_matches_however_its_letters_are_composed() -> None:
    hashed = secret.hash_password("caf\u00e9 caf\u00e9 caf\u00e9")
    assert secret.password_matches(hashed, "cafe\u0301 cafe\u0301 cafe\u0301")


def test_what_is_over_is_forgotten(empty: Service) -> None:
    door = Door(empty, command_line("tests"))
    name, password = door.new()
    door.token(name, password)
    door.enter(name, "not it")
    with empty.database.transaction() as session:
        sign_in.forget_old(session, NOW + timedelta(days=1))
        left = [session.scalar(sa.select(sa.func.count()).select_from(model)) for model in (WebSession, FailedSignIn)]
    assert left == [0, 0]


def test_forgetting_leaves_what_still_counts(empty: Service) -> None:
    door = Door(empty, command_line("tests"))
    name, password = door.new()
    door.token(name, password)
    door.enter(name, "not it")
    with empty.database.transaction() as session:
        sign_in.forget_old(session, NOW + timedelta(minutes=14))
        left = [session.scalar(sa.select(sa.func.count()).select_from(model)) for model in (WebSession, FailedSignIn)]
    assert left == [1, 1]


def test_a_spelled_name_stays_as_it_is() -> None:
    for text in ("Jo", "ＪＯ", "straße", "İ", "ﬁ", "a" * 300):
        assert spelled(spelled(text)) == spelled(text)
