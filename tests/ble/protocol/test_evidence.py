"""What the two devices' statements prove without the service (A9), and everything that they do not prove."""

import hashlib
from dataclasses import dataclass, field, replace
from functools import cached_property
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble.protocol import credentials
from ble.protocol.beacon import Kind
from ble.protocol.cose import PrivateKey
from ble.protocol.decision import Sighting
from ble.protocol.evidence import BrokenChain, NotProven, Proof, prove, read_journal, read_log
from ble.protocol.statements import (
    BEGINNING,
    Account,
    Cancellation,
    EvidenceError,
    Head,
    LogEntry,
    Recording,
    Sent,
    read,
)
from tests.ble.fired import NOON, PAIRING, Pair

FOOTAGE = hashlib.sha256(b"footage").digest()
AUTHORITY, TASER, CAMERA, OTHER = (PrivateKey.generate() for _ in range(4))
YEAR_S = 365 * 86_400


def _credential(kind: credentials.Kind, serial: str, key: PrivateKey, *, authority: PrivateKey = AUTHORITY) -> bytes:
    began = NOON // 1_000 - YEAR_S
    agreement = PrivateKey.generate().public
    return credentials.Credential(kind, serial, agreement, key.public, began, began + 2 * YEAR_S).issue(authority)


TASER_CREDENTIAL = _credential(credentials.Kind.TASER, "SPPM-1", TASER)
CAMERA_CREDENTIAL = _credential(credentials.Kind.CAMERA, "CAM-1", CAMERA)


def _heard() -> tuple[LogEntry, Account]:
    """An arc that a real pair sent and heard, in the words of each."""
    pair = Pair(start=40, taser_off_s=30)
    pair.camera.set_offset(PAIRING, 30)
    beacons = pair.fire(Kind.ARC)
    sighting = pair.hear(beacons, 2).sighting
    assert isinstance(sighting, Sighting)
    entry = LogEntry(
        "X2-1",
        40,
        Kind.ARC,
        beacons.event.clock_ms // 1_000,
        80,
        (Sent(PAIRING, CAMERA.public.id, beacons.identifier),),
    )
    recording = Recording("R-7", FOOTAGE, sighting.at_ms - 30_000, sighting.at_ms + 600_000)
    account = Account(
        sighting.pairing,
        sighting.counter,
        sighting.kind,
        sighting.at_ms,
        sighting.heard_ms,
        30,
        sighting.suspected,
        sighting.payload,
        recording,
    )
    return entry, account


ENTRY, ACCOUNT = _heard()


@dataclass(frozen=True)
class Case:
    """A true case, of which a test changes one thing."""

    entry: LogEntry = ENTRY
    account: Account = ACCOUNT
    taser: bytes = TASER_CREDENTIAL
    camera: bytes = CAMERA_CREDENTIAL
    entry_key: PrivateKey = TASER
    account_key: PrivateKey = CAMERA
    footage: bytes = FOOTAGE
    authority: PrivateKey = field(default=AUTHORITY)

    @cached_property
    def proof(self) -> Proof:
        return prove(
            authority=[self.authority.public],
            taser=self.taser,
            entry=self.entry.sign(self.entry_key, BEGINNING),
            camera=self.camera,
            account=self.account.sign(self.account_key, BEGINNING),
            recording_digest=self.footage,
        )


def test_a_taser_and_a_camera_prove_an_activation_in_a_recording_without_the_service() -> None:
    proof = Case().proof

    assert (proof.taser, proof.sppm, proof.camera) == ("X2-1", "SPPM-1", "CAM-1")
    assert (proof.counter, proof.kind, proof.at_ms) == (40, Kind.ARC, NOON + 60_000)
    assert (proof.recording.name, proof.apart_ms) == ("R-7", 0)


def _account(**changes: Any) -> Case:
    return Case(account=replace(ACCOUNT, **changes))


def _entry(**changes: Any) -> Case:
    return Case(entry=replace(ENTRY, **changes))


_OUTSIDE = Recording("R-7", FOOTAGE, ACCOUNT.at_ms + 1, ACCOUNT.at_ms + 10)


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(_entry(counter=41), id="another event of the Taser"),
        pytest.param(_entry(kind=Kind.ARMED), id="of another kind"),
        pytest.param(_entry(clock=ENTRY.clock + 301), id="at another time"),
        pytest.param(_entry(sent=()), id="sent to nobody"),
        pytest.param(
            _entry(sent=(replace(ENTRY.sent[0], peer=OTHER.public.id),)),
            id="a bystander's camera picked it off the air",
        ),
        pytest.param(_entry(sent=(replace(ENTRY.sent[0], identifier=bytes(6)),)), id="another beacon"),
        pytest.param(_entry(sent=(replace(ENTRY.sent[0], pairing=bytes(16)),)), id="another pairing"),
        pytest.param(_account(counter=41), id="account of another event"),
        pytest.param(_account(recording=None), id="nothing recorded"),
        pytest.param(_account(recording=_OUTSIDE), id="before the recording"),
        pytest.param(Case(footage=bytes(32)), id="another recording is looked at"),
    ],
)
def test_statements_that_do_not_fit_prove_nothing(case: Case) -> None:
    with pytest.raises(NotProven):
        _ = case.proof


