"""Secrets and signatures as the public convention "Standard Webhooks" has them (standardwebhooks.com).

What is signed is ``id.timestamp.body``, with HMAC-SHA256; the header carries one signature for each valid secret.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

_PREFIX = "whsec_"
_SECRET_BYTES = 32


class SecretLost(Exception):
    """A secret was encrypted under another of the service's keys."""


def new_secret() -> str:
    """A secret of 256 random bits, as a receiver's library takes it."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


class Vault:
    """Encrypts secrets for the database, under a key derived from the service's own."""

    def __init__(self, secret_key: str) -> None:
        derived = HKDF(SHA256(), 32, salt=None, info=b"camera-fleet webhook secrets").derive(secret_key.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def locked(self, secret: str) -> bytes:
        """The secret as the database keeps it."""
        return self._fernet.encrypt(secret.encode())

    def opened(self, kept: bytes) -> str:
        """The secret again.

        Raises:
            SecretLost: the service's secret key is another one now.
        """
        try:
            return self._fernet.decrypt(kept).decode()
        except InvalidToken as error:
            raise SecretLost from error


def headers(identifier: str, body: bytes, valid: Iterable[str], *, now: datetime) -> dict[str, str]:
    """The headers that let a receiver tell that a message is ours, whole and new."""
    timestamp = str(int(now.timestamp()))
    signed = b".".join([identifier.encode(), timestamp.encode(), body])
    signatures = [f"v1,{_signature(secret, signed)}" for secret in valid]
    return {"webhook-id": identifier, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
