"""The addresses of the Django applications, whichever way their views are written."""

from collections.abc import Callable
from typing import Any

import django
from django.conf import settings
from django.urls import include, path, re_path


def configure(module: str) -> None:
    """Set Django up with the addresses that stand in *module*."""
    settings.configure(
        ROOT_URLCONF=module,
        ALLOWED_HOSTS=["*"],
        SECRET_KEY="of the tests",
        MIDDLEWARE=["django.middleware.common.CommonMiddleware"],
        LOGGING_CONFIG=None,
    )
    django.setup()


def addresses(views: dict[str, Callable[..., Any]]) -> list[Any]:
    """Return Django's urlpatterns for *views*."""
    item = views["item"]
    things = [path("things/<str:number>", item)]
    return [
        path("", item, {"number": "root"}),
        path("items/<int:number>", item),
        path("boom", views["boom"]),
        path("answers/<int:status>", views["answer"]),
        path("stream", views["stream"]),
        path("breaks", views["breaks"]),
        path("events", views["events"]),
        path("slow", views["slow"]),
        path("v1/", include([path("api/", include(things))])),
        path("tenants/<slug:tenant>/", include(things)),
        re_path(r"^articles/(?P<number>[0-9]{4})/(?:page-\d+/)?$", item),
        re_path(r"^old/", include([re_path(r"^(?P<number>[^/]+)\.html$", item)])),
        *(path(f"r{number}/<str:number>", item) for number in range(200)),
    ]
