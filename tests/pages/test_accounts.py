"""Accounts and tokens on the administrator's pages."""

import re
from typing import Any

import pytest
from werkzeug.test import TestResponse

from fleet.actors import Role
from fleet.pages.barcodes import code_128
from fleet.web import Service
from tests.accounts import new_account
from tests.factories import Factory, unique
from tests.pages.conftest import Person


def secret_of(response: TestResponse) -> str:
    """What a page shows this once."""
    assert response.status_code == 200, response.text
    found = re.search(r'<code id="secret">([^<]+)</code>', response.text)
    assert found is not None
    return found[1]


def made(admin: Person, **typed: Any) -> tuple[str, str]:
    """A new account's name and one-time password, as the page shows them."""
    name = unique("a").lower()
    return name, secret_of(admin.post("/accounts/new", name=name, **{"role": "store", **typed}))


def test_a_new_account_can_be_used_with_the_password_shown_once(app: Service, admin: Person) -> None:
    name, password = made(admin)
    signed_in = app.test_client().post("/sign-in", data={"name": name, "password": password})
    assert signed_in.headers["Location"] == "/password"
    assert password not in admin.get(f"/accounts/{name}").text


def test_what_lets_somebody_in_is_in_one_answer_and_nowhere_else(admin: Person) -> None:
    name, _ = made(admin)
    for path, typed in (
        (f"/accounts/{name}/password", {}),
        (f"/accounts/{name}/badge", {}),
        ("/tokens", {"name": unique("t"), "role": "dock"}),
    ):
        answer = admin.post(path, **typed)
        assert secret_of(answer)
        assert answer.headers["Cache-Control"] == "no-store"
        assert "Set-Cookie" not in answer.headers or secret_of(answer) not in answer.headers["Set-Cookie"]


def test_what_is_shown_once_is_not_kept_for_a_repeated_request(admin: Person) -> None:
    name, _ = made(admin)
    for _ in range(2):
        answer = admin.client.post(f"/accounts/{name}/badge", headers={"Idempotency-Key": unique("k")})
        assert answer.status_code == 422
        assert "CLERK-" not in answer.text
    assert "None" in admin.reads(f"/accounts/{name}")


def test_a_badge_is_shown_as_a_barcode_too(admin: Person) -> None:
    name, _ = made(admin)
    answer = admin.post(f"/accounts/{name}/badge")
    assert secret_of(answer).startswith("CLERK-")
    assert "<svg" in answer.text
    assert "style=" not in answer.text.split('id="secret"')[1]


def test_a_barcode_is_the_text_in_code_128() -> None:
    # Start B, "A" (33), the check (104 + 33) % 103 = 34, stop: ISO/IEC 15417, table 1.
    wanted = "1101001000010100011000100010110001100011101011"
    drawn = [(int(at) - 10, int(wide)) for at, wide in re.findall(r"M(\d+) 0h(\d+)v", code_128("A"))]
    bars = {at + module for at, wide in drawn for module in range(wide)}
    assert "".join("1" if at in bars else "0" for at in range(len(wanted))) == wanted


def test_a_bad_form_says_what_is_wrong_and_keeps_what_was_typed(admin: Person) -> None:
    answer = admin.post("/accounts/new", name="jo smith", role="store")
    assert answer.status_code == 422
    assert 'href="#name"' in answer.text
    assert 'value="jo smith"' in answer.text
    assert admin.post("/accounts/new", name=unique("a"), role="dock").status_code == 422
    assert admin.post("/accounts/new", name=unique("a"), role="officer").status_code == 422


def test_an_officers_account_needs_an_officer_of_the_register(admin: Person, make: Factory) -> None:
    unknown = admin.post("/accounts/new", name=unique("a"), role="officer", collar=unique("C"))
    assert unknown.status_code == 422
    assert "in the register" in unknown.text
    collar = make.officer()
    name, _ = made(admin, role="officer", collar=collar.lower())
    assert collar in admin.reads(f"/accounts/{name}")


def test_a_name_that_is_taken_is_refused(admin: Person) -> None:
    name, _ = made(admin)
    assert admin.post("/accounts/new", name=name, role="store").status_code == 409


