"""Which label holds a service's name: the matcher finds the service and no other, and the name comes back as its job."""

import re
from ast import literal_eval

import pytest
from hypothesis import given
from hypothesis import strategies as st

from seawall.catalog import Service
from seawall.generator.naming import PLAIN, PUSHED, Naming, selector

NAMES = st.from_regex(r"\A[a-z][a-z0-9-]{0,10}\Z")
NAMINGS = st.sampled_from(
    [PLAIN, PUSHED, Naming("service", "NAME(@.*)?"), Naming("host"), Naming("app", "(eu|us)-NAME")]
)


def shop(**fields: object) -> Service:
    """Return a service called shop."""
    return Service(**{"name": "shop", "kind": "http", "team": "a", **fields})


def finds(naming: Naming, name: str, value: str) -> bool:
    """Whether the matcher of *name* selects a series whose label is *value*, as Prometheus anchors it."""
    label, operator, quoted = re.fullmatch(r'(\w+)(=~?)(".*")', naming.matcher(name)).groups()  # type: ignore[union-attr]
    assert naming.label == label
    expected = literal_eval(quoted)
    return bool(re.fullmatch(expected, value)) if "~" in operator else expected == value


@given(naming=NAMINGS, name=NAMES)
def test_a_fixtures_labels_are_found_by_the_matcher(naming: Naming, name: str) -> None:
    """An example of the pattern; the job is the service's name unless the label is the job."""
    labels = naming.labels(name)
    assert finds(naming, name, labels[naming.label])
    assert {"job", naming.label} == labels.keys()


@given(naming=NAMINGS, one=NAMES, other=NAMES)
def test_a_matcher_finds_no_other_service(naming: Naming, one: str, other: str) -> None:
    """Whose name may begin or end alike."""
    assert (one == other) == finds(naming, one, naming.labels(other)[naming.label])


@given(naming=NAMINGS, name=NAMES)
def test_the_job_that_is_recorded_is_the_name(naming: Naming, name: str) -> None:
    """Whatever stands around it in the label."""
    expr = naming.named("x", "job")
    if naming == PLAIN:
        assert "x" == expr
        return
    found = re.fullmatch(rf'sum by \(job\) \(label_replace\(x, "job", "\$(\d)", "{naming.label}", (".*")\)\)', expr)
    assert found
    groups = re.fullmatch(literal_eval(found[2]), naming.labels(name)[naming.label])
    assert groups
    assert name == groups[int(found[1])]


def test_a_name_behind_a_namespace_is_found_with_it_and_without() -> None:
    """And not as the end of another name."""
    assert finds(PUSHED, "shop", "shop")
    assert finds(PUSHED, "shop", "eu/shop")
    assert not finds(PUSHED, "shop", "eshop")
    assert not finds(PUSHED, "shop", "eu/shop-2")


@pytest.mark.parametrize(
    ("naming", "by"),
    [
        (PLAIN, "job, http_route"),
        (PUSHED, "job, http_route"),
        (Naming("destination"), "destination, http_route"),
    ],
)
def test_raw_series_are_summed_by_the_label_of_the_name(naming: Naming, by: str) -> None:
    """The other labels stay as they are, those with job in their name too."""
    assert by == naming.by("job, http_route")
    assert f"{naming.label}, job_id" == naming.by("job, job_id")


def test_a_selector_has_the_name_first_and_then_what_the_catalog_adds() -> None:
    """In the order of the labels, quoted as PromQL wants it; empty matchers leave no comma."""
    service = shop(match={"zone": 'a"b', "environment": "live"})
    assert r'job="shop",environment="live",zone="a\"b",x="1"' == selector(service, "", 'x="1"')
    assert 'job=~"(?:.*/)?shop"' == selector(shop(), naming=PUSHED)
