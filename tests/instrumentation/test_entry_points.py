"""Instrumentations that are installed: activated with their libraries, or named and left out. Real distributions."""

from pathlib import Path
from textwrap import dedent

import pytest
from applications import run_python

pytestmark = pytest.mark.e2e

INSTRUMENTOR = """
from opentelemetry.instrumentation.instrumentor import BaseInstrumentor

class Instrumentor(BaseInstrumentor):
    def instrumentation_dependencies(self):
        return {asks!r}

    def _instrument(self, **settings):
        print("instruments {name}", settings or "")

    def _uninstrument(self, **settings):
        print("leaves {name}")
"""


class Site:
    """A folder of installed packages."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def install(self, name: str, files: dict[str, str], *, entry: str = "", requires: tuple[str, ...] = ()) -> None:
        """Write a distribution, as an installer leaves it; *entry* is its instrumentor."""
        info = f"{name.replace('-', '_')}-1.5.dist-info"
        metadata = ["Metadata-Version: 2.1", f"Name: {name}", "Version: 1.5"]
        metadata += [f"Requires-Dist: {each}" for each in requires]
        written = {**files, f"{info}/METADATA": "\n".join([*metadata, ""])}
        if entry:
            written[f"{info}/entry_points.txt"] = f"[opentelemetry_instrumentor]\n{entry}\n"
        written[f"{info}/RECORD"] = "".join(f"{file},,\n" for file in written)
        for file, text in written.items():
            path = self.folder / file
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(dedent(text))

    def instrumentor(
        self, name: str, *, requires: tuple[str, ...] = (), asks: tuple[str, ...] = (), code: str = ""
    ) -> None:
        """Install an instrumentor called *name*."""
        text = code or INSTRUMENTOR.format(name=name, asks=asks)
        module = f"{name.replace('-', '_')}_instrumentation"
        entry = f"{name} = {module}:Instrumentor"
        self.install(f"instrumentation-{name}", {f"{module}.py": text}, entry=entry, requires=requires)

    def run(self, code: str, environ: dict[str, str] | None = None) -> tuple[list[str], list[str]]:
        """Run *code* after the one import; return the lines that it printed and those that it logged."""
        done = run_python(f"import seawall.auto\n{code}", {"PYTHONPATH": str(self.folder), **(environ or {})})

        assert 0 == done.returncode, done.stderr
        return done.stdout.splitlines(), done.stderr.splitlines()


@pytest.fixture
def site(tmp_path: Path) -> Site:
    """A folder with one library, called fishing."""
    made = Site(tmp_path)
    made.install("fishing", {"fishing/__init__.py": "", "fishing/nets.py": ""})
    return made


USE = "print('before')\nimport fishing\nprint('after')\nimport fishing.nets\n"
ACTIVATED = ["before", "instruments fishing ", "after"]


@pytest.mark.parametrize(
    ("requires", "asks"),
    [
        (("opentelemetry-api~=1.12", 'fishing<2,>=1.0; extra == "instruments"'), ()),
        (('fishing>=1; extra == "instruments-any"', 'hunting>=1; extra == "instruments-any"'), ()),
        ((), ("fishing >= 1.0",)),
        ((), ()),
    ],
)
def test_an_instrumentation_begins_when_its_library_is_imported(
    site: Site, requires: tuple[str, ...], asks: tuple[str, ...]
) -> None:
    """Once, and not before: by what its package says that it instruments, or by its name."""
    site.instrumentor("fishing", requires=requires, asks=asks)

    assert (ACTIVATED, []) == site.run(USE)


@pytest.mark.parametrize("by", ["package", "instrumentor"])
def test_a_library_whose_module_has_another_name_is_found(site: Site, by: str) -> None:
    """The list of its files says what can be imported of it, below a namespace too."""
    site.install("python-boats", {"water/boats/__init__.py": "", "water/boats/sails.py": "", "oars.py": ""})
    site.instrumentor(
        "sailing",
        requires=('python-boats; extra == "instruments"',) if by == "package" else (),
        asks=("python-boats >= 1",),
    )

    assert (["before", "instruments sailing ", "after"], []) == site.run(
        "import water\nprint('before')\nimport water.boats.sails\nprint('after')\nimport oars"
    )
    assert (["instruments sailing "], []) == site.run("import oars")


def test_a_library_that_is_imported_already_is_instrumented_at_once(site: Site) -> None:
    """Whoever came first."""
    site.instrumentor("fishing")
    done = run_python("import fishing, seawall.auto", {"PYTHONPATH": str(site.folder)})

    assert ("instruments fishing \n", "") == (done.stdout, done.stderr)


def test_modules_of_the_standard_library_are_waited_for_too(site: Site) -> None:
    """sqlite3 by its name; what instruments nothing that can be imported begins at once."""
    site.instrumentor("sqlite3")
    site.instrumentor("surroundings")

    assert (["instruments surroundings ", "before", "instruments sqlite3 "], []) == site.run(
        "print('before')\nimport sqlite3"
    )


def test_what_instruments_a_library_that_is_not_installed_is_never_loaded(site: Site) -> None:
    """Nothing is said of it: many have a package that brings all."""
    site.instrumentor("hunting", requires=('hunting>=1; extra == "instruments"',), code="raise RuntimeError('loaded')")

    assert ([], []) == site.run("import fishing")


BROKEN = {
    "cannot be imported": ("import nowhere_to_be_found", "ModuleNotFoundError: No module named 'nowhere_to_be_found'"),
    "raises as it is imported": ("raise ValueError('too old')", "ValueError: too old"),
    "ends the process": ("raise SystemExit('wrong system')", "SystemExit: wrong system"),
    "has no such class": ("", "AttributeError: module 'fishing_instrumentation' has no attribute 'Instrumentor'"),
    "cannot be made": ("def Instrumentor(): raise OSError('no licence')", "OSError: no licence"),
    "raises as it begins": (
        "class Instrumentor:\n    def instrument(self): raise LookupError('another version')",
        "LookupError: another version",
    ),
}


@pytest.mark.parametrize("how", BROKEN)
def test_a_broken_instrumentation_is_one_line_and_the_application_runs(site: Site, how: str) -> None:
    """It is named with what is wrong and what to do; the others begin as they would."""
    code, problem = BROKEN[how]
    site.instrumentor("fishing", requires=('fishing; extra == "instruments"',), code=code or "pass")
    site.instrumentor("sqlite3")
    printed, said = site.run("import fishing, sqlite3\nprint('runs')")

    assert ["instruments sqlite3 ", "runs"] == printed
    assert [
        f"Seawall leaves out the instrumentation fishing (fishing_instrumentation:Instrumentor): {problem}. Mend or remove its package, or name it in OTEL_PYTHON_DISABLED_INSTRUMENTATIONS."
    ] == said


def test_a_library_of_another_version_is_one_line(site: Site) -> None:
    """What the package instruments, and what is installed."""
    site.instrumentor("fishing", requires=('fishing<1.2; extra == "instruments"',))
    printed, said = site.run("import fishing")

    assert [] == printed
    assert [
        "Seawall leaves out the instrumentation fishing (fishing_instrumentation:Instrumentor): ValueError: it instruments fishing<1.2, and 1.5 is installed. Mend or remove its package, or name it in OTEL_PYTHON_DISABLED_INSTRUMENTATIONS."
    ] == said


@pytest.mark.parametrize("disabled", ["fishing", " net_making , Fishing ", "*"])
def test_what_the_environment_disables_is_not_loaded(site: Site, disabled: str) -> None:
    """By the entry point's name, several with commas, or all."""
    site.instrumentor("fishing", code="raise RuntimeError('loaded')")
    site.instrumentor("net-making", asks=("fishing",))
    environ = {"OTEL_PYTHON_DISABLED_INSTRUMENTATIONS": disabled}

    expected = ["instruments net-making "] if disabled == "fishing" else []
    assert (expected, []) == site.run("import fishing", environ)


