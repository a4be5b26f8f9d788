"""Encrypts what the database keeps and must give back: webhooks' secrets, the keys that sign permits."""

import base64

from cryptography.fernet import Fernet, InvalidToken
from cryptography.hazmat.primitives.hashes import SHA256
from cryptography.hazmat.primitives.kdf.hkdf import HKDF


class SecretLost(Exception):
    """A secret was encrypted under another of the service's keys."""


class Vault:
    """Encrypts secrets for the database, under a key derived from the service's own for one purpose."""

    def __init__(self, secret_key: str, purpose: str) -> None:
        info = f"camera-fleet {purpose}".encode()
        derived = HKDF(SHA256(), 32, salt=None, info=info).derive(secret_key.encode())
        self._fernet = Fernet(base64.urlsafe_b64encode(derived))

    def locked(self, secret: str) -> bytes:
        """The secret as the database keeps it."""
        return self._fernet.encrypt(secret.encode())

    def opened(self, kept: bytes) -> str:
        """The secret again.

        Raises:
            SecretLost: the service's secret key is another one now, or the secret is of another purpose.
        """
        try:
            return self._fernet.decrypt(kept).decode()
        except InvalidToken as error:
            raise SecretLost from error
