"""The command line itself: its help is quick and complete, its guesses are named."""

import subprocess
import sys

import pytest
from click.testing import CliRunner

from seawall.cli import COMMANDS, SECTIONS, main


def test_help_names_every_command_with_its_sentence() -> None:
    """In sections, and none is cut."""
    shown = CliRunner().invoke(main, ["--help"]).output
    for section, commands in SECTIONS.items():
        assert f"{section}:" in shown
        for name, (_, brief) in commands.items():
            assert f"  {name} " in shown
            assert brief in shown


def test_help_imports_no_room() -> None:
    """It answers before pydantic, jinja2 or OpenTelemetry are read."""
    code = (
        "import sys, seawall.cli as cli\n"
        "try: cli.main(['--help'])\n"
        "except SystemExit: print(sorted({'pydantic', 'jinja2', 'yaml', 'opentelemetry'} & sys.modules.keys()))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.endswith("[]\n")


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_an_example_and_says_its_exit_codes(name: str) -> None:
    """In its own help."""
    done = CliRunner().invoke(main, [name, "--help"])
    assert done.exit_code == 0
    assert "Example" in done.output
    assert f"seawall {name}" in done.output
    assert "xit code" in done.output


def test_a_misspelt_command_is_answered_with_the_nearest() -> None:
    """Exit code 2, as for every wrong use."""
    done = CliRunner().invoke(main, ["rendr"])
    assert (2, True) == (done.exit_code, "Did you mean 'render'?" in done.output)


def test_an_unknown_command_is_named() -> None:
    """Without a guess where none is near."""
    done = CliRunner().invoke(main, ["zzz"])
    assert (2, True) == (done.exit_code, "No such command 'zzz'" in done.output)


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_is_there_for_every_shell(shell: str) -> None:
    """As the help says."""
    done = CliRunner().invoke(main, env={"_SEAWALL_COMPLETE": f"{shell}_source"}, prog_name="seawall")
    assert f"_SEAWALL_COMPLETE={shell}_complete" in done.output


def test_completion_offers_the_commands() -> None:
    """What begins with what is typed."""
    environment = {"_SEAWALL_COMPLETE": "bash_complete", "COMP_WORDS": "seawall re", "COMP_CWORD": "1"}
    done = CliRunner().invoke(main, env=environment, prog_name="seawall")
    assert "plain,render" in done.output
