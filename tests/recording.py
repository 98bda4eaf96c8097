"""What a real Prometheus records by rendered rules, each group at its own interval, of samples of long ago.

promtool evaluates every group at every tick, and a month of ticks takes minutes. Here the rules of one level after the
other are evaluated over whole ranges, as Prometheus backfills rules; an alert is recorded while its condition holds.
"""

import json
import re
import subprocess
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlencode

import yaml
from servers import answers, eventually, free_port, get, process
from traffic import Samples

from seawall.catalog import Duration

START: Final = 20_000 * 86_400  # what the tests count their seconds from: a whole day, so that hours are whole too
HOLDS: Final = "test:alert:holds"
YEAR: Final = 366 * 86_400
_NAME: Final = re.compile(r"\b[a-z_]+:[a-z0-9_:]+")
_STEPS: Final = 10_000  # of a range query; Prometheus gives 11,000 at most
_BLOCKS: Final = (2, 6, 18, 54, 162, 486, 1458)  # the hours that a block of promtool's may have


@dataclass(frozen=True)
class Rule:
    """A recording rule, and the seconds between two evaluations of its group."""

    interval: int
    record: str
    expr: str
    labels: tuple[tuple[str, str], ...]

    @property
    def backfilled(self) -> str:
        """The expression without the labels that its rule sets: what differs in them alone is one series, not two."""
        return f"max without ({','.join(name for name, _ in self.labels)}) ({self.expr})"

    @property
    def reads(self) -> set[str]:
        """The recorded series that it reads."""
        return set(_NAME.findall(self.expr))


@dataclass(frozen=True)
class Span:
    """The rules are evaluated from *start* to *end*, every *every* seconds or at their group's interval if it is longer.

    Between two spans they are not: Prometheus was down. Alerts are only evaluated where *alerts* says so.
    """

    start: int
    end: int
    every: int
    alerts: bool = False


@dataclass(frozen=True)
class Recorded:
    """A running Prometheus that holds the samples and all that was recorded of them."""

    url: str

    def query(self, expr: str, at: float) -> dict[str, float]:
        """Return the value of *expr* at a second, by its labels as JSON."""
        found = self._asked("query", query=expr, time=START + at)
        return {labels: samples[-1][1] for labels, samples in found.items()}

    def samples(self, selector: str, start: float, end: float) -> dict[str, Samples]:
        """Return the samples of *selector* after *start* and until *end*, by their labels as JSON."""
        return self._asked("query", query=f"{selector}[{int(end - start)}s]", time=START + end)

    def range(self, expr: str, start: float, end: float, step: float) -> dict[str, Samples]:
        """Return the values of *expr* every *step* seconds, by its labels as JSON."""
        return self._asked("query_range", query=expr, start=START + start, end=START + end, step=step)

    def fired(self, job: str, **labels: str) -> list[float]:
        """Return the seconds at which an alert of *job* with these labels fired: as long as it says, it has held."""
        matchers = ",".join(f'{name}="{value}"' for name, value in {"service": job, **labels}.items())
        found: set[float] = set()
        for series, samples in self.samples(f"{HOLDS}{{{matchers}}}", 0, YEAR).items():
            after = Duration.parse(json.loads(series)["after"]).seconds
            found |= set(_firing([at for at, _ in samples], after))
        return sorted(found)

    def _asked(self, endpoint: str, **parameters: object) -> dict[str, Samples]:
        answer = json.loads(get(f"{self.url}/api/v1/{endpoint}?{urlencode(parameters)}"))
        found = {}
        for each in answer["data"]["result"]:
            samples = each.get("values") or [each["value"]]
            labels = json.dumps(each["metric"], sort_keys=True)
            found[labels] = [(float(when) - START, float(value)) for when, value in samples]
        return found


def _firing(held: Sequence[float], after: float) -> Iterator[float]:
    step = min((late - early for early, late in pairwise(held)), default=0)
    since = last = held[0]
    for at in held:
        since = since if at - last <= 1.5 * step else at
        last = at
        if at - since >= after:
            yield at


