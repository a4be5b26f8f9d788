"""Stations: one code, once; short-lived credentials; and a stolen one that can do nothing from that moment on."""

from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from ble.protocol.credentials import CredentialError, Kind, Revoked, Trust
from fleet.actors import Role
from fleet.audit import Event
from fleet.auth.models import ApiToken
from fleet.pairings.models import Station, StationJob
from tests.conftest import new_token
from tests.factories import now, unique
from tests.pairings.conftest import Armoury, Pair
from tests.pairings.paper import Device, PaperStation, b64, unb64


def fresh(armoury: Armoury) -> tuple[PaperStation, str]:
    """A station that is registered and not enrolled, and its code."""
    station = PaperStation(armoury.app.test_client(), unique("ST"), Device(Kind.STATION, "station"))
    made = armoury.it("POST", "/stations", {"name": station.name})
    return station, (made.json or {})["code"]


def state(armoury: Armoury, name: str) -> str:
    return str((armoury.it("GET", f"/stations/{name}").json or {})["state"])


def test_a_code_is_good_once(armoury: Armoury) -> None:
    station, code = fresh(armoury)
    assert state(armoury, station.name) == "waiting"

    assert station.enrol(code.lower()).status_code == 201
    again = PaperStation(armoury.app.test_client(), station.name, Device(Kind.STATION, "x")).enrol(code)

    assert state(armoury, station.name) == "enrolled"
    assert (again.status_code, (again.json or {})["mend"]) == (403, "it")
    assert armoury.logged(Event.STATION_ENROL_REFUSED, "unknown")


def test_a_code_is_good_for_a_quarter_of_an_hour(armoury: Armoury) -> None:
    station, code = fresh(armoury)
    with armoury.app.database.transaction() as session:
        row = sa.update(Station).where(Station.name == station.name)
        session.execute(row.values(code_until=now() - timedelta(seconds=1)))

    assert station.enrol(code).status_code == 403

    another = armoury.it("POST", f"/stations/{station.name}/code").json
    assert station.enrol((another or {})["code"]).status_code == 201


def test_neither_code_nor_token_is_in_the_database_or_the_log(armoury: Armoury) -> None:
    station, code = fresh(armoury)
    station.enrol(code)
    with armoury.app.database.transaction() as session:
        for table in ("station", "api_token", "audit_entry", "station_token"):
            held = session.scalar(sa.text(f"SELECT string_agg(t::text, ' ') FROM {table} t"))
            assert code not in (held or "")
            assert station.token not in (held or "")


def test_a_key_gets_no_code_since_its_answer_is_kept(armoury: Armoury) -> None:
    made = armoury.it("POST", "/stations", {"name": unique("ST")}, Idempotency_Key=unique("k"))
    assert (made.status_code, (made.json or {})["code"]) == (201, None)
    name = (made.json or {})["name"]
    assert armoury.it("POST", f"/stations/{name}/code", Idempotency_Key=unique("k")).status_code == 422


def test_guessing_codes_ends_after_five_for_that_address_alone(armoury: Armoury) -> None:
    station, code = fresh(armoury)
    body = {"code": "WRONG", **station.keys.keys()}
    guesser = armoury.app.test_client()
    where = {"REMOTE_ADDR": "192.0.2.77"}

    tried = [guesser.post("/api/v1/stations/enrol", json=body, environ_base=where).status_code for _ in range(7)]

    assert tried == [403] * 5 + [429] * 2
    assert guesser.post("/api/v1/stations/enrol", json={**body, "code": code}, environ_base=where).status_code == 429
    assert station.enrol(code).status_code == 201


@pytest.mark.parametrize(
    "changed",
    [
        {"agreement_key": b64(b"nonsense")},
        {"signing_key": "not base64!"},
        {"agreement_key": b64(bytes(300))},
        {"signing_key": "same"},
        {"code": 5},
        {"code": "x" * 101},
    ],
)
def test_what_is_no_enrolment_uses_no_code_up(armoury: Armoury, changed: dict[str, Any]) -> None:
    station, code = fresh(armoury)
    body = {"code": code, **station.keys.keys(), **changed}
    if body["signing_key"] == "same":
        body["signing_key"] = body["agreement_key"]

    answer = armoury.app.test_client().post(
        "/api/v1/stations/enrol", json=body, environ_base={"REMOTE_ADDR": f"2001:db8:{len(str(changed)):x}::1"}
    )

    assert answer.status_code == 422
    assert station.enrol(code).status_code == 201


