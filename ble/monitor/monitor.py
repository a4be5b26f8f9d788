"""A monitor at work: hears, starts its cameras, tells the service within the second."""

import asyncio
import contextlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import Any, Final

from ble.monitor.companions import Companions
from ble.monitor.keeping import Keeping
from ble.monitor.local import Local
from ble.protocol.beacon import COMPANY, PAYLOAD_BYTES, frame
from ble.protocol.companion import Start
from ble.protocol.credentials import Kind
from ble.protocol.decision import ACCEPTED, Camera, Decision, Sighting
from ble.protocol.device import Device
from ble.protocol.messages import Commission, Done, Enrol, EnrolRequest
from ble.protocol.pairing import CameraSide, TaserSide
from ble.station.contact import refused
from ble.station.devices import asked
from ble.station.pairing import Parties, agree
from ble.station.progress import Step
from ble.station.service import JobKind
from ble.station.station import Station
from ble.station.store import Report
from ble.station.testing import told
from ble.station.wording import instant, text_of
from ble.station.work import Work

# What starts nothing: a Taser that is made safe, and the armourer's test, which only the paired camera answers.
_ALERTS: Final = {"armed", "trigger", "arc"}


@dataclass(frozen=True)
class Alert:
    """An activation that was heard: the magazine, the counter, what, and when it happened and was heard (ms, 1970)."""

    sppm: str
    counter: int
    kind: str
    at_ms: int
    heard_ms: int


@dataclass
class Monitor:
    """One monitor on top of its station. ``alert`` is told of every activation as it is heard."""

    station: Station
    name: str
    alert: Callable[[Alert], None]
    keeping: Keeping = field(init=False)
    companions: Companions = field(init=False)
    recording: list[tuple[str, bool]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.keeping = Keeping(self.station.store)
        self.companions = Companions(
            self.station.radio, self.keeping, lambda serial, on: self.recording.append((serial, on))
        )
        self._commands: set[asyncio.Task[None]] = set()
        self.reload()

    def reload(self) -> None:
        """Hear and hold whom the store says."""
        memory = self.keeping.begin(self.name)
        self._peers = {one.id: one.peer_serial for one in memory.pairings}
        self._ears = Camera(self.keeping.windows(memory))
        self.companions.follow(self.keeping.companions(memory))

    async def run(self) -> None:
        """Hear, hold companions, take jobs and send, until cancelled.

        Raises:
            ExceptionGroup: of ``AdapterGone`` or ``NotEnrolled``.
        """
        self.station.acts = {JobKind.COMMISSION: self.commission, JobKind.PAIR: self.pair, JobKind.REKEY: self.pair}
        async with self.station.radio.listening(self._advertised), asyncio.TaskGroup() as group:
            group.create_task(self.station.run())
            group.create_task(self.companions.run())

    # Hearing

    def _advertised(self, manufacturer: dict[int, bytes]) -> None:
        payload = manufacturer.get(COMPANY)
        if payload is not None and len(payload) == PAYLOAD_BYTES:
            self.hear(frame(payload), round(self.station.clock() * 1000))

    def hear(self, data: bytes, now_ms: int) -> Decision:
        """Decide on a packet's advertising data; what is new is stored with its alert, then acted on."""
        found = self._ears.hear(data, now_ms)
        if found.verdict in ACCEPTED and found.sighting is not None:
            self._act(found.sighting)
        return found

    def _act(self, sighting: Sighting) -> None:
        alert = Alert(
            self._peers[sighting.pairing], sighting.counter, sighting.kind.name.lower(), sighting.at_ms,
            sighting.heard_ms,
        )  # fmt: skip
        is_alert = alert.kind in _ALERTS
        if is_alert:
            self._start(Start(alert.sppm, alert.counter, sighting.kind, alert.at_ms), sighting.heard_ms)
        report = _report(alert, sighting.payload) if is_alert else None
        self.keeping.heard(self._ears.state(sighting.pairing), report)
        if is_alert:
            self.station.courier.wake()
            self.alert(alert)

    def _start(self, start: Start, now_ms: int) -> None:
        task = asyncio.get_running_loop().create_task(self.companions.start(start, now_ms))
        self._commands.add(task)
        task.add_done_callback(self._commands.discard)

    # Its jobs

    async def commission(self, work: Work) -> str:
        """Be given a credential of its own; answers what to say at the end.

        Raises:
            StationError: it could not be done.
        """
        work.progress.begun(Step.COMMISSION, self.name)
        with self._answering(CameraSide(self.keeping.begin(self.name)), work) as local:
            enrol = await local.ask(EnrolRequest())
            if not isinstance(enrol, Enrol):
                raise refused(enrol)
            report = local.session.enrolled(enrol)[2]
            credential, chain = await work.service.credential(work.the_job().id, asked(enrol, report))
            answer = await local.ask(Commission(credential, chain))
            if not isinstance(answer, Done):
                raise refused(answer)
        work.progress.done(Step.COMMISSION, self.name)
        return f"{self.name} is commissioned."

    async def pair(self, work: Work) -> str:
        """Be one of a Taser's pairings, or a camera's companion, as the job says; answers what to say at the end.

        Raises:
            StationError: it could not be done.
        """
        job = work.the_job()
        wanted = {Kind.TASER: job.sppm} if job.camera == self.name else {Kind.CAMERA: job.camera}
        async with contextlib.AsyncExitStack() as stack:
            (met,) = (await work.meet_all(wanted, stack)).values()
            with self._answering(self._side(met.kind), work) as local:
                is_taser = met.kind is Kind.TASER
                await agree(work, Parties(met.contact, local) if is_taser else Parties(local, met.contact))
        return f"{self.name} is paired with {met.serial}."

    def _side(self, other: Kind) -> Device[Any]:
        memory = self.keeping.memory()
        return CameraSide(memory) if other is Kind.TASER else TaserSide(memory)

    @contextlib.contextmanager
    def _answering(self, side: Device[Any], work: Work) -> Iterator[Local]:
        """A session with oneself; what it changed is heard and held from its end on."""
        local = Local(side, self.keeping, work.own, work.trust, work.clock)
        try:
            yield local
        finally:
            local.close()
            self.reload()


def _report(alert: Alert, payload: bytes) -> Report:
    item: dict[str, Any] = {
        "sppm": alert.sppm,
        "counter": alert.counter,
        "kind": alert.kind,
        "at": instant(alert.at_ms / 1000),
        "source": "monitor",
        "heard_at": instant(alert.heard_ms / 1000),
        "evidence": text_of(payload),
    }
    return told(f"heard-{alert.sppm}-{alert.counter}", [item])
