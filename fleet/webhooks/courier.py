"""The threads that send. One that waits for a receiver that hangs holds up no other, and no transaction."""

import logging
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import Final

from fleet.actors import Actor
from fleet.clock import utc_now
from fleet.db import Database
from fleet.vault import SecretLost, Vault
from fleet.webhooks import delivery
from fleet.webhooks.addresses import Where
from fleet.webhooks.sending import LIMIT_S, send

_logger = logging.getLogger(__name__)
_SENDERS: Final = 16
ACTOR: Final = Actor("job:webhooks", trusted=True)


class Courier:
    """Sends what is due, in threads that end when nothing is.

    ``may_go_on`` is asked before each delivery: a process that is no longer the active one takes no further.
    """

    def __init__(
        self,
        database: Database,
        vault: Vault,
        where: Where,
        *,
        may_go_on: Callable[[], bool] = lambda: True,
        clock: Callable[[], datetime] = utc_now,
        limit_s: float = LIMIT_S,
    ) -> None:
        self._database, self._vault, self._where = database, vault, where
        self._may_go_on, self._clock, self._limit_s = may_go_on, clock, limit_s
        self._threads = ThreadPoolExecutor(_SENDERS, "webhooks")
        self._places = threading.Semaphore(_SENDERS)
        # So that two do not both find a subscription idle that may have one delivery under way.
        self._one_claims = threading.Lock()

    def deliver_due(self) -> int:
        """Begin to send what is due, and answer how many deliveries were taken. What goes on is not waited for."""
        taken = 0
        while self._places.acquire(blocking=False):
            claimed = self._next()
            if claimed is None:
                self._places.release()
                break
            taken += 1
            self._threads.submit(self._send_on, claimed)
        return taken

    def wait(self) -> None:
        """Wait until nothing is under way."""
        self._threads.shutdown(wait=True)

    def _next(self) -> delivery.Claimed | None:
        if not self._may_go_on():
            return None
        with self._one_claims, self._database.transaction() as session:
            return delivery.claim(session, now=self._clock())

    def _send_on(self, claimed: delivery.Claimed | None) -> None:
        """Send one, and then whatever else is due."""
        try:
            while claimed is not None:
                self.attempt(claimed)
                claimed = self._next()
        except Exception:
            # The database is away, say. The lease runs out, and the delivery is due again.
            _logger.warning("A webhook's delivery was left for later.", exc_info=True)
        finally:
            self._places.release()

    def attempt(self, claimed: delivery.Claimed) -> None:
        """One attempt at a delivery, and what comes of it."""
        now = self._clock()
        try:
            outcome = send(delivery.message(claimed, self._vault, now=now), self._where, now=now, limit_s=self._limit_s)
        except SecretLost as error:
            outcome = delivery.lost_secret(error)
        with self._database.transaction() as session:
            delivery.conclude(session, ACTOR, claimed, outcome, now=self._clock())
