"""Tools from the distribution's archive, without root: apt downloads and verifies, dpkg-deb unpacks into a cache."""

import shutil
import subprocess
import tempfile
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

PACKAGES: Final = ("prometheus", "prometheus-alertmanager")
# Debian's Alertmanager reads its message templates below this folder, which only an installation as root fills. In the
# unpacked program the name becomes one of the same length that is relative to the folder that it is started in.
_ASSETS: Final = b"/usr/share/prometheus/alertmanager"
_RELATIVE_ASSETS: Final = b"usr/share/prometheus//alertmanager"
_TIMEOUT: Final = 600  # seconds for one command of apt


class FetchError(Exception):
    """Tools could not be had in this way; the text says why."""


def fetch(cache: Path, environment: Mapping[str, str]) -> None:
    """Unpack Debian's packages into ``CACHE/debian``; raise FetchError.

    apt checks every package against the archive's signed lists. Where the machine's own lists are empty or out of date,
    private ones are fetched into the cache.
    """
    path = environment.get("PATH")
    for tool in ("apt-get", "dpkg-deb"):
        if shutil.which(tool, path=path) is None:
            raise FetchError(f"{tool} is not here")
    cache = cache.absolute()
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=cache, prefix=".debian-") as folder:
            _download(Path(folder), _apt_options(cache.parent / "apt"), environment)
            _unpack(Path(folder), environment)
            _relocate(Path(folder) / "root")
            _install(Path(folder) / "root", cache / "debian")
    except OSError as error:
        raise FetchError(f"{error.filename or cache}: {error.strerror}") from None


def _download(folder: Path, private_lists: Sequence[str], environment: Mapping[str, str]) -> None:
    try:
        _run(["apt-get", "-qq", "download", *PACKAGES], folder, environment)
    except FetchError:
        _run(["apt-get", "-qq", *private_lists, "update"], folder, environment)
        _run(["apt-get", "-qq", *private_lists, "download", *PACKAGES], folder, environment)


def _apt_options(folder: Path) -> list[str]:
    for name in ("lists/partial", "cache/archives/partial"):
        (folder / name).mkdir(parents=True, exist_ok=True)
    return [
        *("-o", f"Dir::State::Lists={folder / 'lists'}"),
        *("-o", f"Dir::Cache={folder / 'cache'}"),
        *("-o", "APT::Update::Post-Invoke-Success=", "-o", "APT::Update::Post-Invoke="),
    ]


def _unpack(folder: Path, environment: Mapping[str, str]) -> None:
    (folder / "root").mkdir()
    for package in sorted(folder.glob("*.deb")):
        _run(["dpkg-deb", "-x", str(package), str(folder / "root")], folder, environment)


def _relocate(root: Path) -> None:
    for name in ("prometheus-alertmanager", "amtool"):
        program = root / "usr/bin" / name
        content = program.read_bytes()
        if _ASSETS in content:
            program.write_bytes(content.replace(_ASSETS, _RELATIVE_ASSETS))


def home_of(tool: Path) -> Path | None:
    """Return the folder that *tool* must be started in to find its files; None where any folder will do."""
    for root in tool.parents[2:3]:
        if root != Path(root.anchor) and (root / _RELATIVE_ASSETS.decode()).is_dir():
            return root
    return None


def _install(root: Path, target: Path) -> None:
    old = target.with_name(f".{target.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if target.exists():  # a folder cannot be replaced by a rename, so the old one steps aside
        target.rename(old)
    root.rename(target)
    shutil.rmtree(old, ignore_errors=True)


def _run(command: list[str], folder: Path, environment: Mapping[str, str]) -> None:
    known = {**environment, "LC_ALL": "C", "DEBIAN_FRONTEND": "noninteractive"}
    try:
        done = subprocess.run(
            command, cwd=folder, env=known, stdin=subprocess.DEVNULL, capture_output=True, text=True,
            errors="replace", check=False, timeout=_TIMEOUT,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise FetchError(f"{' '.join(command[:1])} did not end within {_TIMEOUT} s") from None
    if done.returncode:
        said = [line for line in done.stderr.splitlines() if line.startswith("E:")] or done.stderr.splitlines()
        raise FetchError(" ".join(said[-3:]) or f"{command[0]} ended with {done.returncode}")
