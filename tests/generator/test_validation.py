"""Where catalog and packs do not fit: each problem with its place, all at once, before anything is written."""

from pathlib import Path

import pytest
from pipeline import TEAMS, catalog_of

from seawall.catalog import CatalogError, Severity
from seawall.generator import load_packs, render, validate

CASES = {
    "kind: httpp": "4:29: service \"a\": there is no pack for kind 'httpp'; did you mean 'http'?; packs of your own: --templates DIR",
    "kind: seawall": "4:29: service \"a\": there is no pack for kind 'seawall'; known are ",
    "kind: http, dialect: otl": "4:44: service \"a\": unknown dialect 'otl'; did you mean 'otel'?",
    "kind: redis, slos: {availability: {objective: 99}}": "SLO 'availability': services of kind redis have no SLI of their own; write value: or total: with PromQL of your own, or remove the SLO",
    "kind: http, slos: {speed: {sli: latncy, objective: 99}}": "SLO 'speed': sli 'latncy' is not known for dialect otel of kind http; did you mean 'latency'?",
    "kind: http, alerts: {HttpErorsHigh: {for: 1m}}": "alert 'HttpErorsHigh' is not in the packs of kind http; did you mean 'HttpErrorsHigh'?",
    "kind: http, alerts: {RedisDown: {for: 1m}}": "alert 'RedisDown' is not in the packs of kind http; ",
    "kind: http, alerts: {HttpErrorsHigh: {below: 0.1}}": "alert HttpErrorsHigh has no 'below'; write above: instead",
    "kind: http, alerts: {ServiceDown: {above: 0.1}}": "alert ServiceDown has no 'above'; it has no threshold to change; remove it",
    "kind: http, alerts: {HttpErrorsHigh: {above: 1.5}}": "alert HttpErrorsHigh could never be told: above is 1.5; write a number below 1",
    "kind: http, alerts: {HttpErrorsHigh: {above: 5}}": "alert HttpErrorsHigh could never be told: above is 5; write a number below 1",
    "kind: redis, alerts: {RedisMemoryNearLimit: {above: 0}}": "above is 0; write a number above 0",
    "kind: pool": "part_of is missing: a pool is in the process of another service; name that one",
    "kind: http, part_of: b": "a service of kind http is part of no other one; take part_of out",
    "kind: pool, part_of: b, targets: ['a:1']": "b tells of it, so that nothing else is asked; take targets and url out",
    "kind: pool, part_of: b, url: 'redis://a'": "b tells of it, so that nothing else is asked; take targets and url out",
    "kind: shards": "members are missing: shards are made of other services; name those that share the keys",
    "kind: http, members: [b]": "a service of kind http is made of no others; take members out",
    "kind: shards, members: [b], targets: ['a:1']": "its members tell of it, so that nothing else is asked; take targets and url out",
    "kind: shards, members: [b]": "members: b is a http, of which no load is known; name services of redis, memcached, ",
    "kind: host, alerts: {HostRebooted: {for: 1h}}": "alert HostRebooted could never be told: it waits for 1h, and its condition lasts ",
}  # fmt: skip


@pytest.mark.parametrize("service", CASES)
def test_what_does_not_fit_is_told_with_its_place_and_the_mend(service: str, tmp_path: Path) -> None:
    """An error of the catalog's own line; render refuses as validate does."""
    text = f"{TEAMS}  a: {{team: payments, {service}}}\n  b: {{kind: http, team: payments}}\n"
    catalog = catalog_of(tmp_path, text)
    problems = validate(catalog, load_packs())

    assert [Severity.ERROR] == [problem.severity for problem in problems]
    assert CASES[service] in str(problems[0])
    assert str(problems[0]).startswith(f"{tmp_path}/catalog.yaml:4:")
    with pytest.raises(CatalogError, match=r"catalog\.yaml:4:"):
        render(catalog, load_packs())


def test_every_problem_is_told_at_once(tmp_path: Path) -> None:
    """In the order of the lines, one service's beside another's."""
    text = f"""{TEAMS}\
  a: {{kind: http, team: payments, alerts: {{Nothing: {{for: 1m}}, HttpErrorsHigh: {{below: 1}}}}}}
  b: {{kind: worker, team: payments, dialect: none}}
  c: {{kind: postgress, team: payments}}
"""
    problems = validate(catalog_of(tmp_path, text), load_packs())

    assert [4, 4, 5, 6] == [problem.position.line for problem in problems]


def test_a_catalog_that_fits_has_no_problem(tmp_path: Path) -> None:
    """Of each kind that there is a pack for."""
    packs = load_packs()
    parts = {kind: ", part_of: a-http" for kind in packs.kinds if packs.by_kind[kind].is_part}
    parts |= {kind: ", members: [a-redis]" for kind in packs.kinds if packs.by_kind[kind].has_members}
    lines = [f"  a-{kind}: {{kind: {kind}, team: payments{parts.get(kind, '')}}}\n" for kind in packs.kinds]
    text = TEAMS + "".join(lines)

    assert [] == validate(catalog_of(tmp_path, text), packs)
