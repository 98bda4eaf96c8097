"""Litestar: the template of the route that its router found, under the mounts on the way to it."""

from contextlib import suppress
from functools import wraps
from typing import Any, Final

from seawall.instrumentation import asgi
from seawall.instrumentation.wrapping import replace

from .hooking import Telemetry, note_before, note_error, observe_asgi

_TEMPLATE: Final = "__seawall_template__"


def hook_application(module: Any, telemetry: Telemetry) -> None:
    """Count what a Litestar application answers."""
    observe_asgi(module.Litestar, telemetry)


def hook_routes(module: Any, _: Telemetry) -> None:
    """Note the route that a request is handed to."""
    note_before(module.HTTPRoute, _note_route)


def _note_route(route: Any, request: asgi.AsgiRequest, _: asgi.Scope) -> None:
    request.route = f"{request.mount}{route.path_format}"


def hook_mounts(module: Any, _: Telemetry) -> None:
    """Note each application that is mounted on the way of a request."""
    note_before(module.ASGIRoute, _note_mount)


def _note_mount(route: Any, request: asgi.AsgiRequest, _: asgi.Scope) -> None:
    request.mount += route.path_format.rstrip("/")
    if not route.route_handler.is_mount:
        request.route = request.mount or "/"


def reroute(app: Any) -> None:
    """Have an application that was made before the hooks hand its requests to hooked routes."""
    router, fresh = app.asgi_router, type(app.asgi_router)(app)
    fresh.construct_routing_trie()
    for part in ("_mount_paths_regex", "_mount_routes", "_plain_routes", "root_route_map_node"):
        setattr(router, part, getattr(fresh, part))
    forget = getattr(router.handle_routing, "cache_clear", None)
    if forget is not None:
        forget()


def hook_nodes(module: Any, _: Telemetry) -> None:
    """Have the exception of a method that a route lacks say which route that is."""
    original = module.parse_node_handlers

    @wraps(original)
    def parse_node_handlers(node: Any, method: Any) -> Any:
        try:
            return original(node, method)
        except Exception as error:
            with suppress(AttributeError):
                setattr(error, _TEMPLATE, node.path_template)
            raise

    replace(module, "parse_node_handlers", parse_node_handlers)


def hook_exceptions(module: Any, _: Telemetry) -> None:
    """Know the exception that Litestar answers."""
    original = module.ExceptionHandlerMiddleware.handle_request_exception

    @wraps(original)
    def handle_request_exception(self: Any, litestar_app: Any, scope: asgi.Scope, *others: Any, **named: Any) -> Any:
        request = scope.get(asgi.REQUEST_KEY)
        if request is not None:
            _note_exception(request, named.get("exc"))
        return original(self, litestar_app, scope, *others, **named)

    replace(module.ExceptionHandlerMiddleware, "handle_request_exception", handle_request_exception)


def _note_exception(request: Any, error: Any) -> None:
    template = getattr(error, _TEMPLATE, None)
    if template is not None:
        request.route = f"{request.mount}{template}"
    elif not hasattr(error, "status_code"):  # Litestar's own carry the status that they ask for: they are answers
        note_error(request, error)
