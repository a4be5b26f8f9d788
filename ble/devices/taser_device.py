"""A simulated Taser: an X2's behaviour on a whole Bluetooth stack in its SPPM."""

from dataclasses import dataclass
from typing import Final

from ble.air.link import AirLink
from ble.air.stack import AirDevice, power_on
from ble.devices.burst import Bursts
from ble.devices.flash import PowerCut
from ble.devices.service import PairingService
from ble.devices.sppm import Sppm
from ble.devices.taser import Act, Fired, Taser
from ble.devices.time import WorldTime
from ble.protocol.beacon import Kind
from ble.protocol.counter import CounterLost
from ble.protocol.levels import Bluetooth
from ble.protocol.messages import Answer, Done, LogRequest, SetClock
from ble.protocol.pairing import TaserSide
from ble.protocol.reports import Vitals
from ble.protocol.statements import LogEntry, Statement
from ble.protocol.steps import Application, Moment, Step

FIRMWARE: Final = "x2-sppm 4.1"


@dataclass(slots=True)
class Radio:
    """What an SPPM has while it is fitted and charged."""

    stack: AirDevice
    bursts: Bursts
    service: PairingService
    since: float


class SimulatedTaser:
    """One X2 on the air. Its name on the link is never sent.

    ``fired`` lists every event that was sent, in order: what a test or a page compares the world with.
    """

    def __init__(self, link: AirLink, time: WorldTime, name: str, taser: Taser, firmware: str = FIRMWARE) -> None:
        self.link, self.time, self.name, self.taser, self.firmware = link, time, name, taser, firmware
        self.at = (0.0, 0.0)
        self.fired: list[Fired] = []
        self._radio: Radio | None = None

    # Power

    async def power_up(self) -> None:
        """Start the stack of the SPPM that is fitted, if it has charge."""
        sppm = self.taser.sppm
        if sppm is None or self._radio is not None or not self.taser.has_power(self.time.now_ms()):
            return
        stack = await power_on(self.link, self.name, at=self.at)
        service = PairingService(
            stack,
            lambda: TaserSide(sppm.memory),
            moment=self.moment,
            carry_out=self.carry_out,
            ask=self.ask,
            power_cut=self._power_cut,
        )
        self._radio = Radio(stack, Bursts(stack), service, self.time.now_ms() / 1000)

    def power_down(self) -> None:
        """The stack is gone this moment, with every burst and connection."""
        if (radio := self._radio) is not None:
            self._radio = None
            radio.bursts.silence()
            radio.stack.lose_power()

    async def swap_battery(self, sppm: Sppm | None) -> Sppm | None:
        """Take the SPPM out and put another in, or none; returns the old one."""
        self.power_down()
        now_ms = self.time.now_ms()
        old = self.taser.remove(now_ms)
        if sppm is not None:
            self.taser.fit(now_ms, sppm)
            await self.power_up()
        return old

    async def restart(self) -> None:
        """Power was gone for a moment: everything is as memory has it."""
        self.power_down()
        self.taser.power_failed(self.time.now_ms())
        await self.power_up()

    def _power_cut(self) -> None:
        self.power_down()
        self.taser.power_failed(self.time.now_ms())

    def move(self, x_m: float, y_m: float) -> None:
        self.at = (x_m, y_m)
        if self._radio is not None:
            self.link.move(self.name, x_m, y_m)

    @property
    def is_on(self) -> bool:
        return self._radio is not None

    @property
    def sppm(self) -> Sppm:
        """Raises: ValueError when none is fitted."""
        if self.taser.sppm is None:
            raise ValueError(f"{self.taser.serial} has no battery")
        return self.taser.sppm

    # The wearer

    def act(self, act: Act) -> list[Fired]:
        """Do something to the Taser; what happened is on the air from now."""
        try:
            fired = self.taser.act(act, self.time.now_ms())
        except PowerCut:
            self._power_cut()
            return []
        if not self.taser.has_power(self.time.now_ms()):
            self.power_down()
        for one in fired:
            self.fired.append(one)
            if self._radio is not None:
                self._radio.bursts.begin(one)
        return fired

    def fire(self) -> list[Fired]:
        """Armed if need be, and the trigger pulled."""
        return [*self.act(Act.ARM), *self.act(Act.TRIGGER)]

    def test(self) -> list[Fired]:
        """The function test: armed, arced, made safe."""
        return [one for act in (Act.ARM, Act.TEST, Act.MAKE_SAFE) for one in self.act(act)]

    def silence(self) -> None:
        """End what is on the air, as when the refresh index is used up."""
        if self._radio is not None:
            self._radio.bursts.silence()

    async def pairing_mode(self) -> None:
        if self._radio is not None:
            await self._radio.service.pairing_mode()

    async def hide(self) -> None:
        if self._radio is not None:
            await self._radio.service.hide()

    # The protocol

    def side(self) -> TaserSide:
        """Its end of the pairing protocol. Raises: ValueError without power."""
        if self._radio is None or not isinstance(side := self._radio.service.side, TaserSide):
            raise ValueError(f"{self.name} has no power")
        return side

    def moment(self, bluetooth: Bluetooth) -> Moment:
        """What it measures now; ``bluetooth`` is the level of the link that asks."""
        now_ms = self.time.now_ms()
        shown = self.taser.clock.read(now_ms)
        try:
            counter = self.sppm.counter.next
        except CounterLost:
            counter = None
        since = self._radio.since if self._radio else 0.0
        vitals = Vitals(
            firmware=self.firmware,
            encryption=None,
            bluetooth=bluetooth,
            battery_percent=self.sppm.battery.shown(now_ms),
            clock=None if shown is None else shown // 1000,
            counter=counter,
            taser=self.taser.serial,
        )
        return Moment(now_ms / 1000 - since, vitals)

    def carry_out(self, step: Step) -> None:
        """Store what a step of the protocol changed. Raises: WriteLost, PowerCut."""
        if step.write is not None:
            self.sppm.remember(step.write, step.born)

    def ask(self, request: Application) -> Answer:
        """What only the device itself can answer."""
        if isinstance(request, SetClock):
            self.taser.clock.set(self.time.now_ms(), request.now_ms)
            return Done()
        if isinstance(request, LogRequest):
            return self.sppm.journal.page(request)
        return self.sppm.journal.latest(lambda one: _is_test(one, request.pairing))


def _is_test(one: Statement, pairing: bytes) -> bool:
    """Whether it is of a function test that this pairing was sent."""
    return isinstance(one, LogEntry) and one.kind is Kind.TEST and pairing in {to.pairing for to in one.sent}
