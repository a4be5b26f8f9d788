"""What can go wrong, in the domain's words. ``fleet.problems`` turns these into RFC 9457 answers in one place."""

from dataclasses import dataclass
from typing import Any, ClassVar


@dataclass(frozen=True)
class Evidence:
    """What the log keeps of a refusal: an event, and the kind and key of what it is about."""

    event: str
    subject_kind: str
    subject_key: str
    officer: str | None = None


class FleetError(Exception):
    """A refusal or failure that the caller can understand.

    ``detail`` is a sentence for a person. ``rule`` is the number of the broken rule of the domain, ``found`` the
    facts that broke it, ``mend`` who can do something about it. A refusal with ``evidence`` is itself logged, after
    the refused act was rolled back.
    """

    status: ClassVar[int]
    title: ClassVar[str]

    def __init__(
        self,
        detail: str,
        *,
        rule: int | None = None,
        found: dict[str, Any] | None = None,
        mend: str | None = None,
        evidence: Evidence | None = None,
    ) -> None:
        super().__init__(detail)
        self.detail = detail
        self.rule = rule
        self.found = found or {}
        self.mend = mend
        self.evidence = evidence


class NotFound(FleetError):
    status = 404
    title = "Not found"


class Unauthenticated(FleetError):
    status = 401
    title = "Sign-in needed"


class Forbidden(FleetError):
    status = 403
    title = "Not permitted"


class Conflict(FleetError):
    status = 409
    title = "Refused"


class Stale(FleetError):
    """The caller's copy is older than what is stored."""

    status = 412
    title = "Changed in the meantime"


class Invalid(FleetError):
    """``fields`` maps a field's name to what is wrong with it."""

    status = 422
    title = "Cannot be understood"

    def __init__(self, detail: str, *, fields: dict[str, list[str]] | None = None) -> None:
        super().__init__(detail)
        self.fields = fields or {}


class CounterLocked(FleetError):
    """The counter was left alone for too long, or locked by its clerk."""

    status = 423
    title = "Counter locked"


class PreconditionRequired(FleetError):
    status = 428
    title = "If-Match needed"


class TooMany(FleetError):
    """``retry_after`` is in whole seconds."""

    status = 429
    title = "Too many attempts"

    def __init__(self, detail: str, *, retry_after: int) -> None:
        super().__init__(detail)
        self.retry_after = retry_after


class Unavailable(FleetError):
    """``retry_after`` is in whole seconds."""

    status = 503
    title = "Not available just now"

    def __init__(self, detail: str, *, retry_after: int = 2) -> None:
        super().__init__(detail)
        self.retry_after = retry_after
