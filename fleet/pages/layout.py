"""What every page stands in: the macros' templates, the navigation, and words for what the register holds."""

from dataclasses import dataclass
from typing import Any

from flask import current_app, g, request, url_for
from jinja2 import ChoiceLoader, PackageLoader, PrefixLoader

from fleet.actors import NOBODY, Actor
from fleet.audit import Subject
from fleet.auth.permissions import Permission, is_permitted
from fleet.pages import stores, words
from fleet.web import Service, access_of


@dataclass(frozen=True)
class Section:
    """A part of the service that the navigation leads to; ``also`` is where its other pages begin."""

    text: str
    path: str
    permission: Permission
    also: tuple[str, ...] = ()

    def depth(self) -> int:
        """How much of the page's address it claims: the section that claims most has the page. 0 is none of it."""
        return max((len(path) for path in (self.path, *self.also) if _is_here(path)), default=0)


SECTIONS = (
    Section("Counter", "/counter", Permission.COUNTER_USE),
    Section("Stores", "/stores", Permission.CAMERA_VIEW, stores.PATHS),
    Section("Cameras", "/cameras", Permission.CAMERA_VIEW),
    Section("Officers", "/people", Permission.PERSON_VIEW),
    Section("Sites", "/sites", Permission.SITE_VIEW),
    Section("Docks", "/docks", Permission.SITE_VIEW),
    Section("Tasers", "/tasers", Permission.TASER_VIEW),
    Section("Armoury", "/armoury", Permission.PAIRING_VIEW, ("/pairings", "/station-jobs")),
    Section("Activations", "/activations", Permission.ACTIVATION_VIEW),
    Section("Stations", "/stations", Permission.STATION_MANAGE),
    Section("My kit", "/me", Permission.OWN_KIT_VIEW),
    Section("Log", "/audit", Permission.AUDIT_VIEW),
    Section("Jobs", "/jobs", Permission.JOB_VIEW),
    Section("Webhooks", "/webhooks", Permission.WEBHOOK_MANAGE),
    Section("Accounts", "/accounts", Permission.ACCOUNT_MANAGE),
    Section("Tokens", "/tokens", Permission.TOKEN_MANAGE),
)


# Where a thing has its page: the endpoint, and the name that its identifier has there.
_PAGES: dict[str, tuple[str, str]] = {
    Subject.CAMERA: ("cameras_pages.camera", "serial"),
    Subject.PERSON: ("people_pages.person", "collar"),
    Subject.SITE: ("sites_pages.site", "code"),
    Subject.DOCK: ("sites_pages.dock", "serial"),
    Subject.TASER: ("tasers_pages.taser", "serial"),
    Subject.VISIT: ("visits_pages.visit", "key"),
    Subject.TERMS: ("terms_pages.version", "number"),
    Subject.KIT: ("kits_pages.kit", "code"),
    Subject.RESERVATION: ("reservations_pages.reservation", "code"),
    Subject.BULK: ("bulk_pages.act", "number"),
    Subject.STOCKTAKE: ("stocktakes_pages.stocktake", "number"),
    Subject.ACCOUNT: ("accounts_pages.account", "name"),
    Subject.COUNTER_ACT: ("counter_exceptions.exception", "number"),
    Subject.PAIRING: ("pairings_pages.pairing", "number"),
    Subject.STATION: ("stations_pages.station", "name"),
    Subject.ACTIVATION: ("activations_pages.activation", "number"),
    "subscription": ("webhooks_pages.webhook", "number"),
    "loss": ("losses_pages.loss", "number"),
    "retirement": ("retirements_pages.disposal", "serial"),
}


def prepare(app: Service) -> None:
    """Let the templates find the GOV.UK components and everything that ``base.html`` expects."""
    components = PrefixLoader({"govuk_frontend_jinja": PackageLoader("govuk_frontend_jinja")})
    app.jinja_loader = ChoiceLoader([loader for loader in (app.jinja_loader, components) if loader is not None])
    app.jinja_env.filters.update(words.FILTERS)
    app.jinja_env.globals.update(may=may, page_of=page_of, is_of_stores=lambda path: path in stores.PATHS)

    @app.context_processor
    def frame() -> dict[str, Any]:
        actor = present()
        return {
            "navigation": navigation(actor),
            "account_name": words.who(actor.name) if actor.role is not None else None,
            "demonstration": app.fleet_settings.demonstration,
        }


def present() -> Actor:
    """Who looks at the page. An error may come before anybody was recognised."""
    actor: Actor = g.get("actor", NOBODY)
    return actor


def may(permission: str) -> bool:
    """Whether whoever looks at the page has a permission."""
    return is_permitted(present(), Permission(permission))


def page_of(kind: str, identifier: str | int | None) -> str | None:
    """The address of the page about something, given its kind in the log; None for what has none, or none for you."""
    if identifier is None or kind not in _PAGES:
        return None
    endpoint, key = _PAGES[kind]
    if not may(access_of(current_app.view_functions[endpoint])):
        return None
    named: dict[str, Any] = {key: identifier}
    return url_for(endpoint, **named)


def navigation(actor: Actor) -> list[dict[str, Any]]:
    """The sections that an actor may see; the one that the page belongs to is active."""
    seen = [section for section in SECTIONS if is_permitted(actor, section.permission)]
    here = max(seen, key=Section.depth, default=None)
    return [{"text": one.text, "href": one.path, "active": one is here and one.depth() > 0} for one in seen]


def _is_here(path: str) -> bool:
    return request.path == path or request.path.startswith((f"{path}/", f"{path}."))
