"""Each benchmark runs, measures what it says, and prints its table; no time is judged."""

import re
import shutil
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest

TOOLS = Path(__file__).parents[2] / "tools"


def bench(name: str, *arguments: str) -> str:
    """Return what a benchmark prints."""
    command = [sys.executable, str(TOOLS / f"bench_{name}.py"), *arguments]
    return subprocess.run(command, capture_output=True, text=True, check=True, timeout=240).stdout


def row(text: str, first: str) -> list[str]:
    """Return the cells of the row that begins with *first*."""
    line = next(line for line in text.splitlines() if line.startswith(first))
    return re.split(r"\s{2,}", line.strip())


def test_the_render_bench_counts_what_it_renders() -> None:
    """Five services: their files, nothing rewritten the second time, and the growth to ten."""
    shown = bench("render", "--sizes", "5,10")

    assert "0" == row(shown, "5 ")[7]
    assert int(row(shown, "10 ")[9]) > int(row(shown, "5 ")[9]) > 100
    assert "2 times the services" in shown


def test_the_import_bench_sets_the_import_beside_what_it_stands_on() -> None:
    """Alone, and within workers: more modules each, and none for nothing."""
    shown = bench("import", "--runs", "1")

    sdk, alone = (int(row(shown, name)[3]) for name in ("OpenTelemetry's SDK alone", "import seawall.auto"))
    assert 0 < sdk < alone
    for framework in ("FastAPI", "Flask"):
        assert int(row(shown, framework)[3]) < int(row(shown, f"{framework} with the import")[3])
    assert ["0", "+0.0", "+0.0", "nothing"] == row(shown, "nothing")[3:]


@pytest.mark.e2e
def test_the_check_bench_names_every_step() -> None:
    """The real promtool and amtool are among them."""
    shown = bench("check", "--sizes", "1")

    for step in ("load and render", "parsing the expressions", "promtool check rules", "promtool test rules", "in all"):
        assert float(row(shown, step)[1]) >= 0


@pytest.mark.e2e
def test_the_rules_bench_evaluates_rules_on_a_history() -> None:
    """One service in a real Prometheus: the 30-day mean reads a sample for each ten minutes of the 30 days."""
    shown = bench("rules", "--sizes", "1", "--only", "seawall", "--passes", "1")

    groups, rules, _, samples = row(shown, "Seawall  ")[1:5]
    assert int(rules) > int(groups) > 1
    assert float(samples.removesuffix(" M")) > 0.1
    assert "its dearest rules" in shown


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (("rules", "--sizes", "1"), "Rules: not measured, since there is no prometheus on PATH."),
        (("sloth_render", "--services", "1", "--runs", "1"), "Sloth cannot be had: Go, which builds it, is not on"),
    ],
)
def test_what_a_bench_cannot_have_it_says(
    arguments: Sequence[str], sentence: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No tool is on PATH: a sentence, and no failure."""
    monkeypatch.setenv("PATH", str(tmp_path))

    assert bench(*arguments).startswith(sentence)


def test_the_requests_bench_sets_every_way_beside_the_bare_application() -> None:
    """A table a framework; a peer that is not installed is named, and never a row."""
    shown = bench("requests", "--rounds", "1", "--requests", "20")
    for title in ("FastAPI", "Flask", "Django"):
        part = shown[shown.index(f"{title}, 1 route: 1 rounds of 20 requests") :]
        assert "1.00" == row(part, "bare")[3]
        for share in ("metrics only", "1 %", "traced"):
            assert float(row(part, f"Seawall, {share}")[1]) > 0
    for peer in ("contrib, metrics only", "starlette_exporter"):
        assert re.search(rf"^{peer}(: missing \w+|\s+\d)", shown, re.MULTILINE)


def test_the_page_bench_sets_the_page_beside_prometheus_client() -> None:
    """Of one process and of four workers, of as many series."""
    shown = bench("page", "--series", "2000", "--rounds", "1")
    for workers in ("", ", 4 workers"):
        ours, theirs = (row(shown, f"{name}{workers}") for name in ("Seawall", "prometheus_client"))
        assert "1.000" == theirs[5]
        assert 0 < float(ours[5]) < 1
        assert 0 < float(ours[3]) <= float(theirs[3]) * 1.2


@pytest.mark.e2e
def test_the_exporter_bench_scrapes_what_answers_beside_what_hangs() -> None:
    """Real servers, the exporter and Debian's: all that answer do so, also beside those that never do."""
    if shutil.which("prometheus-postgres-exporter") is None:
        pytest.skip("install postgres_exporter (Debian: apt install prometheus-postgres-exporter)")
    shown = bench("exporter", "--services", "6", "--hung", "2", "--seconds", "2", "--interval", "1")

    failed = {name: row(shown, name)[5] for name in ("4 services", "and 2 that hang", "Go, 4 services")}
    assert dict.fromkeys(failed, "0") == failed
    assert all(float(each) > 0 for name in failed for each in row(shown, name)[1:5])
    assert "×" in row(shown, "Seawall ÷ Go")[1]


@pytest.mark.e2e
def test_the_probe_bench_asks_both_exporters_of_the_same_server() -> None:
    """Both have the server's samples, and take time of their own."""
    if shutil.which("prometheus-redis-exporter") is None:
        pytest.skip("install redis_exporter (Debian: apt install prometheus-redis-exporter)")
    redis = row(bench("probe", "--rounds", "20", "--kinds", "redis"), "redis")
    assert min(float(each) for each in redis[1:3]) > 50
    assert min(float(each) for each in redis[3:5]) > 0
