"""The example shop, as its own processes.yaml describes it, on free ports."""

import re
import sys
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml
from applications import Application, Ports, application
from servers import connects, eventually, free_port

EXAMPLE = Path(__file__).parents[1] / "examples/shop"


@dataclass
class Shop:
    """The shop's processes that run, by name, and the folder of its state."""

    state: Path
    running: dict[str, Application] = field(default_factory=dict)

    def __getitem__(self, name: str) -> Application:
        return self.running[name]

    @property
    def faults(self) -> Path:
        """The file of switchable faults."""
        return self.state / "faults.json"


def read_processes(state: Path) -> dict[str, dict[str, Any]]:
    """Return what processes.yaml holds, each of its ports replaced by a free one everywhere."""
    text = (EXAMPLE / "processes.yaml").read_text()
    for port in set(re.findall(r"\b(?:8\d{3}|94\d{2})\b", text)):
        text = text.replace(port, str(free_port()))
    places = {"PYTHON": sys.executable, "EXAMPLE": EXAMPLE, "STATE": state, "SERVICES": EXAMPLE / "rendered/services"}
    for name, place in places.items():
        text = text.replace(f"${{{name}}}", str(place))
    assert "${" not in text
    return dict(yaml.safe_load(text)["processes"])


def start(stack: ExitStack, name: str, described: dict[str, Any], folder: Path, **environ: str) -> Application:
    """Start one process as it is described; it runs until *stack* closes."""
    metrics = int(described["environment"]["OTEL_EXPORTER_PROMETHEUS_PORT"])
    ports = Ports(next((port for port in described["ports"] if port != metrics), metrics), metrics)
    (folder / name).mkdir()
    command = described["command"]
    assert sys.executable == command[0]
    environment = {**described["environment"], **environ}
    running = stack.enter_context(
        application(*command[1:], folder=folder / name, ports=ports, environ=environment, cwd=folder)
    )
    eventually(lambda: connects(metrics))
    return running
