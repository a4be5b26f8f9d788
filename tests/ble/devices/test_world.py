"""Whole Bluetooth stacks on one air: who starts whom and when, and the same as the pure model says."""

import asyncio
import hashlib
import random
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from ble.air import radio as physics
from ble.air.link import Burst, Kind, Overheard
from ble.air.loop import run
from ble.air.model import Air, Emitter, Listener
from ble.air.radio import Radio
from ble.devices.modes import Mode
from ble.devices.taser import Act
from ble.devices.workshop import Refusal
from ble.devices.world import Pair, World
from ble.protocol import beacon
from ble.protocol.decision import Verdict
from ble.protocol.evidence import NotProven, prove


def in_world(story: Callable[[World], Awaitable[None]], *, seed: int = 1, pairs: int = 2, **options: Any) -> None:
    async def main() -> None:
        world = await World.build(seed=seed, pairs=pairs, **options)
        try:
            await story(world)
        finally:
            world.close()

    run(main())


def heard(world: World) -> list[int]:
    """How many activations each camera has heard."""
    return [len(pair.camera.heard) for pair in world.pairs]


def test_a_taser_fired_starts_its_camera_within_a_tenth_of_a_second_and_no_other() -> None:
    async def story(world: World) -> None:
        loop = asyncio.get_running_loop()
        latencies = []
        for pair in world.pairs:
            start = loop.time()
            world.fire(pair.number)
            await asyncio.sleep(2)
            assert pair.camera.camera.mode is Mode.RECORDING
            assert [one.decision.verdict for one in pair.camera.heard] == [Verdict.NEW] * 3
            latencies.append(pair.camera.heard[0].at - start)
            assert heard(world) == [3 if other.number <= pair.number else 0 for other in world.pairs]
        assert max(latencies) <= 0.1

    in_world(story, pairs=12)


@pytest.mark.parametrize(
    ("radio", "window_ms"),
    [(Radio(loss=0.8, capture_db=9.0), 60.0), (Radio(loss=0.3, capture_db=None), 30.0)],
    ids=["mostly-lost-with-capture", "half-the-time-without-capture"],
)
def test_a_thousand_events_through_whole_stacks_are_heard_when_the_pure_model_says(
    radio: Radio, window_ms: float
) -> None:
    """Twenty Tasers act in the same moment, fifty times; every first packet is compared, and every one not heard."""
    pairs, rounds, lasting_s = 20, 50, 0.2
    compared = missed = 0

    async def story(world: World) -> None:
        nonlocal compared, missed
        bursts: list[Burst] = []
        world.link.watch(bursts.append)
        for number in range(rounds):
            bursts.clear()
            before, start = heard(world), asyncio.get_running_loop().time()
            for pair in world.pairs:
                assert len(pair.taser.act(Act.MAKE_SAFE if number % 2 else Act.ARM)) == 1
            await asyncio.sleep(lasting_s)
            expected = model(world, bursts, start + lasting_s)
            for pair, known, wanted in zip(world.pairs, before, expected, strict=True):
                found = [one.at for one in pair.camera.heard[known:]]
                assert found == ([] if wanted is None else [pytest.approx(wanted, abs=1e-6)])
                compared += 1
                missed += wanted is None
                pair.taser.silence()
            await asyncio.sleep(0.05)

    def model(world: World, bursts: list[Burst], end_s: float) -> list[float | None]:
        """When each pair's camera hears its Taser's burst first."""
        emitters = [Emitter(one.source, one.ordinal, one.begun, one.place.at) for one in bursts]
        air, first = Air(world.seed, radio, emitters), []
        for pair in world.pairs:
            name = pair.camera.name
            own = [one.source for one in bursts].index(f"{pair.taser.name}/0")
            listener = Listener(name, pair.camera.at, physics.scan(world.seed, name, 0.060, window_ms / 1000))
            times = [one.end_s for one in air.at(listener).until(end_s) if one.emitter == own and one.end_s < end_s]
            first.append(min(times, default=None))
        return first

    in_world(story, pairs=pairs, seed=11, radio=radio, scan_window_ms=window_ms)
    assert compared == 1000
    assert 0 < missed < 500