def test_a_credential_is_for_a_day_and_renewed_before_its_end(armoury: Armoury) -> None:
    station, code = fresh(armoury)
    first = station.enrol(code).json or {}
    old_token, old_keys = station.token, station.keys.agreement.public.id
    assert station.trust is not None
    credential = station.trust.credential(unb64(first["credential"]), now=int(now().timestamp()))
    assert (credential.kind, credential.serial) == (Kind.STATION, station.name)
    assert credential.expires_at - credential.issued_at == 24 * 3600
    with pytest.raises(CredentialError):
        station.trust.credential(unb64(first["credential"]), now=credential.expires_at)

    station.keys = Device(Kind.STATION, "station")
    renewed = station("POST", "/stations/renew", station.keys.keys())

    assert renewed.status_code == 201
    station.take(renewed)
    assert station.token != old_token
    assert station.next() is None
    station.token = old_token
    assert station.next() is None, "the answer may have been lost"
    assert old_keys in station.trust.revoked


def test_an_expired_station_wins_no_permit_until_it_is_renewed(armoury: Armoury, pair: Pair) -> None:
    armoury.authorised(pair)
    with armoury.app.database.transaction() as session:
        values = {"credential_until": now() - timedelta(seconds=1)}
        session.execute(sa.update(Station).where(Station.name == armoury.station.name).values(values))
        session.execute(
            sa.text("UPDATE device_identity SET expires_at = :at WHERE serial = :name"),
            {"at": now() - timedelta(seconds=1), "name": armoury.station.name},
        )
    assert state(armoury, armoury.station.name) == "expired"
    answer = armoury.station.permit(pair.job, pair.taser, pair.camera)
    assert (answer.status_code, (answer.json or {})["mend"]) == (409, "it")

    armoury.station.keys = Device(Kind.STATION, "station")
    armoury.station.take(armoury.station("POST", "/stations/renew", armoury.station.keys.keys()))

    assert armoury.station.permit(pair.job, pair.taser, pair.camera).status_code == 200


def test_a_stolen_station_can_do_nothing_from_that_moment_on(armoury: Armoury, pair: Pair) -> None:
    armoury.authorised(pair)
    stolen = armoury.station
    assert stolen.trust is not None
    epoch = stolen.trust.epoch

    answer = armoury.it("POST", f"/stations/{stolen.name}/revoke", {"reason": "stolen from the van"})

    assert (answer.json or {})["state"] == "revoked"
    for method, path, body in (
        ("GET", "/stations/jobs/next", None),
        ("POST", "/stations/renew", stolen.keys.keys()),
        ("GET", "/trust", None),
        ("POST", f"/stations/jobs/{pair.job}/end", {"outcome": "done"}),
    ):
        assert stolen(method, path, body).status_code == 401
    armoury.station = armoury.new_station()
    trust = Trust.first(unb64(armoury.told()["signed"][-1]))
    assert trust.epoch > epoch
    assert stolen.key_id in trust.revoked
    with pytest.raises(Revoked):
        trust.credential(armoury.credential_of(stolen), now=int(now().timestamp()))
    assert armoury.it("POST", f"/stations/{stolen.name}/code").status_code == 409
    # What it had begun goes to another, from its beginning.
    job = armoury.station.next()
    assert job is not None
    assert job["id"] == pair.job


def test_a_devices_trust_follows_the_services_from_epoch_to_epoch(armoury: Armoury) -> None:
    trust = Trust.first(unb64(armoury.told()["signed"][-1]))
    same = Trust.first(unb64(armoury.told()["signed"][-1]))
    assert trust.successor(unb64(armoury.told()["signed"][-1])) == trust == same

    gone = armoury.commissioned()
    for step in ("missing", "stolen"):
        armoury.armourer("POST", f"/tasers/{gone.taser.taser}/custody", {"custody": step})

    later = trust.successor(unb64(armoury.told()["signed"][-1]))
    assert later.epoch > trust.epoch
    assert gone.taser.signing.public.id in later.revoked


def test_a_token_of_the_role_that_was_made_by_hand_is_no_station(armoury: Armoury) -> None:
    token = new_token(armoury.app, Role.STATION)
    headers = {"Authorization": f"Bearer {token}"}
    assert armoury.app.test_client().get("/api/v1/stations/jobs/next", headers=headers).status_code == 404


def test_a_station_sees_and_ends_its_own_jobs_alone(armoury: Armoury, pair: Pair) -> None:
    armoury.authorised(pair)
    other = armoury.new_station()

    assert other.next() is None
    assert other.end(pair.job).status_code == 404
    assert other.permit(pair.job, pair.taser, pair.camera).status_code == 404
    assert armoury.leased() == pair.job


def test_without_a_station_named_the_one_at_the_tasers_site_gets_the_job(armoury: Armoury) -> None:
    site = armoury.make.site()
    near = armoury.new_station(site=site)
    taser = armoury.make.taser(sppm=unique("SP"), home_site=site)

    asked = armoury.armourer("POST", "/station-jobs", {"kind": "commission", "taser": taser}).json

    assert (asked or {})["station"] == near.name
    job = near.next()
    assert job is not None
    assert job["taser"] == taser


