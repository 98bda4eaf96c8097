"""What a pack must have: the loader refuses one that lacks it, with file, line and mend."""

from pathlib import Path
from typing import Final

import pytest
from pipeline import TEAMS, catalog_of, put

from seawall.catalog import SeawallError
from seawall.generator import PackError, TemplateError, load_packs, render

ALERTS: Final = """\
title: Cache
alerts:
  - alert: CacheFull
    expr: 'cache_used{ {{ sel }} }'
    above: 0.9
    unit: ratio
    for: 5m
    severity: ticket
    class: cause
    summary: "{{ name }} is full"
    description: "It is."
    panel: used
    proof:
      fires: {input: {'cache_used{instance="a:1"}': "{{ above + 0.01 }}"}, at: 5m}
      quiet: {input: {'cache_used{instance="a:1"}': "{{ above }}"}, at: 5m}
"""
DASHBOARD: Final = """\
rows:
  - row: Cache
    panels:
      - id: used
        title: Used
        description: How full.
        unit: percentunit
        queries: [{expr: 'cache_used{ {{ sel }} }', legend: used}]
"""
RUNBOOK: Final = """\
# CacheFull

## Meaning

{{ name }} is full.

## Diagnosis

Look.

## Mitigation

Empty it.
"""
PLACES: Final = {
    "alerts": "alerts/cache.yaml.j2",
    "dashboards": "dashboards/cache.yaml.j2",
    "runbooks": "runbooks/cache.md.j2",
}
PARTS: Final = f"{TEAMS}  shop: {{kind: http, team: payments}}\n  own: {{kind: cache, team: payments, part_of: shop}}\n"
KIND: Final = dict(zip(PLACES.values(), (ALERTS, DASHBOARD, RUNBOOK), strict=True))


def test_three_files_are_a_whole_new_kind(tmp_path: Path) -> None:
    """A user's folder adds it; its alert, its proof, its panel and its runbook are rendered like any other's."""
    put(tmp_path, KIND)
    packs = load_packs(tmp_path)
    catalog = catalog_of(tmp_path, f"{TEAMS}  sessions: {{kind: cache, team: payments}}\n")
    files = {each.path: each.content.decode() for each in render(catalog, packs)}

    assert "cache" in packs.kinds
    assert 'cache_used{job="sessions"} > 0.9' in files["prometheus/rules/sessions.yml"]
    assert "sessions: CacheFull fires" in files["prometheus/tests/sessions.yml"]
    assert "runbooks/sessions/CacheFull.md" in files
    assert '"Used"' in files["grafana/dashboards/payments/seawall-sessions.json"]


# What is changed of the whole kind (room, from, to), the place, and what is said.
BROKEN: Final = {
    "no proof": ("alerts", ALERTS[ALERTS.index("    proof:") :], "", 3, "alert CacheFull has no proof; add proof: "),
    "no input that fires it": ("alerts", "fires:", "quite:", 3, "alert CacheFull has no proof; add proof: "),
    "no panel": ("alerts", "    panel: used\n", "", 3, "panel '' is not in the dashboard; known are "),
    "another panel": ("alerts", "panel: used", "panel: usedd", 3, "panel 'usedd' is not in the dashboard"),
    "no runbook": ("runbooks", "# CacheFull", "# CacheEmpty", 3, "alert CacheFull has no runbook; add '# CacheFull' to runbooks/cache.md.j2"),
    "a runbook of nothing": ("runbooks", RUNBOOK, RUNBOOK + RUNBOOK.replace("Full", "Old"), 14, "runbook CacheOld has no alert of that name in "),
    "a runbook twice": ("runbooks", RUNBOOK, RUNBOOK * 2, 14, "runbook CacheFull stands twice; first in line 1"),
    "a part without text": ("runbooks", "Look.\n", "", 1, "runbook CacheFull: Diagnosis is missing or empty"),
    "an unknown part": ("runbooks", "## Mitigation", "## Mitigations", 11, "unknown part 'Mitigations'; known are Meaning, "),
    "an unknown key": ("alerts", "severity:", "severty:", 8, "unknown key 'severty'; "),
    "an unknown key of a panel": ("dashboards", "title: Used", "titel: Used", 5, "unknown key 'titel'; "),
    "a missing key": ("alerts", '    summary: "{{ name }} is full"\n', "", 3, "lacks 'summary'"),
    "a threshold without unit": ("alerts", "    unit: ratio\n", "", 3, "a threshold needs its unit; add unit: "),
    "a name in lower case": ("alerts", "alert: CacheFull", "alert: cache_full", 3, "'cache_full' is not an alert's name; write CamelCase"),
    "a class of its own": ("alerts", "class: cause", "class: reason", 9, "class is symptom or cause, not 'reason'"),
    "a for that is none": ("alerts", "for: 5m", "for: soon", 7, '"soon" is not a duration; '),
    "not YAML": ("alerts", "above: 0.9", "above: [0.9", 6, "is not YAML: "),
    "an empty file": ("alerts", ALERTS, "", 1, "is empty"),
    "a list for a mapping": ("dashboards", DASHBOARD, "[]", 1, "must be a mapping"),
    "a template without quotes": ("dashboards", "How full.", "{{ how }}", 6, "put text that begins with {{ in quotes"),
    "a maximum that is no number": ("dashboards", "unit: percentunit", "unit: percentunit\n        max: full", 8, "max is 'full', not a number"),
}  # fmt: skip


