"""The supervisor, as a real daemon over real processes."""

import os
import signal
import sys
from collections.abc import Callable

import psutil
import pytest

from seawall.stack import Layout, ProcessSpec, StackState
from seawall.stack.lifecycle import running, shut_down
from seawall.stack.logfile import tail
from seawall.stack.process_table import identity, members

pytestmark = pytest.mark.e2e

Describe = Callable[..., ProcessSpec]
Start = Callable[..., StackState]
Eventually = Callable[..., bool]


def pid_of(layout: Layout, name: str) -> int | None:
    state = running(layout)
    assert state is not None
    return next(process.pid for process in state.processes if process.name == name)


def test_processes_become_healthy(started: Start, server: Describe) -> None:
    """Every process runs under its own pid, answers, and has not been restarted."""
    state = started(server("one"), server("two"))

    assert [(p.name, p.is_healthy, p.restarts) for p in state.processes] == [("one", True, 0), ("two", True, 0)]
    assert len({p.pid for p in state.processes}) == 2


def test_a_killed_child_is_started_again(
    started: Start, server: Describe, layout: Layout, eventually: Eventually
) -> None:
    """After kill -9 a new process answers on the same port, and the restart is counted and explained."""
    state = started(server("one"))
    killed = state.processes[0].pid
    assert killed is not None
    os.kill(killed, signal.SIGKILL)

    def is_back() -> bool:
        now = running(layout)
        return now is not None and now.is_healthy and now.processes[0].restarts == 1

    assert eventually(is_back)
    assert pid_of(layout, "one") != killed
    assert "ended by SIGKILL; starts again in 1 s" in "\n".join(tail(layout.log_of("one"), 10))


def test_a_crashed_child_takes_its_own_children_along(
    started: Start, server: Describe, layout: Layout, eventually: Eventually
) -> None:
    """What a crashed process left in its session is killed before the next start: it could hold the port."""
    state = started(server("one", "parent"))
    leader = state.processes[0].pid
    assert leader is not None
    [grandchild] = psutil.Process(leader).children()
    os.kill(leader, signal.SIGKILL)

    assert eventually(lambda: not identity(grandchild.pid))
    assert eventually(lambda: pid_of(layout, "one") not in (None, leader))


def test_down_leaves_nothing(started: Start, server: Describe, layout: Layout) -> None:
    """After TERM neither the supervisor nor any process, child of a process or detached daemon is alive."""
    state = started(server("one", "parent"), server("two", "daemon"))
    pids = [state.supervisor, *members(state.token)]
    assert len(pids) == 5
    shut_down(layout, lambda _: None)

    assert [pid for pid in pids if identity(pid)] == []
    assert not layout.state.exists()


def test_a_stubborn_child_is_killed_after_the_grace(started: Start, server: Describe, layout: Layout) -> None:
    """A process that ignores TERM is killed, and its log says so."""
    state = started(server("one", "stubborn"))
    shut_down(layout, lambda _: None)

    assert members(state.token) == []
    assert "did not end within 10 s of TERM; killed" in "\n".join(tail(layout.log_of("one"), 10))


def test_processes_stop_in_reverse_order(started: Start, server: Describe, layout: Layout) -> None:
    """The last one started is the first one stopped."""
    started(server("first"), server("second"), server("third"))
    order: list[str] = []

    def note(state: StackState) -> None:
        order.extend(p.name for p in reversed(state.processes) if p.phase == "stopped" and p.name not in order)

    shut_down(layout, note)
    assert sorted(order, key=("third", "second", "first").index) == order


def test_a_killed_supervisor_leaves_no_child(
    started: Start, server: Describe, layout: Layout, eventually: Eventually
) -> None:
    """kill -9 of the supervisor: the kernel kills its children at once."""
    state = started(server("one"), server("two", "stubborn"))
    os.kill(state.supervisor, signal.SIGKILL)

    assert eventually(lambda: not members(state.token))
    assert running(layout) is None


def test_down_cleans_up_after_a_killed_supervisor(
    started: Start, server: Describe, layout: Layout, eventually: Eventually
) -> None:
    """Grandchildren, even those in sessions of their own, are found by their token and killed by down."""
    state = started(server("one", "parent", "daemon"))
    os.kill(state.supervisor, signal.SIGKILL)
    eventually(lambda: not identity(state.supervisor))
    left = members(state.token)
    killed = shut_down(layout, lambda _: None)

    assert len(left) >= 2
    assert set(members(state.token)) == set()
    assert set(left) >= set(killed) != set()


def test_a_gated_process_waits_for_those_before_it(started: Start, server: Describe, layout: Layout) -> None:
    """While an earlier process is not healthy, a gated one is not started; and it does not hold up the end."""
    state = started(server("sick", "sick"), server("later", gated=True), healthy=False)
    later = next(p for p in state.processes if p.name == "later")
    assert (later.phase, later.pid) == ("waiting", None)
    shut_down(layout, lambda _: None)

    assert not identity(state.supervisor)


def test_a_command_that_does_not_exist_is_told_in_its_log(
    started: Start, layout: Layout, eventually: Eventually
) -> None:
    """The log of a process that cannot be started says which command and why; the others go on."""
    started(ProcessSpec(name="ghost", command=("/nonexistent/program",)), healthy=False)

    def told() -> bool:
        return "cannot start /nonexistent/program: No such file or directory" in tail(layout.log_of("ghost"), 10)

    assert eventually(told)
    assert running(layout) is not None


def test_the_state_folder_gone_ends_the_stack(
    started: Start, server: Describe, layout: Layout, eventually: Eventually
) -> None:
    """A supervisor whose folder was deleted stops everything itself: nobody else could find it any more."""
    state = started(server("one"))
    layout.plan.unlink()

    assert eventually(lambda: not identity(state.supervisor))
    assert members(state.token) == []


def test_a_child_sees_the_environment_of_its_spec(started: Start, layout: Layout, eventually: Eventually) -> None:
    """The environment of the spec is added to the supervisor's own."""
    code = "import os, time; print(os.environ['COLOUR'], 'PATH' in os.environ, flush=True); time.sleep(600)"
    started(
        ProcessSpec(name="one", command=(sys.executable, "-c", code), environment={"COLOUR": "sea green"}),
        healthy=False,
    )

    assert eventually(lambda: "sea green True" in tail(layout.log_of("one"), 10))


def test_hangup_reaches_those_that_reload_by_signal(started: Start, layout: Layout, eventually: Eventually) -> None:
    """HUP to the supervisor is passed on, or is a restart, as the spec says; others are left alone."""
    heed = "signal.signal(signal.SIGHUP, lambda *_: print('reloaded', flush=True))"
    code = f"import signal, time\n{heed}\nwhile True: time.sleep(1)"
    command = (sys.executable, "-c", code)
    state = started(
        ProcessSpec(name="signalled", command=command, on_reload="signal"),
        ProcessSpec(name="restarted", command=command, on_reload="restart"),
        ProcessSpec(name="kept", command=command),
    )
    pids = {p.name: p.pid for p in state.processes}
    os.kill(state.supervisor, signal.SIGHUP)

    assert eventually(lambda: "reloaded" in tail(layout.log_of("signalled"), 5))
    assert eventually(lambda: pid_of(layout, "restarted") not in (None, pids["restarted"]))
    assert (pids["signalled"], pids["kept"]) == (pid_of(layout, "signalled"), pid_of(layout, "kept"))
    assert "reloaded" not in tail(layout.log_of("kept"), 5)
