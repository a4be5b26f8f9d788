"""Labels as the API takes the wish for them."""

from typing import Any

import marshmallow as ma

from fleet.api import ListQuery, Schema, Word
from fleet.custody.schemas import CameraQuery
from fleet.labels.drawing import Symbol
from fleet.labels.layouts import NARROWEST_MM, ROLL, SHEETS, WIDEST_MM, Layout, roll
from fleet.labels.service import MOST, Wanted, What
from fleet.people.schemas import PersonQuery
from fleet.sites.schemas import DockQuery
from fleet.stock.kit_schemas import KitQuery

# What a list's own page takes as its filters.
QUERIES: dict[What, type[ListQuery]] = {
    What.CAMERAS: CameraQuery,
    What.OFFICERS: PersonQuery,
    What.DOCKS: DockQuery,
    What.KITS: KitQuery,
}
_PAGED = {"limit", "cursor"}
_SIZE_MM = ma.validate.Range(NARROWEST_MM, WIDEST_MM, error="A roll’s label measures {min} to {max} mm.")
_LARGEST_SHEET = max(layout.per_page for layout in SHEETS.values())
_START = ma.validate.Range(1, _LARGEST_SHEET, error="The first label on a sheet is from {min} to {max}.")


class LabelsWanted(Schema):
    """``named`` or ``filters`` says which; ``width_mm`` and ``height_mm`` belong to the layout ``roll``."""

    what = Word(What, required=True)
    named = ma.fields.List(ma.fields.String(validate=ma.validate.Length(1, 100)), validate=ma.validate.Length(1, MOST))
    filters = ma.fields.Dict(keys=ma.fields.String(), values=ma.fields.String())
    layout = ma.fields.String(required=True, validate=ma.validate.OneOf([*SHEETS, ROLL]))
    width_mm = ma.fields.Float(validate=_SIZE_MM)
    height_mm = ma.fields.Float(validate=_SIZE_MM)
    symbol = Word(Symbol, load_default=Symbol.BOTH)
    start = ma.fields.Integer(strict=True, load_default=1, validate=_START)

    @ma.validates_schema
    def _is_whole(self, data: dict[str, Any], **_: Any) -> None:
        wrong: dict[str, list[str]] = {}
        if ("named" in data) == ("filters" in data):
            wrong["named"] = ["Say which: either named or filters."]
        for name in ("width_mm", "height_mm"):
            if (data["layout"] == ROLL) != (name in data):
                wrong[name] = ["A roll needs its size." if data["layout"] == ROLL else "A sheet has a size of its own."]
        if wrong:
            raise ma.ValidationError(wrong)

    @ma.post_load
    def _made(self, data: dict[str, Any], **_: Any) -> Wanted:
        layout = _layout(data.pop("layout"), data.pop("width_mm", None), data.pop("height_mm", None))
        if "filters" in data:
            data["filters"] = filters_of(data["what"], data["filters"])
        return Wanted(layout=layout, **data)


def _layout(name: str, width_mm: float | None, height_mm: float | None) -> Layout:
    return SHEETS[name] if name in SHEETS else roll(width_mm or 0, height_mm or 0)


def filters_of(what: What, typed: dict[str, str]) -> dict[str, Any]:
    """A list's filters as its own page reads them.

    Raises:
        ValidationError: there is no such filter, or it cannot have this value.
    """
    loaded: dict[str, Any] = QUERIES[what](exclude=_PAGED).load(typed)
    return loaded
