"""A Flask application on gevent's own server: ``green_app.py PORT first|late`` patches before or after the one import."""

import sys

if sys.argv[2:] == ["first"]:
    from gevent import monkey

    monkey.patch_all()

import seawall.auto  # noqa: F401

if sys.argv[2:] == ["late"]:
    from gevent import monkey

    monkey.patch_all()

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


if __name__ == "__main__":
    from gevent.pywsgi import WSGIServer

    WSGIServer(("127.0.0.1", int(sys.argv[1])), app, log=None).serve_forever()
