"""What every act of a station has at hand, and how it meets the devices that it is about."""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass, field, replace
from typing import Final

from ble.protocol.credentials import CredentialError, Kind, Trust
from ble.protocol.session import Identified
from ble.station.contact import Clock, Contact
from ble.station.courier import Courier
from ble.station.errors import DeviceLost, DeviceRefused, LinkUnprotected, NotEnrolled, StationError
from ble.station.progress import Progress, Step
from ble.station.radio import Radio, Sighted
from ble.station.service import Job, Service
from ble.station.store import Identity, Store

FIND_S: Final = 60.0
TELL_S: Final = 5.0
# A device whose connection failed is tried again, since radios fail; not for ever, since it may not be ours.
TRIES: Final = 3
_SHOW: Final = "Put it into pairing mode by hand (60 s), within two metres of the adapter, and try again."
_ENROL: Final = "Ask IT for an enrolment code, and run: python -m ble station enrol --service URL CODE"


@dataclass(frozen=True)
class Met:
    """A device that was found and proved who it is."""

    contact: Contact
    identified: Identified

    @property
    def kind(self) -> Kind:
        """What it is."""
        return self.identified.credential.kind

    @property
    def serial(self) -> str:
        """Of the part that holds its keys."""
        return self.identified.credential.serial

    @property
    def key(self) -> bytes:
        """Its agreement key's id."""
        return self.identified.credential.agreement.id


@dataclass
class Search:
    """What became of the devices that answered: attempts at each address, who was not wanted, what failed last."""

    tried: Counter[str] = field(default_factory=Counter)
    others: set[str] = field(default_factory=set)
    failed: StationError | None = None

    def missed(self, missing: Mapping[Kind, str]) -> StationError:
        """That these were not found, and what an armourer can tell from what was."""
        what = f"{_listed(missing)} did not answer."
        if self.others:
            what += f" What answered instead: {', '.join(sorted(self.others))}."
        if self.failed is None:
            return DeviceLost(what, _SHOW)
        return DeviceLost(f"{what} With another that answered: {self.failed.what}", self.failed.mend or _SHOW)


