"""What Python imports at its start under ``seawall run``: the one import, then the sitecustomize that this one hides.

The folder stays on ``PYTHONPATH``: the workers that uvicorn, multiprocessing and others start are Pythons of their own.
"""

import sys
from importlib.machinery import ModuleSpec, PathFinder
from importlib.util import module_from_spec
from pathlib import Path
from typing import Final

_FOLDER: Final = Path(__file__).resolve().parent
# Processes that Python starts for its own housekeeping: they run nothing of the application.
_HOUSEKEEPING: Final = ("multiprocessing.resource_tracker", "multiprocessing.semaphore_tracker")


def _instrument() -> None:
    if any(module in argument for module in _HOUSEKEEPING for argument in sys.orig_argv):
        return
    try:
        import seawall.auto  # noqa: F401
    except Exception as error:  # noqa: BLE001 - the program comes first
        problem = f"{type(error).__name__}: {error}"
        print(f"seawall run: {sys.executable} runs without instrumentation ({problem})", file=sys.stderr)  # noqa: T201


def _hidden() -> ModuleSpec | None:
    # Behind this folder alone: what stands in front of it has been imported, and has called this.
    here = [index for index, path in enumerate(sys.path) if Path(path).resolve() == _FOLDER]
    return PathFinder.find_spec(__name__, sys.path[here[-1] + 1 :] if here else [])


def _run_hidden() -> None:
    """Import what Python would have imported without this file; what that raises is told as it always is."""
    spec = _hidden()
    if spec is not None and spec.loader is not None:
        module = module_from_spec(spec)
        sys.modules[__name__] = module
        spec.loader.exec_module(module)


_instrument()
_run_hidden()
