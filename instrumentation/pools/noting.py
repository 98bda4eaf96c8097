"""Knowing a library's pools without keeping any of them alive, and without being in anybody's way at its functions."""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, Final, TypeVar
from weakref import ref

from seawall.instrumentation.diagnostics import guarded, say_once
from seawall.instrumentation.wrapping import wrap

_MARK: Final = "__seawall_pools__"  # whoever times a library's calls may be at the same function
_TRIES: Final = 3  # at reading what another thread changes

T = TypeVar("T")


class Living:
    """Things that somebody else keeps alive, each with what is *known* of it.

    One step under the interpreter's lock adds, drops or copies: other threads may do so at any time, a signal handler
    and the garbage collector too.
    """

    def __init__(self) -> None:
        self._held: dict[int, tuple[ref[Any], Any]] = {}

    def __iter__(self) -> Iterator[Any]:
        for reference, _ in list(self._held.values()):
            thing = reference()
            if thing is not None:
                yield thing

    def __contains__(self, thing: Any) -> bool:
        return id(thing) in self._held

    def add(self, thing: Any, known: Any = None) -> None:
        """Remember *thing* while it lives."""
        key, held = id(thing), self._held

        def drop(gone: "ref[Any]") -> None:
            if key in held and held[key][0] is gone:
                del held[key]

        held[key] = (ref(thing, drop), known)

    def known(self, thing: Any) -> Any:
        """Return what is known of *thing*; None for a stranger."""
        found = self._held.get(id(thing))
        return found[1] if found else None

    def clear(self) -> None:
        """Forget all."""
        self._held.clear()

    def keep(self, wanted: Callable[[Any], bool]) -> None:
        """Forget all but what is *wanted*."""
        for thing in list(self):
            if not wanted(thing):
                self._held.pop(id(thing), None)


def address(host: str, port: object = None, namespace: object = None) -> str:
    """Return ``host:port/namespace``, as far as there is one: what a pool without a name of its own is called."""
    host = f"[{host}]" if ":" in host and not host.startswith("[") else host
    server = f"{host}:{port}" if host and port else host
    return f"{server}/{namespace}" if server and namespace else server or str(namespace or "")


def note_made(owner: Any, note: Callable[[Any], object]) -> None:
    """Call *note* with every instance of the class *owner*, once it is made."""
    safe = guarded(f"note a {owner.__name__}")(note)

    def around(init: Callable[..., None]) -> Callable[..., None]:
        def __init__(self: Any, *args: Any, **kwargs: Any) -> None:  # noqa: N807
            init(self, *args, **kwargs)
            safe(self)

        return __init__

    surround(owner, "__init__", around)


def surround(owner: Any, name: str, around: Callable[[Callable[..., Any]], Callable[..., Any]]) -> None:
    """Put *around* its function *name*, where *owner* has one: another version of the library may not."""
    if name in owner.__dict__:
        wrap(owner, name, around, _MARK)


def read_each(things: Iterable[Any], read: Callable[[Any], T]) -> Iterator[T]:
    """Return what *read* tells of each; what cannot be read although tried again is left out."""
    for thing in things:
        try:
            yield _read(thing, read)
        except Exception as error:  # noqa: BLE001 - it is half made, or closed just now
            # What the error says may hold what the pool was made with, and that a password.
            say_once(f"Seawall cannot read a {type(thing).__name__}: {type(error).__name__}")


def _read(thing: Any, read: Callable[[Any], T]) -> T:
    for _ in range(_TRIES - 1):
        try:
            return read(thing)
        except Exception:  # noqa: BLE001, S112 - its own threads or loop changed it meanwhile
            continue
    return read(thing)


def waiting(queue: Any) -> int:
    """Return how many wait for an item of *queue*: of threads or of asyncio."""
    if hasattr(queue, "_getters"):
        return sum(not getter.done() for getter in list(queue._getters))
    return len(queue.not_empty._waiters)
