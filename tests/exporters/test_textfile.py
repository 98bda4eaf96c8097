"""Text files of metrics beside the real node_exporter on the same folder, and what is said of those that are broken."""

import logging
import os
import re
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from prometheus_client import generate_latest
from servers import Scrape, answers, catalog_of, eventually, free_port, get, parse, process, serving

from seawall.exporters import inventory
from seawall.exporters.host import HostCollector, collectors
from seawall.exporters.system import Machine, TextfileCollector

GOOD: Final = {
    "a.prom": "# HELP last_success_seconds When \\\\ it\\nended.\n# TYPE last_success_seconds gauge\n"
    'last_success_seconds{task="a\\"b\\\\c\\nd}",} 1.25e9\nplain 3\n',
    "b.prom": "# a comment\n# HELP last_success_seconds When \\\\ it\\nended.\n# TYPE last_success_seconds gauge\n"
    'last_success_seconds { task = "b" }\t-Inf\n\n  plain{of="b"}  +4\n',
    "kinds.prom": '# TYPE took histogram\ntook_bucket{le="1"} 2\ntook_bucket{le="+Inf"} 3\ntook_sum 2.5\ntook_count 3\n'
    '# TYPE size summary\nsize{quantile="0.5"} 1\nsize_sum 2\nsize_count 3\n'
    "# TYPE runs_total counter\nruns_total 4\n# TYPE bare counter\nbare 5\n# TYPE odd untyped\nodd NaN\n",
    ".hidden.prom": "hidden 1\n",
    "empty.prom": "",
    "untyped.prom": "# TYPE typeless\n# HELP typeless\n#TYPE typeless gauge\ntypeless{} 1\n",
    "lines.prom": 'multi{a="1"} 1\nmulti{b="2"} 2\nmulti{a=""} 3\n',
    "utf8.prom": 'name{of="Größe"} 1\n',
}
BROKEN: Final = {
    "unended.prom": "cut_off 1",
    "stamped.prom": "fine 1\nstamped 1 1234567890000\n",
    "brace.prom": "bad{ 1\n",
    "word.prom": "bad one\n",
    "label.prom": 'bad{1a="x"} 1\n',
    "quote.prom": "bad{a='x'} 1\n",
    "escape.prom": 'bad{a="\\q"} 1\n',
    "double.prom": 'bad{a="1",a="2"} 1\n',
    "type.prom": "# TYPE bad meter\nbad 1\n",
    "late.prom": "bad 1\n# TYPE bad gauge\n",
    "retyped.prom": "# TYPE bad gauge\n# TYPE bad gauge\nbad 1\n",
    "rehelped.prom": "# HELP bad A.\n# HELP bad B.\nbad 1\n",
    "dos.prom": "bad 1\r\n",
    "html.prom": "<html></html>\n",
}
IGNORED: Final = {
    "notes.txt": "ignored 1\n",
    "c.prom.tmp": "ignored 2\n",
    "d.PROM": "ignored 3\n",
    "prom": "ignored 4\n",
}

Ours = Callable[[], Scrape]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with every file of this page."""
    folder = tmp_path_factory.mktemp("textfiles")
    for name, text in (GOOD | BROKEN | IGNORED).items():
        (folder / name).write_bytes(text.encode())
    (folder / "latin.prom").write_bytes(b'bad{a="\xff"} 1\n')
    (folder / "gone.prom").symlink_to("nowhere")
    return folder


@pytest.fixture(scope="module")
def theirs(folder: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scrape]:
    """Return a scrape of node_exporter's textfile collector."""
    port = free_port()
    url = f"http://127.0.0.1:{port}/metrics"
    command = ("prometheus-node-exporter", f"--web.listen-address=127.0.0.1:{port}", "--collector.disable-defaults")
    with process(
        *command,
        "--collector.textfile",
        f"--collector.textfile.directory={folder}",
        cwd=tmp_path_factory.mktemp("node"),
    ):
        eventually(lambda: answers(url), 60)
        found = parse(get(url))
        own = re.compile("go_|process_|promhttp_|node_exporter_|node_scrape_")
        yield {name: family for name, family in found.items() if not own.match(name)}


