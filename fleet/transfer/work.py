"""The statements of an import: each handles all rows of the file at once."""

from collections.abc import Iterator
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from fleet.audit.events import Event
from fleet.audit.models import AuditEntry
from fleet.audit.service import ENTRY
from fleet.db import AnySelect
from fleet.transfer.problems import MOST_KEPT, Problem, Problems
from fleet.transfer.sheet import Check, Column, Reference, Sheet, Staged, Values


class Work:
    """One file of one kind, staged: finding what differs, checking it, writing it down."""

    def __init__(self, sheet: Sheet, staged: Staged) -> None:
        self.sheet = sheet
        self.staged = staged
        self.table = sheet.table
        self._run = staged.session.execute
        in_file = [column for column in sheet.columns if column.name in staged.present]
        self._referring = [column for column in in_file if column.refers_to is not None]
        self._unique = [column for column in in_file if column.unique]
        self._written = [column for column in in_file if column.written]
        self._compared = [column for column in self._written if column is not sheet.key]
        self._named = {column.name: _named(column) for column in self._referring if column.written}

    # Who names what: each reference becomes the number of the row it names.

    def _rows(self) -> sa.FromClause:
        """The file's rows with what they refer to."""
        source: sa.FromClause = self.staged.stage
        for column in self._referring:
            if column.written:
                named = self._named[column.name]
                source = source.outerjoin(named, named.c[_reference(column).key] == self.staged.stage.c[column.name])
        return source

    def _value(self, column: Column) -> sa.ColumnElement[Any]:
        return self._named[column.name].c.id if column.refers_to else self.staged.stage.c[column.name]

    def _wanted(self, column: Column) -> sa.ColumnElement[Any]:
        """What an old row becomes."""
        value = self._value(column)
        return sa.func.coalesce(value, self.table.c[column.target]) if column.keeps else value

    def _differs(self, column: Column) -> sa.ColumnElement[bool]:
        return self.table.c[column.target].is_distinct_from(self._wanted(column))

    def _is_same(self) -> sa.ColumnElement[bool]:
        return self.table.c[self.sheet.key.name] == self.staged.stage.c[self.sheet.key.name]

    def make_missing(self) -> None:
        """Add what may be named without being there, in a fixed order so that two imports cannot wait in a circle."""
        for column in self._referring:
            reference = _reference(column)
            if reference.made_when_missing:
                name = self.staged.stage.c[column.name]
                names = sa.select(name).distinct().where(name.is_not(None), ~_exists(reference, name)).order_by(name)
                self._run(insert(reference.table).from_select([reference.key], names).on_conflict_do_nothing())

    def mark(self) -> None:
        """Note which rows are new and which differ, and lock those until the transaction ends.

        Rows that do not differ are left alone, so that counters go on with them. In locking, the database looks again
        at what somebody else changed in the meantime: what is marked does differ.
        """
        stage, mark, table = self.staged.stage, self.staged.mark, self.table
        missing = sa.select(stage.c.line).outerjoin_from(stage, table, self._is_same()).where(table.c.id.is_(None))
        self._run(mark.insert().from_select(["line"], missing))
        if self._compared:
            differing = sa.select(stage.c.line, table.c.id).select_from(self._rows().join(table, self._is_same()))
            differing = differing.where(sa.or_(*map(self._differs, self._compared))).order_by(table.c.id)
            self._run(mark.insert().from_select(["line", "id"], differing.with_for_update(key_share=True, of=table)))
        self._run(sa.text("ANALYZE import_mark"))
        self.sheet.lock(self.staged)

    def counts(self) -> tuple[int, int]:
        """How many rows are new, and how many differ."""
        mark = self.staged.mark
        new = sa.func.count().filter(mark.c.id.is_(None))
        added, changed = self._run(sa.select(new, sa.func.count(mark.c.id)).select_from(mark)).one()
        return added, changed

    # What is wrong.

    def check(self, problems: Problems) -> None:
        """Collect every row that cannot be used."""
        for check in [*self._general_checks(), *self.sheet.checks(self.staged)]:
            _collect(self.staged, check, problems)

    def _general_checks(self) -> Iterator[Check]:
        yield self._duplicates(self.sheet.key)
        for column in self._unique:
            yield self._duplicates(column)
            yield self._taken(column)
        for column in self._referring:
            if not _reference(column).made_when_missing:
                yield self._unknown(column)

    def _duplicates(self, column: Column) -> Check:
        stage = self.staged.stage
        value = stage.c[column.name]
        first, last = sa.func.min(stage.c.line).label("first"), sa.func.max(stage.c.line).label("last")
        several = sa.select(value, first, last).where(value.is_not(None)).group_by(value)
        found = several.having(sa.func.count() > 1).subquery("several")
        other = sa.case((stage.c.line == found.c.first, found.c.last), else_=found.c.first).label("other")
        rows = sa.select(stage.c.line, value.label("value"), other).join(found, found.c[column.name] == value)
        return Check(column.name, rows, lambda row: f"{row.value} is also on line {row.other}")

    def _taken(self, column: Column) -> Check:
        """Another row of the register has it, and the file does not give that row something else."""
        stage, key = self.staged.stage, self.sheet.key.name
        owner, also = self.table.alias("owner"), stage.alias("also")
        rows = sa.select(stage.c.line, stage.c[column.name].label("value"), owner.c[key].label("owner"))
        rows = rows.join(owner, owner.c[column.name] == stage.c[column.name])
        rows = rows.outerjoin(also, also.c[key] == owner.c[key])
        return Check(
            column.name,
            rows.where(also.c.line.is_(None)),
            lambda row: f"{row.value} is taken by {self.sheet.kind.subject} {row.owner}",
        )

    def _unknown(self, column: Column) -> Check:
        reference, stage = _reference(column), self.staged.stage
        value = stage.c[column.name]
        rows = sa.select(stage.c.line, value.label("value")).where(value.is_not(None), ~_exists(reference, value))
        return Check(column.name, rows, lambda row: f"there is no {reference.called} {row.value} in the register")

    # Writing it down.

    def apply(self) -> None:
        """Write the marked rows and their log entries: what changes first, then what is new."""
        self._run(self._entries_of_changes())
        self.sheet.before_change(self.staged)
        self._free_unique_values()
        self._change()
        self._run(self._entries_of_new())
        self._add()
        self.sheet.after_adding(self.staged)

    def _marked(self) -> sa.FromClause:
        """The rows that change, with what they refer to and what the register says."""
        mark, stage = self.staged.mark, self.staged.stage
        rows = self._rows().join(mark, mark.c.line == stage.c.line)
        return rows.join(self.table, self.table.c.id == mark.c.id)

    def _entries_of_changes(self) -> sa.Insert:
        logged = [column for column in self._compared if column.logged]
        pairs: list[Any] = []
        for column in logged:
            pair = sa.func.jsonb_build_array(self._was(column), self._is(column))
            pairs += [sa.literal(column.target), sa.case((self._differs(column), pair))]
        changed = sa.func.jsonb_build_object(sa.literal("changed"), sa.func.jsonb_build_object(*pairs))
        entries = entry(self.sheet, self.staged, self.sheet.kind.changed, sa.func.jsonb_strip_nulls(changed), sa.null())
        differs = sa.or_(sa.false(), *map(self._differs, logged))
        return log(entries.select_from(self._marked()).where(differs))

    def _was(self, column: Column) -> sa.ColumnElement[Any]:
        """What the log says was: the name of what the register refers to by a number."""
        if column.refers_to is None:
            return self.table.c[column.target]
        named = column.refers_to.table.alias(f"was_{column.name}")
        name = sa.select(named.c[column.refers_to.key]).where(named.c.id == self.table.c[column.target])
        return name.scalar_subquery()

    def _is(self, column: Column) -> sa.ColumnElement[Any]:
        return self.staged.stage.c[column.name] if column.refers_to else self._wanted(column)

    def _free_unique_values(self) -> None:
        """Two rows may swap a value that must be unique: the database looks at every single row, not at the end."""
        for column in self._unique:
            if column is not self.sheet.key:
                changing = sa.select(self.table.c.id).select_from(self._marked()).where(self._differs(column))
                values = {column.target: None}
                self._run(self.table.update().where(self.table.c.id.in_(changing)).values(values))

    def _change(self) -> None:
        if not self._compared:
            return
        columns = [self._wanted(column).label(column.target) for column in self._compared]
        wanted = sa.select(self.table.c.id, *columns).select_from(self._marked()).subquery("wanted")
        values: Values = {column.target: wanted.c[column.target] for column in self._compared}
        values |= self.sheet.values_when_changed(values)
        values["version"] = self.table.c.version + 1
        self._run(self.table.update().where(self.table.c.id == wanted.c.id).values(values))

    def _entries_of_new(self) -> sa.Insert:
        facts: list[Any] = []
        for name, value in self.sheet.facts_when_new(self.staged).items():
            facts += [sa.literal(name), value]
        said = sa.func.jsonb_strip_nulls(sa.func.jsonb_build_object(*facts))
        entries = entry(
            self.sheet, self.staged, self.sheet.kind.registered, said, self.sheet.officer_when_new(self.staged)
        )
        return log(entries.select_from(self.staged.new_rows()))

    def _add(self) -> None:
        values: Values = {column.target: self._new(column) for column in self._written}
        values |= self.sheet.values_when_new(self.staged)
        mark = self.staged.mark
        rows = self._rows().join(mark, sa.and_(mark.c.line == self.staged.stage.c.line, mark.c.id.is_(None)))
        new = sa.select(*(value.label(name) for name, value in values.items())).select_from(rows)
        self._run(self.table.insert().from_select(list(values), new.order_by(self.staged.stage.c.line)))

    def _new(self, column: Column) -> sa.ColumnElement[Any]:
        value = self._value(column)
        return value if column.default is None else sa.func.coalesce(value, sa.literal(column.default))


