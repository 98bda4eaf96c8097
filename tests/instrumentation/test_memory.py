"""Memory that workers share: one page of all of them, no count lost at a death, and no harm where there is none."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from threading import Thread

import pytest
from applications import run_python

from seawall.instrumentation import Histogram, UpDownCounter
from seawall.instrumentation.aggregation import Counter
from seawall.instrumentation.exposition import OPENMETRICS, Registry
from seawall.instrumentation.groups import group_folder, master, process
from seawall.instrumentation.memory import Memory
from seawall.instrumentation.segments import SUFFIX
from seawall.instrumentation.settings import read_settings

LABELS = ("/",)
# Counts three requests and holds one, tells so, and waits to be killed.
SIBLING = """
import sys, time
from pathlib import Path
from seawall.instrumentation import Histogram, UpDownCounter
from seawall.instrumentation.exposition import Registry
from seawall.instrumentation.memory import Memory
registry = Registry(Memory(lambda: Path(sys.argv[1])))
duration, active = Histogram("t", "", ("route",), boundaries=(1,), unit=""), UpDownCounter("now", "", ("route",))
registry.add(duration, active)
for _ in range(3):
    duration.record(("/",), 0.5)
active.add(("/",), 1)
print(registry.render().decode().count("t_count"), flush=True)
time.sleep(60)
"""


class Sibling:
    """A process that counts into *folder*."""

    def __init__(self, folder: Path) -> None:
        self.process = subprocess.Popen([sys.executable, "-c", SIBLING, str(folder)], stdout=subprocess.PIPE, text=True)
        assert self.process.stdout is not None
        assert "1\n" == self.process.stdout.readline()

    def kill(self) -> None:
        """End it as the system would where memory is short."""
        assert self.process.stdout is not None
        self.process.send_signal(signal.SIGKILL)
        self.process.wait()
        self.process.stdout.close()


class Worker:
    """What this process counts into *folder*."""

    def __init__(self, folder: Path | None) -> None:
        self.registry = Registry(Memory(None if folder is None else lambda: folder))
        self.duration = Histogram("t", "", ("route",), boundaries=(1,), unit="")
        self.active = UpDownCounter("now", "", ("route",))
        self.registry.add(self.duration, self.active)

    def page(self) -> dict[str, str]:
        """Return the samples of a scrape."""
        lines = self.registry.render().decode().splitlines()
        return dict(line.rsplit(" ", 1) for line in lines if not line.startswith("#"))


@pytest.fixture
def sibling(tmp_path: Path) -> Iterator[Sibling]:
    """A process that counts beside this one."""
    found = Sibling(tmp_path)
    yield found
    if found.process.poll() is None:
        found.kill()


def test_a_scrape_of_any_worker_is_the_sum_of_all(tmp_path: Path, sibling: Sibling) -> None:
    """Histograms and what is held at the moment, of both."""
    own = Worker(tmp_path)
    own.duration.record(LABELS, 2)
    own.active.add(LABELS, 1)
    page = own.page()

    assert ("3", "4", "3.5") == (
        page['t_bucket{route="/",le="1.0"}'],
        page['t_count{route="/"}'],
        page['t_sum{route="/"}'],
    )
    assert "2" == page['now{route="/"}']


def test_a_death_loses_no_count_and_holds_nothing(tmp_path: Path, sibling: Sibling) -> None:
    """What a killed worker counted stands; the requests that it was answering are no longer answered."""
    own = Worker(tmp_path)
    own.active.add(LABELS, 1)
    sibling.kill()
    page = own.page()

    assert ("3", "1") == (page['t_count{route="/"}'], page['now{route="/"}'])


def test_the_next_worker_goes_on_where_one_died(tmp_path: Path, sibling: Sibling) -> None:
    """Its counts stand on those that it found, in the same file; what it pushes itself begins at none."""
    sibling.kill()
    own = Worker(tmp_path)
    own.duration.record(LABELS, 0.5)
    page = own.page()

    assert "4" == page['t_count{route="/"}']
    assert 'now{route="/"}' not in page or "0" == page['now{route="/"}']
    assert [(LABELS, [1, 0, 0.5])] == own.duration.collect()
    assert 1 == len(list(tmp_path.glob(f"*{SUFFIX}")))


def test_what_a_sibling_alone_has_is_shown(tmp_path: Path, sibling: Sibling) -> None:
    """A worker that answers a scrape need not know the family."""
    registry = Registry(Memory(lambda: tmp_path))
    assert 't_count{route="/"} 3' in registry.render().decode()


def test_a_folder_that_cannot_be_is_one_log_line(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Each process then tells of itself alone."""
    (tmp_path / "file").touch()
    own = Worker(tmp_path / "file")
    own.duration.record(LABELS, 2)

    assert "1" == own.page()['t_count{route="/"}']
    assert "no memory that workers share" in caplog.text