def test_an_account_is_locked_unlocked_and_closed_with_a_reason(app: Service, admin: Person) -> None:
    name = new_account(app, Role.STORE)
    for act, state in (("lock", "Locked"), ("unlock", "Open"), ("close", "Closed")):
        assert admin.post(f"/accounts/{name}/{act}").status_code == 422
        done = admin.post(f"/accounts/{name}/{act}", reason="because")
        assert done.headers["Location"] == f"/accounts/{name}"
        assert f"State {state}" in admin.reads(f"/accounts/{name}")
    assert admin.post(f"/accounts/{name}/lock", reason="again").status_code == 409


def test_the_account_in_use_cannot_be_locked(admin: Person) -> None:
    assert admin.post(f"/accounts/{admin.name}/lock", reason="oops").status_code == 409
    assert "/lock" not in admin.get(f"/accounts/{admin.name}").text


def test_a_changed_role_is_shown(admin: Person) -> None:
    name, _ = made(admin)
    admin.post(f"/accounts/{name}", role="auditor", collar="")
    assert "Role Auditor" in admin.reads(f"/accounts/{name}")


def test_a_lost_badge_is_withdrawn(admin: Person) -> None:
    name, _ = made(admin)
    admin.post(f"/accounts/{name}/badge")
    assert "Badge Issued" in admin.reads(f"/accounts/{name}")
    admin.post(f"/accounts/{name}/badge/withdraw")
    assert "Badge None" in admin.reads(f"/accounts/{name}")
    assert admin.post(f"/accounts/{name}/badge/withdraw").status_code == 409


def test_the_last_sign_ins_are_shown_with_why_they_failed(app: Service, admin: Person) -> None:
    name, password = made(admin)
    for typed in ("not it", password):
        app.test_client().post("/sign-in", data={"name": name, "password": typed})
    page = admin.reads(f"/accounts/{name}")
    assert "wrong password" in page
    assert "Signed in" in page


def test_the_list_leads_to_an_account(admin: Person) -> None:
    name, _ = made(admin)
    assert f'href="/accounts/{name}"' in admin.get(f"/accounts?q={name}").text


def test_a_missing_reason_is_said_beside_the_form_that_lacks_it(admin: Person) -> None:
    name, _ = made(admin)
    page = admin.post(f"/accounts/{name}/close").text
    assert 'href="#reason"' in page
    assert page.count('id="reason"') == 1
    assert page.index(f"/accounts/{name}/lock") < page.index('id="reason"')


def test_the_list_is_filtered(admin: Person) -> None:
    name, _ = made(admin, role="estates")
    assert name in admin.reads(f"/accounts?q={name.upper()}&role=estates&state=open")
    assert name not in admin.reads(f"/accounts?q={name}&state=locked").replace(f"q={name}", "")
    assert admin.get("/accounts?state=asleep").status_code == 422


@pytest.mark.parametrize("path", ["/accounts/nobody", "/accounts/%00", "/accounts/%F0%9F%92%A9"])
def test_an_unknown_account_is_not_found(admin: Person, path: str) -> None:
    assert admin.get(path).status_code == 404
    assert admin.post(f"{path}/lock", reason="x").status_code == 404


def test_a_token_is_shown_once_works_and_is_revoked(app: Service, admin: Person) -> None:
    name = unique("t").lower()
    token = secret_of(admin.post("/tokens", name=name, role="store", days="30"))
    client, headers = app.test_client(), {"Authorization": f"Bearer {token}"}
    assert client.get("/api/v1/cameras", headers=headers).status_code == 200
    assert token not in admin.get("/tokens").text
    assert admin.post("/tokens/revoke", name=name).headers["Location"] == "/tokens"
    assert client.get("/api/v1/cameras", headers=headers).status_code == 401
    assert admin.post("/tokens/revoke", name=name).status_code == 404


BAD_TOKENS: list[dict[str, str]] = [
    {"role": "dock"},
    {"name": "t x", "role": "dock"},
    {"name": "t", "role": "king"},
    {"name": "t", "role": "dock", "days": "0"},
    {"name": "t", "role": "dock", "days": "x"},
]


@pytest.mark.parametrize("typed", BAD_TOKENS)
def test_a_bad_token_form_is_refused(admin: Person, typed: dict[str, str]) -> None:
    assert admin.post("/tokens", **typed).status_code == 422
