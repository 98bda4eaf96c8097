"""What promtool's linter says of the expositions: nothing but of names that are inherited."""

import re
import subprocess
from typing import Final

import pytest
from prometheus_client import CollectorRegistry, Metric, generate_latest
from servers import StartExporter, get

from seawall.exporters import inventory
from seawall.exporters.declaration import Distribution, MetricInfo

pytestmark = pytest.mark.e2e

# Names of node_exporter and of the exporters of PostgreSQL, MySQL, Redis, Memcached, Varnish, NGINX, Celery and Kafka, kept so that their dashboards and rules work.
_PLAIN: Final = (
    r"stat_archiver_(archived|failed)_count|stat_database_(?!active)\w+|stat_user_tables_\w+|stat_wal_receiver_\w+"
)
_SLAB: Final = r"(items_(evicted_time_seconds|moves_\w+)|mem_requested_bytes)"
INHERITED: Final = {
    'counter metrics should have "_total" suffix': rf"pg_({_PLAIN})|memcached_(uptime_seconds|slab_{_SLAB})|varnish_\w+|nginx_connections_\w+|mongodb_(ss|rs)_\w+",
    'non-histogram and non-summary metrics should not have "_count" suffix': (
        r"pg_(locks|stat_activity|stat_archiver_(archived|failed)|stat_user_tables_(auto)?(vacuum|analyze))_count"
        r"|mongodb_ss_metrics_repl_buffer_count"
        r"|celery_active_(consumer|process|worker)_count|mysql_global_variables_max_prepared_stmt_count"
    ),
    'non-counter metrics should not have "_total" suffix': r"redis_cluster_messages_(sent|received)_total",
    "metric name should not include type 'counter'": "mysql_slave_status_skip_counter",
    'non-histogram and non-summary metrics should not have "_sum" suffix': r"kafka_consumergroup_(lag|current_offset)_sum",
    "metric names should be written in 'snake_case' not 'camelCase'": r"node_(memory|netstat)_\w+|mongodb_\w+",
    "metric names should not contain abbreviated units": (
        r"varnish_main_s_\w+|mongodb_ss_extra_info_\w+|mysql_global_status_wsrep_flow_control_paused_ns"
    ),
    'use base unit "bytes" instead of "bits"': r"node_entropy_(available|pool_size)_bits",
}


def complaints(promtool: str, text: str) -> list[str]:
    """Return what promtool says of an exposition beyond what is inherited; fail where it cannot read it."""
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 3), done.stderr
    lines = [line.partition(" ") for line in done.stderr.splitlines()]
    return [f"{name} {said}" for name, _, said in lines if not re.fullmatch(INHERITED.get(said, "(?!)"), name)]


def declared(info: MetricInfo) -> Metric:
    """Return a family with one sample, as its collector would tell it."""
    labels = info.labels
    if info.type == "histogram":
        return info.distributions({labels: Distribution((0.1,), (1, 1), 2.0)})
    return info.samples({labels: 1.0})


@pytest.mark.parametrize("kind", inventory())
def test_what_a_kind_declares_is_clean_but_for_inherited_names(promtool: str, kind: str) -> None:
    """Nothing else is told by its collector, says each kind's contract."""
    families = CollectorRegistry()
    families.collect = lambda: map(declared, inventory()[kind])  # type: ignore[method-assign]
    assert [] == complaints(promtool, generate_latest(families).decode())


def test_the_page_of_the_exporter_and_its_host_is_clean(promtool: str, start_exporter: StartExporter) -> None:
    """As it is served."""
    assert [] == complaints(promtool, get(start_exporter({}).url + "metrics"))


def test_the_linter_does_complain(promtool: str) -> None:
    """An empty list is no accident."""
    assert [
        line
        for line in complaints(
            promtool, "# HELP seawall_bad_count X.\n# TYPE seawall_bad_count counter\nseawall_bad_count 1\n"
        )
        if "_total" in line
    ] == ['seawall_bad_count counter metrics should have "_total" suffix']
