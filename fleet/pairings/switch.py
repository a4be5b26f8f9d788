"""The force-wide switch: nothing is paired until IT turns it on, with a reason (rule 1, ¶17)."""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.db import row_dict
from fleet.errors import Invalid
from fleet.pairings.models import PairingSwitch

_ABOUT = Subject.PAIRING_SWITCH, "force"
# Two who turn it at once wait for each other, so that the newest row is the last decision.
_LOCK = 0x73_77_69_74_63_68


def state(session: Session) -> dict[str, Any]:
    """How it stands, since when, by whom and why; off, and nothing more, before anybody decided."""
    newest = sa.select(PairingSwitch.on, PairingSwitch.reason, PairingSwitch.at, PairingSwitch.by)
    row = session.execute(newest.order_by(PairingSwitch.id.desc()).limit(1)).first()
    return row_dict(row) if row is not None else {"on": False, "reason": None, "at": None, "by": None}


def is_on(session: Session) -> bool:
    """Whether anything may be paired."""
    return bool(state(session)["on"])


def turn(session: Session, actor: Actor, *, on: bool, reason: str | None, now: datetime) -> None:
    """Turn it on or off. What is paired already stays so: an activation is recorded whatever IT is looking into.

    Raises:
        Invalid: there is no reason.
    """
    if not reason:
        raise Invalid("Say why.", fields={"reason": ["Say why."]})
    session.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    if is_on(session) is on:
        return
    session.add(PairingSwitch(on=on, reason=reason, at=now, by=actor.name))
    session.flush()
    audit.record(session, actor, Event.PAIRING_SWITCHED, _ABOUT, at=now, on=on, reason=reason)
