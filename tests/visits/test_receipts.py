"""Receipts: what they say, to whom they are shown, and that text stays text."""

import re
from typing import Any

import pytest

from fleet.actors import Role
from fleet.visits import receipts
from fleet.visits.models import Method
from fleet.visits.service import Given
from fleet.web import Service
from tests.conftest import Api
from tests.factories import Factory, now
from tests.labels.pdf import sheets
from tests.pages.conftest import signed_in
from tests.visits.conftest import ATTESTED, STROKES, AtCounter

HOSTILE = '<b onclick="x">&amp; </para> & co'


def words_of(pdf: bytes) -> str:
    return " ".join(text for sheet in sheets(pdf) for text, _, _ in sheet.texts)


def test_a_receipt_says_everything_that_was_done(counter: AtCounter, make: Factory, api: Api) -> None:
    name, collar, serials = counter.visit(make, cameras=2, name="Jo Bloggs")
    counter.acknowledge(name, ATTESTED)
    read = counter.read(name)

    answer = api("GET", f"/visits/{name}/receipt.pdf")

    assert answer.mimetype == "application/pdf"
    entries = [str(one["entry"]) for one in read["issued"]]
    for told in (words_of(answer.data), receipts.text(read)):
        for part in [
            collar,
            "Jo Bloggs",
            *serials,
            *entries,
            str(read["entry_id"]),
            name,
            "clerk",
            ATTESTED.reason or "",
        ]:
            assert part in told
        assert "personal" in told
        assert receipts.when(read["issued"][1]["due_back"]) in told
        assert "in the officer’s place" in told or "in the officer" in told


def test_a_receipt_that_nobody_acknowledged_says_so(counter: AtCounter, make: Factory) -> None:
    name, _, _ = counter.visit(make)

    assert "Acknowledged: not yet" in receipts.text(counter.read(name))


def test_the_signature_is_on_it_and_a_dispute_beside_it(counter: AtCounter, make: Factory, api: Api) -> None:
    name, _, _ = counter.visit(make)
    counter.acknowledge(name, Given(Method.SIGNATURE, strokes=STROKES))
    api("POST", f"/visits/{name}/disputes", {"note": HOSTILE})

    told = words_of(api("GET", f"/visits/{name}/receipt.pdf").data)

    assert "Signature" in told
    assert "Disputed" in told


def test_what_somebody_typed_is_text_on_paper_and_page(app: Service, counter: AtCounter, make: Factory) -> None:
    name, _, _ = counter.visit(make, name=HOSTILE)
    counter.acknowledge(name, Given(Method.ATTESTATION, reason=HOSTILE))
    read = counter.read(name)

    assert "".join(HOSTILE.split()) in "".join(words_of(receipts.pdf(read, now=now())).split())
    page = signed_in(app, Role.STORE).get(f"/visits/{name}").text
    assert "<b onclick" not in page


def test_fifty_cameras_go_on_to_another_page(counter: AtCounter, make: Factory) -> None:
    name, _, _ = counter.visit(make)
    read: dict[str, Any] = counter.read(name)
    read["issued"] *= 50

    assert len(sheets(receipts.pdf(read, now=now()))) > 1


def test_officers_see_their_own_receipts_and_no_others(app: Service, counter: AtCounter, make: Factory) -> None:
    mine, collar, serials = counter.visit(make)
    counter.scan("done")
    other, _, _ = counter.visit(make)
    officer = signed_in(app, Role.OFFICER, collar)

    assert serials[0] in officer.reads("/me")
    assert re.search(r"Receipt Visit of", officer.reads(f"/me/visits/{mine}"))
    assert officer.get(f"/me/visits/{mine}/receipt.pdf").mimetype == "application/pdf"
    for path in (f"/me/visits/{other}", f"/me/visits/{other}/receipt.pdf"):
        assert officer.get(path).status_code == 404
    assert officer.post(f"/me/visits/{other}/disputes", note="Not mine").status_code == 404
    assert officer.get(f"/visits/{mine}").status_code == 403


def test_an_officer_disputes_their_own_visit(app: Service, counter: AtCounter, make: Factory) -> None:
    name, collar, _ = counter.visit(make)
    counter.acknowledge(name, ATTESTED)
    officer = signed_in(app, Role.OFFICER, collar)

    assert officer.post(f"/me/visits/{name}/disputes", note=" ").status_code == 422
    assert officer.post(f"/me/visits/{name}/disputes", note="I never had it.\r\nAsk Jo.").status_code == 303

    [dispute] = counter.read(name)["disputes"]
    assert (dispute["actor"], dispute["note"]) == (f"account:{officer.name}", "I never had it.\nAsk Jo.")
    assert "I never had it." in officer.reads(f"/me/visits/{name}")


@pytest.mark.parametrize(
    ("role", "status"), [(Role.STORE, 200), (Role.AUDITOR, 200), (Role.IT, 403), (Role.ESTATES, 403)]
)
def test_signatures_are_for_those_whose_work_they_are(
    app: Service, counter: AtCounter, make: Factory, role: Role, status: int
) -> None:
    name, _, _ = counter.visit(make)

    assert signed_in(app, role).get(f"/visits/{name}").status_code == status
