"""OpenTelemetry's instrumentations of servers: which of them see a request, a call or a task that Seawall sees too.

What they would tell Seawall's own providers stands aside. So each one's question for a tracer or a meter is noted: it
says whose providers it tells.
"""

import sys
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, Final, NamedTuple

from opentelemetry import metrics, trace

from seawall.instrumentation import providers

from .contrib import PREFIX
from .report import Twice

_SCOPES: Final = "opentelemetry.instrumentation."
_SEEN: Final = {
    **{scope: "request" for scope in providers.SERVERS if scope.startswith(_SCOPES)},
    f"{_SCOPES}celery": "task",
    f"{_SCOPES}grpc": "call",
}
_PLACE: Final = 2  # of the provider among the arguments


class _Question(NamedTuple):
    scope: str
    provider: Any  # None: the one that is set
    what: str


class Questions:
    """Note each question for a tracer or a meter."""

    def __init__(self) -> None:
        self._asked: list[_Question] = []

    def begin(self) -> None:
        """Note them from now on."""
        for module, function, what in (
            (trace, "get_tracer", "tracer provider"),
            (metrics, "get_meter", "meter provider"),
        ):
            setattr(module, function, self._noting(getattr(module, function), what))

    def _noting(self, original: Callable[..., Any], what: str) -> Callable[..., Any]:
        argument = what.replace(" ", "_")

        @wraps(original)
        def get(*args: Any, **named: Any) -> Any:
            scope = args[0] if args else named.get("name", named.get("instrumenting_module_name"))
            given = args[_PLACE] if len(args) > _PLACE else named.get(argument)
            if scope in _SEEN and _of_a_server(scope, sys._getframe(1).f_code.co_name):
                self._asked.append(_Question(scope, given, what))
            return original(*args, **named)

        return get

    def twice(self, set_by_the_application: Callable[[str], bool]) -> Iterator[Twice]:
        """Return whose providers are not Seawall's; *set_by_the_application* says it of the tracer's or the meter's."""
        told: dict[str, set[str]] = {}
        for scope, given, what in self._asked:
            if set_by_the_application(what) if _is_the_one_that_is_set(given) else not providers.is_own(given):
                told.setdefault(scope, set()).add(what)
        for scope, whats in sorted(told.items()):
            others = " and a ".join(sorted(whats, reverse=True))
            yield {
                "what": f"{PREFIX}{scope.removeprefix(_SCOPES).replace('_', '-')}",
                "does": f"sees each {_SEEN[scope]} once more, for a {others} of the application's",
                "mend": "leave it out: Seawall sees to it",
            }


def _of_a_server(scope: str, function: str) -> bool:
    # gRPC's clients ask under the same name.
    return not scope.endswith(".grpc") or "server" in function


def _is_the_one_that_is_set(given: Any) -> bool:
    return given is None or given is trace.get_tracer_provider() or given is metrics.get_meter_provider()
