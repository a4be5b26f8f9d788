"""Activations: each once by magazine and counter, whoever tells it and however often; and whether it was filmed."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from ble.protocol.beacon import Kind as Event
from ble.protocol.statements import BEGINNING, Cancellation
from fleet.actors import Role
from fleet.audit import Event as Logged
from fleet.audit.models import AuditEntry
from fleet.capture.models import Outcome
from fleet.capture.outcomes import Paired, Seen, outcome
from fleet.web import Service
from tests.conftest import Api, api_of
from tests.factories import now, unique
from tests.pages.conftest import signed_in
from tests.pairings.conftest import Armoury, Pair, armoury_of
from tests.pairings.paper import b64, fired, heard


@pytest.fixture
def armoury(app: Service) -> Armoury:
    return armoury_of(app)


def item(sppm: str, counter: int, **changed: Any) -> dict[str, Any]:
    at = now().isoformat()
    return {
        "sppm": sppm, "counter": counter, "kind": "trigger", "at": at, "source": "monitor", "heard_at": at,
        "evidence": b64(b"beacon"), **changed,
    }  # fmt: skip


def logged(pair: Pair, counter: int, **changed: Any) -> dict[str, Any]:
    """What a station reads from the Taser's log."""
    entry = fired(pair.taser, pair.camera, pair.radio_id, counter, kind=Event.TRIGGER)
    return item(pair.taser.serial, counter, source="taser-log", heard_at=None, evidence=b64(entry), **changed)


def account(pair: Pair, counter: int, **changed: Any) -> dict[str, Any]:
    """What a camera says when it is offloaded."""
    said = heard(pair.camera, pair.radio_id, counter, kind=Event.TRIGGER, **changed)
    return item(pair.taser.serial, counter, source="camera", camera=pair.camera.serial, evidence=b64(said))


def told(armoury: Armoury, *items: dict[str, Any]) -> list[dict[str, Any]]:
    answer = armoury.station("POST", "/activations", {"items": list(items)})
    assert answer.status_code == 200, answer.json
    assert answer.json is not None
    taken: list[dict[str, Any]] = answer.json["items"]
    return taken


def shown(armoury: Armoury, number: int) -> dict[str, Any]:
    answer = armoury.armourer("GET", f"/activations/{number}").json
    assert answer is not None
    return dict(answer)


@pytest.mark.parametrize(
    ("accounts", "paired", "expected"),
    [
        ([], Paired(0, 0), Outcome.NOT_PAIRED),
        ([], Paired(0, 1), Outcome.SUSPENDED),
        ([], Paired(1, 1), Outcome.NOT_OFFLOADED),
        ([Seen(True, False)], Paired(1, 0), Outcome.CAPTURED),
        ([Seen(False, False)], Paired(1, 0), Outcome.UNKNOWN),
        ([Seen(False, False), Seen(True, False)], Paired(1, 0), Outcome.CAPTURED),
        ([Seen(True, False), Seen(False, True)], Paired(1, 0), Outcome.CANCELLED),
        ([Seen(True, False)], Paired(0, 0), Outcome.CAPTURED),
    ],
)
def test_what_is_known_is_said_and_no_more(accounts: list[Seen], paired: Paired, expected: Outcome) -> None:
    assert outcome(accounts, paired) is expected


def test_an_activation_is_one_however_often_and_by_whomever_it_is_told(armoury: Armoury) -> None:
    pair = armoury.active()
    first = told(armoury, item(pair.taser.serial, 50), item(pair.taser.serial, 51))
    again = told(armoury, logged(pair, 51), item(pair.taser.serial, 50), logged(pair, 50))

    assert [one["new"] for one in first] == [True, True]
    assert [(one["id"], one["new"]) for one in again] == [
        (first[1]["id"], False),
        (first[0]["id"], False),
        (first[0]["id"], False),
    ]
    one = shown(armoury, first[0]["id"])
    assert [account["source"] for account in one["accounts"]] == ["monitor", "taser-log"]
    assert [account["verified"] for account in one["accounts"]] == [False, True]
    assert one["taser"] == pair.taser.taser
    with armoury.app.database.transaction() as session:
        found = sa.select(AuditEntry.id).where(
            AuditEntry.event == Logged.ACTIVATION_REPORTED, AuditEntry.subject_key == str(first[0]["id"])
        )
        assert len(session.scalars(found).all()) == 1


def test_the_outcome_follows_what_the_camera_says(armoury: Armoury) -> None:
    pair = armoury.active()
    (one,) = told(armoury, item(pair.taser.serial, 60))
    assert shown(armoury, one["id"])["outcome"] == "not-offloaded"

    told(armoury, account(pair, 60))

    assert shown(armoury, one["id"])["outcome"] == "captured"


def test_a_wearers_cancellation_is_an_outcome(armoury: Armoury) -> None:
    pair = armoury.active()
    said = Cancellation(pair.radio_id, 61, int(now().timestamp() * 1000)).sign(pair.camera.signing, BEGINNING)
    body = item(pair.taser.serial, 61, source="camera", camera=pair.camera.serial, evidence=b64(said))
    (one,) = told(armoury, body)
    assert shown(armoury, one["id"])["outcome"] == "cancelled"


def test_a_taser_that_is_not_paired_or_suspended_says_so(armoury: Armoury) -> None:
    bare = unique("SP")
    armoury.make.taser(sppm=bare)
    pair = armoury.active()
    armoury.make.report(pair.camera.serial, clock_offset_s=999.0)

    alone, suspended, nobodys = told(armoury, item(bare, 1), item(pair.taser.serial, 70), item(unique("SP"), 1))

    assert shown(armoury, alone["id"])["outcome"] == "not-paired"
    assert shown(armoury, suspended["id"])["outcome"] == "suspended"
    assert (shown(armoury, nobodys["id"])["taser"], shown(armoury, nobodys["id"])["outcome"]) == (None, "not-paired")


