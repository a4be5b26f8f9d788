"""``/pairings``, ``/stations`` and ``/station-jobs`` as people and their programs use them."""

from typing import Any

from flask import Response, current_app, make_response, request

from fleet import idempotency
from fleet.api import PREFIX, Blueprint, answer_page, page_of, tagged
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.errors import Invalid
from fleet.pairings import jobs, keys, schemas, service, stations, switch
from fleet.pairings.service import Wanted
from fleet.pairings.states import JobKind
from fleet.vault import Vault
from fleet.web import allow, caller
from fleet.web import service as running

pairings = Blueprint("pairings", __name__, description="Pairings of Tasers with cameras, stations and their jobs")


def vault() -> Vault:
    """Opens the running service's signing keys."""
    return Vault(str(current_app.secret_key), keys.PURPOSE)


@pairings.route("/pairings")
@allow(Permission.PAIRING_VIEW)
@pairings.arguments(schemas.PairingQuery, location="query")
@pairings.response(200, page_of(schemas.PairingSchema))
def find(query: dict[str, Any]) -> dict[str, Any]:
    """Pairings, the newest first."""
    session, _ = caller()
    return answer_page("pairings", query, lambda page: service.find(session, query, page))


@pairings.route("/pairings", methods=["POST"])
@allow(Permission.PAIRING_MANAGE)
@pairings.arguments(schemas.NewPairing)
@pairings.response(201, schemas.OnePairing)
def authorise(body: dict[str, Any]) -> Response:
    """Let a station pair an X2 with a camera (rules 1, 2, 13)."""
    policy = running().fleet_settings.policy
    number = service.authorise(*caller(), Wanted(**body), policy=policy, now=utc_now())
    response = _answer(number, 201)
    response.location = f"{PREFIX}/pairings/{number}"
    return response


def _answer(number: int, status: int = 200) -> Response:
    session, _ = caller()
    return tagged(service.get(session, number), schemas.OnePairing(), status)


@pairings.route("/pairings/<int:number>")
@allow(Permission.PAIRING_VIEW)
@pairings.response(200, schemas.OnePairing)
def get(number: int) -> Response:
    """One pairing with every step that was taken for it."""
    return _answer(number)


@pairings.route("/pairings/<int:number>", methods=["DELETE"])
@allow(Permission.PAIRING_MANAGE)
@pairings.response(200, schemas.OnePairing)
def revoke(number: int) -> Response:
    """Revoke a pairing for good. Its history stays."""
    service.revoke(*caller(), number, now=utc_now())
    return _answer(number)


@pairings.route("/pairings/<int:number>/test", methods=["POST"])
@allow(Permission.PAIRING_MANAGE)
@pairings.arguments(schemas.AtStation)
@pairings.response(202, schemas.OnePairing)
def test(body: dict[str, Any], number: int) -> Response:
    """Have a station watch a function test, which makes an agreed or suspended pairing active."""
    service.again(*caller(), number, JobKind.TEST, body["station"], now=utc_now())
    return _answer(number, 202)


@pairings.route("/pairings/<int:number>/rekey", methods=["POST"])
@allow(Permission.PAIRING_MANAGE)
@pairings.arguments(schemas.AtStation)
@pairings.response(202, schemas.OnePairing)
def rekey(body: dict[str, Any], number: int) -> Response:
    """Have a station bring the two devices together for new keys."""
    service.again(*caller(), number, JobKind.REKEY, body["station"], now=utc_now())
    return _answer(number, 202)


@pairings.route("/pairings/switch")
@allow(Permission.PAIRING_VIEW)
@pairings.response(200, schemas.SwitchSchema)
def switch_state() -> dict[str, Any]:
    """Whether the force has switched pairing on, since when, by whom and why."""
    session, _ = caller()
    return switch.state(session)


@pairings.route("/pairings/switch", methods=["POST"])
@allow(Permission.PAIRING_SWITCH)
@pairings.arguments(schemas.SwitchTurn)
@pairings.response(200, schemas.SwitchSchema)
def turn(body: dict[str, Any]) -> dict[str, Any]:
    """Switch pairing on or off for the whole force."""
    session, actor = caller()
    switch.turn(session, actor, **body, now=utc_now())
    return switch.state(session)


