"""The counter: what one scan means, given what was scanned before.

The page sends each scan with the state it was given last, and gets an answer with the next state. So the service keeps
nothing between scans, a scan can be sent again after a lost answer, and two counters know nothing of each other.
A refusal is not an answer but an error, as everywhere; the state then stays as it was.
"""

import dataclasses
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlalchemy.orm import Session

from fleet.actors import Actor
from fleet.cameras.models import Camera
from fleet.cameras.states import Custody, Use
from fleet.counter.kitting import Kitting
from fleet.counter.states import Act, Answer, Command, LastAct, Mode, State, Tone
from fleet.custody import choice, holdings, records, reservations, service, undo
from fleet.custody.models import Condition, IssueKind, Purpose, Reservation
from fleet.custody.records import AllocationNow, CameraNow
from fleet.db import AnySelect, Prepared
from fleet.errors import Conflict, NotFound
from fleet.identifiers import canonical
from fleet.people import service as people
from fleet.people.models import Person
from fleet.settings import Acknowledging, Policy
from fleet.sites.models import Dock
from fleet.stock import stocktakes
from fleet.stock.models import Kit, KitPart
from fleet.tasers.models import Taser
from fleet.visits import service as visits
from fleet.visits.models import Method
from fleet.visits.service import Given

__all__ = ["Act", "Answer", "Command", "Counter", "LastAct", "Mode", "State", "Tone", "bare", "resolve", "spelled"]

# What is written down when a clerk attests with a scan alone.
ATTESTED_BY_SCAN = "Others were waiting at the counter."


