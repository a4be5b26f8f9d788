"""Reports, receipts and records: each holds only as it was made, and everything else raises its own error."""

from collections.abc import Callable
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ble.protocol.cose import BadKey, BadSignature, PrivateKey, PublicKey, verify
from ble.protocol.credentials import Kind
from ble.protocol.levels import Bluetooth, Encryption
from ble.protocol.messages import Record
from ble.protocol.receipts import PairingReceipt, ReceiptError
from ble.protocol.records import Channel, RecordError
from ble.protocol.reports import Held, Report, ReportError, Standing, Vitals

KEY, OTHER = PrivateKey.generate(), PrivateKey.generate()
VITALS = Vitals("2.0", None, Bluetooth.AUTHENTICATED, 80, 1_800_000_000, 7, "X2-1")
REPORT = Report(
    Kind.TASER, "SP-1", VITALS, b"n" * 16, b"station!", 3, (Held(b"p" * 16, b"camera-1", Standing.PREPARED),)
)
RECEIPT = PairingReceipt(b"p" * 16, b"h" * 32, Kind.TASER, "SP-1", b"taser--1", b"camera-1", 9, b"c" * 16)


@pytest.mark.parametrize(
    "report",
    [REPORT, replace(REPORT, held=()), replace(REPORT, vitals=Vitals("", Encryption.NONE, Bluetooth.LEGACY, 0, None))],
)
def test_a_report_is_read_as_it_was_signed(report: Report) -> None:
    assert Report.read(report.sign(KEY), KEY.public) == report


def test_a_receipt_is_read_as_it_was_signed_and_names_its_pairing() -> None:
    assert PairingReceipt.read(RECEIPT.sign(KEY), KEY.public) == RECEIPT
    assert PairingReceipt.named(RECEIPT.sign(OTHER)) == RECEIPT.pairing


def test_a_report_and_a_receipt_of_one_key_do_not_pass_for_each_other() -> None:
    with pytest.raises(ReceiptError, match="not a receipt"):
        PairingReceipt.read(REPORT.sign(KEY), KEY.public)
    with pytest.raises(ReportError, match="not a report"):
        Report.read(RECEIPT.sign(KEY), KEY.public)


def test_another_key_did_not_sign() -> None:
    with pytest.raises(ReportError, match="not trusted"):
        Report.read(REPORT.sign(OTHER), KEY.public)


def test_a_key_id_that_is_claimed_is_not_believed() -> None:
    signed = REPORT.sign(OTHER).replace(OTHER.public.id, KEY.public.id)

    with pytest.raises(ReportError, match="signature is not of the key"):
        Report.read(signed, KEY.public)


SEEN_BY_THE_CAMERA = replace(RECEIPT, kind=Kind.CAMERA, serial="C-1", key=RECEIPT.peer, peer=RECEIPT.key)


def test_two_receipts_of_one_handshake_match() -> None:
    RECEIPT.require_match(SEEN_BY_THE_CAMERA)


@pytest.mark.parametrize(
    "other",
    [
        RECEIPT,
        replace(SEEN_BY_THE_CAMERA, pairing=b"q" * 16),
        replace(SEEN_BY_THE_CAMERA, permit=b"i" * 32),
        replace(SEEN_BY_THE_CAMERA, key=b"camera-2"),
        replace(SEEN_BY_THE_CAMERA, peer=b"taser--2"),
        replace(SEEN_BY_THE_CAMERA, start=10),
        replace(SEEN_BY_THE_CAMERA, check=b"d" * 16),
    ],
)
def test_two_receipts_of_two_handshakes_do_not(other: PairingReceipt) -> None:
    with pytest.raises(ReceiptError, match="same handshake"):
        RECEIPT.require_match(other)


@given(
    st.sampled_from([REPORT.sign(KEY), RECEIPT.sign(KEY)]) | st.binary(max_size=300),
    st.integers(0, 400),
    st.integers(1, 255),
)
def test_garbage_and_altered_signed_messages_raise_their_own_error_only(data: bytes, at: int, change: int) -> None:
    altered = bytearray(data or b"\x00")
    altered[at % len(altered)] ^= change
    with pytest.raises(ReportError):
        Report.read(bytes(altered), KEY.public)
    with pytest.raises(ReceiptError):
        PairingReceipt.read(bytes(altered), KEY.public)


@pytest.mark.parametrize(
    "parameters",
    [b"", b"\xa0", b"\x00", KEY.public.encode()[:-1], KEY.public.encode() + b"\x00"],
    ids=["nothing", "no parameter", "no map", "cut off", "more after it"],
)
def test_what_is_no_key_is_refused(parameters: bytes) -> None:
    with pytest.raises(BadKey):
        PublicKey.decode(parameters)


def test_a_point_off_the_curve_is_refused() -> None:
    off = PublicKey(KEY.public.x, bytes(31) + b"\x01")

    with pytest.raises(BadKey, match="not a point"):
        PublicKey.decode(off.encode())


@pytest.mark.parametrize("secret", [b"", bytes(32), b"\xff" * 32, b"\x01" * 31])
def test_what_is_no_private_key_is_refused(secret: bytes) -> None:
    with pytest.raises(BadKey):
        PrivateKey.decode(secret)


def test_an_unprotected_header_is_refused() -> None:
    signed = KEY.sign("report", b"payload")
    empty = signed.index(b"\xa0", 10)
    assert verify(signed, "report", [KEY.public]).payload == b"payload"

    with pytest.raises(BadSignature):
        verify(signed[:empty] + b"\xa1\x01\x26" + signed[empty + 1 :], "report", [KEY.public])


def _channels() -> tuple[Channel, Channel]:
    exported: Callable[[int, bytes, int], bytes] = lambda label, _context, size: bytes([label]) * size  # noqa: E731
    return Channel(exported, device=False), Channel(exported, device=True)


@given(st.lists(st.tuples(st.booleans(), st.binary(max_size=50)), max_size=20))
def test_records_come_through_in_both_directions(said: list[tuple[bool, bytes]]) -> None:
    station, device = _channels()
    for by_station, message in said:
        sender, receiver = (station, device) if by_station else (device, station)
        assert receiver.open(sender.seal(message)) == message


@given(st.binary(max_size=50), st.integers(0, 65), st.integers(1, 255))
def test_an_altered_record_is_refused(message: bytes, at: int, change: int) -> None:
    station, device = _channels()
    record = station.seal(message)
    sealed = bytearray(record.sealed)
    sealed[at % len(sealed)] ^= change
    with pytest.raises(RecordError):
        device.open(Record(record.number, bytes(sealed)))


def test_a_record_that_was_lost_doubled_moved_or_turned_round_is_refused() -> None:
    station, device = _channels()
    first, second, third = station.seal(b"1"), station.seal(b"2"), station.seal(b"3")

    with pytest.raises(RecordError):
        device.open(second)
    with pytest.raises(RecordError):
        station.open(first)
    assert device.open(first) == b"1"
    with pytest.raises(RecordError):
        device.open(first)
    with pytest.raises(RecordError):
        device.open(third)
    with pytest.raises(RecordError):
        device.open(Record(1, b"short"))


def test_no_nonce_is_used_twice_in_a_direction() -> None:
    station, _ = _channels()

    assert len({station.seal(b"the same").sealed for _ in range(300)}) == 300
