"""What stations say to the service. They ask; nothing is ever sent to them."""

import threading
import time
from typing import Any

from flask import Response, make_response, request

from fleet import idempotency
from fleet.api import Blueprint
from fleet.auth.permissions import Permission
from fleet.auth.sign_in import guessing
from fleet.cameras.service import CAMERAS
from fleet.clock import utc_now
from fleet.errors import FleetError, Invalid
from fleet.pairings import carrying, commissioning, jobs, parting, permitting, schemas, stations, trust
from fleet.pairings.commissioning import Claimed
from fleet.pairings.models import Station
from fleet.pairings.proofs import Said
from fleet.pairings.states import JobState
from fleet.pairings.stations import Enrolled, Keys
from fleet.pairings.views import vault
from fleet.problems import answer_to
from fleet.tasers import identities
from fleet.tasers.states import DeviceKind
from fleet.web import allow, caller, public
from fleet.web import service as running

station_work = Blueprint("station_work", __name__, description="What stations say to the service")

# A process answers people with its other threads. A station that finds no place here asks again after a moment.
_WAITING = threading.BoundedSemaphore(2)
_LOOK_EVERY_S = 0.5
_ASK_AGAIN_S = 2


def _keys(body: dict[str, Any]) -> Keys:
    return Keys(body["agreement_key"], body["signing_key"])


def _equipped(enrolled: Enrolled) -> Response:
    answer = {**vars(enrolled), "station": enrolled.name, "trust": enrolled.told.as_answer()}
    return make_response(schemas.EnrolledSchema().dump(answer), 201)


def _require_no_key() -> None:
    if idempotency.applies(request):
        raise Invalid(f"This takes no {idempotency.HEADER}, since its answer is not kept.")


@station_work.route("/stations/enrol", methods=["POST"])
@public
@station_work.arguments(schemas.Enrolment)
@station_work.response(201, schemas.EnrolledSchema)
@station_work.doc(security=[])
def enrol(body: dict[str, Any]) -> Response:
    """Enrol a station by its one-time code; its token is told this once."""
    with guessing(running().database, "a station's code", request.remote_addr or "", now=utc_now()):
        enrolled = stations.enrol(*caller(), body["code"], _keys(body), vault=vault(), now=utc_now())
    return _equipped(enrolled)


@station_work.route("/stations/renew", methods=["POST"])
@allow(Permission.STATION_WORK)
@station_work.arguments(schemas.TwoKeys)
@station_work.response(201, schemas.EnrolledSchema)
def renew(body: dict[str, Any]) -> Response:
    """A new credential and a new token, before the ones it has run out."""
    _require_no_key()
    return _equipped(stations.renew(*caller(), _keys(body), vault=vault(), now=utc_now()))


@station_work.route("/trust")
@allow(Permission.TRUST_VIEW)
@station_work.arguments(schemas.TrustQuery, location="query")
@station_work.response(200, schemas.TrustAnswer)
def told(query: dict[str, Any]) -> dict[str, Any]:
    """What devices are to trust, for docks and armouries to hand on; and what a camera is to forget."""
    session, _ = caller()
    now = utc_now()
    answer = trust.told(session, vault=vault(), now=now).as_answer()
    if query["camera"] is None:
        return answer | {"orders": []}
    camera = CAMERAS.get(session, query["camera"])
    return answer | {"orders": parting.orders_for_camera(session, camera.id, vault(), now=now)}


@station_work.route("/stations/jobs/next")
@allow(Permission.STATION_WORK)
@station_work.arguments(schemas.NextQuery, location="query")
@station_work.response(200, schemas.NextJobSchema)
def next_job(query: dict[str, Any]) -> dict[str, Any]:
    """The job that this station is to do, waited for if there is none; asked again, the same until it has ended."""
    session, actor = caller()
    station = stations.of_actor(session, actor)
    stations.note_seen(session, station, now=utc_now())
    job = jobs.lease(session, station, now=utc_now())
    poll_s = _ASK_AGAIN_S
    if job is None and query["wait_s"] and _WAITING.acquire(blocking=False):
        try:
            job, poll_s = _waited_for(station, query["wait_s"]), 0
        finally:
            _WAITING.release()
    return {"job": _with_orders(job), "trust_epoch": identities.epoch(session), "poll_s": poll_s}


def _waited_for(station: Station, wait_s: int) -> dict[str, Any] | None:
    session, _ = caller()
    deadline = time.monotonic() + wait_s
    while time.monotonic() < deadline:
        time.sleep(_LOOK_EVERY_S)
        job = jobs.lease(session, station, now=utc_now())
        if job is not None:
            return job
    return None


