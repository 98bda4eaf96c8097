"""A Flask application with everything that a request can do; waitress serves it on the port that is its argument."""

import seawall.auto  # noqa: F401, I001 - the first line, as the documents say

import logging
import sys
from collections.abc import Iterator
from threading import Event
from typing import Any

import waitress
from flask import Blueprint, Flask, Response, abort
from opentelemetry import propagate
from werkzeug.middleware.dispatcher import DispatcherMiddleware

app = Flask(__name__)
released = Event()


@app.route("/items/<int:number>", methods=["GET", "POST"])
def item(number: int) -> dict[str, int]:
    return {"number": number}


@app.get("/boom")
def boom() -> str:
    raise RuntimeError("boom")


@app.get("/answers/<int:status>")
def answer(status: int) -> str:
    abort(status)


@app.get("/failing")
def failing() -> tuple[str, int]:
    return "failing", 503


@app.errorhandler(LookupError)
def handled(_: LookupError) -> tuple[str, int]:
    return "handled", 422


@app.get("/handled")
def raises_what_is_handled() -> str:
    raise LookupError("handled")


def chunks(last: str) -> Iterator[bytes]:
    if last == "at-once":
        raise ArithmeticError("before the first chunk")
    yield b"one"
    if last == "raise":
        raise ArithmeticError("half-way")
    while last == "wait" and not released.wait(0.01):
        yield b"x" * 65536
    yield b"two"


@app.get("/stream/<last>")
def stream(last: str) -> Response:
    return Response(chunks(last))


@app.get("/held")
def held() -> str:
    released.wait(20)
    return "released"


@app.get("/release")
def release() -> str:
    released.set()
    return "released"


@app.get("/trace")
def trace() -> dict[str, str]:
    headers: dict[str, str] = {}
    propagate.inject(headers)
    record = logging.getLogger("app").makeRecord("app", logging.INFO, "", 0, "", (), None)
    return {"traceparent": headers.get("traceparent", ""), "trace_id": record.trace_id, "span_id": record.span_id}  # type: ignore[attr-defined]


leaves = Blueprint("leaves", __name__, url_prefix="/leaves")
branch = Blueprint("branch", __name__, url_prefix="/branch")


@leaves.get("/<leaf>")
def leaf(leaf: str) -> str:
    return leaf


branch.register_blueprint(leaves)
app.register_blueprint(branch)

mounted = Flask("mounted")


@mounted.get("/m/<name>")
def in_mount(name: str) -> str:
    return name


def hostile(environ: dict[str, Any], start_response: Any) -> Any:
    """Do what no application should."""
    habit = environ["PATH_INFO"].strip("/")
    if habit == "clears":
        environ.clear()
    if habit == "raises":
        raise RuntimeError("plain WSGI")
    start_response("200 OK", [("Content-Type", "text/plain")])
    if habit == "twice":
        start_response("204 No Content", [])
    return [b"done"]


app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/mounted": mounted, "/hostile": hostile})  # type: ignore[method-assign]

if __name__ == "__main__":
    waitress.serve(app, host="127.0.0.1", port=int(sys.argv[1]), threads=8)
