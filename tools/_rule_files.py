"""The rules that are compared: Seawall's and Sloth's for the same SLOs, and what both read of what they recorded."""

import json
import os
import re
import resource
import shutil
import subprocess
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any, Final

import yaml
from _bench import catalog_text
from _fleet import sloth_spec

EVALUATION_SECONDS: Final = 30  # what Seawall's prometheus.yml sets, and so Sloth's too, which names no interval
_SLOTH: Final = "github.com/slok/sloth/cmd/sloth"
_CACHE: Final = Path(__file__).parents[1] / ".cache" / "sloth"
_UNITS: Final = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86_400, "w": 604_800, "y": 31_536_000}
_RANGE: Final = re.compile(r'([a-zA-Z_:][\w:]*)(?:\{(?:"(?:[^"\\]|\\.)*"|[^}"])*\})?\[(\w+)')


def seconds(duration: str) -> float:
    """Return how long a duration of Prometheus is."""
    return sum(int(number) * _UNITS[unit] for number, unit in re.findall(r"(\d+)(ms|[smhdwy])", duration))


@dataclass(frozen=True)
class RuleSet:
    """Groups of rules by their tool."""

    tool: str
    groups: list[dict[str, Any]]

    @property
    def interval(self) -> dict[str, float]:
        """How often each group is evaluated, in seconds."""
        return {
            group["name"]: seconds(str(group["interval"])) if "interval" in group else EVALUATION_SECONDS
            for group in self.groups
        }

    @property
    def rules(self) -> int:
        """How many there are."""
        return sum(len(group["rules"]) for group in self.groups)

    def write(self, path: Path, every: int) -> None:
        """Write the groups into *path*, each to be evaluated *every* so many seconds, however rare it is."""
        groups = [{**group, "interval": f"{every}s"} for group in self.groups]
        path.write_text(json.dumps({"groups": groups}), encoding="utf-8")

    def reads(self) -> dict[str, tuple[float, float]]:
        """Return the recorded series that a rule reads over a range: at which step they are, and how far back."""
        steps = {rule["record"]: self.interval[group["name"]] for group, rule in self._each() if "record" in rule}
        found: dict[str, tuple[float, float]] = {}
        for _, rule in self._each():
            for name, window in _RANGE.findall(str(rule["expr"])):
                if name in steps:
                    found[name] = (steps[name], max(seconds(window), found.get(name, (0, 0))[1]))
        return found

    def _each(self) -> Iterable[tuple[dict[str, Any], dict[str, Any]]]:
        return ((group, rule) for group in self.groups for rule in group["rules"])


def seawall_rules(services: int, folder: Path) -> RuleSet:
    """Return what Seawall renders: all its recording rules, and of its alerts those of SLOs."""
    from seawall.catalog import load
    from seawall.generator import load_packs
    from seawall.generator.render import iterate

    path = folder / "catalog.yaml"
    path.write_text(catalog_text(services), encoding="utf-8")
    groups: list[dict[str, Any]] = []
    for artifact in iterate(load(path, today=date(2026, 11, 1)), load_packs(), only=frozenset({"rules"})):
        for group in _loaded(artifact.content)["groups"]:
            rules = [rule for rule in group["rules"] if "record" in rule or _is_of_slo(rule)]
            if rules:
                groups.append({**group, "rules": rules})
    return RuleSet("Seawall", groups)


def _is_of_slo(alert: dict[str, Any]) -> bool:
    return "slo" in alert.get("labels", {}) or str(alert["alert"]).startswith("Slo")


def sloth_rules(services: int, folder: Path, sloth: Path, version: str) -> RuleSet:
    """Return what Sloth generates."""
    specs, out = folder / "specs", folder / "sloth"
    write_specs(services, specs)
    out.mkdir()
    generate(sloth, specs, out)
    groups = [group for file in sorted(out.iterdir()) for group in _loaded(file.read_bytes())["groups"]]
    return RuleSet(f"Sloth {version}", groups)


def _loaded(content: bytes) -> Any:
    return yaml.load(content, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))


def write_specs(services: int, folder: Path) -> None:
    """Write a spec a service, as Sloth reads a folder."""
    folder.mkdir()
    for number in range(services):
        name, text = sloth_spec(number)
        (folder / f"{name}.yml").write_text(text, encoding="utf-8")


def generate(sloth: Path, specs: Path, out: Path) -> float:
    """Let Sloth generate *out* from *specs*; return the processor's seconds that it took."""
    command = [str(sloth), "generate", "--no-log", "-i", str(specs), "-o", str(out)]
    return cpu_of(command)


def cpu_of(command: list[str]) -> float:
    """Run *command*; return the processor's seconds that it took."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    done = subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    if done.returncode:
        raise SystemExit(f"{' '.join(command)} fails: {done.stderr.strip()}")
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def find_sloth() -> tuple[Path, str] | str:
    """Return Sloth's program and version, built of its newest release unless the cache has it; or why there is none."""
    program, go = _CACHE / "sloth", shutil.which("go")
    if go is None:
        return "Sloth cannot be had: Go, which builds it, is not on PATH"
    if not program.exists():
        environment = {**os.environ, "GOBIN": str(_CACHE)}
        command = [go, "install", f"{_SLOTH}@latest"]
        done = subprocess.run(command, env=environment, capture_output=True, text=True)
        if done.returncode:
            return f"Sloth cannot be had: {' '.join(command)} says: {done.stderr.strip().splitlines()[-1]}"
    shown = subprocess.run([go, "version", "-m", str(program)], capture_output=True, text=True, check=True).stdout
    found = re.search(r"\tmod\t\S+\t(\S+)", shown)
    return program, found[1] if found else "of an unknown version"
