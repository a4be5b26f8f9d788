"""``/departures``: officers who leave or move, and what they still hold (rule 15)."""

from typing import Any

from flask import Blueprint, url_for

from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.custody import holdings
from fleet.lifecycle import cases, departures, schemas
from fleet.pages import words
from fleet.pages.acts import Act, Rows
from fleet.pages.cases import read_from
from fleet.pages.listing import ON_AN_OFFICER, Column, Listing
from fleet.people import service as people
from fleet.web import caller

pages = Blueprint("departures_pages", __name__)

Listing(
    path="/departures", title="Leavers and movers", one="leaver or mover", many="leavers and movers",
    view=Permission.PERSON_VIEW, query=schemas.DepartureQuery, **read_from(cases.DEPARTURES), search="Collar number",
    begin=ON_AN_OFFICER,
    columns=[
        Column("collar", to="person"), Column("name"), Column("kind", show="word"),
        Column("last_day", "Last day", show="day"), Column("to_team"), Column("to_site", to="site"),
        Column("holds", "Still holds"), Column("sign_in"), Column("withdrawn_at", "Withdrawn", show="when"),
    ],
    exported=[
        "collar", "name", "kind", "last_day", "to_team", "to_site", "holds", "sign_in", "note", "noted_at", "noted_by",
        "done_at", "withdrawn_at", "withdrawn_by",
    ],
).add_to(pages)  # fmt: skip


def person_page(collar: str) -> str:
    """Where the acts on an officer lead back to."""
    return url_for("people_pages.person", collar=collar)


def about_officer(collar: str) -> Rows:
    """What matters of an officer before they go anywhere.

    Raises:
        NotFound
    """
    session, _ = caller()
    officer = people.get(session, collar)
    kit = [
        f"{held['serial']}, due back {words.when(held['due_back']) or 'without an end'}"
        for held in holdings.kit(session, collar)
    ]
    told = {
        "Officer": f"{collar} {officer['name'] or ''}".strip(),
        "Team": officer["team"],
        "Site": officer["site"],
        "Cameras": "; ".join(kit) or "None",
    }
    return [{"key": key, "value": value} for key, value in told.items()]


def _note(collar: str, said: dict[str, Any]) -> str:
    departures.note(*caller(), collar, departures.Leaving(**said), now=utc_now())
    return f"{collar} is a {said['kind']}. Their kit is due back by {words.day(said['last_day'])}."


Act(
    path="/people/<identifier:key>/departure", name="note", permission=Permission.PERSON_EDIT,
    schema=schemas.DepartureNote, heading="{} leaves or moves", button="Put it on record",
    says="What they hold is due back by the end of the last day (rule 15). A leaver is issued nothing afterwards.",
    do=_note, about=about_officer, back=person_page,
    labels={"kind": "Leaver or mover", "last_day": "Last day here", "team": "To team", "site": "To site"},
    hints={
        "team": "Movers only. Team and site change when the last day is over.",
        "site": "The site’s code. Movers only.",
    },
).add_to(pages)  # fmt: skip


def _about_entry(collar: str) -> Rows:
    session, _ = caller()
    rows, entry = about_officer(collar), cases.departure_of(session, collar, now=utc_now())
    if entry is None:
        return rows
    what = f"{words.word(entry['kind'])}, last day {words.day(entry['last_day'])}"
    by = f"{what}, recorded by {words.who(entry['noted_by'])}"
    return [*rows, {"key": "Entry", "value": by}]


def _withdraw(collar: str, said: dict[str, Any]) -> str:
    departures.withdraw(*caller(), collar, said["reason"], now=utc_now())
    return f"The entry of {collar} is withdrawn. What they hold is due back when it was before."


Act(
    path="/people/<identifier:key>/departure/withdraw", name="withdraw", permission=Permission.PERSON_EDIT,
    schema=schemas.Reason, heading="{} does not leave or move", button="Withdraw the entry",
    do=_withdraw, about=_about_entry, back=person_page,
).add_to(pages)  # fmt: skip
