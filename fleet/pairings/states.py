"""What a station may be, and what becomes of a job: one enum and one table each."""

from enum import StrEnum


class StationState(StrEnum):
    """``waiting`` for its enrolment; ``expired`` is derived: its credential has run out and was not renewed."""

    WAITING = "waiting"
    ENROLLED = "enrolled"
    EXPIRED = "expired"
    REVOKED = "revoked"


class JobKind(StrEnum):
    PAIR = "pair"
    TEST = "test"
    READ_LOG = "read-log"
    COMMISSION = "commission"
    UNPAIR = "unpair"
    REKEY = "rekey"


class JobState(StrEnum):
    QUEUED = "queued"
    LEASED = "leased"
    DONE = "done"
    FAILED = "failed"
    REFUSED = "refused"
    CANCELLED = "cancelled"
    EXPIRED = "expired"


_J = JobState
_ENDS = frozenset({_J.DONE, _J.FAILED, _J.REFUSED, _J.CANCELLED, _J.EXPIRED})
NEXT_JOB: dict[JobState, frozenset[JobState]] = {
    _J.QUEUED: frozenset({_J.LEASED, _J.CANCELLED, _J.EXPIRED}),
    # Back to the queue when its station was revoked before it began.
    _J.LEASED: _ENDS | {_J.QUEUED},
    **dict.fromkeys(_ENDS, frozenset()),
}
OPEN_JOBS = frozenset({_J.QUEUED, _J.LEASED})


class StepState(StrEnum):
    BEGUN = "begun"
    DONE = "done"
    FAILED = "failed"


class KeyUse(StrEnum):
    """What a key of the service's signs: credentials and trust, or permits and orders."""

    AUTHORITY = "authority"
    PERMIT = "permit"
