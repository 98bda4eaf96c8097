"""The first catalog: from a few answers to YAML that a person goes on with."""

import difflib
from dataclasses import dataclass
from string import Template
from typing import Final

from seawall.catalog import SeawallError

from .packs import Packs

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
  $service:
    kind: $kind
    team: $team
    tier: 2  # 1 pages at any hour; 2 in the team's hours, else a ticket; 3 never pages
"""
)


@dataclass(frozen=True)
class Answers:
    """What the first catalog is made of."""

    team: str = "my-team"
    service: str = "my-service"
    kind: str = "http"
    target: str = ""
    url: str = ""
    objective: float = 99.9


def first_catalog(packs: Packs, answers: Answers) -> str:
    """Return the YAML of a catalog with one service; raise SeawallError for a kind that has no pack."""
    if answers.kind not in packs.kinds:
        close = difflib.get_close_matches(answers.kind, packs.kinds, n=1)
        hint = f"did you mean {close[0]!r}?" if close else f"there are {', '.join(packs.kinds)}"
        raise SeawallError(f"there is no pack for kind {answers.kind!r}; {hint}")
    text = _TEXT.substitute(team=answers.team, service=answers.service, kind=answers.kind)
    if answers.target:
        text += f'    targets: ["{answers.target}"]\n'
    if answers.url:
        text += f'    url: "{answers.url}"\n'
    if any(kind == answers.kind for kind, _ in packs.dialects):
        text += f"    slos:\n      availability: {{objective: {answers.objective:g}}}\n"
    return text
