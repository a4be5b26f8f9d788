"""``/visits`` and ``/terms``."""

from typing import Any

from flask import Response

from fleet.api import Blueprint, ListQuery, answer_page, page_of
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.people import pins
from fleet.visits import book, outbox, receipts, schemas
from fleet.visits import service as visits
from fleet.visits import terms as versions
from fleet.visits.service import Given
from fleet.web import allow, caller, service

visiting = Blueprint("visits", __name__, description="Visits to the counter, their acknowledgement, and the terms")


@visiting.route("/visits")
@allow(Permission.VISIT_VIEW)
@visiting.arguments(schemas.VisitQuery, location="query")
@visiting.response(200, page_of(schemas.VisitSchema))
def visits_list(query: dict[str, Any]) -> dict[str, Any]:
    """Visits, newest first; ``acknowledged=false`` has those that are due."""
    session, _ = caller()
    return answer_page("visits", query, lambda page: book.find(session, query, page))


@visiting.route("/visits", methods=["POST"])
@allow(Permission.COUNTER_USE)
@visiting.arguments(schemas.NewVisit)
@visiting.response(201, schemas.WholeVisitSchema)
def begin(body: dict[str, Any]) -> dict[str, Any]:
    """Put issues into a visit, so that one acknowledgement is for all of them."""
    session, actor = caller()
    visits.begin(session, actor, body, now=utc_now())
    return book.get(session, body["id"])


@visiting.route("/visits/<string:key>")
@allow(Permission.VISIT_VIEW)
@visiting.response(200, schemas.WholeVisitSchema)
def visit(key: str) -> dict[str, Any]:
    """One visit: what was issued, how it was acknowledged, and the numbers of the log's entries."""
    return book.get(caller()[0], key)


@visiting.route("/visits/<string:key>/acknowledgement", methods=["POST"])
@allow(Permission.COUNTER_USE)
@visiting.arguments(schemas.GivenSchema)
@visiting.response(200, schemas.WholeVisitSchema)
def acknowledge(given: Given, key: str) -> dict[str, Any]:
    """Record that the officer has everything issued in the visit: once, for good."""
    session, actor = caller()
    now = utc_now()
    mails = service().fleet_settings.policy.mails
    visits.acknowledge(session, actor, key, given, prove=pins.prover(service().database, now=now), mails=mails, now=now)
    return book.get(session, key)


@visiting.route("/visits/<string:key>/disputes", methods=["POST"])
@allow(Permission.VISIT_VIEW)
@visiting.arguments(schemas.NewDispute)
@visiting.response(201, schemas.WholeVisitSchema)
def dispute(body: dict[str, Any], key: str) -> dict[str, Any]:
    """Say beside a visit that something about it is wrong."""
    session, actor = caller()
    visits.dispute(session, actor, key, body["note"], now=utc_now())
    return book.get(session, key)


@visiting.route("/visits/<string:key>/receipt.pdf")
@allow(Permission.VISIT_VIEW)
@visiting.response(200, {"type": "string", "format": "binary"}, content_type="application/pdf")
def receipt(key: str) -> Response:
    """The receipt as PDF."""
    found = book.get(caller()[0], key)
    return Response(receipts.pdf(found, now=utc_now()), mimetype="application/pdf")


@visiting.route("/visits/<string:key>/receipt", methods=["POST"])
@allow(Permission.VISIT_VIEW)
@visiting.response(202, schemas.WholeVisitSchema)
def send(key: str) -> dict[str, Any]:
    """Send the receipt to the officer's recorded address, and to no other."""
    session, actor = caller()
    outbox.queue(session, actor, key, mails=service().fleet_settings.policy.mails, now=utc_now())
    return book.get(session, key)


@visiting.route("/terms")
@allow(Permission.FRONT_PAGE)
@visiting.arguments(ListQuery, location="query")
@visiting.response(200, page_of(schemas.TermsSchema))
def terms_list(query: dict[str, Any]) -> dict[str, Any]:
    """Every version of the terms of use, the newest first."""
    session, _ = caller()
    return answer_page("terms", query, lambda page: versions.find(session, page))


@visiting.route("/terms/<int:version>")
@allow(Permission.FRONT_PAGE)
@visiting.response(200, schemas.TermsSchema)
def terms_version(version: int) -> dict[str, Any]:
    """One version."""
    return versions.get(caller()[0], version)


@visiting.route("/terms", methods=["POST"])
@allow(Permission.TERMS_EDIT)
@visiting.arguments(schemas.NewTerms)
@visiting.response(201, schemas.TermsSchema)
def publish(body: dict[str, Any]) -> dict[str, Any]:
    """Add a version after the newest that you have read."""
    return versions.publish(*caller(), body, now=utc_now())
