"""Every setting of the service: read once from the environment, checked at start, every bad one named."""

import secrets
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import timedelta
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_network
from pathlib import Path
from typing import Self, TypeVar
from urllib.parse import unquote, urlsplit

from fsspec.registry import known_implementations

from tlog.note import Signer, Verifier

T = TypeVar("T")


class SettingsError(Exception):
    """One or more ``FLEET_…`` variables cannot be used; the message names each of them."""


class PoolReadiness(StrEnum):
    """When a returned pool camera may go out again (rule 8)."""

    AT_ONCE = "at-once"
    AFTER_CHECK = "after-check"


class Acknowledging(StrEnum):
    """Whether an officer has to acknowledge what was issued before the counter goes on to the next."""

    REQUIRED = "required"
    ASKED = "asked"
    OFF = "off"


@dataclass(frozen=True)
class Policy:
    """What a force decides for itself (rule 20)."""

    pool_readiness: PoolReadiness = PoolReadiness.AFTER_CHECK
    # A Body 2 runs about 12 h on a full battery, so 80% outlasts a shift of nine.
    minimum_charge_percent: int = 80
    clock_tolerance: timedelta = timedelta(seconds=60)
    pool_loan: timedelta = timedelta(hours=12)
    undo_window: timedelta = timedelta(minutes=1)
    counter_idle: timedelta = timedelta(minutes=5)
    loss_report: timedelta = timedelta(hours=24)
    acknowledgement: Acknowledging = Acknowledging.ASKED
    # Whether there is a mail server to send receipts by.
    mails: bool = False
    # How long after its due instant a loan is overdue, and when that is escalated (rule 15).
    overdue_steps: tuple[timedelta, ...] = (timedelta(0), timedelta(hours=24), timedelta(hours=72))
    training_notice: timedelta = timedelta(days=30)
    # What a device must report before it is paired (rule 1): the camera's encryption, and both devices' Bluetooth.
    pairing_encryption: str = "aes256"
    pairing_bluetooth: str = "secure-connections"


class Transport(StrEnum):
    """How a mail server is spoken to: TLS from the first byte, TLS before anything is said, or none."""

    TLS = "smtps"
    STARTTLS = "smtp"
    PLAIN = "smtp+plain"


@dataclass(frozen=True)
class Mail:
    """Where mail is handed over, and whom it is from."""

    host: str
    port: int
    transport: Transport
    sender: str
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    timeout: timedelta = timedelta(seconds=15)


