"""`make pin`: a digest is what a registry said, and nothing else; a script answers as Docker's client does."""

import os
import subprocess
from pathlib import Path
from typing import Final

TOOL: Final = Path(__file__).parents[2] / "tools" / "pin-images"
DIGEST: Final = "sha256:" + "a" * 64
FILE: Final = "# Every image.\nPROMETHEUS_IMAGE=example/prometheus:v1.2.3\nCADDY_IMAGE=example/caddy:4.5.6@sha256:old\n"


def pinned(tmp_path: Path, client: str) -> tuple[int, str, str]:
    """Return the exit code, what is said, and the file after it, where *client* is the script `docker`."""
    (tmp_path / "docker").write_text(f"#!/bin/sh\n{client}\n")
    (tmp_path / "docker").chmod(0o755)
    file = tmp_path / "versions.env"
    file.write_text(FILE)
    environ = {**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"}
    done = subprocess.run([TOOL, file], env=environ, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr, file.read_text()


def test_every_tag_gets_the_digest_that_its_registry_gives(tmp_path: Path) -> None:
    expected = f"# Every image.\nPROMETHEUS_IMAGE=example/prometheus:v1.2.3@{DIGEST}\nCADDY_IMAGE=example/caddy:4.5.6@{DIGEST}\n"
    assert (0, "", expected) == pinned(tmp_path, f"echo {DIGEST}")


def test_where_no_registry_answers_nothing_is_changed_and_the_tags_are_named(tmp_path: Path) -> None:
    said = "no registry answered for: example/prometheus:v1.2.3 example/caddy:4.5.6\n"
    assert (1, said, FILE) == pinned(tmp_path, "exit 1")


def test_what_is_no_digest_is_not_written(tmp_path: Path) -> None:
    assert (1, FILE) == pinned(tmp_path, "echo toomanyrequests")[::2]


def test_the_registry_is_asked_for_the_tag_and_not_for_an_older_digest(tmp_path: Path) -> None:
    pinned(tmp_path, f'echo "$@" >> {tmp_path}/asked; echo {DIGEST}')
    assert ["example/prometheus:v1.2.3", "example/caddy:4.5.6"] == [
        line.split()[-1] for line in (tmp_path / "asked").read_text().splitlines()
    ]
