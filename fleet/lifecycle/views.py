"""``/losses``, ``/repairs``, ``/holds``, ``/retirements``, ``/departures``, ``/exceptions``, and their acts."""

from collections.abc import Mapping
from typing import Any

from fleet.api import Blueprint, answer_page, page_of
from fleet.auth.permissions import Permission
from fleet.cameras.schemas import CameraSchema
from fleet.clock import utc_now
from fleet.custody import holdings
from fleet.lifecycle import (
    assessments,
    cases,
    departures,
    exceptions,
    holds,
    losses,
    repairs,
    retirement,
    schemas,
)
from fleet.lifecycle.cases import CaseList
from fleet.lifecycle.models import LossState
from fleet.paging import Paging
from fleet.people import service as people
from fleet.people.schemas import PersonSchema
from fleet.web import allow, caller
from fleet.web import service as running

lifecycle = Blueprint("lifecycle", __name__, description="Losses, repairs, holds, the end of life, leavers, exceptions")


def _page(name: str, of: CaseList, query: Mapping[str, Any]) -> dict[str, Any]:
    session, _ = caller()
    now = utc_now()
    return answer_page(f"/{name}", query, lambda paging: of.find(session, query, paging, now=now))


def _one(of: CaseList, query: Mapping[str, Any]) -> dict[str, Any]:
    """The newest case of a camera or officer: what an act on it answers."""
    session, _ = caller()
    return of.find(session, query, Paging(1), now=utc_now()).items[0]


def _loss(number: int) -> dict[str, Any]:
    session, _ = caller()
    return cases.loss(session, number, now=utc_now())


def _camera(serial: str) -> dict[str, Any]:
    session, _ = caller()
    return holdings.get(session, serial)


@lifecycle.route("/losses")
@allow(Permission.CAMERA_VIEW)
@lifecycle.arguments(schemas.LossQuery, location="query")
@lifecycle.response(200, page_of(schemas.LossSummary))
def find_losses(query: dict[str, Any]) -> dict[str, Any]:
    """Cameras that are or were gone, the latest first."""
    return _page("losses", cases.LOSSES, query)


@lifecycle.route("/losses/<int:number>")
@allow(Permission.CAMERA_VIEW)
@lifecycle.response(200, schemas.LossSchema)
def get_loss(number: int) -> dict[str, Any]:
    """One loss with every version of its breach assessment."""
    return _loss(number)


@lifecycle.route("/cameras/<identifier:serial>/missing", methods=["POST"])
@allow(Permission.STOCK_MANAGE)
@lifecycle.arguments(schemas.LossReport)
@lifecycle.response(201, schemas.LossSchema)
def report_missing(body: dict[str, Any], serial: str) -> dict[str, Any]:
    """Report a camera missing (rule 16)."""
    policy = running().fleet_settings.policy
    return _loss(losses.report(*caller(), serial, losses.Report(**body), policy=policy, now=utc_now()))


@lifecycle.route("/losses/<int:number>/decision", methods=["POST"])
@allow(Permission.STOCK_MANAGE)
@lifecycle.arguments(schemas.LossDecision)
@lifecycle.response(200, schemas.LossSchema)
def decide(body: dict[str, Any], number: int) -> dict[str, Any]:
    """Say that it is lost or stolen; its identity is revoked."""
    outcome = LossState(body["outcome"])
    losses.decide(*caller(), number, outcome, crime_number=body["crime_number"], now=utc_now())
    return _loss(number)


@lifecycle.route("/losses/<int:number>/recovery", methods=["POST"])
@allow(Permission.STOCK_MANAGE)
@lifecycle.arguments(schemas.Recovery)
@lifecycle.response(200, schemas.LossSchema)
def recover(body: dict[str, Any], number: int) -> dict[str, Any]:
    """Record that it was found."""
    losses.recover(*caller(), number, body, now=utc_now())
    return _loss(number)


@lifecycle.route("/losses/<int:number>/assessments", methods=["POST"])
@allow(Permission.LOSS_ASSESS)
@lifecycle.arguments(schemas.AssessmentNote)
@lifecycle.response(201, schemas.LossSchema)
def assess(body: dict[str, Any], number: int) -> dict[str, Any]:
    """Append the next version of the breach assessment."""
    assessments.assess(*caller(), number, body, now=utc_now())
    return _loss(number)