@dataclass(frozen=True)
class Settings:
    """The service's settings.

    ``database_url`` is None for the embedded PostgreSQL under ``var``. ``owner_database_url`` is the role that
    migrates; the application's role cannot change or delete log entries; ``sealer_database_url`` is the role that
    seals the log. ``log_key`` signs its checkpoints, which are pushed to ``checkpoints_url``, any that fsspec knows.
    """

    var: Path
    secret_key: str
    database_url: str | None = None
    owner_database_url: str | None = None
    sealer_database_url: str | None = None
    log_origin: str = "camera-fleet"
    log_key: str = field(default="", repr=False)
    log_older_keys: tuple[str, ...] = ()
    checkpoints_url: str | None = None
    demonstration: bool = True
    secure_cookies: bool = False
    trusted_proxies: int = 0
    session_hours: int = 12
    # Where webhooks may be sent although it is this machine, its neighbours on the link or a cloud's own service.
    webhook_networks: tuple[IPv4Network | IPv6Network, ...] = ()
    webhook_plain_http: bool = False
    policy: Policy = Policy()
    mail: Mail | None = None
    force_name: str = ""

    @classmethod
    def from_env(cls, environ: Mapping[str, str]) -> Self:
        """Read the ``FLEET_…`` variables.

        Raises:
            SettingsError: naming every variable that is unknown or has a value that cannot be used.
        """
        reader = _Reader(environ)
        var = Path(environ.get("FLEET_VAR", "var")).absolute()
        mail = _mail(reader)
        policy = Policy(
            pool_readiness=reader.read("FLEET_POOL_READINESS", PoolReadiness, Policy.pool_readiness),
            minimum_charge_percent=reader.read(
                "FLEET_MINIMUM_CHARGE_PERCENT", _whole(0, 100), Policy.minimum_charge_percent
            ),
            clock_tolerance=reader.read("FLEET_CLOCK_TOLERANCE_S", _seconds(1, 86_400), Policy.clock_tolerance),
            pool_loan=reader.read("FLEET_POOL_LOAN_S", _seconds(60, 31 * 86_400), Policy.pool_loan),
            undo_window=reader.read("FLEET_UNDO_WINDOW_S", _seconds(1, 3_600), Policy.undo_window),
            counter_idle=reader.read("FLEET_COUNTER_IDLE_S", _seconds(5, 86_400), Policy.counter_idle),
            loss_report=reader.read("FLEET_LOSS_REPORT_S", _seconds(60, 31 * 86_400), Policy.loss_report),
            acknowledgement=reader.read("FLEET_ACKNOWLEDGEMENT", Acknowledging, Policy.acknowledgement),
            mails=mail is not None,
            overdue_steps=reader.read("FLEET_OVERDUE_STEPS_H", _steps, Policy.overdue_steps),
            training_notice=timedelta(
                days=reader.read("FLEET_TRAINING_NOTICE_DAYS", _whole(1, 366), Policy.training_notice.days)
            ),
            **_pairing_levels(reader),
        )
        database_url = reader.read("FLEET_DATABASE_URL", _postgresql_url, None)
        owner_url = reader.read("FLEET_OWNER_DATABASE_URL", _postgresql_url, database_url)
        settings = cls(
            var=var,
            secret_key=reader.read("FLEET_SECRET_KEY", _long_secret, ""),
            database_url=database_url,
            owner_database_url=owner_url,
            sealer_database_url=reader.read("FLEET_SEALER_DATABASE_URL", _postgresql_url, owner_url),
            log_origin=reader.read("FLEET_LOG_ORIGIN", _log_name, cls.log_origin),
            log_key=reader.read("FLEET_LOG_KEY", _log_key, ""),
            log_older_keys=reader.read("FLEET_LOG_OLDER_KEYS", _verification_keys, ()),
            checkpoints_url=reader.read("FLEET_CHECKPOINTS_URL", _place, None),
            demonstration=reader.read("FLEET_DEMO", _switch, cls.demonstration),
            secure_cookies=reader.read("FLEET_SECURE_COOKIES", _switch, cls.secure_cookies),
            trusted_proxies=reader.read("FLEET_TRUSTED_PROXIES", _whole(0, 5), cls.trusted_proxies),
            session_hours=reader.read("FLEET_SESSION_HOURS", _whole(1, 24), cls.session_hours),
            webhook_networks=reader.read("FLEET_WEBHOOK_NETWORKS", _networks, ()),
            webhook_plain_http=reader.read("FLEET_WEBHOOK_PLAIN_HTTP", _switch, cls.webhook_plain_http),
            policy=policy,
            mail=mail,
            force_name=reader.read("FLEET_FORCE_NAME", _short_name, cls.force_name),
        )
        reader.finish()
        return settings


# Read by make run, gunicorn.conf.py or the supervisor, not by the application.
_READ_ELSEWHERE = frozenset({"FLEET_VAR", "FLEET_BIND", "FLEET_WEB_WORKERS", "FLEET_WEB_THREADS"})
_READ_ELSEWHERE |= {"FLEET_SUPERVISOR_PID", "FLEET_SUPERVISOR_STARTED"}


class _Reader:
    """Collects what is wrong instead of stopping at the first."""

    def __init__(self, environ: Mapping[str, str]) -> None:
        self._environ = environ
        self._known = set(_READ_ELSEWHERE)
        self._wrong: list[str] = []

    def read(self, name: str, parse: Callable[[str], T], default: T) -> T:
        self._known.add(name)
        text = self._environ.get(name, "")
        if text == "":
            return default
        try:
            return parse(text)
        except ValueError as error:
            self._wrong.append(f"{name}: {error}")
            return default

    def wrong(self, problem: str) -> None:
        """Note what is wrong with settings that belong together."""
        self._wrong.append(problem)

    def finish(self) -> None:
        unknown = sorted(name for name in self._environ if name.startswith("FLEET_") and name not in self._known)
        self._wrong += [f"{name}: no such setting" for name in unknown]
        if self._wrong:
            raise SettingsError("These settings cannot be used:\n  " + "\n  ".join(self._wrong))


def _pairing_levels(reader: _Reader) -> dict[str, str]:
    encryption = _one_of("aes128", "aes256")
    bluetooth = _one_of("secure-connections", "authenticated")
    return {
        "pairing_encryption": reader.read("FLEET_PAIRING_ENCRYPTION", encryption, Policy.pairing_encryption),
        "pairing_bluetooth": reader.read("FLEET_PAIRING_BLUETOOTH", bluetooth, Policy.pairing_bluetooth),
    }


def _mail(reader: _Reader) -> Mail | None:
    server = reader.read("FLEET_SMTP_URL", _smtp_url, None)
    sender = reader.read("FLEET_MAIL_FROM", _address, "")
    timeout = reader.read("FLEET_SMTP_TIMEOUT_S", _seconds(1, 300), Mail.timeout)
    if server is None:
        return None
    if not sender:
        reader.wrong("FLEET_MAIL_FROM: is needed beside FLEET_SMTP_URL")
    return replace(server, sender=sender, timeout=timeout)


