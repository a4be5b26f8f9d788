"""Who the log is: its origin, the key that signs its checkpoints, and the older keys that once did."""

import hashlib
from dataclasses import dataclass

from fleet.errors import Unavailable
from fleet.settings import Settings
from tlog.note import Signer, Verifier


@dataclass(frozen=True)
class Identity:
    """``key`` is None where this process was given none: a web host needs it not."""

    origin: str
    key: Signer | None
    older: tuple[Verifier, ...] = ()

    @property
    def signer(self) -> Signer:
        """The key that signs.

        Raises:
            Unavailable: there is none.
        """
        if self.key is None:
            raise Unavailable("The log has no key to sign with: set FLEET_LOG_KEY. What is written stays unproven.")
        return self.key

    @property
    def verifiers(self) -> list[Verifier]:
        """Every key that checkpoints of this log may be signed with, the present one first."""
        return [*([self.key.verifier] if self.key else []), *self.older]


def identity_of(settings: Settings) -> Identity:
    """The log's identity by the settings."""
    key = Signer.parse(settings.log_key) if settings.log_key else None
    return Identity(settings.log_origin, key, tuple(Verifier.parse(text) for text in settings.log_older_keys))


def kept_key(origin: str, secret: str) -> str:
    """The signing key that belongs to a kept secret: for the embedded database, which is no proof against its owner."""
    return Signer(origin, hashlib.sha256(b"log key\n" + secret.encode()).digest()).secret()