class Counter(Kitting):
    """One scan's worth of work: who scans, with what policy, when."""

    def __init__(self, session: Session, actor: Actor, *, policy: Policy, now: datetime) -> None:
        self._session = session
        self._actor = actor
        self._policy = policy
        self._now = now

    def scan(
        self, text: str, state: State, *, repeated: bool, answers: bool = False, visit: str | None = None
    ) -> Answer:
        """Carry out a scan. ``visit`` is the key of the visit that begins with it, if one does.

        ``repeated`` says that the same text was scanned less than five seconds before: a label read twice. It changes
        nothing, unless it ``answers`` the page's question for that very scan, which stood on the screen before.

        Raises:
            NotFound: nothing in the register has this identifier.
            Conflict: a rule refuses, or more than one thing has this identifier.
        """
        wanted = spelled(text)
        if repeated and not answers:
            return self._with_kit(
                Answer(Tone.CAUTION, "Scanned twice", f"{wanted} was scanned a moment ago. Nothing was done.", state)
            )
        asked = state.take_over if answers else None
        state = dataclasses.replace(state, take_over=None)
        return self._with_kit(self._command(wanted, state) or self._thing(wanted, asked, state, visit))

    def _with_kit(self, answer: Answer) -> Answer:
        """While there is an officer, the page shows what they have."""
        officer = answer.state.officer
        if officer is None:
            return answer
        return dataclasses.replace(answer, kit=holdings.kit(self._session, officer))

    def _command(self, wanted: str, state: State) -> Answer | None:
        word = wanted.lower()
        if word in set(Mode):
            return self._mode(Mode(word), state)
        if word == Command.UNDO:
            return self._undo(state)
        if word == Command.MISSING:
            return self._settle(state, all_here=False)
        if word == Command.ATTEST:
            return self.acknowledge(Given(Method.ATTESTATION, reason=ATTESTED_BY_SCAN), state)
        if word == Command.DONE:
            self._require_acknowledged(state)
            return Answer(Tone.INFO, "Next", "Scan an officer or a camera.", _ended(state))
        if word in {Command.PIN, Command.SIGN}:
            # The page asks for these by itself.
            raise Conflict("This page is out of date and cannot ask for a PIN or a signature. Load it again.")
        return None

    def acknowledge(self, given: Given, state: State, *, prove: visits.Prove = visits.nobody_proves) -> Answer:
        """The officer acknowledges everything issued in this visit, which ends it.

        Raises:
            NothingToAcknowledge, and as ``visits.acknowledge``.
        """
        if state.visit is None or not state.issued:
            raise visits.NothingToAcknowledge("Nothing was issued in this visit. Scan an officer, then a camera.")
        return self.acknowledged(given, state, prove=prove)

    def acknowledged(self, given: Given, state: State, *, prove: visits.Prove = visits.nobody_proves) -> Answer:
        """As ``acknowledge``, where what was issued in the visit is known to the service alone."""
        collar = visits.acknowledge(
            self._session,
            self._actor,
            state.visit or "",
            given,
            prove=prove,
            mails=self._policy.mails,
            now=self._now,
        )
        how = {Method.PIN: "by PIN", Method.SIGNATURE: "by signature", Method.ATTESTATION: "by the clerk"}
        many = {0: "what was issued", 1: "1 camera"}.get(len(state.issued), f"{len(state.issued)} cameras")
        return Answer(Tone.GOOD, "Acknowledged", f"{collar} has {many}, {how[given.method]}.", _ended(state))

    def _require_acknowledged(self, state: State) -> None:
        if self._policy.acknowledgement is not Acknowledging.REQUIRED or state.visit is None:
            return
        if visits.is_outstanding(self._session, state.visit):
            what = f"{state.officer} has not acknowledged what was issued: PIN, signature, or “attest”."
            raise Conflict(what, found={"cameras": list(state.issued)}, mend="the officer, or you by “attest”")

    def _thing(self, wanted: str, asked: str | None, state: State, visit: str | None) -> Answer:
        kind, identifier = resolve(self._session, wanted)
        if kind == "officer":
            return self._officer(identifier, state, visit)
        if kind == "dock":
            docked = dataclasses.replace(state, dock=identifier)
            return Answer(Tone.INFO, f"Dock {identifier}", "Returned cameras go into this dock now.", docked)
        if kind == "operation":
            return self._operation(identifier, state)
        if kind == "kit":
            return self._kit(identifier, asked, state)
        if kind == "part":
            return self._part(identifier, state)
        if kind == "taser":
            raise Conflict(f"{identifier} is a Taser. The counter issues cameras; Tasers belong to the armoury.")
        return self._camera(identifier, state, asked=asked == identifier)

    def _mode(self, mode: Mode, state: State) -> Answer:
        says = {
            Mode.NORMAL: "An officer, then a camera, issues. A camera that is out returns.",
            Mode.RETURN: "Every camera scanned is returned, in good condition.",
            Mode.FAULTY: "Every camera scanned is returned as faulty and quarantined.",
            Mode.PERSONAL: "Every camera issued is a personal issue.",
            Mode.POOL: "Every camera issued is a pool loan.",
            Mode.HELMET: "Every camera issued is a pool loan for helmet-mounted work: a Flex 2.",
        }
        state = dataclasses.replace(state, mode=mode)
        if mode is Mode.NORMAL:
            state = dataclasses.replace(state, dock=None, operation=None)
        return Answer(Tone.INFO, f"Mode: {mode}", says[mode], state)

    def _operation(self, code: str, state: State) -> Answer:
        operation = reservations.running(self._session, code, self._now)
        detail = f"Cameras issued now are for it, {operation.to_come} still to come. Scan “normal” to end this."
        return Answer(Tone.INFO, operation.name, detail, dataclasses.replace(state, operation=code))

    def _officer(self, collar: str, state: State, visit: str | None) -> Answer:
        officer = people.get(self._session, collar)
        # A new officer is a new visit; the same one again goes on with theirs.
        if state.officer != collar:
            self._require_acknowledged(state)
            state = dataclasses.replace(state, officer=collar, issued=(), visit=visit or visits.new_key())
        until = officer["trained_until"]
        if until is None or until < self._now.date():
            detail = "Training " + (f"ended on {until:%d %B %Y}." if until else "is not on record.") + " (rule 4)"
            return Answer(Tone.CAUTION, f"{collar}: no current training", detail, state)
        about = [part for part in (officer["name"], officer["team"]) if part]
        give = self._give(collar, state) or ("" if about else "Scan a camera.")
        detail = ". ".join(part for part in (", ".join(about), give) if part)
        return Answer(Tone.INFO, f"Officer {collar}", detail, state)

    def _give(self, collar: str, state: State) -> str:
        """Which cameras to give, the best first."""
        if state.mode in {Mode.RETURN, Mode.FAULTY, Mode.PERSONAL}:
            return ""
        found = choice.suggestions(self._session, collar, dock=state.dock, policy=self._policy)
        told = [f"{one.serial} (last time)" if one.last_time else one.serial for one in found]
        return f"Give {', or '.join((told[0], ', '.join(told[1:])) if told[1:] else told)}." if told else ""

    def _camera(self, serial: str, state: State, *, asked: bool) -> Answer:
        camera = self._locked(serial)
        holder = records.holder_now(self._session, serial)
        if state.mode in {Mode.RETURN, Mode.FAULTY}:
            return self._return(camera, state)
        if state.officer is None:
            return self._return(camera, state) if holder else self._not_out(camera, state)
        if holder is None:
            return self._issue(camera, state)
        if holder != state.officer:
            return self._take_over(camera, holder, state) if asked else self._ask(camera, holder, state)
        if serial in state.issued:
            detail = f"{serial} was issued to {holder} in this visit. Nothing was done."
            return Answer(Tone.CAUTION, "Issued already", detail, state, camera=serial)
        return self._return(camera, state)

    def _locked(self, serial: str) -> CameraNow:
        """The camera, locked. What is done to it now is never before what was done to it last (rule 9)."""
        camera = records.lock_camera(self._session, serial)
        self._now = max(self._now, camera.custody_at)
        return camera

    def _not_out(self, camera: CameraNow, state: State) -> Answer:
        custody = str(camera.custody).replace("_", " ")
        able = camera.custody in {Custody.IN_STOCK, Custody.RETURNING}
        detail = f"It is {custody}. " + ("To issue it, scan the officer first." if able else "It cannot be issued.")
        return Answer(Tone.CAUTION, f"{camera.serial} is not out", detail, state, camera=camera.serial)

    def _kind(self, camera: CameraNow, state: State) -> IssueKind:
        if state.mode in {Mode.PERSONAL, Mode.POOL}:
            return IssueKind(state.mode)
        if state.mode is Mode.HELMET:
            return IssueKind.POOL
        return IssueKind.PERSONAL if camera.use is Use.PERSONAL else IssueKind.POOL

    def _wanted(self, camera: CameraNow, state: State) -> service.Issue:
        kind = self._kind(camera, state)
        purpose = Purpose.PUBLIC_ORDER if state.mode is Mode.HELMET else None
        operation = state.operation if kind is IssueKind.POOL else None
        return service.Issue(camera.serial, state.officer or "", kind, purpose=purpose, operation=operation)

    def _issue(self, camera: CameraNow, state: State) -> Answer:
        wanted = self._wanted(camera, state)
        allocation = service.issue(self._session, self._actor, wanted, policy=self._policy, now=self._now)
        return self._issued(allocation, state, LastAct(Act.ISSUE, allocation.id), "Issued")

    def _issued(self, allocation: AllocationNow, state: State, last: LastAct, title: str) -> Answer:
        serial = allocation.camera.serial
        key = state.visit or visits.new_key()
        visits.join(
            self._session, self._actor, key, person_id=allocation.person.id, allocation_id=allocation.id, now=self._now
        )
        state = dataclasses.replace(state, visit=key, issued=(*state.issued, serial), last_act=last)
        detail = f"{serial} to {state.officer}, {allocation.kind}"
        if allocation.operation is not None:
            detail += f", for {allocation.operation}"
        return Answer(Tone.GOOD, title, detail, state, due_back=allocation.due_back, camera=serial)

    def _return(self, camera: CameraNow, state: State) -> Answer:
        condition = Condition.FAULTY if state.mode is Mode.FAULTY else Condition.GOOD
        note = f"put into dock {state.dock}" if state.dock else None
        allocation = service.take_back(
            self._session, self._actor, camera.serial, condition, note=note, policy=self._policy, now=self._now
        )
        last = LastAct(Act.RETURN, allocation.id)
        issued = tuple(serial for serial in state.issued if serial != camera.serial)
        state = dataclasses.replace(state, issued=issued, last_act=last)
        late = allocation.due_back is not None and allocation.due_back < self._now
        title = "Returned, faulty" if condition is Condition.FAULTY else "Returned"
        ending = {
            Custody.QUARANTINED: ": put it aside, it is quarantined",
            Custody.RETURNING: ": dock it, it is checked there",
        }.get(allocation.camera.custody, "")
        seen = stocktakes.see_return(self._session, self._actor, camera, state.dock, now=self._now)
        counted = f"; counted in the stocktake of {' and '.join(seen)}" if seen else ""
        detail = f"{camera.serial} from {allocation.person.collar}{', overdue' if late else ''}{ending}{counted}"
        return self._came_back(camera, Answer(Tone.GOOD, title, detail, state, camera=camera.serial))

    def _ask(self, camera: CameraNow, holder: str, state: State) -> Answer:
        state = dataclasses.replace(state, take_over=camera.serial)
        detail = f"{camera.serial} is out to {holder}. Scan it once more to return it and issue it to {state.officer}."
        return Answer(Tone.CAUTION, f"Out to {holder}", detail, state, camera=camera.serial)

    def _take_over(self, camera: CameraNow, holder: str, state: State) -> Answer:
        before = records.open_allocation(self._session, camera)
        wanted = self._wanted(camera, state)
        allocation = service.take_over(self._session, self._actor, wanted, policy=self._policy, now=self._now)
        last = LastAct(Act.TAKE_OVER, allocation.id, before.id if before else None)
        return self._issued(allocation, state, last, f"Taken over from {holder}")

    def _undo(self, state: State) -> Answer:
        last = state.last_act
        if last is None:
            raise Conflict("There is nothing to undo.")
        who = (self._session, self._actor)
        if last.returned is not None:
            done = undo.undo_take_over(*who, last.allocation, last.returned, policy=self._policy, now=self._now)
        elif last.act is Act.RETURN:
            done = undo.undo_return(*who, last.allocation, policy=self._policy, now=self._now)
        else:
            done = undo.undo_issue(*who, last.allocation, policy=self._policy, now=self._now)
        is_back = done.returned_at is None
        says = f"is with {done.person.collar} again" if is_back else f"is not issued to {done.person.collar}"
        detail = f"{done.camera.serial} {says}"
        issued = tuple(serial for serial in state.issued if serial != done.camera.serial)
        state = dataclasses.replace(state, issued=issued, last_act=None)
        return Answer(Tone.GOOD, "Undone", detail, state, camera=done.camera.serial)


