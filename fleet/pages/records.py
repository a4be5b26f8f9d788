"""The pages that add one thing to the register and change what is written about it."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from fleet.api import Register, Revise, Schema
from fleet.audit import Subject
from fleet.auth.permissions import Permission
from fleet.clock import utc_now
from fleet.errors import FleetError, Stale
from fleet.identifiers import canonical
from fleet.pages import forms, words
from fleet.pages.layout import page_of
from fleet.web import allow, caller

_CONFLICT = 409


@dataclass(frozen=True)
class Record:
    """A kind of thing that has a page to add one and a page to change one.

    ``get`` answers with one as plain data, in which ``key`` is its identifier. ``without`` names what the form leaves
    out because an act of its own changes it.
    """

    path: str
    one: str
    key: str
    subject: Subject
    edit: Permission
    new: type[Schema]
    change: type[Schema]
    get: Any
    register: Register
    revise: Revise
    without: Collection[str] = ()
    hints: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    blank: str = "Not known"

    def add_to(self, blueprint: Blueprint) -> None:
        """Add the two pages and what takes their forms."""
        new, edit = f"{self.path}/new", f"{self.path}/<identifier:identifier>/edit"
        kind = self.path.strip("/")
        for path, method, name, view in (
            (new, "GET", "new", self.ask_new),
            (new, "POST", "add", self.add),
            (edit, "GET", "edit", self.ask_change),
            (edit, "POST", "save", self.save),
        ):
            blueprint.add_url_rule(path, f"{kind}_{name}", allow(self.edit)(view), methods=[method])

    def _said(self) -> dict[str, Any]:
        return {"hints": self.hints, "labels": self.labels, "blank": self.blank}

    def ask_new(self) -> ResponseReturnValue:
        """The empty form."""
        return self._form_for_new(request.args, None)

    def add(self) -> ResponseReturnValue:
        """Add what was typed, then show it."""
        refused = forms.attempt(self._add)
        if refused is not None:
            return self._form_for_new(request.form, refused)
        return self._done(canonical(request.form[self.key]), "was added")

    def _add(self) -> None:
        values = forms.read(self.new(), request.form, without=self.without, labels=self.labels)
        self.register(*caller(), values, now=utc_now())

    def ask_change(self, identifier: str) -> ResponseReturnValue:
        """The form with what is written now."""
        return self._form_for_change(identifier)

    def save(self, identifier: str) -> ResponseReturnValue:
        """Write what was typed, unless somebody else has written since."""
        refused = forms.attempt(lambda: self._save(identifier))
        if refused is not None:
            return self._form_for_change(identifier, refused)
        return self._done(identifier, "was saved")

    def _save(self, identifier: str) -> None:
        values = forms.read(self.change(), request.form, labels=self.labels)
        version = request.form.get("version", "")
        if not version.isdecimal():
            raise Stale("This form does not say what it was made from. Look at the values, then save again.")
        self.revise(*caller(), identifier, values, at_version=int(version), now=utc_now())

    def _done(self, identifier: str, what: str) -> ResponseReturnValue:
        flash(f"{words.word(self.one)} {identifier} {what}.", "success")
        return redirect(self._shown_at(identifier), 303)

    def _shown_at(self, identifier: str) -> str:
        return page_of(self.subject, identifier) or self.path

    def _form_for_new(self, typed: Mapping[str, str], refused: FleetError | None) -> ResponseReturnValue:
        shown = {
            "heading": f"Add {words.with_article(self.one)}",
            "fields": forms.fields_of(self.new, without=self.without, **self._said()),
            "back": self.path,
            "version": None,
        }
        errors = forms.errors_of(refused)
        return render_template("record_form.html", **shown, typed=typed, errors=errors), _status(refused)

    def _form_for_change(self, identifier: str, refused: FleetError | None = None) -> ResponseReturnValue:
        session, _ = caller()
        stored = self.get(session, identifier)
        typed = _texts(stored) if refused is None else request.form
        errors = forms.errors_of(refused)
        version = stored["version"]
        if isinstance(refused, Stale):
            # Whoever saves again has now seen what is stored.
            errors |= self._differences(typed, _texts(stored))
        elif refused is not None:
            version = typed.get("version", "")
        shown = {
            "heading": f"Change {self.one} {identifier}",
            "fields": forms.fields_of(self.change, **self._said()),
            "back": self._shown_at(identifier),
            "version": version,
        }
        return render_template("record_form.html", **shown, typed=typed, errors=errors), _status(refused)

    def _differences(self, typed: Mapping[str, str], stored: Mapping[str, str]) -> dict[str, str]:
        """Field by field, what the register has now that the form has not."""
        told = {}
        for name, schema_field in self.change().fields.items():
            if name in typed and typed[name].strip() != stored[name]:
                said = dict(forms.options_of(schema_field))
                now, yours = (_quoted(said.get(text, text)) for text in (stored[name], typed[name]))
                told[name] = f"{words.label(name)} is {now} now. You have {yours}."
        return told


def _texts(stored: Mapping[str, Any]) -> dict[str, str]:
    return {name: words.as_text(value) for name, value in stored.items()}


def _status(refused: FleetError | None) -> int:
    if refused is None:
        return 200
    # A form has no precondition that could fail: to a browser a stale one is a conflict like any other.
    return _CONFLICT if isinstance(refused, Stale) else refused.status


def _quoted(text: str) -> str:
    return f"“{text}”" if text.strip() else "empty"
