"""The sending process is killed while it sends: each entry arrives at least once and none is lost."""

import sys
from pathlib import Path

from fleet.audit import Event
from fleet.web import Service
from fleet.webhooks.models import DeliveryState
from tests.conftest import LOG_KEY
from tests.jobs.processes import Scheduler, active, wait_until
from tests.webhooks.conftest import Post
from tests.webhooks.receiver import receiving

KILLS = 4
ENTRIES = 40


def test_whatever_is_killed_every_entry_arrives(empty: Service, tmp_path: Path) -> None:
    post = Post(empty)
    environ = {"FLEET_WEBHOOK_NETWORKS": "127.0.0.0/8", "FLEET_WEBHOOK_PLAIN_HTTP": "1", "FLEET_LOG_KEY": LOG_KEY}
    program = [sys.executable, "-m", "tests.webhooks.sender"]
    with receiving() as receiver:
        number, _ = post.subscribe(receiver.url, Event.CAMERA_ISSUED)
        written: list[int] = []
        for _ in range(KILLS):
            scheduler = Scheduler(empty, tmp_path, program=program, **environ)
            wait_until(lambda: active(empty) == scheduler.pid)  # noqa: B023 - called at once
            written += post.write(ENTRIES)
            before = len(receiver.got)
            wait_until(lambda: len(receiver.got) > before)  # noqa: B023
            scheduler.kill()
        last = Scheduler(empty, tmp_path, program=program, **environ)
        try:
            wanted = {f"entry-{number}-{entry}" for entry in written}
            wait_until(lambda: set(receiver.ids()) == wanted)
            wait_until(lambda: {one.state for one in post.deliveries()} == {DeliveryState.DELIVERED})
        finally:
            last.end()

    assert [one.entry_id for one in post.deliveries()] == written
