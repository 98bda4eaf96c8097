"""What opentelemetry-instrumentation-grpc and -celery do to servers and workers, in its least form, and calls of both.

They are written after what these packages publish: the names of their tracers, the place of their interceptor, the
context that they read by themselves, and the signals that they listen to.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

from opentelemetry import context, propagate, trace
from opentelemetry.trace import SpanKind

SCOPE = "opentelemetry.instrumentation"
METADATA = (("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"),)


class _Follows:
    """Wrap a handler as the interceptor does: its caller's context, then a span of a server in it."""

    def __init__(self, provider: Any = None) -> None:
        self.tracer = trace.get_tracer(f"{SCOPE}.grpc", None, provider)

    @contextmanager
    def span(self, details: Any, call: Any) -> Iterator[Any]:
        token = context.attach(propagate.extract(dict(call.invocation_metadata())))
        try:
            with self.tracer.start_as_current_span(
                name=details.method, kind=SpanKind.SERVER, attributes={"rpc.method": "short"}
            ) as span:
                span.set_attribute("rpc.grpc.status_code", 0)
                yield span
        finally:
            context.detach(token)

    def wrapped(self, handler: Any, details: Any, *, waits: bool) -> Any:
        import grpc

        if handler.response_streaming:
            behaviour = self.waits_stream(handler, details) if waits else self.stream(handler, details)
            return grpc.unary_stream_rpc_method_handler(behaviour)
        behaviour = self.waits_call(handler, details) if waits else self.call(handler, details)
        return grpc.unary_unary_rpc_method_handler(behaviour)

    def call(self, handler: Any, details: Any) -> Any:
        def behaviour(request: bytes, call: Any) -> Any:
            with self.span(details, call):
                return handler.unary_unary(request, call)

        return behaviour

    def stream(self, handler: Any, details: Any) -> Any:
        def behaviour(request: bytes, call: Any) -> Iterator[Any]:
            with self.span(details, call):
                yield from handler.unary_stream(request, call)

        return behaviour

    def waits_call(self, handler: Any, details: Any) -> Any:
        async def behaviour(request: bytes, call: Any) -> Any:
            with self.span(details, call):
                return await handler.unary_unary(request, call)

        return behaviour

    def waits_stream(self, handler: Any, details: Any) -> Any:
        async def behaviour(request: bytes, call: Any) -> AsyncIterator[Any]:
            with self.span(details, call):
                async for each in handler.unary_stream(request, call):
                    yield each

        return behaviour


def instrument_grpc(provider: Any = None) -> None:
    """Put an interceptor before those of every server, as the two instrumentors of servers do."""
    import grpc
    import grpc.aio

    follows = _Follows(provider)

    class Plain(grpc.ServerInterceptor):  # type: ignore[misc]
        def intercept_service(self, continuation: Any, details: Any) -> Any:
            return follows.wrapped(continuation(details), details, waits=False)

    class Waits(grpc.aio.ServerInterceptor):  # type: ignore[misc]
        async def intercept_service(self, continuation: Any, details: Any) -> Any:
            return follows.wrapped(await continuation(details), details, waits=True)

    def putting(original: Any, interceptor: Any) -> Any:
        def server(*args: Any, **kwargs: Any) -> Any:
            kwargs["interceptors"] = [interceptor, *(kwargs.get("interceptors") or ())]
            return original(*args, **kwargs)

        return server

    grpc.server = putting(grpc.server, Plain())
    grpc.aio.server = putting(grpc.aio.server, Waits())


def _handled() -> bytes:
    """Tell the current span of the handler something, and call somebody."""
    trace.get_current_span().set_attribute("user", "seven")
    with trace.get_tracer(f"{SCOPE}.grpc").start_as_current_span("onwards", kind=SpanKind.CLIENT):
        return b"x"


def _handlers(*behaviours: Any) -> Any:
    import grpc

    made = {
        "Get": grpc.unary_unary_rpc_method_handler(behaviours[0]),
        "Count": grpc.unary_stream_rpc_method_handler(behaviours[1]),
    }
    return (grpc.method_handlers_generic_handler("shop.Stock", made),)


def _ask(port: int) -> None:
    import grpc

    with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
        channel.unary_unary("/shop.Stock/Get")(b"", timeout=20, metadata=METADATA)
        list(channel.unary_stream("/shop.Stock/Count")(b"", timeout=20, metadata=METADATA))


def call_threads() -> None:
    """Call a server with threads, a call and a stream."""
    import grpc

    def stream(*_: Any) -> Iterator[bytes]:
        yield b"a"
        yield _handled()

    server = grpc.server(ThreadPoolExecutor(2))
    server.add_generic_rpc_handlers(_handlers(lambda *_: _handled(), stream))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    _ask(port)
    server.stop(20).wait()


def call_tasks() -> None:
    """Call a server with coroutines."""
    import grpc.aio

    async def get(*_: Any) -> bytes:
        return _handled()

    async def stream(*_: Any) -> AsyncIterator[bytes]:
        yield b"a"
        yield _handled()

    async def serve() -> None:
        server = grpc.aio.server()
        server.add_generic_rpc_handlers(_handlers(get, stream))
        port = server.add_insecure_port("127.0.0.1:0")
        await server.start()
        await asyncio.to_thread(_ask, port)
        await server.stop(20)

    asyncio.run(serve())


def instrument_celery(provider: Any = None) -> None:
    """Listen to the signals, as the instrumentor does: a span of a consumer from a task's begin to its end."""
    from celery import signals

    tracer = trace.get_tracer(f"{SCOPE}.celery", None, provider)
    begun: dict[str, Any] = {}

    def begin(task_id: str, task: Any, **_: Any) -> None:
        fields = {key: getattr(task.request, key, None) for key in ("traceparent", "tracestate")}
        parent = propagate.extract({key: value for key, value in fields.items() if value}) or None
        span = tracer.start_span(f"run/{task.name}", context=parent, kind=SpanKind.CONSUMER)
        begun[task_id] = span, trace.use_span(span, end_on_exit=True)
        begun[task_id][1].__enter__()

    def fail(task_id: str, einfo: Any, **_: Any) -> None:
        span, _activation = begun[task_id]
        if span.is_recording():
            span.record_exception(einfo)

    def end(task_id: str, **_: Any) -> None:
        span, activation = begun.pop(task_id)
        if span.is_recording():
            span.set_attribute("celery.action", "run")
        activation.__exit__(None, None, None)

    signals.task_prerun.connect(begin, weak=False)
    signals.task_failure.connect(fail, weak=False)
    signals.task_postrun.connect(end, weak=False)


def run_tasks() -> list[bool]:
    """Have a worker run tasks, of which one fails; return whether it was in a trace before each."""
    from celery import Celery, signals
    from celery.contrib.testing.worker import start_worker

    app = Celery("shop", broker="memory://", backend="cache+memory://")
    app.conf.update(task_default_queue="mails", worker_hijack_root_logger=False)
    left: list[bool] = []

    @signals.task_received.connect(weak=False)
    def note(**_: Any) -> None:
        left.append(trace.get_current_span().get_span_context().is_valid)

    @app.task(name="shop.inner")
    def inner() -> None:
        """Run within another task: no message is sent."""

    @app.task(name="shop.work")
    def work(fails: bool) -> None:
        trace.get_current_span().set_attribute("user", "seven")
        inner.apply()
        if fails:
            raise LookupError("as it was told")

    with start_worker(app, pool="solo", perform_ping_check=False, loglevel="CRITICAL", shutdown_timeout=20):
        for fails in (False, True, False):
            work.delay(fails).get(timeout=20, propagate=False)
    return left
