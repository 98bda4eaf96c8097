"""What a real Prometheus spends on Seawall's rules and on Sloth's for the same SLOs: bench_rules.py --sizes 200,1000.

Both have the same history: three days of an OpenTelemetry-instrumented fleet's counters, scraped every 30 s, and of
each series that one rule records and another reads over a range, as much as that range at its group's interval. It is
written as blocks; what is younger, and what would be scraped while the rules run, is pushed. Every group is evaluated
once in each of a few passes, which leave the server idle in between. Its mean time counts as often as its own interval
says: 30 s, which Seawall's prometheus.yml sets for groups that name none, as Sloth's do. Of Seawall's alerts, those of
SLOs are evaluated; Sloth has no others.
"""

import argparse
import json
import math
import os
import random
import re
import shutil
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from _bench import table
from _fleet import SCRAPE_SECONDS, history
from _rule_files import RuleSet, find_sloth, seawall_rules, sloth_rules
from _server import Server, serving
from _tsdb import Labels, Track, write_block

_DAY: Final = 86_400_000
_RAW: Final = 3 * _DAY  # the longest window that either reads from the counters
_RECORDED: Final = 30 * _DAY
_AHEAD: Final = 4 * 3_600_000  # counters are made for as long as the whole benchmark may take
_PUSHED: Final = 2_400_000  # and pushed for as long as one tool's rules may
_LEAST: Final = 5  # seconds of a pass
_MOST: Final = 240  # Prometheus looks back five minutes for what was recorded last
_HEAD: Final = (
    "",
    "groups",
    "rules",
    "evaluation s/min",
    "samples read/min",
    "CPU s/min",
    "× evaluation",
    "× samples",
    "× CPU",
)
_DEAREST: Final = 12


def main(arguments: Sequence[str]) -> None:
    """Measure each size and print its tables."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sizes", default="200", help="How many services, separated by commas.")
    parser.add_argument("--passes", type=int, default=3, help="How often every group is evaluated and timed.")
    parser.add_argument("--only", choices=("seawall", "sloth"), help="One tool's rules alone.")
    options = parser.parse_args(arguments)
    prometheus = shutil.which("prometheus")
    if prometheus is None:
        print("Rules: not measured, since there is no prometheus on PATH.\n")
        return
    for size in (int(each) for each in options.sizes.split(",")):
        with tempfile.TemporaryDirectory(prefix="seawall-bench-") as folder:
            bench = Bench(prometheus, Path(folder), size, options.passes)
            _show(size, [bench.measure(each) for each in _rule_sets(size, Path(folder), options.only)])


def _rule_sets(services: int, folder: Path, only: str | None) -> Iterable[RuleSet]:
    if only != "sloth":
        yield seawall_rules(services, folder)
    if only != "seawall":
        sloth = find_sloth()
        if isinstance(sloth, str):
            print(f"{sloth}; its rules are not measured.")
        else:
            yield sloth_rules(services, folder, *sloth)


@dataclass(frozen=True)
class Found:
    """What a rule set costs a minute, and which of its rules take how much of that."""

    rule_set: RuleSet
    seconds: float
    samples: float
    cpu: float
    by_rule: dict[str, float]


class Bench:
    """One size: the counters that every rule set is evaluated on."""

    def __init__(self, prometheus: str, folder: Path, services: int, passes: int) -> None:
        """Make the counters of *services* up to now and some way beyond."""
        self._prometheus, self._folder, self._services, self._passes = prometheus, folder, services, passes
        step = 1000 * SCRAPE_SECONDS
        self._now = int(time.time()) * 1000 // step * step
        self._raw = history(services, self._now - _RAW, self._now + _AHEAD)

    def measure(self, rule_set: RuleSet) -> Found:
        """Evaluate *rule_set*."""
        folder = self._folder / rule_set.tool
        recorded = self._recorded(rule_set, folder / "first")
        series = self._raw | recorded
        (folder / "data").mkdir(parents=True)
        for begin in range(self._now - _RECORDED, self._now, _RAW):
            write_block(folder / "data", series, begin, begin + _RAW)
        os.sync()  # what is still to be written to the disk would hold up the server's own writing
        with serving(self._prometheus, folder) as server:
            now = int(time.time() * 1000)
            server.push((recorded, self._now, now), (self._raw, self._now, now + _PUSHED))
            every = self._first_pass(server, rule_set, folder / "rules.json")
            cpu, passes = self._timed(server, every)
            samples = _logged(server, folder / "queries.log", every)
        shutil.rmtree(folder)
        return _found(rule_set, cpu, passes, samples)

    def _first_pass(self, server: Server, rule_set: RuleSet, rules: Path) -> int:
        """Evaluate each group once, from the disk; return how many seconds apart they leave the server idle."""
        before, _ = server.spent()
        rule_set.write(rules, max(_LEAST, self._services // 10))
        server.configure()
        server.wait_until_evaluated()
        after, _ = server.spent()
        every = min(max(_LEAST, math.ceil(1.5 * (after - before))), _MOST)  # a duration has whole seconds
        rule_set.write(rules, every)
        server.configure()
        server.wait_until_evaluated()
        return every

    def _recorded(self, rule_set: RuleSet, folder: Path) -> dict[Labels, Track]:
        """Return a history of each recorded series that is read over a range; evaluating the rules shows its labels."""
        reads, every = rule_set.reads(), max(2, self._services // 20)
        folder.mkdir(parents=True)
        rule_set.write(folder / "rules.json", every)
        with serving(self._prometheus, folder) as server:
            server.push((self._raw, int(time.time() * 1000) - _PUSHED // 4, self._now + _PUSHED))
            server.configure()
            server.wait_until_evaluated()
            time.sleep(2 * every)  # what is recorded from what is recorded comes later
            names = "|".join(map(re.escape, reads))
            found = server.get("query", query=f'{{__name__=~"{names}"}}')["result"]
        shutil.rmtree(folder)
        return self._tracks(found, reads)

    def _tracks(self, found: list[Any], reads: dict[str, tuple[float, float]]) -> dict[Labels, Track]:
        """Return a track a name and SLO: numbers around the median of what was recorded, so that no alert fires."""
        values = defaultdict(list)
        for each in found:
            values[_kind(each["metric"])].append(float(each["value"][1]))
        tracks = {kind: self._track(statistics.median(values[kind]), *reads[kind[0]]) for kind in values}
        return {tuple(sorted(each["metric"].items())): tracks[_kind(each["metric"])] for each in found}

    def _track(self, value: float, step: float, back: float) -> Track:
        start = self._now - int(1000 * back)
        count = (self._now + _AHEAD - start) // int(1000 * step)
        if abs(value - time.time()) < _DAY / 1000:  # it is the time of its evaluation
            return Track(start, int(1000 * step), [start / 1000 + step * index for index in range(count)])
        rng = random.Random(0)
        return Track(start, int(1000 * step), [(value or 0.001) * rng.uniform(0.5, 1.5) for _ in range(count)])

    def _timed(self, server: Server, every: int) -> tuple[float, list[Any]]:
        """Return the processor's seconds for one of the groups', and what the server says of them after each pass."""
        cpu, evaluated, passes = 0.0, 0.0, []
        for _ in range(self._passes):
            before = server.spent()
            time.sleep(every)
            after = server.spent()
            cpu, evaluated = cpu + after[0] - before[0], evaluated + after[1] - before[1]
            passes.append(server.groups())
        return cpu / evaluated, passes


def _logged(server: Server, log: Path, every: int) -> dict[str, list[float]]:
    """Return the samples that each query of each group reads, in a pass of its own: the log costs something too."""
    server.configure(query_log=log)
    time.sleep(every)
    server.configure()
    found = defaultdict(list)
    for line in log.read_text(encoding="utf-8").splitlines():
        query = json.loads(line)
        if "ruleGroup" in query:
            found[query["ruleGroup"]["name"]].append(query["stats"]["samples"]["totalQueryableSamples"])
    return found


def _found(rule_set: RuleSet, cpu: float, passes: list[Any], samples: dict[str, list[float]]) -> Found:
    """Count each group's mean as often as its interval says; *cpu* seconds of the processor come with each second."""
    minutely = {name: 60 / interval for name, interval in rule_set.interval.items()}
    seconds = 0.0
    by_rule: dict[str, float] = defaultdict(float)
    for group in (group for groups in passes for group in groups):
        seconds += group["evaluationTime"] * minutely[group["name"]]
        for rule in group["rules"]:
            if rule["health"] != "ok":
                raise SystemExit(f"{rule_set.tool}'s {rule['name']} is {rule['health']}: {rule.get('lastError')}")
            by_rule[_name(rule)] += rule["evaluationTime"] * minutely[group["name"]] / len(passes)
    read = sum(
        statistics.mean(samples[group["name"]]) * len(group["rules"]) * minutely[group["name"]]
        for group in rule_set.groups
        if samples[group["name"]]
    )
    return Found(rule_set, seconds / len(passes), read, cpu * seconds / len(passes), by_rule)


