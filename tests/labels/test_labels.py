"""Labels: where they lie, what is on them, and that a scanner can read it, as read back from the PDF itself."""

import io
import re
import time

import pytest
import sqlalchemy as sa
from hypothesis import example, given
from hypothesis import strategies as st

from fleet.actors import Role
from fleet.audit.models import AuditEntry
from fleet.errors import Invalid
from fleet.labels import drawing, symbols
from fleet.labels.drawing import DoesNotFit, Label, Symbol
from fleet.labels.layouts import SHEETS, Layout, places, roll
from fleet.pages.commands import SAYS
from fleet.web import Service
from tests.conftest import Api, api_of
from tests.factories import Factory, unique
from tests.labels.pdf import Rect, Sheet, sheets
from tests.labels.readers import read_code_128, read_qr
from tests.pages.conftest import Person, signed_in

SERIAL = Label("X81104729", ("X81104729", "BWV810001", "Made-up Police"))
SYMBOL_TEXT = st.text("ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-./", min_size=1, max_size=14)


@pytest.fixture
def admin(app: Service) -> Person:
    return signed_in(app, Role.ADMIN)


def drawn(labels: list[Label], layout: Layout, symbol: Symbol = Symbol.BOTH, start: int = 0) -> list[Sheet]:
    made = io.BytesIO()
    drawing.draw(made, labels, layout, symbol=symbol, start=start)
    return sheets(made.getvalue())


def modules_of(bars: list[Rect]) -> str:
    """A barcode's modules, from the bars as they lie on the paper."""
    module = min(bar.width for bar in bars)
    length = round((bars[-1].x + bars[-1].width - bars[0].x) / module)
    dark = {round((bar.x - bars[0].x) / module) + at for bar in bars for at in range(round(bar.width / module))}
    return "".join("1" if at in dark else "0" for at in range(length))


def squares_of(path: list[Rect]) -> list[list[bool]]:
    """A QR code's modules, from the squares as they lie on the paper."""
    module, left, top = path[0].height, min(one.x for one in path), min(one.y for one in path)
    size = round((max(one.x + one.width for one in path) - left) / module)
    rows = [[False] * size for _ in range(size)]
    for one in path:
        row, begins = round((one.y - top) / module), round((one.x - left) / module)
        rows[row][begins : begins + round(one.width / module)] = [True] * round(one.width / module)
    return rows


@pytest.mark.parametrize("layout", SHEETS.values(), ids=SHEETS)
def test_a_sheets_labels_are_read_back_as_they_are_meant(layout: Layout) -> None:
    labels = [Label(f"X81{number:06d}", (f"X81{number:06d}", f"BWV{number}")) for number in range(layout.per_page)]

    [sheet] = drawn(labels, layout)

    assert (round(sheet.width, 1), round(sheet.height, 1)) == (210.0, 297.0)
    read = [(read_code_128(modules_of(bars)), read_qr(squares_of(code))) for bars, code in _pairs(sheet)]
    assert read == [(label.code, label.code) for label in labels]
    assert [text for text, _, _ in sheet.texts] == [line for label in labels for line in label.lines]


def _pairs(sheet: Sheet) -> list[tuple[list[Rect], list[Rect]]]:
    return list(zip(sheet.paths[::2], sheet.paths[1::2], strict=True))


@pytest.mark.parametrize(
    "layout", [*SHEETS.values(), roll(50, 25), roll(62, 29), roll(40, 25)], ids=lambda one: one.says
)
def test_bars_are_wide_enough_and_have_their_quiet_zones_within_the_label(layout: Layout) -> None:
    pages = drawn([SERIAL] * layout.per_page, layout)

    for page in pages:
        for place, (bars, code) in enumerate(_pairs(page)):
            left, top = layout.corner(place)
            module = min(bar.width for bar in bars)
            assert module >= 0.25
            assert bars[0].height >= 6
            assert bars[0].x - left >= 10 * module - 1e-3
            assert left + layout.width_mm - (bars[-1].x + bars[-1].width) >= 10 * module - 1e-3
            square = code[0].height
            assert square >= 0.35
            assert min(one.x for one in code) - left >= 4 * square
            # The code's own quiet zone is free of the bars below it and of the text beside it.
            assert bars[0].y - max(one.y + one.height for one in code) >= 4 * square - 1e-3
            for rect in (*bars, *code):
                assert top <= rect.y
                assert rect.y + rect.height <= top + layout.height_mm
        right_of_code = max(one.x + one.width for one in page.paths[1]) + 4 * page.paths[1][0].height
        assert all(x >= right_of_code - 1e-3 for _, x, _ in page.texts[:3])


