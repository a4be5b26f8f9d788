"""``/exceptions``: firearms officers without a camera (rule 5), and helmet work without a Flex 2 (rule 6)."""

from typing import Any

from flask import Blueprint, flash, redirect
from flask.typing import ResponseReturnValue

from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.lifecycle import cases, exceptions, schemas
from fleet.pages.acts import Act
from fleet.pages.cases import read_from
from fleet.pages.departures import about_officer, person_page
from fleet.pages.listing import ON_AN_OFFICER, Column, Listing
from fleet.web import allow, caller

pages = Blueprint("exceptions_pages", __name__)

Listing(
    path="/exceptions", title="Exceptions to rules 5 and 6", one="officer", many="officers",
    view=Permission.PERSON_VIEW, query=schemas.ExceptionQuery, **read_from(cases.EXCEPTIONS), search="Collar number",
    begin=ON_AN_OFFICER,
    columns=[
        Column("collar", to="person"), Column("name"), Column("team"), Column("rule"),
        Column("state", show="exception"), Column("reason"), Column("until", show="day"), Column("by", show="who"),
    ],
    exported=["rule", "collar", "name", "team", "state", "reason", "until", "by", "at"],
).add_to(pages)  # fmt: skip


def _record(collar: str, said: dict[str, Any]) -> str:
    exceptions.record(*caller(), collar, exceptions.Wanted(**said), now=utc_now())
    return f"The exception of {collar} to rule {said['rule']} is on record."


Act(
    path="/people/<identifier:key>/exception", name="record", permission=Permission.EXCEPTION_EDIT,
    schema=schemas.NewRuleException, heading="An exception for {}", button="Put it on record",
    says="Rule 5: every firearms officer holds a camera. Rule 6: helmet-mounted public-order work gets a Flex 2.",
    do=_record, about=about_officer, back=person_page,
    hints={"reason": "Why the rule does not apply to them.", "until": "The last day on which it does not apply."},
).add_to(pages)  # fmt: skip


@pages.post("/people/<identifier:collar>/exception/<int:rule>/end")
@allow(Permission.EXCEPTION_EDIT)
def end(collar: str, rule: int) -> ResponseReturnValue:
    """End an exception before its day."""
    exceptions.end(*caller(), collar, rule, now=utc_now())
    flash(f"The exception of {collar} to rule {rule} is ended.", "success")
    return redirect(person_page(collar), 303)
