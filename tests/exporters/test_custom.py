"""Custom collectors in the running exporter: a good one, and every way of failing, which is told and stops no other."""

import logging
import re
import threading
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import pytest
from custom import collector, put
from servers import RunningExporter, eventually, get, serving

from seawall.exporters.custom import custom_kinds
from seawall.exporters.custom_guard import MOST_CLOSING
from seawall.exporters.kinds import Target

OVER: Final = threading.Event()
SECRET: Final = "hunter2"
DOES: Final = {
    "good": 'yield SIZE.samples({("a",): 1}); c = CounterMetricFamily("good_asked", ""); c.add_metric([], 3); yield c',
    "raises": 'raise ValueError(f"no way to {self.target.url}")',
    "leaves": "raise SystemExit(3)",
    "hangs": f"import sys; sys.modules[{__name__!r}].OVER.wait()",
    "endless": "yield SIZE.samples({(str(at),): at for at in range(10_001)})",
    "undeclared": 'yield GaugeMetricFamily("other", "", value=1)',
    "mislabelled": 'yield GaugeMetricFamily("mislabelled_size", "", value=1)',
    "twice": 'yield SIZE.samples({("a",): 1}); yield SIZE.samples({("a",): 2})',
    "itself": "yield UP.value(1)",
    "nometric": "yield 5",
    "nonumber": 'm = SIZE.samples({("a",): 1}); m.samples = [m.samples[0]._replace(value="1")]; yield m',
    "oddtext": 'yield SIZE.samples({("\\ud800\\n\\"",): 1})',
    "mute": 'raise type("Mute", (Exception,), {"__str__": lambda self: 1 / 0})',
}
SAID: Final = {
    "raises": r"raises\.py:11: ValueError: no way to \*\*\*",
    "leaves": r"leaves\.py:11: SystemExit: 3",
    "hangs": "it did not answer in time",
    "endless": r"endless\.py: collect\(\) yields more than 10000 samples",
    "undeclared": r"undeclared\.py: collect\(\) yields other, which KIND does not declare",
    "mislabelled": r"yields mislabelled_size with the labels \[\], not \['part'\]",
    "twice": "yields twice_size twice with the same labels",
    "itself": "yields itself_up, which the exporter adds itself",
    "nometric": r"nometric\.py: collect\(\) yields int where a Metric is due",
    "nonumber": "yields nonumber_size with a value that is no number",
    "mute": r"mute\.py:11: Mute: no text",
    "broken": r"broken\.py:2: NameError: name 'Kidn' is not defined",
}


@pytest.fixture(scope="module", autouse=True)
def ends() -> Iterator[None]:
    """What hangs here hangs until the last of these tests is over: others count the threads that are left."""
    yield
    OVER.set()


@pytest.fixture(scope="module")
def exporter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningExporter]:
    """Return an exporter of a service for each collector of this file."""
    folder = tmp_path_factory.mktemp("custom")
    texts = {name: collector(name, does) for name, does in DOES.items()} | {"broken": "\nKIND = Kidn()\n"}
    lines = [f"  {name}: {{kind: {name}, team: ops, url: 'x://a:${{P}}@127.0.0.1:1'}}" for name in texts]
    catalog = folder / "catalog.yaml"
    catalog.write_text("\n".join(["seawall: 1", "teams: {ops: {}}", "services:", *lines, ""]))
    with serving(catalog, {"P": SECRET}, collectors=put(folder / "collectors", texts)) as running:
        yield running


def samples(text: str) -> dict[str, float]:
    """Return the value of each line that is a sample, but not how long the probe took."""
    lines = [line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith(("#", "seawall_probe_duration"))]
    return {name: float(value) for name, value in lines}


def test_a_good_one_is_probed_as_seawalls_own(exporter: RunningExporter) -> None:
    """Its samples as declared, its gauge, and its place among the targets."""
    text = get(f"{exporter.url}probe?service=good")
    expected = {'good_size{part="a"}': 1, "good_asked_total": 3, "good_up": 1, "seawall_probe_success": 1}
    assert expected == samples(text)
    assert "# HELP good_asked_total Questions.\n# TYPE good_asked_total counter\n" in text
    assert '"job": "good", "instance": "127.0.0.1:1"' in get(f"{exporter.url}targets")


@pytest.mark.parametrize("name", SAID)
def test_a_failure_is_told_in_a_line_with_its_place(
    exporter: RunningExporter, name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """The answer says down and nothing more; the log says why, without the password or a traceback."""
    caplog.set_level(logging.INFO)
    seconds = "1.5" if name == "hangs" else "60"
    text = get(f"{exporter.url}probe?service={name}", {"X-Prometheus-Scrape-Timeout-Seconds": seconds}, 90)
    assert {f"{name}_up": 0, "seawall_probe_success": 0} == samples(text)
    (said,) = [record.getMessage() for record in caplog.records if f"probe of {name} failed" in record.getMessage()]
    assert re.search(SAID[name], said)
    assert SECRET not in caplog.text + text
    assert "Traceback" not in caplog.text


def test_text_that_is_no_utf_8_is_written_all_the_same(exporter: RunningExporter) -> None:
    """One label does not spoil the answer."""
    assert 1 == samples(get(f"{exporter.url}probe?service=oddtext"))[r'oddtext_size{part="\\ud800\n\""}']


def test_one_that_hangs_delays_no_other(exporter: RunningExporter) -> None:
    """It takes its own timeout, each time, and the good one is done long before."""
    with ThreadPoolExecutor(4) as pool:
        slow = [
            pool.submit(get, f"{exporter.url}probe?service=hangs", {"X-Prometheus-Scrape-Timeout-Seconds": "20"})
            for _ in range(3)
        ]
        assert 1 == samples(get(f"{exporter.url}probe?service=good"))["good_up"]
        assert [False, False, False] == [each.done() for each in slow]
        # Told at its own, shorter, timeout while the others still wait.
        start = time.monotonic()
        get(f"{exporter.url}probe?service=hangs", {"X-Prometheus-Scrape-Timeout-Seconds": "1"})
        assert time.monotonic() - start < 15


def test_each_file_says_whether_it_was_loaded(exporter: RunningExporter) -> None:
    """An alert can look at it."""
    found = exporter.scrape("/metrics")["seawall_exporter_collector_load_success"].samples
    loaded = {Path(dict(labels)["source"]).stem: value for (_, labels), value in found.items()}
    assert dict.fromkeys(DOES, 1) | {"broken": 0} == loaded


def test_a_close_that_hangs_or_raises_holds_nobody_and_ends_in_a_refusal(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """A bounded number of threads is left behind."""
    texts = {
        "stays": collector("stays", close=f"import sys; sys.modules[{__name__!r}].OVER.wait()"),
        "throws": collector("throws", close="raise ValueError('secret')"),
    }
    kinds = custom_kinds(put(tmp_path / "collectors", texts)).kinds
    stays, throws = (kinds[name].connect for name in texts)
    assert stays is not None
    assert throws is not None
    for _ in range(MOST_CLOSING):
        stays(Target("x://a", 1)).close()
    with pytest.raises(Exception, match=r"stays\.py: close\(\) of 10 collectors has not returned"):
        stays(Target("x://a", 1))
    throws(Target("x://a", 1)).close()
    eventually(lambda: "throws.py:13: ValueError" in caplog.text, 60)
    assert "secret" not in caplog.text
