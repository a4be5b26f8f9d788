"""Files of Tasers."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from fleet.cameras.states import Bluetooth
from fleet.db import Identifier
from fleet.people.service import PEOPLE
from fleet.sites.service import SITES
from fleet.tasers import pairings, service
from fleet.tasers.models import TaserModel
from fleet.tasers.states import AT_HAND, TaserCustody
from fleet.transfer.cells import identifier, one_of, repeated_identifier, words_of_text
from fleet.transfer.sheet import Check, Column, Sheet, Staged, Values, reference_to

_LEVELS = ("firmware", "bluetooth")


class Tasers(Sheet):
    """A Taser with a holder is issued. Another magazine, or another holder, suspends its pairings."""

    def officer_when_new(self, staged: Staged) -> sa.ColumnElement[Any]:
        """Whoever holds it."""
        return staged.stage.c.holder

    def checks(self, staged: Staged) -> Iterator[Check]:
        """An X26 has no SPPM (rule 2): neither in the file nor, when the file does not say, in the register."""
        stage, table = staged.stage, self.table
        sppm = stage.c.sppm if staged.has("sppm") else table.c.sppm
        rows = sa.select(stage.c.line).outerjoin_from(stage, table, table.c.serial == stage.c.serial)
        rows = rows.where(stage.c.model == TaserModel.X26, sppm.is_not(None))
        yield Check(
            "sppm" if staged.has("sppm") else "model",
            rows,
            lambda _row: "an X26 has no SPPM and cannot pair; only an X2 takes one (rule 2)",
        )
        if staged.has("holder"):
            gone = sa.select(stage.c.line, table.c.custody).join_from(stage, table, table.c.serial == stage.c.serial)
            gone = gone.where(stage.c.holder.is_not(None), table.c.custody.not_in(AT_HAND))
            yield Check("holder", gone, lambda row: f"the Taser is {row.custody}, so nobody has it (rule 9)")

    def values_when_new(self, staged: Staged) -> Values:
        """Its custody, which began as far as the register knows when it was recorded."""
        issued = sa.case((staged.stage.c.holder.is_(None), TaserCustody.REGISTERED), else_=TaserCustody.ISSUED)
        return {"custody": sa.cast(issued, sa.Text), "custody_at": sa.literal(staged.now, sa.DateTime(timezone=True))}

    def values_when_changed(self, wanted: Values) -> Values:
        """Custody follows the holder; a level that came from a file is recorded, not what it reported (rule 1)."""
        values: Values = {}
        if "holder_id" in wanted:
            held = (wanted["holder_id"].is_not(None), sa.literal(str(TaserCustody.ISSUED)))
            back = (self.table.c.holder_id.is_not(None), sa.literal(str(TaserCustody.RETURNED)))
            values["custody"] = sa.case(held, back, else_=sa.cast(self.table.c.custody, sa.Text))
        differs = [self.table.c[name].is_distinct_from(wanted[name]) for name in _LEVELS if name in wanted]
        if differs:
            kept = self.table.c.levels_reported_at
            values["levels_reported_at"] = sa.case((sa.or_(*differs), sa.null()), else_=kept)
        return values

    def after_adding(self, staged: Staged) -> None:
        """Stop the pairings that a magazine or a holder of the file leaves without what they were made with."""
        pairings.magazines_changed(staged.session, staged.actor, now=staged.now)
        pairings.holders_changed(staged.session, staged.actor, now=staged.now)


TASERS = Tasers(
    "tasers",
    service.TASERS,
    [
        Column("serial", identifier, Identifier, required=True, warns=True),
        Column("model", one_of(TaserModel), sa.Text(), required=True),
        Column("sppm", identifier, Identifier, unique=True),
        Column("firmware", words_of_text, sa.Text()),
        Column("bluetooth", one_of(Bluetooth), sa.Text()),
        Column("home_site", repeated_identifier, Identifier, refers_to=reference_to(SITES)),
        Column("holder", repeated_identifier, Identifier, refers_to=reference_to(PEOPLE)),
    ],
    facts=("model", "sppm"),
)