@dataclass(frozen=True)
class Work:
    """One piece of work: for a job of the service's, or for somebody at the terminal (``job`` is None)."""

    store: Store
    service: Service
    courier: Courier
    radio: Radio
    clock: Clock
    progress: Progress
    own: Identity
    trust: Trust
    job: Job | None = None
    find_s: float = FIND_S

    @property
    def name(self) -> str:
        """The job's number, or nothing."""
        return self.job.id if self.job else ""

    def the_job(self) -> Job:
        """The job.

        Raises:
            NotEnrolled: there is none: this can be done for the service only.
        """
        if self.job is None:
            raise NotEnrolled("This needs a job of the service's.", "Ask for it on the page /armoury.")
        return self.job

    async def tell(self) -> None:
        """Let the service hear what was said so far, before it is asked for more; for a moment only, if it is away."""
        await self.courier.rest(TELL_S)

    def following(self, chain: tuple[bytes, ...]) -> "Work":
        """The same with what a newer chain of trusts leads to."""
        return replace(self, trust=self.trust.follow(chain))

    @asynccontextmanager
    async def opened(self, sighted: Sighted) -> AsyncIterator[Contact]:
        """A session with a device that was heard."""
        async with self.radio.connected(sighted) as link:
            yield await Contact.open(link, self.own, self.trust, self.clock)

    async def meet(
        self, wanted: Callable[[Met], bool], stack: AsyncExitStack, within_s: float, search: Search
    ) -> Met | None:
        """The first device in pairing mode that proves to be a wanted one, kept open in ``stack``; None by then."""
        loop = asyncio.get_running_loop()
        until = loop.time() + within_s
        while (left := until - loop.time()) > 0:
            sighted = await self.radio.first(lambda one: search.tried[one.address] < TRIES, left)
            if sighted is None:
                return None
            search.tried[sighted.address] += 1
            try:
                async with AsyncExitStack() as inner:
                    contact = await inner.enter_async_context(self.opened(sighted))
                    met = Met(contact, await contact.introduce())
                    if wanted(met):
                        stack.push_async_exit(inner.pop_all())
                        return met
                search.tried[sighted.address] = TRIES
            except (DeviceLost, DeviceRefused, LinkUnprotected) as error:
                search.failed = error
        return None

    async def meet_any(self, kind: Kind, stack: AsyncExitStack) -> Met:
        """Any device of a kind that is in pairing mode.

        Raises:
            DeviceLost: there is none in that time.
        """
        self.progress.begun(Step.FIND, f"Put the {kind} into pairing mode.")
        search = Search()
        met = await self.meet(lambda one: one.kind is kind, stack, self.find_s, search)
        if met is None:
            raise search.missed({kind: ""})
        self.progress.done(Step.IDENTIFY, f"{kind} {met.serial}", **about(met))
        return met

    async def meet_all(self, wanted: Mapping[Kind, str], stack: AsyncExitStack) -> dict[Kind, Met]:
        """Every wanted device, by kind and serial, each with a step of its own.

        Raises:
            DeviceLost: one of them was not found in time. Says which others were.
        """
        self.progress.begun(Step.FIND, f"Put {_listed(wanted)} into pairing mode.", **_facts(wanted))
        met: dict[Kind, Met] = {}
        search = Search()
        until = asyncio.get_running_loop().time() + self.find_s

        def is_wanted(one: Met) -> bool:
            if wanted.get(one.kind) == one.serial and one.kind not in met:
                return True
            search.others.add(f"{one.kind} {one.serial}")
            return False

        while len(met) < len(wanted):
            left = until - asyncio.get_running_loop().time()
            one = await self.meet(is_wanted, stack, left, search)
            if one is None:
                raise search.missed({kind: serial for kind, serial in wanted.items() if kind not in met})
            met[one.kind] = one
            self.progress.done(Step.IDENTIFY, f"{one.kind} {one.serial}", **about(one))
        return met


async def met_taser(work: Work, stack: AsyncExitStack) -> Met:
    """The job's Taser; without a job, whichever Taser is in pairing mode.

    Raises:
        DeviceLost: it was not found in time.
    """
    if work.job is not None:
        return (await work.meet_all({Kind.TASER: work.job.sppm}, stack))[Kind.TASER]
    return await work.meet_any(Kind.TASER, stack)


def about(met: Met) -> dict[str, str | int | float | bool | None]:
    """What a device said of itself, as facts of a step."""
    vitals, contact = met.identified.report.vitals, met.contact
    facts: dict[str, str | int | float | bool | None] = {
        "device": met.kind.value,
        "serial": met.serial,
        "firmware": vitals.firmware,
        "bluetooth": vitals.bluetooth.value,
        "battery_percent": vitals.battery_percent,
        "clock_offset_s": None if contact.offset_s is None else round(contact.offset_s, 1),
        "link": contact.protection.value,
    }
    if vitals.encryption is not None:
        facts["encryption"] = vitals.encryption.value
    if vitals.counter is not None:
        facts["counter"] = vitals.counter
    return facts


def trust_of(own: Identity) -> Trust:
    """What this station believes: what its chain leads to.

    Raises:
        NotEnrolled: its chain leads nowhere.
    """
    try:
        return Trust.first(own.chain[0]).follow(own.chain)
    except (IndexError, CredentialError) as error:
        raise NotEnrolled("This station's trust in the force's keys cannot be read.", _ENROL) from error


def require_enrolled(store: Store) -> Identity:
    """Who this station is.

    Raises:
        NotEnrolled: nobody yet.
    """
    own = store.identity()
    if own is None:
        raise NotEnrolled("This station is not enrolled.", _ENROL)
    return own


def _listed(wanted: Mapping[Kind, str]) -> str:
    return " and ".join(f"{kind} {serial}".rstrip() for kind, serial in wanted.items())


def _facts(wanted: Mapping[Kind, str]) -> dict[str, str | int | float | bool | None]:
    return {kind.value: serial for kind, serial in wanted.items()}
