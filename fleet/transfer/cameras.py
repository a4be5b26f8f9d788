"""Files of cameras, and of who has them."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa

from fleet.cameras import service
from fleet.cameras.models import Camera
from fleet.cameras.states import Bluetooth, Custody, Encryption, Model, Use
from fleet.custody.models import Allocation, IssueKind
from fleet.db import Identifier
from fleet.people.models import Person
from fleet.people.service import PEOPLE
from fleet.sites.service import DOCKS
from fleet.transfer.cells import identifier, instant, one_of, repeated_identifier, whole, words_of_text
from fleet.transfer.sheet import Check, Column, Sheet, Staged, Values, reference_to

_LEVELS = ("firmware", "encryption", "bluetooth")
_MOST_EXAMPLES = 5
_ALLOCATION = Allocation.metadata.tables["allocation"]
_PERSON = Person.metadata.tables["person"]
_OPEN = _ALLOCATION.c.returned_at.is_(None)


class Cameras(Sheet):
    """A new camera is recorded with its holder. Of one in the register, custody changes by acts, not by files (rule 9).

    The columns do not say of which kind an issue was. A camera for personal use is a personal issue, any other a loan
    from the pool. An officer may have one of each (rule 7); when neither or both are for personal use, and just one
    of the two is due back, that one is the loan.
    """

    def __init__(self, *what: Any, **more: Any) -> None:
        super().__init__(*what, **more)
        self.grows.append(_ALLOCATION)

    def _custody(self, staged: Staged) -> sa.ColumnElement[Any]:
        unsaid = sa.case((staged.stage.c.holder.is_(None), Custody.IN_STOCK), else_=Custody.ISSUED)
        return sa.func.coalesce(staged.stage.c.custody, sa.cast(unsaid, sa.Text))

    def _issues(self, staged: Staged) -> sa.Subquery:
        """New cameras with their holders' collar numbers and the kind of issue."""
        stage = staged.stage
        is_personal = sa.func.coalesce(stage.c.use == Use.PERSONAL, sa.false())
        personal = sa.func.count().filter(is_personal).over(partition_by=stage.c.holder)
        two_alike = sa.and_(sa.func.count().over(partition_by=stage.c.holder) == 2, personal != 1)  # noqa: PLR2004
        one_due = sa.and_(two_alike, sa.func.count(stage.c.due_back).over(partition_by=stage.c.holder) == 1)
        is_loan = sa.case((one_due, stage.c.due_back.is_not(None)), else_=~is_personal)
        kind = sa.case((is_loan, IssueKind.POOL), else_=IssueKind.PERSONAL)
        columns = (stage.c.line, stage.c.serial, stage.c.holder, stage.c.due_back, sa.cast(kind, sa.Text).label("kind"))
        rows = sa.select(*columns).select_from(staged.new_rows())
        return rows.where(stage.c.holder.is_not(None), ~stage.c.bad).subquery("issues")

    def lock(self, staged: Staged) -> None:
        """Lock the officers who are to hold something, in a fixed order, after the cameras, as the counter does."""
        holders = sa.select(staged.stage.c.holder).select_from(staged.new_rows())
        officers = sa.select(_PERSON.c.id).where(_PERSON.c.collar.in_(holders)).order_by(_PERSON.c.id)
        locked = officers.with_for_update(key_share=True).subquery("locked")
        staged.session.execute(sa.select(sa.func.count()).select_from(locked))

    def checks(self, staged: Staged) -> Iterator[Check]:
        """Custody and holder agree, and nobody has two of a kind (rule 7)."""
        stage = staged.stage
        new = sa.select(stage.c.line, stage.c.custody.label("custody")).select_from(staged.new_rows())
        new = new.where(~stage.c.bad)
        without, held = stage.c.holder.is_(None), stage.c.holder.is_not(None)
        yield Check(
            "custody",
            new.where(stage.c.custody == Custody.ISSUED, without),
            lambda _row: "the camera is issued, but the column holder does not say to whom",
        )
        yield Check(
            "custody",
            new.where(stage.c.custody != Custody.ISSUED, held),
            lambda row: f"a camera with a holder is issued, not {row.custody}",
        )
        yield Check(
            "due_back",
            new.where(stage.c.due_back.is_not(None), without),
            lambda _row: "nobody has the camera, so it is not due back",
        )
        yield self._two_in_file(staged)
        yield self._two_with_register(staged)

    def _two_in_file(self, staged: Staged) -> Check:
        issues = self._issues(staged)
        key = (issues.c.holder, issues.c.kind)
        first, last = sa.func.min(issues.c.line).label("first"), sa.func.max(issues.c.line).label("last")
        found = sa.select(*key, first, last).group_by(*key).having(sa.func.count() > 1).subquery("several")
        again = self._issues(staged).alias("again")
        stage = staged.stage
        other = sa.case((stage.c.line == found.c.first, found.c.last), else_=found.c.first).label("other")
        rows = (
            sa.select(stage.c.line, again.c.holder, again.c.kind, other)
            .join(again, again.c.line == stage.c.line)
            .join(found, sa.and_(found.c.holder == again.c.holder, found.c.kind == again.c.kind))
        )
        return Check(
            "holder", rows, lambda row: f"{row.holder} has a {row.kind} camera on line {row.other} too (rule 7)"
        )

    def _two_with_register(self, staged: Staged) -> Check:
        issues, stage = self._issues(staged), staged.stage
        had = sa.and_(_ALLOCATION.c.person_id == _PERSON.c.id, _ALLOCATION.c.kind == issues.c.kind, _OPEN)
        rows = (
            sa.select(stage.c.line, issues.c.holder, issues.c.kind, self.table.c.serial.label("held"))
            .join(issues, issues.c.line == stage.c.line)
            .join(_PERSON, _PERSON.c.collar == issues.c.holder)
            .join(_ALLOCATION, had)
            .join(self.table, self.table.c.id == _ALLOCATION.c.camera_id)
        )
        return Check("holder", rows, lambda row: f"{row.holder} already has {row.held} ({row.kind}, rule 7)")

    def notes(self, staged: Staged) -> Iterator[str]:
        """How many cameras are said to be in another custody than they are."""
        stage, source, values = staged.stage, *self.exported()
        differs = []
        if staged.has("custody"):
            differs.append(sa.and_(stage.c.custody.is_not(None), stage.c.custody != values["custody"]))
        if staged.has("holder"):
            differs.append(stage.c.holder.is_distinct_from(values["holder"]))
        if staged.has("due_back"):
            differs.append(stage.c.due_back.is_distinct_from(values["due_back"]))
        rows = sa.select(stage.c.serial, sa.func.count().over().label("total"))
        rows = rows.select_from(source.join(stage, stage.c.serial == self.table.c.serial))
        rows = rows.where(sa.or_(sa.false(), *differs)).order_by(stage.c.line).limit(_MOST_EXAMPLES)
        found = staged.session.execute(rows).all()
        if found:
            examples = ", ".join(row.serial for row in found) + (", …" if found[0].total > len(found) else "")
            yield (
                f"{found[0].total:,} cameras have another custody, holder or due date in the register. "
                f"That stands; issue or return them (rule 9): {examples}"
            )

    def values_when_new(self, staged: Staged) -> Values:
        """Its custody, which began as far as the register knows when it was recorded."""
        return {"custody": self._custody(staged), "custody_at": sa.literal(staged.now, sa.DateTime(timezone=True))}

    def values_when_changed(self, wanted: Values) -> Values:
        """A level that came from a file is recorded, no longer what the device reported (rule 1)."""
        differs = [self.table.c[name].is_distinct_from(wanted[name]) for name in _LEVELS if name in wanted]
        if not differs:
            return {}
        return {"levels_reported_at": sa.case((sa.or_(*differs), sa.null()), else_=self.table.c.levels_reported_at)}

    def facts_when_new(self, staged: Staged) -> Values:
        """As from the pages, and when it is due back."""
        return {**super().facts_when_new(staged), "custody": self._custody(staged), "due_back": staged.stage.c.due_back}

    def officer_when_new(self, staged: Staged) -> sa.ColumnElement[Any]:
        """Whoever holds it."""
        return staged.stage.c.holder

    def after_adding(self, staged: Staged) -> None:
        """Open the allocations. A loan makes the officer's personal camera rest, whichever came first (rule 7)."""
        issues = self._issues(staged)
        camera_id, person_id = self.table.c.id.label("camera_id"), _PERSON.c.id.label("person_id")
        issued = (
            sa.select(camera_id, person_id, issues.c.kind, issues.c.due_back)
            .join(issues, issues.c.serial == self.table.c.serial)
            .join(_PERSON, _PERSON.c.collar == issues.c.holder)
            .subquery("issued")
        )
        borrowers = sa.select(issued.c.person_id).where(issued.c.kind == IssueKind.POOL)
        resting = _ALLOCATION.update().where(_ALLOCATION.c.person_id.in_(borrowers), _ALLOCATION.c.active, _OPEN)
        staged.session.execute(resting.values(active=False))
        lent = sa.select(_ALLOCATION.c.person_id).where(_ALLOCATION.c.kind == IssueKind.POOL, _OPEN)
        rests = sa.and_(
            issued.c.kind == IssueKind.PERSONAL,
            sa.or_(issued.c.person_id.in_(borrowers), issued.c.person_id.in_(lent)),
        )
        at = sa.literal(staged.now, sa.DateTime(timezone=True))
        rows = sa.select(*issued.c, at, ~rests)
        into = [*issued.c.keys(), "issued_at", "active"]
        staged.session.execute(_ALLOCATION.insert().from_select(into, rows))

    def exported(self) -> tuple[sa.FromClause, dict[str, sa.ColumnElement[Any]]]:
        """With who has it. Conditions on reports and allocations may be put to it as well."""
        source, values = super().exported()
        source = source.outerjoin(_ALLOCATION, sa.and_(_ALLOCATION.c.camera_id == self.table.c.id, _OPEN))
        source = source.outerjoin(_PERSON, _PERSON.c.id == _ALLOCATION.c.person_id)
        report = Camera.metadata.tables["camera_report"]
        source = source.outerjoin(report, report.c.camera_id == self.table.c.id)
        held = {"custody": sa.cast(self.table.c.custody, sa.Text), "holder": _PERSON.c.collar}
        return source, values | held | {"due_back": _ALLOCATION.c.due_back}


CAMERAS = Cameras(
    "cameras",
    service.CAMERAS,
    [
        Column("serial", identifier, Identifier, required=True, warns=True),
        Column("asset_tag", identifier, Identifier, unique=True),
        Column("model", one_of(Model), sa.Text(), required=True),
        Column("use", one_of(Use), sa.Text()),
        Column("phase", whole(1, 99), sa.SmallInteger()),
        Column("home_dock", repeated_identifier, Identifier, refers_to=reference_to(DOCKS)),
        Column("firmware", words_of_text, sa.Text()),
        Column("encryption", one_of(Encryption), sa.Text()),
        Column("bluetooth", one_of(Bluetooth), sa.Text()),
        Column("custody", one_of(Custody), sa.Text(), written=False),
        Column("holder", repeated_identifier, Identifier, refers_to=reference_to(PEOPLE), written=False),
        Column("due_back", instant, sa.DateTime(timezone=True), written=False),
    ],
    facts=("model", "use"),
)
