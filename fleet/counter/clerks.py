"""Who made an act at a counter without a line: what the service signed while there still was one.

The page keeps the token beside each act. It opens nothing: an act arrives in a session of somebody who may use the
counter, and the token only says whose act it is, and from when on it may have been made.
"""

import dataclasses
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
from itsdangerous import BadData, URLSafeSerializer
from sqlalchemy.orm import Session

from fleet.actors import Actor, Late
from fleet.auth.models import Account
from fleet.auth.permissions import Permission, require
from fleet.auth.service import account_actor
from fleet.errors import Forbidden

# Longer than any outage that a store sits out with what it scanned on a page; a week-old act is put right by hand.
LONGEST_AWAY = timedelta(days=7)
_SALT = "clerk of a counter without a line"


@dataclass(frozen=True)
class Clerk:
    """Somebody whom the service recognised in a browser at the instant ``since``."""

    account: str
    badge_only: bool
    browser: int
    since: datetime


class ClerkTokens:
    """Clerks as pages keep them: signed."""

    def __init__(self, secret_key: str) -> None:
        self._serializer = URLSafeSerializer(secret_key, salt=_SALT)

    def write(self, clerk: Clerk) -> str:
        """The token of a clerk."""
        said = [clerk.account, clerk.badge_only, clerk.browser, int(clerk.since.timestamp())]
        token: str = self._serializer.dumps(said)
        return token

    def read(self, token: str) -> Clerk | None:
        """Whom the token names; None if it is not one of ours."""
        try:
            account, badge_only, browser, since = self._serializer.loads(token)
        except (BadData, ValueError, TypeError):
            return None
        return Clerk(account, badge_only, browser, datetime.fromtimestamp(since, UTC))


def actor_of(session: Session, clerk: Clerk) -> Actor:
    """The clerk as an actor, with the role that the account has now.

    Raises:
        Forbidden: the account was locked or closed since, or may not use the counter any more.
    """
    account = session.scalars(sa.select(Account).where(Account.name == clerk.account)).one_or_none()
    if account is None or not account.is_open:
        what = f"The account {clerk.account} was locked or closed before this act arrived."
        raise Forbidden(what, found={"account": clerk.account}, mend="admin")
    actor = account_actor(account.name, account.role, account.collar, badge_only=clerk.badge_only)
    require(actor, Permission.COUNTER_USE)
    return actor


def counted_at(made_at: datetime, clerk: Clerk | None, *, now: datetime) -> datetime:
    """When an act counts as made: never after it arrived, and never before the service knew its clerk to be there.

    Raises:
        Forbidden: it was made longer after that, or longer before it arrived, than a counter may be away. The page says
            when it was made, so without this whoever has an old token could write history as far back as they like.
    """
    at = min(made_at, now)
    if now - at > LONGEST_AWAY:
        what = f"It was made more than {LONGEST_AWAY.days} days before it arrived."
        raise Forbidden(what, found={"made_at": made_at.isoformat()}, mend="supervisor")
    if clerk is None:
        return at
    if at - clerk.since > LONGEST_AWAY:
        what = f"It was made more than {LONGEST_AWAY.days} days after the counter last had a line."
        raise Forbidden(what, found={"made_at": made_at.isoformat()}, mend="supervisor")
    return max(at, clerk.since)


def late_actor(actor: Actor, sender: Actor, act: str, *, now: datetime) -> Actor:
    """The actor of an act that arrives now and was made before; the log names who brought it if that is another."""
    from_another = sender.name if sender.name != actor.name else None
    return dataclasses.replace(actor, late=Late(act, now, from_another))