def test_a_seed_gives_the_same_world_every_time() -> None:
    def times(seed: int) -> list[list[float]]:
        found: list[list[float]] = []

        async def story(world: World) -> None:
            for pair in world.pairs:
                world.fire(pair.number)
            await asyncio.sleep(3)
            found.extend([one.at for one in pair.camera.heard] for pair in world.pairs)

        in_world(story, seed=seed, pairs=4, radio=Radio(loss=0.6), scan_window_ms=30.0)
        return found

    assert times(5) == times(5) != times(6)


def test_off_out_of_range_and_another_battery_are_not_captured_and_coming_back_is() -> None:
    async def story(world: World) -> None:
        async def fire(number: int) -> bool:
            before = heard(world)[number]
            world.fire(number)
            await asyncio.sleep(1)
            world.pairs[number].taser.silence()
            world.pairs[number].camera.press_stop()
            return heard(world)[number] > before

        assert await fire(0)
        world.switch_off(0)
        assert not await fire(0)
        await world.switch_on(0)
        assert await fire(0)
        world.walk_out_of_range(0)
        assert not await fire(0)
        world.walk_back(0)
        assert await fire(0)
        old = await world.swap_battery(0)
        assert not await fire(0)
        await world.pairs[0].taser.swap_battery(old)
        assert await fire(0)
        assert heard(world)[1] == 0

    in_world(story)


def test_four_cameras_are_started_by_one_taser_and_a_fifth_is_refused() -> None:
    async def story(world: World) -> None:
        for camera in range(1, 4):
            world.pair(0, camera)
        with pytest.raises(Refusal, match="no-room"):
            world.pair(0, 4)
        start = asyncio.get_running_loop().time()
        world.pairs[0].taser.act(Act.ARM)
        await asyncio.sleep(1)
        assert heard(world) == [1, 1, 1, 1, 0]
        assert all(pair.camera.heard[0].at - start < 0.1 for pair in world.pairs[:4])

    in_world(story, pairs=5, place=lambda number: (number * 1.0, 0.0))


def test_what_is_sent_is_silent_before_and_from_a_new_address_each_event() -> None:
    async def story(world: World) -> None:
        packets: list[Overheard] = []
        world.link.observe(packets.append)
        await asyncio.sleep(600)
        assert not packets
        addresses = []
        for _ in range(10):
            world.test(0)
            await asyncio.sleep(30)
            addresses.append({str(one.sender) for one in packets})
            assert {one.kind for one in packets} == {Kind.NOT_CONNECTABLE}
            assert {len(one.data) for one in packets} == {beacon.FRAME_BYTES}
            # Non-resolvable private addresses: the two highest bits are 0.
            assert all(bytes(one.sender)[5] >> 6 == 0 for one in packets)
            packets.clear()
        assert all(len(each) == 3 for each in addresses)
        assert len(set.union(*addresses)) == 30

    in_world(story, pairs=1)


def test_an_event_is_sent_fast_for_three_seconds_then_slowly_until_its_refreshes_are_used_up() -> None:
    async def story(world: World) -> None:
        packets: list[Overheard] = []
        world.link.observe(packets.append)
        start = asyncio.get_running_loop().time()
        world.pairs[0].taser.act(Act.ARM)
        await asyncio.sleep(40)
        times = [one.at - start for one in packets[::3]]
        fast = [at for at in times if at < 3.0]
        slow = [at for at in times if at >= 3.0]
        assert len(fast) == pytest.approx(3.0 / 0.025, rel=0.05)
        assert len(slow) == pytest.approx(22.6 / 0.105, rel=0.05)
        assert 25.4 < max(times) < 25.6
        # All that is said at one refresh is the same, and while it is sent fast every refresh is said.
        said = {payload_of(one) for one in packets}
        refreshes = [beacon.refresh_of(payload) for payload in said]
        assert len(set(refreshes)) == len(refreshes)
        assert set(range(30)) <= set(refreshes) <= set(range(256))

    def payload_of(one: Overheard) -> bytes:
        payload = beacon.payload_of(one.data, beacon.frame_start())
        assert payload is not None
        return payload

    in_world(story, pairs=1)