@pairings.route("/station-jobs")
@allow(Permission.PAIRING_VIEW)
@pairings.arguments(schemas.StationJobQuery, location="query")
@pairings.response(200, page_of(schemas.StationJobSchema))
def find_jobs(query: dict[str, Any]) -> dict[str, Any]:
    """What stations did and are to do, the newest first."""
    session, _ = caller()
    return answer_page("station jobs", query, lambda page: jobs.find(session, query, page))


@pairings.route("/station-jobs", methods=["POST"])
@allow(Permission.PAIRING_MANAGE)
@pairings.arguments(schemas.NewStationJob)
@pairings.response(201, schemas.StationJobSchema)
def ask(body: dict[str, Any]) -> dict[str, Any]:
    """Have a station commission a device, or read a Taser's log."""
    session, actor = caller()
    number = service.ask(session, actor, JobKind(body["kind"]), body, now=utc_now())
    return jobs.get(session, number)


@pairings.route("/station-jobs/<int:number>")
@allow(Permission.PAIRING_VIEW)
@pairings.response(200, schemas.StationJobSchema)
def get_job(number: int) -> dict[str, Any]:
    """One job."""
    session, _ = caller()
    return jobs.get(session, number)


@pairings.route("/station-jobs/<int:number>", methods=["DELETE"])
@allow(Permission.PAIRING_MANAGE)
@pairings.response(200, schemas.StationJobSchema)
def cancel_job(number: int) -> dict[str, Any]:
    """Cancel a job that has not ended. A pairing that it was to make comes to nothing."""
    session, actor = caller()
    service.cancel(session, actor, number, now=utc_now())
    return jobs.get(session, number)


@pairings.route("/stations")
@allow(Permission.STATION_MANAGE)
@pairings.arguments(schemas.StationQuery, location="query")
@pairings.response(200, page_of(schemas.StationSchema))
def find_stations(query: dict[str, Any]) -> dict[str, Any]:
    """Stations, in order of name."""
    session, _ = caller()
    return answer_page("stations", query, lambda page: stations.find(session, query, page, now=utc_now()))


@pairings.route("/stations", methods=["POST"])
@allow(Permission.STATION_MANAGE)
@pairings.arguments(schemas.NewStation)
@pairings.response(201, schemas.MadeStation)
def register_station(body: dict[str, Any]) -> Response:
    """Add a station. Its enrolment code is good for 15 minutes and told this once."""
    session, actor = caller()
    code = stations.register(session, actor, body, now=utc_now())
    # An answer to a request with a key is kept to be repeated, and no code may be.
    told = None if idempotency.applies(request) else code
    made = stations.get(session, body["name"], now=utc_now()) | {"code": told}
    response = make_response(schemas.MadeStation().dump(made), 201)
    response.location = f"{PREFIX}/stations/{body['name']}"
    return response


@pairings.route("/stations/<identifier:name>")
@allow(Permission.STATION_MANAGE)
@pairings.response(200, schemas.StationSchema)
def get_station(name: str) -> dict[str, Any]:
    """One station."""
    session, _ = caller()
    return stations.get(session, name, now=utc_now())


@pairings.route("/stations/<identifier:name>/code", methods=["POST"])
@allow(Permission.STATION_MANAGE)
@pairings.response(201, schemas.StationCodeSchema)
def new_code(name: str) -> dict[str, str]:
    """Make another enrolment code, told this once."""
    if idempotency.applies(request):
        raise Invalid(f"This takes no {idempotency.HEADER}, since its answer is not kept.")
    return {"code": stations.new_code(*caller(), name, now=utc_now())}


@pairings.route("/stations/<identifier:name>/revoke", methods=["POST"])
@allow(Permission.STATION_MANAGE)
@pairings.arguments(schemas.StationRevocation)
@pairings.response(200, schemas.StationSchema)
def revoke_station(body: dict[str, Any], name: str) -> dict[str, Any]:
    """Make a station useless at once and for good."""
    session, actor = caller()
    stations.revoke(session, actor, name, body["reason"], now=utc_now())
    return stations.get(session, name, now=utc_now())
