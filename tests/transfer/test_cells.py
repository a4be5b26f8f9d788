"""Cells, by properties: what goes out comes in again, and what cannot be read is refused with a ValueError."""

import contextlib
import csv
import io
from datetime import UTC, date, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from fleet.identifiers import assigned
from fleet.sites.stages import Stage
from fleet.transfer.cells import as_csv, day, guarded, identifier, instant, one_of, unguarded, whole, words_of_text

# Control characters and odd blanks are refused wherever they come from; the rest may stand in any cell.
PRINTED = st.characters(codec="utf-8", exclude_categories=("C", "Z"))
NAMES = st.text(PRINTED | st.just(" "), min_size=1, max_size=20).map(str.strip).filter(bool)
TEXTS = st.text(PRINTED | st.sampled_from(" \n\t,;\"'"), min_size=1, max_size=40).map(str.strip).filter(bool)
STARTS = st.sampled_from(["=", "'=", "''+", "-", "@", "'", "＝"])
WRITTEN = st.text(st.characters(codec="utf-8"), max_size=40)


def through_a_file(values: list[str]) -> list[str]:
    """Out as an export writes them, in as an import cuts them into cells."""
    text = as_csv([[guarded(value) for value in values], [""]]).decode()
    return next(csv.reader(io.StringIO(text, newline=""), strict=True))


@given(st.lists(TEXTS | st.builds(str.__add__, STARTS, TEXTS), min_size=2))
def test_a_text_comes_back_as_it_went_out(values: list[str]) -> None:
    assert [words_of_text(cell.strip()) for cell in through_a_file(values)] == values


def _may_be_assigned(text: str) -> bool:
    """Neither a dot nor a word that the counter keeps for itself."""
    try:
        assigned(text)
    except ValueError:
        return False
    return True


@given(st.lists(NAMES | st.builds(str.__add__, STARTS, NAMES), min_size=2))
def test_an_identifier_comes_back_as_it_went_out(texts: list[str]) -> None:
    values = [assigned(text) for text in texts if _may_be_assigned(text)]
    assert [identifier(cell.strip()) for cell in through_a_file([*values, "-"])] == [*values, "-"]


@given(WRITTEN)
def test_nothing_that_goes_out_is_a_formula(text: str) -> None:
    assert guarded(text)[:1] not in {"=", "+", "-", "@", "\t", "\r", "＝"} or not text
    assert unguarded(guarded(text)) == text


@given(st.datetimes(timezones=st.timezones()), st.dates())
def test_dates_come_back(moment: datetime, of_day: date) -> None:
    if 1 < moment.year < 9999:
        assert datetime.fromisoformat(instant(moment.isoformat())) == moment.astimezone(UTC)
    assert day(of_day.isoformat()) == of_day.isoformat()


@given(WRITTEN.filter(str.strip).map(str.strip))
def test_readers_refuse_with_a_value_error_alone(text: str) -> None:
    for read in (day, instant, whole(1, 99), one_of(Stage), identifier, words_of_text):
        with contextlib.suppress(ValueError):
            read(text)


def test_an_instant_without_a_zone_is_utc_and_a_date_its_beginning() -> None:
    assert instant("2030-01-02T03:04") == "2030-01-02T03:04:00+00:00"
    assert instant("2030-01-02") == datetime(2030, 1, 2, tzinfo=UTC).isoformat()
    with pytest.raises(ValueError, match="such as"):
        instant("0001-01-01T00:00+14:00")
    with pytest.raises(ValueError, match="2027-03-31"):
        day("31/03/2027")
