"""The activation on the air: how soon and how surely a camera records, what it refuses, and what that costs.

Latencies and shares are of the modelled radio with real counters, beacons and decisions; costs are this machine's.
``BENCH_RADIO_EVENTS`` and ``BENCH_RADIO_PACKETS`` take smaller numbers than 100,000 events and 10,000,000 packets.
"""

import itertools
import os
import random
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psutil

from bench.figures import RUNS, Figure, console, figure
from ble.air.linking import Day, best_linking
from ble.air.model import aloha_bound, wait_bound_s
from ble.air.radio import Radio, Scan
from ble.air.scene import BEGINNING_MS, CAPTURE_DB, STORE_MS, Outcome, Scene, run
from ble.air.simulate import PERIOD_S
from ble.protocol.beacon import KEY_BYTES, Kind, frame
from ble.protocol.counter import Counter, TaserEvent, TaserPairing
from ble.protocol.decision import ACCEPTED, Camera, Verdict
from ble.protocol.identifiers import EPOCH, Keys, first_state, identifier
from fleet import embedded

EVENTS = int(os.environ.get("BENCH_RADIO_EVENTS", "100000"))
PACKETS = int(os.environ.get("BENCH_RADIO_PACKETS", "10000000"))
PAIRINGS = 1_000
FLOOD = 10_000
CROWD = 100
HALF_LOST = Radio(capture_db=CAPTURE_DB, loss=0.5)


def measure_radio(_server: embedded.Databases, _folder: Path) -> list[Figure]:
    """Every row of the protocol's table of what to reach that is the radio's and the decision's own."""
    parts = (_one_pair, _crowd, _crowd_without_capture, _refused, _flood, _many_pairings, _followed)
    return list(itertools.chain.from_iterable(part() for part in parts))


def _said(scene: Scene) -> Outcome:
    *_, outcome = run(scene)
    return outcome


