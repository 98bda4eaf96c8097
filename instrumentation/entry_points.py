"""OpenTelemetry's instrumentations that are installed: each begins once the application imports what it instruments.

Those of what Seawall sees itself are left out, so that one of the two does. Of the calls that Seawall only counts, they
make the spans; what they count of these is dropped by the views of ``providers``.
"""

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from importlib.metadata import Distribution, EntryPoint, PackageNotFoundError, distribution, distributions
from importlib.util import find_spec
from typing import Any, Final

from wrapt import register_post_import_hook

from .diagnostics import described, guarded, say_once

_GROUP: Final = "opentelemetry_instrumentor"
_DISABLED_VARIABLE: Final = "OTEL_PYTHON_DISABLED_INSTRUMENTATIONS"
_ALL: Final = "*"
# Requests, calls and tasks that Seawall traces, log records that it gives the trace's ids, and the process.
SEEN_ALREADY: Final = frozenset(
    {
        *("aiohttp-server", "asgi", "celery", "django", "falcon", "fastapi", "flask", "starlette", "wsgi"),
        *("grpc-server", "grpc-aio-server", "logging", "system-metrics"),
    }
)
# Where the module that matters is none of that name.
_MODULES: Final = {"urllib": "urllib.request"}
_NO_REASON: Final = frozenset({("tortoiseorm", "pydantic")})  # it is imported by half of all applications
_EXTRAS: Final = ("instruments", "instruments-any")  # what a package of OpenTelemetry's names there, it instruments


def plain_name(name: str) -> str:
    """Return the *name* of an entry point as the variable may write it."""
    return name.strip().lower().replace("_", "-")


@guarded("activate the instrumentations that are installed")
def activate_installed(environ: Mapping[str, str]) -> None:
    """Activate every one that is installed and not disabled, when its library is imported."""
    disabled = {plain_name(name) for name in environ.get(_DISABLED_VARIABLE, "").split(",")}
    if _ALL in disabled:
        return
    for found in _installed():
        if plain_name(found.name) not in disabled | SEEN_ALREADY:
            _Instrumentation(found).begin()


def _installed() -> Iterator[EntryPoint]:
    # Most applications have none. Asking for the entry points of all distributions takes twice as long as looking for
    # the group's name in their files.
    seen: set[str] = set()
    for each in distributions():
        if _GROUP in (each.read_text("entry_points.txt") or ""):
            name = plain_name(each.metadata["Name"] or "")
            if name not in seen:  # of two on the path, the first is imported
                seen.add(name)
                yield from each.entry_points.select(group=_GROUP)


class _Instrumentation:
    """Activate one entry point, once; whatever is wrong with it is one log line."""

    def __init__(self, entry: EntryPoint) -> None:
        self._entry = entry
        self._is_active = False

    def begin(self) -> None:
        """Wait for the import of what it instruments; activate it now where nobody says what that is."""
        self._careful(self._await_library)

    def _await_library(self) -> None:
        wanted = _wanted(self._entry)
        modules = {self._entry.name} & sys.stdlib_module_names or set(_modules(self._entry.name, wanted or ()))
        if wanted is None:
            modules = modules or _own_modules(self._entry.name)
            modules = modules or set(_modules(self._entry.name, self._asked_for()))
            if not modules:
                self._activate()
        for module in sorted(_MODULES.get(each, each) for each in modules):
            register_post_import_hook(lambda _: self._careful(self._activate), module)

    def _asked_for(self) -> Iterable[str]:
        return [_distribution_of(each) for each in self._entry.load()().instrumentation_dependencies()]

    def _activate(self) -> None:
        if self._is_active:
            return
        self._is_active = True
        instrumentor = self._entry.load()()
        if not getattr(instrumentor, "is_instrumented_by_opentelemetry", False):
            instrumentor.instrument()
            _hand_over(instrumentor)

    def _careful(self, step: Callable[[], None]) -> None:
        try:
            step()
        except (Exception, SystemExit) as error:  # noqa: BLE001 - somebody's package; the application comes first
            say_once(
                f"Seawall leaves out the instrumentation {self._entry.name} ({self._entry.value}): {described(error)}. "
                f"Mend or remove its package, or name it in {_DISABLED_VARIABLE}."
            )


def _wanted(entry: EntryPoint) -> list[str] | None:
    """Return the distributions that *entry* instruments, of those that are installed; None where it does not say."""
    found: Distribution | None = entry.dist
    if found is None or not any("extra" in each for each in found.requires or ()):
        return None
    from packaging.requirements import Requirement

    requirements = [Requirement(each) for each in found.requires or ()]
    extras = [{"extra": extra} for extra in _EXTRAS]
    wanted = [each for each in requirements if each.marker and any(map(each.marker.evaluate, extras))]
    if not wanted:
        return None
    return [each.name for each in wanted if not _is_missing(each)]


def _is_missing(requirement: Any) -> bool:
    try:
        installed = distribution(requirement.name).version
    except PackageNotFoundError:
        return True
    if requirement.specifier.contains(installed, prereleases=True):
        return False
    raise ValueError(f"it instruments {requirement.name}{requirement.specifier}, and {installed} is installed")


def _modules(name: str, wanted: Iterable[str]) -> Iterator[str]:
    """Return the modules of the distributions that *wanted* names."""
    for each in wanted:
        if (name, each) in _NO_REASON:
            continue
        own = _own_modules(each)
        if own:
            yield from own
        else:
            yield from _packages(distribution(each))


def _own_modules(name: str) -> set[str]:
    module = name.lower().replace("-", "_")
    return {module} if module.isidentifier() and find_spec(module) is not None else set()


def _packages(found: Distribution) -> set[str]:
    """Return the outermost modules of a distribution, as its list of files has them."""
    packages: set[str] = set()
    for file in found.files or ():
        if file.name == "__init__.py" and len(file.parts) > 1:
            packages.add(".".join(file.parts[:-1]))
        elif file.suffix == ".py" and len(file.parts) == 1:
            packages.add(file.stem)
    outer = {each for each in packages if not any(each.startswith(f"{other}.") for other in packages)}
    return {each for each in outer if not each.startswith("test") and each.replace(".", "").isidentifier()}


def _distribution_of(requirement: str) -> str:
    from packaging.requirements import Requirement

    return Requirement(requirement).name


def _hand_over(instrumentor: Any) -> None:
    """Let the application activate it once more with settings of its own, which count then: it knows better."""

    def instrument(**settings: Any) -> Any:
        if instrumentor.is_instrumented_by_opentelemetry:
            if not settings:
                return None
            instrumentor.uninstrument()
        return type(instrumentor).instrument(instrumentor, **settings)

    if hasattr(instrumentor, "is_instrumented_by_opentelemetry"):
        instrumentor.instrument = instrument