def entry(
    sheet: Sheet, staged: Staged, event: Event, facts: sa.ColumnElement[Any], officer: sa.ColumnElement[Any]
) -> AnySelect:
    """A log entry for each row, of which the file's key is the subject."""
    actor = staged.actor
    values = {
        "at": sa.literal(staged.now, ENTRY.c.at.type),
        "actor": sa.literal(actor.name),
        "role": sa.literal(actor.role, sa.Text()),
        "event": sa.literal(event, ENTRY.c.event.type),
        "subject_kind": sa.literal(sheet.kind.subject, ENTRY.c.subject_kind.type),
        "subject_key": staged.stage.c[sheet.key.name],
        "officer": officer,
        "facts": facts,
    }
    return sa.select(*(value.label(name) for name, value in values.items()))


def log(entries: AnySelect) -> sa.Insert:
    """Append the entries, which ``entry`` made."""
    return sa.insert(AuditEntry).from_select([column.name for column in entries.selected_columns], entries)


def _named(column: Column) -> sa.FromClause:
    return _reference(column).table.alias(f"named_{column.name}")


def _reference(column: Column) -> Reference:
    if column.refers_to is None:
        raise LookupError(f"{column.name} refers to nothing")
    return column.refers_to


def _exists(reference: Reference, name: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    there = reference.table.alias("there")
    return sa.exists().where(there.c[reference.key] == name)


def _collect(staged: Staged, check: Check, problems: Problems) -> None:
    """Add what a check finds: the first of it to be shown, all of it counted."""
    total = sa.func.count().over().label("total")
    rows = check.rows.add_columns(total).order_by(staged.stage.c.line).limit(MOST_KEPT)
    found = staged.session.execute(rows).all()
    if found:
        problems.add_found([Problem(row.line, check.say(row), check.column) for row in found], found[0].total)
