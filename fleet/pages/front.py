"""``/``: what needs attention, by what somebody is here for."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode

from flask import Blueprint, render_template, url_for
from sqlalchemy.orm import Session

from fleet.actors import Actor, Role
from fleet.audit import Event
from fleet.audit import service as log
from fleet.auth.permissions import Permission, is_permitted
from fleet.clock import LOCAL, local_day, utc_now
from fleet.counter import exceptions as counter_exceptions
from fleet.custody import holdings
from fleet.custody.holdings import Attention
from fleet.jobs import history
from fleet.jobs.table import JOBS
from fleet.lifecycle import cases
from fleet.pages import words
from fleet.pages.me import own_kit
from fleet.pages.sites import next_stages
from fleet.pairings import service as pairings
from fleet.pairings import stations
from fleet.pairings.states import StationState
from fleet.sites import service as sites
from fleet.sites.stages import Stage
from fleet.tasers import register as tasers
from fleet.tasers.states import PairingState
from fleet.web import allow, caller
from fleet.webhooks import service as subscriptions

pages = Blueprint("front_pages", __name__)


@dataclass(frozen=True)
class Matter:
    """Something to look at: how many there are, and the list of them. An ``urgent`` one is somebody's now."""

    text: str
    count: int
    href: str
    urgent: bool = False
    hint: str = ""


@dataclass(frozen=True)
class Group:
    heading: str
    matters: list[Matter]


_ABOUT_CAMERAS: dict[Attention, tuple[str, str, bool]] = {
    Attention.OVERDUE: ("Overdue cameras", "Not back although their loan has ended.", True),
    Attention.DUE_SOON: ("Due back within two hours", "", False),
    Attention.UNCHECKED: ("Returned, waiting for their check", "Dock them: they are ready once it passes.", False),
    Attention.QUARANTINED: ("Quarantined cameras", "Release them or send them to repair.", False),
    Attention.FAULT: ("Cameras that report a fault", "", True),
    Attention.MISSING: ("Missing, lost or stolen cameras", "A missing one is reported within 24 hours.", True),
    Attention.UNTRAINED: ("Cameras out to officers without current training", "Book a course, or take it back.", True),
    Attention.TRAINING_ENDS: ("Cameras out to officers whose training ends within 30 days", "", False),
}


def _cameras(session: Session, heading: str, *whys: Attention) -> Group:
    counted = holdings.counts(session, whys, now=utc_now())
    return Group(heading, [_about(why, counted[why]) for why in whys])


def _about(why: Attention, number: int) -> Matter:
    text, hint, urgent = _ABOUT_CAMERAS[why]
    return Matter(text, number, url_for("cameras_pages.cameras_list", attention=str(why)), urgent, hint)


_WAITING: dict[str, tuple[str, str, bool]] = {
    "losses": ("Losses whose breach is not assessed", "The law gives 72 hours from when it was noticed.", True),
    "repairs": ("Repairs that are not back in time", "Ask the supplier.", False),
    "retirements": ("Disposals waiting for a second person", "", False),
    "departures": ("Leavers and movers who still hold kit after their last day", "", True),
    "exceptions": ("Firearms officers without a camera or an exception", "Rule 5.", True),
}


def _cases(session: Session, heading: str, *names: str) -> Group:
    counted = cases.waiting(session, names, now=utc_now())
    return Group(heading, [_case(name, counted[name]) for name in names])


def _case(name: str, number: int) -> Matter:
    text, hint, urgent = _WAITING[name]
    _, filters = cases.WAITING[name]
    return Matter(text, number, f"/{name}?{urlencode(filters)}", urgent, hint)


def _store(session: Session) -> list[Group]:
    order = Attention.OVERDUE, Attention.DUE_SOON, Attention.UNCHECKED, Attention.QUARANTINED
    heading = "At the store"
    refused = Group(heading, [_refused(session)])
    return [refused, _cameras(session, heading, *order), _cases(session, heading, "repairs", "departures")]


def _refused(session: Session) -> Matter:
    text, hint = "Exceptions of the counter", "Done without a line, then refused: settle each."
    return Matter(text, counter_exceptions.count_open(session), "/counter/exceptions?state=open", True, hint)


def _it(session: Session) -> list[Group]:
    found = holdings.levels(session)
    behind = [
        *_at(
            "encryption", found["encryption"], {"none": "Cameras without encryption", "aes128": "Cameras with AES-128"}
        ),
        *_at("bluetooth", found["bluetooth"], {"legacy": "Cameras with legacy Bluetooth"}),
        *_at("firmware", found["firmware"], _old_firmware(found["firmware"])),
    ]
    heading = "Cameras that need work"
    return [_cameras(session, heading, Attention.FAULT), Group(heading, behind)]


def _service(session: Session) -> list[Group]:
    unattended = 0 if history.is_run(session) else 1
    return [
        Group(
            "The service itself",
            [
                Matter(
                    "Nobody runs the jobs", unattended, "/jobs", True, "Nothing is sealed, sent or noted meanwhile."
                ),
                Matter("Jobs that failed when they last ran", history.failing(session, JOBS), "/jobs", True),
                Matter(
                    "Webhooks that were paused since they fail", subscriptions.paused_by_itself(session), "/webhooks"
                ),
            ],
        )
    ]


def _at(name: str, counted: dict[str, int], told: dict[str, str]) -> list[Matter]:
    cameras = url_for("cameras_pages.cameras_list")
    return [
        Matter(text, counted.get(value, 0), f"{cameras}?{urlencode({name: value})}") for value, text in told.items()
    ]


def _old_firmware(versions: Iterable[str]) -> dict[str, str]:
    return {version: f"Cameras on firmware {version}" for version in sorted(older_than_newest(versions))}


