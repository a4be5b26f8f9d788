"""The service, as a station sees it: outbound HTTPS requests with a bearer token, nothing else."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from http import HTTPStatus
from typing import Any, Final
from urllib.parse import urlsplit

import httpx

from ble.protocol.cose import PublicKey
from ble.station.errors import NotEnrolled, ServiceAway, ServiceRefused
from ble.station.wording import bytes_of, seconds_of, text_of

PREFIX: Final = "/api/v1"
TIMEOUT_S: Final = 10.0
LONG_POLL_S: Final = 20
# An answer longer than this is not the service's; a trust with every revocation is some 12 kB.
ANSWER_LIMIT: Final = 262_144
_ENROL_AGAIN: Final = "Ask IT for an enrolment code, and run: python -m ble station enrol --service URL CODE"
_AGAIN: Final = frozenset({408, 425, 429, 500, 502, 503, 504})
_TEXT_LIMIT: Final = 500


class JobKind(StrEnum):
    """What a station is asked to do."""

    PAIR = "pair"
    TEST = "test"
    READ_LOG = "read-log"
    COMMISSION = "commission"
    UNPAIR = "unpair"
    REKEY = "rekey"


@dataclass(frozen=True)
class Job:
    """One piece of work.

    Attributes:
        id: the service's number for it.
        kind: what is to be done.
        taser: the X2's serial; empty where the job has none, like the other serials.
        sppm: the serial of the battery that is fitted to it, which holds the keys.
        camera: the camera's serial.
        expires_at: seconds since 1970 UTC; from then on the service takes nothing of it.
        orders: the service's signed orders to unpair, if that is the job; either device reads what is its own.
        unfinished: ids of permits that were issued for this job before, and whose receipts have not come.
    """

    id: str
    kind: JobKind
    taser: str
    sppm: str
    camera: str
    expires_at: float
    orders: tuple[bytes, ...] = ()
    unfinished: frozenset[bytes] = frozenset()


@dataclass(frozen=True)
class Turn:
    """An answer to the question for work: a job or none, the trust's epoch, and the pause before asking again."""

    job: Job | None
    trust_epoch: int
    poll_s: float


@dataclass(frozen=True)
class Enrolled:
    """What the service gives a station that it knows."""

    station: str
    token: str = field(repr=False)
    credential: bytes
    chain: tuple[bytes, ...]


@dataclass(frozen=True)
class Permission:
    """A permit, and orders to forget pairings that the two devices reported and that stand no longer."""

    permit: bytes
    orders_taser: tuple[bytes, ...] = ()
    orders_camera: tuple[bytes, ...] = ()


@dataclass(frozen=True)
class Commissioning:
    """A device that asks for a credential: which it is, its two public keys (COSE_Key), its levels and firmware."""

    device: str
    serial: str
    agreement: bytes
    signing: bytes
    levels: Mapping[str, str | None]
    firmware: str


def require_protected(url: str) -> str:
    """The service's address, if a token may be sent there: HTTPS, or this machine.

    Raises:
        ServiceRefused: anybody on the way could read the token.
    """
    parts = urlsplit(url)
    if parts.hostname and (parts.scheme == "https" or (parts.scheme == "http" and _is_here(parts.hostname))):
        return url.rstrip("/")
    what = f"{url} is not protected: the station's token would go over the network in the clear."
    raise ServiceRefused(what, "Give an address that begins with https://", status=0)


