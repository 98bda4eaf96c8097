"""The projects' release pages as a way to the tools; the pages are a stand-in on loopback, the archives are real."""

import hashlib
import io
import tarfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from seawall.stack.archive import FetchError
from seawall.stack.binaries import Fetcher, MissingToolError, provide_tools
from seawall.stack.releases import RELEASES, Release, fetch, published_checksum

Page = Callable[..., Release]
PROGRAM = b"#!/bin/sh\necho version 1\n"


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        pass


@pytest.fixture
def page(tmp_path: Path) -> Iterator[Page]:
    """A function that puts an archive of these members on a release page and returns what names it."""
    folder = tmp_path / "page"
    folder.mkdir()
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Quiet, directory=str(folder)))
    thread = threading.Thread(target=server.serve_forever)
    thread.start()

    def publish(*members: str, sums: str | None = None) -> Release:
        release = Release("amtools", "1.2.3", f"http://127.0.0.1:{server.server_port}", ("alertmanager", "amtool"))
        for architecture in ("amd64", "arm64"):
            archive = folder / release.archive(architecture)
            with tarfile.open(archive, "w:gz") as opened:
                for name in members:
                    info = tarfile.TarInfo(name)
                    info.size = len(PROGRAM)
                    opened.addfile(info, io.BytesIO(PROGRAM))
            digest = hashlib.sha256(archive.read_bytes()).hexdigest() if sums is None else sums
            with (folder / "sha256sums.txt").open("a") as file:
                file.write(f"{digest}  {archive.name}\n")
        return release

    yield publish
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_programs_are_taken_from_the_archive(page: Page, tmp_path: Path) -> None:
    """They can be run, the rest of the archive is left, and nothing temporary stays."""
    release = page("amtools-1.2.3/alertmanager", "amtools-1.2.3/amtool", "amtools-1.2.3/README")
    fetch(tmp_path / "cache", {}, (release,))

    found = sorted(str(file.relative_to(tmp_path / "cache")) for file in (tmp_path / "cache").rglob("*"))
    folder = "amtools-1.2.3"
    assert [folder, f"{folder}/bin", f"{folder}/bin/alertmanager", f"{folder}/bin/amtool"] == found
    assert 0o755 == (tmp_path / "cache" / folder / "bin/amtool").stat().st_mode & 0o777


def test_an_archive_of_another_checksum_is_thrown_away(page: Page, tmp_path: Path) -> None:
    """Both sums are told, and no program of it is kept."""
    release = page("amtools-1.2.3/alertmanager", "amtools-1.2.3/amtool", sums="0" * 64)
    with pytest.raises(FetchError, match=r"its SHA-256 is [0-9a-f]{64}, published is 0{64}; it was thrown away"):
        fetch(tmp_path / "cache", {}, (release,))
    assert [] == list((tmp_path / "cache").iterdir())


def test_an_archive_without_a_program_is_refused(page: Page, tmp_path: Path) -> None:
    """What is missing is named."""
    with pytest.raises(FetchError, match="holds no amtool"):
        fetch(tmp_path / "cache", {}, (page("amtools-1.2.3/alertmanager"),))


def test_nothing_in_an_archive_chooses_where_it_lands(page: Page, tmp_path: Path) -> None:
    """A member with .. in its path is a program of its last name, in the cache."""
    fetch(tmp_path / "cache", {}, (page("../../../alertmanager", "/amtool"),))

    assert sorted(file.name for file in tmp_path.iterdir()) == ["cache", "page"]
    assert PROGRAM == (tmp_path / "cache/amtools-1.2.3/bin/alertmanager").read_bytes()


def test_a_page_that_does_not_answer_is_told(tmp_path: Path) -> None:
    """The reason is the connection's."""
    with pytest.raises(FetchError, match="refused"):
        fetch(tmp_path / "cache", {}, (Release("amtools", "1.2.3", "http://127.0.0.1:9", ()),))


def test_a_release_that_is_there_is_not_fetched_again(page: Page, tmp_path: Path) -> None:
    """The cache is asked first, and the page not at all."""
    (tmp_path / "cache/amtools-1.2.3").mkdir(parents=True)
    fetch(tmp_path / "cache", {}, (Release("amtools", "1.2.3", "http://127.0.0.1:9", ()),))


@pytest.mark.parametrize("sums", ["", "abc  amtools.tar.gz", f"{'0' * 64}  other.tar.gz"])
def test_a_sum_that_is_not_published_is_told(sums: str) -> None:
    """An empty page, a sum that is too short, and another file's."""
    with pytest.raises(FetchError, match=r"do not name amtools\.tar\.gz"):
        published_checksum(sums, "amtools.tar.gz")


def test_every_release_is_pinned() -> None:
    """By a version, under the project's own address."""
    for release in RELEASES:
        assert release.base.endswith(f"/{release.project}/releases/download/v{release.version}")
        assert release.base.startswith("https://")


def test_what_no_way_brings_is_told_with_each_ways_reason(tmp_path: Path) -> None:
    """And with the command that installs it."""

    def fails(cache: Path, environment: object) -> None:
        raise FetchError("no network")

    told: list[str] = []
    with pytest.raises(MissingToolError) as error:
        provide_tools({"PATH": str(tmp_path), "HOME": str(tmp_path)}, told.append, [Fetcher("a mirror", fails)])

    assert "  a mirror: no network" in str(error.value).splitlines()
    assert "apt-get install prometheus prometheus-alertmanager" in str(error.value)
    assert ["prometheus, promtool, alertmanager, amtool: not on PATH; fetching from a mirror"] == told
