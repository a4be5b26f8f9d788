"""The made-up force as rows of the files that an import takes."""

from collections.abc import Iterator
from datetime import date, timedelta

Row = dict[str, str]

BODY_2_BOUGHT, BODY_2_ISSUED = 1_617, 1_250
FLEX_2_BOUGHT, FLEX_2_ISSUED = 263, 230
PHASE_2_BODY_2, PHASE_2_FLEX_2 = 2_400, 110

# Officers beside the holders: those whom the second phase is for, by function.
PHASE_2_OFFICERS = {"neighbourhood": 1_420, "traffic": 310, "force-support": 390, "other": 280}
FIRST_OF_PHASE_2 = 20_000
BAYS = 6
_X2, _X26 = 300, 160

# Code, name, kind, stage, night-time economy. Phase 1 is live; phase 2 is on its way.
_SITES = [
    ("ASH", "Ashcombe Street", "police station", "live", True),
    ("BEL", "Belgrave Wharf", "police station", "live", True),
    ("CAS", "Castle Gate", "police station", "live", True),
    ("DRA", "Drayton Road", "police station", "live", False),
    ("ELM", "Elmhurst", "police station", "live", False),
    ("FOR", "Forge Lane", "firearms base", "live", False),
    ("GRE", "Greenhill", "police station", "live", False),
    ("HOL", "Hollin Bank", "police station", "live", False),
    ("KIN", "Kingsford Park", "headquarters", "live", False),
    ("LOC", "Lockside", "police station", "live", True),
    ("MIL", "Millgate", "police station", "live", False),
    ("NOR", "Northfold", "police station", "live", False),
    ("OAK", "Oakley Cross", "neighbourhood office", "accepted", False),
    ("PEN", "Pennine House", "traffic base", "accepted", False),
    ("QUA", "Quarry Hill", "neighbourhood office", "docks_fitted", True),
    ("RIV", "Riverside", "neighbourhood office", "docks_fitted", True),
    ("SAL", "Salter Row", "neighbourhood office", "space_confirmed", False),
    ("TAN", "Tannery Yard", "force support base", "space_confirmed", False),
    ("UPT", "Upton Green", "neighbourhood office", "network_ready", False),
    ("VIC", "Victoria Square", "neighbourhood office", "network_ready", True),
    ("WHA", "Wharfedale", "neighbourhood office", "network_upgrade", False),
    ("YAR", "Yarrow Street", "neighbourhood office", "network_upgrade", False),
    ("ALD", "Aldergate", "neighbourhood office", "surveyed", True),
    ("BRO", "Brook End", "neighbourhood office", "surveyed", False),
    ("COP", "Copse Lane", "neighbourhood office", "candidate", False),
    ("DEN", "Denholme", "neighbourhood office", "candidate", False),
]
_LIVE = [code for code, _, _, stage, _ in _SITES if stage == "live"]
_FIREARMS_BASE = "FOR"


def sites(_today: date) -> Iterator[Row]:
    """The force's sites."""
    for number, (code, name, kind, stage, nte) in enumerate(_SITES, 1):
        address = f"{number * 7 % 90 + 1} {name.split()[0]} Way"
        nights = "yes" if nte else "no"
        yield {"code": code, "name": name, "kind": kind, "address": address, "nte": nights, "stage": stage}


def docks(_today: date) -> Iterator[Row]:
    """Six-bay docks, enough for every camera of phase 1, spread over the live sites; one-bay docks elsewhere."""
    for number in range(_docks_needed()):
        yield {"serial": _dock(number), "site": _LIVE[number % len(_LIVE)], "bays": str(BAYS)}
    fitted = [code for code, _, _, stage, _ in _SITES if stage in {"accepted", "docks_fitted"}]
    for number, code in enumerate(fitted):
        yield {"serial": f"DK1{number:05d}", "site": code, "bays": "1"}