@contextmanager
def recorded(
    tool: Callable[[str], str], rendered: Path, raw: Mapping[str, Samples], spans: Sequence[Span]
) -> Iterator[Recorded]:
    """Yield a Prometheus with *raw* samples and what the rules in *rendered* record of them in *spans*."""
    folder = rendered.parent / "recorded"
    folder.mkdir()
    (folder / "prometheus.yml").write_text("{}\n")
    _backfill(tool("promtool"), folder, raw)
    for level in levels(_rules(rendered)):
        with _prometheus(tool("prometheus"), folder) as url:
            for span in spans:
                _evaluate(tool("promtool"), folder, url, level, span)
    with _prometheus(tool("prometheus"), folder) as url:
        yield Recorded(url)


def levels(rules: Sequence[Rule]) -> list[list[Rule]]:
    """Return *rules* in levels: those first that read none of the others."""
    found: list[list[Rule]] = []
    left = list(rules)
    while left:
        unknown = {rule.record for rule in left}
        ready = [rule for rule in left if not unknown & rule.reads]
        assert ready, f"these read each other: {sorted(unknown)}"
        found.append(ready)
        left = [rule for rule in left if rule not in ready]
    return found


def _rules(rendered: Path) -> list[Rule]:
    return [
        _rule(int(Duration.parse(group["interval"]).seconds), rule)
        for file in sorted((rendered / "prometheus/rules").glob("*.yml"))
        for group in yaml.safe_load(file.read_text())["groups"]
        for rule in group["rules"]
        if rule.get("alert", "Slo").startswith("Slo")
    ]


def _rule(interval: int, rule: Mapping[str, Any]) -> Rule:
    labels = dict(rule.get("labels", {}))
    if "alert" in rule:
        labels |= {"alertname": rule["alert"], "after": rule.get("for", "0s")}
    return Rule(interval, rule.get("record", HOLDS), rule["expr"], tuple(sorted(labels.items())))


def _backfill(promtool: str, folder: Path, raw: Mapping[str, Samples]) -> None:
    with (folder / "raw.txt").open("w") as file:
        for family in sorted({series.partition("{")[0] for series in raw}):
            file.write(f"# TYPE {family} unknown\n")
            for series, samples in raw.items():
                if series.partition("{")[0] == family:
                    file.writelines(f"{series} {value!r} {START + at}\n" for at, value in samples)
        file.write("# EOF\n")
    _said(folder, promtool, *_blocks(_BLOCKS[-1]), "openmetrics", "raw.txt", "data")


def _evaluate(promtool: str, folder: Path, url: str, level: Sequence[Rule], span: Span) -> None:
    groups: dict[int, list[dict[str, Any]]] = {}
    for rule in level:
        if span.alerts or rule.record != HOLDS:
            one = {"record": rule.record, "expr": rule.backfilled, "labels": dict(rule.labels)}
            groups.setdefault(max(rule.interval, span.every), []).append(one)
    # Groups of one interval are evaluated together, whatever the span: what runs every hour finds what it reads.
    content = [{"name": f"every-{every}s", "interval": f"{every}s", "rules": rules} for every, rules in groups.items()]
    if not content:
        return
    (folder / "rules.yml").write_text(yaml.safe_dump({"groups": content}))
    when = (f"--start={START + span.start}", f"--end={START + span.end}")
    hours = max(each for each in _BLOCKS if each * 3600 <= span.every * _STEPS)
    _said(folder, promtool, *_blocks(hours), "rules", f"--url={url}", *when, "--output-dir=data", "rules.yml")


def _blocks(hours: int) -> tuple[str, ...]:
    return ("tsdb", "create-blocks-from", f"--max-block-duration={hours}h", "-q")


def _said(folder: Path, *command: str) -> None:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def _prometheus(prometheus: str, folder: Path) -> Iterator[str]:
    port = free_port()
    options = (
        "--storage.tsdb.path=data",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    with process(prometheus, "--config.file=prometheus.yml", "--log.level=error", *options, cwd=folder):
        eventually(lambda: answers(f"http://127.0.0.1:{port}/-/ready"), 60)
        yield f"http://127.0.0.1:{port}"
