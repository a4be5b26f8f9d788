"""Append, root and proof cost the logarithm of the log's size, not the log."""

import pytest

from fleet.audit import proofs, sealing, tree
from tests.audit.conftest import Log


def filled(log: Log, size: int) -> None:
    """A log of ``size`` entries of which the tree is whole; sealed at once."""
    log.tamper(
        "INSERT INTO audit_entry (at, actor, event, subject_kind, subject_key, facts)"
        f" SELECT now(), 'x', 'camera.issued', 'camera', 'X', '{{}}' FROM generate_series(1, {size})"
    )
    while log.seal():
        pass


@pytest.mark.parametrize(("size", "most"), [(200, 4), (70_000, 9)])
def test_appending_and_proving_read_a_few_tiles(
    log: Log, size: int, most: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    filled(log, size)
    read: list[tuple[int, int]] = []
    genuine = tree.read_tile

    def counted(session: object, level: int, number: int) -> bytes:
        read.append((level, number))
        return genuine(session, level, number)  # type: ignore[arg-type]

    monkeypatch.setattr(tree, "read_tile", counted)
    monkeypatch.setattr(sealing, "read_tile", counted)
    (number,) = log.write()

    assert log.seal() == 1
    assert len(read) <= most
    read.clear()
    with log.app.database.reading() as session:
        assert proofs.proof_of(session, number).standing is proofs.Standing.PROVEN
        assert len(read) <= most
        read.clear()
        proofs.consistency(session, size)
        assert len(read) <= most
