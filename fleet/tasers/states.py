"""A Taser's life cycle, and a pairing's: one enum and one table each."""

from enum import StrEnum


class TaserCustody(StrEnum):
    REGISTERED = "registered"
    IN_ARMOURY = "in_armoury"
    SERVICEABLE = "serviceable"
    ISSUED = "issued"
    RETURNED = "returned"
    AWAITING_DOWNLOAD = "awaiting_download"
    RECONCILED = "reconciled"
    QUARANTINED = "quarantined"
    HELD = "held"
    MISSING = "missing"
    LOST = "lost"
    STOLEN = "stolen"
    RECOVERED = "recovered"
    REPAIR = "repair"
    RETIRED = "retired"
    SANITISED = "sanitised"
    DISPOSED = "disposed"


_C = TaserCustody
# Where any Taser that the force has in hand may have to go.
_ASIDE = frozenset({_C.QUARANTINED, _C.HELD, _C.MISSING})
_WORKSHOP = frozenset({_C.REPAIR, _C.RETIRED})

NEXT_TASER_CUSTODY: dict[TaserCustody, frozenset[TaserCustody]] = {
    # A register that is brought in knows who has a Taser, not when it came to the armoury.
    _C.REGISTERED: frozenset({_C.IN_ARMOURY, _C.ISSUED}) | _ASIDE,
    _C.IN_ARMOURY: frozenset({_C.SERVICEABLE}) | _ASIDE | _WORKSHOP,
    _C.SERVICEABLE: frozenset({_C.ISSUED, _C.IN_ARMOURY}) | _ASIDE | _WORKSHOP,
    _C.ISSUED: frozenset({_C.RETURNED, _C.AWAITING_DOWNLOAD}) | _ASIDE,
    _C.RETURNED: frozenset({_C.SERVICEABLE, _C.ISSUED, _C.IN_ARMOURY, _C.AWAITING_DOWNLOAD}) | _ASIDE | _WORKSHOP,
    _C.AWAITING_DOWNLOAD: frozenset({_C.RECONCILED}) | _ASIDE,
    _C.RECONCILED: frozenset({_C.SERVICEABLE}) | _ASIDE,
    _C.QUARANTINED: frozenset({_C.IN_ARMOURY, _C.HELD, _C.MISSING}) | _WORKSHOP,
    _C.HELD: frozenset({_C.QUARANTINED}),
    _C.MISSING: frozenset({_C.LOST, _C.STOLEN, _C.RECOVERED}),
    _C.LOST: frozenset({_C.RECOVERED}),
    _C.STOLEN: frozenset({_C.RECOVERED}),
    _C.RECOVERED: frozenset({_C.QUARANTINED}),
    _C.REPAIR: frozenset({_C.QUARANTINED, _C.RETIRED}),
    _C.RETIRED: frozenset({_C.SANITISED}),
    _C.SANITISED: frozenset({_C.DISPOSED}),
    _C.DISPOSED: frozenset(),
}
# Those that have acts of their own: issue and return, the read log.
NOT_BY_HAND = frozenset({_C.REGISTERED, _C.ISSUED, _C.RETURNED, _C.AWAITING_DOWNLOAD, _C.RECONCILED})
# What ends a Taser's identity, and with it every pairing.
ENDS_IDENTITY = frozenset({_C.LOST, _C.STOLEN, _C.RETIRED})
# Where a Taser may be when it is paired or tested.
AT_HAND = frozenset({_C.REGISTERED, _C.IN_ARMOURY, _C.SERVICEABLE, _C.ISSUED, _C.RETURNED, _C.RECONCILED})


class PairingState(StrEnum):
    AUTHORISED = "authorised"
    AGREED = "agreed"
    TESTED = "tested"
    ACTIVE = "active"
    SUSPENDED = "suspended"
    REVOKED = "revoked"


_S = PairingState
NEXT_PAIRING: dict[PairingState, frozenset[PairingState]] = {
    # Nothing is agreed yet, so there is nothing to suspend.
    _S.AUTHORISED: frozenset({_S.AGREED, _S.REVOKED}),
    _S.AGREED: frozenset({_S.TESTED, _S.SUSPENDED, _S.REVOKED}),
    _S.TESTED: frozenset({_S.ACTIVE, _S.SUSPENDED, _S.REVOKED}),
    _S.ACTIVE: frozenset({_S.SUSPENDED, _S.REVOKED}),
    # Only a passed function test makes one active, the first time and again.
    _S.SUSPENDED: frozenset({_S.TESTED, _S.REVOKED}),
    _S.REVOKED: frozenset(),
}
# In which both devices hold the pair's keys, and nothing is known to be wrong.
STANDING = frozenset({_S.AGREED, _S.TESTED, _S.ACTIVE})


class Because(StrEnum):
    """Why a pairing is suspended or revoked."""

    BATTERY_SWAP = "battery-swap"
    REASSIGNED = "reassigned"
    LEVEL = "level-below-baseline"
    CLOCK = "clock-error"
    LEAVER = "leaver"
    MOVER = "mover"
    DEVICE_GONE = "device-lost-or-stolen"
    DEVICE_RETIRED = "device-out-of-service"
    BY_HAND = "by-hand"
    REPLACED = "replaced"
    NOT_AGREED = "not-agreed"
    OUT_OF_TIME = "out-of-time"


class DeviceKind(StrEnum):
    """What a credential is for. A Taser's is its magazine's, which carries the radio."""

    TASER = "taser"
    CAMERA = "camera"
    STATION = "station"
    MONITOR = "monitor"
