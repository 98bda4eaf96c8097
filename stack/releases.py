"""Tools from the projects' release pages: pinned versions, checked against the checksums that the project publishes."""

import hashlib
import platform
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from .archive import FetchError

_ARCHITECTURES: Final = {"x86_64": "amd64", "amd64": "amd64", "aarch64": "arm64", "arm64": "arm64"}
_TIMEOUT: Final = 60  # seconds without a byte
_CHUNK: Final = 1024 * 1024


@dataclass(frozen=True)
class Release:
    """One pinned release: its folder *base* holds the archives and ``sha256sums.txt``; *programs* are taken from it."""

    project: str
    version: str
    base: str
    programs: tuple[str, ...]

    def archive(self, architecture: str) -> str:
        """Return the archive's file name for *architecture*, in Go's words."""
        return f"{self.project}-{self.version}.linux-{architecture}.tar.gz"


def _on_github(project: str, version: str, programs: tuple[str, ...]) -> Release:
    base = f"https://github.com/prometheus/{project}/releases/download/v{version}"
    return Release(project, version, base, programs)


RELEASES: Final = (
    _on_github("prometheus", "3.5.0", ("prometheus", "promtool")),
    _on_github("alertmanager", "0.28.1", ("alertmanager", "amtool")),
)


def fetch(cache: Path, environment: Mapping[str, str], wanted: tuple[Release, ...] = RELEASES) -> None:
    """Put the programs of *wanted* into ``CACHE/PROJECT-VERSION/bin``; raise FetchError. Linux on amd64 and arm64."""
    del environment  # urllib reads the proxies from the process' own
    architecture = _ARCHITECTURES.get(platform.machine().lower())
    if platform.system() != "Linux" or architecture is None:
        raise FetchError(f"there is no release for {platform.system()} on {platform.machine()}")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        for release in wanted:
            target = cache / f"{release.project}-{release.version}"
            if not target.exists():
                _fetch_one(release, architecture, target)
    except tarfile.TarError as error:
        raise FetchError(f"the archive is broken: {error}") from None
    except (OSError, urllib.error.URLError) as error:
        raise FetchError(str(error)) from None


def _fetch_one(release: Release, architecture: str, target: Path) -> None:
    name = release.archive(architecture)
    expected = published_checksum(_read(f"{release.base}/sha256sums.txt"), name)
    with tempfile.TemporaryDirectory(dir=target.parent, prefix=f".{release.project}-") as folder:
        archive = Path(folder) / name
        found = _download(f"{release.base}/{name}", archive)
        if found != expected:
            raise FetchError(f"{name}: its SHA-256 is {found}, published is {expected}; it was thrown away")
        _take_programs(archive, Path(folder) / "root" / "bin", release.programs)
        (Path(folder) / "root").rename(target)


def published_checksum(sums: str, name: str) -> str:
    """Return the SHA-256 that *sums*, in the form of ``sha256sum``, gives for the file *name*; raise FetchError."""
    for line in sums.splitlines():
        digest, _, file = line.partition(" ")
        if file.strip().lstrip("*") == name and len(digest) == hashlib.sha256().digest_size * 2:
            return digest.lower()
    raise FetchError(f"the published checksums do not name {name}")


def _take_programs(archive: Path, folder: Path, programs: tuple[str, ...]) -> None:
    # Only regular files of the wanted names are read, so nothing in the archive can choose where it lands.
    folder.mkdir(parents=True)
    with tarfile.open(archive) as opened:
        for member in opened:
            name = Path(member.name).name
            content = opened.extractfile(member) if member.isfile() and name in programs else None
            if content is not None:
                with content, (folder / name).open("wb") as file:
                    shutil.copyfileobj(content, file)
                (folder / name).chmod(0o755)
    if missing := [name for name in programs if not (folder / name).exists()]:
        raise FetchError(f"{archive.name} holds no {' and no '.join(missing)}")


def _read(url: str) -> str:
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer:  # noqa: S310 - the addresses are constants above
        text: bytes = answer.read()
    return text.decode("utf-8", errors="replace")


def _download(url: str, target: Path) -> str:
    digest = hashlib.sha256()
    with urllib.request.urlopen(url, timeout=_TIMEOUT) as answer, target.open("wb") as file:  # noqa: S310
        while chunk := answer.read(_CHUNK):
            digest.update(chunk)
            file.write(chunk)
    return digest.hexdigest()
