"""Runs every command of RabbitMQ's runbooks, by the programs that come with it."""

import re
import shlex
import subprocess
import zipfile
from pathlib import Path
from typing import Final

from rabbitmq import RabbitmqNode

RUNBOOKS: Final = Path(__file__).parents[2] / "runbooks/rabbitmq.md.j2"
COMMANDS: Final = sorted(set(re.findall(r"`(rabbitmq(?:ctl|-[a-z]+) [^`]+)`", RUNBOOKS.read_text())))
# Holds all of the programs, which tell themselves apart by their names.
_PROGRAMS: Final = Path("/usr/lib/rabbitmq/lib")
# Runs a line each: program and words. An Erlang a command would take longer than all of them.
_RUNNER: Final = """
{ok, _} = application:ensure_all_started(elixir),
ok = application:load(rabbitmqctl),
Told = fun({stream, Stream}, _, _) -> {ok, 'Elixir.Enum':to_list(Stream)}; (Answer, _, _) -> Answer end,
Run = fun(Line) ->
    [Program | Words] = [unicode:characters_to_binary(Word) || Word <- string:lexemes(Line, "\\t")],
    Given = [<<"--script-name">>, Program, <<"--node">>, list_to_binary(os:getenv("RABBITMQ_NODENAME")) | Words],
    case 'Elixir.RabbitMQCtl':exec_command(Given, Told) of
        ok -> io:format("RAN ~ts~n", [Line]);
        {ok, _} -> io:format("RAN ~ts~n", [Line]);
        Refused -> io:format("~ts: ~p~n", [Line, Refused])
    end
end,
[Run(Line) || Line <- init:get_plain_arguments()],
halt(0).
"""


def run_all(node: RabbitmqNode, folder: Path, queue: str, lost: str) -> None:
    """Run them all against *node*, which has *queue* and has lost the node *lost*; fail where one is refused."""
    with zipfile.ZipFile(next(_PROGRAMS.glob("*/escript/rabbitmqctl"))) as programs:
        programs.extractall(folder)
    lines = ["\t".join(shlex.split(command.replace("QUEUE", queue).replace("NODE", lost))) for command in COMMANDS]
    erl = ("erl", "-noinput", "-hidden", "-boot", "start_clean", "-pa", str(folder), "-eval", _RUNNER, "-extra")
    done = subprocess.run(
        [*erl, *lines], env=node.environ, capture_output=True, text=True, check=False, timeout=120, cwd=folder
    )
    ran = {line.removeprefix("RAN ") for line in done.stdout.splitlines() if line.startswith("RAN ")}
    assert set(lines) == ran, done.stdout[-3000:] + done.stderr[-1000:]
    assert len(COMMANDS) > 15