@pytest.mark.parametrize("case", BROKEN)
def test_a_pack_that_lacks_something_is_refused_with_its_place(case: str, tmp_path: Path) -> None:
    """The file as the user named it, the line, and what to write instead."""
    room, old, new, line, said = BROKEN[case]
    assert old in KIND[PLACES[room]]
    put(tmp_path, {**KIND, PLACES[room]: KIND[PLACES[room]].replace(old, new, 1)})
    with pytest.raises(PackError) as error:
        load_packs(tmp_path)

    at = PLACES["alerts"] if case == "no runbook" else PLACES[room]
    assert str(error.value).startswith(f"{tmp_path}/{at}:{line}:"), str(error.value)
    assert said in str(error.value)


@pytest.mark.parametrize("room", ["dashboards", "runbooks"])
def test_a_kind_without_one_of_its_files_is_refused(room: str, tmp_path: Path) -> None:
    """It names the file that is not there."""
    put(tmp_path, {path: text for path, text in KIND.items() if path != PLACES[room]})
    with pytest.raises(PackError, match=f"{PLACES[room]}.* is missing; a kind needs alerts, a dashboard and runbooks"):
        load_packs(tmp_path)


def test_a_file_that_is_not_utf_8_is_refused(tmp_path: Path) -> None:
    """It says the file and what to do."""
    put(tmp_path, KIND)
    (tmp_path / PLACES["runbooks"]).write_bytes(RUNBOOK.replace("Look.", "Schön.").encode("latin-1"))
    with pytest.raises(PackError, match=r"runbooks/cache.md.j2:1:1: is not UTF-8; save it as UTF-8"):
        load_packs(tmp_path)


def test_a_folder_that_is_not_there_is_refused(tmp_path: Path) -> None:
    """A misspelt --templates does not silently render Seawall's own."""
    with pytest.raises(SeawallError, match=r"no such folder of templates; it holds alerts/, dashboards/ and runbooks/"):
        load_packs(tmp_path / "templats")


JINJA: Final = {
    "syntax": ("alerts", "{{ name }} is full", "{{ name is full", 10, "template: unexpected end"),
    "an unknown name": ("alerts", "{{ name }} is full", "{{ nmae }} is full", 10, "'nmae' is undefined"),
    "an unknown field": ("alerts", "It is.", "{{ service.nmae }}", 11, "has no attribute 'nmae'"),
    "a wrong type": ("alerts", "It is.", "{{ name + 1 }}", 11, "TypeError"),
    "a division by zero": ("alerts", "It is.", "{{ 1 / 0 }}", 11, "ZeroDivisionError"),
    "a way to Python": ("alerts", "It is.", "{{ ''.__class__.__mro__ }}", 11, "'__class__'"),
    "a way to the system": ("alerts", "It is.", "{{ cycler.__init__.__globals__.os }}", 11, "'__init__'"),
    "a way by format": ("alerts", "It is.", "{{ '{0.__class__}'.format(name) }}", 11, "'__class__'"),
    "a change of the catalog": (
        "alerts",
        "It is.",
        "{{ service.depends_on.clear() }}",
        11,
        "'clear' of 'dict' object is unsafe",
    ),
    "a text without end": ("alerts", "It is.", "{{ 'a'.ljust(99999999999999) }}", 11, "MemoryError"),
    "a recursion": ("alerts", "It is.", "{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", 11, "RecursionError"),
    "a range without end": ("alerts", "It is.", "{{ range(999999999)|list }}", 11, "Range too big"),
    "in a runbook": ("runbooks", "Empty it.", "{{ emptier }}", 12, "'emptier' is undefined"),
    "in a panel": ("dashboards", "How full.", '"{{ how }}"', 6, "'how' is undefined"),
    "a condition": ("alerts", "    expr:", "    when: servce.tier == 1\n    expr:", 3, "'servce' is undefined"),
    "a condition that is none": ("alerts", "    expr:", "    when: tier ==\n    expr:", 3, "template: "),
    "a loop over nothing": ("alerts", "    expr:", "    each: servces\n    expr:", 3, "'servces'"),
    "a proof": ("alerts", "{{ above + 0.01 }}", "{{ abov }}", 14, "'abov' is undefined"),
    "a fixture that is no number": ("alerts", "{{ above + 0.01 }}", "lots", 3, "'lots' is not a value of a fixture"),
}


