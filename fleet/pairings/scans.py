"""What a scanner read at the armoury: an X2 by its label or its magazine's, or a camera by its label or tag."""

from dataclasses import dataclass

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.cameras.models import Camera
from fleet.errors import Invalid
from fleet.identifiers import canonical
from fleet.tasers.models import Taser
from fleet.tasers.states import DeviceKind


@dataclass(frozen=True)
class Scanned:
    """A device of the register. ``serial`` is a Taser's own, also when its magazine was scanned."""

    kind: DeviceKind
    serial: str


def recognise(session: Session, text: str) -> Scanned:
    """What it is that was scanned.

    Raises:
        Invalid: nothing in the register is called that.
    """
    try:
        wanted = canonical(text)
    except ValueError as error:
        raise Invalid("Scan again.", fields={"scanned": [f"This {error}."]}) from error
    taser = sa.select(Taser.serial).where(sa.or_(Taser.serial == wanted, Taser.sppm == wanted))
    if (found := session.scalars(taser.limit(1)).first()) is not None:
        return Scanned(DeviceKind.TASER, found)
    camera = sa.select(Camera.serial).where(sa.or_(Camera.serial == wanted, Camera.asset_tag == wanted))
    if (found := session.scalars(camera.limit(1)).first()) is not None:
        return Scanned(DeviceKind.CAMERA, found)
    unknown = f"Neither a Taser, nor a magazine, nor a camera in the register is called {wanted}."
    raise Invalid(unknown, fields={"scanned": [unknown]})
