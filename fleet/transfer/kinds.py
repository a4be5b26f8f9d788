"""The kinds of files, in the order in which a new register takes them: what is referred to comes first."""

from fleet.transfer.cameras import CAMERAS
from fleet.transfer.people import PEOPLE
from fleet.transfer.places import DOCKS, SITES
from fleet.transfer.sheet import Sheet
from fleet.transfer.tasers import TASERS

_SHEETS: tuple[Sheet, ...] = (SITES, DOCKS, PEOPLE, CAMERAS, TASERS)
KINDS = tuple(sheet.name for sheet in _SHEETS)


def sheet_of(name: str) -> Sheet:
    """The sheet of a kind in ``KINDS``."""
    return next(sheet for sheet in _SHEETS if sheet.name == name)
