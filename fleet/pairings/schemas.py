"""Pairings, stations and what stations say, as the API takes and gives them."""

import base64
import binascii
import re
from typing import Any

import marshmallow as ma

from fleet.api import LONGEST_NAME, Flag, Identifier, Instant, ListQuery, Schema, Text, Word
from fleet.cameras.states import Bluetooth, Encryption
from fleet.pairings.states import JobKind, JobState, StationState, StepState
from fleet.tasers.states import Because, DeviceKind, PairingState

_LONGEST_BINARY = 65_536
_BASE64URL = re.compile(r"[A-Za-z0-9_-]*")
_MOST_STEPS = 200
_LONGEST_FACTS = 20
_LARGEST = 2**53


class Binary(ma.fields.Field[bytes]):
    """Bytes as base64url without padding (RFC 4648, section 5), of at most ``longest``."""

    def __init__(self, *, longest: int = _LONGEST_BINARY, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        self._longest = longest

    def _deserialize(self, value: Any, attr: str | None, data: Any, **kwargs: Any) -> bytes:  # noqa: ARG002
        text = value if isinstance(value, str) else " "
        if len(text) > self._longest * 4 // 3 + 1 or not _BASE64URL.fullmatch(text):
            raise ma.ValidationError(f"Base64url without padding, of at most {self._longest} bytes.")
        try:
            return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
        except binascii.Error as error:
            raise ma.ValidationError("This is not base64url.") from error

    def _serialize(self, value: bytes | None, *_: Any, **__: Any) -> str | None:
        return None if value is None else base64.urlsafe_b64encode(value).rstrip(b"=").decode()


class JobNumberSchema(Schema):
    id = ma.fields.Integer()


class PairingQuery(ListQuery):
    state = Word(PairingState)
    because = Word(Because)
    taser = Identifier()
    camera = Identifier()
    q = ma.fields.String()


class NewPairing(Schema):
    taser = Identifier(required=True)
    camera = Identifier(required=True)
    station = Identifier(allow_none=True, load_default=None)


class AtStation(Schema):
    station = Identifier(allow_none=True, load_default=None)


class StationStepSchema(Schema):
    job = ma.fields.Integer()
    kind = Word(JobKind)
    number = ma.fields.Integer()
    step = ma.fields.String()
    state = Word(StepState)
    at = Instant()
    detail = ma.fields.String(allow_none=True)
    facts = ma.fields.Dict()


class StationJobSchema(Schema):
    id = ma.fields.Integer()
    kind = Word(JobKind)
    state = Word(JobState)
    by = ma.fields.String()
    station = Identifier(allow_none=True)
    taser = Identifier(allow_none=True)
    sppm = Identifier(allow_none=True)
    camera = Identifier(allow_none=True)
    pairing = ma.fields.Integer(allow_none=True)
    created_at = Instant()
    expires_at = Instant()
    leased_at = Instant(allow_none=True)
    ended_at = Instant(allow_none=True)
    detail = ma.fields.String(allow_none=True)


class PairingSchema(Schema):
    id = ma.fields.Integer()
    taser = Identifier()
    sppm = Identifier()
    camera = Identifier()
    state = Word(PairingState)
    because = Word(Because, allow_none=True, metadata={"description": "why it is suspended or revoked"})
    taser_holder = Identifier(allow_none=True)
    camera_holder = Identifier(allow_none=True)
    created_at = Instant()
    created_by = ma.fields.String()
    permit_until = Instant(allow_none=True)
    agreed_at = Instant(allow_none=True)
    tested_at = Instant(allow_none=True)
    changed_at = Instant()


class OnePairing(PairingSchema):
    steps = ma.fields.List(ma.fields.Nested(StationStepSchema))
    job = ma.fields.Nested(StationJobSchema, allow_none=True, metadata={"description": "the newest"})


class SwitchSchema(Schema):
    on = ma.fields.Boolean()
    reason = ma.fields.String(allow_none=True)
    at = Instant(allow_none=True)
    by = ma.fields.String(allow_none=True)


class SwitchTurn(Schema):
    on = Flag(required=True)
    reason = Text(required=True)


class StationJobQuery(ListQuery):
    state = Word(JobState)
    kind = Word(JobKind)


class NewStationJob(AtStation):
    kind = ma.fields.String(required=True, validate=ma.validate.OneOf([str(JobKind.COMMISSION), str(JobKind.READ_LOG)]))
    taser = Identifier(load_default=None)
    camera = Identifier(load_default=None)

    @ma.validates_schema
    def _of_one_device(self, values: dict[str, Any], **_: Any) -> None:
        if (values.get("taser") is None) == (values.get("camera") is None):
            raise ma.ValidationError("Say a Taser or a camera, and not both.", "taser")
        if values.get("kind") == JobKind.READ_LOG and values.get("taser") is None:
            raise ma.ValidationError("A camera's log is read by its dock.", "camera")


class StationQuery(ListQuery):
    state = Word(StationState)
    site = Identifier()


class NewStation(Schema):
    name = Identifier(required=True)
    site = Identifier(allow_none=True, load_default=None)


class StationSchema(Schema):
    id = ma.fields.Integer()
    name = ma.fields.String()
    site = Identifier(allow_none=True)
    state = Word(StationState)
    code_until = Instant(allow_none=True)
    enrolled_at = Instant(allow_none=True)
    credential_until = Instant(allow_none=True)
    last_seen_at = Instant(allow_none=True)
    revoked_at = Instant(allow_none=True)
    revoke_reason = ma.fields.String(allow_none=True)
    created_at = Instant()


class MadeStation(StationSchema):
    code = ma.fields.String(
        allow_none=True, metadata={"description": "told this once; null with an Idempotency-Key: then make one"}
    )


class StationCodeSchema(Schema):
    code = ma.fields.String()


class StationRevocation(Schema):
    reason = Text(required=True)


class TwoKeys(Schema):
    agreement_key = Binary(required=True, longest=256)
    signing_key = Binary(required=True, longest=256)


class Enrolment(TwoKeys):
    code = ma.fields.String(required=True, validate=ma.validate.Length(max=100))


class TrustSchema(Schema):
    signed = ma.fields.List(
        Binary(), metadata={"description": "what devices believe, the newest last; the rest is for whoever carries it"}
    )
    epoch = ma.fields.Integer()
    authority_keys = ma.fields.List(Binary())
    permit_keys = ma.fields.List(Binary())
    revoked = ma.fields.List(Binary())


class EnrolledSchema(Schema):
    station = ma.fields.String()
    token = ma.fields.String()
    credential = Binary()
    credential_until = Instant()
    trust = ma.fields.Nested(TrustSchema)


class TrustQuery(Schema):
    camera = Identifier(load_default=None)


class TrustAnswer(TrustSchema):
    orders = ma.fields.List(Binary(), metadata={"description": "for the camera that was asked about: what to forget"})


class NextQuery(Schema):
    wait_s = ma.fields.Integer(load_default=0, strict=False, validate=ma.validate.Range(0, 20))


class LeasedJob(Schema):
    id = ma.fields.Integer()
    kind = Word(JobKind)
    taser = Identifier(allow_none=True)
    sppm = Identifier(allow_none=True)
    camera = Identifier(allow_none=True)
    pairing = ma.fields.Integer(allow_none=True)
    expires_at = Instant()
    orders = ma.fields.List(Binary(), metadata={"description": "of an unpair job, for either device"})
    unfinished = ma.fields.List(
        Binary(), metadata={"description": "what was permitted for this pairing and has no receipts yet"}
    )


class NextJobSchema(Schema):
    job = ma.fields.Nested(LeasedJob, allow_none=True)
    trust_epoch = ma.fields.Integer()
    poll_s = ma.fields.Integer(metadata={"description": "when to ask again"})


class NewStationStep(Schema):
    number = ma.fields.Integer(required=True, strict=True, validate=ma.validate.Range(1, _MOST_STEPS))
    step = Text(required=True, longest=LONGEST_NAME)
    state = Word(StepState, required=True)
    at = Instant(required=True)
    detail = Text(allow_none=True, load_default=None)
    facts = ma.fields.Dict(
        keys=ma.fields.String(validate=ma.validate.Length(max=LONGEST_NAME)),
        load_default=dict,
        validate=ma.validate.Length(max=_LONGEST_FACTS),
    )

    @ma.validates("facts")
    def _plain(self, facts: dict[str, Any], **_: Any) -> None:
        for name, value in facts.items():
            if not isinstance(value, str | int | float | bool | None) or len(str(value)) > LONGEST_NAME:
                raise ma.ValidationError(f"{name} is no short text, number or truth.")
            if "\0" in str(value) or "\0" in name:
                raise ma.ValidationError(f"{name} has a character that cannot be printed.")
        for name in ("log_entries", "counter"):
            value = facts.get(name, 0)
            if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value < _LARGEST:
                raise ma.ValidationError(f"{name} is a number of entries or events.")

    @ma.validates("step")
    def _said(self, step: str | None, **_: Any) -> None:
        if not step:
            raise ma.ValidationError("Say which step.")


class DeviceLevels(Schema):
    encryption = Word(Encryption, allow_none=True, load_default=None)
    bluetooth = Word(Bluetooth, required=True)


class NewCredential(TwoKeys):
    device = ma.fields.String(
        required=True, validate=ma.validate.OneOf([str(DeviceKind.TASER), str(DeviceKind.CAMERA)])
    )
    serial = Identifier(required=True)
    levels = ma.fields.Nested(DeviceLevels, required=True)
    firmware = Text(allow_none=True, load_default=None, longest=64)


class DeviceCredentialSchema(Schema):
    credential = Binary()
    trust = ma.fields.Nested(TrustSchema)


class DeviceReportSchema(Schema):
    """What a station hands on of a device. Only ``credential`` and ``signed`` are believed; the rest may be left."""

    credential = Binary(required=True, longest=16_384)
    signed = Binary(required=True, longest=_LONGEST_BINARY)
    serial = Identifier(load_default=None)
    sppm = Identifier(load_default=None, allow_none=True)
    firmware = ma.fields.String(load_default=None, allow_none=True)
    encryption = ma.fields.String(load_default=None, allow_none=True)
    bluetooth = ma.fields.String(load_default=None, allow_none=True)
    clock_offset_s = ma.fields.Float(load_default=None, allow_none=True)
    clock_set = ma.fields.Boolean(load_default=None, allow_none=True)
    battery_percent = ma.fields.Integer(load_default=None, allow_none=True)
    counter = ma.fields.Integer(load_default=None, allow_none=True)
    nonce = Binary(load_default=None, allow_none=True)


class TwoReports(Schema):
    taser = ma.fields.Nested(DeviceReportSchema, required=True)
    camera = ma.fields.Nested(DeviceReportSchema, required=True)


class OrdersSchema(Schema):
    taser = ma.fields.List(Binary())
    camera = ma.fields.List(Binary())


class PermitSchema(Schema):
    permit = Binary()
    orders = ma.fields.Nested(OrdersSchema, metadata={"description": "to forget what stands no longer"})


class TwoStatements(Schema):
    taser = Binary(required=True, longest=16_384)
    camera = Binary(required=True, longest=16_384)


class PairingStanding(Schema):
    pairing = ma.fields.Integer()
    state = Word(PairingState)


class StationJobEnd(Schema):
    outcome = ma.fields.String(
        required=True,
        validate=ma.validate.OneOf([str(JobState.DONE), str(JobState.FAILED), str(JobState.REFUSED)]),
    )
    detail = Text(allow_none=True, load_default=None)