_SMTP_PORTS = {Transport.TLS: 465, Transport.STARTTLS: 587, Transport.PLAIN: 25}


def _smtp_url(text: str) -> Mail:
    # What is wrong is said without the URL itself, which may hold a password.
    url = urlsplit(text)
    if url.scheme not in set(Transport):
        raise ValueError(f"must begin with {', '.join(f'{scheme}://' for scheme in Transport)}")
    if not url.hostname or url.path not in {"", "/"} or url.query or url.fragment:
        raise ValueError("must be of the form smtp://USER:PASSWORD@HOST:PORT, without anything after the port")
    if (url.username is None) != (url.password is None):
        raise ValueError("must have both a user and a password, or neither")
    transport = Transport(url.scheme)
    if transport is Transport.PLAIN and url.password is not None:
        raise ValueError("sends no password without TLS: use smtp:// or smtps://")
    user, password = (unquote(part) if part is not None else None for part in (url.username, url.password))
    return Mail(url.hostname, url.port or _SMTP_PORTS[transport], transport, "", user, password)


def _address(text: str) -> str:
    local, _, host = text.partition("@")
    is_plain = text.isascii() and text.isprintable() and not set(text) & set(' ,;:<>"()')
    if not (local and host and is_plain) or "@" in host:
        raise ValueError("must be one plain address, such as fleet@force.example")
    return text


def _short_name(text: str) -> str:
    longest = 60
    if not text.isprintable() or len(text) > longest:
        raise ValueError(f"must be at most {longest} printable characters")
    return text.strip()


def _switch(text: str) -> bool:
    if text not in {"0", "1"}:
        raise ValueError(f"must be 0 or 1, not {text!r}")
    return text == "1"


def _whole(low: int, high: int) -> Callable[[str], int]:
    def parse(text: str) -> int:
        if not text.isdecimal() or not low <= int(text) <= high:
            raise ValueError(f"must be a whole number from {low} to {high}, not {text!r}")
        return int(text)

    return parse


def _one_of(*words: str) -> Callable[[str], str]:
    def parse(text: str) -> str:
        if text not in words:
            raise ValueError(f"must be {' or '.join(words)}, not {text!r}")
        return text

    return parse


def _seconds(low: int, high: int) -> Callable[[str], timedelta]:
    whole = _whole(low, high)
    return lambda text: timedelta(seconds=whole(text))


def _networks(text: str) -> tuple[IPv4Network | IPv6Network, ...]:
    return tuple(ip_network(part) for part in text.replace(",", " ").split())


def _steps(text: str) -> tuple[timedelta, ...]:
    """Hours, each more than the one before."""
    hours = [_whole(0, 8_784)(part) for part in text.replace(",", " ").split()]
    if not hours or hours != sorted(set(hours)):
        raise ValueError(f"must be numbers of hours, each more than the one before, not {text!r}")
    return tuple(timedelta(hours=number) for number in hours)


def _long_secret(text: str) -> str:
    least = 32
    if len(text) < least:
        raise ValueError(f"must have at least {least} characters")
    return text


def _log_name(text: str) -> str:
    if "+" in text or not text.isprintable() or any(character.isspace() for character in text):
        raise ValueError("must have no blank and no plus sign")
    return text


def _log_key(text: str) -> str:
    return Signer.parse(text).secret()


def _verification_keys(text: str) -> tuple[str, ...]:
    return tuple(str(Verifier.parse(key)) for key in text.replace(",", " ").split())


def _place(text: str) -> str:
    """A folder or a URL of a kind that fsspec knows; a folder is made absolute."""
    scheme, separator, _ = text.partition("://")
    if not separator:
        return Path(text).absolute().as_uri()
    if scheme not in known_implementations and scheme != "local":
        raise ValueError(f"no kind of place is called {scheme!r}")
    return text


def _postgresql_url(text: str) -> str:
    scheme, separator, rest = text.partition("://")
    if not separator or scheme not in {"postgresql", "postgres", "postgresql+psycopg"}:
        raise ValueError("must begin with postgresql://")
    return f"postgresql+psycopg://{rest}"


def kept_secret(path: Path, *, length: int = 48) -> str:
    """The secret in the file ``path``, made of ``length`` random bytes the first time.

    Only for state that lives under ``var``; a service on several hosts is given its secrets.
    """
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    # Written under another name, then linked, so that a process killed while writing leaves no short secret behind, and
    # two processes agree on one.
    fresh = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    fresh.touch(mode=0o600, exist_ok=False)
    try:
        fresh.write_text(secrets.token_urlsafe(length), encoding="ascii")
        path.hardlink_to(fresh)
    except FileExistsError:
        pass
    finally:
        fresh.unlink(missing_ok=True)
    return path.read_text(encoding="ascii")
