"""Who answers at /metrics: one worker of an application, and another one within a second or two of its end."""

import logging
import os
from typing import Final

from .diagnostics import guarded, logger, say_once
from .exposition import Registry
from .native import begin, sleep
from .scrape import ScrapeServer
from .segments import lock
from .settings import Settings

_TRY_SECONDS: Final = 1.0
_PATIENCE: Final = 5  # tries; a sibling that dies gives up its lock before its port


class Endpoint:
    """Serve *registry*, or wait until the sibling that does is gone.

    The port's lock lies in the group's folder. Where another application has the port, a catalogued service says so and
    waits for it: it would be scraped as another job elsewhere. Any other one takes a free port.
    """

    def __init__(self, settings: Settings, registry: Registry) -> None:
        self.server: ScrapeServer | None = None
        self._settings = settings
        self._registry = registry
        self._held: int | None = None
        self._patience = 0
        self._left = False

    def begin(self) -> None:
        """Serve at once where that can be; the rest is done by a thread."""
        if not self._serves():
            begin(self._wait, "seawall-metrics")

    def close(self) -> None:
        """Free the port, and serve no more."""
        self._left = True
        server, self.server = self.server, None
        if server is not None:
            server.close()
        if self._held is not None:
            held, self._held = self._held, None
            os.close(held)

    def forget(self) -> None:
        """Let go of everything in a forked child: what is open here is its parent's."""
        server, self.server = self.server, None
        if server is not None:
            server.forget()
        if self._held is not None:
            os.close(self._held)

    def _wait(self) -> None:
        while True:
            sleep(_TRY_SECONDS)
            if self._left or self._serves():
                return
            self._registry.sample()  # what the one who serves cannot ask this process for

    @guarded("serve /metrics")
    def _serves(self) -> bool:
        """Take the port, unless a sibling has it; say whether this process serves."""
        settings = self._settings
        try:
            if not self._holds_lock():
                self._patience = _PATIENCE
                return False
            is_alone = True
        except OSError as error:
            # Somebody cleared the group's folder while a sibling may serve: the port itself is the lock from now on.
            say_once(f"Seawall cannot lock the port of /metrics ({error}): the first of the workers to take it serves.")
            is_alone = False
        try:
            self.server = ScrapeServer(self._registry, settings.host, settings.port)
        except OSError as error:
            if is_alone:
                self._do_without(error)
        else:
            if self._patience:
                logger.info("Seawall serves /metrics on port %d.", self.server.port)
        return self.server is not None

    def _holds_lock(self) -> bool:
        folder = self._registry.memory.folder
        if folder is not None and self._held is None:
            path = folder / f"{self._settings.port}.lock"
            path.touch(mode=0o600)
            self._held = lock(path)
        return folder is None or self._held is not None

    def _do_without(self, error: OSError) -> None:
        settings = self._settings
        matter = f"Seawall cannot serve /metrics on {settings.host}:{settings.port} ({error.strerror})"
        if settings.catalogued:
            self._patience = _PATIENCE
            say_once(
                f"{matter}. A catalogued service keeps its port: free it, or set OTEL_EXPORTER_PROMETHEUS_PORT and the "
                "service's targets to another one.",
                level=logging.ERROR,
            )
        elif self._patience:
            self._patience -= 1
        else:
            self.server = ScrapeServer(self._registry, settings.host, 0)
            logger.warning("%s; it does on port %d.", matter, self.server.port)