def forged(pair: Pair, other: Pair) -> list[dict[str, Any]]:
    """Accounts that prove nothing: of another camera, another pairing, another counter, or no account at all."""
    by_other = heard(other.camera, pair.radio_id, 80, kind=Event.TRIGGER)
    of_other = heard(pair.camera, other.radio_id, 80, kind=Event.TRIGGER)
    of_81 = heard(pair.camera, pair.radio_id, 81, kind=Event.TRIGGER)
    return [
        item(pair.taser.serial, 80, source="camera", camera=pair.camera.serial, evidence=b64(said))
        for said in (by_other, of_other, of_81, b"", b"\xd2\x84", bytes(100))
    ]


def test_evidence_that_does_not_hold_is_kept_and_decides_nothing(armoury: Armoury) -> None:
    for number in range(6):
        other, pair = armoury.active(), armoury.active()
        (one,) = told(armoury, forged(pair, other)[number])
        seen = shown(armoury, one["id"])
        assert seen["outcome"] == "not-offloaded"
        assert [account["verified"] for account in seen["accounts"]] == [False]


def test_a_counter_is_of_one_kind_for_ever(armoury: Armoury) -> None:
    sppm = unique("SP")
    told(armoury, item(sppm, 1))
    answer = armoury.station("POST", "/activations", {"items": [item(sppm, 2), item(sppm, 1, kind="arc")]})
    assert answer.status_code == 422
    assert list((answer.json or {})["errors"]) == ["items.1.kind"]
    assert (armoury.armourer("GET", f"/activations?q={sppm}").json or {})["items"][0]["counter"] == 1
    assert len((armoury.armourer("GET", f"/activations?q={sppm}").json or {})["items"]) == 1


@pytest.mark.parametrize(
    "changed",
    [
        {"counter": -1},
        {"counter": 2**63},
        {"counter": "1"},
        {"kind": "fired"},
        {"source": "rumour"},
        {"at": "yesterday"},
        {"at": (now() + timedelta(days=3)).isoformat()},
        {"evidence": "not base64!"},
        {"evidence": b64(bytes(20_000))},
        {"sppm": ""},
        {"camera": "NONESUCH"},
        {"source": "camera"},
        {"more": 1},
    ],
)
def test_what_cannot_be_one_is_refused_with_everything_beside_it(armoury: Armoury, changed: dict[str, Any]) -> None:
    sppm = unique("SP")
    items = [item(sppm, 1), item(sppm, 2) | changed]
    assert armoury.station("POST", "/activations", {"items": items}).status_code == 422
    assert (armoury.armourer("GET", f"/activations?q={sppm}").json or {})["items"] == []


def test_the_list_is_the_latest_first_and_filters(armoury: Armoury, page_limit: Callable[[str], list[int]]) -> None:
    pair = armoury.active()
    early, late = (now() - timedelta(hours=hours) for hours in (5, 1))
    told(armoury, item(pair.taser.serial, 1, at=early.isoformat()), item(pair.taser.serial, 2, at=late.isoformat()))
    told(armoury, item(pair.taser.serial, 3, kind="arc", at=early.isoformat()))
    here = f"taser={pair.taser.taser}"

    assert page_limit(here) == [2, 3, 1]
    assert page_limit(f"{here}&kind=arc") == [3]
    assert page_limit(f"{here}&since={(now() - timedelta(hours=2)).isoformat().replace('+', '%2B')}") == [2]
    assert page_limit(f"{here}&outcome=captured") == []
    assert page_limit(f"q={pair.taser.serial}&limit=1") == [2, 3, 1]


@pytest.fixture
def page_limit(armoury: Armoury) -> Callable[[str], list[int]]:
    """The counters that a list finds, all pages of it."""

    def read(query: str) -> list[int]:
        found, cursor = [], ""
        while cursor is not None:
            suffix = f"&cursor={cursor}" if cursor else ""
            answer = armoury.armourer("GET", f"/activations?{query}{suffix}").json or {}
            found += [one["counter"] for one in answer["items"]]
            cursor = answer["next"]
        return found

    return read


def test_who_may_report_may_not_read_and_the_other_way_round(app: Service) -> None:
    dock, auditor = api_of(app, Role.DOCK), api_of(app, Role.AUDITOR)
    body = {"items": [item(unique("SP"), 1)]}
    assert dock("POST", "/activations", body).status_code == 200
    assert dock("GET", "/activations").status_code == 403
    assert auditor("POST", "/activations", body).status_code == 403
    assert auditor("GET", "/activations").status_code == 200


def test_the_pages_say_whether_it_was_filmed_and_who_said_so(armoury: Armoury) -> None:
    pair = armoury.active()
    (one,) = told(armoury, account(pair, 90))
    person = signed_in(armoury.app, Role.AUDITOR)

    assert "Filmed" in person.reads(f"/activations?q={pair.taser.serial}")
    said = person.reads(f"/activations/{one['id']}")

    assert "Filmed: Filmed" not in said
    assert "Holds" in said
    assert pair.camera.serial in said


def test_a_function_test_is_no_use_that_must_be_read(armoury: Armoury, api: Api) -> None:
    collar = armoury.make.officer()
    sppm = unique("SP")
    taser = armoury.make.taser(sppm=sppm, holder=collar)
    told(armoury, item(sppm, 1, kind="test"), item(sppm, 2, kind="armed"))
    assert (api("PATCH", f"/tasers/{taser}", {"holder": None}, If_Match="*").json or {})["custody"] == "returned"
