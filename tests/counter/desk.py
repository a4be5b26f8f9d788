"""A counter in this process: one scan after the other, each in a transaction of its own."""

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

from fleet.actors import Actor, Role
from fleet.counter.scans import Answer, Counter, State
from fleet.settings import Policy
from fleet.web import Service


@dataclass
class AtCounter:
    """Scans with the state that the last answer gave."""

    app: Service
    actor: Actor = field(default_factory=lambda: Actor("account:clerk", role=Role.STORE))
    policy: Policy = field(default_factory=Policy)
    # Ahead of the factory's clock, so that what it makes lies in the past.
    now: datetime = field(default_factory=lambda: datetime.now(UTC) + timedelta(minutes=1))
    state: State = field(default_factory=State)

    def scan(self, *texts: str, **how: bool) -> Answer:
        """Scan each; the last answer."""
        for text in texts:
            with self.app.database.transaction() as session:
                counter = Counter(session, self.actor, policy=self.policy, now=self.now)
                answer = counter.scan(text, self.state, repeated=how.get("repeated", False))
            self.state = answer.state
            self.now += timedelta(seconds=1)
        return answer
