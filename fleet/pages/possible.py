"""What may be done with a camera now beside issue, return and moving it by hand: one table, by its custody."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

from fleet.actors import Actor
from fleet.auth.permissions import Permission, is_permitted
from fleet.cameras.states import NEXT_CUSTODY, Custody
from fleet.lifecycle.models import GONE

_AT_STORE = frozenset({Custody.IN_STOCK, Custody.QUARANTINED})
_CAN_GO_MISSING = frozenset(start for start, steps in NEXT_CUSTODY.items() if Custody.MISSING in steps)
_CAN_BE_HELD = frozenset(start for start, steps in NEXT_CUSTODY.items() if Custody.HELD in steps)
_OUT_OF_SERVICE = frozenset({Custody.RETIRED, Custody.SANITISED, Custody.DISPOSED})


@dataclass(frozen=True)
class _Possible:
    """An act, from which custody by whom, and where its page is; ``{}`` stands for the serial."""

    text: str
    href: str
    permission: Permission
    custody: frozenset[Custody]


_TABLE = (
    _Possible("Report it missing", "/cameras/{}/missing", Permission.STOCK_MANAGE, _CAN_GO_MISSING),
    _Possible("Report this loss", "/cameras/{}/missing", Permission.STOCK_MANAGE, GONE),
    _Possible("Send it to repair", "/cameras/{}/repair", Permission.STOCK_MANAGE, _AT_STORE),
    _Possible("Back from repair", "/cameras/{}/repair/return", Permission.STOCK_MANAGE, frozenset({Custody.REPAIR})),
    _Possible("Hold it as evidence", "/cameras/{}/hold", Permission.CAMERA_HOLD, _CAN_BE_HELD),
    _Possible("Release the hold", "/cameras/{}/release", Permission.CAMERA_HOLD, frozenset({Custody.HELD})),
    _Possible("Retire it", "/cameras/{}/retire", Permission.CAMERA_RETIRE, _AT_STORE),
    _Possible("Its way out of service", "/retirements/{}", Permission.CAMERA_VIEW, _OUT_OF_SERVICE),
)


def acts_on(camera: Mapping[str, Any], actor: Actor, *, loss: int | None) -> list[dict[str, str]]:
    """The acts that are possible now for somebody, as text and address. ``loss`` is the camera's open loss."""
    serial = quote(camera["serial"], safe="")
    found = [
        {"text": one.text, "href": one.href.format(serial)}
        for one in _TABLE
        if camera["custody"] in one.custody and is_permitted(actor, one.permission)
    ]
    if loss is None:
        return found
    return [{"text": "Its loss", "href": f"/losses/{loss}"}]
