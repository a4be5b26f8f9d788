"""Signatures: what is taken, what is refused, and what they become."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.visits import signature
from fleet.visits.signature import HEIGHT, WIDTH, NoSignature
from tests.conftest import Api
from tests.factories import Factory
from tests.visits.conftest import STROKES, AtCounter

LONG = [[x, 500] for x in range(0, 1_000, 50)]
POINTS = st.lists(st.lists(st.integers(0, 1_000), min_size=2, max_size=2), min_size=1, max_size=30)


@pytest.mark.parametrize(
    "drawn",
    [
        None, "", {}, [], 7, [[]], [[1, 2]], "M0 0", [LONG, []], [LONG, None], [[*LONG, [1]]], [[*LONG, [1, 2, 3]]],
        [[*LONG, ["1", 2]]], [[*LONG, [1.5, 2]]], [[*LONG, [True, 2]]], [[*LONG, [-1, 2]]], [[*LONG, [WIDTH + 1, 2]]],
        [[*LONG, [2, HEIGHT + 1]]], [[*LONG, [10**400, 2]]], [[[100, 100], [900, 900]]], [[[5, 5]] * 100],
        [[[x, 500] for x in range(100)]], [LONG] * 101, [[[x % 100, 5] for x in range(5_001)]],
        [[{"x": 1, "y": 2}] * 10], ["<svg onload=alert(1)>"],
    ],
)  # fmt: skip
def test_what_is_no_signature_is_refused(drawn: Any) -> None:
    with pytest.raises(NoSignature):
        signature.read(drawn)


@given(st.lists(POINTS, min_size=1, max_size=10))
def test_what_is_taken_is_kept_as_it_was_and_drawn_in_letters_and_whole_numbers_alone(drawn: list[Any]) -> None:
    try:
        strokes = signature.read(drawn)
    except NoSignature:
        return
    path = signature.path(strokes)

    assert strokes == drawn
    assert set(path) <= set("ML0123456789 ")
    assert path.count("M") == len(strokes)


def test_a_dot_is_drawn_too() -> None:
    assert signature.path([[[5, 6]]]) == "M5 6 L5 6"


def test_the_largest_signature_fits_into_the_database(api: Api, counter: AtCounter, make: Factory) -> None:
    name, _, _ = counter.visit(make)
    strokes = [[[WIDTH - x % 97, HEIGHT - x * 7 % 991] for x in range(50)] for _ in range(100)]

    answer = api("POST", f"/visits/{name}/acknowledgement", {"method": "signature", "strokes": strokes})

    assert answer.status_code == 200
    assert answer.json["strokes"] == strokes


def test_the_receipt_shows_it_as_the_service_draws_it(
    admin_page: Any, counter: AtCounter, make: Factory, api: Api
) -> None:
    name, collar, _ = counter.visit(make)
    api("POST", f"/visits/{name}/acknowledgement", {"method": "signature", "strokes": STROKES})

    page = admin_page.get(f"/visits/{name}").text

    assert f'd="{signature.path(STROKES)}"' in page
    assert f'aria-label="Signature of {collar}"' in page
