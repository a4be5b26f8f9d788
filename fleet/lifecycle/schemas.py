"""Cases as the API takes and gives them; pages make their forms from the same schemas."""

import marshmallow as ma

from fleet.api import LONGEST_NAME, Identifier, Instant, ListQuery, Schema, Text, Word
from fleet.cameras.states import Custody, Encryption, Model
from fleet.lifecycle.models import DepartureKind, DisposalHow, LossState, RepairResult, Risk

# Enough for what somebody has to explain, and little enough to be read.
_LONG = 4_000


def _said(longest: int = _LONG) -> Text:
    """Text that must say something."""
    return Text(required=True, longest=longest, validate=_not_blank)


def _not_blank(text: str | None) -> None:
    if text is None:
        raise ma.ValidationError("This is required.")


def _show(*choices: str) -> ma.fields.String:
    return ma.fields.String(validate=ma.validate.OneOf(choices))


class LossQuery(ListQuery):
    show = _show("open", "late", "unassessed")
    state = Word(LossState)
    q = ma.fields.String()


class LossReport(Schema):
    noticed_at = Instant(required=True)
    last_seen = _said()
    last_seen_by = _said(LONGEST_NAME)
    circumstances = _said()


class LossDecision(Schema):
    outcome = ma.fields.String(required=True, validate=ma.validate.OneOf(["lost", "stolen"]))
    crime_number = Text(allow_none=True, load_default=None, longest=LONGEST_NAME)


class Recovery(Schema):
    where = _said()
    by = _said(LONGEST_NAME)
    condition = _said()


class AssessmentNote(Schema):
    """``after`` is the version that its writer has read; the newest, or somebody has written meanwhile."""

    recordings = _said()
    affected = _said()
    risk = Word(Risk, required=True)
    measures = _said()
    psd_told_at = Instant(allow_none=True, load_default=None)
    ico_told_at = Instant(allow_none=True, load_default=None)
    ico_reason = Text(allow_none=True, load_default=None, longest=_LONG)
    decided_by = _said(LONGEST_NAME)
    after = ma.fields.Integer(allow_none=True, load_default=None, strict=True, validate=ma.validate.Range(0, 100_000))


class AssessmentSchema(AssessmentNote):
    version = ma.fields.Integer()
    at = Instant()
    by = ma.fields.String()

    class Meta(Schema.Meta):
        exclude = ("after",)


class LossSummary(Schema):
    id = ma.fields.Integer()
    serial = ma.fields.String()
    collar = ma.fields.String(allow_none=True)
    state = Word(LossState)
    noticed_at = Instant()
    reported_at = Instant()
    reported_by = ma.fields.String()
    report_due_at = Instant()
    late = ma.fields.Boolean()
    assessed = ma.fields.Boolean()
    assess_due_at = Instant()
    assess_late = ma.fields.Boolean()
    last_seen = ma.fields.String()
    last_seen_by = ma.fields.String()
    circumstances = ma.fields.String()
    unoffloaded = ma.fields.Integer(allow_none=True)
    encryption = Word(Encryption, allow_none=True)
    device_seen_at = Instant(allow_none=True)
    crime_number = ma.fields.String(allow_none=True)
    decided_at = Instant(allow_none=True)
    recovered_at = Instant(allow_none=True)
    recovered_where = ma.fields.String(allow_none=True)
    recovered_by = ma.fields.String(allow_none=True)
    recovered_condition = ma.fields.String(allow_none=True)


class LossSchema(LossSummary):
    assessments = ma.fields.List(ma.fields.Nested(AssessmentSchema))


class RepairQuery(ListQuery):
    show = _show("open", "overdue", "returned")
    q = ma.fields.String()


class RepairSending(Schema):
    fault = _said()
    supplier = Text(allow_none=True, load_default=None, longest=LONGEST_NAME)
    rma = Text(allow_none=True, load_default=None, longest=LONGEST_NAME)
    expected_back = ma.fields.Date(allow_none=True, load_default=None)


class RepairReturn(Schema):
    result = Word(RepairResult, required=True)
    replacement = Identifier(allow_none=True, load_default=None)
    note = Text(allow_none=True, load_default=None)


