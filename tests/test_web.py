"""What keeps secrets and keys from outliving their use."""

from datetime import timedelta

import pytest
import sqlalchemy as sa

from fleet import idempotency
from fleet.actors import Role
from fleet.clock import utc_now
from fleet.idempotency import IdempotencyKey
from fleet.web import Service
from tests.conftest import Api, api_of
from tests.factories import Factory, unique


def test_keys_are_forgotten_after_a_day_and_not_before(
    app: Service, make: Factory, monkeypatch: pytest.MonkeyPatch
) -> None:
    api = api_of(app)
    old, young = unique("OLD"), unique("YOUNG")
    for key in (old, young):
        assert api("POST", "/people", {"collar": unique("C")}, Idempotency_Key=key).status_code == 201
    with app.database.transaction() as session:
        aged = sa.update(IdempotencyKey).where(IdempotencyKey.key == old)
        session.execute(aged.values(created_at=utc_now() - timedelta(hours=25)))

    monkeypatch.setattr(idempotency, "_FORGETFULNESS", 1.0)
    api("POST", "/people", {"collar": unique("C")}, Idempotency_Key=unique("NEXT"))

    with app.database.transaction() as session:
        kept = set(session.scalars(sa.select(IdempotencyKey.key).where(IdempotencyKey.key.in_([old, young]))))
    assert kept == {young}


def test_a_store_cannot_write_training_to_get_round_rule_4(app: Service, make: Factory) -> None:
    collar = make.officer(trained_until=None)
    store, supervisor = api_of(app, Role.STORE), api_of(app, Role.SUPERVISOR)

    def write(api: Api, **change: str) -> int:
        return api("PATCH", f"/people/{collar}", change, If_Match="*").status_code

    assert write(store, trained_until="2099-01-01") == 403
    assert write(store, name="A Name") == 200
    assert write(supervisor, trained_until="2099-01-01") == 200
