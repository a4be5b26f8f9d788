"""The life cycles as truth tables: pairings, jobs, Tasers."""

from collections.abc import Mapping
from enum import StrEnum
from typing import Any

import pytest

from fleet.pairings.states import NEXT_JOB, JobState
from fleet.tasers.states import NEXT_PAIRING, NEXT_TASER_CUSTODY, NOT_BY_HAND, PairingState, TaserCustody
from tests.factories import unique
from tests.pairings.conftest import Armoury

PAIRING = """
from        authorised agreed tested active suspended revoked
authorised  .          x      .      .      .         x
agreed      .          .      x      .      x         x
tested      .          .      .      x      x         x
active      .          .      .      .      x         x
suspended   .          .      x      .      .         x
revoked     .          .      .      .      .         .
"""
JOB = """
from       queued leased done failed refused cancelled expired
queued     .      x      .    .      .       x         x
leased     x      .      x    x      x       x         x
done       .      .      .    .      .       .         .
failed     .      .      .    .      .       .         .
refused    .      .      .    .      .       .         .
cancelled  .      .      .    .      .       .         .
expired    .      .      .    .      .       .         .
"""


def steps(table: str) -> dict[str, set[str]]:
    head, *rows = [line.split() for line in table.strip().splitlines()]
    return {row[0]: {head[at] for at, mark in enumerate(row) if mark == "x"} for row in rows}


@pytest.mark.parametrize(("table", "held"), [(PAIRING, NEXT_PAIRING), (JOB, NEXT_JOB)])
def test_the_service_allows_the_steps_of_the_table_and_no_others(
    table: str, held: Mapping[StrEnum, frozenset[StrEnum]]
) -> None:
    assert {str(state): {str(step) for step in after} for state, after in held.items()} == steps(table)


def test_every_state_has_its_row() -> None:
    assert set(NEXT_PAIRING) == set(PairingState)
    assert set(NEXT_JOB) == set(JobState)
    assert set(NEXT_TASER_CUSTODY) == set(TaserCustody)


def test_only_a_passed_test_makes_a_pairing_active() -> None:
    assert [state for state, after in NEXT_PAIRING.items() if PairingState.ACTIVE in after] == [PairingState.TESTED]


def test_a_used_taser_is_read_before_it_is_serviceable_again() -> None:
    reached = {TaserCustody.AWAITING_DOWNLOAD}
    banned = {TaserCustody.RECONCILED, TaserCustody.QUARANTINED, TaserCustody.HELD, TaserCustody.MISSING}
    assert NEXT_TASER_CUSTODY[TaserCustody.AWAITING_DOWNLOAD] == banned
    assert TaserCustody.SERVICEABLE not in reached | NEXT_TASER_CUSTODY[TaserCustody.AWAITING_DOWNLOAD]


WAYS: dict[TaserCustody, list[TaserCustody]] = {
    TaserCustody.REGISTERED: [],
    TaserCustody.IN_ARMOURY: [TaserCustody.IN_ARMOURY],
    TaserCustody.SERVICEABLE: [TaserCustody.IN_ARMOURY, TaserCustody.SERVICEABLE],
    TaserCustody.QUARANTINED: [TaserCustody.QUARANTINED],
    TaserCustody.HELD: [TaserCustody.HELD],
    TaserCustody.MISSING: [TaserCustody.MISSING],
    TaserCustody.LOST: [TaserCustody.MISSING, TaserCustody.LOST],
    TaserCustody.STOLEN: [TaserCustody.MISSING, TaserCustody.STOLEN],
    TaserCustody.RECOVERED: [TaserCustody.MISSING, TaserCustody.RECOVERED],
    TaserCustody.REPAIR: [TaserCustody.QUARANTINED, TaserCustody.REPAIR],
    TaserCustody.RETIRED: [TaserCustody.QUARANTINED, TaserCustody.RETIRED],
    TaserCustody.SANITISED: [TaserCustody.QUARANTINED, TaserCustody.RETIRED, TaserCustody.SANITISED],
}


def moved(armoury: Armoury, serial: str, to: TaserCustody) -> Any:
    return armoury.armourer("POST", f"/tasers/{serial}/custody", {"custody": str(to), "note": "a test"})


@pytest.mark.parametrize("start", list(WAYS))
def test_by_hand_a_taser_takes_the_steps_of_the_table_and_no_others(armoury: Armoury, start: TaserCustody) -> None:
    for to in TaserCustody:
        serial = armoury.make.taser()
        for step in WAYS[start]:
            assert moved(armoury, serial, step).status_code == 200

        answer = moved(armoury, serial, to)

        allowed = to in NEXT_TASER_CUSTODY[start] and to not in NOT_BY_HAND
        assert answer.status_code == (200 if allowed else 409), (start, to)
        if not allowed:
            assert (answer.json["rule"], answer.json["mend"]) == (9, "armourer")


def test_a_holder_makes_it_issued_and_no_holder_returned(armoury: Armoury) -> None:
    serial, collar = armoury.make.taser(sppm=unique("SP")), armoury.make.officer()
    path = f"/tasers/{serial}"

    issued = armoury.armourer("PATCH", path, {"holder": collar}, If_Match="*").json
    back = armoury.armourer("PATCH", path, {"holder": None}, If_Match="*").json

    assert (issued or {})["custody"] == "issued"
    assert (back or {})["custody"] == "returned"


def test_nobody_is_given_a_taser_that_is_missing(armoury: Armoury) -> None:
    serial, collar = armoury.make.taser(), armoury.make.officer()
    moved(armoury, serial, TaserCustody.MISSING)

    answer = armoury.armourer("PATCH", f"/tasers/{serial}", {"holder": collar}, If_Match="*")

    assert (answer.status_code, (answer.json or {})["rule"]) == (409, 9)
