"""Secrets and signatures as the public convention "Standard Webhooks" has them (standardwebhooks.com).

What is signed is ``id.timestamp.body``, with HMAC-SHA256; the header carries one signature for each valid secret.
"""

import base64
import hashlib
import hmac
import secrets
from collections.abc import Iterable
from datetime import datetime

_PREFIX = "whsec_"
_SECRET_BYTES = 32
# What a vault of these secrets is for.
PURPOSE = "webhook secrets"


def new_secret() -> str:
    """A secret of 256 random bits, as a receiver's library takes it."""
    return _PREFIX + base64.b64encode(secrets.token_bytes(_SECRET_BYTES)).decode()


def headers(identifier: str, body: bytes, valid: Iterable[str], *, now: datetime) -> dict[str, str]:
    """The headers that let a receiver tell that a message is ours, whole and new."""
    timestamp = str(int(now.timestamp()))
    signed = b".".join([identifier.encode(), timestamp.encode(), body])
    signatures = [f"v1,{_signature(secret, signed)}" for secret in valid]
    return {"webhook-id": identifier, "webhook-timestamp": timestamp, "webhook-signature": " ".join(signatures)}


def _signature(secret: str, signed: bytes) -> str:
    key = base64.b64decode(secret.removeprefix(_PREFIX))
    return base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