@lifecycle.route("/repairs")
@allow(Permission.CAMERA_VIEW)
@lifecycle.arguments(schemas.RepairQuery, location="query")
@lifecycle.response(200, page_of(schemas.RepairSchema))
def find_repairs(query: dict[str, Any]) -> dict[str, Any]:
    """Repairs and returns for replacement, the latest first."""
    return _page("repairs", cases.REPAIRS, query)


@lifecycle.route("/cameras/<identifier:serial>/repair", methods=["POST"])
@allow(Permission.STOCK_MANAGE)
@lifecycle.arguments(schemas.RepairSending)
@lifecycle.response(201, schemas.RepairSchema)
def send_to_repair(body: dict[str, Any], serial: str) -> dict[str, Any]:
    """Send a camera to repair (rule 10)."""
    repairs.send(*caller(), serial, repairs.Sending(**body), now=utc_now())
    return _one(cases.REPAIRS, {"q": serial, "show": "open"})


@lifecycle.route("/cameras/<identifier:serial>/repair/return", methods=["POST"])
@allow(Permission.STOCK_MANAGE)
@lifecycle.arguments(schemas.RepairReturn)
@lifecycle.response(200, CameraSchema)
def back_from_repair(body: dict[str, Any], serial: str) -> dict[str, Any]:
    """Record how a camera came back from repair."""
    repairs.take_back(
        *caller(), serial, body["result"], replacement=body["replacement"], note=body["note"], now=utc_now()
    )
    return _camera(serial)


@lifecycle.route("/holds")
@allow(Permission.CAMERA_VIEW)
@lifecycle.arguments(schemas.HoldQuery, location="query")
@lifecycle.response(200, page_of(schemas.HoldSchema))
def find_holds(query: dict[str, Any]) -> dict[str, Any]:
    """Cameras held as evidence, the latest first."""
    return _page("holds", cases.HOLDS, query)


@lifecycle.route("/cameras/<identifier:serial>/hold", methods=["POST"])
@allow(Permission.CAMERA_HOLD)
@lifecycle.arguments(schemas.HoldPlacing)
@lifecycle.response(201, CameraSchema)
def hold(body: dict[str, Any], serial: str) -> dict[str, Any]:
    """Hold a camera as evidence (rule 10)."""
    holds.place(*caller(), serial, holds.Placing(**body), now=utc_now())
    return _camera(serial)


@lifecycle.route("/cameras/<identifier:serial>/release", methods=["POST"])
@allow(Permission.CAMERA_HOLD)
@lifecycle.arguments(schemas.Reason)
@lifecycle.response(200, CameraSchema)
def release(body: dict[str, Any], serial: str) -> dict[str, Any]:
    """End a hold; whoever placed it, or an administrator."""
    holds.release(*caller(), serial, body["reason"], now=utc_now())
    return _camera(serial)


@lifecycle.route("/retirements")
@allow(Permission.CAMERA_VIEW)
@lifecycle.arguments(schemas.RetirementQuery, location="query")
@lifecycle.response(200, page_of(schemas.RetirementSchema))
def find_retirements(query: dict[str, Any]) -> dict[str, Any]:
    """Cameras out of service, and how far each is."""
    return _page("retirements", cases.RETIREMENTS, query)


def _retired(serial: str) -> dict[str, Any]:
    session, _ = caller()
    return cases.retirement(session, serial, now=utc_now())


@lifecycle.route("/cameras/<identifier:serial>/retire", methods=["POST"])
@allow(Permission.CAMERA_RETIRE)
@lifecycle.arguments(schemas.Reason)
@lifecycle.response(200, schemas.RetirementSchema)
def retire(body: dict[str, Any], serial: str) -> dict[str, Any]:
    """Take a camera out of service for good (rule 10)."""
    retirement.retire(*caller(), serial, body["reason"], now=utc_now())
    return _retired(serial)


@lifecycle.route("/cameras/<identifier:serial>/sanitise", methods=["POST"])
@allow(Permission.CAMERA_RETIRE)
@lifecycle.arguments(schemas.Sanitisation)
@lifecycle.response(200, schemas.RetirementSchema)
def sanitise(body: dict[str, Any], serial: str) -> dict[str, Any]:
    """Record that a retired camera was wiped, with its certificate."""
    retirement.sanitise(*caller(), serial, body, now=utc_now())
    return _retired(serial)


