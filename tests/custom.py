"""Custom collectors as files: one form, filled in with what each does."""

from pathlib import Path
from typing import Final

# Line 11 is the first of collect().
_FORM: Final = """import threading
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily
from seawall.exporters import Kind, Target, counter, gauge
UP = gauge("{name}_up", "", "1 if it answered.")
SIZE = gauge("{name}_size", "", "Its size.", "part")
ASKED = counter("{name}_asked_total", "", "Questions.")
class Collector:
    def __init__(self, target):
        self.target = target
    def collect(self):
        {collect}
    def close(self):
        {close}
KIND = Kind("{kind}", UP, ({metrics}), {connect})
"""


def collector(
    name: str,
    collect: str = "yield SIZE.samples({('a',): 1})",
    *,
    close: str = "pass",
    kind: str = "",
    metrics: str = "UP, SIZE, ASKED",
    connect: str = "Collector",
) -> str:
    """Return a file of the kind *name* that does as it is told."""
    return _FORM.format(name=name, collect=collect, close=close, kind=kind or name, metrics=metrics, connect=connect)


def put(folder: Path, texts: dict[str, str]) -> Path:
    """Write a file for each of *texts*, by the name of its kind, and return *folder*."""
    folder.mkdir(exist_ok=True)
    for name, text in texts.items():
        (folder / f"{name}.py").write_text(text)
    return folder
