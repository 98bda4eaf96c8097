"""Filesystems: bytes, inodes, and whether they can be written."""

import os
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import ClassVar, Final

from prometheus_client import Metric

from seawall.exporters.declaration import Labels, MetricInfo, gauge

from .machine import Machine
from .mounts import Mount

# node_exporter's defaults (upstream; Debian's package also leaves out /mnt, /media and /run).
EXCLUDED_MOUNTPOINTS: Final = (
    r"^/(dev|proc|run/credentials/.+|sys|var/lib/docker/.+|var/lib/containers/storage/.+)($|/)"
)
EXCLUDED_TYPES: Final = (
    r"^(autofs|binfmt_misc|bpf|cgroup2?|configfs|debugfs|devpts|devtmpfs|fusectl|hugetlbfs|iso9660|mqueue|nsfs|overlay|proc"
    r"|procfs|pstore|rpc_pipefs|securityfs|selinuxfs|squashfs|sysfs|tracefs)$"
)


def _mounted(name: str, unit: str, meaning: str) -> MetricInfo:
    return gauge(f"node_filesystem_{name}", unit, meaning, "device", "mountpoint", "fstype")


SIZE: Final = _mounted("size_bytes", "bytes", "Size of the filesystem.")
FREE: Final = _mounted("free_bytes", "bytes", "Free space, with what is reserved for root.")
AVAIL: Final = _mounted("avail_bytes", "bytes", "Free space that users can fill.")
FILES: Final = _mounted("files", "", "Inodes of the filesystem; 0 where it makes them as it needs them.")
FILES_FREE: Final = _mounted("files_free", "", "Free inodes.")
READONLY: Final = _mounted("readonly", "", "1 if it is mounted read-only, else 0.")
DEVICE_ERROR: Final = _mounted("device_error", "", "1 if asking for its figures failed or took too long, else 0.")

_FIGURES: Final[dict[MetricInfo, Callable[[os.statvfs_result], float]]] = {
    SIZE: lambda stat: stat.f_blocks * stat.f_frsize,
    FREE: lambda stat: stat.f_bfree * stat.f_frsize,
    AVAIL: lambda stat: stat.f_bavail * stat.f_frsize,
    FILES: lambda stat: stat.f_files,
    FILES_FREE: lambda stat: stat.f_ffree,
}


class FilesystemCollector:
    """Figures of each mounted filesystem; of a mount point that is covered twice, only the first line counts."""

    name: ClassVar = "filesystem"
    metrics: ClassVar[tuple[MetricInfo, ...]] = (*_FIGURES, READONLY, DEVICE_ERROR)

    def __init__(
        self,
        machine: Machine,
        mounts: Iterable[Mount],
        statvfs: Callable[[Path, Mount], os.statvfs_result],
        excluded_mountpoints: str = EXCLUDED_MOUNTPOINTS,
        excluded_types: str = EXCLUDED_TYPES,
    ) -> None:
        self._root = machine.root
        self._mounts = mounts
        self._statvfs = statvfs
        self._excluded_mountpoints = re.compile(excluded_mountpoints)
        self._excluded_types = re.compile(excluded_types)

    def collect(self) -> Iterator[Metric]:
        """Yield every family; a filesystem that does not answer has its error alone."""
        mounts = self._wanted()
        answers = {labels: self._ask(mount) for labels, mount in mounts.items()}
        good = {labels: stat for labels, stat in answers.items() if stat is not None}
        for info, figure in _FIGURES.items():
            yield info.samples({labels: figure(stat) for labels, stat in good.items()})
        yield READONLY.samples({labels: "ro" in mounts[labels].options for labels in good})
        yield DEVICE_ERROR.samples({labels: stat is None for labels, stat in answers.items()})

    def _wanted(self) -> dict[Labels, Mount]:
        wanted: dict[Labels, Mount] = {}
        for mount in self._mounts:
            if self._excluded_mountpoints.search(mount.mountpoint) or self._excluded_types.search(mount.fstype):
                continue
            names = (mount.device, mount.mountpoint, mount.fstype)
            # A name may hold any byte; the exposition is UTF-8.
            labels = tuple(name.encode(errors="surrogateescape").decode(errors="replace") for name in names)
            wanted.setdefault(labels, mount)
        return wanted

    def _ask(self, mount: Mount) -> os.statvfs_result | None:
        try:
            return self._statvfs(self._root / mount.mountpoint.lstrip("/"), mount)
        except OSError:
            return None
