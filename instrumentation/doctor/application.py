"""What the application is: its framework, what it is wrapped in, what counts it, its middleware and its routes."""

import inspect
import sys
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from typing import Any, Final, NamedTuple

from seawall.instrumentation.kinds import FRAMEWORKS, Kind
from seawall.instrumentation.wrapping import is_ours

_DEEPEST: Final = 20
# Where what wraps an application keeps it.
_INNER: Final = ("app", "application", "wsgi_app", "asgi_app", "other_asgi_app", "_app", "wrapped", "__wrapped__")


_KINDS: Final[dict[tuple[str, str], Kind]] = {
    **FRAMEWORKS,
    ("quart.app", "Quart"): Kind("quart", "ASGI"),
    ("arq.worker", "Worker"): Kind("arq", "tasks"),
    ("celery.app.base", "Celery"): Kind("celery", "tasks"),
    ("dramatiq.broker", "Broker"): Kind("dramatiq", "tasks"),
    ("seawall.instrumentation.asgi", "AsgiMiddleware"): Kind("seawall", "ASGI"),
    ("seawall.instrumentation.wsgi", "WsgiMiddleware"): Kind("seawall", "WSGI"),
}
_UNKNOWN: Final = Kind("", "")
# What counts an application that is no callable of ASGI or WSGI, and the module that is hooked for it.
_ELSEWHERE: Final = {
    "aiohttp": ("RequestHandler of aiohttp.web", "aiohttp.web_protocol"),
    "arq": ("the functions of every worker", "arq.worker"),
    "celery": ("Celery's signals", "celery.signals"),
    "dramatiq": ("a middleware of every broker", "dramatiq.broker"),
}


class Found(NamedTuple):
    """An application, and what it is wrapped in, from the outside."""

    app: Any
    kind: Kind
    wrapped_in: list[Any]


def unwrap(thing: Any) -> Found:
    """Return the application of a known framework that *thing* is or wraps; *thing* itself where there is none."""
    around: list[Any] = []
    inner = thing
    for _ in range(_DEEPEST):
        kind = kind_of(inner)
        if kind.library not in ("", "seawall"):
            return Found(inner, kind, around)
        following = next((each for each in _inside(inner) if callable(each)), None)
        if following is None:
            break
        around.append(inner)
        inner = following
    kind = kind_of(thing)
    if kind.library == "seawall":
        return Found(thing.app, Kind("", kind.protocol), [thing])
    return Found(thing, Kind("", _protocol(thing)), [])


def kind_of(thing: Any) -> Kind:
    """Return the framework of an application; nothing for what is of none."""
    for base in type(thing).__mro__:
        kind = _KINDS.get((base.__module__, base.__qualname__))
        if kind is not None:
            return kind
    return _UNKNOWN


def _inside(thing: Any) -> Iterator[Any]:
    own = getattr(thing, "__dict__", {})
    for name in _INNER:
        if name in own:
            yield own[name]


def _protocol(thing: Any) -> str:
    call = thing if inspect.isroutine(thing) else getattr(thing, "__call__", None)  # noqa: B004 - it is looked at
    if call is None or isinstance(thing, type):
        return ""
    with suppress(TypeError, ValueError):
        count = sum(each.default is each.empty for each in inspect.signature(call).parameters.values())
        return {3: "ASGI", 2: "WSGI"}.get(count, "")
    return ""


def counted_by(found: Found, imported: Collection[str]) -> str:
    """Return what counts the application's requests; "" where nothing does."""
    for thing in (found.app, *found.wrapped_in):
        for base in type(thing).__mro__:
            call = base.__dict__.get("__call__")
            if call is not None and is_ours(call):
                return f"{base.__module__.partition('.')[0]}.{base.__qualname__}"
        if kind_of(thing).library == "seawall":
            return f"seawall.instrumentation.{type(thing).__qualname__}"
    what, module = _ELSEWHERE.get(found.kind.library, ("", ""))
    return what if module in imported else ""


