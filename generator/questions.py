"""The first catalog: from a few answers to YAML that a person goes on with."""

import json
import re
from dataclasses import dataclass, replace
from string import Template
from typing import Final

from seawall.catalog import CatalogError, SeawallError, Severity, load

from .guesses import guess
from .packs import Packs
from .runs import scratch
from .text import number
from .validation import validate

_TEXT: Final = Template(
    """\
# The service catalog. `seawall schema` prints its JSON Schema; `seawall check` says what is wrong with it.
seawall: 1

teams:
  $team:
    # Where alerts go besides the portal's inbox; Alertmanager's receivers, secrets by file alone:
    # notify:
    #   page: {pagerduty: {routing_key_file: /run/secrets/pagerduty}}
    notify: {}

services:
"""
)
_SERVICE: Final = Template(
    """\
  $service:
    kind: $kind
    team: $team
    tier: 2  # 1 pages at any hour; 2 in the team's hours, else a ticket; 3 never pages
"""
)
_WHOLE_KIND: Final = "http"  # what a service is whose part the answers are of


@dataclass(frozen=True)
class Answers:
    """What the first catalog is made of; of a service that is *part_of* another one, *target* is that one's."""

    team: str = "my-team"
    service: str = "my-service"
    kind: str = "http"
    part_of: str = ""
    target: str = ""
    url: str = ""
    objective: float = 99.9


def first_catalog(packs: Packs, answers: Answers) -> str:
    """Return the YAML of a catalog with one service, and the one that it is part of.

    Raise SeawallError for an answer that does not fit.
    """
    if answers.kind not in packs.first_kinds:
        raise SeawallError(_unfit(packs, answers.kind))
    text = _TEXT.substitute(team=_name(answers.team))
    if answers.part_of not in ("", answers.service):
        text += _service(packs, replace(answers, service=answers.part_of, kind=_WHOLE_KIND, part_of=""))
        answers = replace(answers, target="")
    text += _service(packs, answers)
    _check(packs, text)
    return text


def _unfit(packs: Packs, kind: str) -> str:
    if kind in packs.kinds:
        return f"a service of kind {kind!r} is made of others in the catalog; begin with one of those, and add it then"
    return f"there is no pack for kind {kind!r}; {guess(kind, packs.first_kinds, otherwise='there are')}"


def _service(packs: Packs, answers: Answers) -> str:
    text = _SERVICE.substitute(team=_name(answers.team), service=_name(answers.service), kind=answers.kind)
    if answers.part_of:
        text += f"    part_of: {_name(answers.part_of)}\n"
    if answers.target:
        text += f"    targets: [{json.dumps(answers.target)}]\n"
    if answers.url:
        text += f"    url: {json.dumps(answers.url)}\n"
    if any(kind == answers.kind for kind, _ in packs.dialects):
        text += f"    slos:\n      availability: {{objective: {number(answers.objective)}}}\n"
    return text


def _name(given: str) -> str:
    """Return a name as it is, and anything else as text that stays one value: the check says what is wrong with it."""
    return given if re.fullmatch("[a-z][a-z0-9-]*", given) else json.dumps(given)


def _check(packs: Packs, text: str) -> None:
    """Raise what is wrong with the answers, without the places: there is no file yet that has them."""
    with scratch("init") as folder:
        path = folder / "catalog.yaml"
        path.write_text(text, encoding="utf-8")
        try:
            problems = validate(load(path), packs)
        except CatalogError as error:
            problems = error.problems
    said = [problem.message for problem in problems if problem.severity is Severity.ERROR]
    if said:
        raise SeawallError("\n".join(said))