def test_a_taser_fired_in_the_moment_that_it_is_put_in_pairing_mode_does_both() -> None:
    async def story(world: World) -> None:
        packets: list[Overheard] = []
        world.link.observe(packets.append)
        pair = world.pairs[0]
        shown = asyncio.create_task(pair.taser.pairing_mode())
        pair.taser.fire()
        await shown
        await asyncio.sleep(2)
        assert {one.kind for one in packets} == {Kind.CONNECTABLE, Kind.NOT_CONNECTABLE}
        assert len(pair.camera.heard) == 3

    in_world(story, pairs=1)


def test_a_dead_battery_silences_a_burst_at_once_and_it_is_never_resumed() -> None:
    async def story(world: World) -> None:
        packets: list[Overheard] = []
        world.link.observe(packets.append)
        taser = world.pairs[0].taser
        taser.act(Act.ARM)
        await asyncio.sleep(0.5)
        await taser.restart()
        sent = len(packets)
        await asyncio.sleep(30)
        assert 0 < len(packets) == sent
        (again,) = taser.act(Act.ARM)
        assert again.event.counter == 17

    in_world(story, pairs=1)


def test_power_failing_at_any_write_of_a_firing_repeats_no_number_and_its_camera_still_follows() -> None:
    async def story(world: World) -> None:
        taser, camera = world.pairs[0].taser, world.pairs[0].camera
        for write in range(8):
            taser.sppm.flash.cut_before(write)
            for act in (Act.ARM, Act.TRIGGER, Act.MAKE_SAFE):
                taser.act(act)
                await asyncio.sleep(0.5)
            taser.sppm.flash.cut_before(None)
            await taser.power_up()
        counters = [one.event.counter for one in taser.fired]
        assert counters == sorted(set(counters))
        assert len(counters) >= 12
        assert [one.decision.sighting.counter for one in camera.heard if one.decision.sighting] == counters

    in_world(story, pairs=1)


def test_a_camera_that_lost_its_power_hears_again_when_it_is_switched_on_and_counts_no_event_twice() -> None:
    async def story(world: World) -> None:
        taser, camera = world.pairs[0].taser, world.pairs[0].camera
        taser.act(Act.ARM)
        await asyncio.sleep(0.2)
        camera.lose_power()
        assert not camera.is_on
        await camera.switch_on()
        await asyncio.sleep(20)
        # The Taser still sends the same event, recovering is over, and it is known.
        assert [one.decision.verdict for one in camera.heard] == [Verdict.NEW]
        taser.act(Act.ARC)
        await asyncio.sleep(1)
        assert len(camera.heard) == 2

    in_world(story, pairs=1)


def test_what_taser_and_camera_signed_proves_each_activation_of_a_firing_without_the_service() -> None:
    async def story(world: World) -> None:
        pair = world.pairs[0]
        await asyncio.sleep(60)
        world.fire(0)
        await asyncio.sleep(10)
        pair.camera.press_stop()
        (recording,) = pair.camera.camera.recordings.all()
        entries = list(pair.taser.sppm.journal)
        accounts = list(pair.camera.camera.memory.journal)
        assert len(entries) == len(accounts) == 3
        for entry, account in zip(entries, accounts, strict=True):
            proof = prove(
                authority=[world.workshop.authority.public],
                taser=pair.taser.sppm.memory.credential,
                entry=entry,
                camera=pair.camera.camera.memory.identity.credential,
                account=account,
                recording_digest=hashlib.sha256(recording.content()).digest(),
            )
            assert (proof.taser, proof.camera) == (pair.taser.taser.serial, pair.camera.camera.serial)
            assert proof.recording.from_ms <= proof.at_ms <= proof.recording.to_ms
        with pytest.raises(NotProven):
            prove(
                authority=[world.workshop.authority.public],
                taser=pair.taser.sppm.memory.credential,
                entry=entries[0],
                camera=pair.camera.camera.memory.identity.credential,
                account=accounts[0],
                recording_digest=hashlib.sha256(b"another recording").digest(),
            )

    in_world(story, pairs=1)


