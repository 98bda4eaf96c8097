"""What is rendered of all kinds together: Seawall's own linter finds nothing in it, and pages are few and meant."""

import re
from pathlib import Path
from typing import Any, Final

import pytest
import yaml

from seawall.catalog import load
from seawall.generator import load_packs, render
from seawall.generator.lint import CHECKS, lint, read

from .conftest import CATALOG

# A cause is a ticket, unless it is a limit at which the service stops.
LIMIT: Final = re.compile(r"\w+(NearLimit|Near|AlmostFull|FillingFast|Exhausted|Expires)")
# Or what is one step before a loss.
LAST_STEP: Final = {
    "CassandraFlushesWaiting": "writes stop when the memtables are full",
    "CassandraSeveralNodesLost": "one node more, and a quorum is gone",
    "HostFilesystemReadOnly": "nothing can be written any more",
    "KafkaLastReplica": "one broker more, and messages are gone",
    "RabbitmqNodeLost": "one node more, and queues lose their majority",
    "RedisPersistenceFailing": "a restart loses all since the last snapshot, and writes may be refused",
}


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with the files of rules."""
    folder = tmp_path_factory.mktemp("rules")
    (folder / "catalog.yaml").write_text(CATALOG)
    for artifact in render(load(folder / "catalog.yaml"), load_packs()):
        if artifact.path.startswith("prometheus/rules/"):
            (folder / Path(artifact.path).name).write_bytes(artifact.content)
    return folder


def alerts(rules: Path) -> list[dict[str, Any]]:
    """Return every alerting rule."""
    groups = [group for file in rules.glob("*.yml") for group in yaml.safe_load(file.read_text())["groups"]]
    return [rule for group in groups for rule in group["rules"] if "alert" in rule]


def test_the_rules_of_every_kind_are_clean(rules: Path) -> None:
    """By every check that runs by default, by the one that asks for a runbook, and where one service is meant, for its job."""
    files = [read(str(path)) for path in sorted(rules.glob("*.yml"))]
    of_services = [file for file in files if not Path(file.name).name.startswith(("_shared", "seawall"))]
    checks = [each for each in CHECKS.values() if not each.is_optional or each.name == "no-runbook"]

    assert len(of_services) > 30
    assert [] == [str(each) for each in (*lint(files, checks), *lint(of_services, [CHECKS["no-job"]]))]


def test_a_cause_pages_only_where_it_is_about_to_stop_the_service(rules: Path) -> None:
    """All other pages are what users feel."""
    causes = {
        rule["alert"]
        for rule in alerts(rules)
        if (rule["labels"]["severity"], rule["labels"]["class"]) == ("page", "cause")
    }

    assert LAST_STEP.keys() == {name for name in causes if not LIMIT.fullmatch(name)}


def test_only_the_watchdog_and_burn_rates_fire_at_once(rules: Path) -> None:
    """The windows of a burn rate are what it waits for."""
    assert {"Watchdog", "SloErrorBudgetBurn"} == {rule["alert"] for rule in alerts(rules) if "for" not in rule}
