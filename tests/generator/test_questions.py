"""`seawall init`: a first catalog from flags, or from answers at a terminal, that passes the check."""

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest
from pipeline import run

from seawall.catalog import SeawallError, load
from seawall.generator import load_packs, validate
from seawall.generator.questions import Answers, first_catalog

PACKS = load_packs()


@pytest.mark.parametrize("kind", PACKS.first_kinds)
def test_a_first_catalog_of_every_kind_loads_and_fits(kind: str, tmp_path: Path) -> None:
    """Kinds that have events get an objective, the others none; a part comes with the service that it is part of."""
    path = tmp_path / "catalog.yaml"
    part_of = "whole" if PACKS.by_kind[kind].is_part else ""
    path.write_text(first_catalog(PACKS, Answers(kind=kind, part_of=part_of, target="a:1", objective=99.95)))
    catalog = load(path)

    assert [] == validate(catalog, PACKS)
    assert ((kind, "otel") in PACKS.dialects) == bool(catalog.services["my-service"].slos)


def test_flags_alone_write_a_catalog_that_passes_the_check(tmp_path: Path) -> None:
    """Without a terminal nothing is asked."""
    path = tmp_path / "catalog.yaml"
    written = run(
        "init", path, "--team", "shop", "--service", "checkout", "--kind", "http", "--target", "localhost:9464"
    )
    checked = run("check", path, "--require-tools")

    assert (0, f"{path}: written. Next: seawall check {path}\n") == (written.exit_code, written.stdout)
    assert 0 == checked.exit_code, checked.output


def test_an_existing_file_is_not_touched(tmp_path: Path) -> None:
    """The message names a way out."""
    path = tmp_path / "catalog.yaml"
    path.write_text("mine")
    result = run("init", path)

    assert (1, f"{path}: is there already; edit it, or name another file\n") == (result.exit_code, result.stderr)
    assert "mine" == path.read_text()


def test_a_folder_that_is_not_there_is_an_error(tmp_path: Path) -> None:
    """No traceback, and no folder is made."""
    result = run("init", tmp_path / "none" / "catalog.yaml")

    assert 1 == result.exit_code
    assert f"{tmp_path}/none/catalog.yaml: cannot be written: No such file or directory\n" == result.stderr


@pytest.mark.parametrize(
    ("answers", "said"),
    [
        (Answers(kind="htp"), "there is no pack for kind 'htp'; did you mean 'http'?"),
        (
            Answers(kind="mainframe"),
            "there is no pack for kind 'mainframe'; there are cassandra, celery, host, http, http-cache, kafka, memcached, mongodb, mysql, pgbouncer, pool, postgres, probe, rabbitmq, redis, worker",
        ),
        (Answers(kind="shards"), "is made of others in the catalog; begin with one of those, and add it then"),
        (Answers(kind="pool"), "part_of is missing: a pool is in the process of another service; name that one"),
        (Answers(kind="pool", part_of="my-service"), "part_of names the service itself"),
        (Answers(kind="redis", part_of="app"), "a service of kind redis is part of no other one; take part_of out"),
        (Answers(service="Checkout"), "a name is lower-case letters, digits and -"),
        (Answers(team="a: b"), "this name does not fit"),
        (Answers(target='a"b:1'), "targets"),
        (Answers(objective=120), "objective"),
        (Answers(kind="redis", url="redis://user:secret@cache"), "password"),
    ],
)
def test_an_answer_that_does_not_fit_is_refused_before_anything_is_written(answers: Answers, said: str) -> None:
    """It is said what is wrong with it."""
    with pytest.raises(SeawallError) as error:
        first_catalog(PACKS, answers)

    assert said in str(error.value)
    assert "/tmp" not in str(error.value)


def answered(path: Path, *answers: str) -> tuple[str, int]:
    """Return what `seawall init` shows on a terminal that gives *answers*, and its exit code."""
    ours, theirs = pty.openpty()
    command = [sys.executable, "-m", "seawall.cli", "init", str(path)]
    process = subprocess.Popen(command, stdin=theirs, stdout=theirs, stderr=theirs, close_fds=True)
    os.close(theirs)
    os.write(ours, "".join(f"{answer}\n" for answer in answers).encode())
    shown = b""
    while True:
        try:
            chunk = os.read(ours, 4096)
        except OSError:  # Linux says so when the other side is closed
            break
        if not chunk:
            break
        shown += chunk
    os.close(ours)
    return shown.decode(), process.wait()


def test_a_terminal_is_asked_for_what_no_flag_says(tmp_path: Path) -> None:
    """An empty answer is the default."""
    shown, code = answered(tmp_path / "catalog.yaml", "shop", "checkout", "", "")
    service = load(tmp_path / "catalog.yaml").services["checkout"]

    assert 0 == code, shown
    assert "Where are its metrics (host:port) [localhost:9464]" in shown
    assert ("shop", "http", ("localhost:9464",)) == (service.team, service.kind, service.targets)


def test_what_has_no_metrics_of_its_own_is_asked_for_its_address(tmp_path: Path) -> None:
    """A Redis is reached by the exporter; nothing scrapes its port."""
    shown, code = answered(tmp_path / "catalog.yaml", "shop", "cache", "redis", "redis://cache:6379")
    service = load(tmp_path / "catalog.yaml").services["cache"]

    assert 0 == code, shown
    assert ("redis://cache:6379", ()) == (service.url, service.targets)


def test_a_pool_is_asked_for_the_application_that_it_is_part_of(tmp_path: Path) -> None:
    """Which is in the catalog too, with the address of its metrics: a pool has none."""
    shown, code = answered(tmp_path / "catalog.yaml", "shop", "orders-pool", "pool", "checkout", "")
    services = load(tmp_path / "catalog.yaml").services

    assert 0 == code, shown
    assert ["checkout", "orders-pool"] == list(services)
    assert ("http", ("localhost:9464",)) == (services["checkout"].kind, services["checkout"].targets)
    assert ("pool", "checkout", ()) == tuple(
        getattr(services["orders-pool"], key) for key in ("kind", "part_of", "targets")
    )
