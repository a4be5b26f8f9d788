"""``/terms``: the terms of use in force, their past versions, and the form for the next."""

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.pages import forms
from fleet.pages.listing import older
from fleet.visits import schemas
from fleet.visits import terms as versions
from fleet.web import allow, caller

pages = Blueprint("terms_pages", __name__)


@pages.get("/terms")
@allow(Permission.FRONT_PAGE)
def terms() -> str:
    """The version in force, and every other."""
    session, _ = caller()
    now = utc_now()
    found = older("versions of the terms", lambda page: versions.find(session, page))
    return render_template("terms/terms.html", present=versions.present(session, now=now), versions=found, now=now)


@pages.get("/terms/<int:number>")
@allow(Permission.FRONT_PAGE)
def version(number: int) -> str:
    """One version as it was shown."""
    session, _ = caller()
    now = utc_now()
    present = versions.present(session, now=now)
    return render_template("terms/version.html", terms=versions.get(session, number), present=present, now=now)


@pages.get("/terms/new")
@allow(Permission.TERMS_EDIT)
def ask() -> str:
    """The form, with the newest text to begin from."""
    session, _ = caller()
    newest = versions.newest(session)
    text = versions.get(session, newest)["text"] if newest else ""
    return render_template("terms/new.html", typed={"text": text, "after": newest}, errors={})


@pages.post("/terms/new")
@allow(Permission.TERMS_EDIT)
def publish() -> ResponseReturnValue:
    """Publish what was typed as the next version."""
    typed = {name: text.replace("\r\n", "\n") for name, text in request.form.items()}
    refused = forms.attempt(lambda: _publish(typed))
    if refused is not None:
        return render_template("terms/new.html", typed=typed, errors=forms.errors_of(refused)), refused.status
    flash("The new version is published.", "success")
    return redirect("/terms", 303)


def _publish(typed: dict[str, str]) -> None:
    versions.publish(*caller(), forms.read(schemas.NewTerms(), typed), now=utc_now())
