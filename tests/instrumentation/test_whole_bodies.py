"""Bodies that a framework has whole before the response begins: handed to the server as they are, and measured."""

import json
from typing import Any

import pytest
from applications import run_python

ASK = """
import json, sys, urllib.request
from seawall.instrumentation import start
from werkzeug.test import EnvironBuilder

def ask(path, method="GET"):
    answer = app(EnvironBuilder(path=path, method=method).get_environ(), lambda *_: None)
    body = b"".join(answer)
    if hasattr(answer, "close"):
        answer.close()
    return type(answer).__module__.partition(".")[0], len(body)

def sizes():
    page = urllib.request.urlopen(f"http://127.0.0.1:{start().server.port}/metrics").read().decode()
    lines = [line for line in page.splitlines() if line.startswith("http_server_response_body_size_bytes_sum")]
    return {line.split('http_route="')[1].split('"')[0] + " " + line.split('method="')[1].split('"')[0]:
            float(line.split()[-1]) for line in lines}
"""
FLASK = f"""
import seawall.auto
from flask import Flask, Response
from opentelemetry import trace
{ASK}
app, traces = Flask("shop"), []
trace_id = lambda: traces.append(trace.get_current_span().get_span_context().trace_id)

@app.get("/json")
def whole():
    return {{"number": 1}}

@app.get("/text")
def text():
    return Response(["é", b"b"])

@app.get("/stream")
def stream():
    return Response(each for each in (b"a", b"b"))

@app.get("/closing")
def closing():
    trace_id()
    response = Response("done")
    response.call_on_close(trace_id)
    return response

@app.get("/doubled")
def doubled():
    return "four"

inner = app.wsgi_app
app.wsgi_app = lambda environ, start: (
    iter([*inner(environ, start)] * 2) if environ["PATH_INFO"] == "/doubled" else inner(environ, start))
asked = {{path: ask(path) for path in ("/json", "/text", "/stream", "/closing", "/doubled")}}
asked["HEAD"] = ask("/json", "HEAD")
print(json.dumps([asked, sizes(), len(traces), len(set(traces))]))
"""
DJANGO = f"""
import seawall.auto, django
from django.conf import settings
from django.core.wsgi import get_wsgi_application
from django.http import HttpResponse, StreamingHttpResponse
from django.urls import path
{ASK}
def whole(_):
    return HttpResponse(["é", b"b"])

def stream(_):
    return StreamingHttpResponse(iter([b"a", b"b"]))

settings.configure(ROOT_URLCONF=(path("whole", whole), path("stream", stream)), ALLOWED_HOSTS=["*"])
django.setup()
app = get_wsgi_application()
asked = {{path: ask(path) for path in ("/whole", "/stream")}}
asked["HEAD"] = ask("/whole", "HEAD")
print(json.dumps([asked, sizes()]))
"""


def told(code: str) -> list[Any]:
    """Return what an application prints in the end."""
    ran = run_python(code)
    assert 0 == ran.returncode, ran.stderr
    found: list[Any] = json.loads(ran.stdout)
    return found


def test_flasks_own_bodies_are_not_wrapped() -> None:
    """Unless they stream, somebody else's are in their place, or something is to be called within the trace."""
    pytest.importorskip("flask")
    asked, sizes, calls, traces = told(FLASK)

    assert {
        "/json": ["werkzeug", 13],
        "/text": ["werkzeug", 3],
        "/stream": ["seawall", 2],
        "/closing": ["seawall", 4],
        "/doubled": ["seawall", 8],
        "HEAD": ["werkzeug", 0],
    } == asked
    assert {
        "/json GET": 13,
        "/text GET": 3,
        "/stream GET": 2,
        "/closing GET": 4,
        "/doubled GET": 8,
        "/json HEAD": 0,
    } == sizes
    assert (2, 1) == (calls, traces)


def test_djangos_own_bodies_are_not_wrapped() -> None:
    """Unless they stream; of a HEAD nothing goes over the wire, whatever Django leaves for the server to drop."""
    pytest.importorskip("django")
    asked, sizes = told(DJANGO)

    assert {"/whole": ["django", 3], "/stream": ["seawall", 2], "HEAD": ["django", 3]} == asked
    assert {"/whole GET": 3, "/stream GET": 2, "/whole HEAD": 0} == sizes
