"""Everything else that a station does with devices, and what it says when it cannot."""

import asyncio
from pathlib import Path

import pytest

from ble.air.backend import backends
from ble.air.stack import power_on
from ble.protocol.statements import LogEntry, read
from ble.station import enrolment, offline
from ble.station.radio import Radio
from ble.station.service import JobKind
from ble.station.station import ACTS
from ble.station.wording import bytes_of, seconds_of, text_of
from tests.ble.station.armoury import Armoury, in_armoury, station_of
from tests.ble.station.force import CODE, URL


async def carried_out(armoury: Armoury, kind: JobKind, **about: object) -> str:
    """A job done in one turn; returns its number."""
    number = armoury.force.job(kind, **(armoury.about() | about))
    await armoury.show()
    await armoury.station.turn()
    await armoury.station.courier.deliver()
    return number


def test_new_devices_are_commissioned_then_paired_and_tested(tmp_path: Path) -> None:
    async def story(armoury: Armoury) -> None:
        for about in ({"camera": None}, {"taser": None, "sppm": None}):
            number = await carried_out(armoury, JobKind.COMMISSION, **about)
            assert armoury.force.ends[number]["outcome"] == "done", armoury.force.ends
        armoury.arc_when_asked()
        await carried_out(armoury, JobKind.PAIR)
        assert len(armoury.force.tested) == 1

    in_armoury(tmp_path / "station", story, commissioned=False)


def test_a_device_that_was_not_commissioned_is_not_paired(tmp_path: Path) -> None:
    async def story(armoury: Armoury) -> None:
        armoury.station.find_s = 5
        number = await carried_out(armoury, JobKind.PAIR)
        assert armoury.force.ends[number]["outcome"] == "failed"
        assert "did not answer" in armoury.force.ends[number]["detail"]
        assert "refuses" in armoury.force.ends[number]["detail"]

    in_armoury(tmp_path / "station", story, commissioned=False)


def test_the_armourer_is_told_which_device_answered_instead(tmp_path: Path) -> None:
    async def story(armoury: Armoury) -> None:
        armoury.station.find_s = 8
        other = armoury.world.pairs[1]
        other.walk(0.5, 0.5)
        await other.camera.pairing_mode()
        await armoury.pair.taser.pairing_mode()
        number = armoury.force.job(JobKind.PAIR, **armoury.about())
        await armoury.station.turn()
        await armoury.station.courier.deliver()
        assert armoury.force.ends[number]["outcome"] == "failed"
        assert f"camera {armoury.about()['camera']} did not answer" in armoury.force.ends[number]["detail"]
        assert f"camera {other.camera.camera.serial}" in armoury.force.ends[number]["detail"]
        assert not armoury.force.permits

    in_armoury(tmp_path / "station", story, pairs=2)


def test_a_rules_refusal_ends_the_job_with_its_words(tmp_path: Path) -> None:
    async def story(armoury: Armoury) -> None:
        problem = {"detail": "The camera reports aes128; aes256 is required.", "rule": 1, "mend": "it"}
        armoury.force.refuse["permit"] = (409, problem)
        number = await carried_out(armoury, JobKind.PAIR)
        assert armoury.force.ends[number]["outcome"] == "refused"
        assert "aes256 is required" in armoury.force.ends[number]["detail"]
        assert armoury.force.story(number)[-1] == ("permit", "failed")
        assert not armoury.pair.taser.side().memory.pairings

    in_armoury(tmp_path / "station", story)


