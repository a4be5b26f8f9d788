"""Acts that a counter's page decided by itself while it had no line, carried out when they arrive.

The page told its clerk what each scan would do; that is done, or refused, and never something else instead. The rules
are those of the register as it is at the arrival; the instant is the act's own, since a recording belongs to whoever
held the camera when it was made (rule 8), but never before the camera's last event, since history is not rewritten
(rule 9).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from enum import StrEnum
from typing import Any, Protocol

from sqlalchemy.orm import Session

from fleet import audit
from fleet.actors import Actor
from fleet.audit import Event, Subject
from fleet.counter import acts
from fleet.counter.acts import Bringer, Done, Kept, Sent
from fleet.counter.clerks import Clerk, actor_of, counted_at, late_actor
from fleet.counter.models import CounterException, Outcome
from fleet.counter.scans import Answer, Counter, LastAct, State, resolve, spelled
from fleet.custody import records
from fleet.custody.records import AllocationNow, CameraNow
from fleet.custody.service import HistoryStands, Issue
from fleet.errors import Conflict, Forbidden, NotFound
from fleet.settings import Policy

# The kind under which a scan is kept that was answered while its clerk stood there.
LIVE = "live"


class Kind(StrEnum):
    """What a page may bring late. A scan is one that it could not tell the meaning of."""

    ISSUE = "issue"
    RETURN = "return"
    TAKE_OVER = "take-over"
    UNDO = "undo"
    WITHDRAW = "withdraw"
    SCAN = "scan"
    ACKNOWLEDGE = "acknowledge"


@dataclass(frozen=True)
class Moment:
    """What carrying out a late act needs to know: who did it, under which policy, and when it counts as done."""

    session: Session
    actor: Actor
    policy: Policy
    at: datetime
    sent: Sent
    by: Bringer
    now: datetime


@dataclass(frozen=True)
class Meant:
    """What a page told its clerk that a scan means. ``holder`` is who it believed to have the camera, if anybody.

    ``state`` has the officer, the mode and the dock. ``override_reason`` is given when an exception is settled.
    """

    camera: str
    state: State
    holder: str | None = None
    override_reason: str | None = None


class Carry(Protocol):
    """Carries one kind of late act out. ``body`` is as the kind's schema loaded it."""

    def __call__(self, moment: Moment, body: Mapping[str, Any], /) -> Done: ...


class LateCounter(Counter):
    """A counter whose clerk was told already what each scan means."""

    def __init__(self, moment: Moment) -> None:
        super().__init__(moment.session, moment.actor, policy=moment.policy, now=moment.at)
        self._made_at = moment.at
        self._override_reason: str | None = None

    def issue(self, meant: Meant) -> Answer:
        """Issue the camera, if nobody has it."""
        self._override_reason = meant.override_reason
        return self._with_camera(meant, lambda camera: self._issue(camera, meant.state))

    def take_back(self, meant: Meant) -> Answer:
        """Return the camera, unless somebody else got it after that.

        Raises:
            HistoryStands: rule 9: it is out by a later act.
        """
        return self._with_camera(meant, lambda camera: self._take_back(camera, meant))

    def _take_back(self, camera: CameraNow, meant: Meant) -> Answer:
        allocation = records.open_allocation(self._session, camera)
        if allocation is not None and self._is_anothers(allocation, meant.holder):
            what = (
                f"{camera.serial} is out to {allocation.person.collar} by a later act;"
                " this return is not of that allocation."
            )
            raise HistoryStands(what, rule=9, found={"holder": allocation.person.collar}, mend="store")
        return self._return(camera, meant.state)

    def take_over(self, meant: Meant) -> Answer:
        """Take the camera over from whom the page had named; issue it if it is back already.

        Raises:
            HistoryStands: rule 9: somebody else has it now.
        """
        self._override_reason = meant.override_reason
        return self._with_camera(meant, lambda camera: self._take_over_from(camera, meant))

    def _take_over_from(self, camera: CameraNow, meant: Meant) -> Answer:
        holder = records.holder_now(self._session, camera.serial)
        if holder is None:
            return self._issue(camera, meant.state)
        if holder != meant.holder:
            what = f"{camera.serial} is out to {holder} now, not to {meant.holder}."
            raise HistoryStands(what, rule=9, found={"holder": holder}, mend="store")
        return self._take_over(camera, holder, meant.state)

    def undo(self, last: LastAct | None) -> Answer:
        """Reverse an act that was done while there was a line."""
        if last is not None:
            allocation = records.lock_allocation(self._session, last.allocation)
            if allocation is not None:
                self._now = max(self._now, allocation.camera.custody_at)
        return self._undo(State(last_act=last))

    def _with_camera(self, meant: Meant, act: Callable[[CameraNow], Answer]) -> Answer:
        """Do ``act`` with the camera that was scanned; a kit's code stands for its camera, as with a line."""
        kind, identifier = resolve(self._session, spelled(meant.camera))
        if kind == "kit":
            return self._as_kit(identifier, lambda serial: act(self._locked(serial)))
        if kind != "camera":
            raise NotFound(f"{meant.camera} is no camera but: {kind} {identifier}.", found={"scan": meant.camera})
        return act(self._locked(identifier))

    def _is_anothers(self, allocation: AllocationNow, holder: str | None) -> bool:
        if holder is not None:
            return allocation.person.collar != holder
        return allocation.issued_at > self._made_at

    def _wanted(self, camera: CameraNow, state: State) -> Issue:
        return replace(super()._wanted(camera, state), override_reason=self._override_reason)


