"""The host's collectors beside the real node_exporter, on the same machine at the same moment."""

from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from prometheus_client import generate_latest
from servers import Scrape, answers, eventually, free_port, get, parse, process

from seawall.exporters import inventory
from seawall.exporters.host import HostCollector, collectors
from seawall.exporters.system import Machine
from seawall.exporters.system.disk import EXCLUDED_DEVICES
from seawall.exporters.system.filesystem import EXCLUDED_MOUNTPOINTS, EXCLUDED_TYPES
from seawall.exporters.system.network import EXCLUDED_INTERFACES

pytestmark = pytest.mark.e2e

# How far two scrapes a moment apart may differ: absolutely, or as a share of the larger value. All other families: exactly.
TOLERANCES: Final[dict[str, tuple[float, float]]] = {
    "node_boot_time_seconds": (1, 0),
    "node_context_switches_total": (50_000, 0.1),
    "node_cpu_guest_seconds_total": (2, 0.02),
    "node_cpu_seconds_total": (3, 0.02),
    "node_disk_": (2_000_000, 0.1),
    "node_disk_io_now": (50, 0),
    "node_disk_io_time": (3, 0.1),
    "node_disk_read_time": (3, 0.1),
    "node_disk_write_time": (3, 0.1),
    "node_entropy_available_bits": (256, 0),
    "node_filefd_allocated": (1_000, 0.2),
    "node_filesystem_avail_bytes": (500e6, 0.01),
    "node_filesystem_files_free": (10_000, 0.01),
    "node_filesystem_free_bytes": (500e6, 0.01),
    "node_forks_total": (1_000, 0.1),
    "node_intr_total": (50_000, 0.1),
    "node_load": (2, 0),
    "node_memory_": (1e9, 0.3),
    "node_memory_MemTotal_bytes": (0, 0),
    "node_netstat_": (2_000, 0.1),
    "node_network_": (5e6, 0.1),
    "node_network_mtu_bytes": (0, 0),
    "node_network_up": (0, 0),
    "node_nf_conntrack_entries": (500, 0),
    "node_nf_conntrack_entries_limit": (0, 0),
    "node_pressure_": (3, 0.1),
    "node_procs_": (100, 0),
    "node_sockstat_": (500, 0.5),
    "node_softnet_": (20_000, 0.1),
    "node_textfile_mtime_seconds": (1, 0),
    "node_time_seconds": (10, 0),
    "node_timex_": (0.5, 0.01),
    "node_timex_sync_status": (0, 0),
    "node_vmstat_": (200_000, 0.2),
    "node_vmstat_oom_kill": (0, 0),
    "node_scrape_collector_duration_seconds": (5, 0),
}
# A speed that a driver does not know is no sample here; node_exporter 1.5 makes a negative number of it.
LEFT_OUT_IF_NEGATIVE: Final = {"node_network_speed_bytes"}


@pytest.fixture(scope="module")
def textfiles(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a text file of nothing; test_textfile.py compares what files hold."""
    folder = tmp_path_factory.mktemp("textfiles")
    (folder / "empty.prom").touch()
    return folder


@pytest.fixture(scope="module")
def theirs(tmp_path_factory: pytest.TempPathFactory, textfiles: Path) -> Iterator[Scrape]:
    """Return a scrape of node_exporter, told to leave out what Seawall leaves out."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/metrics"
    command = (
        "prometheus-node-exporter",
        f"--web.listen-address=127.0.0.1:{port}",
        f"--collector.filesystem.mount-points-exclude={EXCLUDED_MOUNTPOINTS}",
        f"--collector.filesystem.fs-types-exclude={EXCLUDED_TYPES}",
        f"--collector.diskstats.device-exclude={EXCLUDED_DEVICES}",
        f"--collector.netdev.device-exclude={EXCLUDED_INTERFACES}",
        f"--collector.textfile.directory={textfiles}",
    )
    with process(*command, cwd=tmp_path_factory.mktemp("node_exporter")):
        eventually(lambda: answers(url))
        yield parse(get(url))


@pytest.fixture(scope="module")
def ours(theirs: Scrape, textfiles: Path) -> Scrape:
    """Return a scrape of the collectors right after theirs."""
    return parse(generate_latest(HostCollector(collectors(Machine(), textfiles))).decode())


def tolerance(name: str) -> tuple[float, float]:
    """Return the tolerance of the longest prefix of *name*."""
    prefixes = [prefix for prefix in TOLERANCES if name.startswith(prefix)]
    return TOLERANCES[max(prefixes, key=len)] if prefixes else (0, 0)


def test_every_family_is_one_of_node_exporter(ours: Scrape, theirs: Scrape) -> None:
    """Nothing is invented: a dashboard for node_exporter knows every name."""
    assert set() == ours.keys() - theirs.keys()


def test_at_least_a_hundred_families_are_compared(ours: Scrape) -> None:
    """The comparison is not of an empty scrape."""
    assert len(ours) >= 100


def test_the_types_are_node_exporters(ours: Scrape, theirs: Scrape) -> None:
    """vmstat and netstat stay untyped, as they are there."""
    assert {name: theirs[name].type for name in ours} == {name: family.type for name, family in ours.items()}


def test_the_label_sets_are_node_exporters(ours: Scrape, theirs: Scrape) -> None:
    """The same devices, mounts, CPUs and modes, and no others."""
    for name, family in ours.items():
        expected = theirs[name].label_sets
        if name in LEFT_OUT_IF_NEGATIVE:
            expected = {labels for (_, labels), value in theirs[name].samples.items() if value >= 0}
        if name.startswith("node_scrape_collector_"):
            assert family.label_sets <= expected
        else:
            assert expected == family.label_sets, name


def test_the_values_are_node_exporters_within_the_stated_tolerances(ours: Scrape, theirs: Scrape) -> None:
    """Each sample differs by no more than its family may change between two scrapes."""
    for name, family in ours.items():
        absolute, relative = tolerance(name)
        for sample, value in family.samples.items():
            expected = theirs[name].samples[sample]
            assert abs(expected - value) <= max(absolute, relative * max(abs(expected), abs(value))), (sample, expected)


def test_the_declaration_says_the_name_type_and_labels_of_what_is_exposed(ours: Scrape) -> None:
    """The inventory is true of a real scrape."""
    declared = {info.name: info for info in inventory()["host"]}
    for name, family in ours.items():
        info = declared[name]
        assert info.type == {"unknown": "untyped"}.get(family.type, family.type)
        assert {frozenset(info.labels)} == {frozenset(label for label, _ in labels) for labels in family.label_sets}


def test_what_is_declared_and_not_exposed_here_is_what_this_machine_lacks(ours: Scrape, theirs: Scrape) -> None:
    """Every declared family is in the scrape, unless node_exporter has it neither, or has no true value for it."""
    missing = {info.name for info in inventory()["host"]} - ours.keys()
    assert set() == (missing & theirs.keys()) - LEFT_OUT_IF_NEGATIVE
