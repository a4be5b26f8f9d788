"""What a verb says to whoever runs it: lines for people on standard error, JSON for programs on standard output."""

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any, Final

import click
from rich.console import Console
from rich.status import Status
from rich.text import Text

from ble.station.errors import StationError
from ble.station.progress import Shown, StepState
from ble.station.wording import instant

_MARKS: Final = {StepState.DONE: ("✓", "green"), StepState.FAILED: ("✗", "red")}


@dataclass
class Terminal:
    """Where a verb's words go. With ``as_json`` each step and the result are one JSON object a line."""

    as_json: bool
    console: Console = field(default_factory=lambda: Console(stderr=True, highlight=False))
    status: Status | None = None

    def show(self, shown: Shown) -> None:
        """One step."""
        if self.as_json:
            self._line(
                {"step": shown.step.value, "state": shown.state.value, "at": instant(shown.at), "detail": shown.detail}
                | {"facts": dict(shown.facts)}
            )
        elif shown.state is StepState.BEGUN:
            self._wait(f"{shown.step.value.capitalize()} … {shown.detail}")
        else:
            mark, colour = _MARKS[shown.state]
            self.say(f"{mark} {shown.step.value.capitalize()}  {shown.detail}", colour)

    def result(self, found: Mapping[str, Any], words: str) -> None:
        """What came of it."""
        if self.as_json:
            self._line(found)
        else:
            self.say(words)

    def say(self, words: str, colour: str = "") -> None:
        """A line for people; a serial in square brackets stays one."""
        self.console.print(Text(words, style=colour))

    @contextmanager
    def attending(self) -> Iterator[None]:
        """Show what is being waited for, and say what went wrong and what to do; exits with the error's code."""
        try:
            with self.console.status("…") as status:
                self.status = status if self.console.is_terminal and not self.as_json else None
                if self.status is None:
                    status.stop()
                yield
        except StationError as error:
            self.fail(error)

    def fail(self, error: StationError) -> None:
        """Say what went wrong, and end with its exit code."""
        if self.as_json:
            self._line({"outcome": "failed", "error": type(error).__name__, "detail": error.what, "mend": error.mend})
        else:
            self.say(error.what, "red")
            if error.mend:
                self.say(error.mend)
        raise SystemExit(int(error.exit_code))

    def _wait(self, words: str) -> None:
        if self.status is not None:
            self.status.update(Text(words))
        else:
            self.say(words)

    def _line(self, found: Mapping[str, Any]) -> None:
        click.echo(json.dumps(found))
