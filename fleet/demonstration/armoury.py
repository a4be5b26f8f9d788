"""The armouries: pairing is on, some spares lie ready, some Tasers' logs are nearly full. Nothing is paired yet."""

from datetime import datetime, timedelta
from functools import partial

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.demonstration.pool import ACTOR, if_possible
from fleet.pairings import keys, switch
from fleet.pairings.states import KeyUse
from fleet.tasers import service as tasers
from fleet.tasers.models import Taser, TaserModel
from fleet.tasers.states import TaserCustody
from fleet.vault import Vault

_WHY = "AES-256 on every camera and LE Secure Connections on both devices are in place (¶15, ¶17)."
_SPARES = 12
# What the logs of some Tasers hold, of about 16,000 entries.
_LOGS = (15_870, 14_420, 12_980, 11_200, 6_400)


def load_armoury(session: Session, _password: str, now: datetime) -> None:
    """Switch pairing on, and let some Tasers be known at the armouries; what its user has touched is left alone."""
    switch.turn(session, ACTOR, on=True, reason=_WHY, now=now)
    untouched = sa.select(Taser.serial).where(Taser.model == TaserModel.X2, Taser.version == 1)
    spare = untouched.where(Taser.custody == TaserCustody.REGISTERED).order_by(Taser.id).limit(_SPARES)
    for serial in session.scalars(spare).all():
        for to in (TaserCustody.IN_ARMOURY, TaserCustody.SERVICEABLE):
            if_possible(session, partial(tasers.move, session, ACTOR, serial, to, now=now))
    held = sa.select(Taser.id).where(Taser.custody == TaserCustody.ISSUED).order_by(Taser.id).limit(len(_LOGS))
    for days, (taser_id, entries) in enumerate(zip(session.scalars(held).all(), _LOGS, strict=False), 1):
        seen = now - timedelta(days=days)
        said = {"log_entries": entries, "battery_percent": 70 + days, "clock_set": True, "clock_offset_s": 4.0 * days}
        tasers.note_report(session, taser_id, said, now=seen)


def make_keys(session: Session, vault: Vault, now: datetime) -> None:
    """Make the keys that sign, where there are none: of the demonstration's own, as nobody types the command."""
    for use in KeyUse:
        if not keys.listed_of(session, use):
            keys.make(session, ACTOR, use, vault=vault, now=now)