class Soak:
    """Whatever comes to a few officers, in any order, and which events their cameras must have heard."""

    def __init__(self, world: World, seed: int) -> None:
        self.world, self.chance = world, random.Random(seed)
        self.loop = asyncio.get_running_loop()
        self.away = {pair.number: False for pair in world.pairs}
        self.deaf_until = dict.fromkeys(self.away, -1.0)
        # Pair, counter and time of what is on the air and not interrupted.
        self.fired: list[tuple[int, int, float]] = []
        self.expected, self.missed = 0, list[tuple[int, int]]()

    async def step(self) -> None:
        pair = self.chance.choice(self.world.pairs)
        steps = [self.act] * 20 + [self.camera_power, self.taser_power, self.walk_off, self.walk_back, self.stop]
        await self.chance.choice(steps)(pair)
        await asyncio.sleep(self.chance.uniform(0.0, 1.5))
        self.judge()

    def judge(self) -> None:
        """Three seconds later an event was heard, if its camera could hear all that time."""
        now = self.loop.time()
        for number, counter, at in [one for one in self.fired if one[2] < now - 3]:
            if not self.away[number] and self.deaf_until[number] < at:
                self.expected += 1
                if counter not in self.heard(number):
                    self.missed.append((number, counter))
        self.fired = [one for one in self.fired if one[2] >= now - 3]

    def heard(self, number: int) -> list[int]:
        found = self.world.pairs[number].camera.heard
        return [one.decision.sighting.counter for one in found if one.decision.sighting]

    async def act(self, pair: Pair) -> None:
        fired = pair.taser.act(self.chance.choice(list(Act)))
        self.fired += [(pair.number, one.event.counter, self.loop.time()) for one in fired]

    async def camera_power(self, pair: Pair) -> None:
        pair.camera.lose_power()
        await pair.camera.switch_on()
        # With an interrupted recording to make whole.
        self.deaf_until[pair.number] = self.loop.time() + 6

    async def taser_power(self, pair: Pair) -> None:
        await pair.taser.restart()
        self.fired = [one for one in self.fired if one[0] != pair.number]

    async def walk_off(self, pair: Pair) -> None:
        self.world.walk_out_of_range(pair.number)
        self.away[pair.number] = True

    async def walk_back(self, pair: Pair) -> None:
        self.world.walk_back(pair.number)
        self.away[pair.number] = False
        self.deaf_until[pair.number] = max(self.deaf_until[pair.number], self.loop.time())

    async def stop(self, pair: Pair) -> None:
        pair.camera.press_stop()


@pytest.mark.parametrize("seed", range(3))
def test_any_interleaving_of_events_loss_and_power_cuts_counts_each_event_once_and_misses_none_in_reach(
    seed: int,
) -> None:
    """With half of all packets lost, and others' Tasers on the air."""

    async def story(world: World) -> None:
        soak = Soak(world, seed)
        for _ in range(300):
            await soak.step()
        assert not soak.missed
        assert soak.expected > 40
        for pair in world.pairs:
            heard = soak.heard(pair.number)
            assert len(set(heard)) == len(heard)
            assert set(heard) <= {one.event.counter for one in pair.taser.fired}

    in_world(story, pairs=4, seed=seed, radio=Radio(loss=0.5, capture_db=9.0))
