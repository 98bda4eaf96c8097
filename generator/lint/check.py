"""What a check is, what it yields, and what it may be told beside the rules."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from .expressions import Node
from .rules import Rule, RuleFile
from .yaml_nodes import Node as YamlNode

At = Node | YamlNode | None


@dataclass(frozen=True)
class Told:
    """One thing that a check found: the message, and what it is about; None is the name of the rule.

    A check of all files says the file too, and the rule where it is about one.
    """

    message: str
    at: At = None
    file: RuleFile | None = None
    rule: Rule | None = None


@dataclass(frozen=True)
class Settings:
    """What is known beside the rules: seconds between scrapes, and the metrics that there are, by name."""

    scrape: float = 60
    types: Mapping[str, str] = field(default_factory=dict)
    labels: Mapping[str, frozenset[str]] = field(default_factory=dict)


OfRule = Callable[[Rule, Settings], Iterator[Told]]
OfFiles = Callable[[Sequence[RuleFile], Settings], Iterator[Told]]


@dataclass(frozen=True)
class Check:
    """One check: its name, what it finds, why that is bad, how to mend it, and a rule before and after.

    *bad* and *good* are lines of YAML that are laid over a sound alert. An *optional* check runs where it is asked for.
    """

    name: str
    finds: str
    reason: str
    mend: str
    bad: str
    good: str
    of_rule: OfRule | None = None
    of_files: OfFiles | None = None
    is_optional: bool = False


def of_rules(
    name: str, reason: str, mend: str, bad: str, good: str, *, optional: bool = False
) -> Callable[[OfRule], Check]:
    """Make a check of a function that looks at one rule; the first line of its docstring says what it finds."""
    return lambda find: Check(name, _finds(find), reason, mend, bad, good, of_rule=find, is_optional=optional)


def of_files(
    name: str, reason: str, mend: str, bad: str, good: str, *, optional: bool = False
) -> Callable[[OfFiles], Check]:
    """Make a check of a function that looks at all files together."""
    return lambda find: Check(name, _finds(find), reason, mend, bad, good, of_files=find, is_optional=optional)


def _finds(find: OfRule | OfFiles) -> str:
    return (find.__doc__ or "").partition("\n")[0].rstrip(".")
