"""The vectors in tests/ble/vectors/pairing.json are what the code makes and what it reads."""

import json
from collections.abc import Callable

import pytest

from ble.protocol import messages
from ble.protocol.cbor import decode
from ble.protocol.cose import PrivateKey, PublicKey
from ble.protocol.credentials import Trust
from ble.protocol.frames import Assembler
from ble.protocol.permits import Permit, UnpairOrder
from ble.protocol.receipts import PairingReceipt
from ble.protocol.records import Channel
from ble.protocol.reports import Report
from tests.ble.protocol.vectors import FILE, NOW, Maker, key

VECTORS = json.loads(FILE.read_text())


def _signed(name: str) -> bytes:
    return bytes.fromhex(VECTORS["signed"][name]["message"])


def test_the_vectors_are_what_the_code_makes() -> None:
    assert Maker(VECTORS).make() == VECTORS


def test_a_change_of_one_byte_would_be_seen() -> None:
    changed = json.loads(FILE.read_text())
    changed["pair"]["message_2"] = changed["pair"]["message_2"][:-2] + "00"

    assert changed != VECTORS
    assert Maker(VECTORS).make() != changed


def test_every_key_of_the_vectors_is_the_public_half_of_its_private_one() -> None:
    for pair in VECTORS["keys"].values():
        public = PrivateKey(bytes.fromhex(pair["private"])).public
        assert public == PublicKey(bytes.fromhex(pair["x"]), bytes.fromhex(pair["y"]))
        assert public.id.hex() == pair["id"]


def test_a_device_reads_what_the_vectors_hold() -> None:
    trust = Trust.first(_signed("trust"))
    for kind in ("station", "taser", "camera"):
        assert (
            trust.credential(_signed(f"credential of the {kind}"), now=NOW).agreement == key(f"{kind} agreement").public
        )
    permit = Permit.read(_signed("permit"), trust.permit_keys)
    assert UnpairOrder.read(_signed("order to unpair"), trust.permit_keys).pairing == permit.id
    for kind, party in (("taser", permit.taser), ("camera", permit.camera)):
        assert Report.read(_signed(f"report of the {kind}"), key(f"{kind} signing").public).nonce == party.nonce
    receipts = [
        PairingReceipt.read(_signed(f"receipt of the {kind}"), key(f"{kind} signing").public)
        for kind in ("taser", "camera")
    ]
    receipts[0].require_match(receipts[1])


@pytest.mark.parametrize("vector", VECTORS["messages"], ids=lambda vector: vector["name"])
def test_a_message_of_the_vectors_is_read_and_written_the_same(vector: dict[str, str]) -> None:
    data = bytes.fromhex(vector["encoded"])

    assert type(messages.decode(data)).__name__ == vector["name"]
    assert messages.encode(messages.decode(data)) == data


def test_the_frames_of_the_vectors_are_put_together_again() -> None:
    assembler = Assembler()
    for vector in VECTORS["frames"]:
        *parts, last = (bytes.fromhex(frame) for frame in vector["frames"])
        assert [assembler.feed(part) for part in parts] == [None] * len(parts)
        assert assembler.feed(last) == bytes.fromhex(vector["message"])


def test_the_records_of_the_vectors_are_opened_with_the_exported_keys() -> None:
    exported: Callable[[int, bytes, int], bytes] = lambda label, _context, _size: bytes.fromhex(  # noqa: E731
        VECTORS["session"]["exported"][str(label)]
    )
    ends = {"station": Channel(exported, device=True), "device": Channel(exported, device=False)}
    for vector in VECTORS["session"]["records"]:
        record = messages.decode(bytes.fromhex(vector["record"]))
        assert isinstance(record, messages.Record)
        assert ends[vector["from"]].open(record).hex() == vector["plain"]


def test_the_vectors_hold_every_kind_of_message_and_of_signature() -> None:
    assert [vector["number"] for vector in VECTORS["messages"]] == list(messages.NUMBERS.values())
    assert {one["typ"] for one in VECTORS["signed"].values()} == {
        "trust", "credential", "report", "permit", "unpair", "receipt",
    }  # fmt: skip
    assert len(decode(bytes.fromhex(VECTORS["pair"]["message_4"]))) == 8
