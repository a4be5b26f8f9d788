"""A force's service in this process, for stations in modelled time: it answers every endpoint that a station asks.

It holds the rules that matter here (each thing once, a job until it ends, receipts and tests that hold), and does what
a network does when told to: ``away`` refuses connections, ``lose`` does what was asked and loses the answer.
"""

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

import httpx

from ble.devices.workshop import LINK, Workshop
from ble.protocol import statements
from ble.protocol.cose import PublicKey
from ble.protocol.credentials import Credential, Kind
from ble.protocol.levels import Bluetooth, Encryption
from ble.protocol.permits import ID_SIZE, Party, Permit, Purpose, UnpairOrder
from ble.protocol.receipts import PairingReceipt
from ble.protocol.reports import Report
from ble.protocol.statements import Account, LogEntry
from ble.station.service import JobKind
from ble.station.wording import bytes_of, instant, text_of

URL = "https://fleet.example"
CODE = "ABCDE-FGHJK-LMNPQ-RSTUV"


@dataclass
class Force:
    """The service, and everything that stations have told it."""

    workshop: Workshop
    now_s: Callable[[], float]
    jobs: list[dict[str, Any]] = field(default_factory=list)
    steps: dict[tuple[str, int], dict[str, Any]] = field(default_factory=dict)
    permits: list[Permit] = field(default_factory=list)
    receipts: list[dict[str, Any]] = field(default_factory=list)
    tests: list[dict[str, Any]] = field(default_factory=list)
    ends: dict[str, dict[str, Any]] = field(default_factory=dict)
    activations: dict[tuple[str, int, str], dict[str, Any]] = field(default_factory=dict)
    keys: dict[str, PublicKey] = field(default_factory=dict)
    stations: dict[str, PublicKey] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    orders: dict[str, list[bytes]] = field(default_factory=dict)
    refuse: dict[str, tuple[int, dict[str, Any]]] = field(default_factory=dict)
    away: bool = False
    lose: str = ""
    lifetime_s: int = 86_400
    permit_s: int = 600
    agreed: set[bytes] = field(default_factory=set)
    tested: set[bytes] = field(default_factory=set)

    @property
    def transport(self) -> httpx.AsyncBaseTransport:
        return httpx.MockTransport(self.handle)

    def job(self, kind: JobKind, **about: Any) -> str:
        """Queue a job; returns its number."""
        number = str(len(self.jobs) + 1)
        expires = {"expires_at": instant(self.now_s() + 600)}
        self.jobs.append({"id": int(number), "kind": kind.value, "orders": []} | expires | about)
        return number

    async def handle(self, request: httpx.Request) -> httpx.Response:
        path = request.url.path.removeprefix("/api/v1")
        if self.away:
            raise httpx.ConnectError("no route to host")
        what = path.rsplit("/", 1)[-1]
        self.asked.append(path)
        if what in self.refuse:
            status, problem = self.refuse[what]
            return httpx.Response(status, json=problem)
        token = request.headers.get("Authorization", "").removeprefix("Bearer ")
        if what != "enrol" and token not in self.stations:
            return httpx.Response(401, json={"title": "Who is asking?"})
        body = json.loads(request.content) if request.content else {}
        answer = self._answer(path, what, token, body)
        if self.lose and self.lose == what:
            self.lose = ""
            raise httpx.ReadError("the connection broke")
        return answer

    def _answer(self, path: str, what: str, token: str, body: dict[str, Any]) -> httpx.Response:
        job = path.split("/")[3] if path.startswith("/stations/jobs/") else ""
        if what in {"enrol", "renew"}:
            return self._enrol(what, body)
        answers: dict[str, Callable[[], Any]] = {
            "next": lambda: {"job": self._next(), "trust_epoch": self.workshop.trust.epoch, "poll_s": 1},
            "trust": self._trust,
            "steps": lambda: self.steps.update({(job, body["number"]): body}),
            "permit": lambda: self._permit(job, token, body),
            "credential": lambda: self._credential(body),
            "receipts": lambda: self._receipts(body),
            "test": lambda: self._test(body),
            "end": lambda: self.ends.update({job: body}),
            "activations": lambda: self._activations(body),
        }
        return httpx.Response(200, json=answers[what]() or {})

    def _next(self) -> dict[str, Any] | None:
        return next((one for one in self.jobs if str(one["id"]) not in self.ends), None)

    def _trust(self) -> dict[str, Any]:
        return {"signed": [text_of(one) for one in self.workshop.chain], "epoch": self.workshop.trust.epoch}

    def _enrol(self, what: str, body: dict[str, Any]) -> httpx.Response:
        if what == "enrol" and body["code"] != CODE:
            return httpx.Response(403, json={"detail": "This enrolment code is not known.", "mend": "it"})
        agreement, signing = (PublicKey.decode(bytes_of(body[f"{use}_key"])) for use in ("agreement", "signing"))
        now, token = int(self.now_s()), f"token-{len(self.stations) + 1}"
        self.stations[token] = agreement
        credential = Credential(Kind.STATION, "ARMOURY-1", agreement, signing, now, now + self.lifetime_s)
        given = {"station": "ARMOURY-1", "token": token, "credential": text_of(self._issue(credential))}
        return httpx.Response(201, json=given | {"trust": self._trust()})

    def _issue(self, credential: Credential) -> bytes:
        return credential.issue(self.workshop.authority)

    def _credential(self, body: dict[str, Any]) -> dict[str, Any]:
        agreement, signing = (PublicKey.decode(bytes_of(body[f"{use}_key"])) for use in ("agreement", "signing"))
        now, levels = int(self.now_s()), body["levels"]
        encryption = Encryption(levels["encryption"]) if levels["encryption"] else None
        credential = Credential(
            Kind(body["device"]), body["serial"], agreement, signing, now, now + 86_400 * 365, encryption,
            Bluetooth(levels["bluetooth"]), body["firmware"],
        )  # fmt: skip
        return {"credential": text_of(self._issue(credential)), "trust": self._trust()}

    def _permit(self, job: str, token: str, body: dict[str, Any]) -> dict[str, Any]:
        read = {}
        for side in ("taser", "camera"):
            credential = self.workshop.trust.credential(bytes_of(body[side]["credential"]), now=int(self.now_s()))
            report = Report.read(bytes_of(body[side]["signed"]), credential.signing)
            self.keys[side] = credential.signing
            read[side] = report, Party(credential.serial, credential.agreement.id, report.nonce)
        purpose = Purpose.COMPANION if read["taser"][0].kind is Kind.MONITOR else self._purpose(job)
        now = int(self.now_s())
        permit = Permit(
            id=(len(self.permits) + 1).to_bytes(ID_SIZE), purpose=purpose,
            taser_serial=read["taser"][0].vitals.taser or read["taser"][0].serial, taser=read["taser"][1],
            camera=read["camera"][1],
            station=self.stations[token].id, job=job, issued_at=now, expires_at=now + self.permit_s,
            encryption=Encryption.AES256, bluetooth=LINK,
        )  # fmt: skip
        orders = {side: [text_of(one) for one in found] for side, found in self.orders.items()}
        self.orders = {}
        self.permits.append(permit)
        return {"permit": text_of(permit.issue(self.workshop.permit_signer)), "orders": orders}

    def _purpose(self, job: str) -> Purpose:
        kind = next(one["kind"] for one in self.jobs if str(one["id"]) == job)
        return Purpose.REKEY if kind == "rekey" else Purpose.PAIR

    def order(self, pairing: bytes) -> bytes:
        """A signed order to forget a pairing."""
        return UnpairOrder(pairing, int(self.now_s()), "revoked").issue(self.workshop.permit_signer)

    def _receipts(self, body: dict[str, Any]) -> None:
        taser, camera = (PairingReceipt.read(bytes_of(body[side]), self.keys[side]) for side in ("taser", "camera"))
        taser.require_match(camera)
        self.agreed.add(taser.pairing)
        self.receipts.append(body)

    def _test(self, body: dict[str, Any]) -> None:
        fired, heard = (
            statements.read(bytes_of(body[side]), [self.keys[side]]).statement for side in ("taser", "camera")
        )
        assert isinstance(fired, LogEntry)
        assert isinstance(heard, Account)
        assert (fired.counter, fired.kind) == (heard.counter, heard.kind)
        assert heard.recording is not None
        assert heard.pairing in self.agreed
        assert heard.pairing in {to.pairing for to in fired.sent}
        self.tested.add(heard.pairing)
        self.tests.append(body)

    def _activations(self, body: dict[str, Any]) -> None:
        for item in body["items"]:
            self.activations.setdefault((item["sppm"], item["counter"], item["source"]), item)

    def story(self, job: str) -> list[tuple[str, str]]:
        """The steps of a job as an armourer sees them."""
        return [(step["step"], step["state"]) for (of, _), step in sorted(self.steps.items()) if of == job]
