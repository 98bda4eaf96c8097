"""Services that differ in their own texts alone, rendered once.

What is rendered for a service says what the files of its fellows say, but for a few texts: its name, its team's, what
it depends on, … So for services of one shape, which agree in all else, two twins are made up, as different as two such
services can be. Where the files of the first, with the own texts of the second in the place of its own, are to the byte
the files of the second, those of every service of that shape are made so; where not, each is rendered by itself.

A user's template may ask whether a name is this or that, which no twin would tell: with one, nothing is shared.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property
from itertools import pairwise
from typing import Any, Final

from pydantic import BaseModel

from seawall import conventions
from seawall.catalog import Catalog, Dependency, Hours, Mitigation, RunbookNotes, Service, Team

from .alerts import likely_cause
from .campaigns import declared_campaigns, during
from .expressions import inhibits_anything
from .grafana import own_json
from .model import Artifact
from .packs import Packs
from .runbooks import own_passages
from .text import TemplateError, markdown_text
from .variables import variables
from .yaml_out import is_word, may_be_word, scalar

_ALONE: Final = 2  # services of a shape that are rendered by themselves before two twins are: most shapes have no more
_MOST: Final = 200  # shapes whose files are kept; each takes half a megabyte
_SHORTEST: Final = 3  # letters of a name that a made-up one can stand for
# What own texts say: the service's fields, and the variables of its templates.
_OWN: Final = frozenset({"name", "team", "description", "targets", "url", "depends_on", "runbook"})
_NOTES: Final = RunbookNotes(
    mitigations=(Mitigation(when="slow", do="add some"),), notes="Known.", links={"More": "http://z"}
)


class Subject:
    """A service in its catalog, with what its templates may say."""

    def __init__(self, catalog: Catalog, packs: Packs, service: Service) -> None:
        self.catalog, self.packs, self.service = catalog, packs, service
        self.scope: Mapping[str, Any] = variables(catalog, packs, service)

    @cached_property
    def passages(self) -> tuple[str, ...]:
        """What all its runbooks have in common."""
        return own_passages(self.catalog, self.packs, self.service, self.scope)

    @property
    def texts(self) -> tuple[str, ...]:
        """Its own texts, as they stand in its files, always in this order."""
        return (
            self.service.name,
            self.service.team,
            markdown_text(self.service.name),
            markdown_text(self.service.team),
            conventions.dashboard_uid(self.service.name),
            scalar(likely_cause(self.scope["dependencies"])),
            *own_json(self.catalog, self.service),
            *self.passages,
        )


class Twins:
    """Makes the files of services, those of one shape from one rendering where there are several."""

    def __init__(self, make: Callable[[Subject], Iterator[Artifact]]) -> None:
        self._make = make
        self._seen: Counter[int] = Counter()  # by hash: most shapes are never seen again
        self._forms: dict[Any, _Form | None] = {}

    def files(self, subject: Subject) -> Iterator[Artifact]:
        """Yield what rendering *subject* by itself would."""
        form = self._form(subject) if _is_fit(subject) else None
        if form and form.is_glued and any(map(may_be_word, _names(subject))):
            form = None
        yield from form.filled(subject.texts) if form else self._make(subject)

    def _form(self, subject: Subject) -> "_Form | None":
        shape = _shape(subject)
        self._seen[hash(shape)] += 1
        if self._seen[hash(shape)] > _ALONE and shape not in self._forms and len(self._forms) < _MOST:
            self._forms[shape] = self._new_form(subject, shape)
        return self._forms.get(shape)

    def _new_form(self, subject: Subject, shape: Any) -> "_Form | None":
        first, second = _twins(subject)
        if not _shape(first) == _shape(second) == shape:  # it depends on what no twin has
            return None
        # What stands in the place of a passage is a mark, as a passage may be empty.
        first.passages = tuple(f"\ue000{index}\ue001" for index in range(len(second.passages)))
        try:
            form = _Form(self._make(first), first.texts)
            return form if list(form.filled(second.texts)) == list(self._make(second)) else None
        except TemplateError:  # rendering the service by itself says it with its name
            return None


class _Form:
    """The files of one service with holes where its own texts stood."""

    def __init__(self, files: Iterator[Artifact], texts: Sequence[str]) -> None:
        self._index = {text: index for index, text in enumerate(texts)}
        longest_first = sorted(self._index, key=len, reverse=True)
        self._any = re.compile(f"({'|'.join(map(re.escape, longest_first))})")
        self._files = [(self._cut(each.path), self._cut(each.content.decode())) for each in files]
        # Where a letter stands right beside a hole of YAML, what fills it may be part of a word.
        self.is_glued = any(_is_glued(content) for path, content in self._files if path[0][-1].endswith(".yml"))

    def filled(self, texts: Sequence[str]) -> Iterator[Artifact]:
        """Yield the files with *texts* in the holes."""
        for path, content in self._files:
            yield Artifact(_joined(path, texts), _joined(content, texts).encode())

    def _cut(self, text: str) -> tuple[list[str], list[int]]:
        pieces = self._any.split(text)
        return pieces, [self._index[each] for each in pieces[1::2]]


def _joined(cut: tuple[list[str], list[int]], texts: Sequence[str]) -> str:
    pieces, holes = cut
    pieces[1::2] = [texts[hole] for hole in holes]
    return "".join(pieces)


def _is_glued(cut: tuple[list[str], list[int]]) -> bool:
    pieces = cut[0][::2]
    around = [(before[-1:], after[:1]) for before, after in pairwise(pieces)]
    inner = pieces[1:-1]
    return any(letter.isalpha() for pair in around for letter in pair) or not all(inner)


def _is_fit(subject: Subject) -> bool:
    """Whether other names can stand for the subject's: YAML quotes ``on``, and ``a`` is in every text.

    What is rendered for a part asks what it needs, for shards who their members are, which no twin has.
    """
    names = _names(subject)
    fits = len(names[0]) >= _SHORTEST and not any(map(is_word, names))
    return fits and subject.packs.are_own and not (subject.service.part_of or subject.service.members)


def _names(subject: Subject) -> tuple[str, str]:
    return subject.service.name, subject.service.team


def _shape(subject: Subject) -> Any:
    """Return all that the files of *subject* depend on, but what its own texts say.

    Where the lines of PromQL end in a runbook depends on how long the name is.
    """
    catalog, service = subject.catalog, subject.service
    return (
        len(service.name),
        service.is_scraped,
        service.is_probed,
        inhibits_anything(catalog, service),
        _zone(subject),
        tuple((each.name, during(each)) for each in declared_campaigns(catalog, service)),
        tuple(_said(value, service.name) for value in subject.scope.values()),
        _frozen({key: value for key, value in vars(service).items() if key not in _OWN}),
    )


def _zone(subject: Subject) -> str:
    """Return the time zone of the maintenance of *subject*, if it has any."""
    return subject.catalog.team_of(subject.service).timezone if subject.service.maintenance else ""


def _said(value: Any, name: str) -> Any:
    """Return a variable without *name*; nothing of an object, which is made of the service's fields."""
    if isinstance(value, str):
        return value.replace(name, "\0")
    return value if isinstance(value, bool | float | int) else None


