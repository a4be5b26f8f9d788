"""``/me``: the kit of whoever is signed in."""

from flask import Blueprint, render_template
from sqlalchemy.orm import Session

from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.custody import holdings
from fleet.people import service as people
from fleet.tasers import service as tasers
from fleet.web import allow, caller

pages = Blueprint("me_pages", __name__)


@pages.get("/me")
@allow(Permission.OWN_KIT_VIEW)
def me() -> str:
    """What I have, and when it is due back."""
    session, actor = caller()
    return render_template("me/me.html", collar=actor.collar, own=own_kit(session, actor.collar), now=utc_now())


def own_kit(session: Session, collar: str | None) -> dict[str, object] | None:
    """An officer's record, cameras and Tasers; None for an account that belongs to no officer of the register."""
    if collar is None or not people.is_known(session, collar):
        return None
    return {
        "person": people.get(session, collar),
        "kit": holdings.kit(session, collar),
        "tasers": tasers.held_by(session, collar),
    }
