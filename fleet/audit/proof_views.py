"""``/audit/checkpoint`` and all else that proves the log, over HTTP; with ``/audit`` as a C2SP tlog-tiles prefix."""

from typing import Any

import marshmallow as ma
from flask import Response

from fleet.api import Blueprint, Instant, Schema, Word
from fleet.audit import bundles, export, proofs
from fleet.audit.export import Range
from fleet.audit.identity import identity_of
from fleet.audit.proofs import Standing
from fleet.clock import utc_now
from fleet.web import allow, caller, service

proof = Blueprint("audit_proof", __name__, description="What proves the log")

# A size or a place: what fits into the database's integers.
_HIGHEST = 2**62
# How the description writes answers that are not JSON.
_TEXT = {"type": "string"}
_BYTES = {"type": "string", "format": "binary"}


def _whole(**more: Any) -> ma.fields.Integer:
    return ma.fields.Integer(validate=ma.validate.Range(0, _HIGHEST), **more)


class ProofQuery(Schema):
    size = _whole(load_default=None, metadata={"description": "of the checkpoint to prove against; the newest if none"})


class ProofSchema(Schema):
    entry = ma.fields.Integer()
    standing = Word(Standing)
    position = ma.fields.Integer(allow_none=True)
    size = ma.fields.Integer(allow_none=True)
    leaf = ma.fields.String(allow_none=True)
    leaf_hash = ma.fields.String(allow_none=True)
    proof = ma.fields.List(ma.fields.String(), allow_none=True)
    root = ma.fields.String(allow_none=True)
    checkpoint = ma.fields.String(allow_none=True)
    problem = ma.fields.String(allow_none=True)


class ConsistencyQuery(Schema):
    old = _whole(required=True, data_key="from")
    new = _whole(load_default=None, data_key="to")


ConsistencySchema = Schema.from_dict(
    {
        "from": ma.fields.Integer(),
        "to": ma.fields.Integer(),
        "from_root": ma.fields.String(),
        "to_root": ma.fields.String(),
        "proof": ma.fields.List(ma.fields.String()),
        "checkpoint": ma.fields.String(),
    },
    name="ConsistencySchema",
)


class StateSchema(Schema):
    origin = ma.fields.String()
    size = ma.fields.Integer(metadata={"description": "how many entries are proven"})
    signed_at = Instant(allow_none=True)
    unproven = ma.fields.Integer(metadata={"description": "how many entries wait to be sealed, counted up to 10,001"})
    pushed_size = ma.fields.Integer(allow_none=True)
    pushed_at = Instant(allow_none=True)
    waiting = ma.fields.Integer(metadata={"description": "how many checkpoints have not reached the place outside"})
    waiting_since = Instant(allow_none=True)
    push_problem = ma.fields.String(allow_none=True)
    keys = ma.fields.List(ma.fields.String(), metadata={"description": "verification keys, the present one first"})


ExportQuery = Schema.from_dict(
    {
        "from": _whole(load_default=0, attribute="first"),
        "to": _whole(load_default=None, attribute="last"),
        "size": _whole(load_default=None),
    },
    name="ExportQuery",
)


@proof.route("/audit/checkpoint")
@allow("audit.view")
@proof.response(200, _TEXT, content_type="text/plain")
def checkpoint() -> Response:
    """The newest signed checkpoint (C2SP tlog-checkpoint)."""
    session, _ = caller()
    return Response(proofs.require_newest(session)["note"], content_type="text/plain; charset=utf-8")


@proof.route("/audit/state")
@allow("audit.view")
@proof.response(200, StateSchema)
def state() -> dict[str, Any]:
    """How far the log is proven."""
    session, _ = caller()
    identity = identity_of(service().fleet_settings)
    found = proofs.state(session)
    newest = found["newest"] or {"size": 0, "signed_at": None}
    keys = [str(verifier) for verifier in identity.verifiers]
    return {**found, "origin": identity.origin, "size": newest["size"], "signed_at": newest["signed_at"], "keys": keys}


@proof.route("/audit/<int:entry>/proof")
@allow("audit.view")
@proof.arguments(ProofQuery, location="query")
@proof.response(200, ProofSchema)
def prove(query: dict[str, Any], entry: int) -> Any:
    """The proof that an entry is in the log (RFC 9162, 2.1.3), or that it is not proven."""
    session, _ = caller()
    return proofs.proof_of(session, entry, size=query["size"])


@proof.route("/audit/consistency")
@allow("audit.view")
@proof.arguments(ConsistencyQuery, location="query")
@proof.response(200, ConsistencySchema)
def consistency(query: dict[str, Any]) -> dict[str, Any]:
    """The proof that one checkpoint's log is the beginning of another's (RFC 9162, 2.1.4)."""
    session, _ = caller()
    return proofs.consistency(session, query["old"], query["new"])


@proof.route("/audit/tile/<path:path>")
@allow("audit.view")
@proof.response(200, _BYTES, content_type="application/octet-stream")
def tile(path: str) -> Response:
    """A tile or a bundle of leaves (C2SP tlog-tiles)."""
    session, _ = caller()
    return Response(bundles.read(session, path), content_type="application/octet-stream")


@proof.route("/audit/export")
@allow("audit.view")
@proof.arguments(ExportQuery, location="query")
@proof.response(200, _TEXT, content_type="application/jsonl")
def export_range(query: dict[str, Any]) -> Response:
    """A range of the log as JSON Lines that ``python -m tlog verify`` checks by itself; the whole of it by default."""
    return exported(Range(**query))


def exported(wanted: Range) -> Response:
    """The file of a range, which is itself an entry of the log."""
    session, actor = caller()
    now = utc_now()
    header = export.begin(session, wanted, origin=identity_of(service().fleet_settings).origin, now=now)
    export.record_export(session, actor, header, now=now)
    response = Response(export.lines(service().database, header), content_type="application/jsonl")
    name = f"log-{header.first}-{header.last}-of-{header.size}.jsonl"
    response.headers["Content-Disposition"] = f'attachment; filename="{name}"'
    return response
