"""The report for people."""

from collections.abc import Callable, Iterable, Iterator
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from seawall.instrumentation.doctor.report import Application, Library, Report, Settings, Suggestion

Style = Callable[..., str]
_INDENT: Final = "  "


def plain(words: Any, **_: Any) -> str:
    """Return *words* as they are: no terminal is there."""
    return str(words)


def render(report: "Report", style: Style) -> str:
    """Return the whole report; *style* is click's, or `plain`."""
    sections = (
        ("Application", _application(report["application"], report["settings"]["disabled"], style)),
        ("Libraries", _libraries(report["libraries"], style)),
        ("Measured", _measured(report)),
        ("Could be instrumented", _suggestions(report["suggestions"], style)),
        ("Counted twice", _twice(report, style)),
        ("Missed", _missed(report, style)),
        ("Settings", _settings(report["settings"], style)),
        ("Notes", report["notes"]),
    )
    return "\n\n".join(_section(title, lines, style) for title, found in sections if (lines := list(found)))


def _section(title: str, lines: Iterable[str], style: Style) -> str:
    return "\n".join([style(title, bold=True), *(f"{_INDENT}{line}" for line in lines)])


def _rows(rows: Iterable[tuple[str, ...]]) -> list[str]:
    """Return *rows* as lines whose columns are aligned."""
    table = list(rows)
    widths = [max(len(cell) for cell in column) for column in zip(*table, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in table]


def _application(application: "Application", disabled: bool, style: Style) -> Iterator[str]:
    kind = " ".join(filter(None, (application["library"] or application["kind"], application["version"])))
    protocol = f" ({application['protocol']})" if application["protocol"] not in ("", application["library"]) else ""
    what = "task" if application["protocol"] == "tasks" else "route"
    routes = "" if application["routes"] is None else f", {_counted(application['routes'], what)}"
    yield f"{application['name']}: {kind}{protocol}{routes}"
    if disabled:
        yield style("OTEL_SDK_DISABLED switches everything off", fg="yellow")
    elif application["counted_by"]:
        yield f"counted by {application['counted_by']}"
    elif application["protocol"] in ("ASGI", "WSGI"):
        yield style("✗ nothing counts its requests: serve what seawall.instrument(app) returns", fg="red")
    if application["wrapped_in"]:
        yield f"wrapped in {', '.join(application['wrapped_in'])}"
    inner = [name for name in application["middleware"] if name not in application["wrapped_in"]]
    if inner:
        yield f"middleware {', '.join(inner)}"
    yield application["begins"] or "begins nothing itself: start it with seawall run"


def _counted(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


_STATES: Final = {
    "instrumented": ("✓", "instrumented", "green"),
    "unchosen": (" ", "not counted: seawall.instrument chose applications, import seawall.auto counts this too", ""),
    "waiting": (" ", "once it is imported", ""),
    "failed": ("✗", "not instrumented", "red"),
    "off": (" ", "off", ""),
}


def _libraries(libraries: list["Library"], style: Style) -> Iterator[str]:
    order = list(_STATES)
    rows = sorted(libraries, key=lambda each: order.index(each["state"]))
    names = _rows((each["name"], each["version"], ", ".join(each["measures"])) for each in rows)
    widest = max((len(name) for name in names), default=0)
    for library, name in zip(rows, names, strict=True):
        mark, words, colour = _STATES[library["state"]]
        problem = f": {library['problem']}" if library["problem"] else ""
        line = f"{mark} {name.ljust(widest)}  {words}{problem}"
        yield style(line, fg=colour) if colour else style(line, dim=True)


def _measured(report: "Report") -> list[str]:
    """Return each metric once, with what it is of."""
    seen: dict[str, list[str]] = {}
    for library in report["libraries"]:
        if library["state"] == "instrumented":
            for metric in library["metrics"]:
                seen.setdefault(metric, []).append(library["name"])
    rows = [(metric, ", ".join(sorted(set(names)))) for metric, names in seen.items()]
    if report["runtime"]:
        rows.append((f"{report['runtime'][0]}, … ({len(report['runtime'])} names)", "the process and its runtime"))
    return _rows(rows) if rows else []


def _suggestions(suggestions: list["Suggestion"], style: Style) -> Iterator[str]:
    rows = [(f"{each['library']} {each['version']}".strip(), _way(each), each["gives"]) for each in suggestions]
    for each, line in zip(suggestions, _rows(rows), strict=True):
        yield style(line, dim=True) if each["problem"] else line


def _way(suggestion: "Suggestion") -> str:
    if suggestion["active"]:
        return f"{suggestion['package']} is active"
    if suggestion["problem"]:
        return f"{suggestion['package']}: {suggestion['problem']}"
    if suggestion["installed"]:
        return f"{suggestion['package']} is installed and not active"
    return f"pip install {suggestion['package']}"


def _twice(report: "Report", style: Style) -> Iterator[str]:
    for each in report["twice"]:
        yield style(f"✗ {each['what']}", fg="red")
        yield f"  {each['does']}"
        yield f"  {each['mend']}"
    if not report["twice"] and not report["settings"]["disabled"]:
        yield style("✓ nothing", fg="green")


def _missed(report: "Report", style: Style) -> Iterator[str]:
    for line in report["late"]:
        yield style(f"✗ {line} before seawall.auto", fg="red")
    if report["late"]:
        yield "  such objects are told late or not at all: import seawall.auto first"


def _settings(settings: "Settings", style: Style) -> Iterator[str]:
    service = ", ".join(f"{name}={value}" for name, value in settings["service"].items())
    thresholds = ", ".join(f"{seconds:g} s" for seconds in settings["thresholds"])
    rows = [("service", service)]
    if settings["service_file"]:
        rows.append(
            ("catalog", f"{settings['service_file']}{f', latency thresholds {thresholds}' if thresholds else ''}")
        )
    why = "they are pushed" if "metrics" in settings["pushes"] else "OTEL_METRICS_EXPORTER says so"
    rows.append(("/metrics", settings["metrics"] or f"is not served: {why}"))
    rows += [(f"push {signal}", f"{url} ({settings['protocol']})") for signal, url in settings["pushes"].items()]
    if not settings["pushes"]:
        rows.append(("push", "nothing: OTEL_EXPORTER_OTLP_ENDPOINT is not set"))
    rows += list(settings["variables"].items())
    yield from _rows(rows)
    for problem in settings["problems"]:
        yield style(f"✗ {problem}", fg="red")
