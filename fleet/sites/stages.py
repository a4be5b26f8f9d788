"""A site's way from candidate to live (rule 3, ¶14): one enum, one table."""

from enum import StrEnum


class Stage(StrEnum):
    CANDIDATE = "candidate"
    SURVEYED = "surveyed"
    NETWORK_UPGRADE = "network_upgrade"
    NETWORK_READY = "network_ready"
    SPACE_CONFIRMED = "space_confirmed"
    DOCKS_FITTED = "docks_fitted"
    ACCEPTED = "accepted"
    LIVE = "live"


# Only a network upgrade may be left out: a survey may find that the site needs none.
NEXT_STAGES: dict[Stage, frozenset[Stage]] = {
    Stage.CANDIDATE: frozenset({Stage.SURVEYED}),
    Stage.SURVEYED: frozenset({Stage.NETWORK_UPGRADE, Stage.NETWORK_READY}),
    Stage.NETWORK_UPGRADE: frozenset({Stage.NETWORK_READY}),
    Stage.NETWORK_READY: frozenset({Stage.SPACE_CONFIRMED}),
    Stage.SPACE_CONFIRMED: frozenset({Stage.DOCKS_FITTED}),
    Stage.DOCKS_FITTED: frozenset({Stage.ACCEPTED}),
    Stage.ACCEPTED: frozenset({Stage.LIVE}),
    Stage.LIVE: frozenset(),
}
_ORDER = list(Stage)
_OPTIONAL = frozenset({Stage.NETWORK_UPGRADE})


def missing_steps(reached: Stage, wanted: Stage) -> list[Stage]:
    """The steps that lie between; empty when ``wanted`` is the next step, or is not ahead at all."""
    between = _ORDER[_ORDER.index(reached) + 1 : _ORDER.index(wanted)]
    return [stage for stage in between if stage not in _OPTIONAL]


def allows_cameras(stage: Stage | None) -> bool:
    """Whether cameras may be deployed there: its docks are fitted, or nothing was ever recorded of its stage."""
    return stage is None or _ORDER.index(stage) >= _ORDER.index(Stage.DOCKS_FITTED)