@pytest.mark.parametrize("case", JINJA)
def test_an_error_of_a_template_has_file_and_line(case: str, tmp_path: Path) -> None:
    """Whether it shows when the template is read or when it is rendered."""
    room, old, new, line, said = JINJA[case]
    assert old in KIND[PLACES[room]]
    put(tmp_path, {**KIND, PLACES[room]: KIND[PLACES[room]].replace(old, new, 1)})
    with pytest.raises(TemplateError) as error:
        render(catalog_of(tmp_path, f"{TEAMS}  sessions: {{kind: cache, team: payments}}\n"), load_packs(tmp_path))

    assert str(error.value).startswith(f"{tmp_path}/{PLACES[room]}:{line}:"), str(error.value)
    assert said in str(error.value)


def test_one_file_is_overridden_and_the_others_stay(tmp_path: Path) -> None:
    """A user's dashboard goes with Seawall's alerts and runbooks of that kind, and no other kind changes."""
    own = load_packs()
    source = Path(__file__).parents[2] / "dashboards/redis.yaml.j2"
    put(tmp_path, {"dashboards/redis.yaml.j2": source.read_text().replace("title: ", "title: Our ")})
    mixed = load_packs(tmp_path)

    assert own.by_kind["redis"].alert_names == mixed.by_kind["redis"].alert_names
    assert all(panel.title.source.startswith("Our ") for panel in mixed.by_kind["redis"].panels)
    assert [each.id for each in own.by_kind["host"].panels] == [each.id for each in mixed.by_kind["host"].panels]
    assert own.kinds == mixed.kinds


def test_each_of_seawalls_own_templates_compiles() -> None:
    """They are compiled when they are used, and those of a user's folder when they are read: so read them as one."""
    as_a_users = load_packs(Path(__file__).parents[2] / "seawall/templates")

    assert load_packs().kinds == as_a_users.kinds
    assert not as_a_users.are_own


def test_packs_are_read_once(tmp_path: Path) -> None:
    """Seawall's own; a user's folder may have changed."""
    assert load_packs() is load_packs()
    assert load_packs(tmp_path) is not load_packs(tmp_path)


def test_a_hidden_file_is_no_kind(tmp_path: Path) -> None:
    """What an editor leaves behind is not read."""
    put(tmp_path, {"alerts/.http.yaml.j2": "{", "alerts/http.yaml.j2~": "{", "alerts/README.md": "{"})

    assert load_packs().kinds == load_packs(tmp_path).kinds


@pytest.mark.parametrize("targets", ["", ", targets: ['shop:1']"])
def test_a_part_is_asked_under_the_job_of_the_service_that_it_is_part_of(targets: str, tmp_path: Path) -> None:
    """What is pushed may have a namespace in front; the alert is the part's own, and nobody misses its targets."""
    put(tmp_path, KIND | {PLACES["alerts"]: f"part: true\n{ALERTS}"})
    catalog = catalog_of(tmp_path, PARTS.replace("kind: http, team: payments", f"kind: http, team: payments{targets}"))
    files = {each.path: each.content.decode() for each in render(catalog, load_packs(tmp_path))}
    job = 'job="shop"' if targets else 'job=~"(?:.*/)?shop"'

    assert f"cache_used{{{job}}} > 0.9" in files["prometheus/rules/own.yml"]
    assert "ServiceDown" not in files["prometheus/rules/own.yml"]
    assert "service: own\n" in files["prometheus/rules/own.yml"]


def test_part_is_true_or_false(tmp_path: Path) -> None:
    """Anything else is told with its place."""
    put(tmp_path, KIND | {PLACES["alerts"]: f"part: some\n{ALERTS}"})
    with pytest.raises(PackError, match=r"alerts/cache\.yaml\.j2:1:7: part is 'some'; write true where "):
        load_packs(tmp_path)
