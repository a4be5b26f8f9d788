"""A camera's modes, and what takes it from one to another."""

from enum import StrEnum
from typing import Final


class Mode(StrEnum):
    OFF = "off"
    RECOVERING = "recovering"
    READY = "ready"
    RECORDING = "recording"
    FAULT = "fault"


class Cue(StrEnum):
    SWITCH_ON = "switch on"
    SWITCH_ON_INTERRUPTED = "switch on after an interrupted recording"
    SWITCH_OFF = "switch off"
    POWER_LOST = "power lost"
    RECOVERED = "recovered"
    START = "start"
    STOP = "stop"
    FAIL = "fail"


# What is not here changes nothing.
MODES: Final[dict[tuple[Mode, Cue], Mode]] = {
    (Mode.OFF, Cue.SWITCH_ON): Mode.READY,
    (Mode.OFF, Cue.SWITCH_ON_INTERRUPTED): Mode.RECOVERING,
    (Mode.RECOVERING, Cue.RECOVERED): Mode.READY,
    (Mode.RECOVERING, Cue.SWITCH_OFF): Mode.OFF,
    (Mode.RECOVERING, Cue.POWER_LOST): Mode.OFF,
    (Mode.RECOVERING, Cue.FAIL): Mode.FAULT,
    (Mode.READY, Cue.START): Mode.RECORDING,
    (Mode.READY, Cue.SWITCH_OFF): Mode.OFF,
    (Mode.READY, Cue.POWER_LOST): Mode.OFF,
    (Mode.READY, Cue.FAIL): Mode.FAULT,
    (Mode.RECORDING, Cue.STOP): Mode.READY,
    (Mode.RECORDING, Cue.SWITCH_OFF): Mode.OFF,
    (Mode.RECORDING, Cue.POWER_LOST): Mode.OFF,
    (Mode.RECORDING, Cue.FAIL): Mode.FAULT,
    (Mode.FAULT, Cue.SWITCH_OFF): Mode.OFF,
    (Mode.FAULT, Cue.POWER_LOST): Mode.OFF,
}
# In the others it is deaf, and what happens then is not captured: the reason is in its modes.
HEARING: Final = frozenset({Mode.READY, Mode.RECORDING})
