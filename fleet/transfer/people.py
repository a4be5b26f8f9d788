"""Files of people."""

from typing import Any

import sqlalchemy as sa

from fleet.db import Identifier
from fleet.people import service
from fleet.people.models import Function, Team
from fleet.sites.service import SITES
from fleet.transfer.cells import day, identifier, one_of, repeated_identifier, words_of_text
from fleet.transfer.sheet import Column, Reference, Sheet, Staged, reference_to

_TEAM = Reference(Team.metadata.tables["team"], "name", "team", made_when_missing=True)


class People(Sheet):
    def officer_when_new(self, staged: Staged) -> sa.ColumnElement[Any]:
        """The officer is the subject."""
        return staged.stage.c.collar


PEOPLE = People(
    "people",
    service.PEOPLE,
    [
        Column("collar", identifier, Identifier, required=True),
        Column("name", words_of_text, sa.Text()),
        Column("team", words_of_text, sa.Text(), refers_to=_TEAM),
        Column("function", one_of(Function), sa.Text()),
        Column("site", repeated_identifier, Identifier, refers_to=reference_to(SITES)),
        Column("trained_until", day, sa.Date()),
    ],
    facts=("trained_until",),
)
