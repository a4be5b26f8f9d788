"""Signatures drawn on a screen: what may be kept of one, and how it is shown again. Pure.

A signature is kept as the strokes that were drawn and never as a picture from outside, so there is nothing in it that a
browser or a viewer could be made to run. Its units are thousandths of the pad's height; the pad is three times as wide.
"""

import math
from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any, TypeAlias

WIDTH, HEIGHT = 3_000, 1_000
MOST_STROKES = 100
MOST_POINTS = 5_000
# Less than this is a touch of the screen or a dash: half the pad's height in all directions together.
_SHORTEST = 500.0
_FEWEST_POINTS = 8
_PAIR = 2

Stroke: TypeAlias = list[list[int]]


class NoSignature(ValueError):
    """What was drawn cannot be taken as a signature; the text says why."""


def read(drawn: Any) -> list[Stroke]:
    """The strokes in ``drawn``, which came from outside: lists of ``[x, y]`` in whole units, inside the pad.

    Raises:
        NoSignature: it is of another shape, too much, or too little.
    """
    if not isinstance(drawn, list) or not drawn:
        raise NoSignature("Nothing was drawn.")
    if len(drawn) > MOST_STROKES or sum(len(stroke) for stroke in drawn if isinstance(stroke, list)) > MOST_POINTS:
        raise NoSignature("This is too much to be a signature. Clear it and sign again.")
    strokes = [_stroke(stroke) for stroke in drawn]
    if sum(map(len, strokes)) < _FEWEST_POINTS or _length(strokes) < _SHORTEST:
        raise NoSignature("This is too short to be a signature. Clear it and sign again.")
    return strokes


def _stroke(stroke: Any) -> Stroke:
    if not isinstance(stroke, list) or not stroke:
        raise NoSignature("A stroke is a list of points, and has one at least.")
    return [_point(point) for point in stroke]


def _point(point: Any) -> list[int]:
    if not isinstance(point, list) or len(point) != _PAIR or not all(type(value) is int for value in point):
        raise NoSignature("A point is two whole numbers.")
    if not (0 <= point[0] <= WIDTH and 0 <= point[1] <= HEIGHT):
        raise NoSignature(f"A point lies outside the pad of {WIDTH} by {HEIGHT}.")
    return point


def _length(strokes: Sequence[Stroke]) -> float:
    return sum(math.dist(before, after) for stroke in strokes for before, after in pairwise(stroke))


def path(strokes: Sequence[Stroke]) -> str:
    """The strokes as the data of an SVG path. Nothing but letters and whole numbers can be in it."""
    return " ".join(_moves(strokes))


def _moves(strokes: Sequence[Stroke]) -> Iterator[str]:
    for stroke in strokes:
        first, *rest = stroke
        yield f"M{int(first[0])} {int(first[1])}"
        # A dot is a line of no length, which a round cap makes visible.
        yield from (f"L{int(x)} {int(y)}" for x, y in rest or [first])
