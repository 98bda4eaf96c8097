"""``seawall.instrument(app)``: one application of a process, whatever it is made of, and back."""

import json
from pathlib import Path

import pytest
from applications import run_python

pytestmark = pytest.mark.e2e

APPS = Path(__file__).parent / "apps"
FRAMEWORKS = ["fastapi", "starlette", "litestar", "falcon_asgi", "falcon_wsgi", "flask", "django_wsgi", "django_asgi", "aiohttp"]  # fmt: skip


def run(code: str, environ: dict[str, str] | None = None, *, said: str = "") -> str:
    """Run *code* beside ``pairs``; return what it printed. It must log what is *said* and nothing else."""
    done = run_python(f"from pairs import *\nimport seawall\n{code}", environ, cwd=APPS)

    assert (0, said) == (done.returncode, done.stderr)
    return done.stdout


@pytest.mark.parametrize("framework", FRAMEWORKS)
def test_the_requests_of_the_one_application_count_and_those_of_another_do_not(framework: str) -> None:
    """Though both were made, and had answered, before Seawall was there; twice is once; and it can be undone, twice."""
    run(f"""
make, ask, route = PAIRS["{framework}"]
one, other = make(), make()
if "{framework}" != "aiohttp":  # whose applications end with their server
    assert ("200", "200") == (ask(one), ask(other))
assert one is seawall.instrument(one) is seawall.instrument(one)
names = spans()
assert ("200", "200") == (ask(one), ask(other))
assert {{route: 1}} == counted(), counted()
assert [f"GET {{route}}"] == names(), names()
assert one is seawall.uninstrument(one) is seawall.uninstrument(one)
if "{framework}" != "aiohttp":
    assert ("200", "200") == (ask(one), ask(other))
    assert one is seawall.instrument(one)
    assert "200" == ask(one)
    assert {{route: 2}} == counted(), counted()
""")


def test_a_litestar_application_keeps_its_routes_and_what_it_mounts() -> None:
    """It is told its routes anew, once: their names lead where they did, and what it mounts has its prefix."""
    run("""
one = litestar()
before = {name: list(routes) for name, routes in one.asgi_router.route_mapping.items()}
assert "200" == ask_asgi(one, "/sub/items/7")
seawall.instrument(one)
assert before == dict(one.asgi_router.route_mapping)
assert ("200", "200") == (ask_asgi(one, "/sub/items/7"), ask_asgi(one))
assert {"/sub/{path}": 1, "/items/{number}": 1} == counted(), counted()
""")


def test_a_plain_callable_is_wrapped() -> None:
    """What is returned is what counts, once however often it is wrapped; the application stands behind it."""
    run("""
class Framework:
    greeting = "hello"
    async def __call__(self, scope, receive, send):
        await plain_asgi(scope, receive, send)

framework = Framework()
for app, ask in ((plain_asgi, ask_asgi), (plain_wsgi, ask_wsgi), (framework, ask_asgi)):
    before = counted().get("", 0) if app is not plain_asgi else 0
    served = seawall.instrument(app)
    assert served is not app and served is seawall.instrument(served)
    assert "200" == ask(app)
    assert before == counted().get("", 0)
    assert "200" == ask(served)
    assert "200" == ask(seawall.instrument(app))
    assert before + 2 == counted()[""]
    assert app is seawall.uninstrument(served) is seawall.uninstrument(served) is seawall.uninstrument(app)
    assert "200" == ask(served)
    assert before + 2 == counted()[""]
    assert served is seawall.instrument(served)
    assert "200" == ask(served)
    assert before + 3 == counted()[""]
assert "hello" == seawall.instrument(framework).greeting
""")


@pytest.mark.parametrize("framework", ["flask", "django_wsgi", "falcon_wsgi", "starlette"])
def test_a_framework_below_a_plain_callable_tells_its_routes(framework: str) -> None:
    """What wraps the framework's object is counted, under the template that the framework found."""
    run(f"""
make, ask, route = PAIRS["{framework}"]
one, other = make(), make()
if ask is ask_wsgi:
    def served(environ, start_response):
        return one(environ, start_response)
else:
    async def served(scope, receive, send):
        await one(scope, receive, send)
served = seawall.instrument(served)
assert ("200", "200", "404") == (ask(served), ask(one), ask(served, "/nothing"))
assert {{route: 1, "": 1}} == counted(), counted()
""")


@pytest.mark.parametrize(
    ("app", "kind"),
    [
        ("plain_asgi", "asgi"),
        ("plain_wsgi", "wsgi"),
        ("functools.partial(plain_asgi)", "asgi"),
        ("lambda scope, receive, send: plain_asgi(scope, receive, send)", "asgi"),
        ("lambda environ, start_response, extra=None: []", "wsgi"),
        ("lambda *anything: []", None),
        ("lambda scope: plain_asgi", None),
        ("print", None),
        ("type('App', (), {})", None),
        ("'app:app'", None),
        ("None", None),
    ],
)
def test_an_application_is_known_by_how_it_is_called(app: str, kind: str | None) -> None:
    """Three arguments are ASGI, two are WSGI; what is neither is left as it is."""
    code = f"import functools\nfrom seawall.instrumentation.applications import kind_of\nprint(kind_of({app}))"

    assert f"{kind}\n" == run(code)