def _one_pair() -> list[Figure]:
    """Beside the least that any sender could reach with that scanner (``wait_bound_s``)."""
    found = []
    for window_ms in (60, 30):
        scene = Scene(events=max(1_000, EVENTS // 10), scan_window_s=window_ms / 1000.0)
        outcome = _said(scene)
        for share, most in ((0.5, 30), (0.99, 100)):
            bound_ms = STORE_MS + 1000.0 * wait_bound_s(Scan(0.06, scene.scan_window_s, 0.0), share)
            found.append(
                _one(
                    f"trigger to recording, one pair, scanning {window_ms} of 60 ms, {share:.0%}",
                    outcome.events,
                    "modelled ms",
                    outcome.percentile(share) or float("inf"),
                    reach=f"at most {most} ms; reference: the least possible",
                    met=lambda value, most=most: value <= most,
                    reference=bound_ms,
                )
            )
    return found


def _crowd() -> list[Figure]:
    """100 Tasers at the same instant, half of the packets lost, own camera at 2 m, the others on 20 × 20 m."""
    outcome = _said(Scene(pairs=CROWD, at_once=CROWD, events=EVENTS, radio=HALF_LOST))
    name = "captured within {} s, 100 Tasers at once, half of the packets lost"
    found = [
        _share(name.format(1), outcome, outcome.within(1.0), 0.999),
        _share(name.format(3), outcome, outcome.within(3.0), 0.9999),
        _one(
            "the same, accepted as what they were not",
            outcome.events,
            "events",
            outcome.false_accepts,
            reach="none",
            met=lambda value: value == 0,
        ),
    ]
    few = max(1_000, EVENTS // 10)
    half = _said(Scene(pairs=CROWD, at_once=CROWD, events=few, radio=HALF_LOST, scan_window_s=0.03))
    found.append(_share("the same within 3 s, scanning half of the time", half, half.within(3.0), 0.9999))
    least = _said(Scene(pairs=CROWD, at_once=CROWD, events=few, radio=Radio(capture_db=21.0, loss=0.5)))
    name = "the same within 3 s, a receiver that needs the Core's 21 dB"
    found.append(_one(name, few, "%", 100 * least.within(3.0), reach="none: for comparison", met=lambda _: True))
    return found


def _crowd_without_capture() -> list[Figure]:
    """Within 1 s with triggers anywhere in 100 ms, as ALOHA assumes no common start; within 3 s at the same instant."""
    return [_beside_aloha(1, 0.1, "triggers in 100 ms"), _beside_aloha(3, 0.0, "triggers at the same instant")]


def _beside_aloha(seconds: int, spread_s: float, how: str) -> Figure:
    radio, events = Radio(capture_db=None, loss=0.5), max(1_000, EVENTS // 20)
    scene = Scene(pairs=CROWD, at_once=CROWD, events=events, radio=radio, spread_s=spread_s, within_s=seconds)
    bound = aloha_bound(radio, at_once=CROWD, period_s=PERIOD_S, chances=seconds / PERIOD_S)
    return _one(
        f"captured within {seconds} s, the same without capture effect, {how}",
        events,
        "%",
        100 * _said(scene).within(seconds),
        reach="at least 95% of the ALOHA bound",
        met=lambda value: value >= 95 * bound,
        reference=100 * bound,
    )


def _refused() -> list[Figure]:
    """Forged, altered, replayed, reordered and other pairs' beacons, nine in ten under a live identifier."""
    accepted, live, seconds = _attack(PACKETS)
    return [
        _one(
            "forged, altered, replayed, reordered, other pairs' beacons accepted as new",
            PACKETS,
            "packets",
            accepted,
            reach=f"0, nine in ten with a live identifier (are {live:.0%})",
            met=lambda value: value == 0 and live >= 0.9,
        ),
        _one(
            "the same, decided",
            PACKETS,
            "a second of a core",
            PACKETS / seconds,
            reach="none: for comparison",
            met=lambda _: True,
        ),
    ]


def _attack(packets: int) -> tuple[int, float, float]:
    """How many were accepted as new, which share bore a live identifier, and the core's seconds of deciding.

    Before every ten thousand the Taser fires truly, so that there is always something fresh to copy and alter.
    """
    chance = random.Random(1)
    ours, theirs = _Taser(1), _Taser(2)
    camera = Camera([ours.first])
    accepted = live = done = 0
    seconds, now_ms = 0.0, BEGINNING_MS
    history: list[bytes] = []
    while done < packets:
        now_ms += 60_000
        fresh = ours.fire(now_ms)
        assert camera.hear(fresh[0], now_ms).verdict in ACCEPTED, "the true beacon was not taken"
        history = [*fresh, *history][:600]
        awaited = list(camera.state(ours.first.pairing).past) + ours.coming()
        others = theirs.fire(now_ms)
        attack = [_hostile(chance, history, awaited, others) for _ in range(min(10_000, packets - done))]
        # Two milliseconds apart, so that none is dropped for its number alone: each is looked into.
        began = time.process_time()
        verdicts = [camera.hear(packet, now_ms + 2 * number) for number, packet in enumerate(attack)]
        seconds += time.process_time() - began
        accepted += sum(decided.verdict in ACCEPTED for decided in verdicts)
        live += sum(decided.verdict is not Verdict.FOREIGN for decided in verdicts)
        done += len(attack)
        now_ms += 2 * len(attack)
    return accepted, live / packets, seconds


class _Taser:
    """A Taser that fires and shows what it sent."""

    def __init__(self, number: int) -> None:
        chance = random.Random(number)
        keys = Keys(0, chance.randbytes(KEY_BYTES), chance.randbytes(KEY_BYTES))
        self.first = first_state(number.to_bytes(16, "big"), keys, 0)
        self._pairing = TaserPairing(self.first.pairing, keys, 0)
        self._counter = Counter(0)

    def fire(self, now_ms: int) -> list[bytes]:
        """The first ten refreshes of an event."""
        due = self._counter.due()
        if due is not None:
            self._counter.confirm(due)
        beacons = self._pairing.beacons(TaserEvent(self._counter.take(), Kind.TRIGGER, now_ms, 90))
        return [frame(beacons.payload(refresh)) for refresh in range(10)]

    def coming(self) -> list[bytes]:
        """Identifiers of the next counters: what no attacker can know, given to this one."""
        counters = range(self._counter.next, self._counter.next + 200)
        keys = self._pairing.keys
        return [identifier(keys.at(counter // EPOCH).identifier, counter) for counter in counters]


def _hostile(chance: random.Random, history: list[bytes], awaited: list[bytes], others: list[bytes]) -> bytes:
    kind, one = chance.random(), history[int(chance.random() * len(history))]
    if kind < 0.08:
        return others[int(chance.random() * len(others))]
    if kind < 0.35:
        return one
    if kind < 0.60:
        # Any bit of what follows the identifier, or another refresh index.
        at = 8 if chance.random() < 0.1 else 15 + int(chance.random() * 16)
        return one[:at] + bytes((one[at] ^ 1 << int(chance.random() * 8),)) + one[at + 1 :]
    if kind < 0.80:
        other = history[int(chance.random() * len(history))]
        # Of the same event and refresh it is that packet itself, which is a replay.
        return one[:15] + other[15:]
    return one[:8] + bytes((int(chance.random() * 256),)) + awaited[int(chance.random() * len(awaited))] + one[15:]


def _flood() -> list[Figure]:
    """Ten thousand packets a second that are none of the camera's, and as many copies of one that is."""
    taser = _Taser(1)
    camera = Camera([taser.first])
    chance = random.Random(2)
    foreign = [frame(b"\x01" + chance.randbytes(23)) for _ in range(FLOOD)]
    now_ms, captured = BEGINNING_MS, 0
    for _ in range(100):
        now_ms += 60_000
        for packet in foreign:
            camera.hear(packet, now_ms)
        captured += camera.hear(taser.fire(now_ms)[0], now_ms).verdict is Verdict.NEW
    live = taser.fire(now_ms)[0]
    forged = [live[:23] + chance.randbytes(8) for _ in range(FLOOD)]
    reach = "under 5% of a core"
    shares = {
        "10,000 foreign packets a second": [_core(camera, foreign, now_ms) for _ in range(RUNS)],
        "10,000 forged copies of a live identifier a second": [_core(camera, forged, now_ms) for _ in range(RUNS)],
    }
    found = [
        figure(name, FLOOD, "% of a core", values, reach=reach, met=lambda value: value < 5)
        for name, values in shares.items()
    ]
    return [
        _one(
            "captured in the flood",
            100,
            "%",
            captured,
            reach="unchanged: 100%",
            met=lambda value: value == 100,
        ),
        *found,
    ]


def _core(camera: Camera, packets: list[bytes], now_ms: int) -> float:
    """The share of a core, in %, that deciding on these within a second takes."""
    began = time.process_time()
    for number, packet in enumerate(packets):
        camera.hear(packet, now_ms + number * 1_000 // len(packets))
    return 100 * (time.process_time() - began)


def _many_pairings() -> list[Figure]:
    """A process of its own says what a thousand pairings weigh; what they cost is compared with one pairing."""
    mb = [float(_weight(PAIRINGS)) for _ in range(3)]
    one, many = _camera(1), _camera(PAIRINGS)
    ours, reference = [], []
    for _ in range(RUNS):
        reference.append(_decision_us(one))
        ours.append(_decision_us(many))
    return [
        figure("memory of 1,000 pairings", PAIRINGS, "MB", mb, reach="under 64 MB", met=lambda value: value < 64),
        figure(
            "a true beacon decided, 1,000 pairings beside one",
            PAIRINGS,
            "µs",
            ours,
            reach="under 1 ms: unchanged latency",
            met=lambda value: value < 1_000,
            reference=reference,
        ),
    ]


def _weight(pairings: int) -> str:
    command = [sys.executable, "-c", f"from bench.radio import weigh; weigh({pairings})"]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout


def weigh(pairings: int) -> None:
    """Print by how many MB this process grows as it makes a camera of so many pairings."""
    process = psutil.Process()
    before = process.memory_info().rss
    camera = _camera(pairings)
    console.print((process.memory_info().rss - before) / 1e6)
    assert len(camera.pairings()) == pairings


def _camera(pairings: int) -> Camera:
    """With every window as full as it gets."""
    camera = Camera([_Taser(number).first for number in range(1, pairings + 1)])
    for pairing in camera.pairings():
        camera.level(pairing, 100)
    return camera


def _decision_us(camera: Camera) -> float:
    """The mean time of accepting an event of the first pairing, with its window's slide."""
    taser = _Taser(1)
    done = camera.state(taser.first.pairing).highest
    for _ in range(done + 1):
        taser.fire(BEGINNING_MS)
    packets = [taser.fire(BEGINNING_MS)[0] for _ in range(200)]
    began = time.perf_counter()
    for packet in packets:
        assert camera.hear(packet, BEGINNING_MS).verdict in ACCEPTED
    return 1e6 * (time.perf_counter() - began) / len(packets)


def _followed() -> list[Figure]:
    """The best of ten ways to tell from all packets of a day that two events are of one Taser."""
    linking = best_linking(Day(seed=5, tasers=60, events=8))
    least = 4 * linking.deviation
    return [
        _one(
            "two events of one Taser linked, best of ten features",
            linking.pairs,
            "AUC",
            linking.auc,
            reach=f"by chance: 0.5 ± {least:.3f} (best: {linking.feature})",
            met=lambda value: abs(value - 0.5) < least,
            reference=0.5,
        )
    ]


def _share(name: str, outcome: Outcome, value: float, least: float) -> Figure:
    reach = f"at least {100 * least:g}%"
    return _one(name, outcome.events, "%", 100 * value, reach=reach, met=lambda found: found >= 100 * least)


def _one(
    name: str,
    size: int,
    unit: str,
    value: float,
    *,
    reach: str,
    met: Callable[[float], bool],
    reference: float | None = None,
) -> Figure:
    """A figure of one seeded run, which another run would only repeat."""
    return figure(name, size, unit, [value], reach=reach, met=met, reference=[] if reference is None else [reference])
