"""Every table, imported in one place so that migrations know them all."""

from fleet.audit import models as audit
from fleet.auth import models as auth
from fleet.cameras import models as cameras
from fleet.capture import models as capture
from fleet.counter import models as counter
from fleet.custody import models as custody
from fleet.custody import notices
from fleet.demonstration import DemonstrationPart
from fleet.idempotency import IdempotencyKey
from fleet.jobs import models as jobs
from fleet.lifecycle import models as lifecycle
from fleet.pairings import models as pairings
from fleet.people import models as people
from fleet.sites import models as sites
from fleet.statistics import models as statistics
from fleet.stock import models as stock
from fleet.tasers import models as tasers
from fleet.visits import models as visits
from fleet.webhooks import models as webhooks

__all__ = [
    "DemonstrationPart",
    "IdempotencyKey",
    "audit",
    "auth",
    "cameras",
    "capture",
    "counter",
    "custody",
    "jobs",
    "lifecycle",
    "notices",
    "pairings",
    "people",
    "sites",
    "statistics",
    "stock",
    "tasers",
    "visits",
    "webhooks",
]
