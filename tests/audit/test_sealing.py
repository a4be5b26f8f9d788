"""Every committed entry gets a place, once, whenever it commits and whoever seals."""

from tests.audit.conftest import Log
from tlog.note import open_checkpoint


def places(log: Log) -> list[tuple[int, int]]:
    rows = log.ask("SELECT position, entry_id FROM audit_seal ORDER BY position")
    return [(row["position"], row["entry_id"]) for row in rows]


def test_entries_get_places_in_the_order_of_their_numbers(log: Log) -> None:
    numbers = log.write(3)
    log.seal()
    numbers += log.write(300)

    log.seal()

    assert places(log) == list(enumerate(numbers))
    newest = log.ask("SELECT size, note FROM audit_checkpoint ORDER BY size DESC")[0]
    assert open_checkpoint(newest["note"], log.identity.verifiers).size == newest["size"] == 303
    assert log.push() == 2
    assert sorted(int(path.name[:12]) for path in log.outside.iterdir()) == [3, 303]
