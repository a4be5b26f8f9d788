"""A page for one act on one thing: what is known, the form, and what refused it with nothing typed lost."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

from flask import Blueprint, flash, redirect, render_template, request
from flask.typing import ResponseReturnValue

from fleet.api import Schema
from fleet.auth.permissions import Permission
from fleet.errors import FleetError
from fleet.pages import forms
from fleet.web import allow

# What a page shows above its form: rows as the macro ``summary_list`` takes them.
Rows = list[dict[str, Any]]


@dataclass(frozen=True)
class Act:
    """One act. ``path`` has the thing's identifier as ``key``, with which everything here is called.

    ``do`` carries out what was typed and answers what to say of it. ``about`` raises NotFound for what there is not.
    ``back`` is where a change of mind and a success lead. ``initial`` fills the form when it is opened. ``kept`` names
    fields that the form carries along unseen.
    """

    path: str
    name: str
    permission: Permission
    schema: type[Schema]
    heading: str
    button: str
    do: Callable[[Any, dict[str, Any]], str]
    about: Callable[[Any], Rows]
    back: Callable[[Any], str]
    says: str = ""
    hints: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, str] = field(default_factory=dict)
    initial: Callable[[Any], Mapping[str, str]] = field(default=lambda _key: {})
    kept: tuple[str, ...] = ()
    kind: str | None = None

    def add_to(self, blueprint: Blueprint) -> None:
        """Add the page and what takes its form."""
        blueprint.add_url_rule(self.path, self.name, allow(self.permission)(self.ask), methods=["GET"])
        blueprint.add_url_rule(self.path, f"do_{self.name}", allow(self.permission)(self.carry_out), methods=["POST"])

    def ask(self, key: Any) -> ResponseReturnValue:
        """The form."""
        return self._form(key, {**self.initial(key), **request.args})

    def carry_out(self, key: Any) -> ResponseReturnValue:
        """Do it and go back; or show the form with what was typed and what refused it."""
        done: list[str] = []
        refused = forms.attempt(lambda: done.append(self.do(key, self._read())))
        if refused is not None:
            return self._form(key, self._typed(key, refused), refused)
        flash(done[0], "success")
        return redirect(self.back(key), 303)

    def _read(self) -> dict[str, Any]:
        said: dict[str, Any] = forms.read(self.schema(), request.form, labels=self.labels)
        return said

    def _typed(self, key: Any, refused: FleetError) -> Mapping[str, str]:
        # Whoever was refused because of what came between has now read it, and may go on from there.
        newer = {name: self.initial(key).get(name, "") for name in self.kept} if refused.rule is not None else {}
        return {**request.form, **newer}

    def _form(self, key: Any, typed: Mapping[str, str], refused: FleetError | None = None) -> ResponseReturnValue:
        shown = {
            "heading": self.heading.format(key),
            "about": self.about(key),
            "fields": forms.fields_of(self.schema, without=self.kept, hints=self.hints, labels=self.labels),
            "act": self,
            "back": self.back(key),
        }
        page = render_template("lifecycle/act.html", **shown, typed=typed, errors=forms.errors_of(refused))
        return page, refused.status if refused else 200