@pytest.mark.parametrize("name", ["fastapi", "aiohttp-server", "grpc_server", "celery", "logging", "system_metrics"])
def test_what_seawall_sees_itself_is_left_to_it(site: Site, name: str) -> None:
    """Requests, calls that are answered, tasks, log records and the process are told once."""
    site.instrumentor(name, code="raise RuntimeError('loaded')")

    assert ([], []) == site.run("import logging\nimport fastapi, aiohttp.web, celery, grpc, psutil")


def test_the_applications_own_settings_count(site: Site) -> None:
    """It may activate an instrumentation once more, with settings or without, and take it back: no word, no second one."""
    site.instrumentor("fishing")
    code = """
import fishing
from fishing_instrumentation import Instrumentor
Instrumentor().instrument()
Instrumentor().instrument(depth=3)
Instrumentor().uninstrument()
Instrumentor().instrument()
"""

    expected = ["instruments fishing ", "leaves fishing", "instruments fishing {'depth': 3}", "leaves fishing", "instruments fishing "]  # fmt: skip
    assert (expected, []) == site.run(code)


def test_one_that_the_application_activated_itself_is_left_alone(site: Site) -> None:
    """Before its library was imported: it is active, and nothing is said."""
    site.instrumentor("fishing")
    code = "from fishing_instrumentation import Instrumentor\nInstrumentor().instrument(depth=3)\nimport fishing"

    assert (["instruments fishing {'depth': 3}"], []) == site.run(code)