def _docks_needed() -> int:
    return -(-(BODY_2_BOUGHT + FLEX_2_BOUGHT) // BAYS)


def _dock(number: int) -> str:
    return f"DK6{number:05d}"


def people(today: date) -> Iterator[Row]:
    """Officers, by collar number alone: who holds a camera first, then those whom phase 2 is for."""
    for number in range(BODY_2_ISSUED):
        # The same arithmetic as the cameras' home docks, so that an officer's camera docks where they work.
        site = _LIVE[number // BAYS % len(_LIVE)]
        yield _officer(
            response_collar(number),
            f"Response {site} {'ABCDE'[number % 5]}",
            "response",
            site=site,
            number=number,
            today=today,
        )
    for number in range(FLEX_2_ISSUED + 30):
        team = f"Firearms {number % 6 + 1}"
        yield _officer(firearms_collar(number), team, "firearms", site=_FIREARMS_BASE, number=number, today=today)
    start = FIRST_OF_PHASE_2
    for function, many in PHASE_2_OFFICERS.items():
        for number in range(many):
            site = _SITES[number % len(_SITES)][0]
            team = f"{function.replace('-', ' ').capitalize()} {site}"
            yield _officer(str(start + number), team, function, site=site, number=number, today=today)
        start += 2_000


def response_collar(number: int) -> str:
    return str(10_000 + number)


def firearms_collar(number: int) -> str:
    return str(15_000 + number)


def _officer(collar: str, team: str, function: str, *, site: str, number: int, today: date) -> Row:
    # Two in a hundred have let their training lapse; the rest run out over two years.
    has_lapsed = number % 50 == 1
    days = -(number % 60) - 1 if has_lapsed else 20 + number * 37 % 700
    until = (today + timedelta(days=days)).isoformat()
    return {
        "collar": collar, "name": "", "team": team, "function": function, "site": site, "trained_until": until
    }  # fmt: skip


def cameras(_today: date) -> Iterator[Row]:
    """The fleet: phase 1 with its holders, phase 2 in reserve."""
    for number in range(BODY_2_BOUGHT):
        holder = response_collar(number) if number < BODY_2_ISSUED else ""
        yield _camera("X81", number, "body-2", phase="1", dock=number // BAYS, holder=holder)
    for number in range(FLEX_2_BOUGHT):
        holder = firearms_collar(number) if number < FLEX_2_ISSUED else ""
        yield _camera("X78", number, "flex-2", phase="1", dock=(BODY_2_BOUGHT + number) // BAYS, holder=holder)
    for number in range(PHASE_2_BODY_2):
        yield _camera("X83", number, "body-2", phase="2")
    for number in range(PHASE_2_FLEX_2):
        yield _camera("X79", number, "flex-2", phase="2")


def _camera(prefix: str, number: int, model: str, *, phase: str, dock: int | None = None, holder: str = "") -> Row:
    upgraded = phase == "2" or number % 5 == 0
    return {
        "serial": serial_of(prefix, number),
        "asset_tag": f"BWV{prefix[1:]}{number + 1:04d}",
        "model": model,
        "use": "personal" if holder else "reserve",
        "phase": phase,
        "home_dock": "" if dock is None else _dock(dock),
        "firmware": "1.11.4" if upgraded else "1.9.18",
        "encryption": "aes256" if phase == "2" else "aes128" if upgraded else "none",
        "bluetooth": "secure-connections" if phase == "2" else "legacy",
        "custody": "issued" if holder else _unissued(number) if phase == "1" else "in_stock",
        "holder": holder,
        "due_back": "",
    }


def serial_of(prefix: str, number: int) -> str:
    # A serial is opaque: the digits are scattered so that neighbours on a shelf do not look alike.
    return f"{prefix}{(number * 7_919 + 104_729) % 1_000_000:06d}"


def _unissued(number: int) -> str:
    return {1: "quarantined", 2: "repair"}.get(number % 90, "in_stock")


def tasers(_today: date) -> Iterator[Row]:
    """X2s of the firearms and response officers, and the X26s that they replace."""
    for number in range(_X2):
        holder = firearms_collar(number) if number < FLEX_2_ISSUED else response_collar(number * 3)
        site = _FIREARMS_BASE if number < FLEX_2_ISSUED else _LIVE[number * 3 // BAYS % len(_LIVE)]
        yield _taser(f"X29{number * 6_007 % 100_000:05d}", "x2", f"SP{number * 3_001 % 100_000:05d}", site, holder)
    for number in range(_X26):
        yield _taser(f"X00{number * 4_001 % 100_000:05d}", "x26", "", _LIVE[number % len(_LIVE)], "")


def _taser(serial: str, model: str, sppm: str, site: str, holder: str) -> Row:
    bluetooth = "legacy" if sppm else ""
    return {
        "serial": serial, "model": model, "sppm": sppm, "firmware": "4.028" if sppm else "",
        "bluetooth": bluetooth, "home_site": site, "holder": holder,
    }  # fmt: skip
