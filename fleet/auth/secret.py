"""Secrets that people and machines show: made at random, stored as hashes, compared in constant time."""

import hashlib
import secrets
import threading
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from fleet.errors import Unavailable

# argon2-cffi's default profile is RFC 9106's second recommendation (64 MiB, 3 passes).
_HASHER = PasswordHasher()
# Verified against when there is no such account, so that the answer takes as long.
_NO_PASSWORD = _HASHER.hash(secrets.token_urlsafe(32))
LEAST_PASSWORD = 12
LONGEST_PASSWORD = 1_000
_FEWEST_DIFFERENT = 5
_SHORTEST_TELLING_NAME = 4
_ONE_TIME_ALPHABET = "abcdefghjkmnpqrstuvwxyz23456789"  # nothing that is misread


class Bound:
    """Lets ``at_once`` callers work, ``waiting`` more wait at most ``patience_s`` seconds, and turns others away."""

    def __init__(self, *, at_once: int, waiting: int, patience_s: float) -> None:
        self._places = threading.BoundedSemaphore(at_once + waiting)
        self._working = threading.BoundedSemaphore(at_once)
        self._patience_s = patience_s

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of the places.

        Raises:
            Unavailable: there is none, or none came free in time.
        """
        with _held(self._places, 0), _held(self._working, self._patience_s):
            yield


@contextmanager
def _held(semaphore: threading.Semaphore, patience_s: float) -> Iterator[None]:
    if not semaphore.acquire(blocking=patience_s > 0, timeout=patience_s or None):
        raise Unavailable("Too many people are signing in at this moment. Try again in a few seconds.", retry_after=5)
    try:
        yield
    finally:
        semaphore.release()


# A hash takes 64 MiB and tens of milliseconds of four threads. Two at once cost a process 128 MiB whatever arrives; six
# places of a process's eight threads leave it able to answer something else.
_HASHING = Bound(at_once=2, waiting=4, patience_s=3)


def digest(token: str) -> bytes:
    """A random token's hash. It has 80 or more bits of its own, so a fast hash is enough."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def new_token(prefix: str) -> str:
    """A token of 256 random bits; its prefix tells people and scanners of leaked secrets what it is."""
    return f"{prefix}_{secrets.token_urlsafe(32)}"


def new_badge() -> str:
    """The text on a clerk's badge: 80 random bits in the characters of a Code 39 barcode."""
    alphabet = "ABCDEFGHJKLMNPQRSTUVWXYZ23456789"
    return "CLERK-" + "".join(secrets.choice(alphabet) for _ in range(16))


def badge_digest(badge: str) -> bytes:
    """A badge's hash, however a scanner spelled it."""
    return digest(badge.strip().upper())


def new_one_time_password() -> str:
    """Four groups of four, about 79 bits, easily read out."""
    return "-".join("".join(secrets.choice(_ONE_TIME_ALPHABET) for _ in range(4)) for _ in range(4))


def hash_password(password: str) -> str:
    """The hash to store.

    Raises:
        Unavailable: too many passwords are being hashed in this process already.
    """
    with _HASHING.place():
        return _HASHER.hash(_spelled(password))


def password_matches(password_hash: str | None, password: str) -> bool:
    """Whether the password is the one that was hashed; as slow without a hash as with one.

    Raises:
        Unavailable: too many passwords are being verified in this process already.
    """
    with _HASHING.place():
        try:
            matches = _HASHER.verify(password_hash or _NO_PASSWORD, _spelled(password))
        except (VerificationError, InvalidHashError):
            return False
    return matches and password_hash is not None


def _spelled(password: str) -> bytes:
    # Keyboards compose letters differently (NIST SP 800-63B-4, 3.1.1.2).
    return unicodedata.normalize("NFKC", password).encode("utf-8", "surrogatepass")


def weakness(password: str, *, name: str) -> str | None:
    """Why a password cannot be chosen, or None. Length counts, not kinds of characters (NIST SP 800-63B-4, 3.1.1.2)."""
    if len(password) < LEAST_PASSWORD:
        return f"Choose a password of at least {LEAST_PASSWORD} characters."
    if len(password) > LONGEST_PASSWORD:
        return f"Choose a password of at most {LONGEST_PASSWORD} characters."
    holds_name = len(name) >= _SHORTEST_TELLING_NAME and name in password.lower()
    if len(set(password)) < _FEWEST_DIFFERENT or holds_name:
        return "This password is easily guessed. Choose one that does not repeat itself or contain your name."
    return None
