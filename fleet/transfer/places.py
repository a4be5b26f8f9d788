"""Files of sites and of docks."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from fleet.audit import Event
from fleet.db import AnySelect, Identifier
from fleet.sites import service
from fleet.sites.models import MOST_BAYS, SiteStep
from fleet.sites.stages import NEXT_STAGES, Stage, missing_steps
from fleet.transfer.cells import identifier, one_of, repeated_identifier, whole, words_of_text, yes_or_no
from fleet.transfer.sheet import Check, Column, Sheet, Staged, reference_to
from fleet.transfer.work import entry, log

_STEPS = [(str(reached), str(stage)) for reached, following in NEXT_STAGES.items() for stage in following]
_USUAL_BAYS = 6


class Sites(Sheet):
    """A stage that a file gives to a site in the register is a step like any other (rule 3).

    A site that nobody has recorded a stage of takes any, as a new one does; a stage is never taken away.
    """

    def _moving(self, staged: Staged) -> AnySelect:
        stage = staged.stage
        here = sa.and_(self.table.c.code == stage.c.code, self.table.c.stage != stage.c.stage)
        was = sa.cast(self.table.c.stage, sa.Text).label("was")
        return sa.select(stage.c.line, was, stage.c.stage.label("wanted")).join(self.table, here)

    def checks(self, staged: Staged) -> Iterator[Check]:
        """No step is left out (rule 3)."""
        stage = staged.stage
        possible = sa.tuple_(sa.cast(self.table.c.stage, sa.Text), stage.c.stage).in_(_STEPS)
        yield Check("stage", self._moving(staged).where(~possible), _out_of_order)

    def before_change(self, staged: Staged) -> None:
        """A stage reached goes into the site's history and has an entry of its own, as it has from the pages."""
        stage, mark, table = staged.stage, staged.mark, self.table
        rows = stage.join(mark, mark.c.line == stage.c.line).join(table, table.c.id == mark.c.id)
        reached = sa.and_(stage.c.stage.is_not(None), table.c.stage.is_distinct_from(stage.c.stage))
        steps = sa.select(
            table.c.id, stage.c.stage, sa.literal(staged.now, sa.DateTime(timezone=True)), sa.literal(staged.actor.name)
        )
        steps = steps.select_from(rows).where(reached).order_by(stage.c.line)
        into = ["site_id", "stage", "at", "actor"]
        staged.session.execute(sa.insert(SiteStep).from_select(into, steps))
        said = sa.func.jsonb_build_object(
            sa.literal("stage"), stage.c.stage, sa.literal("was"), sa.func.coalesce(table.c.stage, Stage.CANDIDATE)
        )
        entries = entry(self, staged, Event.SITE_STAGE_REACHED, said, sa.null())
        staged.session.execute(log(entries.select_from(rows).where(reached)))


def _out_of_order(row: Any) -> str:
    missing = missing_steps(Stage(row.was), Stage(row.wanted))
    if missing:
        return f"the site is {row.was}; before it is {row.wanted} it must be {', then '.join(missing)} (rule 3)"
    return f"the site is {row.was} already; it does not go back to {row.wanted} (rule 3)"


SITES = Sites(
    "sites",
    service.SITES,
    [
        Column("code", identifier, Identifier, required=True),
        Column("name", words_of_text, sa.Text()),
        Column("kind", words_of_text, sa.Text()),
        Column("address", words_of_text, sa.Text()),
        Column("nte", yes_or_no, sa.Boolean(), keeps=True, default=False),
        Column("stage", one_of(Stage), sa.Text(), keeps=True, logged=False),
    ],
    facts=("stage",),
)
DOCKS = Sheet(
    "docks",
    service.DOCKS,
    [
        Column("serial", identifier, Identifier, required=True),
        Column("site", repeated_identifier, Identifier, refers_to=reference_to(service.SITES)),
        Column("bays", whole(1, MOST_BAYS), sa.SmallInteger(), keeps=True, default=_USUAL_BAYS),
    ],
    facts=("site", "bays"),
)