def _ended(state: State) -> State:
    """What is left when a visit is over."""
    return State(mode=state.mode, dock=state.dock, operation=state.operation, last_act=state.last_act)


def bare(text: str) -> str:
    """A scan without the asterisks that Code 39 writes before and after, and that some scanners pass on."""
    text = text.strip()
    return text[1:-1] if len(text) > len("**") and text.startswith("*") and text.endswith("*") else text


def spelled(text: str) -> str:
    """A scan in the one spelling of identifiers.

    Raises:
        NotFound: it cannot be one.
    """
    try:
        return canonical(bare(text))
    except ValueError as error:
        raise NotFound(f"This scan {error}. Scan again.") from error


_WANTED: sa.BindParameter[str] = sa.bindparam("wanted", type_=sa.Text)


def _named(kind: str, key: Any, identifier: Any) -> AnySelect:
    return sa.select(sa.literal(kind).label("kind"), identifier.label("identifier")).where(key == _WANTED)


_RESOLVE = Prepared(
    sa.union_all(
        _named("camera", Camera.serial, Camera.serial),
        _named("camera", Camera.asset_tag, Camera.serial),
        _named("officer", Person.collar, Person.collar),
        _named("dock", Dock.serial, Dock.serial),
        _named("taser", Taser.serial, Taser.serial),
        _named("operation", Reservation.code, Reservation.code),
        _named("kit", Kit.code, Kit.code),
        _named("part", KitPart.barcode, KitPart.barcode),
    )
)


def resolve(session: Session, wanted: str) -> tuple[str, str]:
    """What in the register the scan names: its kind and its own identifier.

    Raises:
        NotFound: nothing has this identifier.
        Conflict: more than one thing has it.
    """
    found = {(row["kind"], row["identifier"]) for row in _RESOLVE.all(session, wanted=wanted)}
    if not found:
        raise NotFound(f"Nothing in the register is called {wanted}.", found={"scan": wanted}, mend="store")
    if len(found) > 1:
        what = " and ".join(f"{kind} {identifier}" for kind, identifier in sorted(found))
        raise Conflict(f"{wanted} is more than one thing: {what}. Type the camera's serial.", mend="admin")
    return found.pop()
