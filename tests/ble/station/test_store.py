"""The station's store: private, one at a time, and whole after a kill at any line."""

import os
import signal
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from types import FrameType

import pytest

from ble.protocol.cose import PrivateKey
from ble.station import store as module
from ble.station.errors import StoreBusy, StoreDamaged
from ble.station.store import Identity, Report, Store


def identity() -> Identity:
    keys = PrivateKey.generate(), PrivateKey.generate()
    return Identity("https://fleet.example", "ARMOURY-1", "token-1", *keys, b"credential", (b"one", b"two"), 2_000)


def test_keys_and_token_are_for_their_owner_alone_and_never_shown(tmp_path: Path) -> None:
    folder = tmp_path / "station"
    kept = Store.open(folder)
    own = identity()
    kept.keep(own)
    assert kept.identity() == own
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in folder.iterdir()} == {0o600}
    for secret in (own.token, own.agreement.secret.hex(), repr(own.agreement.secret)):
        assert secret not in repr(own)


def test_a_file_that_others_could_read_is_closed_to_them(tmp_path: Path) -> None:
    (tmp_path / "station.db").touch(0o644)
    Store.open(tmp_path).close()
    assert stat.S_IMODE((tmp_path / "station.db").stat().st_mode) == 0o600


def test_a_folder_is_one_stations_at_a_time(tmp_path: Path) -> None:
    first = Store.open(tmp_path)
    with pytest.raises(StoreBusy):
        Store.open(tmp_path)
    first.close()
    Store.open(tmp_path).close()


def test_a_file_that_is_no_store_is_said_to_be_damaged(tmp_path: Path) -> None:
    (tmp_path / "station.db").write_bytes(b"not a database at all, but long enough to look like a file" * 20)
    with pytest.raises(StoreDamaged):
        Store.open(tmp_path)


def test_what_was_put_first_is_sent_first_and_once(tmp_path: Path) -> None:
    kept = Store.open(tmp_path)
    kept.put(Report("a", "/x", {"n": 1}), Report("b", "/x", {"n": 2}))
    kept.put(Report("a", "/x", {"n": 3}))
    found = []
    while (queued := kept.next()) is not None:
        found.append(queued.report)
        kept.delivered(queued)
    assert found == [Report("a", "/x", {"n": 1}), Report("b", "/x", {"n": 2})]


def test_what_was_refused_holds_up_nothing_and_is_kept(tmp_path: Path) -> None:
    kept = Store.open(tmp_path)
    kept.put(Report("a", "/x", {}), Report("b", "/x", {}))
    first = kept.next()
    assert first is not None
    kept.refused(first, "no such job")
    second = kept.next()
    assert second is not None
    assert second.report.name == "b"
    assert kept.refusals() == [(Report("a", "/x", {}), "no such job")]


def test_steps_are_numbered_on_from_the_last_over_a_restart(tmp_path: Path) -> None:
    kept = Store.open(tmp_path)
    numbers = [kept.step("7", lambda number: Report(f"s{number}", "/x", {"number": number})) for _ in range(2)]
    kept.close()
    kept = Store.open(tmp_path)
    numbers.append(kept.step("7", lambda number: Report(f"s{number}", "/x", {"number": number})))
    assert numbers == [1, 2, 3]
    assert kept.step("8", lambda number: Report(f"t{number}", "/x", {})) == 1


def act(folder: Path, log: int) -> None:
    """What a station does with its store in a job; what it has been told is kept goes to ``log`` at once."""
    kept = Store.open(folder)
    for number in range(1, 4):
        kept.step("1", lambda n: Report(f"step-{n}", "/steps", {"number": n}))
        os.write(log, b"step\n")
        kept.put(Report(f"receipts-{number}", "/receipts", {}), facts={"receipts": bytes([number])}, job="1")
        os.write(log, b"put\n")
    queued = kept.next()
    if queued is not None:
        os.write(log, f"delivering {queued.report.name}\n".encode())
        kept.delivered(queued)
        os.write(log, b"delivered\n")


def killed_at(line: int, folder: Path, log: int, what: Callable[[Path, int], None]) -> bool:
    """Run ``what`` in a process that kills itself with SIGKILL at the n-th line of the store's code; whether it did."""
    child = os.fork()
    if child == 0:
        left = line

        def trace(frame: FrameType, event: str, _: object) -> object:
            nonlocal left
            if frame.f_code.co_filename != module.__file__:
                return None
            if event == "line":
                left -= 1
                if left == 0:
                    os.kill(os.getpid(), signal.SIGKILL)
            return trace

        sys.settrace(trace)
        what(folder, log)
        os._exit(0)
    return os.WIFSIGNALED(os.waitpid(child, 0)[1])


def test_killed_at_any_line_it_has_all_that_it_said_it_had(tmp_path: Path) -> None:
    line, struck = 0, True
    while struck:
        line += 1
        folder = tmp_path / str(line)
        read, write = os.pipe()
        struck = killed_at(line, folder, write, act)
        os.close(write)
        said = os.read(read, 65_536).decode().split("\n")[:-1]
        os.close(read)
        require_kept(Store.open(folder), said)
    print(f"killed at each of {line - 1} lines")
    assert line > 60


def require_kept(kept: Store, said: list[str]) -> None:
    names, steps, puts = [], said.count("step"), said.count("put")
    while (queued := kept.next()) is not None:
        names.append(queued.report.name)
        kept.delivered(queued)
    gone = {"step-1"} if any(one.startswith("delivering") for one in said) else set()
    promised = [f"step-{number + 1}" for number in range(steps)] + [f"receipts-{number + 1}" for number in range(puts)]
    assert set(promised) - set(names) <= gone
    if "delivered" in said:
        assert "step-1" not in names
    # One more may have come to the disk before it could be said; never one without those before it.
    whole = [f"{what}-{number}" for number in (1, 2, 3) for what in ("step", "receipts")]
    assert names == [name for name in whole[: len(names) + (whole[0] not in names)] if name in names]
    fact = kept.fact("1", "receipts")
    newest = max((int(name[-1]) for name in names if name.startswith("receipts")), default=0)
    assert (fact[0] if fact else 0) == newest
    kept.close()
