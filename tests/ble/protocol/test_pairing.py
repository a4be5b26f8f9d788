"""Pairing, from greeting to receipts, when nothing goes wrong and when something is not as it should be."""

from dataclasses import replace

import pytest

from ble.protocol.permits import Purpose
from tests.ble.protocol.parties import Interrupted, new_pair


def test_two_devices_are_paired_and_hold_the_same_keys() -> None:
    pair = new_pair()

    pair.require_paired(pair.station.pair())


def test_paired_again_what_they_hold_is_finished_and_nothing_new_is_made() -> None:
    pair = new_pair()
    first = pair.station.pair()
    keys = dict(pair.taser_holds)

    pair.require_paired(pair.station.pair())

    assert pair.taser_holds == keys
    assert len(pair.force.permits) == 1
    assert first


def test_a_re_key_replaces_the_keys() -> None:
    pair = new_pair()
    pair.station.pair()
    before = dict(pair.taser_holds)

    pair.station.known, pair.station.purpose = frozenset(before), Purpose.REKEY
    pair.require_paired(pair.station.pair())

    assert not before.keys() & pair.taser_holds.keys()
    assert not set(before.values()) & set(pair.taser_holds.values())


def test_a_re_key_needs_a_pairing() -> None:
    pair = new_pair()
    pair.station.purpose = Purpose.REKEY

    with pytest.raises(Interrupted, match="not-paired"):
        pair.station.pair()
    assert not pair.taser_holds


def test_what_the_pairing_is_made_of_counts_from_the_tasers_next_counter() -> None:
    pair = new_pair()
    pair.taser.vitals = replace(pair.taser.vitals, counter=9_000)
    pair.station.pair()

    assert [one.start for owner in (pair.taser, pair.camera) for one in owner.memory.pairings] == [9_000, 9_000]


def test_a_camera_that_has_lost_its_memory_is_paired_anew() -> None:
    pair = new_pair()
    fresh = pair.camera.stored
    pair.station.pair()
    lost = set(pair.taser_holds)

    pair.camera.stored, pair.camera.keys = fresh, {}
    pair.camera.restart()
    pair.require_paired(pair.station.pair())

    assert not lost & set(pair.taser_holds)


def test_a_taser_that_has_lost_its_memory_is_paired_anew_and_the_camera_forgets_the_old_pairing() -> None:
    pair = new_pair()
    fresh = pair.taser.stored
    pair.station.pair()
    lost = set(pair.camera_holds)

    pair.taser.stored, pair.taser.keys = fresh, {}
    pair.taser.restart()
    pair.require_paired(pair.station.pair())

    assert not lost & set(pair.camera_holds)


def test_a_pairing_that_was_not_made_for_this_job_is_not_taken_for_its_outcome() -> None:
    pair = new_pair()
    pair.station.pair()
    before = set(pair.taser_holds)

    pair.station.known = frozenset(before)
    pair.require_paired(pair.station.pair())

    assert not before & set(pair.taser_holds)
