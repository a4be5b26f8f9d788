"""Makes the test vectors of pairing, ``tests/ble/vectors/pairing.json``: ``python -m tests.ble.protocol.vectors``.

Everything follows from fixed private keys, the ephemeral ones included, but the signatures: ES256 draws a random number
for each, so a signature that is in the file already and still holds is kept.
"""

import hashlib
import json
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from ble.protocol import cbor, cose, labels, messages, permits
from ble.protocol.cose import PrivateKey, PublicKey
from ble.protocol.credentials import Credential, Kind, Trust
from ble.protocol.edhoc import claim_set
from ble.protocol.frames import Fragmenter
from ble.protocol.levels import Bluetooth, Encryption
from ble.protocol.messages import Hello, Message
from ble.protocol.permits import Party, Permit, Purpose, UnpairOrder
from ble.protocol.receipts import PairingReceipt
from ble.protocol.records import Channel
from ble.protocol.reports import Report, Vitals
from tests.ble.protocol import rfc9528

FILE = Path(__file__).parent.parent / "vectors" / "pairing.json"
NOW = 1_800_000_000
START = 4_711
LEVELS = Encryption.AES256, Bluetooth.SECURE_CONNECTIONS
Vectors = dict[str, Any]


def key(name: str) -> PrivateKey:
    """A private key that everybody knows: SHA-256 of its name."""
    return PrivateKey(hashlib.sha256(f"camera-fleet test vector: {name}".encode()).digest())


def fixed(name: str, size: int) -> bytes:
    """Bytes that stand for random ones."""
    return hashlib.sha256(f"camera-fleet test vector: {name}".encode()).digest()[:size]


KEYS = (
    "authority", "permit signer", "station agreement", "station signing", "taser agreement", "taser signing",
    "camera agreement", "camera signing", "session device ephemeral", "session station ephemeral",
    "pair taser ephemeral", "pair camera ephemeral",
)  # fmt: skip
SAMPLES: dict[object, object] = {int: 70_000, bytes: b"\x01\x02\x03", str: "text", tuple[bytes, ...]: (b"\x01", b"")}