def name_of(thing: Any) -> str:
    """Return ``package.module.Name`` of a class or a function, or of the class of what is neither."""
    thing = getattr(thing, "func", thing)  # of a partial
    named = thing if isinstance(thing, type) or inspect.isroutine(thing) else type(thing)
    inside = getattr(named, "__qualname__", "").partition(".<locals>")[0]
    return f"{getattr(named, '__module__', '')}.{inside}".strip(".")


def middleware(found: Found) -> list[str]:
    """Return what the framework calls on the way to a route, from the outside, by name."""
    own = _safely(_MIDDLEWARE.get(found.kind.library), found.app) or ()
    return [
        *(name_of(each) for each in found.wrapped_in),
        *(each if isinstance(each, str) else name_of(each) for each in own),
    ]


def routes(found: Found) -> int | None:
    """Return how many routes, or tasks, it has; None where that is not known."""
    number: int | None = _safely(_ROUTES.get(found.kind.library), found.app)
    return number


def _safely(read: Callable[[Any], Any] | None, app: Any) -> Any:
    try:
        return None if read is None else read(app)
    except Exception:  # noqa: BLE001 - another version of the framework, or a class of the application's own
        return None


def _starlette_middleware(app: Any) -> Iterable[Any]:
    return [each.cls for each in app.user_middleware]


def _litestar_middleware(app: Any) -> Iterable[Any]:
    return [getattr(each, "middleware", each) for each in app.middleware]


def _flask_middleware(app: Any) -> Iterable[Any]:
    around: list[Any] = []
    inner = app.__dict__.get("wsgi_app")
    while inner is not None and not inspect.ismethod(inner) and len(around) < _DEEPEST:
        around.append(inner)
        inner = next((each for each in _inside(inner) if callable(each)), None)
    return [*around, *(each for functions in app.before_request_funcs.values() for each in functions)]


def _django_middleware(_: Any) -> Iterable[Any]:
    return list(sys.modules["django.conf"].settings.MIDDLEWARE)


def _falcon_middleware(app: Any) -> Iterable[Any]:
    return list(app._unprepared_middleware)


def _aiohttp_middleware(app: Any) -> Iterable[Any]:
    return list(app.middlewares)


def _count(routes: Iterable[Any]) -> int:
    return sum(_count(inner) if (inner := getattr(each, "routes", None)) else 1 for each in routes)


def _starlette_routes(app: Any) -> int:
    return _count(app.routes)


def _flask_routes(app: Any) -> int:
    return sum(1 for _ in app.url_map.iter_rules())


def _django_routes(_: Any) -> int:
    return _patterns(sys.modules["django.urls"].get_resolver().url_patterns)


def _patterns(patterns: Iterable[Any]) -> int:
    return sum(_patterns(inner) if (inner := getattr(each, "url_patterns", None)) else 1 for each in patterns)


def _litestar_routes(app: Any) -> int:
    return len(app.routes)


def _falcon_routes(app: Any) -> int:
    from falcon.inspect import inspect_routes

    return len(inspect_routes(app))


def _aiohttp_routes(app: Any) -> int:
    return len(app.router.resources())


def _celery_tasks(app: Any) -> int:
    return sum(not name.startswith("celery.") for name in app.tasks)


def _arq_tasks(app: Any) -> int:
    return len(app.functions)


def _dramatiq_tasks(app: Any) -> int:
    return len(app.actors)


_MIDDLEWARE: Final[dict[str, Callable[[Any], Iterable[Any]]]] = {
    "fastapi": _starlette_middleware,
    "starlette": _starlette_middleware,
    "litestar": _litestar_middleware,
    "flask": _flask_middleware,
    "django": _django_middleware,
    "falcon": _falcon_middleware,
    "aiohttp": _aiohttp_middleware,
}
_ROUTES: Final[dict[str, Callable[[Any], int]]] = {
    "fastapi": _starlette_routes,
    "starlette": _starlette_routes,
    "litestar": _litestar_routes,
    "flask": _flask_routes,
    "django": _django_routes,
    "falcon": _falcon_routes,
    "aiohttp": _aiohttp_routes,
    "arq": _arq_tasks,
    "celery": _celery_tasks,
    "dramatiq": _dramatiq_tasks,
}
