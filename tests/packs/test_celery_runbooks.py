"""Every command of Celery's runbooks is one that a real worker answers."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import pytest
from celery_apps import StartCelery
from servers import StartRedis

RUNBOOKS: Final = Path(__file__).parents[2] / "runbooks/celery.md.j2"
_COMMAND: Final = re.compile(r"`celery -A APP ([^`]*)`")
COMMANDS: Final = sorted(set(_COMMAND.findall(RUNBOOKS.read_text())) - {"worker"})
# Each as its own program would run it, in one that has read Celery's code once, and as soon as the worker answers.
_SCRIPT: Final = """
import json, sys
from celery.bin.celery import celery
from click.testing import CliRunner

def run(*words):
    done = CliRunner().invoke(celery, ["-A", "shop", *words])
    return [done.exit_code, done.output]

while run("status")[0]:
    pass
print(json.dumps([run(*command.split()) for command in sys.argv[1:]]))
"""

pytestmark = pytest.mark.e2e


@pytest.fixture(scope="module")
def answers(start_redis: StartRedis, celery_on: StartCelery) -> Iterator[dict[str, tuple[int, str]]]:
    """Return the exit code and the output of each, said to a worker of processes, which alone can be grown."""
    shop = celery_on(f"redis://127.0.0.1:{start_redis().port}/0")
    words = [command.replace("TASK", "mail").replace("QUEUE", "mails") for command in COMMANDS]
    environ = os.environ | {"BROKER": shop.broker, "PYTHONPATH": str(shop.folder), "PYTHONWARNINGS": "ignore"}
    with shop.worker("one", "--pool=prefork", "--concurrency=1"):
        run = (sys.executable, "-c", _SCRIPT, *words)
        done = subprocess.run(run, cwd=shop.folder, env=environ, capture_output=True, text=True, timeout=120)
        assert 0 == done.returncode, done.stderr
        yield dict(zip(COMMANDS, json.loads(done.stdout.splitlines()[-1]), strict=True))


@pytest.mark.parametrize("command", COMMANDS)
def test_a_command_of_a_runbook_is_answered(answers: dict[str, tuple[int, str]], command: str) -> None:
    """With the words in capitals replaced."""
    code, output = answers[command]

    assert 0 == code, output
    assert command.startswith("purge") or "1 node online." in output or "one@host: OK" in output


def test_there_are_many() -> None:
    """The pattern finds them."""
    assert len(COMMANDS) > 8
