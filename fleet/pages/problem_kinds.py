"""``/problems``: what each kind of problem means, where the ``type`` of every problem leads."""

from collections.abc import Iterator
from dataclasses import dataclass

from flask import Blueprint, render_template

from fleet.errors import FleetError
from fleet.problems import slug
from fleet.web import public

pages = Blueprint("problem_pages", __name__)


@dataclass(frozen=True)
class Kind:
    """One kind of problem: its ``title`` and ``status``, what it means, and what to do about it."""

    title: str
    status: int
    means: str
    remedy: str

    @property
    def slug(self) -> str:
        return slug(self.title)


# What it means and what to do, by the titles of the error classes.
_TEXTS: dict[str, tuple[str, str]] = {
    "Not found": (
        "There is no such page, or nothing in the register has this identifier.",
        "Check the address, serial, collar number or code.",
    ),
    "Sign-in needed": (
        "The request says nothing of who sends it, or the sign-in or token has ended.",
        "Sign in again, or send a token that is valid.",
    ),
    "Not permitted": (
        "Whoever asks is known, and their role may not do this.",
        "Ask an administrator for the role if your work needs it.",
    ),
    "Choose a password": (
        "The account has a password that somebody else chose.",
        "Sign in on the pages and choose a password of your own.",
    ),
    "Refused": (
        "A rule, or what is on record, stands in the way: “rule” is the rule’s number, “found” what was found.",
        "Whoever “mend” names can do something about it.",
    ),
    "Changed in the meantime": (
        "Somebody has changed it since you read it.",
        "Read it again, decide again, and send the change with the new ETag.",
    ),
    "Cannot be understood": (
        "Something that was sent is missing, too long, or not of its kind. “errors” names each field.",
        "Correct the fields that are named and send it again.",
    ),
    "Counter locked": (
        "The counter was left alone for too long, or its clerk has locked it.",
        "Scan a clerk’s badge, or sign in again.",
    ),
    "If-Match needed": (
        "A change must say which version it is based on.",
        "Read it, and send its ETag as If-Match.",
    ),
    "Too many attempts": (
        "There were more attempts than are allowed in this time.",
        "Wait for as many seconds as Retry-After says.",
    ),
    "Not available just now": (
        "The service cannot reach something that it needs. What was confirmed before is kept.",
        "Send the same request again after as many seconds as Retry-After says, with the same Idempotency-Key.",
    ),
}
# What no class of ours stands for: requests that reach no part of the domain, and faults of the service.
_OTHERS = (
    Kind("Bad Request", 400, "The request is damaged, or its text cannot be read.", "Correct it and send it again."),
    Kind(
        "Form out of date",
        400,
        "The form was opened before you signed in or out, or is not from this service.",
        "Load the page again and send the form once more.",
    ),
    Kind("Method Not Allowed", 405, "The address is there, the method is not.", "Use one of those in Allow."),
    Kind("Request Entity Too Large", 413, "More was sent than is taken at once.", "Send less at a time."),
    Kind(
        "Unsupported Media Type",
        415,
        "What was sent is of a type that is not read here.",
        "Send JSON as application/json.",
    ),
    Kind(
        "Internal error",
        500,
        "Something went wrong in the service. What was asked for was not done, and the fault is recorded.",
        "Send it again; if it stays, tell whoever runs the service.",
    ),
)


@pages.get("/problems")
@public
def problems() -> str:
    """Every kind of problem."""
    return render_template("problems.html", kinds=sorted(kinds(), key=lambda kind: (kind.status, kind.title)))


def kinds() -> list[Kind]:
    """Every kind there is: one for each title of an error class, and the others."""
    titled = {error.title: error.status for error in _titled(FleetError)}
    ours = [Kind(title, status, *_TEXTS.get(title, ("", ""))) for title, status in titled.items()]
    return [*ours, *_OTHERS]


def _titled(error: type[FleetError]) -> Iterator[type[FleetError]]:
    """The classes with a title of their own. A subclass without one is of its parent's kind."""
    for below in error.__subclasses__():
        if "title" in vars(below):
            yield below
        yield from _titled(below)
