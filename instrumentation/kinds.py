"""The frameworks whose applications are counted as they are: where the class of these is, and what they speak."""

from typing import Final, NamedTuple


class Kind(NamedTuple):
    """A class of applications: its library, and what it speaks."""

    library: str
    protocol: str


#: By the module and the name of the class; what is derived from it is of the same kind.
FRAMEWORKS: Final[dict[tuple[str, str], Kind]] = {
    ("fastapi.applications", "FastAPI"): Kind("fastapi", "ASGI"),
    ("starlette.applications", "Starlette"): Kind("starlette", "ASGI"),
    ("litestar.app", "Litestar"): Kind("litestar", "ASGI"),
    ("flask.app", "Flask"): Kind("flask", "WSGI"),
    ("django.core.handlers.asgi", "ASGIHandler"): Kind("django", "ASGI"),
    ("django.core.handlers.wsgi", "WSGIHandler"): Kind("django", "WSGI"),
    ("falcon.asgi.app", "App"): Kind("falcon", "ASGI"),
    ("falcon.app", "App"): Kind("falcon", "WSGI"),
    ("aiohttp.web_app", "Application"): Kind("aiohttp", "aiohttp"),
}