class RepairSchema(RepairSending):
    id = ma.fields.Integer()
    serial = ma.fields.String()
    in_warranty = ma.fields.Boolean(allow_none=True)
    sent_at = Instant()
    sent_by = ma.fields.String(allow_none=True)
    overdue = ma.fields.Boolean()
    returned_at = Instant(allow_none=True)
    result = Word(RepairResult, allow_none=True)
    replacement = ma.fields.String(allow_none=True)
    note = ma.fields.String(allow_none=True)


class HoldQuery(ListQuery):
    show = _show("open", "released")
    q = ma.fields.String()


class HoldPlacing(Schema):
    authority = _said(LONGEST_NAME)
    reference = _said(LONGEST_NAME)
    reason = _said()


class Reason(Schema):
    reason = _said()


class HoldSchema(HoldPlacing):
    id = ma.fields.Integer()
    serial = ma.fields.String()
    placed_at = Instant()
    placed_by = ma.fields.String()
    released_at = Instant(allow_none=True)
    released_by = ma.fields.String(allow_none=True)
    release_reason = ma.fields.String(allow_none=True)


class RetirementQuery(ListQuery):
    show = _show("retired", "sanitised", "waiting", "disposed")
    q = ma.fields.String()


class Sanitisation(Schema):
    method = _said()
    certificate = _said(LONGEST_NAME)
    wiped_by = _said(LONGEST_NAME)
    wiped_on = ma.fields.Date(required=True)


class Disposal(Schema):
    how = Word(DisposalHow, required=True)
    waste_note = Text(allow_none=True, load_default=None, longest=LONGEST_NAME)


class Confirmation(Schema):
    """A second person's word says nothing but that."""


class RetirementSchema(Schema):
    serial = ma.fields.String()
    model = Word(Model)
    custody = Word(Custody)
    retired_at = Instant(allow_none=True)
    retired_by = ma.fields.String(allow_none=True)
    reason = ma.fields.String(allow_none=True)
    method = ma.fields.String(allow_none=True)
    certificate = ma.fields.String(allow_none=True)
    wiped_by = ma.fields.String(allow_none=True)
    wiped_on = ma.fields.Date(allow_none=True)
    how = Word(DisposalHow, allow_none=True)
    waste_note = ma.fields.String(allow_none=True)
    proposed_by = ma.fields.String(allow_none=True)
    proposed_at = Instant(allow_none=True)
    confirmed_by = ma.fields.String(allow_none=True)
    confirmed_at = Instant(allow_none=True)


class DepartureQuery(ListQuery):
    show = _show("ahead", "holding", "overdue", "withdrawn")
    kind = Word(DepartureKind)
    q = ma.fields.String()


class DepartureNote(Schema):
    kind = Word(DepartureKind, required=True)
    last_day = ma.fields.Date(required=True)
    team = Text(allow_none=True, load_default=None, longest=LONGEST_NAME)
    site = Identifier(allow_none=True, load_default=None)
    note = Text(allow_none=True, load_default=None)


class DepartureSchema(Schema):
    id = ma.fields.Integer()
    collar = ma.fields.String()
    kind = Word(DepartureKind)
    last_day = ma.fields.Date()
    to_team = ma.fields.String(allow_none=True)
    to_site = ma.fields.String(allow_none=True)
    holds = ma.fields.String(allow_none=True)
    sign_in = ma.fields.String(allow_none=True)
    note = ma.fields.String(allow_none=True)
    noted_at = Instant()
    noted_by = ma.fields.String()
    done_at = Instant(allow_none=True)
    withdrawn_at = Instant(allow_none=True)
    withdrawn_by = ma.fields.String(allow_none=True)


class ExceptionQuery(ListQuery):
    rule = _show("5", "6")
    state = _show("open", "excepted", "over")
    q = ma.fields.String()


class NewRuleException(Schema):
    rule = ma.fields.Integer(required=True, strict=True, validate=ma.validate.OneOf([5, 6]))
    reason = _said()
    until = ma.fields.Date(required=True)


class RuleExceptionSchema(Schema):
    collar = ma.fields.String()
    name = ma.fields.String(allow_none=True)
    team = ma.fields.String(allow_none=True)
    rule = ma.fields.Integer()
    state = ma.fields.String()
    reason = ma.fields.String(allow_none=True)
    until = ma.fields.Date(allow_none=True)
    by = ma.fields.String(allow_none=True)
    at = Instant(allow_none=True)


class OfficersExceptions(Schema):
    items = ma.fields.List(ma.fields.Nested(RuleExceptionSchema))
