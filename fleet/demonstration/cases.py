"""Cases in every state: losses, repairs, a hold, cameras on their way out, leavers and movers, exceptions.

They are made of cameras that lie in stock, so that the figures of the force stay as they are.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from functools import partial

from sqlalchemy.orm import Session

from fleet.cameras import service as camera_register
from fleet.clock import local_day
from fleet.custody import service as custody
from fleet.custody.models import IssueKind
from fleet.demonstration.force import firearms_collar, response_collar
from fleet.demonstration.pool import ACTOR, POLICY, free_officers, if_possible, untouched_reserve
from fleet.lifecycle import assessments, departures, exceptions, holds, losses, repairs, retirement
from fleet.lifecycle.departures import Leaving
from fleet.lifecycle.models import DepartureKind, DisposalHow, LossState, RepairResult, Risk

_DAY = timedelta(days=1)
_HOUR = timedelta(hours=1)


@dataclass(frozen=True)
class _Teller:
    """Tells one camera's story; each act at so many days before ``now``."""

    session: Session
    now: datetime
    serial: str

    def ago(self, days: float) -> datetime:
        return self.now - days * _DAY

    def lose(self, days: float, *, late: float, circumstances: str, where: str = "The store’s shelf") -> int:
        """Report it missing so many days ago, ``late`` hours after it was noticed."""
        noticed = self.ago(days) - late * _HOUR
        said = losses.Report(noticed, where, "the clerk on nights", circumstances)
        return losses.report(self.session, ACTOR, self.serial, said, policy=POLICY, now=self.ago(days))

    def assess(self, loss: int, risk: Risk, days: float, measures: str, *, is_told: bool = False) -> None:
        """Assess a loss so many days ago."""
        told = self.ago(days)
        said = {
            "recordings": "Up to seven recordings of one late shift in the town centre.",
            "affected": "Officers and members of the public who were stopped, about twenty people.",
            "risk": risk,
            "measures": measures,
            "psd_told_at": told,
            "ico_told_at": told if is_told else None,
            "ico_reason": None if is_told else "The recordings are encrypted and the key is not on the camera.",
            "decided_by": "Duty superintendent",
        }
        assessments.assess(self.session, ACTOR, loss, said, now=self.ago(days))


def _stolen(teller: _Teller) -> None:
    """Out for a shift, stolen, reported late, assessed twice."""
    officers = free_officers(teller.session, teller.now.date())
    wanted = custody.Issue(teller.serial, officers[-1], IssueKind.POOL)
    custody.issue(teller.session, ACTOR, wanted, policy=POLICY, now=teller.ago(4.5))
    used = {"unoffloaded": 7, "battery_percent": 61}
    custody.take_report(teller.session, ACTOR, teller.serial, used, policy=POLICY, now=teller.ago(4.3))
    circumstances = "Taken from the vehicle while its crew was at an incident."
    loss = teller.lose(2.9, late=31, circumstances=circumstances, where="A patrol vehicle in Castle Gate")
    teller.assess(loss, Risk.RISK, 2.8, "Searched the area, asked for CCTV.", is_told=True)
    losses.decide(teller.session, ACTOR, loss, LossState.STOLEN, crime_number="20/118/26", now=teller.ago(2.5))
    teller.assess(loss, Risk.HIGH, 2, "Wrote to the four people who can be named.", is_told=True)


def _missing(teller: _Teller) -> None:
    teller.lose(0.6, late=2, circumstances="Not on the shelf at the morning count; the shelf was searched.")


def _lost(teller: _Teller) -> None:
    loss = teller.lose(6, late=5, circumstances="Not found after the store moved to the next room.")
    losses.decide(teller.session, ACTOR, loss, LossState.LOST, crime_number=None, now=teller.ago(5))


def _recovered(teller: _Teller) -> None:
    loss = teller.lose(9, late=3, circumstances="Not on the shelf at the count.")
    teller.assess(loss, Risk.UNLIKELY, 8.5, "It was never used and holds no recording.")
    found = {"where": "Behind the charging cabinet", "by": "the clerk on days", "condition": "Dusty, whole"}
    losses.recover(teller.session, ACTOR, loss, found, now=teller.ago(8))