@pytest.mark.parametrize("layout", SHEETS.values(), ids=SHEETS)
def test_a_begun_sheet_is_used_up_and_the_next_begins_at_its_first_label(layout: Layout) -> None:
    start = layout.per_page - 2

    first, second = drawn([SERIAL] * 5, layout, start=start)

    assert (len(first.paths), len(second.paths)) == (2 * 2, 3 * 2)
    assert _corner_of(first, layout) == pytest.approx(layout.corner(start), abs=1e-2)
    assert _corner_of(second, layout) == pytest.approx(layout.corner(0), abs=1e-2)


def _corner_of(sheet: Sheet, layout: Layout) -> tuple[float, float]:
    """Where the label of a sheet's first barcode begins: the bars stand in its middle, near its lower edge."""
    bars = sheet.paths[0]
    middle = (bars[0].x + bars[-1].x + bars[-1].width) / 2
    return middle - layout.width_mm / 2, bars[0].y + bars[0].height + 1.5 - layout.height_mm


@pytest.mark.parametrize(
    ("name", "first", "last"),
    [
        ("a4-21", (7.21, 15.15), (139.29, 243.75)),
        ("a4-24", (7.21, 12.9), (139.29, 250.2)),
        ("a4-40", (9.7, 21.5), (154.6, 250.1)),
        ("a4-65", (4.75, 10.7), (167.15, 265.1)),
    ],
)
def test_sheets_measure_what_is_sold(name: str, first: tuple[float, float], last: tuple[float, float]) -> None:
    layout = SHEETS[name]

    assert layout.corner(0) == pytest.approx(first, abs=0.01)
    assert layout.corner(layout.per_page - 1) == pytest.approx(last, abs=0.01)


@given(st.sampled_from(list(SHEETS.values())), st.integers(1, 200), st.data())
def test_no_two_labels_share_a_place_and_none_leaves_its_page(layout: Layout, count: int, data: st.DataObject) -> None:
    start = data.draw(st.integers(0, layout.per_page - 1))

    taken = list(places(layout, count, start))

    assert len(set(taken)) == count
    for _, place in taken:
        x, y = layout.corner(place)
        assert x >= 0
        assert y >= 0
        assert x + layout.width_mm <= layout.page_mm[0]
        assert y + layout.height_mm <= layout.page_mm[1]


@given(SYMBOL_TEXT)
@example("99")
@example("9912345")
@example("X9999")
def test_whatever_an_identifier_is_its_barcodes_say_it(text: str) -> None:
    assert read_code_128(symbols.code_128(text)) == text
    assert read_qr(symbols.qr(text)) == text


@pytest.mark.parametrize("symbol", list(Symbol))
def test_only_the_barcodes_that_were_asked_for_are_drawn(symbol: Symbol) -> None:
    [sheet] = drawn([SERIAL], SHEETS["a4-21"], symbol)

    assert len(sheet.paths) == (2 if symbol is Symbol.BOTH else 1)


