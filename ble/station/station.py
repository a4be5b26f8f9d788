"""A station at work: it asks the service for jobs, one after another, and says how each ended."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from ble.station import devices, enrolment, logs, pairing
from ble.station.contact import Clock
from ble.station.courier import Courier
from ble.station.errors import DeviceRefused, ServiceAway, ServiceRefused, StationError
from ble.station.progress import Progress, Show, path_of
from ble.station.radio import Radio
from ble.station.service import LONG_POLL_S, Job, JobKind, Service
from ble.station.store import Identity, Report, Store
from ble.station.work import FIND_S, Work, require_enrolled, trust_of

FIRST_PAUSE_S: Final = 1.0
LONGEST_PAUSE_S: Final = 30.0
# A job that was ended here and comes again: the service has not taken its end, and a person must look.
STUCK_PAUSE_S: Final = 10.0
_ENDED: Final = "ended"
_DETAIL: Final = 500

Act = Callable[[Work], Awaitable[str]]
ACTS: Final[Mapping[JobKind, Act]] = {
    JobKind.PAIR: pairing.pair,
    JobKind.REKEY: pairing.pair,
    JobKind.TEST: pairing.test_of_job,
    JobKind.READ_LOG: logs.read_log,
    JobKind.COMMISSION: devices.commission,
    JobKind.UNPAIR: devices.unpair,
}


@dataclass(frozen=True)
class Ended:
    """How a piece of work ended: what was said, and the error that stopped it, if one did."""

    detail: str
    error: StationError | None = None

    @property
    def outcome(self) -> str:
        """In the service's words."""
        if self.error is None:
            return "done"
        return "refused" if isinstance(self.error, ServiceRefused | DeviceRefused) else "failed"


@dataclass
class Station:
    """One station. ``clock`` is seconds since 1970 UTC; ``show`` is told of every step."""

    store: Store
    service: Service
    radio: Radio
    clock: Clock
    show: Show
    find_s: float = FIND_S
    wait_s: int = LONG_POLL_S
    acts: Mapping[JobKind, Act] = field(default_factory=lambda: ACTS)
    courier: Courier = field(init=False)

    def __post_init__(self) -> None:
        self.courier = Courier(self.store, self.service)

    def work(self, job: Job | None) -> Work:
        """What an act for this job, or for nobody's, has at hand.

        Raises:
            NotEnrolled: this station is nobody yet.
        """
        own = require_enrolled(self.store)
        return Work(
            store=self.store,
            service=self.service,
            courier=self.courier,
            radio=self.radio,
            clock=self.clock,
            progress=Progress(self.store, self.courier, self.clock, self.show, job.id if job else ""),
            own=own,
            trust=trust_of(own),
            job=job,
            find_s=self.find_s,
        )

    @contextlib.asynccontextmanager
    async def sending(self) -> AsyncIterator[None]:
        """Send what waits for the service in the background, while the block runs."""
        task = asyncio.create_task(self.courier.run())
        try:
            yield
        finally:
            task.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await task

    async def run(self) -> None:
        """Work until cancelled.

        Raises:
            NotEnrolled: the service no longer knows this station.
            AdapterGone: there is no Bluetooth.
        """
        async with self.radio.ready(), self.sending():
            pause = FIRST_PAUSE_S
            while True:
                try:
                    await asyncio.sleep(await self.turn())
                    pause = FIRST_PAUSE_S
                except ServiceAway as away:
                    await asyncio.sleep(max(pause, away.after_s or 0.0))
                    pause = min(2 * pause, LONGEST_PAUSE_S)

    async def turn(self) -> float:
        """One job, if there is one; answers how long to wait before the next turn, in seconds.

        Raises:
            ServiceAway, NotEnrolled
        """
        job = await self.next_job()
        if isinstance(job, float):
            return job
        if self.store.fact(job.id, _ENDED) is not None:
            return STUCK_PAUSE_S
        await self.carry_out(job)
        return 0.0

    async def next_job(self) -> Job | float:
        """The next job, or how long to wait. Everything said before is told first, or the same job would come again."""
        await self.courier.deliver()
        await self.keep_current()
        turn = await self.service.turn(self.wait_s)
        await self._follow(turn.trust_epoch)
        return turn.job if turn.job is not None else turn.poll_s

    async def keep_current(self) -> Identity:
        """Renew the credential when it is due.

        Raises:
            ServiceAway, NotEnrolled
        """
        own = require_enrolled(self.store)
        self.service.use(own.token)
        if enrolment.is_due(own, now=self.clock()):
            own = await enrolment.renew(self.store, self.service, own, now=self.clock())
            self.service.use(own.token)
        return own

    async def _follow(self, epoch: int) -> None:
        own = require_enrolled(self.store)
        if trust_of(own).epoch < epoch:
            self.store.keep(enrolment.with_chain(own, await self.service.trust()))

    async def carry_out(self, job: Job) -> Ended:
        """Do a job, and say how it ended: on the disk, then to the service."""
        work = self.work(job)
        ended = await self.attempt(work, self.acts.get(job.kind, _cannot))
        body = {"outcome": ended.outcome, "detail": ended.detail[:_DETAIL]}
        report = Report(f"job-{job.id}-end", path_of(job.id, "end"), body)
        self.store.put(report, facts={_ENDED: b"\x01"}, job=job.id)
        self.courier.wake()
        return ended

    async def attempt(self, work: Work, act: Act) -> Ended:
        """Do something; what goes wrong is an answer, not an exception."""
        try:
            if work.job is not None and work.clock() >= work.job.expires_at:
                raise _too_late()
            return Ended(await act(work))
        except StationError as error:
            detail = f"{error.what} {error.mend}".strip()
            work.progress.failed(detail)
            return Ended(detail, error)


async def _cannot(work: Work) -> str:
    what = f"This station cannot {work.the_job().kind}."
    raise StationError(what, "Ask another station for it.")


def _too_late() -> StationError:
    return StationError("The job's time was over before it could be begun.", "Ask for it again.")