def test_an_unknown_or_revoked_station_is_not_sent_anything(armoury: Armoury) -> None:
    gone = armoury.new_station()
    armoury.it("POST", f"/stations/{gone.name}/revoke", {"reason": "sold"})
    for name in (gone.name, "NONESUCH"):
        body = {"kind": "commission", "taser": armoury.make.taser(sppm=unique("SP")), "station": name}
        answer = armoury.armourer("POST", "/station-jobs", body)
        assert (answer.status_code, list((answer.json or {})["errors"])) == (422, ["station"])


def test_a_job_that_is_waited_for_is_answered_as_soon_as_it_is_there(armoury: Armoury) -> None:
    began = now()
    assert armoury.station("GET", "/stations/jobs/next?wait_s=1").json == {
        "job": None,
        "trust_epoch": armoury.epoch(),
        "poll_s": 0,
    }
    assert now() - began >= timedelta(seconds=0.9)


def test_commissioning_is_of_the_scanned_device_and_the_same_again_is_the_same(armoury: Armoury) -> None:
    camera = Device(Kind.CAMERA, armoury.make.camera(), encryption=None)
    other = Device(Kind.CAMERA, armoury.make.camera())
    body = {"kind": "commission", "camera": camera.serial, "station": armoury.station.name}
    job = (armoury.armourer("POST", "/station-jobs", body).json or {})["id"]
    armoury.leased()

    assert armoury.station.commission(job, other).status_code == 422
    assert armoury.station.commission(job, camera).status_code == 200
    first = camera.credential
    assert armoury.station.commission(job, camera).status_code == 200
    assert camera.credential == first
    armoury.station.end(job)
    assert armoury.station.commission(job, camera).status_code == 409


def test_a_devices_new_keys_end_the_old_ones(armoury: Armoury, pair: Pair) -> None:
    again = Device(Kind.CAMERA, pair.camera.serial, encryption=pair.camera.encryption)
    armoury.commission({"camera": pair.camera.serial}, again)

    assert pair.camera.agreement.public.id in set(map(unb64, armoury.told()["revoked"]))
    armoury.authorised(pair)
    assert armoury.station.permit(pair.job, pair.taser, pair.camera).status_code == 409
    assert armoury.station.permit(pair.job, pair.taser, again).status_code == 200


def test_a_job_is_cancelled_with_the_pairing_it_was_to_make(armoury: Armoury, pair: Pair) -> None:
    armoury.authorised(pair)
    assert armoury.armourer("DELETE", f"/station-jobs/{pair.job}").status_code == 200
    assert armoury.state(pair) == ("revoked", "by-hand")
    assert armoury.armourer("DELETE", f"/station-jobs/{pair.job}").status_code == 200
    with armoury.app.database.transaction() as session:
        assert str(session.get_one(StationJob, pair.job).state) == "cancelled"


def test_a_log_that_was_read_to_its_end_reconciles_a_used_taser(armoury: Armoury) -> None:
    collar = armoury.make.officer()
    taser = armoury.make.taser(sppm=unique("SP"), holder=collar)
    sppm = (armoury.armourer("GET", f"/tasers/{taser}").json or {})["sppm"]
    item = {
        "sppm": sppm, "counter": 7, "kind": "arc", "at": now().isoformat(), "source": "monitor", "evidence": "",
    }  # fmt: skip
    assert armoury.station("POST", "/activations", {"items": [item]}).status_code == 200

    back = armoury.armourer("PATCH", f"/tasers/{taser}", {"holder": None}, If_Match="*").json
    assert (back or {})["custody"] == "awaiting_download"
    assert armoury.armourer("PATCH", f"/tasers/{taser}", {"holder": collar}, If_Match="*").status_code == 409

    body = {"kind": "read-log", "taser": taser, "station": armoury.station.name}
    job = (armoury.armourer("POST", "/station-jobs", body).json or {})["id"]
    armoury.leased()
    armoury.station.end(job)

    read = armoury.armourer("GET", f"/tasers/{taser}").json or {}
    assert read["custody"] == "reconciled"
    assert read["log_read_at"]


def test_tokens_of_a_station_are_its_own_and_listed_as_such(armoury: Armoury) -> None:
    with armoury.app.database.transaction() as session:
        row = session.scalars(sa.select(Station.id).where(Station.name == armoury.station.name)).one()
        names = list(session.scalars(sa.select(ApiToken.name).where(ApiToken.name.like(f"station-{row}-%"))))
    assert len(names) == 1