def test_a_foreign_file_in_the_folder_is_left_alone(tmp_path: Path) -> None:
    """Whatever lies there, the page stands."""
    (tmp_path / f"a{SUFFIX}").write_bytes(b"no segment" * 1000)
    (tmp_path / f"b{SUFFIX}").touch()
    own = Worker(tmp_path)
    own.duration.record(LABELS, 2)

    assert "1" == own.page()['t_count{route="/"}']


def test_more_series_than_a_file_holds_are_counted_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """Where the file is full, further series are in the heap."""
    monkeypatch.setattr("seawall.instrumentation.segments._CAPACITY", 256 * 2**10)
    registry = Registry(Memory(lambda: tmp_path))
    counter = Counter("c", "", ("route",), limit=10_000)
    registry.add(counter)
    for index in range(8_000):
        counter.add((f"/{index}",), 1)

    assert 8_000 == registry.render().decode().count("\nc_total{")
    assert "is full" in caplog.text


def test_threads_lose_no_count() -> None:
    """Additions are one step under the interpreter's lock, or take one."""
    interval = sys.getswitchinterval()
    own = Worker(None)
    threads = [Thread(target=lambda: [own.duration.record(LABELS, 0.5) for _ in range(20_000)]) for _ in range(4)]
    try:
        sys.setswitchinterval(1e-6)
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    finally:
        sys.setswitchinterval(interval)

    assert [(LABELS, [80_000, 0, 40_000.0])] == own.duration.collect()


def test_a_group_is_a_master_and_its_forks(tmp_path: Path) -> None:
    """A forked child belongs to this process' group; a program that is started does not."""
    own = master(os.getpid())
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        os.write(writing, str(master(os.getpid()).pid).encode())
        os._exit(0)
    os.waitpid(child, 0)
    assert str(own.pid) == os.read(reading, 100).decode()
    for each in (reading, writing):
        os.close(each)
    code = "import os; from seawall.instrumentation.groups import master; print(master(os.getpid()).pid == os.getpid())"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=30)
    assert "True\n" == done.stdout


def test_folders_of_ended_groups_are_cleared(tmp_path: Path) -> None:
    """A restart of the master starts clean, and leaves nothing for ever."""
    current = group_folder(tmp_path)
    namespace = current.name.rsplit("-", 2)[0]
    ended = tmp_path / f"{namespace}-{os.getpid()}-1"
    ended.mkdir()
    (ended / f"x{SUFFIX}").touch()

    assert current == group_folder(tmp_path)
    assert [current] == list(tmp_path.iterdir())


def test_a_folder_that_others_write_to_is_refused(tmp_path: Path) -> None:
    """What lies in it would not be ours."""
    tmp_path.chmod(0o777)
    with pytest.raises(PermissionError, match="this user alone"):
        group_folder(tmp_path)


def test_a_process_that_is_gone_is_told() -> None:
    """There is nothing to read of it."""
    with pytest.raises(OSError, match="No such file"):
        process(2**22 + 1)


