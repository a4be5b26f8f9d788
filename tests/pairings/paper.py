"""Devices on paper: they hold keys and sign what real ones would, without a radio. And a station that carries it.

The key agreement itself is tested with ``ble``; here it is what the service makes of what devices sign.
"""

import base64
import secrets
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from ble.protocol import permits
from ble.protocol.beacon import PAYLOAD_BYTES, VERSION
from ble.protocol.beacon import Kind as Event
from ble.protocol.cose import PrivateKey
from ble.protocol.credentials import Kind, Trust
from ble.protocol.levels import Bluetooth, Encryption
from ble.protocol.permits import Permit
from ble.protocol.receipts import PairingReceipt
from ble.protocol.reports import Held, Report, Vitals
from ble.protocol.statements import BEGINNING, Account, Head, LogEntry, Recording, Sent


def b64(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def unb64(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


@dataclass
class Device:
    """A Taser's magazine or a camera. ``serial`` is the part's that holds the keys, ``taser`` the X2 around it."""

    kind: Kind
    serial: str
    taser: str = ""
    agreement: PrivateKey = field(default_factory=PrivateKey.generate)
    signing: PrivateKey = field(default_factory=PrivateKey.generate)
    credential: bytes = b""
    encryption: Encryption | None = None
    bluetooth: Bluetooth = Bluetooth.SECURE_CONNECTIONS
    clock_off_s: int | None = 0
    nonce: bytes = b""
    held: tuple[Held, ...] = ()

    def keys(self) -> dict[str, str]:
        return {
            "agreement_key": b64(self.agreement.public.encode()),
            "signing_key": b64(self.signing.public.encode()),
        }

    def levels(self) -> dict[str, Any]:
        return {"bluetooth": str(self.bluetooth), "encryption": self.encryption and str(self.encryption)}

    def report(self, station_key: bytes) -> dict[str, str]:
        """What it says of itself to a station, with a fresh nonce."""
        self.nonce = secrets.token_bytes(permits.NONCE_SIZE)
        now = int(datetime.now(UTC).timestamp())
        clock = None if self.clock_off_s is None else now + self.clock_off_s
        counter = 1000 if self.kind is Kind.TASER else None
        vitals = Vitals("2.1", self.encryption, self.bluetooth, 90, clock, counter, self.taser)
        signed = Report(self.kind, self.serial, vitals, self.nonce, station_key, 0, self.held).sign(self.signing)
        return {"credential": b64(self.credential), "signed": b64(signed)}

    def receipt(self, permit: bytes, peer: "Device", check: bytes) -> bytes:
        made = Permit.read(permit, KNOWN_PERMIT_KEYS) if KNOWN_PERMIT_KEYS else None
        assert made is not None
        return PairingReceipt(
            made.id, permits.digest(permit), self.kind, self.serial, self.agreement.public.id,
            peer.agreement.public.id, 1001, check,
        ).sign(self.signing)  # fmt: skip


KNOWN_PERMIT_KEYS: list[Any] = []


def fired(taser: Device, camera: Device, radio_id: bytes, counter: int, **changed: Any) -> bytes:
    """The Taser's signed entry of an event that it sent to the camera."""
    at = int(datetime.now(UTC).timestamp())
    sent = (Sent(radio_id, camera.signing.public.id, bytes(6)),)
    values = {"taser": taser.taser, "counter": counter, "kind": Event.TEST, "clock": at, "battery_percent": 90}
    return LogEntry(**{**values, "sent": sent, **changed}).sign(taser.signing, BEGINNING)


def heard(camera: Device, radio_id: bytes, counter: int, head: Head = BEGINNING, **changed: Any) -> bytes:
    """The camera's signed account of an event that it heard and recorded."""
    ms = int(datetime.now(UTC).timestamp() * 1000)
    values: dict[str, Any] = {
        "pairing": radio_id, "counter": counter, "kind": Event.TEST, "at_ms": ms, "heard_ms": ms, "offset_s": 0,
        "suspected": False, "payload": bytes([VERSION]) + bytes(PAYLOAD_BYTES - 1),
        "recording": Recording("R-1", bytes(32), ms - 30_000, ms + 5_000),
    }  # fmt: skip
    return Account(**{**values, **changed}).sign(camera.signing, head)


@dataclass
class PaperStation:
    """A station that was enrolled: carries what devices sign to the service over HTTP."""

    client: FlaskClient
    name: str
    keys: Device
    token: str = ""
    trust: Trust | None = None

    def __call__(self, method: str, path: str, json: Any = None, **headers: str) -> TestResponse:
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        sent = {"Authorization": f"Bearer {self.token}", **named}
        return self.client.open(f"/api/v1{path}", method=method, json=json, headers=sent)

    @property
    def key_id(self) -> bytes:
        return self.keys.agreement.public.id

    def enrol(self, code: str) -> TestResponse:
        """Enrol by a code; its token and what it is told are kept."""
        # Each from an address of its own: wrong codes of one test would keep another's station out.
        where = {"REMOTE_ADDR": f"2001:db8:{secrets.randbelow(65_536):x}:{secrets.randbelow(65_536):x}::1"}
        body = {"code": code, **self.keys.keys()}
        answer = self.client.post("/api/v1/stations/enrol", json=body, environ_base=where)
        if answer.status_code == 201:
            self.take(answer)
        return answer

    def take(self, answer: TestResponse) -> None:
        """Keep what an enrolment or a renewal answered."""
        assert answer.json is not None
        self.token = answer.json["token"]
        self.trust = Trust.first(unb64(answer.json["trust"]["signed"][-1]))
        KNOWN_PERMIT_KEYS[:] = list(self.trust.permit_keys)

    def next(self) -> dict[str, Any] | None:
        """The job that is to be done."""
        answer = self("GET", "/stations/jobs/next")
        assert answer.status_code == 200, answer.json
        assert answer.json is not None
        job: dict[str, Any] | None = answer.json["job"]
        return job

    def commission(self, job: int, device: Device) -> TestResponse:
        body = {"device": str(device.kind), "serial": device.serial, "levels": device.levels(), "firmware": "2.1"}
        answer = self("POST", f"/stations/jobs/{job}/credential", {**body, **device.keys()})
        if answer.status_code == 200 and answer.json is not None:
            device.credential = unb64(answer.json["credential"])
        return answer

    def permit(self, job: int, taser: Device, camera: Device) -> TestResponse:
        reports = {"taser": taser.report(self.key_id), "camera": camera.report(self.key_id)}
        return self("POST", f"/stations/jobs/{job}/permit", reports)

    def receipts(
        self, job: int, permit: bytes, taser: Device, camera: Device, check: bytes = bytes(16)
    ) -> TestResponse:
        body = {"taser": b64(taser.receipt(permit, camera, check)), "camera": b64(camera.receipt(permit, taser, check))}
        return self("POST", f"/stations/jobs/{job}/receipts", body)

    def test(self, job: int, taser: bytes, camera: bytes) -> TestResponse:
        return self("POST", f"/stations/jobs/{job}/test", {"taser": b64(taser), "camera": b64(camera)})

    def end(self, job: int, outcome: str = "done") -> TestResponse:
        return self("POST", f"/stations/jobs/{job}/end", {"outcome": outcome})