def _send(teller: _Teller, days: float, fault: str, number: int, expected: date) -> None:
    bought = {"warranty_until": local_day(teller.now) + (number % 7 - 2) * 60 * _DAY}
    camera_register.revise(teller.session, ACTOR, teller.serial, bought, at_version=None, now=teller.ago(days))
    sending = repairs.Sending(fault, "The maker’s workshop", f"RMA-{number}", expected)
    repairs.send(teller.session, ACTOR, teller.serial, sending, now=teller.ago(days))


def _in_repair(teller: _Teller) -> None:
    _send(teller, 3, "The microphone is dead.", 40_117, local_day(teller.now) + 9 * _DAY)


def _overdue_repair(teller: _Teller) -> None:
    _send(teller, 24, "It does not charge.", 39_870, local_day(teller.now) - 3 * _DAY)


def _repaired(teller: _Teller) -> None:
    _send(teller, 30, "The switch sticks.", 39_204, local_day(teller.now) - 12 * _DAY)
    repairs.take_back(teller.session, ACTOR, teller.serial, RepairResult.REPAIRED, now=teller.ago(14))


def _beyond_repair(teller: _Teller) -> None:
    _send(teller, 40, "Run over by a van.", 38_911, local_day(teller.now) - 25 * _DAY)
    note = "The supplier offers no repair."
    repairs.take_back(teller.session, ACTOR, teller.serial, RepairResult.BEYOND_REPAIR, note=note, now=teller.ago(26))


def _waiting_for_its_second_person(teller: _Teller) -> None:
    retirement.retire(teller.session, ACTOR, teller.serial, "The case is broken.", now=teller.ago(20))
    wiped = {
        "method": "Overwritten, then reset to the maker’s state",
        "certificate": "WIPE-2217",
        "wiped_by": "the store’s workshop",
        "wiped_on": local_day(teller.ago(18)),
    }
    retirement.sanitise(teller.session, ACTOR, teller.serial, wiped, now=teller.ago(18))
    how = DisposalHow.RECYCLED
    retirement.propose(teller.session, ACTOR, teller.serial, how, waste_note="WTN 0417", now=teller.ago(2))


def _held(teller: _Teller) -> None:
    placing = holds.Placing("Professional standards", "PSD/0193", "Whether it recorded is disputed in a complaint.")
    holds.place(teller.session, ACTOR, teller.serial, placing, now=teller.ago(11))


_STORIES: tuple[Callable[[_Teller], None], ...] = (
    _stolen, _missing, _lost, _recovered, _in_repair, _overdue_repair, _repaired, _beyond_repair,
    _waiting_for_its_second_person, _held,
)  # fmt: skip
# Of the response officers: who leaves and who moves, counted from the first, and how many days from now.
_LEAVERS = {40: 12, 41: 30, 43: -4}
_MOVERS = {60: 6}
# Of the firearms officers without a camera: who is excepted from rule 5, and until how many days from now.
_DESK_DUTY = {235: 60, 236: 25}


def load_cases(session: Session, _password: str, now: datetime) -> None:
    """Cases in every state. What the register's user has touched is left alone."""
    # From the end, as the pool was taken from the beginning.
    for serial, story in zip(reversed(untouched_reserve(session)), _STORIES, strict=False):
        teller = _Teller(session, now, serial)
        if_possible(session, partial(story, teller))
    today = local_day(now)
    for number, days in _LEAVERS.items():
        leaving = Leaving(DepartureKind.LEAVER, today + days * _DAY, note="Retires." if days > 0 else None)
        _depart(session, response_collar(number), leaving, now)
    for number, days in _MOVERS.items():
        leaving = Leaving(DepartureKind.MOVER, today + days * _DAY, team="Traffic PEN", site="PEN")
        _depart(session, response_collar(number), leaving, now)
    for number, days in _DESK_DUTY.items():
        _except(session, firearms_collar(number), 5, "On desk duty while unfit.", today + days * _DAY, now)
    _except(session, response_collar(70), 6, "Trial of a chest mount beside the helmet.", today + 45 * _DAY, now)


def _depart(session: Session, collar: str, leaving: Leaving, now: datetime) -> None:
    if_possible(session, lambda: departures.note(session, ACTOR, collar, leaving, now=now))


def _except(session: Session, collar: str, rule: int, reason: str, until: date, now: datetime) -> None:
    wanted = exceptions.Wanted(rule, reason, until)
    if_possible(session, lambda: exceptions.record(session, ACTOR, collar, wanted, now=now - 5 * _HOUR))
