"""What the process that imports the application tells the command: JSON, in these shapes."""

from typing import Literal, TypedDict

# ``instrumented``: it is imported, and what counts it is in its place. ``waiting``: it is installed, and instrumented
# once it is imported. ``failed``: it is imported, and could not be instrumented. ``off``: OTEL_SDK_DISABLED is set.
# ``unchosen``: applications are chosen by ``seawall.instrument``, and what it does belongs to none.
State = Literal["instrumented", "unchosen", "waiting", "failed", "off"]


class Request(TypedDict):
    """What the command asks for: the application, the folder that it is in, and the environment as it was."""

    app: str
    folder: str
    environ: dict[str, str]


class Failure(TypedDict):
    """Why there is no report: one sentence, and the place in the user's own code where there is one."""

    message: str
    place: str


class Application(TypedDict):
    """What the name led to."""

    name: str
    kind: str
    library: str
    version: str
    protocol: str
    wrapped_in: list[str]
    counted_by: str
    middleware: list[str]
    routes: int | None
    # Where it begins the instrumentation itself, and how; "" where it leaves that to ``seawall run``.
    begins: str


class Library(TypedDict):
    """One library that Seawall knows and that is installed."""

    name: str
    version: str
    state: State
    measures: list[str]
    metrics: list[str]
    problem: str


class Suggestion(TypedDict):
    """A package of OpenTelemetry's that instruments a library that the application has imported."""

    library: str
    version: str
    package: str
    gives: str
    installed: bool
    active: bool
    problem: str


class Twice(TypedDict):
    """Something that sees what Seawall sees: what it is, what it does, and how to have one of the two."""

    what: str
    does: str
    mend: str


class Settings(TypedDict):
    """What holds, of what the environment says."""

    disabled: bool
    service: dict[str, str]
    service_file: str
    thresholds: list[float]
    metrics: str
    pushes: dict[str, str]
    protocol: str
    variables: dict[str, str]
    problems: list[str]


class Report(TypedDict):
    """Everything."""

    application: Application
    libraries: list[Library]
    runtime: list[str]
    suggestions: list[Suggestion]
    twice: list[Twice]
    late: list[str]
    settings: Settings
    notes: list[str]


class Outcome(TypedDict):
    """Either of the two."""

    report: Report | None
    failure: Failure | None
