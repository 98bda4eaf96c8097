"""Record django-prometheus; an application of one file, whose views have names."""

import logging
import time
from typing import Any

import django
from _record import record, serve_wsgi
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpRequest, HttpResponse
from django.urls import include, path

logging.disable()
settings.configure(
    ALLOWED_HOSTS=["127.0.0.1"],
    ROOT_URLCONF=__name__,
    INSTALLED_APPS=["django_prometheus"],
    MIDDLEWARE=[
        "django_prometheus.middleware.PrometheusBeforeMiddleware",
        "django.middleware.common.CommonMiddleware",
        "django_prometheus.middleware.PrometheusAfterMiddleware",
    ],
)
django.setup()


def slow(_: HttpRequest) -> HttpResponse:
    """Answer after 0.4 s."""
    time.sleep(0.4)
    return HttpResponse("answer")


def crashes(_: HttpRequest) -> HttpResponse:
    """Raise, as asked."""
    raise RuntimeError("as asked")


def _answer(route: str, name: str, status: int) -> Any:
    return path(route, lambda _, **__: HttpResponse("answer", status=status), name=name)


urlpatterns = [
    *(
        _answer(name, name, status)
        for name, status in {"pay": 200, "fails": 500, "limited": 429, "left": 499, "healthz": 200}.items()
    ),
    _answer("items/<item>", "item", 200),
    path("slow", slow),
    path("crashes", crashes, name="crashes"),
    path("", include("django_prometheus.urls")),
]
KEPT = (
    "django_http_requests_latency_seconds_by_view_method",
    "django_http_responses_total_by_status_view_method_total",
)
record(
    ["django-prometheus", "django"],
    lambda name: name.startswith(KEPT) and "_created" not in name,
    serve_wsgi(get_wsgi_application()),
)
