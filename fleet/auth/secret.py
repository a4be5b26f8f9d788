"""Secrets that people and machines show: made at random, stored as hashes, compared in constant time."""

import hashlib
import secrets

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

# argon2-cffi's default profile is RFC 9106's second recommendation (64 MiB, 3 passes).
_HASHER = PasswordHasher()
# Verified against when there is no such account, so that the answer takes as long.
_NO_PASSWORD = _HASHER.hash(secrets.token_urlsafe(32))
LEAST_PASSWORD = 12
_ONE_TIME_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is misread


def digest(token: str) -> bytes:
    """A random token's hash. It has 256 bits of its own, so a fast hash is enough."""
    return hashlib.sha256(token.encode()).digest()


def new_token(prefix: str) -> str:
    """A token of 256 random bits; its prefix tells people and scanners of leaked secrets what it is."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def new_badge() -> str:
    """The text on a clerk's badge: 80 random bits in the characters of a Code 39 barcode."""
    alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    return "CLERK-" + "".join(secrets.choice(alphabet) for _ in range(16))


def new_one_time_password() -> str:
    """Four groups of four, about 79 bits, easily read out."""
    return "-".join("".join(secrets.choice(_ONE_TIME_ALPHABET) for _ in range(4)) for _ in range(4))


def hash_password(password: str) -> str:
    return _HASHER.hash(password)


def password_matches(password_hash: str | None, password: str) -> bool:
    """Whether the password is the one that was hashed; as slow without a hash as with one."""
    try:
        matches = _HASHER.verify(password_hash or _NO_PASSWORD, password)
    except (VerificationError, InvalidHashError):
        return False
    return matches and password_hash is not None
