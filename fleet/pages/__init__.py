"""The pages that people use. They are the top layer: a page may show what several domains know.

Pages say permission, form, call, template; rules live in the domains' services.
"""

from fleet.pages import (
    accounts,
    acknowledging,
    activations,
    armoury,
    audit,
    bulk,
    cameras,
    commands,
    counter,
    counter_exceptions,
    counter_line,
    counter_shell,
    departures,
    exceptions,
    front,
    holds,
    jobs,
    kits,
    labels,
    layout,
    losses,
    me,
    pairings,
    people,
    problem_kinds,
    repairs,
    reservations,
    retirements,
    sign_in,
    simulator,
    sites,
    stations,
    statistics,
    stocktakes,
    stores,
    tasers,
    terms,
    visits,
    webhooks,
)
from fleet.web import Service

_MODULES = (
    front, counter, counter_line, counter_shell, counter_exceptions, acknowledging, commands, labels, stores, cameras,
    people, sites, tasers, visits, terms, audit, jobs, webhooks, statistics, accounts, sign_in, me, problem_kinds,
    losses, repairs, holds, retirements, departures, exceptions, stocktakes,
    reservations, bulk, kits, armoury, pairings, stations, activations, simulator,
)  # fmt: skip
_BLUEPRINTS = [module.pages for module in _MODULES]


def register(app: Service) -> None:
    """Add every page, and what they all stand in."""
    layout.prepare(app)
    for blueprint in _BLUEPRINTS:
        app.register_blueprint(blueprint)
