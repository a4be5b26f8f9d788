"""``/counter/exceptions``: what counters without a line did and the service refused, and settling it."""

from typing import Any

from fleet.api import Blueprint, answer_page, page_of
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.counter import exceptions
from fleet.counter.exceptions import Decision
from fleet.counter.schemas import ExceptionQuery, ExceptionSchema, SettleRequest
from fleet.web import allow, caller, service

counter = Blueprint("counter", __name__, description="The counter: acts that waited for the line and were refused")


@counter.route("/counter/exceptions")
@allow(Permission.COUNTER_USE)
@counter.arguments(ExceptionQuery, location="query")
@counter.response(200, page_of(ExceptionSchema))
def find(query: dict[str, Any]) -> dict[str, Any]:
    """Acts that were refused after their clerk was told of them, newest first."""
    session, _ = caller()
    return answer_page("counter exceptions", query, lambda page: exceptions.find(session, query, page))


@counter.route("/counter/exceptions/<int:number>")
@allow(Permission.COUNTER_USE)
@counter.response(200, ExceptionSchema)
def get(number: int) -> dict[str, Any]:
    """One of them."""
    session, _ = caller()
    return exceptions.get(session, number)


@counter.route("/counter/exceptions/<int:number>/settle", methods=["POST"])
@allow(Permission.STOCK_MANAGE)
@counter.arguments(SettleRequest)
@counter.response(200, ExceptionSchema)
def settle(body: dict[str, Any], number: int) -> dict[str, Any]:
    """Do it now after all, put the register right, or dismiss it."""
    policy = service().fleet_settings.policy
    return exceptions.settle(*caller(), number, Decision(**body), policy=policy, now=utc_now())
