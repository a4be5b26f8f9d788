"""A simulated camera: its behaviour on a whole Bluetooth stack that scans passively while it is ready or records."""

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

from ble.air.link import AirLink
from ble.air.stack import AirDevice, power_on
from ble.devices.camera import Camera, Outcome
from ble.devices.companion import CompanionService
from ble.devices.flash import PowerCut, WriteLost
from ble.devices.modes import HEARING, Mode
from ble.devices.service import PairingService
from ble.devices.time import WorldTime
from ble.protocol.beacon import Kind
from ble.protocol.companion import Start
from ble.protocol.decision import ACCEPTED, Decision
from ble.protocol.levels import Bluetooth, Encryption
from ble.protocol.messages import Answer, Done, LogRequest, SetClock
from ble.protocol.pairing import CameraSide
from ble.protocol.reports import Vitals
from ble.protocol.statements import Account, Statement
from ble.protocol.steps import Application, Moment, Step

FIRMWARE: Final = "body-2 1.9"
# All the time, which is at least the half that a camera must listen for.
SCAN_MS: Final = 60.0


@dataclass(frozen=True, slots=True)
class Heard:
    """A verified activation and what the camera made of it; ``at`` is the loop's time at the packet's end."""

    at: float
    decision: Decision
    outcome: Outcome | None


@dataclass(slots=True)
class Radio:
    """What a camera has while it is switched on."""

    stack: AirDevice
    service: PairingService
    companions: CompanionService
    since: float


