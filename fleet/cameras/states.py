"""A camera's life cycle and its other attributes. Custody, security level, firmware and offload are separate."""

from enum import StrEnum


class Model(StrEnum):
    BODY_2 = "body-2"
    FLEX_2 = "flex-2"


class Use(StrEnum):
    PERSONAL = "personal"
    POOL = "pool"
    RESERVE = "reserve"


class Encryption(StrEnum):
    """Protection of recordings at rest, weakest first."""

    NONE = "none"
    AES128 = "aes128"
    AES256 = "aes256"


class Bluetooth(StrEnum):
    """Hardening of the radio, weakest first."""

    LEGACY = "legacy"
    SECURE_CONNECTIONS = "secure-connections"
    AUTHENTICATED = "authenticated"


class Fault(StrEnum):
    """What a camera reports to be wrong with itself."""

    MEMORY_FULL = "memory-full"
    CLOCK_NOT_SET = "clock-not-set"
    ERROR = "error"
    RECOVERING = "recovering"


class Custody(StrEnum):
    REGISTERED = "registered"
    COMMISSIONED = "commissioned"
    IN_STOCK = "in_stock"
    ISSUED = "issued"
    RETURNING = "returning"
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


NEXT_CUSTODY: dict[Custody, frozenset[Custody]] = {
    Custody.REGISTERED: frozenset({Custody.COMMISSIONED, Custody.QUARANTINED, Custody.MISSING}),
    Custody.COMMISSIONED: frozenset({Custody.IN_STOCK, Custody.QUARANTINED, Custody.MISSING}),
    Custody.IN_STOCK: frozenset(
        {Custody.ISSUED, Custody.QUARANTINED, Custody.HELD, Custody.MISSING, Custody.REPAIR, Custody.RETIRED}
    ),
    Custody.ISSUED: frozenset(
        {Custody.RETURNING, Custody.IN_STOCK, Custody.QUARANTINED, Custody.HELD, Custody.MISSING}
    ),
    Custody.RETURNING: frozenset(
        {Custody.IN_STOCK, Custody.ISSUED, Custody.QUARANTINED, Custody.HELD, Custody.MISSING}
    ),
    Custody.QUARANTINED: frozenset({Custody.IN_STOCK, Custody.HELD, Custody.REPAIR, Custody.RETIRED, Custody.MISSING}),
    Custody.HELD: frozenset({Custody.QUARANTINED}),
    Custody.MISSING: frozenset({Custody.LOST, Custody.STOLEN, Custody.RECOVERED}),
    Custody.LOST: frozenset({Custody.RECOVERED}),
    Custody.STOLEN: frozenset({Custody.RECOVERED}),
    Custody.RECOVERED: frozenset({Custody.QUARANTINED}),
    Custody.REPAIR: frozenset({Custody.QUARANTINED, Custody.RETIRED}),
    Custody.RETIRED: frozenset({Custody.SANITISED}),
    Custody.SANITISED: frozenset({Custody.DISPOSED}),
    Custody.DISPOSED: frozenset(),
}
