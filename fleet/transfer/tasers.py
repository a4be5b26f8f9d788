"""Files of Tasers."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from fleet.cameras.states import Bluetooth
from fleet.db import Identifier
from fleet.people.service import PEOPLE
from fleet.sites.service import SITES
from fleet.tasers import service
from fleet.tasers.models import TaserModel
from fleet.transfer.cells import identifier, one_of, repeated_identifier, words_of_text
from fleet.transfer.sheet import Check, Column, Sheet, Staged, reference_to


class Tasers(Sheet):
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
