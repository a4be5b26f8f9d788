"""Kits at the counter: their barcode stands for the camera, and what comes back is checked off part by part."""

import dataclasses
from collections.abc import Callable
from datetime import datetime

from sqlalchemy.orm import Session

from fleet.actors import Actor
from fleet.counter.states import Answer, State, Tone
from fleet.custody import records
from fleet.custody.records import CameraNow
from fleet.errors import Conflict
from fleet.stock import kits


class Kitting:
    """The part of the counter that knows kits; how a camera is handled, the counter knows."""

    _session: Session
    _actor: Actor
    _now: datetime

    def _camera(self, serial: str, state: State, *, asked: bool) -> Answer:
        raise NotImplementedError

    def _kit(self, code: str, asked: str | None, state: State) -> Answer:
        """The kit as its camera; scanned once more while it is checked, all of its parts are here."""
        if state.kit == code:
            return self._settle(state, all_here=True)
        return self._as_kit(code, lambda serial: self._camera(serial, state, asked=asked == serial))

    def _as_kit(self, code: str, act: Callable[[str], Answer]) -> Answer:
        """Do with a kit's camera what ``act`` does with a serial; its parts go out with it, and are checked later."""
        serial = kits.camera_of(self._session, code)
        before = records.holder_now(self._session, serial)
        answer = act(serial)
        after = records.holder_now(self._session, serial)
        if after is None and before is None:
            # The camera is here, and parts of a kit whose issue was undone may be.
            return self._to_check(code, answer)
        if after is None or after == before:
            return answer
        parts = kits.hand_out(self._session, self._actor, code, after, now=self._now)
        said = f", with {', '.join(parts)}" if parts else ""
        return dataclasses.replace(answer, detail=f"{answer.detail}{said} (kit {code})")

    def _came_back(self, camera: CameraNow, answer: Answer) -> Answer:
        """A camera that came back out of a kit: which parts to look for."""
        code = kits.of_camera(self._session, camera)
        return answer if code is None else self._to_check(code, answer)

    def _to_check(self, code: str, answer: Answer) -> Answer:
        parts = kits.out(self._session, code)
        if not parts:
            return answer
        detail = f"{answer.detail}. Scan its parts ({', '.join(parts)}), or {code} when all are here"
        return dataclasses.replace(answer, detail=detail, state=dataclasses.replace(answer.state, kit=code))

    def _part(self, barcode: str, state: State) -> Answer:
        code = kits.of_part(self._session, barcode)
        if state.kit is not None and state.kit != code:
            raise Conflict(f"{barcode} is a part of {code}, not of {state.kit}.", found={"kit": code}, mend="store")
        kits.check_off(self._session, barcode)
        left = kits.out(self._session, code)
        if left:
            detail = f"{barcode} is here. Still to come: {', '.join(left)}. Scan “missing” when it is."
            return Answer(Tone.INFO, f"Part of {code}", detail, dataclasses.replace(state, kit=code))
        if state.kit is None:
            return Answer(Tone.INFO, f"Part of {code}", f"{barcode} is in its kit.", state)
        return self._settle(state, all_here=True)

    def _settle(self, state: State, *, all_here: bool) -> Answer:
        """The check of a kit is over."""
        if state.kit is None:
            raise Conflict("No kit is being checked. Scan a kit first.")
        gone = kits.settle(self._session, self._actor, state.kit, all_here=all_here, now=self._now)
        ended = dataclasses.replace(state, kit=None)
        if gone:
            return Answer(Tone.CAUTION, f"{state.kit} is not complete", f"Missing: {', '.join(gone)}.", ended)
        return Answer(Tone.GOOD, f"{state.kit} is complete", "Every part is here.", ended)
