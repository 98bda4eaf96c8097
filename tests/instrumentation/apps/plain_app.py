"""An application that says nothing of Seawall: `asgi` for ASGI servers, `wsgi` for WSGI servers, `jobs` for Celery."""

import os
import sys

from fastapi import FastAPI
from flask import Flask

asgi = FastAPI()
wsgi = Flask(__name__)


def who() -> dict[str, object]:
    """Return which process answers, and what it has counted of this route."""
    running = sys.modules.get("seawall.instrumentation.start")
    page = running.start().registry.render().decode() if running else ""
    counts = [line for line in page.splitlines() if "duration_seconds_count{" in line and 'http_route="/who"' in line]
    return {"pid": os.getpid(), "counted": sum(float(line.rpartition(" ")[2]) for line in counts)}


@asgi.get("/who")
async def asgi_who() -> dict[str, object]:
    """Answer."""
    return who()


@wsgi.get("/who")
def wsgi_who() -> dict[str, object]:
    """Answer."""
    return who()