@pytest.mark.parametrize(
    "case",
    [
        pytest.param(Case(entry_key=OTHER), id="entry by another key"),
        pytest.param(Case(account_key=OTHER), id="account by another key"),
        pytest.param(Case(account_key=TASER), id="account by the Taser"),
        pytest.param(Case(taser=CAMERA_CREDENTIAL, entry_key=CAMERA), id="a camera poses as the Taser"),
        pytest.param(Case(camera=TASER_CREDENTIAL, account_key=TASER), id="the Taser poses as a camera"),
        pytest.param(Case(authority=OTHER), id="another authority"),
        pytest.param(
            Case(taser=_credential(credentials.Kind.TASER, "SPPM-1", TASER, authority=OTHER)), id="made by the service"
        ),
        pytest.param(Case(taser=b"\xd2\x84"), id="garbage"),
    ],
)
def test_what_is_not_signed_by_whom_it_should_be_is_refused(case: Case) -> None:
    with pytest.raises(EvidenceError):
        _ = case.proof


@pytest.mark.parametrize("late_s", [-2 * YEAR_S, 2 * YEAR_S])
def test_a_credential_must_have_stood_when_it_happened(late_s: int) -> None:
    moved = replace(ACCOUNT, at_ms=ACCOUNT.at_ms + late_s * 1_000)

    with pytest.raises(NotProven, match="did not stand"):
        _ = Case(account=moved).proof


def test_a_credential_that_has_ended_since_still_proves_what_happened_while_it_stood() -> None:
    began = NOON // 1_000 - 3_600
    short = credentials.Credential(
        credentials.Kind.CAMERA, "CAM-1", PrivateKey.generate().public, CAMERA.public, began, began + 7_200
    )

    assert Case(camera=short.issue(AUTHORITY)).proof.camera == "CAM-1"


def _log(*counters: int, key: PrivateKey = TASER) -> tuple[list[bytes], Head]:
    signed, head = [], BEGINNING
    for counter in counters:
        entry = replace(ENTRY, counter=counter).sign(key, head)
        signed.append(entry)
        head = head.after(entry)
    return signed, head


def test_a_log_reads_back_with_the_counters_that_power_cuts_skipped() -> None:
    signed, head = _log(0, 1, 16, 17)

    entries, found = read_log(signed, TASER.public)

    assert [entry.counter for entry in entries] == [0, 1, 16, 17]
    assert found == head


def test_a_log_is_read_on_from_where_it_was_read_to() -> None:
    signed, head = _log(0, 1, 2, 3)
    _, middle = read_log(signed[:2], TASER.public)

    entries, found = read_log(signed[2:], TASER.public, middle)

    assert ([entry.counter for entry in entries], found) == ([2, 3], head)


def test_a_log_that_dropped_its_oldest_entries_is_read_from_where_it_begins() -> None:
    signed, head = _log(0, 1, 2, 3)

    assert read_log(signed[2:], TASER.public, None)[1] == head


@pytest.mark.parametrize("order", [(0, 2, 3), (0, 1, 1, 2), (1, 0, 2), (1, 2), (0, 1, 3, 2)])
def test_entries_left_out_doubled_or_in_another_order_break_the_chain(order: tuple[int, ...]) -> None:
    signed, _ = _log(0, 1, 2, 3)

    with pytest.raises(BrokenChain):
        read_log([signed[index] for index in order], TASER.public)


@pytest.mark.parametrize("counters", [(0, 1, 1), (5, 4)])
def test_a_counter_that_does_not_rise_is_a_memory_set_back(counters: tuple[int, ...]) -> None:
    with pytest.raises(BrokenChain):
        read_log(_log(*counters)[0], TASER.public)


def test_a_sppm_whose_memory_was_restored_does_not_join_on_to_the_head_that_was_kept() -> None:
    _, kept = _log(0, 1, 2, 3)
    again, _ = _log(0, 1)
    forged_on = replace(ENTRY, counter=2, battery_percent=3).sign(TASER, read_log(again, TASER.public)[1])

    with pytest.raises(BrokenChain):
        read_log([forged_on], TASER.public, kept)


def test_a_cancellation_is_kept_in_the_cameras_chain() -> None:
    account = ACCOUNT.sign(CAMERA, BEGINNING)
    head = BEGINNING.after(account)
    cancelled = Cancellation(PAIRING, 40, ACCOUNT.at_ms + 5_000)
    signed = cancelled.sign(CAMERA, head)

    statements, found = read_journal([account, signed], CAMERA.public)

    assert statements == [ACCOUNT, cancelled]
    assert found == head.after(signed)
    with pytest.raises(BrokenChain):
        read_journal([signed], CAMERA.public)


def test_an_account_of_an_event_that_was_not_recorded_reads_back() -> None:
    account = replace(ACCOUNT, recording=None, suspected=True, at_ms=-5)

    assert read(account.sign(CAMERA, BEGINNING), [CAMERA.public]).statement == account


def test_a_log_entry_never_passes_for_a_cameras_statement() -> None:
    signed, _ = _log(0)

    with pytest.raises(EvidenceError):
        read_journal(signed, TASER.public)


@given(st.binary(max_size=400))
def test_garbage_raises_nothing_but_its_own_error(data: bytes) -> None:
    with pytest.raises(EvidenceError):
        read(data, [TASER.public])


_SIGNED = ACCOUNT.sign(CAMERA, BEGINNING)


@given(st.integers(0, len(_SIGNED) - 1), st.integers(1, 255))
def test_no_byte_of_a_statement_can_be_changed(at: int, flip: int) -> None:
    changed = bytearray(_SIGNED)
    changed[at] ^= flip

    with pytest.raises(EvidenceError):
        read(bytes(changed), [CAMERA.public])


@given(st.integers(0, len(_SIGNED) - 1))
def test_a_statement_that_was_cut_off_is_refused(length: int) -> None:
    with pytest.raises(EvidenceError):
        read(_SIGNED[:length], [CAMERA.public])
