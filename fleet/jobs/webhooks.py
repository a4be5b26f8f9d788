"""The job that queues and sends webhooks. Its threads outlive its runs, so that a receiver that hangs delays none."""

from fleet.jobs.job import Occasion, Result
from fleet.vault import Vault
from fleet.webhooks import delivery
from fleet.webhooks.addresses import Where
from fleet.webhooks.courier import Courier
from fleet.webhooks.signature import PURPOSE


def deliver(occasion: Occasion) -> Result:
    """Queue what was sealed since the last time, and send what is due."""
    courier = _courier(occasion)
    with occasion.app.database.transaction() as session:
        queued = delivery.queue(session, now=occasion.now)
    return {"queued": queued, "begun": courier.deliver_due()}


def _courier(occasion: Occasion) -> Courier:
    kept: Courier | None = occasion.app.extensions.get(__name__)
    if kept is None:
        settings = occasion.app.fleet_settings
        kept = occasion.app.extensions[__name__] = Courier(
            occasion.app.database,
            Vault(str(occasion.app.secret_key), PURPOSE),
            Where(settings.webhook_networks, plain_http=settings.webhook_plain_http),
            may_go_on=occasion.goes_on,
        )
    return kept
