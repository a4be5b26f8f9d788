"""The keys that sign: made by a command, encrypted, rotated with overlap, lost with the service's secret."""

import base64

import pytest
import sqlalchemy as sa

from ble.protocol.credentials import KEYS_LIMIT, CredentialError, Trust
from fleet.actors import Role
from fleet.errors import Conflict
from fleet.pairings import keys, trust
from fleet.pairings.keys import NoKeys
from fleet.pairings.models import AuthorityKey
from fleet.pairings.states import KeyUse
from fleet.vault import Vault
from fleet.web import Service
from tests.conftest import api_of
from tests.factories import Factory, now
from tests.pairings.conftest import armoury_of
from tests.pairings.paper import KNOWN_PERMIT_KEYS, unb64


def vault_of(app: Service) -> Vault:
    return Vault(str(app.secret_key), keys.PURPOSE)


def made(app: Service, use: KeyUse) -> str:
    with app.database.transaction() as session:
        return keys.make(session, Factory(app.database).actor, use, vault=vault_of(app), now=now())


def test_there_is_no_key_until_somebody_makes_one(empty: Service) -> None:
    answer = api_of(empty, Role.DOCK)("GET", "/trust")
    assert (answer.status_code, (answer.json or {})["mend"]) == (409, "admin")
    assert "pairing-keys make" in (answer.json or {})["detail"]


def test_a_secret_is_encrypted_and_of_no_use_under_another_secret_key(empty: Service) -> None:
    made(empty, KeyUse.PERMIT)
    with empty.database.transaction() as session:
        ring = keys.keyring(session, KeyUse.PERMIT, vault_of(empty))
        held = session.scalars(sa.select(AuthorityKey.secret)).one()
        assert held is not None
        for spelled in (ring.signing.secret, base64.b64encode(ring.signing.secret)):
            assert spelled not in held
        with pytest.raises(NoKeys):
            keys.keyring(session, KeyUse.PERMIT, Vault("another secret key", keys.PURPOSE))
        with pytest.raises(NoKeys):
            keys.keyring(session, KeyUse.PERMIT, Vault(str(empty.secret_key), "webhook secrets"))


def test_keys_are_rotated_with_overlap(empty: Service) -> None:
    armoury = armoury_of(empty)
    before = Trust.first(unb64(armoury.told()["signed"][-1]))
    with empty.database.transaction() as session:
        old = keys.listed(session)

    for use in KeyUse:
        made(empty, use)
    both = before.successor(unb64(armoury.told()["signed"][-1]))
    assert (len(both.authority_keys), len(both.permit_keys)) == (2, 2)
    pair = armoury.active()
    assert pair.permit, "the old key signs while devices learn of the new one"

    for key in old:
        with empty.database.transaction() as session:
            trust.retire(session, armoury.make.actor, key["key_id"], vault=vault_of(empty), now=now())
    chain = [unb64(link) for link in armoury.told()["signed"]]
    after = both.follow(chain)
    assert before.follow(chain) == after, "a device that slept through the rotation finds its way"
    with pytest.raises(CredentialError):
        before.successor(chain[-1])

    assert (len(after.authority_keys), len(after.permit_keys)) == (1, 1)
    assert set(after.authority_keys).isdisjoint(before.authority_keys)
    with empty.database.transaction() as session:
        assert session.scalars(sa.select(AuthorityKey.secret).where(AuthorityKey.retired_at.is_not(None))).all() == [
            None,
            None,
        ]
    KNOWN_PERMIT_KEYS[:] = list(after.permit_keys)
    # What the retired key permitted still ends in order.
    armoury.armourer("DELETE", f"/pairings/{pair.pairing}")
    assert armoury.state(pair) == ("revoked", "by-hand")
    assert armoury.told(pair.camera.serial)["orders"]


def test_the_last_key_is_not_retired_and_devices_have_room_for_few(empty: Service) -> None:
    first = made(empty, KeyUse.PERMIT)
    actor = Factory(empty.database).actor
    with empty.database.transaction() as session, pytest.raises(Conflict):
        trust.retire(session, actor, first, vault=vault_of(empty), now=now())
    for _ in range(KEYS_LIMIT - 1):
        made(empty, KeyUse.PERMIT)
    with pytest.raises(Conflict):
        made(empty, KeyUse.PERMIT)


def test_the_commands_make_list_and_retire(empty: Service) -> None:
    run = empty.test_cli_runner()
    first = run.invoke(args=["pairing-keys", "make", "permit"])
    second = run.invoke(args=["pairing-keys", "make", "permit"])
    assert (first.exit_code, second.exit_code) == (0, 0), first.output
    assert run.invoke(args=["pairing-keys", "retire", first.output.strip()]).exit_code == 0
    assert run.invoke(args=["pairing-keys", "retire", "nonsense"]).exit_code == 1

    listed = run.invoke(args=["pairing-keys", "list"]).output.splitlines()

    assert [line.split()[0:2] for line in listed] == [
        ["permit", first.output.strip()],
        ["permit", second.output.strip()],
    ]
    assert "in use" not in listed[0]
    assert "in use" in listed[1]
    code = run.invoke(args=["stations", "create", "the armoury"])
    assert code.exit_code == 0, code.output
    assert len(code.output.strip()) == 23
    assert run.invoke(args=["stations", "code", "the armoury"]).exit_code == 0
