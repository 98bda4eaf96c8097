"""A Flask application on a server of greenlets: ``green_app.py PORT first|late gevent|eventlet`` patches in this order."""

import sys

from green_patch import patch

if sys.argv[2:3] == ["first"]:
    patch()

import seawall.auto  # noqa: F401

if sys.argv[2:3] == ["late"]:
    patch()

import logging
import os
import time
from pathlib import Path

from flask import Flask
from opentelemetry import metrics

orders = metrics.get_meter("shop").create_counter("orders.placed")
app = Flask(__name__)


@app.get("/items/<int:number>")
def item(number: int) -> str:
    """Answer after another greenlet has had its turn."""
    time.sleep(0.005)
    orders.add(1)
    logging.getLogger("shop").error("asked for %d", number)
    return str(os.getpid())


@app.get("/holds")
def holds() -> str:
    """Keep every greenlet of this process waiting until a file is there."""
    flag = Path(os.environ["GREEN_FOLDER"])
    (flag / "begun").touch()
    end = time.monotonic() + 30
    while not (flag / "released").exists() and time.monotonic() < end:
        pass
    return str((flag / "released").exists())


def serve(port: int) -> None:
    """Answer on *port*."""
    if sys.argv[-1] == "eventlet":
        from eventlet import listen, wsgi

        wsgi.server(listen(("127.0.0.1", port)), app, log_output=False)
    else:
        from gevent.pywsgi import WSGIServer

        WSGIServer(("127.0.0.1", port), app, log=None).serve_forever()


if __name__ == "__main__":
    serve(int(sys.argv[1]))
