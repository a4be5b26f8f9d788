"""Everything that can be wrong with a file, named by line and column, all at once."""

import pytest

from fleet.transfer import BadFile
from fleet.transfer.problems import MOST_KEPT
from fleet.web import Service
from tests.transfer import files
from tests.transfer.files import load, refused


def test_a_file_that_excel_saved_is_read(empty: Service) -> None:
    text = '\ufeffSerial ; MODEL;Firmware\r\n x1 ;Body-2;"1;\r\n2"\r\n;;\r\nx2;FLEX-2;"""a"""\r\n\r\n'
    assert load(empty, "cameras", text).added == 2
    assert files.ask(empty, "SELECT serial, model, firmware FROM camera ORDER BY 1") == [
        ("X1", "body-2", "1;\n2"),
        ("X2", "flex-2", '"a"'),
    ]


@pytest.mark.parametrize("first", ["sep=;", "\ufeffsep=;", '"sep=;"', "SEP=;", "\nsep=;"])
def test_excels_first_line_says_what_separates(empty: Service, first: str) -> None:
    assert load(empty, "cameras", f"{first}\r\nserial;model;firmware\r\nX1;body-2;1,2,3\r\n").added == 1
    assert files.ask(empty, "SELECT firmware FROM camera") == [("1,2,3",)]


def test_excels_first_line_counts_as_a_line(app: Service) -> None:
    assert refused(app, "cameras", "sep=,\nserial,model\nX1,\n") == ["line 3, column model: is empty"]
    assert refused(app, "cameras", "sep=,\nserial;model\n")[0].startswith("line 2, column serial;model:")
    assert refused(app, "cameras", "sep=;\n") == ["line 1: the file is empty; its first line names the columns"]


def test_only_the_first_line_says_what_separates(app: Service) -> None:
    assert refused(app, "cameras", "sep=;\nsep=,\nserial;model\n")[0].startswith("line 2, column")


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("", ["line 1: the file is empty; its first line names the columns"]),
        ("\n  \r\n", ["line 1: the file is empty; its first line names the columns"]),
        ("model,asset_tag\n", ["line 1, column serial: the column is missing"]),
        ("\nserial\n", ["line 2, column model: the column is missing"]),
        ("serial,model,model\n", ["line 1, column model: the column is there more than once"]),
        ("serial,model\nX1\n\nX2,body-2,\n", ["has 1 cells; the header has 2", "line 4: has 3 cells"]),
        ("serial,model\n,body-2\nX2, \n", ["line 2, column serial: is empty", "line 3, column model: is empty"]),
        ("serial,model\nX\01,body-2\n", ["line 2, column serial: has a character that cannot be printed"]),
        (f"serial,model\n{'X' * 65},body-2\n", ["line 2, column serial: is longer than 64 characters"]),
        ('serial,model\n"X1"2,body-2\n', ["line 2: the quotes or line ends are wrong"]),
        ('serial,model\nX1,body-2\n"X2,body-2\n', ["line 3: the quotes or line ends are wrong"]),
        ("serial,model\rX1,body-2\r", ["line 1: the quotes or line ends are wrong"]),
        (b"serial,model\nX1,body-2\nX\0002,body-2\n", ["line 3: has a NUL byte"]),
        (
            b"serial,model,firmware\nX1,body-2,caf\xe9\nX2,body-9,\n",
            ["line 2: is not UTF-8 (byte 0xe9", "line 3, column"],
        ),
        ("serial,model\n".encode("utf-16"), ["line 1: has a NUL byte", "line 1: is not UTF-8 (byte 0xff at place 1)"]),
        ("serial,model\nX1,body-2" + "," * 2_000_000, ["line 2: is longer than 1,048,576 bytes"]),
        (
            "serial,model,phase\nX1,body-2,0\nX2,body-2,1e3\n",
            ["phase: '0' is not a whole", "phase: '1e3' is not a whole"],
        ),
        ("serial,model,due_back\nX1,body-2,soon\n", ["due_back: 'soon' is not a date or an instant"]),
    ],
)
def test_what_cannot_be_read_is_named_by_its_line(app: Service, text: str | bytes, told: list[str]) -> None:
    # Never changed, the shared register serves.
    for expected, said in zip(told, refused(app, "cameras", text), strict=True):
        assert expected in said


