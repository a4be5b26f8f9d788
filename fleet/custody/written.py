"""What may be written of a camera in the register, where custody is kept apart (rule 9)."""

from collections.abc import Mapping
from typing import Any

from sqlalchemy.orm import Session

from fleet.cameras.service import CAMERAS
from fleet.custody.records import holder_now
from fleet.custody.service import HistoryStands


def without_custody(session: Session, serial: str, values: Mapping[str, Any]) -> dict[str, Any]:
    """What may be written of ``values``: custody and holder change by acts, never by writing them down (rule 9).

    Raises:
        HistoryStands: rule 9: they differ from what is.
    """
    values = dict(values)
    camera = CAMERAS.get(session, serial)
    now_is = {"custody": camera.custody, "holder": holder_now(session, serial) if "holder" in values else None}
    for name in ("custody", "holder"):
        if name in values and values.pop(name) != now_is[name]:
            what = f"The {name} of {serial} is changed by an act (issue, return, move), not by writing it."
            raise HistoryStands(what, rule=9, found={name: str(now_is[name])}, mend="store")
    return values
