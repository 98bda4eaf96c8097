"""A Flask and a Django application for the reloaders of both: ``flask --app reloaded_app run``, or runserver of this."""

import os
import sys

import seawall.auto  # noqa: F401 - first, as users write it


def who(*_: object) -> str:
    """Return the process that answers."""
    return str(os.getpid())


if __name__ == "__main__":
    from django.conf import settings
    from django.core.management import execute_from_command_line
    from django.http import HttpResponse
    from django.urls import path

    settings.configure(DEBUG=True, ROOT_URLCONF=__name__, SECRET_KEY="test", ALLOWED_HOSTS=["*"], INSTALLED_APPS=[])
    urlpatterns = [path("", lambda request: HttpResponse(who(request)))]
    execute_from_command_line(sys.argv)
else:
    from flask import Flask

    app = Flask(__name__)
    app.add_url_rule("/", "who", who)