def scrape(folder: Path) -> str:
    """Return what the collector exposes of *folder*."""
    return generate_latest(HostCollector([TextfileCollector(folder, ["node_load1"])])).decode()


def without_empty(found: Scrape) -> dict[str, tuple[str, dict[tuple[str, frozenset[tuple[str, str]]], str]]]:
    """Return types and samples; a label without a value is none to Prometheus, and NaN equals itself here."""
    return {
        name: (
            family.type,
            {
                (sample, frozenset(each for each in labels if each[1])): str(float(value))
                for (sample, labels), value in family.samples.items()
            },
        )
        for name, family in found.items()
        if not name.startswith("node_scrape_")
    }


@pytest.mark.e2e
def test_names_types_labels_and_values_are_node_exporters(folder: Path, theirs: Scrape) -> None:
    """Of each file that is whole; also when it was written, and that one is broken."""
    ours = without_empty(parse(scrape(folder)))
    mtimes, expected = ours["node_textfile_mtime_seconds"][1], without_empty(theirs)
    assert {f"{folder}/{name}" for name in GOOD} == {dict(labels)["file"] for _, labels in mtimes}
    # Theirs rounds to whole seconds.
    rounded = {sample: str(float(int(float(value)))) for sample, value in mtimes.items()}
    assert expected.pop("node_textfile_mtime_seconds")[1] == rounded
    del ours["node_textfile_mtime_seconds"]
    assert expected == ours
    assert ("gauge", {("node_textfile_scrape_error", frozenset()): "1.0"}) == ours["node_textfile_scrape_error"]


@pytest.mark.e2e
def test_the_help_is_the_files_or_names_the_files(folder: Path, theirs: Scrape) -> None:
    """Every family is there, none of a broken or ignored file."""
    assert {"last_success_seconds", "plain", "took", "size", "runs_total", "bare", "odd", "hidden"} < theirs.keys()
    text = scrape(folder)
    assert "# HELP last_success_seconds When \\\\ it\\nended.\n" in text
    assert f"# HELP plain Metric read from {folder}/a.prom, {folder}/b.prom\n" in text
    assert not {"bad", "fine", "ignored", "cut_off"} & parse(text).keys()


def test_what_is_wrong_is_logged_with_its_line_once(folder: Path, caplog: pytest.LogCaptureFixture) -> None:
    """Not at each scrape."""
    caplog.set_level(logging.INFO)
    collector = TextfileCollector(folder, [])
    for _ in range(2):
        list(collector.collect())
    said = sorted(record.getMessage() for record in caplog.records)
    names = sorted([*BROKEN, "latin.prom", "gone.prom"])
    assert [f"text file {folder}/{name}:" for name in names] == [line[: line.index(": ") + 1] for line in said]
    assert f"text file {folder}/unended.prom: line 1: it ends without a line's end" in caplog.text
    assert f"{folder}/stamped.prom: line 2: it has a timestamp" in caplog.text
    assert f"{folder}/latin.prom: it is not UTF-8" in caplog.text
    assert f"{folder}/gone.prom: No such file or directory" in caplog.text


