"""Prometheus' own configuration: what to scrape, which rules, whom to tell."""

import json
import re
from typing import Any

from seawall import conventions
from seawall.catalog import Catalog, Duration, Service

from .addresses import Addresses


def prometheus_config(catalog: Catalog, addresses: Addresses) -> dict[str, Any]:
    """Return prometheus.yml as plain data; relative paths are relative to the file's folder."""
    interval = str(catalog.defaults.scrape_interval)
    presented = {key: value for key, value in addresses.exporter_client.items() if key != "scheme"}
    return {
        "global": {"scrape_interval": interval, "evaluation_interval": "30s", "scrape_timeout": _timeout(catalog)},
        "rule_files": ["rules/*.yml"],
        "alerting": {"alertmanagers": [{"static_configs": [{"targets": [addresses.alertmanager]}]}]},
        **_remote_write(addresses.remote_write),
        "scrape_configs": [
            *_own_jobs(addresses),
            *_listed(addresses),
            {
                "job_name": conventions.PROBES_JOB,
                **addresses.exporter_client,
                "http_sd_configs": [
                    {"url": f"{addresses.exporter_url}/targets", **presented, "refresh_interval": "30s"}
                ],
            },
            *(
                _discovered(service)
                for _, service in sorted(catalog.services.items())
                if isinstance(service.targets, dict)
            ),
        ],
    }


def targets(service: Service) -> bytes | None:
    """Return the target file of a service with a list of targets, else None."""
    if not service.targets or isinstance(service.targets, dict):
        return None
    labels = {
        **service.match,
        "job": service.name,
        "__metrics_path__": service.metrics_path,
        "__scheme__": service.scheme,
    }
    groups = [{"targets": list(service.targets), "labels": labels}]
    return (json.dumps(groups, indent=2, sort_keys=True) + "\n").encode()


def _remote_write(url: str | None) -> dict[str, Any]:
    if url is None:
        return {}
    # Who evaluates the same rules there writes these himself: two writers of one series would mix their samples.
    evaluated = {"source_labels": ["__name__"], "regex": ".*:.*|ALERTS|ALERTS_FOR_STATE", "action": "drop"}
    return {"remote_write": [{"url": url, "write_relabel_configs": [evaluated]}]}


def _own_jobs(addresses: Addresses) -> list[dict[str, Any]]:
    clients = {conventions.EXPORTER_JOB: addresses.exporter_client}
    return [
        {"job_name": job, **clients.get(job, {}), "static_configs": [{"targets": [target]}]}
        for job, target in addresses.jobs.items()
    ]


def _listed(addresses: Addresses) -> list[dict[str, Any]]:
    """Return the job of the services with a list of targets.

    What is scraped from the exporter itself, as its host is, has another one where that is presented something.
    """
    files = {"file_sd_configs": [{"files": ["targets/*.json"], "refresh_interval": "30s"}]}
    job = {"job_name": conventions.SERVICES_JOB, "honor_labels": False, **files}
    if not addresses.exporter_client:
        return [job]
    here = {"source_labels": ["__address__"], "regex": re.escape(addresses.exporter)}
    scheme = {"target_label": "__scheme__", "replacement": addresses.exporter_url.partition(":")[0]}
    return [
        {**job, "relabel_configs": [{**here, "action": "drop"}]},
        {
            **job,
            "job_name": conventions.HOSTS_JOB,
            **addresses.exporter_client,
            "relabel_configs": [{**here, "action": "keep"}, scheme],
        },
    ]


def _discovered(service: Service) -> dict[str, Any]:
    assert isinstance(service.targets, dict)
    # A $ would begin a group of the rule's regular expression.
    texts = {label: value.replace("$", "$$") for label, value in sorted(service.match.items())}
    relabel = [{"target_label": label, "replacement": text} for label, text in texts.items()]
    return {
        "job_name": service.name,
        "metrics_path": service.metrics_path,
        "scheme": service.scheme,
        **service.targets,
        **({"relabel_configs": relabel} if relabel else {}),
    }


def _timeout(catalog: Catalog) -> str:
    return str(min(catalog.defaults.scrape_interval, Duration(10)))
