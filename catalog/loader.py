"""From files to a catalog: read, validated part by part, checked as a whole, with every default applied once."""

import re
from datetime import date
from pathlib import Path
from typing import Any, Final, TypeVar

from .complete import complete
from .exporter_access import check_exporter_access
from .fields import NAME, RULES, Model
from .files import Instead, Source, read
from .findings import Findings
from .model import Campaign, Catalog, Defaults, StackNotify, Team
from .probing import check_probe
from .problems import CatalogError, Position, Severity
from .promises import check_buckets, check_defaults, check_override, check_slo, check_window, timezone_of
from .receivers import check_receivers
from .references import Names, check_expectations, check_references
from .service import Service
from .texts import check_addresses, check_discovery, check_match, check_numbers, check_texts, check_url
from .validation import validate
from .wording import did_you_mean, quoted, shown

M = TypeVar("M", bound=Model)
_NAME: Final = re.compile(NAME)


def load(path: Path, *, today: date | None = None, instead: Instead | None = None) -> Catalog:
    """Return the catalog at *path*, a file or a folder; raise CatalogError with every problem in it.

    *today* (default: the local date) decides which overrides have lapsed. What *instead* maps one of the files to is
    read in its place, under the name of that file.
    """
    source = read(path, instead or {})
    catalog = _Loading(source, today or date.today()).catalog()
    catalog._source = str(path)
    return catalog