def test_an_unknown_column_is_named_with_those_there_are(empty: Service) -> None:
    (said,) = refused(empty, "docks", "serial,site,colour\n")
    assert said == "line 1, column colour: there is no such column; there are serial, site, bays"


def test_all_that_is_wrong_is_told_at_once_in_order_of_lines(empty: Service) -> None:
    files.load_estate(empty)
    text = (
        "serial,asset_tag,model,use,home_dock,custody,holder,due_back\n"
        "Z1,t1,body-2,,,,,\n"  # another camera's tag
        "Z2,,body-2,,D9,,,\n"  # no such dock
        "Z3,,body-2,,,,C9,\n"  # no such officer
        "Z4,,body-2,,,issued,,\n"
        "Z5,,body-2,,,lost,C3,\n"
        "Z6,,body-2,,,,,2030-01-01\n"
        "Z7,,body-2,personal,,,C1,\n"  # has X1
        "Z8,,body-2,personal,,,C3,\n"
        "z8,TT,body-2,personal,,,C3,\n"
        "Z9,TT,body-7,personal,,issued,C2,\n"
    )
    assert refused(empty, "cameras", text) == [
        "line 2, column asset_tag: T1 is taken by camera X1",
        "line 3, column home_dock: there is no dock D9 in the register",
        "line 4, column holder: there is no person C9 in the register",
        "line 5, column custody: the camera is issued, but the column holder does not say to whom",
        "line 6, column custody: a camera with a holder is issued, not lost",
        "line 7, column due_back: nobody has the camera, so it is not due back",
        "line 8, column holder: C1 already has X1 (personal, rule 7)",
        "line 9, column serial: Z8 is also on line 10",
        "line 9, column holder: C3 has a personal camera on line 10 too (rule 7)",
        "line 10, column serial: Z8 is also on line 9",
        "line 10, column asset_tag: TT is also on line 11",
        "line 10, column holder: C3 has a personal camera on line 9 too (rule 7)",
        "line 11, column model: 'body-7' is not one of body-2, flex-2",
        "line 11, column asset_tag: TT is also on line 10",
    ]


def test_stages_that_rule_3_does_not_allow(empty: Service) -> None:
    files.load_estate(empty)
    before = "before it is docks_fitted it must be network_ready, then space_confirmed (rule 3)"
    assert refused(empty, "sites", "code,stage\nS1,surveyed\nS2,docks_fitted\nS3,live\nS4,live\n") == [
        "line 2, column stage: the site is live already; it does not go back to surveyed (rule 3)",
        f"line 3, column stage: the site is surveyed; {before}",
    ]


def test_an_x26_has_no_sppm(empty: Service) -> None:
    files.load_estate(empty)
    told = "an X26 has no SPPM and cannot pair; only an X2 takes one (rule 2)"
    assert refused(empty, "tasers", "serial,model,sppm\nY9,x26,M9\nY1,x26,\n") == [f"line 2, column sppm: {told}"]
    assert refused(empty, "tasers", "serial,model\nY1,x26\n") == [f"line 2, column model: {told}"]
    assert refused(empty, "tasers", "serial,model,sppm\nY3,x2,m1\n") == ["line 2, column sppm: M1 is taken by taser Y1"]


def test_people(empty: Service) -> None:
    functions = "response, firearms, neighbourhood, traffic, force-support, other"
    assert refused(empty, "people", "collar,function,site,trained_until\nC1,cook,S9,31/12/2027\n") == [
        f"line 2, column function: 'cook' is not one of {functions}",
        "line 2, column trained_until: '31/12/2027' is not a date such as 2027-03-31",
        "line 2, column site: there is no site S9 in the register",
    ]


def test_ten_thousand_bad_rows_are_all_counted(empty: Service) -> None:
    rows = "".join(f"X{number},body-2,D{number}\n" for number in range(MOST_KEPT + 500))
    with pytest.raises(BadFile) as caught:
        load(empty, "cameras", "serial,model,home_dock\n" + rows + "Y,zzz,\n")
    assert caught.value.count == MOST_KEPT + 501
    assert len(caught.value.problems) == MOST_KEPT
    assert caught.value.detail.count("\n") == 101
    assert caught.value.detail.endswith("  and 10,401 more")
