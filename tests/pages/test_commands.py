"""The sheet of command barcodes that lies beside a counter's scanner."""

import re

import pytest

from fleet.actors import Role
from fleet.counter.scans import Command, Mode
from fleet.pages.barcodes import LARGE_MM, code_128
from fleet.pages.commands import SAYS
from fleet.web import Service
from tests.pages.conftest import Person, signed_in


def test_every_word_that_the_counter_knows_has_a_barcode_and_a_sentence(admin: Person) -> None:
    page = admin.get("/counter/commands").text

    assert set(SAYS) == {*Mode, *Command}
    for word, says in SAYS.items():
        assert code_128(str(word), module_mm=LARGE_MM) in page
        assert says in admin.reads("/counter/commands")


def test_bars_are_large_and_each_fits_half_a_sheet(admin: Person) -> None:
    widths = [float(wide) for wide in re.findall(r'width="([\d.]+)mm"', admin.get("/counter/commands").text)]

    assert len(widths) == len(SAYS)
    # Half of A4 within margins of 15 mm, less the gap and the frame.
    assert all(40 < wide < 80 for wide in widths)


def test_the_page_has_no_style_inside_its_text(admin: Person) -> None:
    page = admin.get("/counter/commands").text

    assert "style=" not in page
    assert "<style" not in page


@pytest.mark.parametrize(("role", "status"), [(Role.STORE, 200), (Role.SUPERVISOR, 200), (Role.AUDITOR, 403)])
def test_it_is_for_those_who_use_the_counter(app: Service, role: Role, status: int) -> None:
    assert signed_in(app, role).get("/counter/commands").status_code == status
