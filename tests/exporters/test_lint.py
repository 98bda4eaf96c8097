"""What promtool's linter says of the expositions: nothing but of names that are inherited."""

import re
import subprocess
from typing import Final

import pytest
from postgres import PostgresServer
from servers import StartExporter, StartRedis, get

pytestmark = pytest.mark.e2e

# Names of node_exporter and of the exporters of PostgreSQL, Memcached, Varnish, NGINX, Celery and Kafka, kept so that their dashboards and rules work.
_PLAIN: Final = (
    r"stat_archiver_(archived|failed)_count|stat_database_(?!active)\w+|stat_user_tables_\w+|stat_wal_receiver_\w+"
)
_SLAB: Final = r"(items_(evicted_time_seconds|moves_\w+)|mem_requested_bytes)"
INHERITED: Final = {
    'counter metrics should have "_total" suffix': rf"pg_({_PLAIN})|memcached_(uptime_seconds|slab_{_SLAB})|varnish_\w+|nginx_connections_\w+|mongodb_(ss|rs)_\w+",
    'non-histogram and non-summary metrics should not have "_count" suffix': (
        r"pg_(locks|stat_activity|stat_archiver_(archived|failed)|stat_user_tables_(auto)?(vacuum|analyze))_count"
        r"|mongodb_ss_metrics_repl_buffer_count"
        r"|celery_active_(consumer|process|worker)_count"
    ),
    'non-histogram and non-summary metrics should not have "_sum" suffix': r"kafka_consumergroup_(lag|current_offset)_sum",
    "metric names should be written in 'snake_case' not 'camelCase'": r"node_(memory|netstat)_\w+|mongodb_\w+",
    "metric names should not contain abbreviated units": r"varnish_main_s_\w+|mongodb_ss_extra_info_\w+",
    'use base unit "bytes" instead of "bits"': r"node_entropy_(available|pool_size)_bits",
}


def complaints(promtool: str, text: str) -> list[str]:
    """Return what promtool says of an exposition beyond what is inherited; fail where it cannot read it."""
    done = subprocess.run([promtool, "check", "metrics"], input=text, capture_output=True, text=True, check=False)
    assert done.returncode in (0, 3), done.stderr
    lines = [line.partition(" ") for line in done.stderr.splitlines()]
    return [f"{name} {said}" for name, _, said in lines if not re.fullmatch(INHERITED.get(said, "(?!)"), name)]


def test_metrics_is_clean_but_for_inherited_names(promtool: str, start_exporter: StartExporter) -> None:
    """The host and the exporter itself."""
    assert complaints(promtool, get(start_exporter({}).url + "metrics")) == []


def test_a_probe_of_redis_is_clean(promtool: str, start_exporter: StartExporter, start_redis: StartRedis) -> None:
    """Of a server that is there, and of one that is not."""
    exporter = start_exporter({"cache": f"redis://127.0.0.1:{start_redis().port}", "gone": "redis://127.0.0.1:1"})
    assert complaints(promtool, get(exporter.url + "probe?service=cache")) == []
    assert complaints(promtool, get(exporter.url + "probe?service=gone")) == []


def test_a_probe_of_postgres_is_clean_but_for_inherited_names(
    promtool: str, start_exporter: StartExporter, postgres: PostgresServer
) -> None:
    """Of a server that is there, and of one that is not."""
    exporter = start_exporter({"orders": postgres.url_of(postgres.user), "gone": "postgresql://127.0.0.1:1"})
    assert complaints(promtool, get(exporter.url + "probe?service=orders")) == []
    assert complaints(promtool, get(exporter.url + "probe?service=gone")) == []


def test_the_linter_does_complain(promtool: str) -> None:
    """An empty list is no accident."""
    assert [
        line
        for line in complaints(
            promtool, "# HELP seawall_bad_count X.\n# TYPE seawall_bad_count counter\nseawall_bad_count 1\n"
        )
        if "_total" in line
    ] == ['seawall_bad_count counter metrics should have "_total" suffix']
