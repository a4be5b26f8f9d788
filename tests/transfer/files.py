"""Files for the tests: loading text, what was wrong with it, and what comes out again."""

import io
from typing import Any

import pytest
import sqlalchemy as sa

from fleet import transfer
from fleet.actors import command_line
from fleet.audit.models import AuditEntry
from fleet.clock import utc_now
from fleet.transfer import BadFile, Outcome
from fleet.web import Service

TESTER = command_line("tests")
SITES = "code,name,kind,address,nte,stage\nS1,One,station,1 High St,yes,live\nS2,Two,,,no,surveyed\nS3,,,,,\n"
DOCKS = "serial,site,bays\nD1,S1,6\nD2,S2,1\nD3,,\n"
PEOPLE = (
    "collar,name,team,function,site,trained_until\n"
    "C1,Ann,Blue,response,S1,2030-01-31\nC2,Bob,Blue,force-support,S2,\nC3,,,,,\n"
)
CAMERAS = (
    "serial,asset_tag,model,use,phase,home_dock,firmware,encryption,bluetooth,custody,holder,due_back\n"
    "X1,T1,body-2,personal,1,D1,1.0,aes256,secure-connections,issued,C1,\n"
    "X2,,flex-2,pool,2,D2,,,,issued,C1,2030-01-01T10:00:00Z\n"
    "X3,,body-2,reserve,,,,none,legacy,registered,,\n"
    "X4,,body-2,,,,,,,in_stock,,\n"
    "X5,,body-2,pool,,,,,,issued,C2,\n"
)
TASERS = (
    "serial,model,sppm,firmware,bluetooth,home_site,holder\n"
    "Y1,x2,M1,2.1,authenticated,S1,C1\nY2,x26,,,,,\nY3,x2,,,,S2,\n"
)
ESTATE = {"sites": SITES, "docks": DOCKS, "people": PEOPLE, "cameras": CAMERAS, "tasers": TASERS}


def load(app: Service, kind: str, text: str | bytes, **how: Any) -> Outcome:
    """Import a text in a transaction of its own."""
    data = text.encode() if isinstance(text, str) else text
    with app.database.transaction() as session:
        return transfer.load(session, TESTER, kind, io.BytesIO(data), now=utc_now(), **how)


def refused(app: Service, kind: str, text: str | bytes) -> list[str]:
    """What is wrong with a text, a line each."""
    with pytest.raises(BadFile) as caught:
        load(app, kind, text)
    assert caught.value.count == len(caught.value.problems)
    return [str(problem) for problem in caught.value.problems]


def load_estate(app: Service) -> None:
    """The small estate of all kinds."""
    for kind, text in ESTATE.items():
        load(app, kind, text)


def exported(app: Service, kind: str) -> str:
    """A kind as it goes out."""
    return b"".join(transfer.stream(app.database, kind)).decode()


def ask(app: Service, statement: str) -> list[tuple[Any, ...]]:
    """Rows of the database as they are."""
    with app.database.transaction() as session:
        return [tuple(row) for row in session.execute(sa.text(statement))]


def log_of(app: Service) -> list[tuple[str, str, str | None, dict[str, Any]]]:
    """The log: event, subject, officer, facts."""
    columns = (AuditEntry.event, AuditEntry.subject_key, AuditEntry.officer, AuditEntry.facts)
    with app.database.transaction() as session:
        return [tuple(row) for row in session.execute(sa.select(*columns).order_by(AuditEntry.id))]
