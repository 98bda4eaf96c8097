"""A gRPC service of bytes: ``grpc_app.py PORT threads|tasks`` serves it with threads or with coroutines."""

import seawall.auto  # noqa: F401, I001 - the first line, as the documents say

import asyncio
import sys
import threading
import time
from collections.abc import AsyncIterator, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import grpc
import grpc.aio
from opentelemetry import propagate

SERVICE = "shop.Stock"


def traceparent() -> bytes:
    carrier: dict[str, str] = {}
    propagate.inject(carrier)
    return carrier.get("traceparent", "").encode()


def get(request: bytes, context: Any) -> bytes:
    if request == b"missing":
        context.abort(grpc.StatusCode.NOT_FOUND, "missing")
    if request == b"wrong":
        context.set_code(grpc.StatusCode.INVALID_ARGUMENT)
    if request == b"down":
        context.abort(grpc.StatusCode.UNAVAILABLE, "down")
    if request == b"boom":
        raise RuntimeError("boom")
    while request == b"slow" and context.is_active():
        time.sleep(0.005)
    return traceparent() if request == b"trace" else request


def count(request: bytes, context: Any) -> Iterator[bytes]:
    yield b"one"
    if request == b"boom":
        raise RuntimeError("boom")
    while request == b"wait" and context.is_active():
        yield b"x" * 1024
    yield traceparent()


def total(requests: Iterator[bytes], context: Any) -> bytes:
    return b"".join(requests)


def echo(requests: Iterator[bytes], context: Any) -> Iterator[bytes]:
    yield from requests


async def get_async(request: bytes, context: Any) -> bytes:
    if request == b"missing":
        await context.abort(grpc.StatusCode.NOT_FOUND, "missing")
    if request == b"wrong":
        context.set_code(grpc.StatusCode.INVALID_ARGUMENT)
    if request == b"down":
        await context.abort(grpc.StatusCode.UNAVAILABLE, "down")
    if request == b"boom":
        raise RuntimeError("boom")
    if request == b"slow":
        await asyncio.sleep(20)
    return traceparent() if request == b"trace" else request


async def count_async(request: bytes, context: Any) -> AsyncIterator[bytes]:
    yield b"one"
    if request == b"boom":
        raise RuntimeError("boom")
    while request == b"wait":
        await asyncio.sleep(0.001)
        yield b"x" * 1024
    yield traceparent()


async def total_async(requests: AsyncIterator[bytes], context: Any) -> bytes:
    return b"".join([request async for request in requests])


async def echo_async(requests: AsyncIterator[bytes], context: Any) -> None:
    async for request in requests:
        await context.write(request)


def handlers(*functions: Any) -> Any:
    kinds = ("unary_unary", "unary_stream", "stream_unary", "stream_stream")
    made = {
        name: getattr(grpc, f"{kind}_rpc_method_handler")(function)
        for name, kind, function in zip(("Get", "Count", "Total", "Echo"), kinds, functions, strict=True)
    }
    # A plain function among coroutines: grpc.aio runs it in its pool.
    made["Plain"] = grpc.unary_unary_rpc_method_handler(get)
    return grpc.method_handlers_generic_handler(SERVICE, made)


class Refuses(grpc.ServerInterceptor):  # type: ignore[misc]
    """The application's own: it answers what it is told to."""

    def intercept_service(self, continuation: Any, details: Any) -> Any:
        if ("refuse", "yes") in details.invocation_metadata:
            return grpc.unary_unary_rpc_method_handler(
                lambda _, context: context.abort(grpc.StatusCode.PERMISSION_DENIED, "refused")
            )
        return continuation(details)


def with_threads(port: int) -> None:
    server = grpc.server(ThreadPoolExecutor(8), interceptors=[Refuses()])
    server.add_generic_rpc_handlers((handlers(get, count, total, echo),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    server.start()
    threading.Event().wait()


async def with_tasks(port: int) -> None:
    server = grpc.aio.server(migration_thread_pool=ThreadPoolExecutor(4))
    server.add_generic_rpc_handlers((handlers(get_async, count_async, total_async, echo_async),))
    server.add_insecure_port(f"127.0.0.1:{port}")
    await server.start()
    await server.wait_for_termination()


if __name__ == "__main__":
    if sys.argv[2] == "threads":
        with_threads(int(sys.argv[1]))
    else:
        asyncio.run(with_tasks(int(sys.argv[1])))
