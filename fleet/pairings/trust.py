"""What devices, docks and stations are told to trust, signed: whose credentials and permits, and which no longer."""

from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy.orm import Session

from ble.protocol.credentials import CredentialError, Trust
from fleet.actors import Actor
from fleet.errors import Unavailable
from fleet.pairings import keys
from fleet.pairings.keys import NoKeys
from fleet.pairings.states import KeyUse
from fleet.tasers import identities
from fleet.vault import Vault


@dataclass(frozen=True)
class Told:
    """A trust as the service signs it; ``before`` leads to it whoever knows only keys that are retired by now."""

    trust: Trust
    signed: bytes
    before: tuple[bytes, ...] = ()

    def as_answer(self) -> dict[str, Any]:
        """As the API gives it. Devices believe ``signed`` alone; the rest is for whoever carries it."""
        return {
            "signed": [*self.before, self.signed],
            "epoch": self.trust.epoch,
            "authority_keys": [key.encode() for key in self.trust.authority_keys],
            "permit_keys": [key.encode() for key in self.trust.permit_keys],
            "revoked": sorted(self.trust.revoked),
        }


def told(session: Session, *, vault: Vault, now: datetime) -> Told:
    """What holds now. Of one epoch it is always the same, however often it is signed, as devices demand.

    Raises:
        NoKeys: the service has no keys yet.
        Unavailable: more is revoked than a device has room for.
    """
    authority, permit = (keys.keyring(session, use, vault) for use in (KeyUse.AUTHORITY, KeyUse.PERMIT))
    since = identities.epoch_began(session) or now
    trust = Trust(
        authority_keys=authority.trusted,
        permit_keys=permit.trusted,
        epoch=identities.epoch(session),
        issued_at=int(since.timestamp()),
        revoked=frozenset(identities.revoked_keys(session, now=since)),
    )
    try:
        return Told(trust, trust.issue(authority.signing), tuple(keys.last_trusts(session)))
    except CredentialError as error:
        raise Unavailable(f"What devices are to trust cannot be told: {error}.") from error


def retire(session: Session, actor: Actor, name: str, *, vault: Vault, now: datetime) -> None:
    """Trust a key no longer, and forget its secret. What an authority key signed last leads devices to those after it.

    Raises:
        NotFound, Conflict: as ``keys.retire``.
    """
    kept = None
    if keys.use_of(session, name) is KeyUse.AUTHORITY:
        # A secret that cannot be read any more signs nothing, and is retired all the same.
        with suppress(NoKeys):
            kept = told(session, vault=vault, now=now).signed
    keys.retire(session, actor, name, last_trust=kept, now=now)
