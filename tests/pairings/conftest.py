"""An armoury: keys, the switch, a station that is enrolled, and devices that were commissioned at it."""

import contextlib
from dataclasses import dataclass
from typing import Any

import pytest
import sqlalchemy as sa
from werkzeug.test import TestResponse

from ble.protocol.cose import PrivateKey
from ble.protocol.credentials import Credential, Kind
from ble.protocol.levels import Encryption
from ble.protocol.permits import Permit
from fleet.actors import Role
from fleet.audit import Event
from fleet.audit.models import AuditEntry
from fleet.errors import Conflict
from fleet.pairings import carrying, keys, switch
from fleet.pairings.models import StationJob
from fleet.pairings.states import KeyUse
from fleet.tasers.models import DeviceIdentity
from fleet.vault import Vault
from fleet.web import Service
from tests.conftest import Api, api_of
from tests.factories import Factory, now, unique
from tests.pairings.paper import KNOWN_PERMIT_KEYS, Device, PaperStation, fired, heard, unb64


@dataclass
class Pair:
    """A Taser and a camera, commissioned, and what was made of them."""

    taser: Device
    camera: Device
    pairing: int = 0
    job: int = 0
    permit: bytes = b""

    @property
    def radio_id(self) -> bytes:
        return Permit.read(self.permit, KNOWN_PERMIT_KEYS).id