def _issue(moment: Moment, body: Mapping[str, Any]) -> Done:
    return acts.done(LateCounter(moment).issue(_meant(body)))


def _take_back(moment: Moment, body: Mapping[str, Any]) -> Done:
    return acts.done(LateCounter(moment).take_back(_meant(body)), officer=body["holder"])


def _take_over(moment: Moment, body: Mapping[str, Any]) -> Done:
    return acts.done(LateCounter(moment).take_over(_meant(body)))


def _undo(moment: Moment, body: Mapping[str, Any]) -> Done:
    return acts.done(LateCounter(moment).undo(body["last_act"]))


def _scan(moment: Moment, body: Mapping[str, Any]) -> Done:
    """A scan that the page could not tell the meaning of means what it would mean now.

    Nobody stands there to be asked: where the answer is a question, somebody must look at it.
    """
    answer = LateCounter(moment).scan(body["scan"], body["state"], repeated=body["repeated"], visit=moment.sent.id)
    is_left = answer.state.take_over is not None
    return acts.done(answer, Outcome.LEFT if is_left else Outcome.DONE)


def _acknowledge(moment: Moment, body: Mapping[str, Any]) -> Done:
    """A signature or an attestation for a visit whose issues arrived before it."""
    state = State(visit=body["visit"])
    answer = LateCounter(moment).acknowledged(body["given"], state)
    return acts.done(answer)


def _meant(body: Mapping[str, Any]) -> Meant:
    state = State(officer=body["officer"], mode=body["mode"], dock=body["dock"], visit=body.get("visit"))
    state = replace(state, operation=body.get("operation"))
    return Meant(body["camera"], state, body["holder"])


def _withdraw(moment: Moment, body: Mapping[str, Any]) -> Done:
    """The clerk undid an act before it was sent. Had it been sent after all, it is reversed; else it never happens."""
    kept = acts.claim(moment.session, body["of"])
    if kept is None:
        return _never(moment, body)
    if kept.clerk != moment.by.clerk:
        raise Forbidden("This act is another clerk's; who made it can undo it.", mend="supervisor")
    if kept.did is None:
        return Done({"detail": "It was not done, so there was nothing to undo."}, camera=body["camera"])
    return acts.done(LateCounter(moment).undo(kept.did))


def _never(moment: Moment, body: Mapping[str, Any]) -> Done:
    sent = replace(moment.sent, id=body["of"], kind=body["kind"], body=body)
    withdrawn = Done({}, Outcome.WITHDRAWN, body["camera"], body["officer"])
    kept = acts.keep(moment.session, moment.by, sent, withdrawn, now=moment.now)
    audit.record(
        moment.session,
        moment.actor,
        Event.COUNTER_ACT_WITHDRAWN,
        (Subject.CAMERA, body["camera"]) if body["camera"] else (Subject.COUNTER_ACT, str(kept.number)),
        at=moment.at,
        officer=body["officer"],
        kind=body["kind"],
    )
    return Done({"detail": "Undone before it was sent."}, camera=body["camera"], officer=body["officer"])


# Every kind of late act. Another domain's act at the counter is one more line.
KINDS: dict[str, Carry] = {
    Kind.ISSUE: _issue,
    Kind.RETURN: _take_back,
    Kind.TAKE_OVER: _take_over,
    Kind.UNDO: _undo,
    Kind.WITHDRAW: _withdraw,
    Kind.SCAN: _scan,
    Kind.ACKNOWLEDGE: _acknowledge,
}


def receive(
    session: Session,
    sender: Actor,
    sent: Sent,
    read: Callable[[], Mapping[str, Any]],
    *,
    clerk: Clerk | None,
    is_signed: bool,
    browser: int | None,
    policy: Policy,
    now: datetime,
) -> Kept:
    """Carry out a late act, once; what is refused goes onto the list of exceptions.

    ``read`` loads the act's body, and may refuse it: an act that nobody can read is an exception too, not lost.
    ``is_signed`` says that the act names its clerk; without that, or a ``clerk``, it is the sender's own.
    """
    by = Bringer(f"account:{clerk.account}" if clerk else sender.name, sender, browser)

    def work() -> Done:
        if is_signed and clerk is None:
            raise Forbidden("Who made this act cannot be told: its signature is not this service's.", mend="store")
        actor = late_actor(actor_of(session, clerk) if clerk else sender, sender, sent.id, now=now)
        at = counted_at(sent.made_at, clerk, now=now)
        if sent.kind not in KINDS:
            raise Conflict(f"This service knows no act of the kind {sent.kind}.", mend="admin")
        return KINDS[sent.kind](Moment(session, actor, policy, at, sent, by, now), read())

    kept = acts.once(session, by, sent, work, now=now)
    _require_as_told(session, by, sent, kept, now=now)
    return kept


def _require_as_told(session: Session, by: Bringer, sent: Sent, kept: Kept, *, now: datetime) -> None:
    """An act that was sent while there was a line, and its answer lost, may have come to something else than was told.

    The page then decided by itself and told its clerk; if that is not what was done, somebody must look at it.
    """
    if kept.is_new or kept.number is None or kept.kind != LIVE or (kept.did and sent.kind == kept.did.act):
        return
    if session.get(CounterException, kept.number) is None:
        came_to = f"carried out as: {kept.did.act}" if kept.did else f"refused: {kept.answer.get('detail')}"
        told = Conflict(f"Its clerk was told that this is: {sent.kind}. It was {came_to}", mend="store")
        acts.report(session, by, sent, kept, told, camera=kept.camera, now=now)
