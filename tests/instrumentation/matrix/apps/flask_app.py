"""Flask, with nested blueprints and what werkzeug's dispatcher mounts."""

import seawall.auto  # noqa: F401, I001 - the first line, as the documents say

from collections.abc import Iterator

from flask import Blueprint, Flask, Response, abort
from werkzeug.middleware.dispatcher import DispatcherMiddleware

from gates import Gate

gate = Gate()
app = Flask(__name__)


@app.route("/items/<int:number>", methods=["GET", "POST"])
def item(number: int) -> str:
    return str(number)


@app.get("/boom")
def boom() -> str:
    raise RuntimeError("boom")


@app.get("/answers/<int:status>")
def answer(status: int) -> str:
    abort(status)


def chunks() -> Iterator[bytes]:
    yield b"one"
    gate.wait()
    yield b"two"


@app.get("/stream")
def stream() -> Response:
    return Response(chunks())


@app.get("/endless")
def endless() -> Response:
    return Response(b"x" * 65536 for _ in iter(gate.is_open, True))


def broken() -> Iterator[bytes]:
    yield b"one"
    raise LookupError("half-way")


@app.get("/breaks")
def breaks() -> Response:
    return Response(broken())


@app.get("/events")
def events() -> Response:
    return Response(chunks(), mimetype="text/event-stream")


@app.get("/slow")
def slow() -> str:
    gate.wait()
    return "slow"


def thing(number: str, tenant: str = "") -> str:
    return number


things = Blueprint("things", __name__, url_prefix="/things")
things.add_url_rule("/<number>", view_func=thing)
api = Blueprint("api", __name__, url_prefix="/api")
api.register_blueprint(things)
app.register_blueprint(api, url_prefix="/v1/api")
app.register_blueprint(things, url_prefix="/tenants/<tenant>/things", name="tenants")
for each in range(200):
    app.add_url_rule(f"/r{each}/<number>", f"r{each}", thing)

mounted = Flask("mounted")
mounted.register_blueprint(things)
app.wsgi_app = DispatcherMiddleware(app.wsgi_app, {"/sub": mounted})  # type: ignore[method-assign]
