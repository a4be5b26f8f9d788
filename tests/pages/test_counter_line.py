"""What the counter's page exchanges with the service by itself, and what a browser keeps of it."""

import gzip
import json
import math
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from fleet.actors import Role
from fleet.auth.models import Account, WebSession
from fleet.counter.clerks import ClerkTokens
from fleet.pages.counter_shell import Parts
from fleet.web import Service
from tests.counter.conftest import act_id
from tests.factories import Factory, now
from tests.pages.conftest import Person, signed_in


@pytest.fixture
def clerk(app: Service) -> Person:
    return signed_in(app, Role.STORE)


def session_row(app: Service, name: str) -> WebSession:
    with app.database.transaction() as session:
        return session.scalars(sa.select(WebSession).join(Account).where(Account.name == name)).one()


def act(serial: str, collar: str, **more: Any) -> dict[str, Any]:
    body = {"camera": serial, "officer": collar}
    return {"id": act_id(), "kind": "issue", "body": body, "made_at": now().isoformat(), **more}


def test_what_every_browser_keeps_has_nothing_of_anybody(clerk: Person, app: Service) -> None:
    stranger = app.test_client().get("/counter/shell")
    own = clerk.get("/counter/shell")

    assert stranger.data == own.data
    assert "Set-Cookie" not in own.headers
    assert "csrf" not in own.text
    assert clerk.name not in own.text


def test_the_worker_keeps_every_part_of_the_page_in_one_version(app: Service) -> None:
    client = app.test_client()
    script = client.get("/counter-worker.js")
    kept = json.loads(script.text.split("const KEPT = ")[1].split(";\n")[0])

    assert script.content_type.startswith("text/javascript")
    assert script.headers["Cache-Control"] == "no-store"
    assert {client.get(path).status_code for path in kept if "/static/" not in path} == {200}
    static = Path(app.static_folder or "")
    assert all((static / path.removeprefix("/static/")).is_file() for path in kept if "/static/" in path)
    [version] = {path.split("/")[3] for path in kept if path.startswith("/counter/assets/")}
    answer = client.get(f"/counter/assets/{version}/counter.mjs")
    assert "immutable" in answer.headers["Cache-Control"]
    assert "no-store" not in answer.headers["Cache-Control"]
    assert client.get("/counter/assets/0000/counter.mjs").status_code == 404
    assert client.get(f"/counter/assets/{version}/fleet.css").status_code == 404


def test_every_module_that_the_counter_imports_is_kept_with_it(app: Service) -> None:
    static = Path(app.static_folder or "")
    own = Parts(static, static).own

    imported = {name for module in own for name in re.findall(r'from "\./(.*)"', (static / module).read_text())}

    assert imported
    assert imported <= set(own)


@pytest.mark.parametrize("changed", ["sound.mjs", "counter.mjs", "fleet.css", "counter-worker.js", "counter-new.mjs"])
def test_a_change_of_any_part_is_another_version(tmp_path: Path, changed: str) -> None:
    for name in ("counter.mjs", "counter-queue.mjs", "fleet.css", "counter-worker.js"):
        (tmp_path / name).write_text("old")
    before = Parts(tmp_path, tmp_path).version

    (tmp_path / changed).write_text("new")

    assert Parts(tmp_path, tmp_path).version != before


def test_the_page_is_told_who_is_here_and_a_signed_token_of_it(clerk: Person, app: Service) -> None:
    told = clerk.get("/counter/session").json or {}

    assert (told["clerk"], told["locked"]) == (clerk.name, False)
    assert abs(datetime.fromisoformat(told["now"]) - datetime.now(UTC)) < timedelta(seconds=5)
    named = ClerkTokens(str(app.secret_key)).read(told["token"])
    assert named is not None
    assert (named.account, named.badge_only) == (clerk.name, False)


def test_what_the_page_does_by_itself_does_not_keep_a_counter_open(clerk: Person, app: Service, make: Factory) -> None:
    clerk.get("/counter")
    long_ago = now() - timedelta(minutes=4)
    with app.database.transaction() as session:
        mine = WebSession.id == session_row(app, clerk.name).id
        session.execute(sa.update(WebSession).where(mine).values(acted_at=long_ago))

    clerk.get("/counter/session")
    clerk.get("/counter/block-list")
    clerk.client.post("/counter/acts", json=act(make.camera(), make.officer()))

    assert session_row(app, clerk.name).acted_at == long_ago