@pytest.mark.parametrize(
    ("texts", "said", "kept"),
    [
        (
            ("# TYPE x gauge\nx 1\n", '# TYPE x counter\nx{a="2"} 2\n'),
            "x is a gauge in .*0.prom, and a counter here",
            "x 1.0",
        ),
        (("x 1\ny 1\n", "x 2\nz 2\n"), "x has the same labels in .*0.prom", "x 1.0\n"),
        (("x 1\nx 2\nz 2\n",), "0.prom: x is there twice with the same labels", "x 1.0\n"),
        (("node_load1 1\n",), "node_load1 is a metric of the exporter's own", ""),
        (("process_cpu_seconds_total 1\n",), "process_cpu_seconds_total is a metric of the exporter's own", ""),
    ],
)
def test_of_a_clash_the_first_stays_and_it_is_told(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, texts: tuple[str, ...], said: str, kept: str
) -> None:
    """Two writers of one series would be an error in Prometheus; what else stands in the file is served."""
    for number, text in enumerate(texts):
        (tmp_path / f"{number}.prom").write_text(text)
    found = scrape(tmp_path)
    assert re.search(said, caplog.text)
    assert "node_textfile_scrape_error 1.0\n" in found
    assert [line for line in kept.splitlines() if line] == re.findall(
        r"^(?:x|node_load1|process_\w+)\b.*", found, re.MULTILINE
    )
    assert ("z 2.0\n" in found) == ("z 2" in "".join(texts))


def test_another_help_loses_no_sample(tmp_path: Path) -> None:
    """The first one's is shown (node_exporter drops the other file's samples)."""
    for number in range(2):
        (tmp_path / f"{number}.prom").write_text(f'# HELP x Help {number}.\nx{{of="{number}"}} 1\n')
    found = scrape(tmp_path)
    assert '# HELP x Help 0.\n# TYPE x untyped\nx{of="0"} 1.0\nx{of="1"} 1.0\n' in found
    assert "node_textfile_scrape_error 0.0\n" in found


def test_a_file_is_read_again_when_it_was_replaced(tmp_path: Path) -> None:
    """By rename, as it should be written, also with the same size and time; one that is gone is forgotten."""
    collector = TextfileCollector(tmp_path, [])

    def values() -> dict[str, float]:
        return {sample.name: sample.value for family in collector.collect() for sample in family.samples}

    file, new = tmp_path / "a.prom", tmp_path / "a.prom.new"
    file.write_text("x 1\n")
    assert 1 == values()["x"]
    new.write_text("x 2\n")
    os.utime(new, ns=(file.stat().st_atime_ns, file.stat().st_mtime_ns))
    new.rename(file)
    assert 2 == values()["x"]
    file.unlink()
    assert {"node_textfile_scrape_error": 0} == values()


def test_a_pipe_a_folder_and_a_file_without_end_hold_nobody(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    """They are told, and the rest is served."""
    os.mkfifo(tmp_path / "pipe.prom")
    (tmp_path / "folder.prom").mkdir()
    (tmp_path / "zero.prom").symlink_to("/dev/zero")
    with (tmp_path / "huge.prom").open("wb") as huge:
        huge.truncate(20_000_000)
    (tmp_path / "good.prom").write_text("x 1\n")
    assert "\nx 1.0\n" in scrape(tmp_path)
    assert 3 == caplog.text.count("it is no regular file") + caplog.text.count("Is a directory")
    assert "huge.prom: it has more than 10000000 bytes" in caplog.text


def test_a_folder_that_is_not_there_is_an_error_and_no_more(tmp_path: Path) -> None:
    """As node_exporter has it; it is served as soon as it is there."""
    assert "node_textfile_scrape_error 1.0\n" in scrape(tmp_path / "none")


def test_the_exporter_serves_them_on_its_page_and_only_where_it_is_told(tmp_path: Path) -> None:
    """Beside the host's own; without the option there is nothing of them."""
    (tmp_path / "a.prom").write_text("batch_rows 7\n")
    catalog = tmp_path / "catalog.yaml"
    catalog.write_text(catalog_of({}))
    with serving(catalog, textfiles=tmp_path) as running:
        found = running.scrape("/metrics")
    assert [7] == list(found["batch_rows"].samples.values())
    assert [0] == list(found["node_textfile_scrape_error"].samples.values())
    declared = {info.name for info in inventory()["host"]}
    assert {name for name in found if name.startswith("node_textfile_")} <= declared
    without = parse(generate_latest(HostCollector(collectors(Machine()))).decode())
    assert not [name for name in without if name.startswith("node_textfile_")]