@pytest.mark.parametrize(
    ("app", "said"),
    [
        ("'app:app'", "an object of builtins.str: it wants the application object, or any ASGI or WSGI callable."),
        ("Framework", "the class __main__.Framework: it wants an application, not its class; make one first."),
        (
            "lambda: plain_asgi",
            "an object of builtins.function: it can be called neither as ASGI (scope, receive, send) nor as WSGI (environ, start_response). Give the application itself, or what a factory returns.",
        ),
    ],
)
def test_what_is_no_application_is_returned_and_named_once(app: str, said: str) -> None:
    """One line says what to give instead; nothing is raised."""
    code = f"class Framework: ...\napp = {app}\nassert app is seawall.instrument(app) is seawall.instrument(app)"

    run(code, said=f"Seawall cannot instrument {said}\n")


def test_after_the_one_import_it_changes_nothing() -> None:
    """Every application counts already, and counts once; it cannot be taken out, which is said."""
    said = "Seawall counts every application of this process (import seawall.auto, or seawall run): seawall.uninstrument leaves an object of fastapi.applications.FastAPI as it is.\n"
    run(
        """
import seawall.auto
one, other = fastapi(), fastapi()
assert one is seawall.instrument(one)
assert ("200", "200") == (ask_asgi(one), ask_asgi(other))
assert {"/items/{number}": 2} == counted(), counted()
assert one is seawall.uninstrument(one)
assert "200" == ask_asgi(one)
assert {"/items/{number}": 3} == counted(), counted()
""",
        said=said,
    )


def test_the_one_import_after_it_counts_every_application() -> None:
    """Those that were not chosen count from then on, gRPC's and the task queues' hooks wait no longer; once each."""
    run("""
import rq.queue
one, other = fastapi(), fastapi()
before = rq.queue.Queue.__dict__.copy()
seawall.instrument(one)
assert ("200", "200") == (ask_asgi(one), ask_asgi(other))
assert before == dict(rq.queue.Queue.__dict__)
import seawall.auto
assert before != dict(rq.queue.Queue.__dict__)
assert ("200", "200") == (ask_asgi(one), ask_asgi(other))
assert {"/items/{number}": 3} == counted(), counted()
""")


def test_an_application_that_is_gone_leaves_no_place_to_another() -> None:
    """One that is made where it was is not taken for it."""
    run("""
import gc
from seawall.instrumentation.start import running
for _ in range(3):
    seawall.instrument(starlette())
gc.collect()
assert not running().chosen._kept
""")


def test_fastapis_own_telemetry_tells_of_no_other_application() -> None:
    """It begins as soon as there are providers, which are Seawall's here; with providers of the user's own it goes on."""
    run("""
one, other = fastapi(), fastapi()
seawall.instrument(one)
names = spans()
assert "200" == ask_asgi(other)
assert [] == names(), names()
""")
    run("""
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider(shutdown_on_exit=False))
names = spans()
one, other = fastapi(), fastapi()
seawall.instrument(one)
assert "200" == ask_asgi(other)
assert "GET /items/{number}" in names(), names()
""")


def test_a_service_is_taken_from_its_file(tmp_path: Path) -> None:
    """As SEAWALL_SERVICE is; a second one comes too late, and is named."""
    files = [tmp_path / name for name in ("checkout.json", "other.json")]
    for path in files:
        path.write_text(json.dumps({"name": path.stem, "latency_thresholds": [0.3]}))
    code = f"""
import pathlib
from seawall.instrumentation.start import running
app = fastapi()
seawall.instrument(app, service=pathlib.Path({str(files[0])!r}))
seawall.instrument(app, service={str(files[0])!r})
assert 0.3 in running().http.duration.boundaries
assert "checkout" == running().settings.attributes["service.name"]
seawall.instrument(app, service={str(files[1])!r})
"""
    said = (
        f"Seawall runs with SEAWALL_SERVICE={files[0]} already: service={files[1]} comes too late, and is left out.\n"
    )

    run(code, said=said)


def test_a_disabled_sdk_returns_the_application_as_it_is() -> None:
    """Nothing is wrapped, and nothing said."""
    code = "assert plain_asgi is seawall.instrument(plain_asgi) is seawall.uninstrument(plain_asgi)"

    run(code, {"OTEL_SDK_DISABLED": "true"})


def test_the_package_is_light() -> None:
    """The name is there without OpenTelemetry; calling it imports none of the command line's packages."""
    code = """
import sys
from seawall import instrument, uninstrument
assert not any(name.startswith(("opentelemetry", "wrapt", "seawall.instrumentation")) for name in sys.modules)
async def app(scope, receive, send): ...
instrument(app)
print(*{"click", "jinja2", "pydantic", "yaml"} & set(sys.modules))
"""
    done = run_python(code)

    assert (0, "\n", "") == (done.returncode, done.stdout, done.stderr)
