"""Tables of what is hooked once the application imports it: what is not imported is not paid for."""

from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from typing import Any

from wrapt import register_post_import_hook

from .diagnostics import failure_of, guarded


class HookTable(dict[str, tuple[str, str]]):
    """The modules of libraries, each with the file and the function of *room* that hook into it.

    *doing* says what the hooks are for, in the words of the log line of one that fails.
    """

    def __init__(self, room: str, doing: str, entries: Mapping[str, tuple[str, str]]) -> None:
        super().__init__(entries)
        self._room = room
        self._doing = doing

    def hook(self, telemetry: Any, modules: Iterable[str] | None = None) -> None:
        """Give each module, or those of *modules*, to its function, with *telemetry*, once it is imported."""
        for module in self if modules is None else modules:
            register_post_import_hook(guarded(f"{self._doing} {module}")(self._hook_of(module, telemetry)), module)

    def failure(self, module: str) -> str:
        """Return how the log line begins that says that a hook failed."""
        return failure_of(f"{self._doing} {module}")

    def _hook_of(self, name: str, telemetry: Any) -> Callable[[Any], None]:
        file, function = self[name]

        def hook(module: Any) -> None:
            getattr(import_module(f".{file}", self._room), function)(module, telemetry)

        return hook