@lifecycle.route("/cameras/<identifier:serial>/disposal", methods=["POST"])
@allow(Permission.CAMERA_DISPOSE)
@lifecycle.arguments(schemas.Disposal)
@lifecycle.response(200, schemas.RetirementSchema)
def propose_disposal(body: dict[str, Any], serial: str) -> dict[str, Any]:
    """Propose how a wiped camera is disposed of."""
    retirement.propose(*caller(), serial, body["how"], waste_note=body["waste_note"], now=utc_now())
    return _retired(serial)


@lifecycle.route("/cameras/<identifier:serial>/disposal/confirm", methods=["POST"])
@allow(Permission.CAMERA_DISPOSE)
@lifecycle.arguments(schemas.Confirmation)
@lifecycle.response(200, schemas.RetirementSchema)
def confirm_disposal(_body: dict[str, Any], serial: str) -> dict[str, Any]:
    """Confirm a proposal as the second person."""
    retirement.confirm(*caller(), serial, now=utc_now())
    return _retired(serial)


@lifecycle.route("/cameras/<identifier:serial>/disposal/decline", methods=["POST"])
@allow(Permission.CAMERA_DISPOSE)
@lifecycle.arguments(schemas.Reason)
@lifecycle.response(200, schemas.RetirementSchema)
def decline_disposal(body: dict[str, Any], serial: str) -> dict[str, Any]:
    """Take a proposal back."""
    retirement.decline(*caller(), serial, body["reason"], now=utc_now())
    return _retired(serial)


@lifecycle.route("/departures")
@allow(Permission.PERSON_VIEW)
@lifecycle.arguments(schemas.DepartureQuery, location="query")
@lifecycle.response(200, page_of(schemas.DepartureSchema))
def find_departures(query: dict[str, Any]) -> dict[str, Any]:
    """Leavers and movers with what they still hold (rule 15)."""
    return _page("departures", cases.DEPARTURES, query)


@lifecycle.route("/people/<identifier:collar>/departure", methods=["POST"])
@allow(Permission.PERSON_EDIT)
@lifecycle.arguments(schemas.DepartureNote)
@lifecycle.response(201, schemas.DepartureSchema)
def note_departure(body: dict[str, Any], collar: str) -> dict[str, Any] | None:
    """Record that an officer leaves or moves; their kit is due back by then."""
    departures.note(*caller(), collar, departures.Leaving(**body), now=utc_now())
    session, _ = caller()
    return cases.departure_of(session, collar, now=utc_now())


@lifecycle.route("/people/<identifier:collar>/departure/withdraw", methods=["POST"])
@allow(Permission.PERSON_EDIT)
@lifecycle.arguments(schemas.Reason)
@lifecycle.response(200, PersonSchema)
def withdraw_departure(body: dict[str, Any], collar: str) -> dict[str, Any]:
    """Take a wrong entry back."""
    departures.withdraw(*caller(), collar, body["reason"], now=utc_now())
    session, _ = caller()
    return people.get(session, collar)


@lifecycle.route("/exceptions")
@allow(Permission.PERSON_VIEW)
@lifecycle.arguments(schemas.ExceptionQuery, location="query")
@lifecycle.response(200, page_of(schemas.RuleExceptionSchema))
def find_exceptions(query: dict[str, Any]) -> dict[str, Any]:
    """Firearms officers without a camera, and every exception to rules 5 and 6."""
    return _page("exceptions", cases.EXCEPTIONS, query)


def _exceptions(collar: str) -> dict[str, Any]:
    session, _ = caller()
    return {"items": cases.exceptions_of(session, collar, now=utc_now())}


@lifecycle.route("/people/<identifier:collar>/exceptions", methods=["POST"])
@allow(Permission.EXCEPTION_EDIT)
@lifecycle.arguments(schemas.NewRuleException)
@lifecycle.response(201, schemas.OfficersExceptions)
def record_exception(body: dict[str, Any], collar: str) -> dict[str, Any]:
    """Record an exception to rule 5 or 6; the answer is all that the officer has."""
    exceptions.record(*caller(), collar, exceptions.Wanted(**body), now=utc_now())
    return _exceptions(collar)


@lifecycle.route("/people/<identifier:collar>/exceptions/<int:rule>", methods=["DELETE"])
@allow(Permission.EXCEPTION_EDIT)
@lifecycle.response(200, schemas.OfficersExceptions)
def end_exception(collar: str, rule: int) -> dict[str, Any]:
    """End an exception before its day; the answer is what the officer still has."""
    exceptions.end(*caller(), collar, rule, now=utc_now())
    return _exceptions(collar)