def _with_orders(job: dict[str, Any] | None) -> dict[str, Any] | None:
    if job is None:
        return None
    session, _ = caller()
    unfinished = parting.unfinished(session, job["pairing"])
    return job | {"orders": parting.orders_of_job(session, job, vault(), now=utc_now()), "unfinished": unfinished}


@station_work.route("/stations/jobs/<int:number>/steps", methods=["POST"])
@allow(Permission.STATION_WORK)
@station_work.arguments(schemas.NewStationStep)
@station_work.response(200, schemas.JobNumberSchema)
def step(body: dict[str, Any], number: int) -> dict[str, int]:
    """Report a step; its number names it, so that it may be told again."""
    session, actor = caller()
    carrying.note_step(session, stations.of_actor(session, actor), number, body, now=utc_now())
    return {"id": number}


@station_work.route("/stations/jobs/<int:number>/credential", methods=["POST"])
@allow(Permission.STATION_WORK)
@station_work.arguments(schemas.NewCredential)
@station_work.response(200, schemas.DeviceCredentialSchema)
def credential(body: dict[str, Any], number: int) -> dict[str, Any]:
    """Commission a device: a credential over its two keys, and what it is to trust."""
    session, actor = caller()
    levels = {**body["levels"], "firmware": body["firmware"]}
    claimed = Claimed(DeviceKind(body["device"]), body["serial"], _keys(body), levels)
    station = stations.of_actor(session, actor)
    made, told = commissioning.commission(session, actor, station, number, claimed, vault=vault(), now=utc_now())
    return {"credential": made, "trust": told.as_answer()}


@station_work.route("/stations/jobs/<int:number>/permit", methods=["POST"])
@allow(Permission.STATION_WORK)
@station_work.arguments(schemas.TwoReports)
@station_work.response(200, schemas.PermitSchema)
def permit(body: dict[str, Any], number: int) -> Response:
    """A permit, when rules 1, 2 and 13 hold on what both devices report now; 409 with the rule when they do not."""
    session, actor = caller()
    said = [Said(body[device]["credential"], body[device]["signed"]) for device in ("taser", "camera")]
    station, policy = stations.of_actor(session, actor), running().fleet_settings.policy
    made = permitting.permit(session, actor, station, number, *said, policy=policy, vault=vault(), now=utc_now())
    if isinstance(made, FleetError):
        return make_response(answer_to(made))
    orders = {"taser": made.taser_orders, "camera": made.camera_orders}
    return make_response(schemas.PermitSchema().dump({"permit": made.permit, "orders": orders}))


@station_work.route("/stations/jobs/<int:number>/receipts", methods=["POST"])
@allow(Permission.STATION_WORK)
@station_work.arguments(schemas.TwoStatements)
@station_work.response(200, schemas.PairingStanding)
def receipts(body: dict[str, Any], number: int) -> Response:
    """Both devices' word that they agreed; taken late too. 409 when the pairing was revoked meanwhile."""
    session, actor = caller()
    station = stations.of_actor(session, actor)
    found = carrying.take_receipts(session, actor, station, number, body["taser"], body["camera"], now=utc_now())
    if isinstance(found, FleetError):
        return make_response(answer_to(found))
    return make_response(schemas.PairingStanding().dump({"pairing": found.id, "state": found.state}))


@station_work.route("/stations/jobs/<int:number>/test", methods=["POST"])
@allow(Permission.STATION_WORK)
@station_work.arguments(schemas.TwoStatements)
@station_work.response(200, schemas.PairingStanding)
def tested(body: dict[str, Any], number: int) -> dict[str, Any]:
    """Both devices' word that the function test was passed: the pairing is active."""
    session, actor = caller()
    station, policy = stations.of_actor(session, actor), running().fleet_settings.policy
    statements = body["taser"], body["camera"]
    found = carrying.take_test(session, actor, station, number, *statements, policy=policy, now=utc_now())
    return {"pairing": found.id, "state": found.state}


@station_work.route("/stations/jobs/<int:number>/end", methods=["POST"])
@allow(Permission.STATION_WORK)
@station_work.arguments(schemas.StationJobEnd)
@station_work.response(200, schemas.JobNumberSchema)
def end(body: dict[str, Any], number: int) -> dict[str, int]:
    """End a job. Told again, it changes nothing."""
    session, actor = caller()
    station, outcome = stations.of_actor(session, actor), JobState(body["outcome"])
    carrying.end(session, actor, station, number, outcome, body["detail"], now=utc_now())
    return {"id": number}
