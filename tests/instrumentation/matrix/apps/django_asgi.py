"""Django behind ASGI, with views that are coroutines, and one that is not."""

import seawall.auto  # noqa: F401, I001 - the first line, as the documents say

from collections.abc import AsyncIterator

from django.core.asgi import get_asgi_application
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from django.views import View

from django_urls import addresses, configure
from gates import Gate

gate = Gate()


class Item(View):
    async def get(self, request: HttpRequest, number: str, tenant: str = "") -> HttpResponse:
        return HttpResponse(str(number))

    post = get


async def boom(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("boom")


async def answer(request: HttpRequest, status: int) -> HttpResponse:
    return HttpResponse(f"answered {status}", status=status)


async def chunks() -> AsyncIterator[bytes]:
    yield b"one"
    await gate.passed()
    yield b"two"


async def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(chunks())


async def broken() -> AsyncIterator[bytes]:
    yield b"one"
    raise LookupError("half-way")


async def breaks(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(broken())


async def events(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(chunks(), content_type="text/event-stream")


async def slow(request: HttpRequest) -> HttpResponse:
    await gate.passed()
    return HttpResponse("slow")


def in_a_thread(request: HttpRequest, number: int) -> HttpResponse:
    return HttpResponse(str(number))


views = {"boom": boom, "answer": answer, "stream": stream, "breaks": breaks, "events": events, "slow": slow}
urlpatterns = [*addresses({**views, "item": Item.as_view()}), path("sync/<int:number>", in_a_thread)]
configure(__name__)
app = get_asgi_application()
