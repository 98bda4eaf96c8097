"""OpenTelemetry's own exporters, called so that a dead collector is one line of the log, and its return another."""

import logging
import os
from collections.abc import Callable, Mapping
from contextvars import ContextVar
from importlib import import_module
from typing import Any, Final

from .bounds import OTHER
from .diagnostics import described, logger, say_once
from .export_metrics import SignalMetrics
from .late_patches import mend_ssl
from .unencodable import ENCODER, halves, is_raised, is_said

_PACKAGES: Final = {"http/protobuf": "http", "grpc": "grpc"}
_CLASSES: Final = {
    "METRICS": ("metric_exporter", "OTLPMetricExporter"),
    "TRACES": ("trace_exporter", "OTLPSpanExporter"),
    "LOGS": ("_log_exporter", "OTLPLogExporter"),
}
_LONGEST: Final = 300  # of what an exporter says
_CREDENTIALS: Final = "OTEL_PYTHON_EXPORTER_OTLP_HTTP_CREDENTIAL_PROVIDER"


def transport_of(signal: str, environ: Mapping[str, str]) -> str:
    """Return ``http`` or ``grpc``, as the environment says for *signal*."""
    variables = (f"OTEL_EXPORTER_OTLP_{signal}_PROTOCOL", "OTEL_EXPORTER_OTLP_PROTOCOL")
    protocol = next((environ[name].strip() for name in variables if environ.get(name)), "http/protobuf")
    if protocol not in _PACKAGES:
        say_once(f"OTEL_EXPORTER_OTLP_PROTOCOL={protocol}: Seawall knows http/protobuf and grpc; http/protobuf it is.")
    return _PACKAGES.get(protocol, "http")


def make_exporter(signal: str, transport: str) -> Any | None:
    """Return OpenTelemetry's own exporter of *signal*; None, and one log line, where its package is missing."""
    module, name = _CLASSES[signal]
    mend_ssl()
    try:
        kind = getattr(import_module(f"opentelemetry.exporter.otlp.proto.{transport}.{module}"), name)
        return kind(session=_session()) if transport == "http" and not _has_credentials(signal) else kind()
    except ImportError as error:
        extra = "otlp" if transport == "http" else "otlp-grpc"
        say_once(f'Seawall pushes no {signal.lower()} by OTLP ({error}): pip install "seawall[{extra}]"')
    except Exception as error:  # noqa: BLE001 - a wrong certificate or header: the application comes first
        say_once(f"Seawall pushes no {signal.lower()} by OTLP: {described(error)}")
    return None


def _session() -> Any:
    from .otlp_session import OtlpSession  # only who pushes over HTTP pays for requests

    return OtlpSession()


def _has_credentials(signal: str) -> bool:
    """Whether the exporter is to take a session of the operator's own."""
    names = (_CREDENTIALS, _CREDENTIALS.replace("_HTTP_", f"_HTTP_{signal}_"))
    return any(os.environ.get(name) for name in names)


class Exporting:
    """Export by what *make* makes, anew in a forked child, which must not use its parent's connections."""

    def __init__(self, signal: str, make: Callable[[], Any | None], metrics: SignalMetrics) -> None:
        self.metrics = metrics
        self._signal = signal
        self._make = make
        self._exporter = make()
        self._failed = False
        self._left_out = False
        self._stale = False

    @property
    def exporter(self) -> Any | None:
        """What exports in this process; None where nothing can."""
        if self._stale:
            self._stale = False
            self._exporter = self._make()
        return self._exporter

    def forget(self) -> None:
        """Leave the parent's connections to it."""
        self._stale = True
        self._failed = False

    def export(self, batch: Any, items: int) -> bool:
        """Export *batch*, count its *items*, and say where it began to fail; return whether it went. Never raises.

        What cannot be encoded is left out, and went.
        """
        exporter = self.exporter
        if exporter is None:
            return False
        _listen(exporter)
        error, reason, is_unencodable = self._try(exporter, batch)
        if is_unencodable and (parts := halves(batch)):
            sent = [self.export(part, size) for part, size in parts]
            return all(sent)
        self.metrics.count_exported(items, error)
        if is_unencodable:
            self._leave_out(reason)
            return True
        self._tell(reason)
        return not reason

    def _try(self, exporter: Any, batch: Any) -> tuple[str, str, bool]:
        """Export *batch*; return the error's class, what is said of it, and whether it lies in the batch itself."""
        heard: list[str] = []
        token = _heard.set(heard)
        try:
            result = exporter.export(batch)
        except Exception as problem:  # noqa: BLE001 - the next export may succeed
            return type(problem).__qualname__, described(problem), is_raised(problem)
        finally:
            _heard.reset(token)
        if getattr(result, "name", "") == "FAILURE":
            reason = heard[0] if heard else "it does not say why"
            return OTHER, reason, is_said(reason)
        if heard and is_said(heard[0]):
            self._leave_out(heard[0])  # an attribute, of what arrived
        return "", "", False

    def _leave_out(self, reason: str) -> None:
        if not self._left_out:
            matter = "Seawall leaves out of the %s what OTLP cannot hold: %s"
            logger.warning(matter, self._signal, reason[:_LONGEST].encode("ascii", "backslashreplace").decode())
        self._left_out = True

    def _tell(self, reason: str) -> None:
        if reason and not self._failed:
            matter = "Seawall cannot push %s by OTLP and goes on trying: %s"
            logger.warning(matter, self._signal, reason[:_LONGEST])
        elif self._failed and not reason:
            logger.warning("Seawall pushes %s by OTLP again.", self._signal)
        self._failed = bool(reason)


class _Listener(logging.Filter):
    """Keep what an exporter says while it exports: first the cause, then its retries."""

    def filter(self, record: logging.LogRecord) -> bool:
        heard = _heard.get()
        if heard is not None:
            heard.append(record.getMessage())
        return heard is None


# Not a thread's own: gevent's threads that are none have contexts of their own, even where it came late.
_heard: Final[ContextVar[list[str] | None]] = ContextVar("seawall_heard", default=None)
_listener: Final = _Listener()


def _listen(exporter: Any) -> None:
    ENCODER.addFilter(_listener)
    for base in type(exporter).__mro__:
        if base.__module__.startswith("opentelemetry."):
            logging.getLogger(base.__module__).addFilter(_listener)  # a second time changes nothing