class _Loading:
    """One load: the parts that are valid, and what was found in all of them."""

    def __init__(self, source: Source, today: date) -> None:
        self._data, self._source, self._today = source.data, source, today
        self._findings = Findings(source.places, source.merged)
        self._findings.problems += source.problems
        sections = [self._data.get(section, {}) for section in ("teams", "services")]
        complete = source.complete and all(isinstance(found, dict) for found in sections)
        self._names = Names(self._section("teams"), self._section("services"), complete)

    def catalog(self) -> Catalog:
        self._check_top()
        defaults = self._part(Defaults, "defaults") or Defaults()
        notify = self._part(StackNotify, "notify") or StackNotify()
        teams = self._parts(Team, "teams")
        services = self._parts(Service, "services")
        campaigns = self._parts(Campaign, "campaigns")
        self._check_defaults(defaults)
        self._check_receivers()
        self._check_services(services, teams, defaults)
        self._check_campaigns(campaigns)
        check_texts(self._data, self._findings)
        check_numbers(self._data, self._findings)
        errors = [problem for problem in self._findings.problems if problem.severity is Severity.ERROR]
        if errors:
            raise CatalogError(errors)
        return self._finished(
            Catalog(
                seawall=1,
                defaults=defaults,
                notify=notify,
                teams=teams,
                services={name: complete(name, service, defaults) for name, service in services.items()},
                campaigns={name: campaign.model_copy(update={"name": name}) for name, campaign in campaigns.items()},
            )
        )

    def _finished(self, catalog: Catalog) -> Catalog:
        catalog._today = self._today
        catalog._positions = self._source.places
        catalog._warnings = sorted(self._findings.problems)
        return catalog

    def _check_top(self) -> None:
        known = list(Catalog.model_fields)
        for key in self._data:
            if key not in known:
                guess = did_you_mean(key, known) or f"; the keys here are {', '.join(known)}"
                self._findings.error((key,), f"unknown key{guess}", at_key=True)
        version = self._data.get("seawall")
        if "seawall" not in self._data and self._source.complete:
            self._findings.error((), "the version of the format is missing; write seawall: 1 as the first line")
        elif "seawall" in self._data and (version != 1 or type(version) is not int):
            said = f"{shown(version)} is no version of the format that this Seawall reads; write seawall: 1"
            self._findings.error(("seawall",), said)
        if not self._names.services and self._source.complete and not self._findings.is_told(("services",)):
            self._findings.warn(("services",), "no service is declared; write the first one under services")

    def _section(self, section: str) -> dict[str, Any]:
        found = self._data.get(section, {})
        return found if isinstance(found, dict) else {}

    def _part(self, model: type[M], key: str) -> M | None:
        raw = self._data.get(key, {})
        if isinstance(raw, dict):
            return validate(model, raw, (key,), self._findings)
        self._not_a_mapping(raw, (key,))
        return None

    def _parts(self, model: type[M], section: str) -> dict[str, M]:
        if not isinstance(self._data.get(section, {}), dict):
            self._not_a_mapping(self._data[section], (section,))
        parts = {}
        for name, raw in self._section(section).items():
            if not _NAME.fullmatch(name):
                self._findings.error((section, name), f"this name does not fit: {RULES[NAME]}", at_key=True)
            elif not isinstance(raw, dict):
                self._not_a_mapping(raw, (section, name))
            else:
                part = validate(model, self._unnamed(raw, section, name), (section, name), self._findings)
                if part is not None:
                    parts[name] = part
        return parts

    def _not_a_mapping(self, raw: Any, path: tuple[str, ...]) -> None:
        if raw is None:
            self._findings.error(path, "it is empty; write what belongs there, or {} where there is nothing to say")
        else:
            self._findings.error(path, f"it is {shown(raw)}, and must be a mapping")

    def _unnamed(self, raw: dict[str, Any], section: str, name: str) -> dict[str, Any]:
        if "name" not in raw or section == "teams":
            return raw
        said = f"unknown key {quoted('name')}; the name is the key itself, {quoted(name)}"
        self._findings.error((section, name, "name"), said, at_key=True)
        return {key: value for key, value in raw.items() if key != "name"}

    def _check_defaults(self, defaults: Defaults) -> None:
        check_defaults(defaults, self._findings)
        check_match(defaults.match, ("defaults", "match"), self._findings)
        check_addresses(self._section("defaults"), self._findings)
        check_exporter_access(defaults.exporter, self._findings)

    def _check_receivers(self) -> None:
        paths: list[tuple[str, ...]] = [("notify", "watchdog")]
        paths += [("teams", team, "notify", urgency) for team in self._names.teams for urgency in ("page", "ticket")]
        for path in paths:
            raw = self._node(path)
            if isinstance(raw, dict):
                self._findings.problems += check_receivers(raw, path, self._where)

    def _check_services(self, services: dict[str, Service], teams: dict[str, Team], defaults: Defaults) -> None:
        check_references(services, self._names, self._findings)
        for name, service in services.items():
            path = ("services", name)
            for key, slo in service.slos.items():
                check_slo(slo, (*path, "slos", key), service, defaults, self._findings)
            check_buckets(service, (*path, "buckets"), self._findings)
            for alert, override in service.alerts.items():
                check_override(override, (*path, "alerts", alert), self._today, self._findings)
            self._check_maintenance(service, path, teams)
            check_match(service.match, (*path, "match"), self._findings)
            if service.url is not None:
                check_url(service.url, (*path, "url"), self._findings)
            check_probe(service.kind, service.url, service.probe, path, self._findings)
            if isinstance(service.targets, dict):
                check_discovery(service.targets, (*path, "targets"), self._findings)

    def _check_maintenance(self, service: Service, path: tuple[str, str], teams: dict[str, Team]) -> None:
        if len(service.maintenance) != len(self._node((*path, "maintenance")) or ()):
            return  # one of them is broken and was left out: the others would be counted wrongly
        for index, window in enumerate(service.maintenance):
            here = (*path, "maintenance", index)
            check_window(window, here, timezone_of(window, service, teams), self._findings)

    def _check_campaigns(self, campaigns: dict[str, Campaign]) -> None:
        for name, campaign in campaigns.items():
            path = ("campaigns", name)
            check_window(campaign, path, campaign.timezone, self._findings)
            check_expectations(campaign, path, self._names, self._findings)

    def _node(self, path: tuple[str, ...]) -> Any:
        node: Any = self._data
        for step in path:
            node = node.get(step) if isinstance(node, dict) else None
        return node

    def _where(self, *path: str | int) -> Position:
        return self._findings.places.nearest(path)