@dataclass
class Maker:
    """Makes the vectors, keeping the signatures of ``before`` that still hold."""

    before: Vectors
    made: Vectors = field(default_factory=dict)

    def signed(self, name: str, typ: str, signer: PublicKey, make: Callable[[], bytes]) -> bytes:
        """A signed message: the one of before if it says the same, else a new one."""
        new = make()
        old = bytes.fromhex(self.before.get("signed", {}).get(name, {}).get("message", ""))
        try:
            same = cose.verify(old, typ, [signer]).payload == cose.unverified(new, typ)
        except cose.BadSignature:
            same = False
        chosen = old if same else new
        payload = cose.unverified(chosen, typ)
        self.made.setdefault("signed", {})[name] = {
            "typ": typ, "signer": signer.id.hex(), "payload": payload.hex(), "message": chosen.hex(),
        }  # fmt: skip
        return chosen

    def make(self) -> Vectors:
        """All of it."""
        self.made["about"] = (
            "Pairing, as docs/protocol.md specifies it. Byte strings are hexadecimal, times are seconds since 1970 UTC."
        )
        self.made["keys"] = {name: _key(key(name)) for name in KEYS}
        self.made["messages"] = [_message(kind) for kind in messages.NUMBERS]
        self.made["frames"] = _frames()
        chain = self._trust()
        credentials = {
            "station": self._credential(Kind.STATION, "ARM-1"),
            "taser": self._credential(Kind.TASER, "SP-0001"),
            "camera": self._credential(Kind.CAMERA, "BW2-0001"),
        }
        self._session(messages.encode(Hello(messages.VERSION, credentials["station"], (chain,))))
        self._reports()
        self._pair(self._permit())
        return self.made

    def _trust(self) -> bytes:
        authority = key("authority")
        trust = Trust((authority.public,), (key("permit signer").public,), 7, NOW, frozenset({fixed("revoked", 8)}))
        return self.signed("trust", "trust", authority.public, lambda: trust.issue(authority))

    def _credential(self, kind: Kind, serial: str) -> bytes:
        levels = LEVELS if kind is Kind.CAMERA else (None, LEVELS[1]) if kind is Kind.TASER else (None, None)
        credential = Credential(
            kind, serial, key(f"{kind} agreement").public, key(f"{kind} signing").public, NOW, NOW + 86_400, *levels,
            "" if kind is Kind.STATION else "2.0",
        )  # fmt: skip
        authority = key("authority")
        return self.signed(
            f"credential of the {kind}", "credential", authority.public, lambda: credential.issue(authority)
        )

    def _session(self, hello: bytes) -> None:
        """The Taser's session with the station."""
        device, station = key("taser agreement"), key("station agreement")
        initiator = rfc9528.Initiator(
            device, key("session device ephemeral"), claim_set(device.public), cbor.encode(-24)
        )
        responder = rfc9528.Responder(
            station, key("session station ephemeral"), claim_set(station.public), cbor.encode(23)
        )
        first = initiator.message_1()
        second = responder.message_2(first, {labels.EAD_HELLO: messages.digest(hello)})
        initiator.read_2(second, station.public, claim_set(station.public))
        third = initiator.message_3({}, rfc9528.by_value(claim_set(device.public)))
        self.made["session"] = {
            "hello": hello.hex(),
            "ccs of the station": claim_set(station.public).hex(),
            "ccs of the taser": claim_set(device.public).hex(),
            "message_1": first.hex(), "message_2": second.hex(), "message_3": third.hex(),
            "exported": {
                str(label): initiator.keys.export(label, labels.CONTEXT, size).hex()
                for label, size in (
                    (labels.KEY_DEVICE, 16), (labels.KEY_STATION, 16),
                    (labels.NONCE_DEVICE, 13), (labels.NONCE_STATION, 13),
                )
            },
            "records": _records(initiator.keys.export),
        }  # fmt: skip

    def _reports(self) -> None:
        taser = Vitals("2.0", None, LEVELS[1], 80, NOW + 2, START, "X2-0001")
        camera = Vitals("3.1", LEVELS[0], LEVELS[1], 90, None)
        for kind, serial, vitals in ((Kind.TASER, "SP-0001", taser), (Kind.CAMERA, "BW2-0001", camera)):
            station = key("station agreement").public.id
            report = Report(kind, serial, vitals, fixed(f"nonce of the {kind}", 16), station, 7)
            signer = key(f"{kind} signing")
            self.signed(f"report of the {kind}", "report", signer.public, lambda: report.sign(signer))  # noqa: B023

    def _permit(self) -> bytes:
        def party(kind: Kind, serial: str) -> Party:
            return Party(serial, key(f"{kind} agreement").public.id, fixed(f"nonce of the {kind}", 16))

        permit = Permit(
            fixed("pairing", 16), Purpose.PAIR, "X2-0001", party(Kind.TASER, "SP-0001"),
            party(Kind.CAMERA, "BW2-0001"), key("station agreement").public.id, "17", NOW + 10, NOW + 610, *LEVELS,
        )  # fmt: skip
        signer = key("permit signer")
        order = UnpairOrder(permit.id, NOW + 900, "stolen")
        self.signed("order to unpair", "unpair", signer.public, lambda: order.issue(signer))
        return self.signed("permit", "permit", signer.public, lambda: permit.issue(signer))

    def _pair(self, permit: bytes) -> None:
        """The handshake between the two devices, and what comes of it."""
        taser, camera, digest = key("taser agreement"), key("camera agreement"), permits.digest(permit)
        initiator = rfc9528.Initiator(taser, key("pair taser ephemeral"), claim_set(taser.public), cbor.encode(0))
        responder = rfc9528.Responder(camera, key("pair camera ephemeral"), claim_set(camera.public), cbor.encode(1))
        first = initiator.message_1()
        second = responder.message_2(first, {labels.EAD_PERMIT: digest})
        initiator.read_2(second, camera.public, claim_set(camera.public))
        state = cbor.encode([START, b""])
        ead = {labels.EAD_PERMIT: digest, labels.EAD_STATE: state}
        third = initiator.message_3(ead, rfc9528.by_reference(taser.public))
        responder.read_3(third, taser.public.x, rfc9528.by_reference(taser.public), claim_set(taser.public))
        context = labels.CONTEXT + fixed("pairing", 16)
        exported = {
            name: responder.keys.export(label, context, 16)
            for name, label in (
                ("K_beacon", labels.BEACON), ("K_id", labels.IDENTIFIER),
                ("check", labels.CHECK), ("K_companion", labels.COMPANION),
            )
        }  # fmt: skip
        self.made["pair"] = {
            "sha256 of the permit": digest.hex(),
            "state": state.hex(),
            "message_1": first.hex(), "message_2": second.hex(), "message_3": third.hex(),
            "message_4": responder.message_4().hex(),
            "context": context.hex(),
            **{name: value.hex() for name, value in exported.items()},
        }  # fmt: skip
        self._receipts(digest, exported["check"])

    def _receipts(self, digest: bytes, check: bytes) -> None:
        ends = {Kind.TASER: "SP-0001", Kind.CAMERA: "BW2-0001"}
        for kind, peer in ((Kind.TASER, Kind.CAMERA), (Kind.CAMERA, Kind.TASER)):
            receipt = PairingReceipt(
                fixed("pairing", 16), digest, kind, ends[kind], key(f"{kind} agreement").public.id,
                key(f"{peer} agreement").public.id, START, check,
            )  # fmt: skip
            signer = key(f"{kind} signing")
            self.signed(f"receipt of the {kind}", "receipt", signer.public, lambda: receipt.sign(signer))  # noqa: B023