def older_than_newest(versions: Iterable[str]) -> set[str]:
    """All but the newest of the versions that the fleet has, number by number: 1.10 is newer than 1.9."""
    known = set(versions)
    return known - {max(known, key=_numbers)} if known else set()


def _numbers(version: str) -> tuple[tuple[int, ...], str]:
    parts = "".join(character if character.isdecimal() else " " for character in version).split()
    return tuple(int(part) for part in parts), version


def _estates(session: Session) -> list[Group]:
    counted = {row["stage"]: row for row in sites.stage_counts(session)}
    waiting = [_at_stage(stage, counted[stage]) for stage in Stage if stage in counted and stage is not Stage.LIVE]
    unplaced = sites.count_docks(session, {"placed": False})
    docks = Matter("Docks without a site", unplaced, url_for("sites_pages.docks_list", placed="false"))
    return [Group("Sites and docks on their way", [*waiting, docks])]


def _at_stage(stage: Stage, counted: dict[str, Any]) -> Matter:
    steps = " or ".join(str(step).replace("_", " ") for step in next_stages(stage))
    hint = f"Next: {steps}." + (f" Night-time economy first: {counted['nte']}." if counted["nte"] else "")
    href = url_for("sites_pages.sites_list", stage=str(stage))
    return Matter(f"Sites at {words.word(stage).lower()}", counted["sites"], href, hint=hint)


def _supervisor(session: Session) -> list[Group]:
    heading = "To decide and to follow up"
    waiting = _cases(session, heading, "losses", "retirements", "exceptions")
    cameras = _cameras(session, heading, Attention.MISSING, Attention.UNTRAINED, Attention.TRAINING_ENDS)
    refused = Group(heading, [_refused(session)])
    return [refused, waiting, cameras, _since_yesterday(session, Event.RULE_OVERRIDDEN, Event.ISSUE_REFUSED)]


def _auditor(session: Session) -> list[Group]:
    watched = Event.RULE_OVERRIDDEN, Event.ISSUE_REFUSED, Event.ACT_DENIED, Event.SIGN_IN_REFUSED
    return [_since_yesterday(session, *watched)]


def _since_yesterday(session: Session, *events: Event) -> Group:
    yesterday = local_day(utc_now()) - timedelta(days=1)
    counted = log.events_since(session, datetime.combine(yesterday, time(), LOCAL))
    return Group("In the log since yesterday", [_logged(event, counted, yesterday) for event in events])


def _logged(event: Event, counted: dict[str, int], since: date) -> Matter:
    href = url_for("audit_pages.audit_list", event=str(event), since=since.isoformat())
    return Matter(words.event(event), counted.get(str(event), 0), href)


def _armourer(session: Session) -> list[Group]:
    bare = tasers.count(session, {"sppm": "missing"})
    href = url_for("tasers_pages.tasers_list", sppm="missing")
    full = tasers.count(session, {"log": "nearly-full"})
    suspended = pairings.count(session, {"state": PairingState.SUSPENDED})
    untested = pairings.count(session, {"state": PairingState.AGREED})
    return [
        Group(
            "Tasers",
            [
                Matter("Suspended pairings", suspended, "/pairings?state=suspended", True, "They record nothing now."),
                Matter("Pairings that are agreed and not tested", untested, "/pairings?state=agreed"),
                Matter("Tasers whose log is nearly full", full, "/tasers?log=nearly-full", hint="Read them."),
                Matter("X2 without a magazine", bare, href, hint="They cannot pair (rule 2)."),
            ],
        )
    ]


def _stations(session: Session) -> list[Group]:
    expired = stations.count(session, {"state": StationState.EXPIRED}, now=utc_now())
    hint = "They renew it by themselves; one that was off for a week is enrolled anew."
    return [
        Group(
            "Stations",
            [Matter("Stations whose credential has run out", expired, "/stations?state=expired", True, hint)],
        )
    ]


_BY_ROLE: dict[Role, tuple[Callable[[Session], list[Group]], ...]] = {
    Role.STORE: (_store,),
    Role.ARMOURER: (_armourer,),
    Role.IT: (_service, _it, _stations),
    Role.ESTATES: (_estates,),
    Role.SUPERVISOR: (_supervisor,),
    Role.AUDITOR: (
        _service,
        _auditor,
    ),
    Role.ADMIN: (_service, _store, _supervisor, _it, _estates, _armourer, _stations),
}


@pages.get("/")
@allow(Permission.FRONT_PAGE)
def front() -> str:
    """What needs attention now."""
    session, actor = caller()
    now = utc_now()
    return render_template(
        "front/front.html",
        groups=groups(session, actor),
        overdue=_most_overdue(session, actor, now),
        own=own_kit(session, actor.collar) if is_permitted(actor, Permission.OWN_KIT_VIEW) else None,
        empty=is_permitted(actor, Permission.CAMERA_VIEW) and holdings.is_empty(session),
        now=now,
    )


def groups(session: Session, actor: Actor) -> list[Group]:
    """What there is to look at for somebody's role; a group with nothing in it is left out.

    What comes under one heading twice stands there together.
    """
    if actor.role is None or not is_permitted(actor, Permission.CAMERA_VIEW):
        return []
    found: dict[str, dict[Matter, None]] = {}
    for group in (group for about in _BY_ROLE.get(actor.role, ()) for group in about(session)):
        found.setdefault(group.heading, {}).update((matter, None) for matter in group.matters if matter.count)
    return [Group(heading, list(matters)) for heading, matters in found.items() if matters]


def _most_overdue(session: Session, actor: Actor, now: datetime) -> list[dict[str, object]]:
    if not (is_permitted(actor, Permission.CAMERA_RETURN) and is_permitted(actor, Permission.CAMERA_VIEW)):
        return []
    return holdings.due_within(session, now=now, hours=2)