def test_of_two_packages_of_one_name_the_first_on_the_path_is_taken(site: Site, tmp_path: Path) -> None:
    """As an import takes it."""
    site.instrumentor("fishing")
    hidden = Site(tmp_path / "hidden")
    hidden.instrumentor("fishing", code="raise RuntimeError('loaded')")

    assert (ACTIVATED, []) == site.run(USE, {"PYTHONPATH": f"{site.folder}:{hidden.folder}"})


def test_metadata_that_cannot_be_read_is_one_line(site: Site) -> None:
    """A requirement that is none: the instrumentation is named, the application runs."""
    site.instrumentor("fishing", requires=('>>fishing; extra == "instruments"',))
    printed, said = site.run("import fishing\nprint('runs')")

    assert (["runs"], 1) == (printed, len(said))
    assert said[0].startswith("Seawall leaves out the instrumentation fishing (fishing_instrumentation:Instrumentor): ")


def test_without_any_of_them_nothing_is_imported_for_them(site: Site) -> None:
    """What reads requirements is paid for by those who have an instrumentation alone."""
    assert (["False"], []) == site.run("import sys\nprint('packaging.requirements' in sys.modules)")


def test_what_they_count_of_calls_that_seawall_counts_is_dropped(site: Site) -> None:
    """Of httpx' calls there is one count; what another library tells under that name stands beside it."""
    code = """
from opentelemetry import metrics
from seawall.instrumentation.start import running
for scope in ("opentelemetry.instrumentation.httpx", "opentelemetry.instrumentation.tornado"):
    meter = metrics.get_meter(scope)
    meter.create_histogram("http.client.request.duration", "s").record(1)
    meter.create_histogram("http.server.request.duration", "s").record(1)
page = running().registry.render().decode()
print(*[line for line in page.splitlines() if "_count{otel_scope_name" in line], sep="\\n")
"""
    printed, said = site.run(code)

    expected = [
        'http_client_request_duration_seconds_count{otel_scope_name="opentelemetry.instrumentation.tornado"} 1',
        'http_server_request_duration_seconds_count{otel_scope_name="opentelemetry.instrumentation.httpx"} 1',
        'http_server_request_duration_seconds_count{otel_scope_name="opentelemetry.instrumentation.tornado"} 1',
    ]
    assert expected == sorted(printed)
    assert 3 == len(said)