def test_a_point_opens_its_trace() -> None:
    """OpenMetrics alone carries the last sampled trace of each bucket."""
    from seawall.instrumentation import HttpServerMetrics

    http = HttpServerMetrics()
    registry = Registry()
    registry.add(*http.families)
    http.end(http.begin("GET", "http"), "/", 200, "", "1.1", 0.2, sent=10, trace=(0xABC, 0xDEF))
    openmetrics, classic = (registry.render(each).decode() for each in (OPENMETRICS, ""))

    (line,) = [each for each in openmetrics.splitlines() if " # {" in each]
    assert 'le="0.25"' in line
    assert f'# {{trace_id="{0xABC:032x}",span_id="{0xDEF:016x}"}} 0.2 ' in line
    assert " # {" not in classic


def test_no_trace_is_kept_where_the_filter_is_always_off() -> None:
    """As OTEL_METRICS_EXEMPLAR_FILTER says; any other filter keeps those that are sampled."""
    from seawall.instrumentation import HttpServerMetrics

    filters = ("always_off", "trace_based", "always_on", "")
    kept = [read_settings({"OTEL_METRICS_EXEMPLAR_FILTER": each}).exemplars for each in filters]
    http = HttpServerMetrics(exemplars=kept[0])
    registry = Registry()
    registry.add(*http.families)
    http.end(http.begin("GET", "http"), "/", 200, "", "1.1", 0.2, trace=(0xABC, 0xDEF))

    assert [False, True, True, True] == kept
    assert " # {" not in registry.render(OPENMETRICS).decode()


def test_a_system_without_posix_locks_keeps_counts_in_the_heap(tmp_path: Path) -> None:
    """The import holds, and a process tells of itself alone, as where no folder can be."""
    code = f"""if True:
        import sys
        sys.modules["fcntl"] = None
        from pathlib import Path
        from seawall.instrumentation import UpDownCounter
        from seawall.instrumentation.exposition import Registry
        from seawall.instrumentation.memory import Memory
        registry, counted = Registry(Memory(lambda: Path({str(tmp_path)!r}))), UpDownCounter("c", "", ("a",))
        registry.add(counted)
        counted.add(("x",), 1)
        print('c{{a="x"}} 1' in registry.render().decode())
    """
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=30)
    assert ("True\n", 0) == (done.stdout, done.returncode)
    assert "no POSIX locks" in done.stderr


FULL = """
import os, sys, urllib.request
import seawall.auto
from seawall.instrumentation import process_message, start
from seawall.instrumentation.diagnostics import said

def tell():
    with process_message("send", destination="mails"):
        pass

tell()
begun, (told, tells), (asked, asks) = start(), os.pipe(), os.pipe()
if not os.fork():
    os.close(asks)
    tell()
    os.write(tells, " ".join(said()).encode())
    os.read(asked, 1)  # nothing, once the parent is gone or has asked
    os._exit(0)
print(os.read(told, 4096).decode())
page = urllib.request.urlopen(f"http://127.0.0.1:{begun.server.port}/metrics", timeout=20).read().decode()
print([line[-2:] for line in page.splitlines() if line.startswith("messaging_process_duration_seconds_count")])
print(len([name for name in os.listdir(begun.registry.memory.folder) if name.endswith(".segment")]))
os.close(asks)
os.wait()
"""


def test_a_scrape_survives_that_a_sibling_found_no_room(tmp_path: Path) -> None:
    """Not a page is left: the sibling says so and tells of itself, and nobody looks into a file that has no memory."""
    mounted = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=260k,mode=700", "none", str(tmp_path)],
        capture_output=True,
        text=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip(f"cannot mount here: {mounted.stderr.strip()}")
    try:
        environ = {"SEAWALL_SHARED_MEMORY": str(tmp_path), "PYTHONWARNINGS": "default"}
        done = run_python(FULL, environ)
    finally:
        subprocess.run(["umount", str(tmp_path)], check=True)

    said, counted, files = done.stdout.splitlines()
    assert said.startswith("Seawall has no memory that workers share ([Errno 28] No space left on device)")
    assert ("[' 1', ' 0']", "1") == (counted, files)
    assert 0 == done.returncode