def _is_here(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


class Service:
    """One service, and this station's token for it. ``transport`` is for services that are not behind a network."""

    def __init__(self, url: str, token: str = "", *, transport: httpx.AsyncBaseTransport | None = None) -> None:
        self._url = require_protected(url)
        self._client = httpx.AsyncClient(
            base_url=self._url + PREFIX, timeout=TIMEOUT_S, transport=transport, follow_redirects=False
        )
        self.use(token)

    def use(self, token: str) -> None:
        """Send this token from now on."""
        self._client.headers["User-Agent"] = "camera-fleet-station"
        self._client.headers.pop("Authorization", None)
        if token:
            self._client.headers["Authorization"] = f"Bearer {token}"

    async def close(self) -> None:
        """Close its connections."""
        await self._client.aclose()

    async def enrol(self, code: str, agreement: PublicKey, signing: PublicKey) -> Enrolled:
        """Become known by a one-time code."""
        keys = {"agreement_key": text_of(agreement.encode()), "signing_key": text_of(signing.encode())}
        return _enrolled(await self._post("/stations/enrol", {"code": code, **keys}))

    async def renew(self, agreement: PublicKey, signing: PublicKey) -> Enrolled:
        """A new credential over new keys, and a new token; the one that was used stays good until its own end."""
        keys = {"agreement_key": text_of(agreement.encode()), "signing_key": text_of(signing.encode())}
        return _enrolled(await self._post("/stations/renew", keys))

    async def trust(self) -> tuple[bytes, ...]:
        """The chain of signed trusts, oldest first."""
        return _chain(await self._ask("GET", "/trust"))

    async def turn(self, wait_s: int = LONG_POLL_S) -> Turn:
        """The next job for this station, waited for at the service for up to ``wait_s`` seconds."""
        query = {"wait_s": str(wait_s)}
        answer = await self._ask("GET", "/stations/jobs/next", params=query, timeout=wait_s + TIMEOUT_S)
        return Turn(
            job=_job(answer["job"]) if answer.get("job") else None,
            trust_epoch=_whole(answer, "trust_epoch"),
            poll_s=float(_whole(answer, "poll_s")),
        )

    async def permit(self, job: str, taser: Mapping[str, Any], camera: Mapping[str, Any]) -> Permission:
        """The permit for two devices that reported.

        Raises:
            ServiceRefused: a rule refuses.
        """
        answer = await self._post(f"/stations/jobs/{job}/permit", {"taser": taser, "camera": camera})
        orders = answer.get("orders")
        told = orders if isinstance(orders, dict) else {}
        return Permission(_binary(answer, "permit"), _binaries(told.get("taser")), _binaries(told.get("camera")))

    async def credential(self, job: str, asked: Commissioning) -> tuple[bytes, tuple[bytes, ...]]:
        """A device's credential, and the chain of signed trusts that it hangs on."""
        body = {
            "device": asked.device,
            "serial": asked.serial,
            "agreement_key": text_of(asked.agreement),
            "signing_key": text_of(asked.signing),
            "levels": asked.levels,
            "firmware": asked.firmware,
        }
        answer = await self._post(f"/stations/jobs/{job}/credential", body)
        return _binary(answer, "credential"), _chain(_within(answer, "trust"))

    async def deliver(self, path: str, body: Mapping[str, Any], name: str) -> None:
        """Tell something that has this natural name; told again, nothing more happens."""
        await self._ask("POST", path, json=body, headers={"Idempotency-Key": name})

    async def _post(self, path: str, body: Mapping[str, Any]) -> dict[str, Any]:
        return await self._ask("POST", path, json=body)

    async def _ask(self, method: str, path: str, **options: Any) -> dict[str, Any]:
        try:
            response = await self._client.request(method, path, **options)
        except httpx.HTTPError as error:
            what = f"The service at {self._url} does not answer: {str(error) or type(error).__name__}."
            raise ServiceAway(what, "What was done is kept here and sent later. Check the network.") from error
        return self._read(response)

    def _read(self, response: httpx.Response) -> dict[str, Any]:
        status = response.status_code
        if status in _AGAIN:
            raise ServiceAway(f"The service answers {status}.", "It is tried again.", after_s=_retry_after(response))
        if status == HTTPStatus.UNAUTHORIZED:
            raise NotEnrolled("The service no longer knows this station's token.", _ENROL_AGAIN)
        found = _body(response)
        if response.is_success:
            return found
        if status < HTTPStatus.BAD_REQUEST:
            what = f"The service at {self._url} sends elsewhere ({status}), which a station does not follow."
            raise ServiceRefused(what, "Enrol it with the address that the service itself is at.", status=status)
        raise _refusal(found, status)


def _refusal(problem: Mapping[str, Any], status: int) -> ServiceRefused:
    rule = problem.get("rule")
    what = str(problem.get("detail") or problem.get("title") or f"The service answers {status}.")[:_TEXT_LIMIT]
    mend = problem.get("mend")
    return ServiceRefused(
        what,
        f"Who can mend it: {mend}." if isinstance(mend, str) else "",
        status=status,
        rule=rule if isinstance(rule, int) else None,
    )


def _body(response: httpx.Response) -> dict[str, Any]:
    if len(response.content) > ANSWER_LIMIT:
        raise ServiceAway(f"The service answers more than {ANSWER_LIMIT} bytes.")
    if not response.content:
        return {}
    try:
        found = response.json()
    except ValueError as error:
        raise ServiceAway("What answers is no service of this kind.", "Check its address.") from error
    if not isinstance(found, dict):
        raise ServiceAway("What answers is no service of this kind.", "Check its address.")
    return found


def _retry_after(response: httpx.Response) -> float | None:
    text = response.headers.get("Retry-After", "")
    return float(text) if text.isascii() and text.isdigit() else None


def _enrolled(answer: Mapping[str, Any]) -> Enrolled:
    return Enrolled(
        station=_text(answer, "station"),
        token=_text(answer, "token"),
        credential=_binary(answer, "credential"),
        chain=_chain(_within(answer, "trust")),
    )


def _job(found: Any) -> Job:
    if not isinstance(found, dict):
        raise ServiceAway("A job that cannot be read.")
    try:
        return Job(
            id=str(found["id"]),
            kind=JobKind(found["kind"]),
            taser=str(found.get("taser") or ""),
            sppm=str(found.get("sppm") or ""),
            camera=str(found.get("camera") or ""),
            expires_at=seconds_of(found["expires_at"]),
            orders=_binaries(found.get("orders")),
            unfinished=frozenset(bytes_of(item) for item in found.get("unfinished") or ()),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise ServiceAway(f"A job that cannot be read: {error}.", "Update the station.") from error


def _within(answer: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    found = answer.get(name)
    if isinstance(found, dict):
        return found
    raise ServiceAway(f"The service's answer has no {name}.", "Update the station or the service.")


def _text(answer: Mapping[str, Any], name: str) -> str:
    found = answer.get(name)
    if isinstance(found, str) and found:
        return found
    raise ServiceAway(f"The service's answer has no {name}.", "Update the station or the service.")


def _binary(answer: Mapping[str, Any], name: str) -> bytes:
    try:
        return bytes_of(_text(answer, name))
    except ValueError as error:
        raise ServiceAway(f"The service's {name} cannot be read.", "Update the station or the service.") from error


def _chain(trust: Mapping[str, Any]) -> tuple[bytes, ...]:
    chain = _binaries(trust.get("signed"))
    if not chain:
        raise ServiceAway("The service's answer has no trust.", "Update the station or the service.")
    return chain


def _binaries(found: Any) -> tuple[bytes, ...]:
    try:
        return tuple(bytes_of(item) for item in found) if isinstance(found, list) else ()
    except (TypeError, AttributeError, ValueError) as error:
        raise ServiceAway("The service's answer cannot be read.", "Update the station or the service.") from error


def _whole(answer: Mapping[str, Any], name: str) -> int:
    found = answer.get(name)
    if isinstance(found, int) and not isinstance(found, bool) and found >= 0:
        return found
    raise ServiceAway(f"The service's answer has no {name}.", "Update the station or the service.")
