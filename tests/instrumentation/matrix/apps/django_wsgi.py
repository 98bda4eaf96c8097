"""Django behind WSGI, with plain views."""

import seawall.auto  # noqa: F401, I001 - the first line, as the documents say

from collections.abc import Iterator

from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.urls import path
from django.views import View

from django_urls import addresses, configure
from gates import Gate

gate = Gate()


class Item(View):
    def get(self, request: HttpRequest, number: str, tenant: str = "") -> HttpResponse:
        return HttpResponse(str(number))

    post = get


def boom(request: HttpRequest) -> HttpResponse:
    raise RuntimeError("boom")


def answer(request: HttpRequest, status: int) -> HttpResponse:
    return HttpResponse(f"answered {status}", status=status)


def chunks() -> Iterator[bytes]:
    yield b"one"
    gate.wait()
    yield b"two"


def stream(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(chunks())


def endless(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(b"x" * 65536 for _ in iter(gate.is_open, True))


def broken() -> Iterator[bytes]:
    yield b"one"
    raise LookupError("half-way")


def breaks(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(broken())


def events(request: HttpRequest) -> StreamingHttpResponse:
    return StreamingHttpResponse(chunks(), content_type="text/event-stream")


def slow(request: HttpRequest) -> HttpResponse:
    gate.wait()
    return HttpResponse("slow")


views = {"boom": boom, "answer": answer, "stream": stream, "breaks": breaks, "events": events, "slow": slow}
urlpatterns = [*addresses({**views, "item": Item.as_view()}), path("endless", endless)]
configure(__name__)
app = get_wsgi_application()
