"""Terms of use, and the pool's past loans as visits to the counter: some signed for, some attested, one still open."""

import hashlib
import math
from datetime import datetime, timedelta

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.audit import Event
from fleet.audit.models import AuditEntry
from fleet.custody.models import Allocation, IssueKind
from fleet.demonstration.pool import ACTOR
from fleet.errors import FleetError
from fleet.people.models import Person
from fleet.visits import service, terms
from fleet.visits.models import Method, VisitAllocation
from fleet.visits.service import Given

TERMS = """\
What is issued to you belongs to the force and is in your care until you return it.

1. Wear the camera as you were trained, and have it ready (buffering) whenever you are on duty.
2. Tell people that you record them, unless it would not be safe to.
3. Return a loan to a dock at the end of the shift. A recording belongs to whoever had the camera when it was made.
4. Tell the store at once of a loss, a fault, or a camera that is not where it should be.
5. Nobody but you uses it while it is in your name."""

_VISITS = 8
_ATTESTED = Given(Method.ATTESTATION, reason="Others were waiting at the counter.")
# How the loans, in their order, were acknowledged: every third by the clerk, the last not yet.
_EVERY_THIRD = 3


def load_visits(session: Session, _password: str, now: datetime) -> None:
    """A first version of the terms, unless there is one, and visits for the last loans that are in none."""
    loans = _loans(session)
    first = min((loan.issued_at for loan in loans), default=now)
    if terms.newest(session) == 0:
        values = {"text": TERMS, "after": 0, "valid_from": None}
        terms.publish(session, ACTOR, values, now=first - timedelta(days=1))
    for number, loan in enumerate(loans):
        _visit(session, loan, number, is_last=number == len(loans) - 1)


def _loans(session: Session) -> list[sa.Row[int, str, datetime]]:
    statement = sa.select(Allocation.id, Person.collar, Allocation.issued_at)
    statement = statement.join(Person, Person.id == Allocation.person_id)
    # The demonstration's own, not those that its user has made since.
    own = sa.select(AuditEntry.facts["allocation"].as_integer())
    own = own.where(AuditEntry.actor == ACTOR.name, AuditEntry.event == Event.CAMERA_ISSUED)
    statement = statement.where(
        Allocation.kind == IssueKind.POOL,
        Allocation.id.in_(own),
        ~sa.exists().where(VisitAllocation.allocation_id == Allocation.id),
    )
    return list(session.execute(statement.order_by(Allocation.id).limit(_VISITS)))


def _visit(session: Session, loan: "sa.Row[int, str, datetime]", number: int, *, is_last: bool) -> None:
    key = hashlib.sha256(f"demonstration visit {loan.id}".encode()).hexdigest()[:32]
    wanted = {"id": key, "collar": loan.collar, "allocations": [loan.id]}
    at = loan.issued_at + timedelta(seconds=40)
    # What its user has done meanwhile may stand in the way; then the visit is left out.
    try:
        with session.begin_nested():
            service.begin(session, ACTOR, wanted, now=loan.issued_at)
            if not is_last:
                given = _ATTESTED if number % _EVERY_THIRD == 0 else _signed(number, terms.in_force(session, now=at))
                service.acknowledge(session, ACTOR, key, given, prove=service.nobody_proves, mails=False, now=at)
    except FleetError:
        return


def _signed(number: int, version: int | None) -> Given:
    """Somebody's hand: loops that run to the right, another for each."""
    turns = [at / 8 for at in range(72)]
    strokes = [
        [
            [
                round(400 + 210 * turn + 160 * math.cos(turn * 2.4)),
                round(500 - (90 + 25 * number) * math.sin(turn * 2.4)),
            ]
            for turn in turns
        ],
        [[500, 760], [1_200, 735], [2_100, 750]],
    ]
    return Given(Method.SIGNATURE, strokes=strokes, terms=version)
