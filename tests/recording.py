"""What a real Prometheus records by rendered rules, each group at its own interval, of samples of long ago.

promtool's tests evaluate every group at every tick, and a month of ticks takes minutes. Here each rule is evaluated over
whole ranges, level after level, and what it gives is backfilled; an alert is recorded while its condition holds. One
thing differs: no series is marked as ended, so that what reads it sees its last sample for five minutes.
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

from servers import answers, eventually, free_port, get, process
from traffic import Samples

from seawall.catalog import Duration
from seawall.generator.rule_files import read

START: Final = 20_000 * 86_400  # what the tests count their seconds from: a whole day, so that hours are whole too
HOLDS: Final = "test:alert:holds"
YEAR: Final = 366 * 86_400
_NAME: Final = re.compile(r"\b[a-z_]+:[a-z0-9_:]+")
STEPS: Final = 10_000  # of a range query; Prometheus gives 11,000 at most
OFFSET: Final = 0.37  # of a group's interval, at which its evaluations are


@dataclass(frozen=True)
class Rule:
    """A recording rule, and the seconds between two evaluations of its group."""

    interval: int
    record: str
    expr: str
    labels: tuple[tuple[str, str], ...]

    def recorded(self, labels: Mapping[str, str]) -> str:
        """Return the series that it records of a result with *labels*."""
        named = {name: value for name, value in {**labels, **dict(self.labels)}.items() if name != "__name__"}
        return f"{self.record}{{{','.join(f'{name}={json.dumps(value)}' for name, value in named.items())}}}"

    @property
    def reads(self) -> set[str]:
        """The recorded series that it reads."""
        return set(_NAME.findall(self.expr))


@dataclass(frozen=True)
class Span:
    """The rules are evaluated from *start* to *end*, every *every* seconds or at their group's interval if it is longer.

    Between two spans they are not: Prometheus was down. Alerts are only evaluated where *alerts* says so; of the rules,
    those whose names match *only*.
    """

    start: int
    end: int
    every: int
    alerts: bool = False
    only: str = ".*"


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
        with _prometheus(tool("prometheus"), folder) as found:
            results = {series: samples for rule in level for series, samples in _results(found, rule, spans)}
        _backfill(tool("promtool"), folder, results)
    with _prometheus(tool("prometheus"), folder) as found:
        yield found


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
        for group in read(file)["groups"]
        for rule in group["rules"]
        if rule.get("alert", "Slo").startswith("Slo")
    ]


def _rule(interval: int, rule: Mapping[str, Any]) -> Rule:
    labels = dict(rule.get("labels", {}))
    if "alert" in rule:
        labels |= {"alertname": rule["alert"], "after": rule.get("for", "0s")}
    return Rule(interval, rule.get("record", HOLDS), rule["expr"], tuple(sorted(labels.items())))


def _results(prometheus: Recorded, rule: Rule, spans: Sequence[Span]) -> Iterator[tuple[str, Samples]]:
    found: dict[str, Samples] = {}
    for span in spans:
        if re.fullmatch(span.only, rule.record) and (span.alerts or rule.record != HOLDS):
            every = max(rule.interval, span.every)
            for start, end in _ranges(span, every):
                for labels, samples in prometheus.range(rule.expr, start, end, every).items():
                    found.setdefault(rule.recorded(json.loads(labels)), []).extend(samples)
    for series, samples in found.items():
        samples.sort()  # two results of a range may be one series, at one time with and at another without a label
        assert all(early < late for (early, _), (late, _) in pairwise(samples)), f"recorded twice: {series}"
        yield series, samples


def _ranges(span: Span, every: int) -> Iterator[tuple[int, int]]:
    """Yield the first and the last evaluations of ranges; each interval has an offset, as a group has."""
    offset = int(every * OFFSET)
    first = span.start + (offset - span.start) % every
    for start in range(first, span.end + 1, every * STEPS):
        yield start, min(span.end, start + every * (STEPS - 1))


def _backfill(promtool: str, folder: Path, series: Mapping[str, Samples]) -> None:
    if not series:
        return
    with (folder / "samples.txt").open("w") as file:
        for name, samples in series.items():
            file.writelines(f"{name} {value!r} {START + at}\n" for at, value in samples)
        file.write("# EOF\n")
    command = (
        promtool,
        "tsdb",
        "create-blocks-from",
        "--max-block-duration=1458h",
        "-q",
        "openmetrics",
        "samples.txt",
        "data",
    )
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    assert done.returncode == 0, done.stdout + done.stderr


@contextmanager
def _prometheus(prometheus: str, folder: Path) -> Iterator[Recorded]:
    port = free_port()
    options = (
        "--storage.tsdb.path=data",
        "--storage.tsdb.retention.time=100y",
        f"--web.listen-address=127.0.0.1:{port}",
    )
    with process(prometheus, "--config.file=prometheus.yml", "--log.level=error", *options, cwd=folder):
        eventually(lambda: answers(f"http://127.0.0.1:{port}/-/ready"), 60)
        yield Recorded(f"http://127.0.0.1:{port}")