def _frozen(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return _frozen(vars(value))
    if isinstance(value, Mapping):
        return tuple((key, _frozen(each)) for key, each in value.items())
    return tuple(_frozen(each) for each in value) if isinstance(value, list | tuple) else value


def _twins(subject: Subject) -> tuple[Subject, Subject]:
    """Return two subjects of the shape of *subject*: one that sorts before and one that sorts after all of them."""
    service, zone = subject.service, _zone(subject)
    first: dict[str, Any] = {
        "name": "a" + "-" * (len(service.name) - 1),
        "team": "a-crew",
        "description": "It comes first.",
        "targets": ("a:1",) if service.is_scraped else (),
        "url": "http://a" if service.is_probed else None,
        "depends_on": {"a-need": Dependency()},
        "runbook": RunbookNotes(),
    }
    second: dict[str, Any] = {
        "name": "z" * len(service.name),
        "team": "zz",
        "description": "",
        "targets": ("z:1", "z:2") if service.is_scraped else (),
        "url": "http://z" if service.is_probed else None,
        "depends_on": {},
        "runbook": _NOTES,
    }
    crew = Team(timezone=zone or "UTC")
    other = Team(timezone=zone or "Asia/Kolkata", hours=Hours.parse("08:00-20:00"), escalation="Call.")
    return _made_up(subject, first, crew), _made_up(subject, second, other)


def _made_up(subject: Subject, fields: Mapping[str, Any], team: Team) -> Subject:
    """Return a service with other *fields*, in a catalog of no more than it, what it needs, and one that needs it."""
    catalog, service = subject.catalog, subject.service.model_copy(update=fields)
    needs = [service.model_copy(update={"name": name, "depends_on": {}}) for name in service.depends_on]
    campaigns, expects = declared_campaigns(catalog, subject.service), {service.name: "2x"}
    edge = Dependency(inhibits=inhibits_anything(catalog, subject.service))
    user = service.model_copy(update={"name": "m-user", "depends_on": {service.name: edge}})
    made = catalog.model_copy(
        update={
            "services": {each.name: each for each in (service, *needs, user)},
            "teams": {service.team: team},
            "campaigns": {each.name: each.model_copy(update={"expects": expects}) for each in campaigns},
        }
    )
    for name, member in vars(Catalog).items():
        if isinstance(member, cached_property):  # what was asked of the real services
            vars(made).pop(name, None)
    return Subject(made, subject.packs, service)