class SimulatedCamera:
    """One camera on the air. Its name on the link is never sent.

    ``heard`` lists every activation that counted as new, in order; ``on_heard`` is told of each as it comes.
    """

    def __init__(
        self,
        link: AirLink,
        time: WorldTime,
        name: str,
        camera: Camera,
        *,
        firmware: str = FIRMWARE,
        encryption: Encryption = Encryption.AES256,
        scan_window_ms: float = SCAN_MS,
    ) -> None:
        self.link, self.time, self.name, self.camera = link, time, name, camera
        self.firmware, self.encryption, self.scan_window_ms = firmware, encryption, scan_window_ms
        self.at = (0.0, 0.0)
        self.heard: list[Heard] = []
        self.on_heard: Callable[[Heard], None] | None = None
        self.packets = 0
        self._radio: Radio | None = None
        self._timer: asyncio.TimerHandle | None = None

    # Power

    async def switch_on(self) -> None:
        """Ready within the moment, or recovering an interrupted recording first."""
        self.camera.switch_on(self.time.now_ms())
        if self.camera.mode is Mode.OFF or self._radio is not None:
            return
        stack = await power_on(self.link, self.name, at=self.at, hear=self._hear)
        service = PairingService(
            stack,
            lambda: CameraSide(self.camera.memory.identity),
            moment=self.moment,
            carry_out=self.carry_out,
            ask=self.ask,
            power_cut=self._power_cut,
        )
        self._radio = Radio(stack, service, CompanionService(stack, self._obey), self.time.now_ms() / 1000)
        self._radio.companions.follow(self.camera.memory.monitors())
        await stack.start_scanning(
            active=False, filter_duplicates=True, scan_interval=SCAN_MS, scan_window=self.scan_window_ms
        )
        self._set_timer()

    def switch_off(self) -> None:
        self.camera.switch_off(self.time.now_ms())
        self._follow()

    def lose_power(self) -> None:
        """The battery is out this moment."""
        self.camera.advance(self.time.now_ms())
        self.camera.lose_power(self.time.now_ms())
        self._follow()

    def dock(self) -> None:
        self.camera.dock(self.time.now_ms())
        self._follow()

    def undock(self) -> None:
        self.camera.undock(self.time.now_ms())

    def _power_cut(self) -> None:
        self.camera.lose_power(self.time.now_ms())
        self._follow()

    def _follow(self) -> None:
        """The stack follows the camera: off when it is off. A new timer for what is due next."""
        if self.camera.mode is Mode.OFF and (radio := self._radio) is not None:
            self._radio = None
            radio.stack.lose_power()
        self._set_timer()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        if self._radio is not None and (due := self.camera.next_due()) is not None:
            self._timer = asyncio.get_running_loop().call_at(self.time.loop_time(due), self._tick)

    def _tick(self) -> None:
        self.camera.advance(self.time.now_ms())
        self._follow()

    def move(self, x_m: float, y_m: float) -> None:
        self.at = (x_m, y_m)
        if self._radio is not None:
            self.link.move(self.name, x_m, y_m)

    @property
    def is_on(self) -> bool:
        return self._radio is not None

    # The wearer

    def press_start(self) -> None:
        self.camera.press_start(self.time.now_ms())
        self._follow()

    def press_stop(self) -> None:
        self.camera.press_stop(self.time.now_ms())
        self._follow()

    def cancel(self) -> None:
        self.camera.cancel(self.time.now_ms())
        self._follow()

    async def pairing_mode(self) -> None:
        if self._radio is not None:
            await self._radio.service.pairing_mode()

    async def hide(self) -> None:
        if self._radio is not None:
            await self._radio.service.hide()

    # The air

    def _hear(self, data: bytes, _rssi: int) -> None:
        self.packets += 1
        if self.camera.mode not in HEARING:
            return
        found, outcome = self.camera.hear(data, self.time.now_ms())
        if found.verdict not in ACCEPTED or found.sighting is None:
            return
        self._confirm(found.sighting.pairing)
        self._follow()
        heard = Heard(asyncio.get_running_loop().time(), found, outcome)
        self.heard.append(heard)
        if self.on_heard is not None:
            self.on_heard(heard)

    def _confirm(self, pairing: bytes) -> None:
        """A beacon of it was verified: the Taser holds the pairing too."""
        if self._radio is None or not isinstance(side := self._radio.service.side, CameraSide):
            return
        try:
            self.carry_out(side.heard(pairing))
        except PowerCut:
            self._power_cut()
        except WriteLost:
            # Still prepared; the next beacon tries again.
            return

    def level(self, pairing: bytes, log: Sequence[bytes]) -> None:
        """Go on behind the Taser's signed log. Raises: as ``Camera.level``."""
        self.camera.level(self.time.now_ms(), pairing, log)
        self._follow()

    def _obey(self, pairing: bytes, number: int, start: Start) -> bool:
        recording = self.camera.companion_start(self.time.now_ms(), pairing, number, start)
        self._follow()
        return recording

    # The protocol

    def side(self) -> CameraSide:
        """Its end of the pairing protocol. Raises: ValueError without power."""
        if self._radio is None or not isinstance(side := self._radio.service.side, CameraSide):
            raise ValueError(f"{self.name} has no power")
        return side

    def moment(self, bluetooth: Bluetooth) -> Moment:
        """What it measures now; ``bluetooth`` is the level of the link that asks."""
        now_ms = self.time.now_ms()
        self.camera.advance(now_ms)
        shown = self.camera.clock.read(now_ms)
        since = self._radio.since if self._radio else 0.0
        vitals = Vitals(
            firmware=self.firmware,
            encryption=self.encryption,
            bluetooth=bluetooth,
            battery_percent=self.camera.battery.shown(now_ms),
            clock=None if shown is None else shown // 1000,
        )
        return Moment(now_ms / 1000 - since, vitals)

    def carry_out(self, step: Step) -> None:
        """Store what a step of the protocol changed. Raises: WriteLost, PowerCut."""
        if step.write is not None:
            self.camera.remember(step.write, step.born)
            if self._radio is not None:
                self._radio.companions.follow(self.camera.memory.monitors())

    def ask(self, request: Application) -> Answer:
        """What only the device itself can answer."""
        now_ms = self.time.now_ms()
        if isinstance(request, SetClock):
            self.camera.set_clock(now_ms, request.now_ms)
            self._follow()
            return Done()
        journal = self.camera.memory.journal
        if isinstance(request, LogRequest):
            return journal.page(request)
        self.camera.end_test(now_ms, request.pairing)
        self._follow()
        return journal.latest(lambda one: _is_test(one, request.pairing))


def _is_test(one: Statement, pairing: bytes) -> bool:
    """Whether it is the account of a function test of this pairing."""
    return isinstance(one, Account) and (one.pairing, one.kind) == (pairing, Kind.TEST)
