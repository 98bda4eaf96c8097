"""gRPC, sync and aio: each call of a channel, beneath the interceptors that a sync channel's user has."""

from collections.abc import Callable
from functools import partial, wraps
from time import perf_counter
from typing import Any, Final

from seawall.instrumentation.diagnostics import guarded
from seawall.instrumentation.wrapping import replace

from . import Clients
from .calling import is_suppressed, trace_headers

_METADATA: Final = 2  # its place behind the request and the timeout, where it is not given by name

# Counts a call that ended with a code.
End = Callable[[Any], None]
Observe = Callable[[Any], End]
# Makes a call, and has its end counted.
Run = Callable[[Callable[[], Any], End], Any]


def hook_channel(module: Any, clients: Clients) -> None:
    """Count the calls of ``grpc.Channel``."""
    import grpc

    def observe(callable_: Any) -> End:
        return _observe(clients, callable_._method, callable_._target)

    for name in ("_UnaryUnaryMultiCallable", "_StreamUnaryMultiCallable"):
        kind = getattr(module, name)
        for method in ("__call__", "with_call"):
            _hook(kind, method, observe, _blocking(grpc.RpcError))
        _hook(kind, "future", observe, _pending(_end_later))
    for name in (
        "_UnaryStreamMultiCallable",
        "_SingleThreadedUnaryStreamMultiCallable",
        "_StreamStreamMultiCallable",
    ):
        _hook(getattr(module, name), "__call__", observe, _pending(_end_later))


def hook_aio(module: Any, clients: Clients) -> None:
    """Count the calls of ``grpc.aio.Channel``."""

    def observe(callable_: Any) -> End:
        return _observe(clients, callable_._method, callable_._channel.target)

    for kind in ("UnaryUnary", "UnaryStream", "StreamUnary", "StreamStream"):
        _hook(getattr(module, f"{kind}MultiCallable"), "__call__", observe, _pending(_end_aio_later))


def _observe(clients: Clients, method: Any, target: Any) -> End:
    started = perf_counter()
    name = method if isinstance(method, bytes) else str(method).encode()
    peer = target if isinstance(target, bytes) else str(target).encode()

    @guarded("count a call")
    def end(code: Any) -> None:
        clients.rpc.end((name, peer, code.name), perf_counter() - started)

    return end


def _hook(owner: Any, name: str, observe: Observe, run: Run) -> None:
    original = owner.__dict__[name]
    begin = guarded("count a call")(observe)

    @wraps(original)
    def call(self: Any, *given: Any, **named: Any) -> Any:
        end = None if is_suppressed() else begin(self)
        if end is None:
            return original(self, *given, **named)
        given, named = _carried(given, named)
        return run(partial(original, self, *given, **named), end)

    replace(owner, name, call)


def _blocking(rpc_error: type[Exception]) -> Run:
    def run(call: Callable[[], Any], end: End) -> Any:
        try:
            result = call()
        except rpc_error as error:
            _end_failed(end, error)
            raise
        _end_ok(end)
        return result

    return run


def _pending(follow: Callable[[Any, End], None]) -> Run:
    def run(call: Callable[[], Any], end: End) -> Any:
        made = call()
        follow(made, end)
        return made

    return run


@guarded("count a call")
def _end_failed(end: End, error: Any) -> None:
    end(error.code())


@guarded("count a call")
def _end_ok(end: End) -> None:
    import grpc

    end(grpc.StatusCode.OK)


@guarded("count a call")
def _end_later(call: Any, end: End) -> None:
    # Of the call itself nothing is kept: one that nobody holds any more is cancelled, as it is without Seawall.
    state = call._state
    if not call.add_callback(lambda: end(state.code)):
        end(state.code)


@guarded("count a call")
def _end_aio_later(call: Any, end: End) -> None:
    # A callback of the call itself would hold it, and what nobody holds is cancelled: its inner half is asked.
    task = getattr(call, "_interceptors_task", None)
    if task is not None:
        task.add_done_callback(lambda done: _end_intercepted(done, end))
        return
    inner = call._cython_call
    inner.add_done_callback(lambda *_: _end_aio(inner, end))


@guarded("count a call")
def _end_intercepted(task: Any, end: End) -> None:
    import grpc

    error = None if task.cancelled() else task.exception()
    if task.cancelled():
        end(grpc.StatusCode.CANCELLED)
    elif isinstance(error, grpc.RpcError):
        _end_failed(end, error)
    elif error is None:
        made = task.result()
        made = getattr(made, "_call", made)
        if hasattr(made, "_cython_call"):  # an interceptor may answer by itself
            _end_aio_later(made, end)


@guarded("count a call")
def _end_aio(inner: Any, end: End) -> None:
    import grpc

    # A call that is done knows its status at once: the coroutine has nothing to wait for.
    asked = inner.status()
    try:
        asked.send(None)
    except StopIteration as answer:
        number = answer.value.code()
        end(next((code for code in grpc.StatusCode if code.value[0] == number), grpc.StatusCode.UNKNOWN))
    finally:
        asked.close()


def _carried(given: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]]:
    """Return the arguments with the current trace in the metadata."""
    return _with_trace(given, named) or (given, named)


@guarded("carry a trace on")
def _with_trace(given: tuple[Any, ...], named: dict[str, Any]) -> tuple[tuple[Any, ...], dict[str, Any]] | None:
    headers = trace_headers()
    if not headers:
        return None
    by_place = len(given) > _METADATA
    metadata = given[_METADATA] if by_place else named.get("metadata")
    from grpc.aio import Metadata

    # Anything else may be an iterator, which can be read once.
    if metadata is not None and not isinstance(metadata, tuple | list | Metadata):
        return None
    pairs = tuple(metadata or ())
    if any(key in headers for key, _ in pairs):
        return None
    added = (*pairs, *((key.lower(), value) for key, value in headers.items()))
    more = Metadata(*added) if isinstance(metadata, Metadata) else added
    if by_place:
        return (*given[:_METADATA], more, *given[_METADATA + 1 :]), named
    return given, {**named, "metadata": more}