def _key(private: PrivateKey) -> dict[str, str]:
    public = private.public
    return {"private": private.secret.hex(), "x": public.x.hex(), "y": public.y.hex(), "id": public.id.hex()}


def _message(kind: type[Message]) -> dict[str, object]:
    values = [SAMPLES[item.type] for item in fields(kind)]
    build: Callable[..., Message] = kind
    names = [item.name for item in fields(kind)]
    plain = {name: _plain(value) for name, value in zip(names, values, strict=True)}
    return {
        "name": kind.__name__, "number": messages.NUMBERS[kind], "fields": plain,
        "encoded": messages.encode(build(*values)).hex(),
    }  # fmt: skip


def _plain(value: object) -> object:
    if isinstance(value, bytes):
        return value.hex()
    return [_plain(item) for item in value] if isinstance(value, tuple) else value


def _frames() -> list[dict[str, object]]:
    fragmenter = Fragmenter()
    made = []
    for size, length in ((20, 5), (20, 17), (20, 18), (20, 64), (244, 600)):
        message = fixed("message", 32) * 20
        cut = fragmenter.cut(message[:length], size)
        made.append({"size": size, "message": message[:length].hex(), "frames": [frame.hex() for frame in cut]})
    return made


def _records(export: Callable[[int, bytes, int], bytes]) -> list[dict[str, str]]:
    station, device = Channel(export, device=False), Channel(export, device=True)
    said = [
        ("station", messages.ReportRequest(b"")),
        ("device", messages.Done()),
        ("station", messages.LogRequest(1, 9)),
    ]
    made = []
    for who, message in said:
        plain = messages.encode(message)
        record = (station if who == "station" else device).seal(plain)
        made.append({"from": who, "plain": plain.hex(), "record": messages.encode(record).hex()})
    return made


if __name__ == "__main__":
    before = json.loads(FILE.read_text()) if FILE.exists() else {}
    FILE.write_text(json.dumps(Maker(before).make(), indent=1) + "\n")
