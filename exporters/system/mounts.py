"""What is mounted where, and how full it is, without waiting for a server that is gone."""

import os
import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from threading import Lock, Thread
from typing import Final

import psutil

from .machine import Machine

# Filesystems whose answer may never come, because it lies on another machine or in another process.
REMOTE_TYPES: Final = re.compile(
    r"^(nfs\d?|cifs|smb\d?|smbfs|ceph|glusterfs|9p|afs|lustre|gpfs|beegfs|virtiofs|fuse(\..+)?)$"
)

_ESCAPED: Final = re.compile(r"\\([0-7]{3})")


@dataclass(frozen=True)
class Mount:
    """One line of the mount table."""

    device: str
    mountpoint: str
    fstype: str
    options: tuple[str, ...]

    @property
    def is_remote(self) -> bool:
        """Whether asking it can hang."""
        return bool(REMOTE_TYPES.match(self.fstype))


class MountTable:
    """The mounts of the machine, not of the container that this may run in."""

    def __init__(self, machine: Machine) -> None:
        self._proc = machine.proc

    def __iter__(self) -> Iterator[Mount]:
        for path in (self._proc / "1/mounts", self._proc / "mounts"):
            try:
                text = path.read_bytes().decode(errors="surrogateescape")
            except OSError:  # of another's process only root may read
                continue
            return _parse(text)
        return _portable()


class PatientStatvfs:
    """os.statvfs that waits *patience* seconds for a remote filesystem, and not again until that call is back."""

    def __init__(self, patience: float = 1.0, statvfs: Callable[[str], os.statvfs_result] = os.statvfs) -> None:
        self._patience = patience
        self._statvfs = statvfs
        self._hanging: set[str] = set()
        self._lock = Lock()

    def __call__(self, path: Path, mount: Mount) -> os.statvfs_result:
        """Return what is known of *path*; raise OSError, TimeoutError among them."""
        if not mount.is_remote:
            return self._statvfs(str(path))
        with self._lock:
            if str(path) in self._hanging:
                raise TimeoutError(f"{path} has not answered yet")
            self._hanging.add(str(path))
        answers: list[os.statvfs_result | OSError] = []
        thread = Thread(target=self._ask, args=(str(path), answers), name=f"statvfs {path}", daemon=True)
        thread.start()
        thread.join(self._patience)
        if not answers:
            raise TimeoutError(f"{path} has not answered within {self._patience:g} s")
        if isinstance(answers[0], OSError):
            raise answers[0]
        return answers[0]

    def _ask(self, path: str, answers: list[os.statvfs_result | OSError]) -> None:
        try:
            answers.append(self._statvfs(path))
        except OSError as error:
            answers.append(error)
        finally:
            with self._lock:
                self._hanging.discard(path)


def _parse(text: str) -> Iterator[Mount]:
    for line in text.splitlines():
        fields = [_ESCAPED.sub(lambda found: chr(int(found[1], 8)), field) for field in line.split(" ")]
        if len(fields) >= 4:
            yield Mount(fields[0], fields[1], fields[2], tuple(fields[3].split(",")))


def _portable() -> Iterator[Mount]:
    for part in psutil.disk_partitions(all=True):
        yield Mount(part.device, part.mountpoint, part.fstype, tuple(part.opts.split(",")))
