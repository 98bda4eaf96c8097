"""What happens while the application is imported: which hooks take, and what is made before its ``seawall.auto``."""

import gc
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from types import FunctionType, ModuleType
from typing import Any, Final

from opentelemetry import metrics, trace
from wrapt import register_post_import_hook

from .places import importer, is_own
from .second import Questions

_AUTO: Final = "seawall.auto"
_CHOSEN: Final = "seawall.instrumentation.applications"
_CHOOSES: Final = "calls seawall.instrument"
_MOST: Final = 20


class Watch:
    """Note each import of *modules* as it happens, and the application's own import of Seawall."""

    def __init__(self, modules: Iterable[str]) -> None:
        self.imported: list[str] = []
        self._providers: list[tuple[str, str, bool]] = []
        self.late: list[str] = []
        self.questions = Questions()
        self._chosen: list[Any] = []
        self.begins = f"{_AUTO} is imported as Python starts" if _AUTO in sys.modules else ""
        self._modules = tuple(modules)

    def begin(self) -> None:
        """Watch from now on; Seawall's own hooks come first, because they were there first."""
        for name in self._modules:
            register_post_import_hook(self._note(name), name)
        if not self.begins:
            register_post_import_hook(self._note_auto, _AUTO)
            register_post_import_hook(self._note_chosen, _CHOSEN)
        self.questions.begin()
        for module, function, what in (
            (trace, "set_tracer_provider", "tracer provider"),
            (metrics, "set_meter_provider", "meter provider"),
        ):
            setattr(module, function, self._refusing(getattr(module, function), what))

    def _note(self, name: str) -> Callable[[ModuleType], None]:
        return lambda _: self.imported.append(name)

    def _refusing(self, original: Callable[[Any], None], what: str) -> Callable[[Any], None]:
        def set_provider(provider: Any) -> None:
            self._providers.append((importer(), what, bool(self.begins)))
            original(provider)

        return set_provider

    def providers(self) -> Iterator[str]:
        """Tell what becomes of the providers that the application sets: of two, the first one stands."""
        for place, what, is_later in self._providers:
            stands = "it stands" if self.begins and not is_later else "it is refused, and Seawall's stands"
            matter = f"the application sets a {what} of its own: {stands}"
            yield f"{place}: {matter}" if place else matter

    def stands(self, what: str) -> bool:
        """Whether the application's own *what* comes before Seawall's."""
        return bool(self.begins) and any(each == what and not is_later for _, each, is_later in self._providers)

    def counts(self, apps: Iterable[Any]) -> bool:
        """Whether one of *apps* is among those that count: where the application chose some, no other one does."""
        return not self.chooses or any(app is each for app in apps for each in self._chosen)

    @property
    def chooses(self) -> bool:
        """Whether the application chose what counts, rather than everything."""
        return self.begins.startswith(_CHOOSES)

    def _note_auto(self, _: ModuleType) -> None:
        self.begins = f"imports {_AUTO}: {importer() or 'a package of its does'}"
        with suppress(Exception):  # it looks at strangers' objects
            self.late = sorted(set(self._made()) | set(self._taken()))[:_MOST]

    def _note_chosen(self, module: ModuleType) -> None:
        self.begins = self.begins or f"{_CHOOSES}: {importer() or 'a package of its does'}"
        original = module.instrument

        def instrument(app: Any, *others: Any) -> Any:
            self._chosen.append(app)
            return original(app, *others)

        vars(module)["instrument"] = instrument

    def _made(self) -> Iterator[str]:
        """Tell of objects that are known to Seawall from their making on, and were made before."""
        classes = {kind for name in self.imported for kind in _watched_classes(name)}
        for thing in gc.get_objects():
            for kind in classes.intersection(type(thing).__mro__):
                yield f"a {type(thing).__name__} of {kind.__module__.partition('.')[0]} was made"

    def _taken(self) -> Iterator[str]:
        """Tell of functions that Seawall replaces in their module, and that the user's code had taken by name."""
        ours = {id(each): f"{each.__name__} of {name}" for name in self.imported for each in _functions(name)}
        for module in list(sys.modules.values()):
            if is_own(getattr(module, "__file__", None) or ""):
                for value in list(vars(module).values()):
                    if id(value) in ours:
                        yield f"{module.__name__} took {ours[id(value)]} by name"


def _is_marked(function: Any) -> bool:
    return isinstance(function, FunctionType) and any(key.startswith("__seawall") for key in vars(function))


def _functions(name: str) -> list[Any]:
    return [each for each in vars(sys.modules.get(name, sys)).values() if _is_marked(each)]


def _watched_classes(name: str) -> list[type]:
    """Return the classes of a module whose making Seawall watches."""
    things = list(vars(sys.modules.get(name, sys)).values())
    return [each for each in things if isinstance(each, type) and _is_marked(each.__dict__.get("__init__"))]
