"""What the checks say of rules is what the real Prometheus does: promtool plays the dead ones and the mended ones."""

import re
import subprocess
from pathlib import Path
from typing import Any, Final

import pytest
import yaml
from lint_rules import found, rule
from servers import promtool

from seawall.generator.lint import CHECKS

__all__ = ["promtool"]

pytestmark = pytest.mark.e2e

SERIES: Final = {
    'errors_total{job="a",instance="x"}': "0+600x30",
    'requests_total{job="a",instance="x"}': "0+600x30",
    'queue_length{job="a",instance="x"}': "500x30",
    'queue_limit{job="a"}': "500x30",
    'seconds_bucket{job="a",instance="x",le="10"}': "0+600x30",
    'seconds_bucket{job="a",instance="x",le="+Inf"}': "0+1200x30",
    'app_info{job="a",instance="x"}': "1x30",
}
# Check → an expression that it finds, which never fires on SERIES, and the mended one, which does.
NEVER: Final = {
    "never-matches": (
        "sum by (job, instance) (rate(errors_total[5m])) / sum by (job) (rate(requests_total[5m])) > 0.5",
        "sum by (job) (rate(errors_total[5m])) / sum by (job) (rate(requests_total[5m])) > 0.5",
    ),
    "never-matches of a raw series": (
        "count(app_info) / queue_length > 0.001",
        "count(app_info) / on () queue_length > 0.001",
    ),
    "never-matches in and": (
        "queue_length > 100 and sum by (job) (rate(errors_total[5m])) > 1",
        "queue_length > 100 and on (job) sum by (job) (rate(errors_total[5m])) > 1",
    ),
    "absent-join": (
        "queue_length > 10 and absent(consumers)",
        "queue_length > 10 and on () absent(consumers)",
    ),
    "lost-le": (
        "histogram_quantile(0.9, sum by (job) (rate(seconds_bucket[5m]))) > 1",
        "histogram_quantile(0.9, sum by (job, le) (rate(seconds_bucket[5m]))) > 1",
    ),
    "lost-label": (
        "queue_length / on (instance) group_left sum by (job) (queue_limit) > 0.5",
        "queue_length / on (job) group_left sum by (job) (queue_limit) > 0.5",
    ),
}
_NAME: Final = re.compile(r'alertname="([^"]+)"')
DEAD: Final = {f"dead {name}": dead for name, (dead, _) in NEVER.items()}
MENDED: Final = {f"mended {name}": mended for name, (_, mended) in NEVER.items()}


def run(promtool: str, folder: Path, *words: str) -> str:
    """Return what promtool says."""
    done = subprocess.run([promtool, *words], cwd=folder, capture_output=True, text=True, timeout=60)
    return done.stdout + done.stderr


def firing(promtool: str, folder: Path) -> set[str]:
    """Return the names of the rules that fire on SERIES, of all in one play."""
    rules = [{"alert": name, "expr": expr, "for": "5m"} for name, expr in {**DEAD, **MENDED}.items()]
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "test", "rules": rules}]}))
    test = {
        "rule_files": ["rules.yml"],
        "evaluation_interval": "1m",
        "tests": [
            {
                "interval": "1m",
                "input_series": [{"series": name, "values": values} for name, values in SERIES.items()],
                "promql_expr_test": [{"expr": 'ALERTS{alertstate="firing"}', "eval_time": "20m"}],
            }
        ],
    }
    (folder / "test.yml").write_text(yaml.safe_dump(test))
    said = run(promtool, folder, "test", "rules", "test.yml")  # nothing is expected, so it says what is there
    return set(_NAME.findall(said))


def test_what_never_fires_does_not_and_mended_it_does(promtool: str, tmp_path: Path) -> None:
    """One play of all of them."""
    assert set(MENDED) == firing(promtool, tmp_path)


@pytest.mark.parametrize(("name", "dead", "mended"), [(name, *both) for name, both in NEVER.items()], ids=NEVER)
def test_lint_finds_the_one_and_not_the_other(name: str, dead: str, mended: str, tmp_path: Path) -> None:
    """By the check that is named after why."""
    check = name.split(" ")[0]
    assert check in {each.check for each in found(tmp_path, rule(expr=dead))}
    assert check not in {each.check for each in found(tmp_path, rule(expr=mended))}


def test_prometheus_loads_every_mended_example(promtool: str, tmp_path: Path) -> None:
    """Those on the page of checks."""
    changed: list[dict[str, Any]] = [rule(**yaml.safe_load(check.good)) for check in CHECKS.values()]
    rules = [{**each, "alert": f"{each['alert']}{number}"} for number, each in enumerate(changed)]
    (tmp_path / "rules.yml").write_text(yaml.safe_dump({"groups": [{"name": "test", "rules": rules}]}))
    assert f"SUCCESS: {len(CHECKS)} rules found" in run(promtool, tmp_path, "check", "rules", "rules.yml")
