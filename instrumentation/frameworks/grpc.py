"""gRPC servers, with threads and with coroutines: an interceptor that comes before all others."""

from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import isasyncgenfunction, iscoroutinefunction
from typing import Any, Final

from seawall.instrumentation.bounds import OTHER
from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.rpc_server import RpcCall, current
from seawall.instrumentation.wrapping import replace

from .hooking import Telemetry

_SYSTEM: Final = "grpc"
_ENDED: Final = object()
_SOON: Final = 0.1  # a caller gives up at its deadline: word of that may be here before the server's own
_KINDS: Final = {
    (False, False): "unary_unary",
    (False, True): "unary_stream",
    (True, False): "stream_unary",
    (True, True): "stream_stream",
}


def hook_server(module: Any, telemetry: Telemetry) -> None:
    """Count the calls of each server that ``grpc.server`` makes, whoever took or replaced that name before."""
    import grpc

    class Interceptor(grpc.ServerInterceptor):  # type: ignore[misc]
        def intercept_service(self, continuation: Any, details: Any) -> Any:
            return _observe(grpc, telemetry, details, continuation(details))

    _add_to(module._Server, Interceptor())


def hook_aio(module: Any, telemetry: Telemetry) -> None:
    """Count the calls of each server that ``grpc.aio.server`` makes, whoever took or replaced that name before."""
    import grpc

    class Interceptor(module.ServerInterceptor):  # type: ignore[misc]
        async def intercept_service(self, continuation: Any, details: Any) -> Any:
            return _observe(grpc, telemetry, details, await continuation(details))

    _add_to(module.Server, Interceptor())


def _add_to(kind: Any, interceptor: Any) -> None:
    original = kind.__dict__["__init__"]

    @wraps(original)
    def __init__(  # noqa: N807
        self: Any, pool: Any, handlers: Any, interceptors: Any = None, *others: Any, **named: Any
    ) -> None:
        original(self, pool, handlers, (interceptor, *(interceptors or ())), *others, **named)

    replace(kind, "__init__", __init__)


def _observe(module: Any, telemetry: Telemetry, details: Any, handler: Any) -> Any:
    """Return *handler* with its calls followed; one that is missing is counted at once, as the server answers it."""
    return _follow(module, telemetry, details, handler) or handler


@guarded("observe a call")
def _follow(module: Any, telemetry: Telemetry, details: Any, handler: Any) -> Any:
    headers = {key: value for key, value in details.invocation_metadata or () if isinstance(value, str)}
    if handler is None:  # a stranger may ask for any method
        RpcCall(telemetry.rpc, _SYSTEM, OTHER, headers).end("UNIMPLEMENTED")
        return None
    kind = _KINDS[bool(handler.request_streaming), bool(handler.response_streaming)]
    behaviour = getattr(handler, kind)
    method = details.method.removeprefix("/")

    def begin() -> RpcCall:
        return RpcCall(telemetry.rpc, _SYSTEM, method, headers)

    return getattr(module, f"{kind}_rpc_method_handler")(
        _wrapper_for(behaviour, bool(handler.response_streaming))(behaviour, begin),
        request_deserializer=handler.request_deserializer,
        response_serializer=handler.response_serializer,
    )


Begin = Callable[[], RpcCall]


def _wrapper_for(behaviour: Any, streams: bool) -> Callable[[Any, Begin], Any]:
    # The servers look at what kind of function a handler is; it stays of its kind.
    if isasyncgenfunction(behaviour):
        return _wrap_async_stream
    if iscoroutinefunction(behaviour):
        return _wrap_coroutine
    return _wrap_stream if streams else _wrap_call


@contextmanager
def _followed(begin: Begin, context: Any) -> Iterator[RpcCall]:
    """Begin a call, and end it with the code that its handler's return or exception makes of it."""
    call = begin()
    try:
        yield call
    except BaseException as error:
        call.end(_code(context, error), error)
        raise
    call.end(_code(context, None))


def _wrap_call(behaviour: Any, begin: Begin) -> Any:
    def call(request: Any, context: Any) -> Any:
        with _followed(begin, context) as followed, current(followed.context):
            return behaviour(request, context)

    return call


def _wrap_stream(behaviour: Any, begin: Begin) -> Any:
    def stream(request: Any, context: Any) -> Iterator[Any]:
        with _followed(begin, context) as followed:
            with current(followed.context):
                responses = iter(behaviour(request, context))
            while True:
                with current(followed.context):
                    response = next(responses, _ENDED)
                if response is _ENDED:
                    return
                yield response

    return stream


def _wrap_coroutine(behaviour: Any, begin: Begin) -> Any:
    async def call(request: Any, context: Any) -> Any:
        with _followed(begin, context) as followed, current(followed.context):
            return await behaviour(request, context)

    return call


def _wrap_async_stream(behaviour: Any, begin: Begin) -> Any:
    async def stream(request: Any, context: Any) -> AsyncIterator[Any]:
        with _followed(begin, context) as followed:
            responses = behaviour(request, context)
            while True:
                with current(followed.context):
                    response = await anext(responses, _ENDED)
                if response is _ENDED:
                    return
                yield response

    return stream


def _code(context: Any, error: BaseException | None) -> str:
    return _read_code(context, error) or ("OK" if error is None else "UNKNOWN")


@guarded("read the code of a call")
def _read_code(context: Any, error: BaseException | None) -> str | None:
    """Return the name of the code that the client gets, or would have got if it had stayed; None where none is set."""
    if _is_gone(context, error):
        remaining = context.time_remaining()
        return "DEADLINE_EXCEEDED" if remaining is not None and remaining <= _SOON else "CANCELLED"
    # A function without async that grpc.aio runs in its pool is given a context that does not tell its code.
    code = context.code() if hasattr(context, "code") else None
    if not code:
        return None
    return str(code.name) if hasattr(code, "name") else _name(code)


def _is_gone(context: Any, error: BaseException | None) -> bool:
    if error is not None and not isinstance(error, Exception):
        return True  # a coroutine that was cancelled, a generator that was closed
    if hasattr(context, "is_active"):
        return not context.is_active()
    return hasattr(context, "cancelled") and bool(context.cancelled())


def _name(number: int) -> str:
    import grpc

    return next((code.name for code in grpc.StatusCode if code.value[0] == number), "UNKNOWN")
