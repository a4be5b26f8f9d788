"""How a station becomes known to the service, and stays so: a code once, and a new credential each half day."""

from dataclasses import replace
from typing import Final

from ble.protocol.cose import PrivateKey
from ble.protocol.credentials import CredentialError, Trust
from ble.station.errors import NotEnrolled
from ble.station.service import Enrolled, Service
from ble.station.store import Identity, Store
from ble.station.work import trust_of

# A credential stands for 24 hours. Renewed at half of that, a service that is away for ten hours costs nothing.
RENEW_BEFORE_S: Final = 12 * 3600
_ANEW: Final = "Ask IT whether the service's keys were replaced. If so, remove this station's folder and enrol it anew."


async def enrol(store: Store, service: Service, url: str, code: str, *, now: float) -> Identity:
    """Become a station of this service by a one-time code, with new keys.

    Raises:
        ServiceRefused: the code is not known, was used, or is over.
        ServiceAway: it does not answer.
    """
    agreement, signing = PrivateKey.generate(), PrivateKey.generate()
    given = await service.enrol(code, agreement.public, signing.public)
    identity = _identity(url, given, agreement, signing, given.chain, now=now)
    store.keep(identity)
    return identity


def is_due(own: Identity, *, now: float) -> bool:
    """Whether the credential ends so soon that it is renewed."""
    return own.ends_at - now < RENEW_BEFORE_S


async def renew(store: Store, service: Service, own: Identity, *, now: float) -> Identity:
    """New keys, a new credential and a new token. An answer that is lost costs nothing: the old ones stand until then.

    Raises:
        NotEnrolled: the token has ended, or the service's keys do not follow the ones that this station trusts.
        ServiceAway: it does not answer.
    """
    agreement, signing = PrivateKey.generate(), PrivateKey.generate()
    given = await service.renew(agreement.public, signing.public)
    identity = _identity(own.service, given, agreement, signing, _followed(own, given.chain), now=now)
    store.keep(identity)
    return identity


def with_chain(own: Identity, chain: tuple[bytes, ...]) -> Identity:
    """The same station with a newer chain.

    Raises:
        NotEnrolled: the service's keys do not follow the ones that this station trusts.
    """
    return replace(own, chain=_followed(own, chain))


def _followed(own: Identity, chain: tuple[bytes, ...]) -> tuple[bytes, ...]:
    """The newer chain, if it leads on from what is trusted: a stolen service cannot make this station trust others."""
    newest = _newest(chain)
    held = trust_of(own)
    if held.follow(chain).epoch < newest.epoch:
        what = "The service's trust does not follow the one that this station was enrolled with."
        raise NotEnrolled(what, _ANEW)
    return chain


def _newest(chain: tuple[bytes, ...]) -> Trust:
    try:
        return Trust.first(chain[-1])
    except (IndexError, CredentialError) as error:
        raise NotEnrolled(f"The service's trust cannot be read: {error}.", _ANEW) from error


def _identity(
    url: str, given: Enrolled, agreement: PrivateKey, signing: PrivateKey, chain: tuple[bytes, ...], *, now: float
) -> Identity:
    try:
        credential = _newest(chain).credential(given.credential, now=int(now))
    except CredentialError as error:
        raise NotEnrolled(f"The credential that the service gave does not stand: {error}.", _ANEW) from error
    return Identity(
        service=url,
        station=given.station,
        token=given.token,
        agreement=agreement,
        signing=signing,
        credential=given.credential,
        chain=chain,
        ends_at=credential.expires_at,
    )