@dataclass
class Armoury:
    """The whole of it over HTTP: an armourer, IT, and a station."""

    app: Service
    make: Factory
    armourer: Api
    it: Api
    station: PaperStation

    def new_station(self, **values: Any) -> PaperStation:
        """Another station, enrolled."""
        name = values.pop("name", None) or unique("ST")
        station = PaperStation(self.app.test_client(), name, Device(Kind.STATION, "station"))
        made = self.it("POST", "/stations", {"name": name, **values})
        assert made.status_code == 201, made.json
        assert made.json is not None
        assert station.enrol(made.json["code"]).status_code == 201
        return station

    def commissioned(self, *, taser: str | None = None, camera: str | None = None, **changed: Any) -> Pair:
        """An X2 with a magazine and a camera, both commissioned at the station; ``changed`` is of the two devices."""
        sppm = unique("SP")
        taser = taser or self.make.taser(sppm=sppm)
        camera = camera or self.make.camera()
        sppm = (self.armourer("GET", f"/tasers/{taser}").json or {})["sppm"]
        pair = Pair(
            Device(Kind.TASER, sppm, taser=taser),
            Device(Kind.CAMERA, camera, encryption=Encryption.AES256),
        )
        for name, value in changed.items():
            device, _, what = name.partition("_")
            setattr(getattr(pair, device), what, value)
        self.commission({"taser": taser}, pair.taser)
        self.commission({"camera": camera}, pair.camera)
        return pair

    def commission(self, about: dict[str, str], device: Device) -> None:
        body = {"kind": "commission", "station": self.station.name, **about}
        asked = self.armourer("POST", "/station-jobs", body)
        assert asked.status_code == 201, asked.json
        assert asked.json is not None
        job = asked.json["id"]
        assert (self.station.next() or {}).get("id") == job
        answer = self.station.commission(job, device)
        assert answer.status_code == 200, answer.json
        assert self.station.end(job).status_code == 200

    def ask(self, pair: Pair, **more: Any) -> TestResponse:
        """What the armourer scans."""
        body = {"taser": pair.taser.taser, "camera": pair.camera.serial, "station": self.station.name, **more}
        return self.armourer("POST", "/pairings", body)

    def authorised(self, pair: Pair) -> Pair:
        """Asked for, and its job leased."""
        answer = self.ask(pair)
        assert answer.status_code == 201, answer.json
        assert answer.json is not None
        pair.pairing = answer.json["id"]
        pair.job = self.leased()
        return pair

    def leased(self) -> int:
        job = self.station.next()
        assert job is not None
        return int(job["id"])

    def permitted(self, pair: Pair) -> Pair:
        self.authorised(pair)
        answer = self.station.permit(pair.job, pair.taser, pair.camera)
        assert answer.status_code == 200, answer.json
        assert answer.json is not None
        pair.permit = unb64(answer.json["permit"])
        return pair

    def agreed(self, pair: Pair) -> Pair:
        self.permitted(pair)
        answer = self.station.receipts(pair.job, pair.permit, pair.taser, pair.camera)
        assert answer.status_code == 200, answer.json
        return pair

    def tested(self, pair: Pair, job: int, counter: int = 1002, **changed: Any) -> TestResponse:
        """A function test that both devices vouch for."""
        entry = fired(pair.taser, pair.camera, pair.radio_id, counter)
        return self.station.test(job, entry, heard(pair.camera, pair.radio_id, counter, **changed))

    def active(self, pair: Pair | None = None) -> Pair:
        """Paired and tested."""
        pair = self.agreed(pair or self.commissioned())
        answer = self.tested(pair, pair.job)
        assert answer.status_code == 200, answer.json
        assert self.station.end(pair.job).status_code == 200
        return pair

    def state(self, pair: Pair) -> tuple[str, str | None]:
        """How the pairing stands, and why."""
        answer = self.armourer("GET", f"/pairings/{pair.pairing}").json
        assert answer is not None
        return answer["state"], answer["because"]

    def told(self, camera: str | None = None) -> dict[str, Any]:
        """What docks and armouries hand on."""
        answer = self.station("GET", "/trust" + (f"?camera={camera}" if camera else ""))
        assert answer.status_code == 200, answer.json
        assert answer.json is not None
        return dict(answer.json)

    def epoch(self) -> int:
        return int(self.told()["epoch"])

    def age(self, job: int) -> None:
        """Let a job's time run out, and the service notice it."""
        with self.app.database.transaction() as session:
            old = sa.update(StationJob).where(StationJob.id == job, StationJob.ended_at.is_(None))
            session.execute(old.values(expires_at=now()))
        with self.app.database.transaction() as session:
            carrying.expire(session, self.make.actor, now=now())

    def credential_of(self, station: PaperStation) -> bytes:
        """The credential that a station was given."""
        with self.app.database.transaction() as session:
            theirs = sa.select(DeviceIdentity.credential).where(DeviceIdentity.serial == station.name)
            return session.scalars(theirs).one()

    def forged(self, device: Device) -> Device:
        """A device that says it is another, with a credential of an authority of its own."""
        false = Device(device.kind, device.serial, device.taser, encryption=device.encryption)
        at = int(now().timestamp())
        made = Credential(
            device.kind, device.serial, false.agreement.public, false.signing.public, at, at + 1000,
            bluetooth=device.bluetooth,
        )  # fmt: skip
        false.credential = made.issue(PrivateKey.generate())
        return false

    def logged(self, event: Event, key: str) -> bool:
        """Whether the log has such an entry about a device."""
        with self.app.database.transaction() as session:
            found = sa.select(AuditEntry.id).where(AuditEntry.event == event, AuditEntry.subject_key == key)
            return session.scalar(found.limit(1)) is not None

    def events(self, pair: Pair) -> list[Event]:
        """What the log has of the pairing, the oldest first."""
        with self.app.database.transaction() as session:
            found = sa.select(AuditEntry.event).where(
                AuditEntry.subject_kind == "pairing", AuditEntry.subject_key == str(pair.pairing)
            )
            return list(session.scalars(found.order_by(AuditEntry.id)))


def equip(app: Service) -> None:
    """Make the service's keys and switch pairing on, if that was not done."""
    vault = Vault(str(app.secret_key), keys.PURPOSE)
    make = Factory(app.database)
    for use in KeyUse:
        with app.database.transaction() as session, contextlib.suppress(Conflict):
            if not keys.listed_of(session, use):
                keys.make(session, make.actor, use, vault=vault, now=now())
    with app.database.transaction() as session:
        switch.turn(session, make.actor, on=True, reason="the enhancements are in place", now=now())


def armoury_of(app: Service, station: str | None = None) -> Armoury:
    """An armoury over a service; its station has a name of its own if none is given."""
    equip(app)
    blank = PaperStation(app.test_client(), "", Device(Kind.STATION, "station"))
    made = Armoury(app, Factory(app.database), api_of(app, Role.ARMOURER), api_of(app, Role.IT), blank)
    made.station = made.new_station(name=station or unique("ST"))
    return made


@pytest.fixture
def armoury(app: Service) -> Armoury:
    """An armoury in the shared register."""
    return armoury_of(app)


@pytest.fixture
def pair(armoury: Armoury) -> Pair:
    """An X2 and a camera that may be paired."""
    return armoury.commissioned()