def _kind(metric: dict[str, str]) -> tuple[str, str]:
    return metric["__name__"], metric.get("slo", metric.get("sloth_slo", ""))


def _name(rule: dict[str, Any]) -> str:
    """Return a rule's name and what tells it from others of the name, which is the same for every service."""
    labels = rule.get("labels", {})
    told = [f'{key}="{labels[key]}"' for key in ("slo", "window", "sloth_severity") if key in labels]
    return f"{rule['name']}{{{','.join(told)}}}" if told else str(rule["name"])


def _show(services: int, found: list[Found]) -> None:
    rows = [_row(each, found[0]) for each in found]
    series = f"{services} services with two SLOs and {services * len(history(1, 0, 1000 * SCRAPE_SECONDS)):,} series"
    print(table(f"Rules: {series}", _HEAD, rows))
    for each in found:
        dearest = sorted(each.by_rule.items(), key=lambda item: -item[1])[:_DEAREST]
        rows = [[name, f"{seconds:.3f}", f"{100 * seconds / each.seconds:.0f}"] for name, seconds in dearest]
        print(table(f"{each.rule_set.tool}: its dearest rules, of all services", ("", "s/min", "%"), rows))


def _row(each: Found, base: Found) -> list[str]:
    rule_set = each.rule_set
    counts = [f"{len(rule_set.groups):,}", f"{rule_set.rules:,}"]
    costs = [f"{each.seconds:.2f}", f"{each.samples / 1e6:,.2f} M", f"{each.cpu:.2f}"]
    times = [f"{each.seconds / base.seconds:.1f}", f"{each.samples / base.samples:.1f}", f"{each.cpu / base.cpu:.1f}"]
    return [rule_set.tool, *counts, *costs, *times]


if __name__ == "__main__":
    main(sys.argv[1:])
