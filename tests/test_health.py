"""What monitoring is told of the whole service."""

from datetime import UTC, datetime

from prometheus_client.parser import text_string_to_metric_families

from fleet.audit import sealer
from fleet.web import Service
from tests.factories import Factory


def figures(app: Service) -> dict[str, float]:
    app.extensions.pop("service_figures", None)
    families = text_string_to_metric_families(app.test_client().get("/metrics").text)
    return {sample.name: sample.value for family in families for sample in family.samples}


def test_the_figures_tell_what_the_service_has_left_to_do(empty: Service) -> None:
    Factory(empty.database).camera()

    before = figures(empty)
    assert (before["fleet_database_up"], before["fleet_scheduler_active"]) == (1, 0)
    assert before["fleet_log_unsealed_entries"] > 0
    assert "fleet_log_sealed_timestamp_seconds" not in before

    now = datetime.now(UTC)
    sealer.seal_everything(empty.fleet_settings, now=now)
    after = figures(empty)
    assert after["fleet_log_unsealed_entries"] == 0
    assert after["fleet_log_sealed_timestamp_seconds"] == now.timestamp()
    assert after["fleet_log_checkpoints_waiting"] == 1


def test_who_asks_often_asks_the_database_seldom(empty: Service) -> None:
    first = figures(empty)
    Factory(empty.database).camera()

    families = text_string_to_metric_families(empty.test_client().get("/metrics").text)

    again = {sample.name: sample.value for family in families for sample in family.samples}
    assert again["fleet_log_unsealed_entries"] == first["fleet_log_unsealed_entries"] == 0
