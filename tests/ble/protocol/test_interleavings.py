"""Any interleaving of events, loss, copies and power cuts on both sides: nothing accepted twice, nothing missed."""

from hypothesis import settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from ble.protocol.beacon import Kind, frame
from ble.protocol.burst import packets
from ble.protocol.counter import Beacons, Counter, TaserEvent, TaserPairing, refresh_at
from ble.protocol.decision import ACCEPTED, Camera, Decision, Sighting, Verdict
from ble.protocol.identifiers import AHEAD, BEHIND, first_state
from tests.ble.fired import KEYS, NOON, PAIRING

START = 200


class Air(RuleBasedStateMachine):
    """A Taser and a camera, each with memory that survives a power cut, and everything that was ever sent."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.taser_memory = START
        self.taser_keys = KEYS
        self.camera_memory = first_state(PAIRING, KEYS, START)
        self.recordings: list[Sighting] = []
        self.sent: list[Beacons] = []
        self.levelled = START - 1
        self.contents: dict[tuple[int, int], bytes] = {}
        self.start_taser()
        self.start_camera()

    def start_taser(self) -> None:
        self.counter = Counter(self.taser_memory)
        self.taser = TaserPairing(PAIRING, self.taser_keys, START)

    def start_camera(self) -> None:
        self.camera = Camera([self.camera_memory], self.recordings)

    def highest(self) -> int:
        return self.camera.state(PAIRING).highest

    def payload(self, beacons: Beacons, refresh: int) -> bytes:
        payload = beacons.payload(refresh)
        assert self.contents.setdefault((beacons.event.counter, refresh), payload) == payload
        return payload

    def hear(self, beacons: Beacons, refresh: int, at_ms: int) -> Decision:
        return self.camera.hear(frame(self.payload(beacons, refresh)), at_ms)

    @rule(kind=st.sampled_from(Kind), pause=st.integers(1, 500_000))
    def fires(self, kind: Kind, pause: int) -> None:
        self.now += pause
        due = self.counter.due()
        if due is not None:
            self.taser_memory = due
            self.counter.confirm(due)
        event = TaserEvent(self.counter.take(), kind, self.now, 50)
        self.sent.append(self.taser.beacons(event))
        self.taser_keys = self.taser.keys

    @rule()
    def taser_loses_power_between_storing_and_sending(self) -> None:
        self.taser_memory = self.counter.due() or self.taser_memory
        self.start_taser()

    @rule(times=st.integers(1, 3))
    def taser_loses_power_again_and_again(self, times: int) -> None:
        for _ in range(times):
            self.fires(Kind.ARMED, 1_000)
            self.start_taser()

    @precondition(lambda self: self.sent)
    @rule(refresh=st.integers(0, 255), cut=st.sampled_from(["none", "before recording", "before storing"]))
    def camera_hears_the_last_event(self, refresh: int, cut: str) -> None:
        """Whichever packet it is that comes through: it starts the recording, unless one began already."""
        beacons = self.sent[-1]
        counter = beacons.event.counter
        had = counter <= self.levelled or counter in {sighting.counter for sighting in self.recordings}
        in_reach = self.highest() - BEHIND < counter <= self.highest() + AHEAD

        decided = self.hear(beacons, refresh, beacons.event.clock_ms + refresh * 100 + 50)

        if in_reach:
            assert decided.verdict in ({Verdict.SAME, Verdict.REPLAY} if had else {Verdict.NEW}), decided
        else:
            assert decided.verdict is Verdict.FOREIGN
        self.finish(decided, cut)

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), refresh=st.integers(0, 255), later=st.integers(0, 2**40))
    def attacker_sends_something_old_again(self, data: st.DataObject, refresh: int, later: int) -> None:
        beacons = data.draw(st.sampled_from(self.sent))
        decided = self.hear(beacons, refresh, self.now + later)
        self.finish(decided, "none")

    @precondition(lambda self: self.sent)
    @rule(data=st.data(), at=st.integers(0, 30), flip=st.integers(1, 255))
    def attacker_alters_a_packet(self, data: st.DataObject, at: int, flip: int) -> None:
        packet = bytearray(frame(self.payload(data.draw(st.sampled_from(self.sent)), 0)))
        packet[at] ^= flip
        before = self.camera.state(PAIRING)

        assert self.camera.hear(bytes(packet), self.now).verdict not in ACCEPTED
        assert self.camera.state(PAIRING) == before

    @rule()
    def camera_stores(self) -> None:
        self.camera_memory = self.camera.state(PAIRING)

    @rule()
    def camera_loses_power(self) -> None:
        self.start_camera()

    @precondition(lambda self: self.sent)
    @rule()
    def camera_is_docked(self) -> None:
        self.levelled = self.sent[-1].event.counter
        self.camera.level(PAIRING, self.levelled)
        self.camera_memory = self.camera.state(PAIRING)

    def finish(self, decided: Decision, cut: str) -> None:
        if decided.verdict not in ACCEPTED or cut == "before recording":
            if cut != "none":
                self.start_camera()
            return
        assert decided.sighting is not None
        self.recordings.append(decided.sighting)
        if cut == "before storing":
            self.start_camera()

    @invariant()
    def no_activation_is_accepted_twice(self) -> None:
        counters = [sighting.counter for sighting in self.recordings]
        assert len(counters) == len(set(counters))

    @invariant()
    def no_number_is_used_twice(self) -> None:
        counters = [beacons.event.counter for beacons in self.sent]
        assert counters == sorted(set(counters))


class Burst(RuleBasedStateMachine):
    """Whole bursts of which chance and power cuts take packets: what is in reach is recorded within 3 s."""

    def __init__(self) -> None:
        super().__init__()
        self.now = NOON
        self.counter = Counter(START)
        self.taser = TaserPairing(PAIRING, KEYS, START)
        self.memory = first_state(PAIRING, KEYS, START)
        self.recordings: list[Sighting] = []
        self.camera = Camera([self.memory])

    @rule(
        heard=st.sets(st.integers(0, 119), min_size=1, max_size=6),
        cut_after=st.none() | st.integers(0, 5),
        delay=st.integers(0, 10),
        stores=st.booleans(),
    )
    def fires(self, heard: set[int], cut_after: int | None, delay: int, stores: bool) -> None:
        """Of the 100 to 150 packets of the first 3 s those in ``heard`` come through; power fails after one of them."""
        self.now += 60_000
        due = self.counter.due()
        if due is not None:
            self.counter.confirm(due)
        beacons = self.taser.beacons(TaserEvent(self.counter.take(), Kind.TRIGGER, self.now, 50))
        times = [at for at in packets(lambda _: delay) if at < 3_000]
        before = len(self.recordings)
        for turn, number in enumerate(sorted(heard)):
            at = times[number % len(times)]
            decided = self.camera.hear(frame(beacons.payload(refresh_at(at) or 0)), self.now + int(at))
            # The recording begins with the decision; the state may be stored up to a second later, or never.
            if decided.verdict in ACCEPTED and decided.sighting:
                self.recordings.append(decided.sighting)
            if turn == cut_after:
                self.camera = Camera([self.memory], self.recordings)
        if stores:
            self.memory = self.camera.state(PAIRING)

        assert len(self.recordings) == before + 1
        assert self.recordings[-1].counter == beacons.event.counter
        assert abs(self.recordings[-1].at_ms - self.now) <= 100


TestAnyInterleaving = Air.TestCase
TestAnyInterleaving.settings = settings(max_examples=80, stateful_step_count=40, deadline=None)
TestAnyBurst = Burst.TestCase
TestAnyBurst.settings = settings(max_examples=40, stateful_step_count=30, deadline=None)
