"""What a loss means for the people recorded: assessed on record, and again whenever more is known (rules 9, 16)."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.errors import Invalid
from fleet.lifecycle.losses import LossStands, lock_loss
from fleet.lifecycle.models import BreachAssessment, Risk


def assess(session: Session, actor: Actor, number: int, said: Mapping[str, Any], *, now: datetime) -> int:
    """Append the next version of a loss's assessment, and answer its number.

    ``said`` has the columns of ``BreachAssessment``, and under ``after`` the version that its writer has read, 0 for
    none; None does not ask. Where there is a risk, the Commissioner is told or it is on record why not (UK GDPR,
    article 33(5)).

    Raises:
        NotFound
        Invalid: a risk, the Commissioner not told, and no reason; or somebody told in the future.
        LossStands: rule 9: somebody has assessed it since.
    """
    values = dict(said)
    after = values.pop("after", None)
    _require_told_or_reason(values, now)
    loss, camera = lock_loss(session, number)
    newest = session.scalars(
        sa.select(sa.func.max(BreachAssessment.version)).where(BreachAssessment.loss_id == number)
    ).one()
    if after is not None and after != (newest or 0):
        what = f"Somebody recorded version {newest} meanwhile. Read it; saving again adds yours after it."
        raise LossStands(what, rule=9, found={"newest": newest, "yours_follows": after}, mend="you, by reading it")
    version = (newest or 0) + 1
    session.add(BreachAssessment(loss_id=number, version=version, at=now, by=actor.name, **values))
    loss.assessed = True
    session.flush()
    subject = (Subject.CAMERA, camera.serial)
    audit.record(session, actor, Event.BREACH_ASSESSED, subject, at=now, loss=number, version=version, **values)
    return version


def _require_told_or_reason(values: Mapping[str, Any], now: datetime) -> None:
    for name in ("psd_told_at", "ico_told_at"):
        if values[name] is not None and values[name] > now:
            raise Invalid("Nobody was told later than now.", fields={name: ["This is in the future."]})
    if values["risk"] is not Risk.UNLIKELY and values["ico_told_at"] is None and not values["ico_reason"]:
        what = "Where there is a risk, say when the Information Commissioner was told, or why not."
        raise Invalid(what, fields={"ico_reason": [what]})
