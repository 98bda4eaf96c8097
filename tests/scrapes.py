"""What a scrape says: one value, values by a label, and whether it is as its kind declares."""

from collections.abc import Iterable

from servers import Scrape

from seawall.exporters import inventory

OUR_OWN = "seawall_probe_"
"""How the names begin of what every probe has."""


def value(scrape: Scrape, name: str, /, **labels: str) -> float:
    """Return the one sample of a family that has *labels* among its own."""
    (only,) = [one for (_, has), one in scrape[name].samples.items() if labels.items() <= dict(has).items()]
    return only


def values(scrape: Scrape, name: str, label: str) -> dict[str, float]:
    """Return the samples of a family by one of their labels."""
    return {dict(labels)[label]: one for (_, labels), one in scrape[name].samples.items()}


def queries(scrape: Scrape) -> dict[str, float]:
    """Return which queries had their answer."""
    return values(scrape, "seawall_probe_query_success", "query")


def folded(scrape: Scrape) -> dict[str, float]:
    """Return of how many rows each query told together."""
    return values(scrape, "seawall_probe_query_folded_rows", "query")


def unseen(kind: str, scrapes: Iterable[Scrape]) -> set[str]:
    """Return the names that *kind* declares and none of its servers has."""
    return {info.name for info in inventory()[kind]} - {name for scrape in scrapes for name in scrape}


def misdeclared(kind: str, scrapes: Iterable[Scrape]) -> list[str]:
    """Return what was seen under a type, or with labels, that *kind* does not declare."""
    declared = {info.name: info for info in inventory()[kind]}
    found = []
    for name, family in ((name, each) for scrape in scrapes for name, each in scrape.items()):
        if not name.startswith(OUR_OWN):
            labels = {frozenset(label for label, _ in labels) for labels in family.label_sets}
            seen, said = (family.type, labels), declared.get(name)
            if said is None or seen != (said.type.replace("untyped", "unknown"), {frozenset(said.labels)}):
                found.append(f"{name}: {seen}")
    return found
