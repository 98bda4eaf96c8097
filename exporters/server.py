"""The exporter put together, from its settings to its stop."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event, Thread
from typing import Final

import psutil

from seawall.conventions import EXPORTER_PORT

from .app import App
from .custom import custom_kinds
from .host import HostCollector, collectors
from .kinds import kinds
from .listener import Listener
from .own import COLLECTOR_LOADED, OwnMetrics
from .probe import Prober
from .system import Machine
from .watch import CatalogWatch
from .web_config import WebConfigWatch

_GRACE: Final = 3.0  # seconds that answers under way have when it stops


@dataclass(frozen=True)
class Settings:
    """What the exporter is told when it starts; *timeout* and *reload_interval* are in seconds.

    *collectors* is a folder of custom collectors, *textfiles* one of text files of metrics.
    """

    catalog: Path
    host: str = "127.0.0.1"
    port: int = EXPORTER_PORT
    machine: Machine = field(default_factory=Machine)
    timeout: float = 10.0
    max_requests: int = 200
    reload_interval: float = 2.0
    web_config: Path | None = None
    collectors: Path | None = None
    textfiles: Path | None = None


def serve(settings: Settings, environ: Mapping[str, str], stop: Event, started: Callable[[str], None]) -> None:
    """Serve until *stop* is set; *started* is told the address. Raise CatalogError, WebConfigError, ListenError."""
    # psutil keeps the place of /proc for the whole process.
    psutil.PROCFS_PATH = str(settings.machine.proc)
    prober = Prober(environ)
    own = OwnMetrics()
    custom = custom_kinds(settings.collectors, kinds())
    for source, loaded in custom.loaded.items():
        own.put(COLLECTOR_LOADED, loaded, source)
    web = WebConfigWatch(settings.web_config)
    app = App(
        CatalogWatch(settings.catalog),
        prober,
        HostCollector(collectors(settings.machine, settings.textfiles)),
        own,
        environ=environ,
        timeout=settings.timeout,
        known={**custom.kinds, **kinds()},
        web=web,
    )
    with Listener(settings.host, settings.port, app, settings.max_requests, web) as listener:
        threads = [
            Thread(target=listener.serve_forever, args=(0.1,), name="listener", daemon=True),
            Thread(
                target=app.watch.run, args=(stop, settings.reload_interval, app.changed), name="catalog", daemon=True
            ),
        ]
        for thread in threads:
            thread.start()
        started(f"{'https' if web.current().tls else 'http'}://{listener.address}/")
        stop.wait()
        listener.shutdown()
        listener.drain(_GRACE)
    prober.keep(())