def test_a_locked_counter_is_told_so_and_neither_gets_the_list_nor_brings_acts(clerk: Person, make: Factory) -> None:
    clerk.client.post("/counter/lock")

    told = clerk.get("/counter/session").json or {}

    assert (told["locked"], told["token"]) == (True, None)
    as_json = {"Accept": "application/json"}
    assert clerk.client.get("/counter/block-list", headers=as_json).status_code == 423
    assert (
        clerk.client.post("/counter/acts", json=act(make.camera(), make.officer()), headers=as_json).status_code == 423
    )


@pytest.mark.parametrize(
    ("method", "path"),
    [
        ("GET", "/counter/exceptions"),
        ("GET", "/counter/exceptions/1"),
        ("GET", "/counter/exceptions.csv"),
        ("POST", f"/visits/{'a' * 32}/acknowledgement"),
    ],
)
def test_a_locked_counter_shows_no_other_page_and_acknowledges_nothing(clerk: Person, method: str, path: str) -> None:
    clerk.client.post("/counter/lock")

    given = {"method": "attestation", "reason": "seen"} if method == "POST" else None
    answer = clerk.client.open(path, method=method, json=given, headers={"Accept": "application/json"})

    assert answer.status_code == 423


def test_the_block_list_is_sent_once_while_it_is_the_same(clerk: Person) -> None:
    first = clerk.get("/counter/block-list")
    again = clerk.get("/counter/block-list", If_None_Match=first.headers["ETag"])

    assert set(json.loads(gzip.decompress(first.data))) >= {"cameras", "out", "officers", "shapes", "made_at"}
    assert (again.status_code, again.data) == (304, b"")


def test_an_act_with_an_edited_token_is_listed_and_not_done(clerk: Person, make: Factory) -> None:
    token = (clerk.get("/counter/session").json or {})["token"]

    answer = clerk.client.post("/counter/acts", json=act(make.camera(), make.officer(), clerk=token[:-9] + "xxxxxxxxx"))

    told = answer.json or {}
    assert (answer.status_code, told["outcome"]) == (200, "refused")
    assert "signature" in told["problem"]["detail"]
    assert told["exceptions"] >= 1


@pytest.mark.parametrize(
    "wrong",
    [
        {"id": "short"}, {"id": None}, {"made_at": "yesterday"}, {"made_at": "2026-01-01T00:00:00"}, {"body": []},
        {"body": {"camera": "\0"}}, {"body": {"camera": "\ud800"}}, {"clock_offset_s": "nan"}, {"unknown": 1},
        {"kind": ""}, {"body": {"camera": math.inf}},
    ],
)  # fmt: skip
def test_what_is_no_act_is_refused_in_whole(clerk: Person, make: Factory, wrong: dict[str, Any]) -> None:
    sent = act(make.camera(), make.officer()) | wrong
    headers = {"Accept": "application/json", "Content-Type": "application/json"}

    answer = clerk.client.post("/counter/acts", data=json.dumps(sent), headers=headers)

    assert answer.status_code == 422


@pytest.mark.parametrize("body", [{}, {"camera": 5}, {"camera": "X", "officer": ["a"]}, {"camera": "X", "colour": 1}])
def test_an_act_whose_body_cannot_be_read_is_listed_and_blocks_no_queue(clerk: Person, body: dict[str, Any]) -> None:
    answer = clerk.client.post("/counter/acts", json=act("X", "C") | {"body": body})

    assert (answer.status_code, (answer.json or {})["outcome"]) == (200, "refused")


def test_a_live_scan_sent_again_under_its_id_is_answered_as_before(clerk: Person, make: Factory) -> None:
    serial, collar = make.camera(), make.officer()
    sent = {"id": act_id(), "scan": serial, "state": {"officer": collar}}

    first, again = (clerk.client.post("/counter/scans", json=sent).json or {} for _ in range(2))

    assert first["title"] == again["title"] == "Issued"
    assert first["state"]["last_act"] == again["state"]["last_act"] is not None
