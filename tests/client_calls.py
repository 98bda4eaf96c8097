"""What a program of its own is told to have called: shared by the tests of the clients' metrics."""

import json

from applications import run_python

Calls = dict[str, int]

# ``tell`` prints what was counted since the last time, by what stands in the labels; "-" is an empty one. What it has
# told is published: an exception that comes again is counted under its own class.
PRELUDE = """
import seawall.auto
import asyncio, json
from opentelemetry import trace
from opentelemetry.instrumentation.utils import suppress_http_instrumentation, suppress_instrumentation
from seawall.instrumentation import start

told = {}

def tell(step):
    now = {}
    for family in start().registry.families:
        if family.metric in ("http.client.request.duration", "db.client.operation.duration"):
            for labels, cells in family.collect():
                now[" ".join(label or "-" for label in labels)] = int(sum(cells[:-1]))
    print(json.dumps([step, {call: count - told.get(call, 0) for call, count in now.items() if count - told.get(call, 0)}]))
    told.update(now)

def failure(call, *args, **options):
    try:
        call(*args, **options)
    except BaseException as error:
        return type(error).__qualname__
    raise AssertionError("it did not fail")
"""


def told(code: str) -> dict[str, Calls]:
    """Run *code* after the prelude; return the calls of each step that it tells."""
    done = run_python(PRELUDE + code)
    assert (0, "") == (done.returncode, done.stderr), done.stderr
    return dict(map(json.loads, done.stdout.splitlines()))
