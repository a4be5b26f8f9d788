"""A seeded world of Tasers and cameras on one air: for tests, the station, the demonstration and the simulator's page.

Build it inside a ``ModelledLoop``: as fast as it goes for a test, with a pace of 1 for people to watch.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final

from ble.air.link import AirLink
from ble.air.radio import Radio, stream, uniform
from ble.devices.battery import Battery
from ble.devices.camera import Camera, Settings
from ble.devices.camera_device import SimulatedCamera
from ble.devices.clock import Clock
from ble.devices.flash import Flash
from ble.devices.sppm import Sppm
from ble.devices.taser import Fired, Taser
from ble.devices.taser_device import SimulatedTaser
from ble.devices.time import WorldTime
from ble.devices.workshop import Workshop, key
from ble.protocol.cose import PrivateKey
from ble.protocol.credentials import Kind
from ble.protocol.memory import Memory

# Monday, 5 January 2026, 08:00 UTC: early shift.
EPOCH_MS: Final = 1_767_600_000_000
# Clocks of Tasers drift by minutes a month: two of them are 46 parts in a million. [ours]
TASER_DRIFT_PPM: Final = 46.0
CAMERA_DRIFT_PPM: Final = 5.0
OUT_OF_RANGE_M: Final = 100.0
AISLE_M: Final = 4.0
ABREAST: Final = 10

Place = tuple[float, float]


def in_rows(number: int) -> Place:
    """Where pair ``number`` stands: ten abreast, four metres apart."""
    return (number % ABREAST * AISLE_M, number // ABREAST * AISLE_M)


@dataclass(frozen=True, slots=True)
class Serials:
    """What is written on a pair's devices."""

    taser: str
    sppm: str
    camera: str


def serials(number: int) -> Serials:
    """Of pair ``number`` when a world is not told otherwise."""
    return Serials(f"X29{number:06}", f"SP4{number:06}", f"X81{number:06}")


@dataclass(slots=True)
class Pair:
    """One officer: Taser and camera, half a metre apart, and the pairing between them if there is one."""

    number: int
    taser: SimulatedTaser
    camera: SimulatedCamera
    home: Place
    pairing: bytes | None = None

    def walk(self, x_m: float, y_m: float) -> None:
        """Both go with their officer."""
        self.taser.move(x_m, y_m)
        self.camera.move(x_m + 0.5, y_m)


@dataclass(slots=True)
class World:
    """Everything on one air. ``seed`` decides all chance but the handshakes' one-time keys."""

    seed: int
    link: AirLink
    time: WorldTime
    workshop: Workshop
    pairs: list[Pair] = field(default_factory=list)
    _spares: int = 0

    @classmethod
    async def build(
        cls,
        *,
        seed: int,
        pairs: int,
        radio: Radio | None = None,
        place: Callable[[int], Place] = in_rows,
        names: Callable[[int], Serials] = serials,
        epoch_ms: int = EPOCH_MS,
        commissioned: bool = True,
        paired: bool = True,
        settings: Settings | None = None,
        scan_window_ms: float = 60.0,
        authority: PrivateKey | None = None,
        permit_signer: PrivateKey | None = None,
    ) -> "World":
        """A world whose cameras are on and ready.

        ``commissioned`` and ``paired`` say how far the devices have come; what they have not is a station's to do.
        The authority's and the permits' keys are the world's own unless it is given others.
        """
        time = WorldTime(epoch_ms)
        workshop = Workshop.of(seed, lambda: time.now_ms() // 1000)
        workshop.authority = authority or workshop.authority
        workshop.permit_signer = permit_signer or workshop.permit_signer
        world = cls(seed, AirLink(seed=seed, radio=radio), time, workshop)
        for number in range(pairs):
            pair = world._pair(number, names(number), place(number), settings, scan_window_ms)
            world.pairs.append(pair)
            await pair.taser.power_up()
            await pair.camera.switch_on()
            pair.walk(*pair.home)
            if commissioned:
                world.workshop.commission(pair.taser)
                world.workshop.commission(pair.camera)
            if commissioned and paired:
                world.pair(number, number)
        return world

    def _pair(self, number: int, names: Serials, home: Place, settings: Settings | None, window_ms: float) -> Pair:
        now_ms = self.time.now_ms()
        taser = Taser(names.taser, Clock(now_ms, now_ms, self._drift("taser", number, TASER_DRIFT_PPM)))
        taser.fit(now_ms, self.sppm(names.sppm))
        taser.clock.set(now_ms, now_ms)
        flash = Flash()
        flash.write({"memory": self._memory(Kind.CAMERA, names.camera)})
        clock = Clock(now_ms, now_ms, self._drift("camera", number, CAMERA_DRIFT_PPM))
        camera = Camera(names.camera, clock, Battery(now_ms), flash, settings)
        return Pair(
            number,
            SimulatedTaser(self.link, self.time, f"taser-{number}", taser),
            SimulatedCamera(self.link, self.time, f"camera-{number}", camera, scan_window_ms=window_ms),
            home,
        )

    def sppm(self, serial: str) -> Sppm:
        """A new battery, as it leaves the factory."""
        flash = Flash()
        flash.write({"memory": self._memory(Kind.TASER, serial), "counter": 1})
        return Sppm(serial, Battery(self.time.now_ms()), flash)

    def _memory(self, kind: Kind, serial: str) -> Memory:
        return Memory(kind, serial, key(self.seed, f"{serial} agreement"), key(self.seed, f"{serial} signing"))

    def _drift(self, what: str, number: int, most_ppm: float) -> float:
        return (2 * uniform(stream(self.seed, "drift", what), number) - 1) * most_ppm

    def close(self) -> None:
        """Everything is silent and off, so that nothing keeps the loop alive."""
        for pair in self.pairs:
            pair.taser.power_down()
            pair.camera.switch_off()

    # What happens in it

    def pair(self, taser: int, camera: int) -> bytes:
        """Pair a Taser with a camera without a station; returns the pairing's id.

        Raises:
            Refusal, RelayError, SessionError: they would not.
        """
        pairing = self.workshop.pair(self.pairs[taser].taser, self.pairs[camera].camera)
        if taser == camera:
            self.pairs[taser].pairing = pairing
        return pairing

    def fire(self, number: int) -> list[Fired]:
        """Armed if need be, and fired; returns what is on the air now."""
        return self.pairs[number].taser.fire()

    def test(self, number: int) -> list[Fired]:
        """The function test."""
        return self.pairs[number].taser.test()

    def switch_off(self, number: int) -> None:
        """The camera."""
        self.pairs[number].camera.switch_off()

    async def switch_on(self, number: int) -> None:
        """The camera."""
        await self.pairs[number].camera.switch_on()

    def walk_out_of_range(self, number: int) -> None:
        """The camera's wearer walks off, out of the hearing of everybody; the Taser stays."""
        x, y = self.pairs[number].home
        self.pairs[number].camera.move(x + OUT_OF_RANGE_M * (number + 1), y - OUT_OF_RANGE_M)

    def walk_back(self, number: int) -> None:
        """And comes back."""
        self.pairs[number].walk(*self.pairs[number].home)

    async def swap_battery(self, number: int) -> Sppm:
        """Put a new SPPM into the Taser; it holds no pairing, so the camera will not hear it. Returns the old one."""
        self._spares += 1
        taser = self.pairs[number].taser
        old = await taser.swap_battery(self.sppm(f"SP5{self._spares:06}"))
        if old is None:
            raise ValueError(f"{taser.name} had no battery")
        return old