@pytest.mark.parametrize(
    ("label", "layout", "symbol", "says"),
    [
        (Label("X" * 40, ("X",)), SHEETS["a4-65"], Symbol.CODE_128, "its barcode needs"),
        (Label("X81104729", ("A" * 80,)), SHEETS["a4-65"], Symbol.BOTH, "is too long"),
        (Label("X81104729", ("A",) * 9), SHEETS["a4-65"], Symbol.BOTH, "lines of text are too high"),
        (SERIAL, roll(40, 15), Symbol.BOTH, "its QR code needs"),
        (SERIAL, roll(20, 40), Symbol.BOTH, "its barcode needs"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(label: Label, layout: Layout, symbol: Symbol, says: str) -> None:
    with pytest.raises(DoesNotFit, match=says) as refused:
        drawn([SERIAL, label], layout, symbol)

    assert "Choose a larger label" in refused.value.detail


def test_a_character_that_no_barcode_knows_is_refused() -> None:
    with pytest.raises(Invalid, match="does not know"):
        drawn([Label("CAMÉRA", ("CAMÉRA",))], SHEETS["a4-21"])


def test_a_name_is_text_and_nothing_else() -> None:
    [sheet] = drawn([Label("X1", (r"(\) Tj ET",))], SHEETS["a4-21"], Symbol.QR)

    assert [text for text, _, _ in sheet.texts] == [r"(\) Tj ET"]


# ---- What is asked for -----------------------------------------------------------------------------------------------


def texts_of(pdf: bytes) -> list[str]:
    return [text for sheet in sheets(pdf) for text, _, _ in sheet.texts]


def test_labels_are_printed_of_what_a_lists_filters_find(api: Api, make: Factory) -> None:
    dock = make.dock(site=(site := make.site()))
    cameras = sorted(make.camera(home_dock=dock, asset_tag=unique("TAG")) for _ in range(3))
    make.camera()

    answer = api("POST", "/labels", {"what": "cameras", "filters": {"site": site}, "layout": "a4-65", "symbol": "qr"})

    assert (answer.status_code, answer.mimetype) == (200, "application/pdf")
    printed = texts_of(answer.data)
    assert printed[::2] == cameras
    assert all(tag.startswith("TAG") for tag in printed[1::2])


def test_labels_are_printed_of_what_is_named_once_each_in_its_order(api: Api, make: Factory) -> None:
    first, second = make.camera(), make.camera()
    named = [second.lower(), first, f" {second} "]

    answer = api("POST", "/labels", {"what": "cameras", "named": named, "layout": "a4-21", "symbol": "qr"})

    assert texts_of(answer.data) == [second, first]


@pytest.mark.parametrize("what", ["officers", "docks"])
def test_officers_and_docks_have_labels_too(api: Api, make: Factory, what: str) -> None:
    name = make.officer(name="Jo Bloggs") if what == "officers" else make.dock(site=make.site())

    answer = api("POST", "/labels", {"what": what, "named": [name], "layout": "a4-21"})

    assert texts_of(answer.data)[0] == name


def test_a_roll_has_a_page_for_each_label(api: Api, make: Factory) -> None:
    named = [make.camera() for _ in range(3)]
    body = {"what": "cameras", "named": named, "layout": "roll", "width_mm": 62, "height_mm": 29}

    pages = sheets(api("POST", "/labels", body).data)

    assert [(round(page.width), round(page.height)) for page in pages] == [(62, 29)] * 3


@pytest.mark.parametrize(
    "change",
    [
        {"named": []},
        {"named": ["NO-SUCH"]},
        {"named": ["a\0b"]},
        {"named": ["X"] * 5_001},
        {"named": ["X1"], "filters": {}},
        {"filters": {"colour": "blue"}},
        {"filters": {"model": "x2"}},
        {"filters": {"q": "NO-SUCH-CAMERA"}},
        {"filters": {"limit": "1"}},
        {"what": "horses"},
        {"layout": "a3"},
        {"layout": "roll"},
        {"layout": "roll", "width_mm": 5, "height_mm": 29},
        {"layout": "roll", "width_mm": "NaN", "height_mm": 29},
        {"width_mm": 50},
        {"start": 0},
        {"start": 22},
        {"start": "1"},
        {"symbol": "aztec"},
    ],
)
def test_a_wish_that_cannot_be_met_is_refused_by_its_field(api: Api, make: Factory, change: dict[str, object]) -> None:
    body: dict[str, object] = {"what": "cameras", "layout": "a4-21"} | change
    if "filters" not in change and "named" not in change:
        body["named"] = [make.camera()]

    answer = api("POST", "/labels", body)

    assert (answer.status_code, bool(answer.json["errors"])) == (422, True)


def test_printing_is_in_the_log(app: Service, make: Factory, api: Api) -> None:
    api("POST", "/labels", {"what": "cameras", "named": [make.camera()], "layout": "a4-24"})

    with app.database.transaction() as session:
        statement = (
            sa.select(AuditEntry.facts).where(AuditEntry.event == "labels.printed").order_by(AuditEntry.id.desc())
        )
        assert session.scalars(statement.limit(1)).one()["printed"]["layout"] == "a4-24"


def test_machines_and_officers_print_none(app: Service, make: Factory) -> None:
    body = {"what": "cameras", "named": [make.camera()], "layout": "a4-21"}

    for role in (Role.OFFICER, Role.DOCK):
        assert api_of(app, role)("POST", "/labels", body).status_code == 403


def test_five_thousand_labels_are_made_well_within_a_request() -> None:
    labels = [
        Label(f"X9{number:07d}", (f"X9{number:07d}", f"BWV{number}", "Made-up Police")) for number in range(5_000)
    ]
    made, begun = io.BytesIO(), time.process_time()

    drawing.draw(made, labels, SHEETS["a4-65"], symbol=Symbol.BOTH)

    assert time.process_time() - begun < 15
    assert len(made.getvalue()) < 2_000_000


# ---- The pages -------------------------------------------------------------------------------------------------------


def test_a_list_leads_to_the_labels_of_what_it_shows(admin: Person, make: Factory) -> None:
    site = make.site()
    make.camera(home_dock=make.dock(site=site))
    [href] = re.findall(r'href="(/labels\?[^"]+)"', admin.get(f"/cameras?site={site}&sort=model").text)

    page = admin.get(href.replace("&amp;", "&"))

    assert "1 label of cameras" in page.text
    filters = re.findall(r'name="filters" value="([^"]*)"', page.text)[0]
    printed = admin.post("/labels", what="cameras", filters=filters, layout="a4-21", symbol="both", start="3")
    assert printed.headers["Content-Disposition"] == 'attachment; filename="labels-cameras.pdf"'
    assert len(sheets(printed.data)[0].paths) == 2


@pytest.mark.parametrize(
    ("typed", "says"),
    [
        ({"named": ""}, "one on a line"),
        ({"named": "NO-SUCH"}, "Not in the register: NO-SUCH."),
        ({"start": "x"}, "Start must be a whole number."),
        ({"start": "70"}, "The first label on a sheet is from 1 to 65."),
        ({"layout": "roll"}, "Not a valid number."),
        ({"layout": "roll", "width_mm": "20", "height_mm": "20"}, "does not fit a label of 20 × 20 mm"),
        ({"layout": "roll", "width_mm": "62,5", "height_mm": "4"}, "measures 15 to 210 mm"),
    ],
)
def test_what_was_typed_is_kept_and_what_is_wrong_is_said(
    admin: Person, make: Factory, typed: dict[str, str], says: str
) -> None:
    form = {"what": "cameras", "named": make.camera(), "layout": "a4-21", "symbol": "both", "start": "1"} | typed

    answer = admin.post("/labels", **form)

    assert answer.status_code == 422
    assert says in answer.text
    assert form["named"] in answer.text


def test_filters_that_are_none_are_told(admin: Person) -> None:
    assert "Go back to the list" in admin.get("/labels?what=cameras&colour=blue").text
    assert "nothing matches" in admin.get("/labels?what=cameras&q=NO-SUCH-CAMERA").text


def test_the_counters_commands_are_a_sheet_that_a_scanner_reads(app: Service) -> None:
    answer = signed_in(app, Role.STORE).get("/counter/commands.pdf")

    [sheet] = sheets(answer.data)
    assert [read_code_128(modules_of(bars)) for bars in sheet.paths] == [str(word) for word in SAYS]
    assert signed_in(app, Role.AUDITOR).get("/counter/commands.pdf").status_code == 403
