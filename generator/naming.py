"""Which label of a metric holds a service's name: its job, a job behind a namespace, or the label of a shared proxy."""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

from seawall.catalog import Service

from .patterns import example_of
from .text import promql_string

_NAME: Final = "NAME"
_ANY: Final = "(.+?)"
_GROUP: Final = re.compile(r"(?<!\\)\((?!\?)")  # one that captures


@dataclass(frozen=True, order=True)
class Naming:
    """A *label*, and the *pattern* of its values, in which NAME stands for the service's name."""

    label: str
    pattern: str = _NAME

    def matcher(self, name: str) -> str:
        """Return the matcher of the service called *name*."""
        if self.pattern == _NAME:
            return f'{self.label}="{name}"'
        return f'{self.label}=~"{promql_string(self.pattern.replace(_NAME, name))}"'

    def labels(self, name: str) -> dict[str, str]:
        """Return labels that a series of *name* may have, for a fixture."""
        return {"job": name, self.label: example_of(self.pattern.replace(_NAME, name))}

    def by(self, labels: str) -> str:
        """Return the labels, ``job`` first among them, by which raw series are summed before ``named``."""
        return labels.replace("job", self.label, 1)

    def named(self, expr: str, by: str) -> str:
        """Return *expr*, summed by what ``by`` gives, with the service's name as its job, summed *by* those labels."""
        if self == PLAIN:
            return expr
        pattern = promql_string(self.pattern.replace(_NAME, _ANY))
        group = 1 + len(_GROUP.findall(self.pattern.partition(_NAME)[0]))
        return f'sum by ({by}) (label_replace({expr}, "job", "${group}", "{self.label}", "{pattern}"))'


PLAIN: Final = Naming("job")
# What is pushed by OTLP has its namespace, if it has one, in front of the service's name.
PUSHED: Final = Naming("job", "(?:.*/)?NAME")


def selector(service: Service, *more: str, naming: Naming = PLAIN) -> str:
    """Return the matchers that narrow a metric to *service*: its name, then what the catalog adds."""
    own = matchers(sorted(service.match.items()))
    return ",".join(each for each in (naming.matcher(service.job), own, *more) if each)


def slo_selector(service: Service, key: str) -> str:
    """Return the matchers of what is recorded of one SLO of *service*."""
    return matchers((("job", service.name), ("slo", key)))


def matchers(labels: Iterable[tuple[str, str]]) -> str:
    """Return matchers of exactly these *labels*, as one text."""
    return ",".join(f'{label}="{promql_string(value)}"' for label, value in labels)