def test_a_permit_that_runs_out_between_two_steps_pairs_nobody(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    async def story(armoury: Armoury) -> None:
        armoury.force.permit_s = 1
        permit = armoury.station.service.permit

        async def late(*args: object) -> object:
            found = await permit(*args)  # type: ignore[arg-type]
            await asyncio.sleep(2)
            return found

        monkeypatch.setattr(armoury.station.service, "permit", late)
        number = await carried_out(armoury, JobKind.PAIR)
        assert armoury.force.ends[number]["outcome"] == "refused", armoury.force.ends
        assert "permit" in armoury.force.ends[number]["detail"]
        assert not armoury.pair.taser.side().memory.pairings
        assert not armoury.pair.camera.side().memory.pairings

    in_armoury(tmp_path / "station", story)


def test_nobody_who_arcs_leaves_the_pairing_agreed_and_untested(tmp_path: Path) -> None:
    async def story(armoury: Armoury) -> None:
        number = await carried_out(armoury, JobKind.PAIR)
        assert armoury.force.ends[number]["outcome"] == "failed"
        assert "function test" in armoury.force.ends[number]["detail"]
        assert len(armoury.force.agreed) == 1
        assert not armoury.force.tested
        armoury.arc_when_asked()
        await carried_out(armoury, JobKind.TEST)
        assert armoury.force.tested == armoury.force.agreed

    in_armoury(tmp_path / "station", story)


def test_an_old_function_test_is_no_new_one(tmp_path: Path) -> None:
    async def story(armoury: Armoury) -> None:
        armoury.arc_when_asked()
        await carried_out(armoury, JobKind.PAIR)
        armoury.station.show = armoury.shown.append
        number = await carried_out(armoury, JobKind.TEST)
        assert armoury.force.ends[number]["outcome"] == "failed"
        assert len(armoury.force.tests) == 1

    in_armoury(tmp_path / "station", story)


def test_an_arc_that_the_camera_did_not_hear_is_done_again(tmp_path: Path) -> None:
    async def story(armoury: Armoury) -> None:
        number = armoury.force.job(JobKind.PAIR, **armoury.about())
        await armoury.show()
        taser = armoury.pair.taser.taser

        def look(shown: object) -> None:
            armoury.shown.append(shown)  # type: ignore[arg-type]
            if getattr(shown, "step", "") == "function test" and getattr(shown, "state", "") == "begun":
                # The first with its radio jammed, the second as it should be.
                asyncio.get_running_loop().call_later(0.2, jammed)
                asyncio.get_running_loop().call_later(4.0, armoury.world.test, 0)

        def jammed() -> None:
            armoury.world.test(0)
            armoury.pair.taser.silence()

        armoury.station.show = look
        await armoury.station.turn()
        await armoury.station.courier.deliver()
        assert armoury.force.ends[number]["outcome"] == "done", armoury.force.ends
        assert taser.serial == armoury.about()["taser"]

    in_armoury(tmp_path / "station", story)


def test_new_keys_replace_the_old_pairing(tmp_path: Path) -> None:
    async def story(armoury: Armoury) -> None:
        armoury.arc_when_asked()
        await carried_out(armoury, JobKind.PAIR)
        old = armoury.force.permits[0].id
        number = await carried_out(armoury, JobKind.REKEY)
        assert armoury.force.ends[number]["outcome"] == "done", armoury.force.ends
        new = armoury.force.permits[1].id
        assert [one.id for one in armoury.pair.taser.side().memory.pairings] == [new]
        assert [one.id for one in armoury.pair.camera.side().memory.pairings] == [new]
        assert armoury.force.tested == {old, new}

    in_armoury(tmp_path / "station", story)


def test_an_order_to_unpair_reaches_both_devices(tmp_path: Path) -> None:
    async def story(armoury: Armoury) -> None:
        armoury.arc_when_asked()
        await carried_out(armoury, JobKind.PAIR)
        order = armoury.force.order(armoury.force.permits[0].id)
        number = await carried_out(armoury, JobKind.UNPAIR, orders=[text_of(order)])
        assert armoury.force.ends[number]["outcome"] == "done", armoury.force.ends
        assert not armoury.pair.taser.side().memory.pairings
        assert not armoury.pair.camera.side().memory.pairings

    in_armoury(tmp_path / "station", story)


def test_pairings_that_stand_no_longer_are_forgotten_on_the_way_to_a_new_one(tmp_path: Path) -> None:
    async def story(armoury: Armoury) -> None:
        old = armoury.world.pair(0, 1)
        armoury.force.orders = {"taser": [armoury.force.order(old)]}
        armoury.arc_when_asked()
        number = await carried_out(armoury, JobKind.PAIR)
        assert armoury.force.ends[number]["outcome"] == "done", armoury.force.ends
        assert ("forget old pairings", "done") in armoury.force.story(number)
        held = [one.id for one in armoury.pair.taser.side().memory.pairings]
        assert held == [armoury.force.permits[-1].id]

    in_armoury(tmp_path / "station", story, pairs=2)


def test_a_log_is_read_once_and_the_clock_is_set(tmp_path: Path) -> None:
    async def story(armoury: Armoury) -> None:
        now_ms = armoury.world.time.now_ms()
        armoury.pair.taser.taser.clock.set(now_ms, now_ms - 90_000)
        armoury.world.fire(0)
        armoury.world.fire(0)
        number = await carried_out(armoury, JobKind.READ_LOG)
        assert armoury.force.ends[number]["outcome"] == "done", armoury.force.ends
        items = sorted(armoury.force.activations.values(), key=lambda item: item["counter"])
        assert [(item["counter"], item["kind"]) for item in items] == [
            (1, "armed"), (2, "trigger"), (3, "arc"), (4, "trigger"), (5, "arc"),
        ]  # fmt: skip
        key = armoury.pair.taser.side().memory.signing.public
        for item in items:
            entry = read(bytes_of(item["evidence"]), [key]).statement
            assert isinstance(entry, LogEntry)
            assert entry.counter == item["counter"]
            # The Taser's clock was a minute and a half slow; what is told is in true time, within its own second.
            assert abs(seconds_of(item["at"]) - now_ms / 1000) < 3
        true_ms = armoury.world.time.now_ms()
        assert abs((armoury.pair.taser.taser.clock.read(true_ms) or 0) - true_ms) < 1500
        before = len(armoury.force.asked)
        again = await carried_out(armoury, JobKind.READ_LOG)
        assert "0 new entries" in armoury.force.ends[again]["detail"]
        assert "/activations" not in armoury.force.asked[before:]

    in_armoury(tmp_path / "station", story)


def test_offline_a_log_and_a_function_test_are_kept_and_told_later(tmp_path: Path) -> None:
    async def story(armoury: Armoury) -> None:
        armoury.force.away = True
        armoury.world.fire(0)
        armoury.arc_when_asked()
        for act in (ACTS[JobKind.READ_LOG], offline.test):
            await armoury.show()
            ended = await armoury.station.attempt(armoury.station.work(None), act)
            assert ended.error is None, ended
        assert not armoury.force.activations
        armoury.force.away = False
        assert await armoury.station.courier.rest(120)
        told = {(counter, source): item["kind"] for (_, counter, source), item in armoury.force.activations.items()}
        assert {told[number, "taser-log"] for number in (1, 2, 3)} == {"armed", "trigger", "arc"}
        tests = {source for (_, source), kind in told.items() if kind == "test"}
        assert tests == {"taser-log", "camera"}
        assert not armoury.force.steps

    in_armoury(tmp_path / "station", story, paired=True)


def test_two_stations_at_once_pair_once(tmp_path: Path) -> None:
    async def story(armoury: Armoury) -> None:
        other_adapter = await power_on(armoury.world.link, "other", at=(0.5, 0.0))
        other = station_of(armoury.world, armoury.force, tmp_path / "other", other_adapter, armoury.shown.append)
        await enrolment.enrol(other.store, other.service, URL, CODE, now=other.clock())
        armoury.force.job(JobKind.PAIR, **armoury.about())
        await armoury.show()
        armoury.arc_when_asked()
        other.find_s = armoury.station.find_s = 10
        began = asyncio.get_running_loop().time()
        await asyncio.gather(armoury.station.turn(), other.turn())
        assert asyncio.get_running_loop().time() - began < 120
        taser, camera = armoury.pair.taser.side().memory.pairings, armoury.pair.camera.side().memory.pairings
        assert [one.id for one in taser] == [one.id for one in camera] == [*armoury.force.tested]

    in_armoury(tmp_path / "station", story)


def test_one_taser_wanted_for_two_cameras_at_once_holds_what_the_cameras_hold(tmp_path: Path) -> None:
    async def story(armoury: Armoury) -> None:
        armoury.world.pairs[1].walk(1.0, 0.0)
        first = armoury.force.job(JobKind.PAIR, **armoury.about())
        second = armoury.force.job(JobKind.PAIR, **(armoury.about() | {"camera": armoury.about(1)["camera"]}))
        armoury.arc_when_asked()
        for number in (first, second):
            await armoury.show()
            await armoury.world.pairs[1].camera.pairing_mode()
            await armoury.station.turn()
            await armoury.station.courier.deliver()
            assert armoury.force.ends[number]["outcome"] == "done", armoury.force.ends
        assert len(armoury.pair.taser.side().memory.pairings) == 2
        assert len(armoury.force.tested) == 2

    in_armoury(tmp_path / "station", story, pairs=2)


def test_a_job_whose_time_is_over_is_not_begun(tmp_path: Path) -> None:
    async def story(armoury: Armoury) -> None:
        number = armoury.force.job(JobKind.PAIR, **armoury.about())
        await asyncio.sleep(601)
        await armoury.station.turn()
        await armoury.station.courier.deliver()
        assert armoury.force.ends[number]["outcome"] == "failed"
        assert not armoury.shown

    in_armoury(tmp_path / "station", story)


def test_a_machine_without_bluetooth_says_so(tmp_path: Path) -> None:
    async def story(armoury: Armoury) -> None:
        await armoury.adapter.power_off()
        armoury.station.radio = Radio(*backends(armoury.adapter))
        number = await carried_out(armoury, JobKind.PAIR)
        assert armoury.force.ends[number]["outcome"] == "failed"
        assert "Plug the adapter in" in armoury.force.ends[number]["detail"]

    in_armoury(tmp_path / "station", story)


def test_a_credential_is_renewed_before_its_end_and_the_old_token_is_forgotten(tmp_path: Path) -> None:
    async def story(armoury: Armoury) -> None:
        first = armoury.station.store.identity()
        assert first is not None
        await asyncio.sleep(13 * 3600)
        await armoury.station.turn()
        second = armoury.station.store.identity()
        assert second is not None
        assert (second.token, second.agreement) != (first.token, first.agreement)
        assert second.ends_at > first.ends_at
        for file in (tmp_path / "station").iterdir():
            assert first.agreement.secret not in file.read_bytes() or file.suffix.endswith("wal")

    in_armoury(tmp_path / "station", story)
